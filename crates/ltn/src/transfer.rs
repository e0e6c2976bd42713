//! Things of any size from one node to another: offered, accepted or refused, counted on the way,
//! and acknowledged with a digest when the other program has all of it.
//!
//! This file is what programs hold; `transfer/sending.rs` and `transfer/receiving.rs` are the two
//! ends, `transfer/words.rs` what they say to each other on a data stream, `transfer/saving.rs` how
//! one becomes a file. Nothing here knows how streams find their way.
//!
//! ```
//! use ltn::{Client, Data, MainServer, MemoryNet};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let net = MemoryNet::default();
//! # let main = MainServer::builder().open().in_memory(&net).start().await?;
//! # let lamp = Client::builder("lamp").open().in_memory(&net).start().await?;
//! # lamp.connect(&main.address().ok_or("a server listens")?).await?;
//! let mut incoming = lamp.incoming_transfers().ok_or("taken once")?;
//! tokio::spawn(async move {
//!     while let Some(transfer) = incoming.recv().await {
//!         // At most so many bytes; what is larger is refused.
//!         let _picture = transfer.into_bytes(16 * 1024 * 1024).await;
//!     }
//! });
//! let picture = vec![7; 5_000_000];
//! let receipt = main.send_data("/lamp", Data::from(picture).named("picture.png")).await?;
//! assert_eq!(receipt.bytes, 5_000_000);
//! # Ok(())
//! # }
//! ```

mod receiving;
mod saving;
mod sending;
#[cfg(feature = "fuzzing")]
pub(crate) mod trying;
mod words;

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use ltn_proto::Value;
use tokio::io::AsyncRead;

pub use receiving::{IncomingTransfer, IncomingTransfers};
pub use sending::Sending;

/// Something to be sent, with what is said about it.
pub struct Data {
    kind: DataKind,
    name: Option<String>,
    size: Option<u64>,
    source: Pin<Box<dyn AsyncRead + Send>>,
}

/// How the bytes of a transfer are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataKind {
    /// Bytes that only the two programs understand.
    Bytes,
    /// A value, in CBOR.
    Value,
}

impl Data {
    /// Whatever this reader gives until its end. If the size is known it is told to the other end,
    /// and a reader that gives more or less fails the transfer.
    #[must_use]
    pub fn reader(source: impl AsyncRead + Send + 'static, size: Option<u64>) -> Self {
        Self { kind: DataKind::Bytes, name: None, size, source: Box::pin(source) }
    }

    /// With a name, of which the other end sees the first 255 bytes. It is a proposal: whoever
    /// receives decides where it goes.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }
}

impl From<Bytes> for Data {
    fn from(bytes: Bytes) -> Self {
        let size = Some(bytes.len() as u64);
        Self::reader(std::io::Cursor::new(bytes), size)
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&Value> for Data {
    fn from(value: &Value) -> Self {
        Self { kind: DataKind::Value, ..value.to_cbor().into() }
    }
}

impl From<Value> for Data {
    fn from(value: Value) -> Self {
        Self::from(&value)
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Data")
            .field("kind", &self.kind)
            .field("name", &self.name)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// How far a transfer is, as this end sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// So many bytes were written, or taken.
    pub bytes: u64,
    /// Of so many, where that is known.
    pub total: Option<u64>,
}

/// The word of the receiving program that it has everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// So many bytes.
    pub bytes: u64,
    /// Their BLAKE3 digest, which both ends have compared.
    pub digest: [u8; 32],
}

impl Receipt {
    /// The digest as people compare it: 64 hexadecimal digits, as `b3sum` prints them.
    #[must_use]
    pub fn digest_hex(&self) -> String {
        self.digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
