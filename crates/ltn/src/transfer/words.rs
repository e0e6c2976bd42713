//! What the two ends of a transfer say to each other, beside the bytes. The bytes of the stream
//! from the sender are those of the transfer and no others, so their digest is that of a file.
//!
//! ```text
//! sender      with the opening: CBOR of {"kind": "bytes" or "value", "name": text, "size": int}
//! receiver    0 = go on; or 1, kind of refusal (1), why (2 + n), and the end of the stream
//! sender      the bytes, and the end of the stream
//! receiver    bytes in all (8), their BLAKE3 digest (32), and the end of the stream
//! ```

use std::io;

use ltn_proto::{Refusal, RefusalKind, Value, sanitise_line};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{DataKind, Receipt};

/// The name in an offer, in bytes: what file systems take.
const NAME_BYTES_MAX: usize = 255;
/// Why an offer is refused, in bytes.
const WHY_BYTES_MAX: usize = 512;

/// What is said about the bytes before they come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) kind: DataKind,
    pub(super) name: Option<String>,
    pub(super) size: Option<u64>,
}

impl Offer {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let kind = match self.kind {
            DataKind::Bytes => "bytes",
            DataKind::Value => "value",
        };
        let name = self.name.as_deref().map(|name| cut(name, NAME_BYTES_MAX));
        Value::map([("kind", Value::from(kind)), ("name", name.into()), ("size", self.size.into())])
            .to_cbor()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        let value = Value::from_cbor(bytes).map_err(|bad| unreadable(&bad.to_string()))?;
        let Value::Map(offer) = value else { return Err(unreadable("the offer is no map")) };
        let kind = match offer.get("kind") {
            Some(Value::Text(kind)) if kind == "bytes" => DataKind::Bytes,
            Some(Value::Text(kind)) if kind == "value" => DataKind::Value,
            _ => return Err(unreadable("it is of a kind that this version does not know")),
        };
        let name = match offer.get("name") {
            Some(Value::Text(name)) => Some(cut(&sanitise_line(name), NAME_BYTES_MAX).to_owned()),
            _ => None,
        };
        let size = match offer.get("size") {
            Some(Value::Int(size)) => u64::try_from(*size).ok(),
            _ => None,
        };
        Ok(Self { kind, name, size })
    }
}

/// The receiver wants it.
pub(super) async fn accept(to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    to.write_u8(0).await?;
    to.flush().await
}

/// The receiver does not want it.
pub(super) async fn refuse(
    to: &mut (impl AsyncWrite + Unpin),
    refusal: &Refusal,
) -> io::Result<()> {
    let why = cut(&refusal.text, WHY_BYTES_MAX);
    let kind = match refusal.kind {
        RefusalKind::Busy => 1,
        RefusalKind::TooLarge => 2,
        RefusalKind::NoPermission => 3,
        _ => 0,
    };
    let mut bytes = vec![1, kind];
    // It fits: it was cut a moment ago.
    bytes.extend((why.len() as u16).to_be_bytes());
    bytes.extend(why.as_bytes());
    to.write_all(&bytes).await?;
    to.shutdown().await
}

/// What [`accept`] or [`refuse`] said.
pub(super) async fn verdict(
    from: &mut (impl AsyncRead + Unpin),
) -> io::Result<Result<(), Refusal>> {
    match from.read_u8().await? {
        0 => return Ok(Ok(())),
        1 => {}
        _ => return Err(unreadable("neither yes nor no to the offer")),
    }
    let kind = match from.read_u8().await? {
        1 => RefusalKind::Busy,
        2 => RefusalKind::TooLarge,
        3 => RefusalKind::NoPermission,
        _ => RefusalKind::NotPossible,
    };
    let length = usize::from(from.read_u16().await?);
    if length > WHY_BYTES_MAX {
        return Err(unreadable("the reason is too long"));
    }
    let mut why = vec![0; length];
    from.read_exact(&mut why).await?;
    let why = String::from_utf8(why).map_err(|_| unreadable("the reason is no text"))?;
    Ok(Err(Refusal::new(kind, sanitise_line(&why))))
}

impl Receipt {
    pub(super) async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        to.write_u64(self.bytes).await?;
        to.write_all(&self.digest).await?;
        to.shutdown().await
    }

    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let bytes = from.read_u64().await?;
        let mut digest = [0; 32];
        from.read_exact(&mut digest).await?;
        match from.read(&mut [0]).await? {
            0 => Ok(Self { bytes, digest }),
            _ => Err(unreadable("something follows the receipt")),
        }
    }
}

fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

fn unreadable(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the other end is not understood: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_arrives_with_its_name_cut_and_clean() {
        let name = Some(format!("\u{1b}[2J{}", "ü".repeat(200)));
        let offer = Offer { kind: DataKind::Value, name, size: Some(1 << 40) };
        let heard = Offer::from_bytes(&offer.to_bytes()).unwrap();
        assert_eq!((heard.kind, heard.size), (DataKind::Value, Some(1 << 40)));
        let name = heard.name.unwrap();
        assert!(name.len() <= NAME_BYTES_MAX && !name.contains('\u{1b}'), "{name:?}");
        for bad in [&b"\xff\xff"[..], b"\x00", b"\xa0", b""] {
            assert!(Offer::from_bytes(bad).is_err(), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn a_refusal_arrives_with_its_kind_and_a_bounded_reason() {
        let mut bytes = Vec::new();
        let refusal = Refusal::new(RefusalKind::TooLarge, "x".repeat(2_000));
        refuse(&mut bytes, &refusal).await.unwrap();
        let heard = verdict(&mut bytes.as_slice()).await.unwrap().unwrap_err();
        assert_eq!((heard.kind, heard.text.len()), (RefusalKind::TooLarge, WHY_BYTES_MAX));
        assert!(verdict(&mut &b"\x01\x00\xff\xff"[..]).await.is_err());
        assert!(verdict(&mut &b"\x07"[..]).await.is_err());
    }
}
