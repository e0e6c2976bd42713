//! The commands of a server whose effect lives in its body: services, logs, settings, tasks. They
//! are declared and run like any command of a program, so help, checks and metadata know them.
//!
//! Most of what they answer is for people and for programs: a map whose `text` is the whole answer.

use std::sync::Arc;

use ltn_proto::{
    CommandSpec, Limits, NodeConfig, ParameterKind, Permission, Reach, Refusal, RefusalKind, Value,
};

use crate::audit::{AuditBook, Names};
use crate::error::TalkError;
use crate::handlers::{Action, Handlers, Offer, Running};
use crate::membership::Network;
use crate::node::Node;
use crate::notice::{Notice, time_in_words};
use crate::words::{HandlerError, Invocation};

/// What is answered of the log: an answer is one message.
const ANSWERED_MAX: usize = 100;
/// What is answered of the audit log at most: so many lines fit into one message.
const AUDITED_MAX: usize = 500;

/// Puts these commands on offer. A node that is no server has none of them.
pub(crate) fn offer(handlers: &mut Handlers, node: &Node, settings: Value) {
    if !node.role().is_server() {
        return;
    }
    let (statistic, server) = ("statistic", "server management");
    let services = spec("s.services", server, "switch services on or off, all or one; list them")
        .required("enable", ParameterKind::Any)
        .optional("service_name", ParameterKind::Text);
    put(handlers, services, node, |node, call| Box::pin(switch_services(node, call)));
    let store = spec("s.storelog", server, "store the event log in a new file of this name")
        .optional("filename", ParameterKind::Text);
    put(handlers, store, node, |node, call| Box::pin(store_log(node, call)));
    let trace = spec("s.errortrace", statistic, "the last warnings and errors");
    put(handlers, trace, node, |node, _| {
        Box::pin(std::future::ready(Ok(error_trace(&node.troubles()))))
    });
    let threads = spec("s.listthreads", statistic, "what is at work here, and how it is doing");
    put(handlers, threads, node, |node, _| Box::pin(list_tasks(node)));
    let attributes = spec("s.attributes", statistic, "the settings of this server");
    put(handlers, attributes, node, move |node, _| Box::pin(attributes_of(node, settings.clone())));
}

/// Puts the audit log on offer, which every member has. The main server tells it with names.
pub(crate) fn offer_audit(
    handlers: &mut Handlers,
    node: &Node,
    book: &AuditBook,
    network: Option<Network>,
) {
    let description = "which commands of admins arrived here, run or refused; `copies` at the \
                       main server: those of the others";
    // The main server has what others did too.
    let spec = spec("s.audit", "statistic", description)
        .reach(Reach::Further)
        .optional("count", ParameterKind::Int)
        .optional("whose", ParameterKind::Text);
    let book = book.clone();
    put(handlers, spec, node, move |_, call| {
        let (book, network) = (book.clone(), network.clone());
        Box::pin(async move {
            let names = match &network {
                Some(network) => network.names().await,
                None => Names::new(),
            };
            audit_lines(&book, (network.is_some(), &names), &call)
        })
    });
}

fn audit_lines(
    book: &AuditBook,
    (has_copies, names): (bool, &Names),
    call: &Invocation,
) -> Result<Value, HandlerError> {
    let bad = |text: &str| Refusal::new(RefusalKind::BadArguments, text);
    let count = match call.arguments.first() {
        None => ANSWERED_MAX,
        Some(count) => {
            let count = count.as_u64().and_then(|count| usize::try_from(count).ok());
            count.ok_or_else(|| bad("a count is a whole number"))?.min(AUDITED_MAX)
        }
    };
    let copies = match call.arguments.get(1).and_then(Value::as_text) {
        None | Some("own") => false,
        Some("copies") if has_copies => true,
        Some("copies") => {
            let text = "copies are kept by the main server alone: `ltn audit / --copies`";
            return Err(bad(text).into());
        }
        Some(_) => return Err(bad("say `own` or `copies`").into()),
    };
    Ok(book.told(count, copies, names))
}

/// A command for admins that reaches no further than the server that runs it.
pub(crate) fn spec(name: &str, category: &str, description: &str) -> CommandSpec {
    let spec = CommandSpec::new(name, description).category(category).reach(Reach::Server);
    spec.permission(Permission::admin())
}

/// Puts a command on offer that gets the node along with its call.
pub(crate) fn put<F>(handlers: &mut Handlers, spec: CommandSpec, node: &Node, run: F)
where
    F: Fn(Node, Invocation) -> Running + Send + Sync + 'static,
{
    let node = node.without_queues();
    let action: Action = Arc::new(move |call| run(node.clone(), call));
    // Nothing of the program's is on offer yet, so there is room.
    let _ = handlers.offer(spec.name.clone(), Offer::Command(spec, action));
}

async fn switch_services(node: Node, call: Invocation) -> Result<Value, HandlerError> {
    let mut arguments = call.arguments.into_iter();
    let enabled = arguments.next().as_ref().and_then(as_switch);
    let enabled = enabled.ok_or_else(|| {
        let text = "say `on` or `off` (or `true`, `false`)";
        Refusal::new(RefusalKind::BadArguments, text)
    })?;
    let switched = match arguments.next() {
        Some(name) => node.set_service_enabled(&name.to_string(), enabled).await,
        None => node.set_all_services_enabled(enabled).await,
    };
    switched.map_err(as_answer)?;
    let services = node.services().await.map_err(as_answer)?;
    let lines: Vec<String> = services.iter().map(ToString::to_string).collect();
    Ok(answer(&lines, "services", Value::list(lines.iter().map(String::as_str))))
}

