//! `ltn up`: the network of a file, or one instance of it.

use std::path::Path;
use std::time::Duration;

use ltn::{Address, Client, CloseReason, Event, MainServer, Node, NodeBuilder, SubServer};
use tokio::sync::mpsc;

use crate::args::UpArgs;
use crate::commands::fleet::{Fleet, Member};
use crate::commands::main_server::{whereabouts, with_ports};
use crate::commands::offering::Offering;
use crate::commands::sub::{home, join_and_stay};
use crate::commands::watch::{News, Signals, Watch, show, stay};
use crate::commands::{rights, roll_call};
use crate::network_file::{ClientEntry, Entry, KnownPort, NetworkFile, ParentName, ServerEntry};
use crate::output::Output;
use crate::settings::Ports;
use crate::trouble::{Ending, Trouble};

/// Things that happened and are not shown yet.
const NEWS_MAX: usize = 1_024;
/// The main server hears of everybody within this time, or the first drawing is incomplete.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the main server's map is looked at until then.
const GLANCE: Duration = Duration::from_millis(2);

pub(crate) async fn perform(args: &UpArgs) -> Result<Ending, Trouble> {
    let file = NetworkFile::read(&args.file)?;
    let mut signals = Signals::listen()?;
    let output = Output::words();
    let offering = Offering::new(args)?;
    if let Some(name) = &args.only {
        return only(&file, name, (&offering, args.state.as_deref()), &mut signals).await;
    }
    for offers in
        file.servers.iter().map(|s| &s.offers).chain(file.clients.iter().map(|c| &c.offers))
    {
        offering.check(offers)?;
    }
    let mut fleet = Fleet::default();
    if let Err(trouble) = start_all(&file, &mut fleet, &offering, args.state.as_deref()).await {
        fleet.go_away().await;
        return Err(trouble);
    }
    draw(&fleet, output).await;
    let news = watch_all(&fleet);
    output.say("The network is up. Ctrl-C stops what runs here, `ltn shutdown` the whole network.");
    Ok(keep_up(&fleet, news, &mut signals, output).await)
}

/// Starts the servers and clients in the order of the file, parents first.
async fn start_all(
    file: &NetworkFile,
    fleet: &mut Fleet,
    offering: &Offering,
    state: Option<&Path>,
) -> Result<(), Trouble> {
    let output = Output::words();
    let servers = file.servers.iter().map(|server| server.name.as_str());
    let names = servers.chain(file.clients.iter().map(|client| client.name.as_str()));
    let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
    for entry in &file.servers {
        let name = entry.name.as_str();
        let started = kept(builder(entry, offering.folder())?, state, name).start().await;
        let node = started.map_err(|error| Trouble::start(name, &error))?;
        fleet.add(name, node.clone());
        offering.put_up(&node, &entry.offers).await?;
        output.line(name, width, &whereabouts(&node));
        if let Some(parent) = &entry.parent {
            join(fleet, &node, name, &parent.name, |text| output.line(name, width, text)).await?;
        }
    }
    for entry in &file.clients {
        let name = entry.name.as_str();
        let builder = Client::builder(name).open().description(&entry.description);
        let builder = kept(builder, state, name);
        let node = builder.start().await.map_err(|error| Trouble::start(name, &error))?;
        fleet.add(name, node.clone());
        offering.put_up(&node, &entry.offers).await?;
        let told = |text: &str| output.line(name, width, text);
        join(fleet, &node, name, &entry.parent.name, told).await?;
    }
    back_up(file, fleet).await
}

/// Where each goes that loses its parent: known only when all are running.
async fn back_up(file: &NetworkFile, fleet: &Fleet) -> Result<(), Trouble> {
    let servers = file.servers.iter().map(|server| (&server.name, &server.backups));
    let clients = file.clients.iter().map(|client| (&client.name, &client.backups));
    for (name, backups) in servers.chain(clients).filter(|(_, backups)| !backups.is_empty()) {
        let address = |backup: &ParentName| fleet.node(&backup.name).and_then(Node::address);
        let Some(node) = fleet.node(name.as_str()) else { continue };
        let set = node.set_backup_parents(backups.iter().filter_map(address)).await;
        set.map_err(|error| Trouble::failed(format!("{name}: {error}")))?;
    }
    Ok(())
}

