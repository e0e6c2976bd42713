//! What was typed: the words and flags of the program, without any effect.
//!
//! This room knows spellings only. What they mean, and whether they make sense together, is decided
//! in `settings.rs`.

mod members;
mod moving;
mod nodes;
mod visits;

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand};

pub(crate) use members::{
    GrantArgs, InitArgs, InviteArgs, JoinArgs, MembersArgs, ReplaceArgs, RestoreArgs, RevokeArgs,
    SealArgs, UngrantArgs, UninviteArgs, WhyArgs,
};
pub(crate) use moving::{BackupArgs, MoveArgs, OrderArgs};
pub(crate) use nodes::{
    AnnounceArgs, AuditArgs, DoctorArgs, EventLogArgs, ListenArgs, ReportArgs, RightsArgs,
    StateArgs,
};
pub(crate) use visits::{
    AskArgs, LsArgs, PingArgs, PipeArgs, RunArgs, SendArgs, TreeArgs, VisitArgs,
};

const LONG_ABOUT: &str = "\
A layered network of your own machines.

A main server is the root, sub-servers hang below it, clients join anywhere,
and everybody can message, ask and command everybody else along the tree.";

/// A layered network of your own machines.
#[derive(Debug, Parser)]
#[command(
    name = "ltn",
    version,
    long_about = LONG_ABOUT,
    after_help = "New here? `ltn demo` shows everything in a second, on this machine only."
)]
pub(crate) struct Args {
    /// Say more on stderr: -v what changes, -vv details, -vvv everything.
    #[arg(short, long, action = ArgAction::Count, global = true, display_order = 900)]
    pub(crate) verbose: u8,

