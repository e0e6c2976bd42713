//! What is said on a data connection before it is a stream: what it is for, who wants a stream to
//! whom, and whether it stands. This room knows bytes and time limits, not who is connected.
//!
//! ```text
//! child to parent    its ticket (16; see dial.rs), then 1 = keep this connection, 2 = open follows
//! parent to child    1 = the ticket is good
//! opener             version 2, hops left, stream id (8), source (32), destination (32),
//!                    what for: 0 the program, 1 a transfer, 2 a data socket;
//!                    more about it (2 + n)
//! answer             0 = it stands
//!                    or 1 no route, 2 busy, 3 not possible; where (1 + n), why (2 + n)
//! ```

use std::io;
use std::time::Duration;

use ltn_proto::limits::HOPS_MAX;
use ltn_proto::{NoRoute, NodeId, Refusal, RefusalKind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::chunks::cut;
use crate::error::StreamError;

/// The version of what is said here.
const VERSION: u8 = 2;
/// Everything that is said on one hop comes within this time, or the connection is dropped.
pub(super) const HOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Why a stream is refused, in bytes.
const WHY_BYTES_MAX: usize = 512;
/// Bytes of an opening, without what it says about its errand.
const OPENING_BYTES: usize = 2 + 8 + 32 + 32 + 3;
/// What an opening says about its errand, in bytes.
const ABOUT_BYTES_MAX: usize = 1_024;

/// The parent's word that a ticket is good.
const GOOD_TICKET: u8 = 1;

/// What a child opened a data connection for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The parent may send a stream down on it some time.
    Park,
    /// A stream goes up on it now.
    Open,
}

impl Purpose {
    async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        match from.read_u8().await? {
            1 => Ok(Self::Park),
            2 => Ok(Self::Open),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Says it and waits for the word that the ticket was good.
    pub(super) async fn say<C>(self, connection: &mut C) -> io::Result<()>
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        let word = match self {
            Self::Park => 1,
            Self::Open => 2,
        };
        connection.write_u8(word).await?;
        connection.flush().await?;
        match connection.read_u8().await? {
            GOOD_TICKET => Ok(()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Hears it and says that the ticket was good.
    pub(super) async fn hear<C>(connection: &mut C) -> io::Result<Self>
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        let purpose = Self::read(connection).await?;
        connection.write_u8(GOOD_TICKET).await?;
        connection.flush().await?;
        Ok(purpose)
    }
}

/// What a stream is for at its far end. Servers on the way pass on what they do not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Errand {
    kind: u8,
    about: Vec<u8>,
}

/// The errands that this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrandKind {
    /// For whoever takes the streams there.
    Program,
    /// Something is sent, and acknowledged.
    Transfer,
    /// For the function of the data socket of this name.
    Socket,
}

impl Errand {
    /// A stream for whoever takes the streams there.
    pub(crate) const PROGRAM: Self = Self { kind: 0, about: Vec::new() };

    /// Something is sent. `offer` has at most 1,024 bytes.
    pub(crate) const fn transfer(offer: Vec<u8>) -> Self {
        Self { kind: 1, about: offer }
    }

    /// The data socket of this name, of at most 1,024 bytes.
    pub(crate) fn socket(name: &str) -> Self {
        Self { kind: 2, about: name.as_bytes().to_vec() }
    }

    /// `None` for what only later versions know.
    pub(super) const fn kind(&self) -> Option<ErrandKind> {
        match self.kind {
            0 => Some(ErrandKind::Program),
            1 => Some(ErrandKind::Transfer),
            2 => Some(ErrandKind::Socket),
            _ => None,
        }
    }

    pub(super) fn into_about(self) -> Vec<u8> {
        self.about
    }
}

/// A wish for a stream, as it stands on every hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) hops_left: u8,
    /// The opener's number for it, for logs.
    pub(super) stream: u64,
    pub(super) source: NodeId,
    pub(super) destination: NodeId,
    pub(super) errand: Errand,
}

impl Opening {
    pub(super) const fn new(
        stream: u64,
        source: NodeId,
        destination: NodeId,
        errand: Errand,
    ) -> Self {
        Self { hops_left: HOPS_MAX, stream, source, destination, errand }
    }

    /// The same on the next hop, if it may have one.
    pub(super) fn passed_on(mut self) -> Option<Self> {
        match self.hops_left.checked_sub(1) {
            Some(left) => {
                self.hops_left = left;
                Some(self)
            }
            None => None,
        }
    }

    pub(super) async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let about = &self.errand.about[..self.errand.about.len().min(ABOUT_BYTES_MAX)];
        let mut bytes = Vec::with_capacity(OPENING_BYTES + about.len());
        bytes.extend([VERSION, self.hops_left]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(self.source.as_bytes());
        bytes.extend(self.destination.as_bytes());
        bytes.push(self.errand.kind);
        // It fits: it was cut a moment ago.
        bytes.extend((about.len() as u16).to_be_bytes());
        bytes.extend(about);
        to.write_all(&bytes).await?;
        to.flush().await
    }

    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let version = from.read_u8().await?;
        if version != VERSION {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let hops_left = from.read_u8().await?.min(HOPS_MAX);
        let stream = from.read_u64().await?;
        let (mut source, mut destination) = ([0; 32], [0; 32]);
        from.read_exact(&mut source).await?;
        from.read_exact(&mut destination).await?;
        let (source, destination) = (NodeId::from_bytes(source), NodeId::from_bytes(destination));
        let kind = from.read_u8().await?;
        let about_bytes = usize::from(from.read_u16().await?);
        if about_bytes > ABOUT_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut about = vec![0; about_bytes];
        from.read_exact(&mut about).await?;
        let errand = Errand { kind, about };
        Ok(Self { hops_left, stream, source, destination, errand })
    }
}

