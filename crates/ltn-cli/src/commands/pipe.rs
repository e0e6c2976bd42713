//! `ltn pipe`: standard input and output, joined to a data socket of another node.

use tokio::io::{AsyncWriteExt, copy, split};

use crate::args::PipeArgs;
use crate::commands::visit::visiting;
use crate::console;
use crate::output;
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &PipeArgs) -> Result<Ending, Trouble> {
    let target = console::target(&args.target)?;
    visiting(&args.visit, "ltn pipe TARGET NAME", async |visitor| {
        let connected = visitor.node.connect_data_socket(target, &args.name).await;
        let stream =
            connected.map_err(|error| Trouble::stream(&args.target, &args.name, &error))?;
        let (mut from, mut to) = split(stream);
        let outward = async {
            // What cannot be sent any more shows in the other direction, with the reason.
            if copy(&mut tokio::io::stdin(), &mut to).await.is_ok() {
                let _ = to.shutdown().await;
            }
            std::future::pending::<()>().await;
        };
        let mut out = output::raw();
        let copied = tokio::select! {
            copied = copy(&mut from, &mut out) => copied,
            () = outward => Ok(0),
        };
        let flushed = out.flush().await;
        let broke = |error: std::io::Error| {
            Trouble::failed(format!("{} at {}: {error}", args.name, args.target))
        };
        copied.map_err(broke)?;
        flushed.map_err(broke)?;
        Ok(Ending::All)
    })
    .await
}
