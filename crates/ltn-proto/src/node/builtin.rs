//! The commands and requestables that come with every node: what they are called, who may run
//! them. What they do is in `running.rs`.

use super::NodeState;
use super::broken::Duty;
use crate::body;
use crate::commands::{CommandSpec, ParameterKind, Reach, nearest};
use crate::frame::Kind;
use crate::id::NodeId;
use crate::limits::ARGUMENTS_MAX;
use crate::moment::Moment;
use crate::offers::Runner;
use crate::outcome::{Refusal, RefusalKind};
use crate::permissions::Permission;
use crate::role::Role;
use crate::text::sanitise_line;
use crate::value::Value;

const TEXT: ParameterKind = ParameterKind::Text;
/// The commands by which somebody asks a server to be sent elsewhere.
const SENDING: [&str; 3] = ["s.connectto", "s.connecttohigher", "s.cth"];

/// The requestables that a node of this role answers by itself.
pub(super) fn requestables(role: Role) -> Vec<&'static str> {
    if role.is_server() {
        vec!["PING", "COMMANDS", "SERVERDATA", "LISTNETWORK"]
    } else {
        vec!["PING", "COMMANDS", "CLIENTDATA"]
    }
}

/// The commands that a node of this role comes with.
pub(super) fn commands(role: Role) -> Vec<CommandSpec> {
    let mut specs = Vec::new();
    if role.is_server() {
        specs.extend(server_commands());
    }
    if role == Role::SubServer {
        specs.extend(sub_server_commands());
    }
    if role.is_root() {
        specs.extend(main_server_commands());
    }
    if role.has_uplink() {
        specs.extend(joiner_commands());
    }
    specs
}

fn spec(name: &str, category: &str, description: &str) -> CommandSpec {
    CommandSpec::new(name, description).category(category).permission(Permission::user())
}

fn server_commands() -> Vec<CommandSpec> {
    let (statistic, user, server) = ("statistic", "user management", "server management");
    let mut specs = people_commands();
    specs.extend([
        spec("s.help", statistic, "general help, or help on commands or a category by name")
            .any_number("what", ParameterKind::Text),
        spec("s.info", statistic, "what this server is, or what it knows of nodes by name")
            .any_number("name", ParameterKind::Text),
        spec("s.ping", user, "the round trip to you and back, in ms"),
        spec("s.connectto", user, "go to the server at this address, or of this name")
            .required("ip_or_name", ParameterKind::Text)
            .optional("port", ParameterKind::Int),
        spec("s.why", user, "whether a node may run a command here, and by which rule")
            .required("node", TEXT)
            .required("command", TEXT),
        spec("s.report", statistic, "how the last roll call that this server led ended"),
        spec("s.shutdown", server, "stop this server; its sub-servers go on by themselves")
            .permission(Permission::admin())
            .reach(Reach::Server)
            .dangerous(),
        spec("s.restart", server, "restart this server; everybody comes back by himself")
            .permission(Permission::admin())
            .reach(Reach::Server)
            .dangerous(),
    ]);
    specs
}

fn people_commands() -> Vec<CommandSpec> {
    let user = "user management";
    let spec = |name, category, description| spec(name, category, description).reach(Reach::Server);
    let admin = |name, description| spec(name, user, description).permission(Permission::admin());
    let of_users = |name, description| admin(name, description).one_or_more("username", TEXT);
    let rights = |name, description| admin(name, description).one_or_more("permission", TEXT);
    let of_another = |name, description| {
        let spec = admin(name, description).required("username", TEXT);
        spec.one_or_more("permission", TEXT)
    };
    vec![
        spec("s.changename", user, "another name for you; for another node as an admin")
            .required("newname", TEXT)
            .optional("clientname", TEXT),
        spec("s.getadmin", user, "become admin of this server, as long as you stay joined to it")
            .optional("adminkey", ParameterKind::Secret),
        spec("s.removeadmin", user, "be no admin any more; as an admin, also others")
            .any_number("username", TEXT),
        rights("s.getrights", "have these permissions at this server"),
        rights("s.removerights", "have these permissions no longer"),
        of_another("s.giverights", "give another node permissions at this server"),
        of_another("s.takerights", "take permissions from another node"),
        of_users("s.mute", "look at nothing that they say, ask or command"),
        of_users("s.unmute", "hear them again"),
        of_users("s.kickuser", "throw them out, and refuse them for a minute"),
        admin("s.kickip", "throw out who is joined from these addresses").one_or_more("ip", TEXT),
        spec("s.setadminkey", "server management", "set the key for s.getadmin")
            .permission(Permission::admin())
            .required("new_key", ParameterKind::Secret),
        spec("s.getadminkey", "statistic", "whether there is an admin key")
            .permission(Permission::admin()),
    ]
}