fn builder(entry: &ServerEntry, folder: &Path) -> Result<NodeBuilder, Trouble> {
    let builder = match entry.parent {
        None => MainServer::builder(),
        Some(_) => SubServer::builder(entry.name.as_str()),
    };
    let ports = Ports { main: entry.port.clone(), data: entry.data_port.clone() };
    let builder = with_ports(builder.open().description(&entry.description), ports);
    let key_file = entry.admin_key_file.as_ref().map(|file| folder.join(file));
    rights::given(builder.services(entry.services), entry.newcomers.clone(), key_file.as_deref())
}

/// The builder with the directory of this node's own below that of the network.
fn kept(builder: NodeBuilder, state: Option<&Path>, name: &str) -> NodeBuilder {
    match state {
        Some(directory) => builder.state(directory.join(name)),
        None => builder,
    }
}

async fn join(
    fleet: &Fleet,
    node: &Node,
    name: &str,
    parent: &str,
    told: impl Fn(&str),
) -> Result<(), Trouble> {
    let missing = || Trouble::failed(format!("{name} cannot join {parent}: it has no address"));
    let address = fleet.node(parent).and_then(Node::address).ok_or_else(missing)?;
    let home = node.home(Some(&address)).await.map_err(|error| Trouble::join(name, &error))?;
    let mut joined = node.connect(&home).await;
    // Where it was moved to may come later in the file, or be gone: the file's own word holds then.
    if joined.is_err() && home != address {
        joined = node.connect(&address).await;
    }
    let joined = joined.map_err(|error| Trouble::join(name, &error))?;
    told(&match &joined.name_reason {
        None => format!("joined {}", joined.server_name),
        Some(reason) => format!("joined {}: {reason}", joined.server_name),
    });
    Ok(())
}

/// The tree as the main server sees it. It hears of the lower layers a moment after they joined;
/// what it has not heard of by the end of that moment is simply not drawn yet.
async fn draw(fleet: &Fleet, output: Output) {
    let Some(main) = fleet.main() else { return };
    let mut tree = Vec::new();
    let complete = async {
        while tree.len() < fleet.members().len() {
            tokio::time::sleep(GLANCE).await;
            // A listing that fails does not stop the network.
            let Ok(snapshot) = main.snapshot().await else { return };
            tree = snapshot.tree;
        }
    };
    let drawn_in_time = tokio::time::timeout(PATIENCE, complete).await.is_ok();
    output.tree(&tree, drawn_in_time);
}

/// Is this worth a line? What the nodes of one file do with each other when they start and stop is
/// told by the roll call.
fn is_worth_telling(fleet: &Fleet, news: &News) -> bool {
    let orderly =
        |reason: &CloseReason| matches!(reason, CloseReason::Stopping | CloseReason::Leaving);
    match news {
        News::Event(Event::Placed { .. }) => false,
        News::Event(Event::Disconnected { reason, .. }) => !orderly(reason),
        News::Event(Event::Left { name: Some(name), reason, .. }) => {
            let is_told_of = orderly(reason) || *reason == CloseReason::Away;
            !is_told_of || fleet.node(name.as_str()).is_none()
        }
        _ => true,
    }
}

/// All that happens to all nodes, in one queue.
fn watch_all(fleet: &Fleet) -> mpsc::Receiver<(String, News)> {
    let (sender, receiver) = mpsc::channel(NEWS_MAX);
    for Member { name, node } in fleet.members() {
        let (name, sender, mut watch) = (name.clone(), sender.clone(), Watch::new(node));
        tokio::spawn(async move {
            loop {
                let news = watch.next().await;
                let over = news == News::Over;
                if sender.send((name.clone(), news)).await.is_err() || over {
                    return;
                }
            }
        });
    }
    receiver
}

