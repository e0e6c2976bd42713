//! `ltn send --file`: one file of any size, to one node, with its progress where a person looks on.

use std::path::Path;
use std::time::Duration;

use ltn::{Data, Progress, Receipt, Sending, Target, TransferError};
use tokio::time::{MissedTickBehavior, interval};

use crate::args::SendArgs;
use crate::commands::receiving::in_bytes;
use crate::commands::visit::{Visitor, visiting};
use crate::console;
use crate::output::Output;
use crate::trouble::{Ending, Trouble};

/// How often the progress is shown.
const SHOWN_EVERY: Duration = Duration::from_millis(200);

pub(super) async fn perform(args: &SendArgs, path: &Path) -> Result<Ending, Trouble> {
    let target = console::target(&args.target)?;
    let (data, name) = open(path).await?;
    visiting(&args.visit, "ltn send TARGET --file FILE", async |visitor| {
        send(visitor, (target, &args.target), data, &name).await
    })
    .await
}

/// Opens the file before anybody is bothered.
async fn open(path: &Path) -> Result<(Data, String), Trouble> {
    let cannot = |why: &str| Trouble::usage(format!("--file {}: {why}", path.display()));
    let file = tokio::fs::File::open(path).await.map_err(|error| cannot(&error.to_string()))?;
    let about = file.metadata().await.map_err(|error| cannot(&error.to_string()))?;
    if about.is_dir() {
        return Err(cannot("it is a folder"));
    }
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
    // A pipe has no size that is known before its end.
    let size = about.is_file().then_some(about.len());
    Ok((Data::reader(file, size).named(&name), name))
}

async fn send(
    visitor: &Visitor,
    (target, shown): (Target, &str),
    data: Data,
    name: &str,
) -> Result<Ending, Trouble> {
    let sending = visitor.node.start_sending(target, data);
    let sent = match sending {
        Ok(sending) => watched(sending, visitor.output, name).await,
        Err(error) => Err(error),
    };
    let receipt = sent.map_err(|error| Trouble::transfer(shown, name, &error))?;
    visitor.output.tell(
        &[
            ("target", shown.into()),
            ("outcome", "delivered".into()),
            ("file", name.into()),
            ("bytes", receipt.bytes.into()),
            ("blake3", receipt.digest_hex().into()),
        ],
        &format!(
            "delivered to {shown}: {name}, {}, BLAKE3 {}",
            in_bytes(receipt.bytes),
            receipt.digest_hex()
        ),
    );
    Ok(Ending::All)
}

async fn watched(sending: Sending, output: Output, name: &str) -> Result<Receipt, TransferError> {
    let progress = sending.progress();
    let mut ticks = interval(SHOWN_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let finished = sending.finished();
    tokio::pin!(finished);
    let sent = loop {
        tokio::select! {
            sent = &mut finished => break sent,
            _ = ticks.tick() => output.progress(&far(*progress.borrow(), name)),
        }
    };
    output.progress("");
    sent
}

fn far(progress: Progress, name: &str) -> String {
    let Progress { bytes, total } = progress;
    match total.filter(|total| *total > 0) {
        Some(total) => {
            let percent = (u128::from(bytes) * 100 / u128::from(total)).min(100);
            format!("{name}: {percent} % of {}", in_bytes(total))
        }
        None => format!("{name}: {}", in_bytes(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_in_percent_where_the_size_is_known() {
        let half = Progress { bytes: 500, total: Some(1_000) };
        assert_eq!(far(half, "a"), "a: 50 % of 1,000 bytes");
        assert_eq!(far(Progress { bytes: 7, total: None }, "a"), "a: 7 bytes");
        assert_eq!(far(Progress { bytes: 0, total: Some(0) }, "a"), "a: 0 bytes");
        let huge = Progress { bytes: u64::MAX, total: Some(u64::MAX) };
        assert!(far(huge, "a").starts_with("a: 100 %"));
    }
}