/// Says that the stream stands; its bytes follow.
pub(super) async fn accept(connection: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    connection.write_u8(0).await?;
    connection.flush().await
}

/// Says why there is no stream, and hangs up.
pub(super) async fn refuse(
    connection: &mut (impl AsyncWrite + Unpin),
    why: &StreamError,
) -> io::Result<()> {
    let (word, at, text) = match why {
        StreamError::NoRoute(NoRoute { at, text }) => (1, at.as_str(), text.clone()),
        StreamError::Refused(Refusal { kind: RefusalKind::Busy, text }) => (2, "", text.clone()),
        StreamError::Refused(Refusal { text, .. }) => (3, "", text.clone()),
        other => (3, "", other.to_string()),
    };
    let (at, text) = (cut(at, u8::MAX.into()), cut(&text, WHY_BYTES_MAX));
    let mut bytes = vec![word];
    // Both fit: they were cut a moment ago.
    bytes.push(at.len() as u8);
    bytes.extend(at.as_bytes());
    bytes.extend((text.len() as u16).to_be_bytes());
    bytes.extend(text.as_bytes());
    connection.write_all(&bytes).await?;
    connection.shutdown().await
}

/// Reads what [`accept`] or [`refuse`] said. The outer error is that of the connection.
pub(super) async fn answer(
    connection: &mut (impl AsyncRead + Unpin),
) -> io::Result<Result<(), StreamError>> {
    let word = connection.read_u8().await?;
    if word == 0 {
        return Ok(Ok(()));
    }
    let at_bytes = connection.read_u8().await?.into();
    let at = text(connection, at_bytes).await?;
    let text_bytes = usize::from(connection.read_u16().await?);
    if text_bytes > WHY_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let text = text(connection, text_bytes).await?;
    Ok(Err(match word {
        1 => StreamError::NoRoute(NoRoute { at, text }),
        2 => StreamError::Refused(Refusal::new(RefusalKind::Busy, text)),
        _ => StreamError::Refused(Refusal::new(RefusalKind::NotPossible, text)),
    }))
}

async fn text(from: &mut (impl AsyncRead + Unpin), bytes: usize) -> io::Result<String> {
    let mut text = vec![0; bytes];
    from.read_exact(&mut text).await?;
    String::from_utf8(text).map_err(|_| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_opening_arrives_as_it_was_said_and_loses_its_hops() {
        let id = NodeId::of_public_key;
        let errand = Errand { kind: 9, about: vec![7; ABOUT_BYTES_MAX] };
        let mut opening = Opening::new(7, id(b"one"), id(b"two"), errand);
        let mut bytes = Vec::new();
        opening.write(&mut bytes).await.unwrap();
        assert_eq!(bytes.len(), OPENING_BYTES + ABOUT_BYTES_MAX);
        assert_eq!(Opening::read(&mut bytes.as_slice()).await.unwrap(), opening);
        for _ in 0..HOPS_MAX {
            opening = opening.passed_on().unwrap();
        }
        assert_eq!(opening.passed_on(), None);
        let mut too_much = bytes.clone();
        too_much[OPENING_BYTES - 2] = 0xff;
        assert!(Opening::read(&mut too_much.as_slice()).await.is_err());
        bytes[0] = 9;
        assert!(Opening::read(&mut bytes.as_slice()).await.is_err());
    }

    #[tokio::test]
    async fn every_answer_arrives_as_it_was_meant() {
        let no_route = NoRoute { at: "/sub1".to_owned(), text: "nobody".to_owned() };
        let busy = Refusal::new(RefusalKind::Busy, "ü".repeat(WHY_BYTES_MAX));
        for why in [StreamError::NoRoute(no_route), StreamError::Refused(busy)] {
            let mut bytes = Vec::new();
            refuse(&mut bytes, &why).await.unwrap();
            let heard = answer(&mut bytes.as_slice()).await.unwrap().unwrap_err();
            match (&why, &heard) {
                (StreamError::NoRoute(said), StreamError::NoRoute(heard)) => {
                    assert_eq!(said, heard);
                }
                (StreamError::Refused(said), StreamError::Refused(heard)) => {
                    assert_eq!(said.kind, heard.kind);
                    assert!(said.text.starts_with(&heard.text));
                    assert_eq!(heard.text.len(), WHY_BYTES_MAX);
                }
                _ => panic!("{why:?} became {heard:?}"),
            }
        }
        let mut bytes = Vec::new();
        accept(&mut bytes).await.unwrap();
        assert_eq!(answer(&mut bytes.as_slice()).await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn what_was_said_is_passed_on_as_it_was_said() {
        let why = StreamError::Refused(Refusal::new(RefusalKind::NotOffered, "no such socket"));
        let mut bytes = Vec::new();
        refuse(&mut bytes, &why).await.unwrap();
        let heard = answer(&mut bytes.as_slice()).await.unwrap().unwrap_err();
        assert_eq!(heard.to_string(), "refused: no such socket");
    }

    #[tokio::test]
    async fn bytes_that_mean_nothing_are_errors() {
        for bytes in [&b""[..], b"\x01", b"\x01\x05ab", b"\x02\x00\xff\xff", b"\x01\x01\xff\0\0"] {
            assert!(answer(&mut &*bytes).await.is_err(), "{bytes:?}");
        }
        assert!(Purpose::read(&mut &b"\x07"[..]).await.is_err());
    }
}