fn sub_server_commands() -> Vec<CommandSpec> {
    vec![
        spec("s.sethigherserver", "server management", "move this server below another one")
            .permission(Permission::admin())
            .required("ip_or_address", ParameterKind::Text)
            .optional("port", ParameterKind::Int)
            .dangerous(),
        spec("s.connecttohigher", "user management", "go up to this server's higher server"),
        spec("s.cth", "user management", "short for s.connecttohigher"),
    ]
}

fn main_server_commands() -> Vec<CommandSpec> {
    let admin = |name, description| {
        spec(name, "network management", description).permission(Permission::admin()).dangerous()
    };
    vec![
        spec("s.listnetwork", "statistic", "the whole tree, drawn"),
        spec("s.settle", "network management", "a server belongs below this one, where it is now")
            .required("server", TEXT)
            .required("below", TEXT),
        admin("s.shutdownserver", "stop these servers, wherever they are")
            .one_or_more("name_or_path", ParameterKind::Text),
        admin("s.restartserver", "restart these servers, wherever they are")
            .one_or_more("name_or_path", ParameterKind::Text),
        admin("s.shutdownsubtree", "stop these servers with everything below them, leaves first")
            .one_or_more("name_or_path", ParameterKind::Text),
        admin(
            "s.restartsubtree",
            "restart these servers with all servers below them, leaves first",
        )
        .one_or_more("name_or_path", ParameterKind::Text),
        admin("s.restartnetwork", "restart all servers, leaves first, this server last"),
        admin("s.shutdownnetwork", "stop everything, leaves first, this server last"),
    ]
}

fn joiner_commands() -> Vec<CommandSpec> {
    vec![
        spec("changename", "from the server", "be called so from now on")
            .permission(Permission::admin())
            .required("newname", ParameterKind::Text),
        spec("connect", "from the server", "leave for the server at this address")
            .permission(Permission::admin())
            .required("address", ParameterKind::Text),
        spec("move", "from the server", "go below another server of the tree, wherever it is")
            .permission(Permission::admin())
            .required("under", ParameterKind::Text)
            .optional("return_after_s", ParameterKind::Any)
            .optional("rehearse", ParameterKind::Any)
            .dangerous(),
        spec("disconnect", "from the server", "leave the server").permission(Permission::admin()),
    ]
}

impl NodeState {
    /// Does every node of this role come with a requestable or command of this name? The program
    /// cannot offer another one under it.
    #[must_use]
    pub fn has_built_in(&self, name: &str) -> bool {
        self.offers.has_built_in(name)
    }

    pub(super) fn built_in_requestable(&self, now: Moment, name: &str) -> Option<Value> {
        match (name, self.config.role.is_server()) {
            ("PING", _) => Some(Value::from(now.since(self.started).as_secs_f64())),
            ("SERVERDATA", true) | ("CLIENTDATA", false) => Some(self.metadata(now)),
            ("COMMANDS", _) => Some(Value::list(self.offers.commands().map(CommandSpec::to_value))),
            ("LISTNETWORK", true) => Some(self.tree_value(now)),
            _ => None,
        }
    }

    /// What is said about a command that is not here.
    fn no_such_command(&self, name: &str) -> Refusal {
        let wanted = sanitise_line(name);
        let hint = match whose(&wanted) {
            Some(whose) => format!("; {whose}"),
            None => nearest(&wanted, self.offers.commands().map(|spec| spec.name.as_str()))
                .map_or(String::new(), |name| format!("; did you mean `{name}`?")),
        };
        let text = format!("{} has no command called `{wanted}`{hint}", self.name);
        Refusal::new(RefusalKind::NotOffered, text)
    }

