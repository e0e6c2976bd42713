//! Files that others send to `ltn client --receive FOLDER`: where they go, how large they may be,
//! and what is said about them.
//!
//! It prints nothing: lines go to the loop that does all the printing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ltn::{IncomingTransfer, IncomingTransfers, Node};
use tokio::sync::{Semaphore, mpsc};

use crate::trouble::Trouble;

/// So many files are taken at one time; further ones wait.
const AT_ONCE_MAX: usize = 4;
/// Lines that wait to be shown; beyond that files wait.
const LINES_MAX: usize = 64;

/// Where files go, and how large one may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receive {
    folder: PathBuf,
    bytes_max: u64,
}

impl Receive {
    /// Into this folder, files of at most so many bytes: `5000000`, `20M`, `1G`.
    pub(crate) fn new(folder: &Path, size_max: &str) -> Result<Self, Trouble> {
        if !folder.is_dir() {
            let shown = folder.display();
            return Err(Trouble::usage(format!("--receive {shown}: there is no such folder"))
                .hint(format!("make it first: `mkdir -p {shown}`")));
        }
        let bytes_max = size(size_max).ok_or_else(|| {
            let text = format!("--receive-max {size_max}: write a size as 5000000, 20M or 1G");
            Trouble::usage(text)
        })?;
        Ok(Self { folder: folder.to_owned(), bytes_max })
    }

    /// Begins to take files; gives the lines that tell of them.
    pub(crate) fn start(self, node: &Node) -> mpsc::Receiver<String> {
        let (lines, shown) = mpsc::channel(LINES_MAX);
        if let Some(incoming) = node.incoming_transfers() {
            tokio::spawn(self.take_all(node.clone(), incoming, lines));
        }
        shown
    }

    async fn take_all(
        self,
        node: Node,
        mut incoming: IncomingTransfers,
        lines: mpsc::Sender<String>,
    ) {
        let slots = Arc::new(Semaphore::new(AT_ONCE_MAX));
        while let Ok(slot) = Arc::clone(&slots).acquire_owned().await
            && let Some(transfer) = incoming.recv().await
        {
            let (receive, node, lines) = (self.clone(), node.clone(), lines.clone());
            tokio::spawn(async move {
                receive.take(&node, transfer, &lines).await;
                drop(slot);
            });
        }
    }

    async fn take(self, node: &Node, transfer: IncomingTransfer, lines: &mpsc::Sender<String>) {
        let from = match node.locate(transfer.from()).await {
            Ok(found) => found.path.to_string(),
            Err(_) => transfer.from().to_string(),
        };
        let name = transfer.name().unwrap_or("something without a name").to_owned();
        let size = transfer.size().map_or_else(|| "of unknown size".to_owned(), in_bytes);
        // If nobody shows lines any more the program ends.
        let _ = lines.send(format!("{from} sends {name} ({size})")).await;
        let line = match transfer.save_in(&self.folder, self.bytes_max).await {
            Ok((path, receipt)) => format!(
                "{from} sent {}: {}, BLAKE3 {}",
                path.display(),
                in_bytes(receipt.bytes),
                receipt.digest_hex()
            ),
            Err(error) => format!("! {name} from {from} was not saved: {error}"),
        };
        let _ = lines.send(line).await;
    }
}

/// A number of bytes for people.
pub(crate) fn in_bytes(bytes: u64) -> String {
    let mut digits = bytes.to_string();
    let mut at = digits.len();
    while at > 3 {
        at -= 3;
        digits.insert(at, ',');
    }
    format!("{digits} bytes")
}

fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, unit) = match text.char_indices().next_back()? {
        (at, 'K' | 'k') => (&text[..at], 1 << 10),
        (at, 'M' | 'm') => (&text[..at], 1 << 20),
        (at, 'G' | 'g') => (&text[..at], 1 << 30),
        (at, 'T' | 't') => (&text[..at], 1 << 40),
        _ => (text, 1_u64),
    };
    let number = digits.parse::<u64>().ok().filter(|_| !digits.starts_with('+'))?;
    number.checked_mul(unit).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written_for_people() {
        for (text, bytes) in [("5000000", 5_000_000), ("20M", 20 << 20), ("1g", 1 << 30)] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for bad in ["", "M", "-1", "+1", "1.5G", "0", "99999999999T"] {
            assert_eq!(size(bad), None, "{bad}");
        }
        assert_eq!(in_bytes(12), "12 bytes");
        assert_eq!(in_bytes(1_234_567), "1,234,567 bytes");
    }

    #[test]
    fn the_folder_has_to_be_there() {
        let trouble = Receive::new(Path::new("/no/such/folder"), "1G").unwrap_err();
        assert!(trouble.hint.unwrap().contains("mkdir"), "{}", trouble.what);
    }
}
