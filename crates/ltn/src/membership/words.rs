//! The words on a joining connection: a length of four bytes, big-endian, and so many bytes.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Reads one word of at most so many bytes; nothing is allocated before the length was checked.
pub(super) async fn read_word(
    stream: &mut (impl AsyncRead + Unpin),
    bytes_max: usize,
) -> io::Result<Vec<u8>> {
    let length = stream.read_u32().await? as usize;
    if length > bytes_max {
        let text = format!("a word of {length} bytes; {bytes_max} are allowed");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut word = vec![0; length];
    stream.read_exact(&mut word).await?;
    Ok(word)
}

/// Writes one word.
pub(super) async fn write_word(
    stream: &mut (impl AsyncWrite + Unpin),
    word: &[u8],
) -> io::Result<()> {
    let length = u32::try_from(word.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), word].concat()).await?;
    stream.flush().await
}