/// What this node refuses to itself is refused to the caller too.
pub(crate) fn as_answer(error: TalkError) -> HandlerError {
    match error {
        TalkError::Refused(refusal) => HandlerError::Refused(refusal),
        other => HandlerError::Failed(other.to_string()),
    }
}

fn as_switch(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(enabled) => Some(*enabled),
        Value::Int(1) => Some(true),
        Value::Int(0) => Some(false),
        Value::Text(text) => match text.to_lowercase().as_str() {
            "on" | "true" | "yes" | "1" => Some(true),
            "off" | "false" | "no" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

async fn store_log(node: Node, call: Invocation) -> Result<Value, HandlerError> {
    let name = call.arguments.first().map(ToString::to_string);
    let stored = node.log_book().store(name).await?;
    Ok(Value::from(format!("the log is stored as {stored}")))
}

fn error_trace(troubles: &[Notice]) -> Value {
    let last = &troubles[troubles.len().saturating_sub(ANSWERED_MAX)..];
    let mut lines: Vec<String> = last.iter().map(ToString::to_string).collect();
    if lines.is_empty() {
        lines.push("no warnings and no errors so far".to_owned());
    }
    let entry = |notice: &Notice| {
        Value::map([
            ("number", Value::from(notice.number)),
            ("time", time_in_words(notice.time).into()),
            ("kind", notice.kind.as_str().into()),
            ("text", notice.text.as_str().into()),
        ])
    };
    answer(&lines, "entries", Value::list(last.iter().map(entry)))
}

async fn list_tasks(node: Node) -> Result<Value, HandlerError> {
    let tasks = node.tasks().await.map_err(as_answer)?;
    let lines: Vec<String> =
        tasks.iter().map(|task| format!("{}: {}", task.task, task.state)).collect();
    let entries = tasks.iter().map(|task| {
        Value::map([
            ("task", Value::from(task.task.as_str())),
            ("state", task.state.as_str().into()),
        ])
    });
    Ok(answer(&lines, "tasks", Value::list(entries)))
}

async fn attributes_of(node: Node, settings: Value) -> Result<Value, HandlerError> {
    let picture = node.snapshot().await.map_err(as_answer)?;
    let Value::Map(mut map) = settings else { return Ok(settings) };
    let parent = picture.parent.map(|id| id.to_string());
    for (key, value) in [
        ("name", Value::from(picture.name.as_str())),
        ("path", picture.path.to_string().into()),
        ("rooted", picture.rooted.into()),
        ("higher_server", parent.into()),
        ("links", picture.links.into()),
        ("nodes_below", (picture.tree.len() - 1).into()),
    ] {
        map.insert(key.to_owned(), value);
    }
    Ok(Value::Map(map))
}

/// An answer for people, with the same for programs under `key`.
pub(crate) fn answer(lines: &[String], key: &str, value: Value) -> Value {
    Value::map([("text", Value::from(lines.join("\n"))), (key, value)])
}

/// What a node was configured to be, for `s.attributes`: no key, no ticket, no path on its disk.
pub(crate) fn settings(config: &NodeConfig) -> Value {
    let newcomers: Vec<&str> = config.newcomers.iter().map(Permission::as_str).collect();
    let address = config.address.as_ref().map(ToString::to_string);
    let mut entries = vec![
        ("id", Value::from(config.id.to_string())),
        ("role", config.role.as_str().into()),
        ("description", config.description.as_str().into()),
        ("version", config.version.as_str().into()),
        ("protocol_version", u64::from(ltn_proto::frame::PROTOCOL_VERSION).into()),
        ("address", address.into()),
        ("data_port", config.data_port.map(u64::from).into()),
        ("newcomers_may", newcomers.join(", ").into()),
        ("starts_with_services", config.services.into()),
    ];
    entries.extend(limits(&config.limits));
    Value::map(entries)
}

fn limits(limits: &Limits) -> [(&'static str, Value); 12] {
    let seconds = |time: std::time::Duration| Value::from(time.as_secs_f64());
    [
        ("limit_ping_interval_seconds", seconds(limits.ping_interval)),
        ("limit_lease_seconds", seconds(limits.lease)),
        ("limit_hello_timeout_seconds", seconds(limits.hello_timeout)),
        ("limit_open_requests_per_caller", limits.open_requests_per_caller.into()),
        ("limit_open_requests", limits.open_requests.into()),
        ("limit_records", limits.records.into()),
        ("limit_links", limits.links.into()),
        ("limit_pending_links", limits.pending_links.into()),
        ("limit_pending_links_per_address", limits.pending_links_per_address.into()),
        ("limit_queued_messages", limits.queued_messages.into()),
        ("limit_queued_bytes", limits.queued_bytes.into()),
        ("limit_stalled_link_seconds", seconds(limits.stalled_link_timeout)),
    ]
}