/// Shows what happens until all servers have stopped, or the person at the keyboard wants it so.
async fn keep_up(
    fleet: &Fleet,
    mut news: mpsc::Receiver<(String, News)>,
    signals: &mut Signals,
    output: Output,
) -> Ending {
    let mut ending = Ending::All;
    let all_servers_stopped = async {
        for member in fleet.members() {
            if member.node.role().is_server() {
                member.node.stopped().await;
            }
        }
    };
    tokio::pin!(all_servers_stopped);
    loop {
        tokio::select! {
            Some((name, news)) = news.recv() => tell(fleet, output, &name, &news, &mut ending),
            () = signals.next() => return stop(fleet, signals, output).await,
            () = &mut all_servers_stopped => break,
        }
    }
    // The clients have nobody left. With them the last news ends.
    fleet.go_away().await;
    while let Some((name, news)) = news.recv().await {
        tell(fleet, output, &name, &news, &mut ending);
    }
    ending
}

/// Shows what is worth it; a roll call says how all of it ended.
fn tell(fleet: &Fleet, output: Output, name: &str, news: &News, ending: &mut Ending) {
    if let News::RollCall(entries) = news {
        *ending = roll_call::ending(entries);
    }
    if is_worth_telling(fleet, news) {
        show(output, Some(name), news);
    }
}

/// Stops what was started here because the person at the keyboard wants it; a second wish does not
/// wait. The network is not ordered to stop: who joined from elsewhere is not ours.
async fn stop(fleet: &Fleet, signals: &mut Signals, output: Output) -> Ending {
    output.say("stopping what was started here, the lowest layers first");
    let entries = tokio::select! {
        entries = fleet.go_away() => entries,
        () = signals.next() => return Ending::Unknown,
    };
    if entries.is_empty() {
        return Ending::All;
    }
    output.roll_call(&entries, &roll_call::table(&entries));
    roll_call::ending(&entries)
}

/// Starts one instance of the file and keeps it up.
async fn only(
    file: &NetworkFile,
    name: &str,
    (offering, state): (&Offering, Option<&Path>),
    signals: &mut Signals,
) -> Result<Ending, Trouble> {
    let output = Output::words();
    let (builder, parent, offers, backups) = match file.entry(name)? {
        Entry::Server(entry) => {
            let builder = builder(entry, offering.folder())?;
            (builder, entry.parent.as_ref(), &entry.offers, &entry.backups)
        }
        Entry::Client(ClientEntry { name, parent, description, offers, backups, .. }) => {
            let builder = Client::builder(name.as_str()).open().description(description);
            (builder, Some(parent), offers, backups)
        }
    };
    let backups = backups.iter().map(|backup| address_of(file, &backup.name, output));
    let builder = builder.backup_parents(backups.collect::<Result<Vec<Address>, Trouble>>()?);
    offering.check(offers)?;
    // Before anything starts: a parent that nobody can find is a mistake in the file.
    let to = parent.map(|parent| address_of(file, &parent.name, output)).transpose()?;
    let node = kept(builder, state, name).start().await;
    let node = node.map_err(|error| Trouble::start(name, &error))?;
    let watch = Watch::new(&node);
    if let Err(trouble) = offering.put_up(&node, offers).await {
        node.shutdown().await;
        return Err(trouble);
    }
    output.say(&format!("{name} {}", whereabouts(&node)));
    match to {
        Some(to) => {
            let to = home(&node, Some(&to)).await?;
            join_and_stay(&node, &to, watch, signals).await
        }
        None => Ok(stay(&node, watch, signals, output).await),
    }
}

/// Where the parent is, by the file alone.
fn address_of(file: &NetworkFile, parent: &str, output: Output) -> Result<Address, Trouble> {
    let port = match file.server(parent).and_then(ServerEntry::known_port) {
        Some(KnownPort::Exactly(port)) => port,
        Some(KnownPort::Probably(port)) => {
            output.remark(&format!(
                "the port of `{parent}` is an expression in the file; taking its first, {port}"
            ));
            port
        }
        None => {
            return Err(Trouble::usage(format!(
                "--only: the file does not say at which port `{parent}` is"
            ))
            .hint(format!("give it one there: port = 4000 in the [[server]] of `{parent}`")));
        }
    };
    Ok(Address::new(&format!("127.0.0.1:{port}")))
}
