//! `ltn sub`: a server below another one, as a process of its own.

use ltn::{Address, Node, SubServer};

use crate::args::SubArgs;
use crate::commands::main_server::{
    in_network, whereabouts, with_announcement, with_event_log, with_listen, with_ports,
};
use crate::commands::memory;
use crate::commands::rights::with_rights;
use crate::commands::watch::{News, Signals, Watch, show, stay, stop};
use crate::commands::whereto;
use crate::output::Output;
use crate::settings::{self, Network, Ports};
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &SubArgs) -> Result<Ending, Trouble> {
    let said = args.name.as_deref().unwrap_or("NAME");
    let flags = settings::flags_of(args.to.as_deref(), &args.state);
    let retry = format!("ltn sub {said}{flags}");
    let network = Network::of(&args.mode, args.state.state.as_ref(), &retry)?;
    let name = settings::name_or_none(args.name.as_ref())?;
    needs_name(&network, &name, &retry)?;
    let to = settings::server_in(&network, args.to.as_deref())?;
    let ports = Ports::new(&args.ports)?;
    let output = Output::words();
    let mut signals = Signals::listen()?;
    let to = whereto::unless_kept(to, network.state(&args.state), output).await?;
    let builder = in_network(SubServer::builder(&name), &network, &args.state);
    let builder = with_listen(with_ports(builder, ports), &network, &args.listen);
    let builder = with_event_log(builder, &args.event_log);
    let builder = builder.backup_parents(settings::backups(&args.backup, &network)?);
    let builder = with_rights(builder, &args.rights)?;
    let builder = with_announcement(builder, &args.announce);
    let node = builder.start().await.map_err(|error| Trouble::start(called(&name), &error))?;
    let watch = Watch::new(&node);
    let shown = node.snapshot().await.map_or(name, |seen| seen.name.to_string());
    output.say(&format!("{shown} {}", whereabouts(&node)));
    let to = home(&node, to.as_ref()).await?;
    join_and_stay(&node, &to, watch, &mut signals).await
}

/// In an open network nobody else says what a node is called.
pub(crate) fn needs_name(network: &Network, name: &str, retry: &str) -> Result<(), Trouble> {
    if *network == Network::Open && name.is_empty() {
        return Err(Trouble::usage("say what it shall be called").hint(format!("`{retry} --open`")));
    }
    Ok(())
}

/// What a node is called in texts that may be about one without a name.
pub(crate) const fn called(name: &str) -> &str {
    if name.is_empty() { "this node" } else { name }
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

/// Servers of open networks are remembered for the next program of this user; members know better.
pub(crate) fn remember(node: &Node, to: &Address, output: Output) {
    if node.network_id().is_none() {
        memory::joined(to, output);
    }
}

/// A member that was invited to a place, and was never anywhere, goes there.
pub(crate) async fn go_where_invited(node: &Node, output: Output) {
    let Some(place) = node.invited_to() else { return };
    let found = node.subtree_of(place.to_string().as_str()).await;
    let address = found.ok().and_then(|nodes| nodes.into_iter().next()?.address);
    let gone = match &address {
        Some(address) => node.connect(address).await.map(drop).map_err(|error| error.to_string()),
        None => Err("it is not there now".to_owned()),
    };
    if let Err(why) = gone {
        output.remark(&format!(
            "ltn: this node was invited to {place}, and stays where it is: {why}; `ltn move` \
             moves it"
        ));
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
                remember(node, to, output);
                go_where_invited(node, output).await;
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