    /// Is there such a command, may the caller run it, do the arguments fit?
    pub(super) fn check_call(&self, actor: NodeId, call: &body::Call) -> Result<Checks, Refusal> {
        let me = &self.name;
        let Some((spec, runner)) = self.offers.command(&call.command) else {
            return Err(self.no_such_command(&call.command));
        };
        let by_parent = self.is_by_parent(actor, spec, *runner);
        if !self.may_call(actor, spec, *runner) {
            let (name, needed) = (&spec.name, &spec.permission);
            let text = format!("`{name}` needs the permission `{needed}` at {me}; ask an admin");
            return Err(Refusal::new(RefusalKind::NoPermission, text));
        }
        let arguments = match &call.arguments {
            Value::List(arguments) if arguments.len() <= ARGUMENTS_MAX => arguments.clone(),
            _ => {
                let text = format!("arguments are a list of at most {ARGUMENTS_MAX}");
                return Err(Refusal::new(RefusalKind::BadArguments, text));
            }
        };
        let checked = spec.check(arguments);
        let arguments = checked.map_err(|text| Refusal::new(RefusalKind::BadArguments, text))?;
        let far = self.wants_seals() && actor != self.config.id && !by_parent;
        let to_prove = far && is_privileged(spec, &arguments) && self.does(Duty::Proofs);
        Ok(Checks { runner: *runner, dangerous: spec.dangerous, arguments, to_prove })
    }

    /// May it run this command, in whichever way?
    pub(super) fn may_call(&self, actor: NodeId, spec: &CommandSpec, runner: Runner) -> bool {
        self.is_by_parent(actor, spec, runner) || self.may_run(actor, spec)
    }

    fn is_by_parent(&self, actor: NodeId, spec: &CommandSpec, runner: Runner) -> bool {
        runner == Runner::BuiltIn && self.is_for_parent(actor, spec)
    }

    /// Does this command, if there is one, need more than everybody may?
    pub(super) fn is_privileged_call(&self, command: &str, arguments: &[Value]) -> bool {
        let spec = self.offers.command(command).map(|(spec, _)| spec);
        spec.is_some_and(|spec| is_privileged(spec, arguments))
    }

    /// May this node's higher server run it, because it is about their link? Between members that
    /// is the name and the link itself; elsewhere a member goes only if it asked to be sent.
    fn is_for_parent(&self, actor: NodeId, spec: &CommandSpec) -> bool {
        let is_parent = self.uplink.parent.as_ref().is_some_and(|parent| parent.id == actor);
        if !self.wants_seals() {
            return is_parent && !is_for_servers(spec);
        }
        match spec.name.as_str() {
            "changename" | "disconnect" => is_parent,
            "connect" => self.asked_to_be_sent(actor),
            _ => false,
        }
    }

    /// Did this node ask that server to be sent elsewhere, and waits for it?
    fn asked_to_be_sent(&self, server: NodeId) -> bool {
        let calls = self.requests.open_at(server).filter(|question| question.kind == Kind::CALL);
        let mut calls = calls.filter_map(|call| body::read::<body::Call>(&call.payload).ok());
        calls.any(|call| SENDING.contains(&call.command.as_str()))
    }
}

/// What came of looking at a call.
pub(super) struct Checks {
    pub(super) runner: Runner,
    pub(super) arguments: Vec<Value>,
    pub(super) dangerous: bool,
    /// Is it run only as its issuer signed it?
    pub(super) to_prove: bool,
}

/// Does it need more than everybody may, as it is called? Some commands are for everybody where
/// they are about the caller, and for admins where they are about others.
fn is_privileged(spec: &CommandSpec, arguments: &[Value]) -> bool {
    let about_others = match spec.name.as_str() {
        "s.changename" => arguments.len() > 1,
        "s.removeadmin" => !arguments.is_empty(),
        // Who may do it depends on whom it is about.
        "s.settle" => true,
        _ => false,
    };
    spec.dangerous || about_others || spec.permission != Permission::user()
}

/// Who comes with a command of this name, if anybody does.
fn whose(name: &str) -> Option<&'static str> {
    let has = |specs: Vec<CommandSpec>| specs.iter().any(|spec| spec.name == name);
    if has(main_server_commands()) {
        Some("the main server, `/`, has it")
    } else if has(sub_server_commands()) {
        Some("sub-servers have it")
    } else if has(server_commands()) {
        Some("servers have it")
    } else if has(joiner_commands()) {
        Some("whoever joins a server has it, and the main server joins nobody")
    } else {
        None
    }
}

fn is_for_servers(spec: &CommandSpec) -> bool {
    spec.name.starts_with("s.")
}