    /// Write what happens inside to this file.
    #[arg(long, value_name = "FILE", global = true, display_order = 901)]
    pub(crate) log: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What the program shall do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Play a whole network on this machine and show what it can do.
    #[command(after_help = "Example:\n  ltn demo --keep      then, in a second terminal:\n  \
                            ltn tree --open --to 4000")]
    Demo(DemoArgs),
    /// Make a network of your own machines; this one becomes its main server.
    #[command(after_help = "Example:\n  ltn init home")]
    Init(InitArgs),
    /// Invite a machine into the network: prints one line for `ltn join`, good once.
    #[command(after_help = "\
Examples:
  ltn invite --name lamp
  ltn invite --name hall --role sub-server --ttl 10m
  ltn invite --name ann --admin")]
    Invite(InviteArgs),
    /// Join the network that an invite is from; from then on `ltn sub` and `ltn client` just work.
    #[command(after_help = "\
Examples:
  ltn join                  asks for the line that `ltn invite` printed, and does not show it
  ltn join < line.txt
  ltn invite --name hall --role sub-server | ssh hall ltn join

The line is a secret: on the command line (`ltn join ltn1uyqcx…`) others may see it in the list of
processes, and the shell remembers it.")]
    Join(JoinArgs),
    /// Withdraw an invite that nobody has used.
    #[command(after_help = "\
Examples:
  ltn uninvite lamp
  ltn uninvite 3f9a")]
    Uninvite(UninviteArgs),
    /// List the members of the network: what each is, may do, who is out, and open invites.
    #[command(after_help = "Example:\n  ltn members")]
    Members(MembersArgs),
    /// Throw a member out: its key is refused from then on, everywhere and for ever.
    #[command(after_help = "Example:\n  ltn revoke lamp")]
    Revoke(RevokeArgs),
    /// Invite new hardware that takes over the name, place and rights of a member.
    #[command(after_help = "Example:\n  ltn replace lamp")]
    Replace(ReplaceArgs),
    /// Let a member do something: everywhere, or in a part of the network, also for a time.
    #[command(after_help = "\
Examples:
  ltn grant ann admin
  ltn grant ann admin --at /hall --for 2h")]
    Grant(GrantArgs),
    /// Take permissions from a member again.
    #[command(after_help = "Example:\n  ltn ungrant ann admin")]
    Ungrant(UngrantArgs),
    /// Say whether a node may run a command at another one, by which rule, and how to change it.
    #[command(after_help = "\
Examples:
  ltn why lamp may s.restart /hall
  ltn why lamp cannot s.restart /hall

It ends with 0 if that is so, and with 1 if it is not.")]
    Why(WhyArgs),
    /// Put the whole network into one file, sealed with a passphrase.
    #[command(after_help = "Example:\n  ltn backup home.ltn")]
    Backup(SealArgs),
    /// Make a network's main server anew from a backup.
    #[command(after_help = "Example:\n  ltn restore home.ltn      then: ltn main")]
    Restore(RestoreArgs),
    /// Start the network that a file describes, and keep it up.
    #[command(after_help = "Examples:\n  ltn up examples/layered.toml\n  \
                            ltn up examples/layered.toml --only sub1\n  \
                            ltn up examples/programs.toml --allow-programs")]
    Up(UpArgs),
    /// Start a main server: the root of a network.
    #[command(
        after_help = "Examples:\n  ltn main                      the network that `ltn init` \
                            made here\n  ltn main --open --port '>4000' --data-port '<3999'"
    )]
    Main(MainArgs),
    /// Start a sub-server below another server.
    #[command(after_help = "Examples:\n  ltn sub                       what `ltn join` made this \
                            machine\n  ltn sub hall --to 4000 --open")]
    Sub(SubArgs),
    /// Join a server and talk: lines in, lines out.
    #[command(
        visible_alias = "console",
        after_help = "\
What you can type:
  hello                     a message to the server
  s.info()                  a command to the server (`s.help()` lists them)
  @/sub1/client3 hello      a message to any node, by its path or name
  @/sub1 s.info()           a command to any node
  @role=client&/sub1/** hi  a message to all who fit: stars and roles, without spaces
  \\s.info                   a message that only looks like a command

Examples:
  ltn client                what `ltn join` made this machine
  ltn client lamp --to 4000 --open"
    )]
    Client(ClientArgs),
    /// Look for servers of this network, or of open networks on this machine.
    #[command(after_help = "\
Examples:
  ltn find --subnet                             of this member's network, on the machines around
  ltn find --open                               at the usual ports, and where one was joined before
  ltn find --open --ports 4000-4999 --first
  ltn find --open --mdns                        also those that announce themselves
  ltn find --open --ports '>4000' --subnet      at all of 127.0.0.1 to 127.0.0.254")]
    Find(FindArgs),
    /// Draw the network: every server and client.
    #[command(after_help = "Examples:\n  ltn tree --open --to 4000\n  \
                            ltn tree --watch --open --to 4000")]
    Tree(TreeArgs),
    /// List the network, or a part of it: one line for each server and client.
    #[command(after_help = "Example:\n  ltn ls /sub1 --open --to 4000")]
    Ls(LsArgs),
    /// Send a text or a file to a node and wait until it has it.
    #[command(
        after_help = "Examples:\n  ltn send /sub1/client3 'dinner is ready' --open --to 4000\n  \
                            ltn send 'role=client' 'dinner is ready' --open --to 4000\n  \
                            uptime | ltn send /sub1/client3 - --open --to 4000\n  \
                            ltn send /sub1/client3 --file photo.jpg --open --to 4000"
    )]
    Send(SendArgs),
    /// Ask a node for a value that it offers.
    #[command(after_help = "Example:\n  ltn ask /sub1 SERVERDATA --open --to 4000")]
    Ask(AskArgs),
    /// Run a command at a server.
    #[command(after_help = "\
Examples:
  ltn run / 's.listnetwork()' --open --to 4000
  ltn run / s.shutdownserver sub1 --open --to 4000
  ltn run 'role=server & /**' 's.info()' --open --to 4000")]
    Run(RunArgs),
    /// Measure the round trip to a node.
    #[command(after_help = "Example:\n  ltn ping /sub1/client3 --count 5 --open --to 4000")]
    Ping(PingArgs),
    /// Show how the last roll call of a server ended, also one that it did not live to tell.
    #[command(after_help = "Examples:\n  ltn report --state ~/.local/state/ltn/main\n  \
                            ltn report --open --to 4000")]
    Report(ReportArgs),
    /// Show which commands of admins arrived at a member of a network, and how they ended.
    #[command(after_help = "Examples:\n  ltn audit\n  ltn audit /hall --last 20\n  \
                            ltn audit / --copies           what arrived everywhere")]
    Audit(AuditArgs),
    /// Look whether a state directory is whole, and what is in it.
    #[command(after_help = "Example:\n  ltn doctor --state ~/.local/state/ltn/hall")]
    Doctor(DoctorArgs),
    /// Join standard input and output to a data socket of a node.
    #[command(after_help = "Example:\n  ltn pipe /sub1 thermometer --open --to 4000")]
    Pipe(PipeArgs),
    /// Move a server or client below another server, with everything below it.
    #[command(after_help = "\
Examples:
  ltn move /sub1/hall --under /sub2 --dry-run --open --to 4000
  ltn move /sub1/hall --under /sub2 --return-after 60s --open --to 4000")]
    Move(MoveArgs),
    /// Stop the whole network or a part of it, the lowest layers first, and say how each ended.
    #[command(after_help = "\
Examples:
  ltn shutdown --open --to 4000
  ltn shutdown /sub1 --open --to 4000            with everything below it
  ltn shutdown /sub1 --alone --open --to 4000    what is below it goes on")]
    Shutdown(OrderArgs),
    /// Restart all servers or a part of them, the lowest layers first, and say how each ended.
    #[command(after_help = "Example:\n  ltn restart /sub1 --open --to 4000")]
    Restart(OrderArgs),
    /// Print the completions of this program for a shell.
    #[command(after_help = "Example:\n  ltn completions bash > \
                            ~/.local/share/bash-completion/completions/ltn")]
    Completions(CompletionsArgs),
    /// Print the manual page of this program, or of one of its verbs.
    #[command(after_help = "Example:\n  ltn man tree | man -l -")]
    Man(ManArgs),
}

impl Verb {
    /// Was JSON asked for?
    pub(crate) const fn wants_json(&self) -> bool {
        match self {
            Self::Demo(args) => args.json,
            Self::Up(_) | Self::Main(_) | Self::Sub(_) | Self::Client(_) | Self::Doctor(_) => false,
            Self::Init(_) | Self::Join(_) | Self::Restore(_) => false,
            Self::Invite(args) => args.visit.json,
            Self::Uninvite(args) => args.visit.json,
            Self::Members(args) => args.visit.json,
            Self::Revoke(args) => args.visit.json,
            Self::Replace(args) => args.visit.json,
            Self::Grant(args) => args.visit.json,
            Self::Ungrant(args) => args.visit.json,
            Self::Why(args) => args.visit.json,
            Self::Backup(args) => args.visit.json,
            Self::Find(args) => args.json,
            Self::Pipe(args) => args.visit.json,
            Self::Completions(_) | Self::Man(_) => false,
            Self::Tree(args) => args.visit.json,
            Self::Ls(args) => args.visit.json,
            Self::Send(args) => args.visit.json,
            Self::Ask(args) => args.visit.json,
            Self::Run(args) => args.visit.json,
            Self::Ping(args) => args.visit.json,
            Self::Move(args) => args.visit.json,
            Self::Shutdown(args) | Self::Restart(args) => args.visit.json,
            Self::Report(args) => args.visit.json,
            Self::Audit(args) => args.visit.json,
        }
    }

    /// Is its work to be there, whether or not anybody reads what it prints?
    pub(crate) const fn is_a_server(&self) -> bool {
        matches!(self, Self::Up(_) | Self::Main(_) | Self::Sub(_))
    }
}

/// `ltn demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Leave the network up after the listing (cell 16), until Ctrl-C.
    #[arg(long)]
    pub(crate) keep: bool,
    /// One JSON object per line instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `ltn up`.
#[derive(Debug, clap::Args)]
pub(crate) struct UpArgs {
    /// The network file (TOML).
    pub(crate) file: PathBuf,
    /// Start only this server or client of the file.
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Option<String>,
    /// Let the file's own requestables and commands run programs when others ask.
    #[arg(long)]
    pub(crate) allow_programs: bool,
    /// Keep the state of each node in a directory of its name below this one.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

/// The mode, for the verbs that start or join something.
#[derive(Debug, clap::Args)]
pub(crate) struct ModeArgs {
    /// The open mode: this machine only, no members, everybody is admin.
    #[arg(long)]
    pub(crate) open: bool,
}

/// The ports of a server.
#[derive(Debug, clap::Args)]
pub(crate) struct PortArgs {
    /// The port: 4000, '>4000' (or the next free above), '4000,4010', 0 (any).
    #[arg(long, value_name = "EXPR")]
    pub(crate) port: Option<String>,
    /// The port for bulk data: 3999, '<3999' (or the next free below).
    #[arg(long, value_name = "EXPR")]
    pub(crate) data_port: Option<String>,
}

/// `ltn main`.
#[derive(Debug, clap::Args)]
pub(crate) struct MainArgs {
    #[command(flatten)]
    pub(crate) mode: ModeArgs,
    #[command(flatten)]
    pub(crate) ports: PortArgs,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) announce: AnnounceArgs,
    #[command(flatten)]
    pub(crate) event_log: EventLogArgs,
    #[command(flatten)]
    pub(crate) rights: RightsArgs,
}

/// `ltn sub`.
#[derive(Debug, clap::Args)]
pub(crate) struct SubArgs {
    /// What it shall be called; a member is called what it was invited as.
    pub(crate) name: Option<String>,
    /// The higher server: 4000 or 127.0.0.1:4000; else the last joined, or the only one here.
    #[arg(long, value_name = "ADDR")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) mode: ModeArgs,
    #[command(flatten)]
    pub(crate) ports: PortArgs,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) backup: BackupArgs,
    #[command(flatten)]
    pub(crate) announce: AnnounceArgs,
    #[command(flatten)]
    pub(crate) event_log: EventLogArgs,
    #[command(flatten)]
    pub(crate) rights: RightsArgs,
}

/// `ltn client`.
#[derive(Debug, clap::Args)]
pub(crate) struct ClientArgs {
    /// What it shall be called; a member is called what it was invited as.
    pub(crate) name: Option<String>,
    /// The server to join: 4000 or 127.0.0.1:4000; else the last joined, or the only one here.
    #[arg(long, value_name = "ADDR")]
    pub(crate) to: Option<String>,
    /// Take files that others send, into this folder; nothing in it is replaced.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) receive: Option<PathBuf>,
    /// The largest file to take: 5000000, 20M, 1G.
    #[arg(long, value_name = "SIZE", default_value = "1G", requires = "receive")]
    pub(crate) receive_max: String,
    #[command(flatten)]
    pub(crate) mode: ModeArgs,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) backup: BackupArgs,
}

/// `ltn find`.
#[derive(Debug, clap::Args)]
pub(crate) struct FindArgs {
    /// The ports to look at: 4000, 4000-4010, '4000,4010', '>4000' (4000 to 4255, as without it).
    #[arg(long, value_name = "EXPR")]
    pub(crate) ports: Option<String>,
    /// The addresses to look at; without it 127.0.0.1 and ::1.
    #[arg(long, value_name = "ADDR", num_args = 1..)]
    pub(crate) on: Vec<String>,
    /// Look at all addresses around those of this machine.
    #[arg(long)]
    pub(crate) subnet: bool,
    /// Listen for servers that announce themselves by mDNS, too.
    #[arg(long)]
    pub(crate) mdns: bool,
    /// End with the first that answers.
    #[arg(long)]
    pub(crate) first: bool,
    /// For servers of the network of this state directory's member; else of this user's member.
    #[arg(long, value_name = "DIR", conflicts_with = "open")]
    pub(crate) state: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) mode: ModeArgs,
    /// JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// When to end at the latest (seconds).
    #[arg(long, value_name = "SECS", default_value = "10")]
    pub(crate) timeout: String,
}

/// `ltn completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// For which shell.
    pub(crate) shell: clap_complete::Shell,
}

/// `ltn man`.
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Which verb: tree, send, …
    pub(crate) verb: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn flags_may_stand_behind_what_they_belong_to() {
        let args = Args::try_parse_from(["ltn", "tree", "--to", "4000", "--open", "-vv"]).unwrap();
        assert_eq!(args.verbose, 2);
        let Verb::Tree(tree) = args.verb else { panic!("tree was typed") };
        assert!(tree.visit.mode.open && !tree.visit.json);
    }

    #[test]
    fn a_command_takes_its_arguments_as_words() {
        let words = ["ltn", "run", "/", "s.shutdownserver", "sub1", "sub2", "--to", "1", "--yes"];
        let Verb::Run(run) = Args::try_parse_from(words).unwrap().verb else { panic!("run") };
        assert_eq!((run.command.as_str(), run.arguments.len()), ("s.shutdownserver", 2));
        assert!(run.yes);
    }

    #[test]
    fn a_ping_happens_at_least_once() {
        let zero = ["ltn", "ping", "/", "--to", "1", "--count", "0"];
        assert!(Args::try_parse_from(zero).is_err());
    }
}
