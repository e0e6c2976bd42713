//! `ltn sub`: a server below another one, as a process of its own.

use ltn::{Address, Node, SubServer};

use crate::args::SubArgs;
use crate::commands::main_server::{
    whereabouts, with_announcement, with_event_log, with_ports, with_state,
};
use crate::commands::memory;
use crate::commands::rights::with_rights;
use crate::commands::watch::{News, Signals, Watch, show, stay, stop};
use crate::commands::whereto;
use crate::output::Output;
use crate::settings::{self, OpenMode, Ports};
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &SubArgs) -> Result<Ending, Trouble> {
    let flags = settings::flags_of(args.to.as_deref(), &args.state);
    OpenMode::asked_for(&args.mode, &format!("ltn sub {}{flags}", args.name))?;
    let name = settings::name(&args.name)?;
    let to = settings::server(args.to.as_deref())?;
    let ports = Ports::new(&args.ports)?;
    let output = Output::words();
    let mut signals = Signals::listen()?;
    let to = whereto::unless_kept(to, &args.state, output).await?;
    let builder = with_ports(SubServer::builder(name.as_str()).open(), ports);
    let builder = with_event_log(builder, &args.event_log);
    let builder = with_state(builder, &args.state);
    let builder = builder.backup_parents(settings::backups(&args.backup)?);
    let builder = with_rights(builder, &args.rights)?;
    let builder = with_announcement(builder, &args.announce);
    let node = builder.start().await.map_err(|error| Trouble::start(name.as_str(), &error))?;
    let watch = Watch::new(&node);
    output.say(&format!("{name} {}", whereabouts(&node)));
    let to = home(&node, to.as_ref()).await?;
    join_and_stay(&node, &to, watch, &mut signals).await
}

/// Where this node shall join; without an answer it does not stay.
pub(crate) async fn home(node: &Node, told: Option<&Address>) -> Result<Address, Trouble> {
    match node.home(told).await {
        Ok(to) => Ok(to),
        Err(error) => {
            node.shutdown().await;
            Err(Trouble::join("this node", &error))
        }
    }
}

/// Joins, however long that takes, and stays.
pub(crate) async fn join_and_stay(
    node: &Node,
    to: &Address,
    mut watch: Watch,
    signals: &mut Signals,
) -> Result<Ending, Trouble> {
    let output = Output::words();
    output.happened(&format!("connecting to {to}"));
    let joining = node.connect_until_it_works(to);
    tokio::pin!(joining);
    loop {
        tokio::select! {
            joined = &mut joining => {
                if let Err(error) = joined {
                    node.shutdown().await;
                    return Err(Trouble::join("this node", &error));
                }
                memory::joined(to, output);
                return Ok(stay(node, watch, signals, output).await);
            }
            news = watch.next() => {
                show(output, None, &news);
                if news == News::Over {
                    return Ok(Ending::All);
                }
            }
            () = signals.next() => {
                output.happened("stopping");
                return Ok(stop(node, signals, output).await);
            }
        }
    }
}
