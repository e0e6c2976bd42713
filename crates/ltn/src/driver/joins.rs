//! The joining of a higher server as the program sees it: who waits for it, what it brought, and
//! where the way up leads after a restart.
//!
//! The mind reports an outcome and, apart from it, the facts of a new parent; here they become one
//! answer. This room sends nothing on links.

use ltn_proto::{
    Address, CloseReason, DialError, Event, Name, OpId, Outcome, Refusal, RefusalKind, Value,
};
use tokio::sync::oneshot;

use crate::error::ConnectError;
use crate::words::Joined;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Joins {
    waiting: Option<Waiting>,
    /// What the newest join brought, until somebody who waits for it has got it.
    brought: Option<Joined>,
    /// Where the higher server was reached, or is looked for without end.
    uplink: Option<Address>,
    /// The dial that failed in this very turn: the reason for what ends in it.
    failed_dial: Option<DialError>,
}

#[derive(Debug)]
struct Waiting {
    id: OpId,
    to: Address,
    end: oneshot::Sender<Result<Joined, ConnectError>>,
    /// The operation has ended well and the facts of the new parent have not come yet.
    succeeded: bool,
}

impl Joins {
    /// Somebody wants to join. Only one at a time does: `false` if that was the answer.
    pub(crate) fn begin(
        &mut self,
        id: OpId,
        to: Address,
        persist: bool,
        end: oneshot::Sender<Result<Joined, ConnectError>>,
    ) -> bool {
        if self.waiting.as_ref().is_some_and(|waiting| !waiting.end.is_closed()) {
            // Whoever does not wait any more does not need to know.
            let _ = end.send(Err(ConnectError::AlreadyConnecting));
            return false;
        }
        if persist {
            self.uplink = Some(to.clone());
        }
        self.brought = None;
        self.waiting = Some(Waiting { id, to, end, succeeded: false });
        true
    }

    /// A dial came to nothing; what ends before [`Self::forget_dial`] ends because of it.
    pub(crate) const fn dial_failed(&mut self, why: DialError) {
        self.failed_dial = Some(why);
    }

    /// See [`Self::dial_failed`].
    pub(crate) const fn forget_dial(&mut self) {
        self.failed_dial = None;
    }

    /// The program leaves its higher server: a restart does not bring it back there.
    pub(crate) fn forget_uplink(&mut self) {
        self.uplink = None;
    }

    /// Where the higher server of this node is, if it has or wants one.
    pub(crate) const fn uplink(&self) -> Option<&Address> {
        self.uplink.as_ref()
    }

    /// The node begins a new life: whoever waited is told so by the loss of the other end.
    pub(crate) fn begin_again(&mut self) {
        self.waiting = None;
        self.brought = None;
    }

    /// An operation has ended; if it was the join, whoever waits gets to know.
    pub(crate) fn ended(&mut self, op: OpId, outcome: Outcome) {
        let Some(mut waiting) = self.waiting.take_if(|waiting| waiting.id == op) else { return };
        let result = match outcome {
            Outcome::Reply(_) | Outcome::Delivered => match self.brought.take() {
                Some(joined) => Ok(joined),
                None => {
                    waiting.succeeded = true;
                    self.waiting = Some(waiting);
                    return;
                }
            },
            outcome => Err(connect_error(outcome, self.failed_dial, &waiting.to)),
        };
        let _ = waiting.end.send(result);
    }

    /// Looks at an event that everybody is told of.
    pub(crate) fn notice(&mut self, event: &Event) {
        match event {
            Event::Connected {
                parent,
                parent_name,
                address,
                name,
                name_reason,
                metadata,
                admin,
            } => {
                self.uplink = Some(address.clone());
                let joined = Joined {
                    server: *parent,
                    server_name: parent_name.to_string(),
                    name: name.as_ref().map(Name::to_string),
                    name_reason: name_reason.clone(),
                    data_port: data_port(metadata),
                    admin: *admin,
                    welcome: welcome(parent_name, name.as_ref(), name_reason.as_deref(), *admin),
                };
                self.brought(joined);
            }
            // A node that leaves because it restarts itself comes back to the same server.
            Event::Disconnected {
                reason: CloseReason::Leaving | CloseReason::Restarting, ..
            } => {}
            Event::Disconnected { returning: false, .. } => self.uplink = None,
            _ => {}
        }
    }

    fn brought(&mut self, joined: Joined) {
        match self.waiting.take_if(|waiting| waiting.succeeded) {
            // Whoever does not wait any more does not need to know.
            Some(waiting) => drop(waiting.end.send(Ok(joined))),
            None => self.brought = Some(joined),
        }
    }
}

/// The texts that a person reads who joined, in the order of the seed.
fn welcome(
    server: &Name,
    name: Option<&Name>,
    name_reason: Option<&str>,
    admin: bool,
) -> Vec<String> {
    let mut texts = vec![format!("Connected to {server}")];
    if let Some(name) = name {
        texts.push(format!("Registered as '{name}'"));
    }
    texts.extend(name_reason.map(str::to_owned));
    texts.push("Type 's.help()' for more information".to_owned());
    if admin {
        texts.push("You have admin permissions".to_owned());
    }
    texts
}

/// The port of `Maindata` in what a server tells of itself: `socks` is a list of `[name, port]`.
fn data_port(metadata: &Value) -> Option<u16> {
    let Value::Map(facts) = metadata else { return None };
    let Some(Value::List(sockets)) = facts.get("socks") else { return None };
    sockets.iter().find_map(|socket| match socket {
        Value::List(pair) => match pair.as_slice() {
            [Value::Text(name), Value::Int(port)] if name == "Maindata" => {
                u16::try_from(*port).ok()
            }
            _ => None,
        },
        _ => None,
    })
}

fn connect_error(outcome: Outcome, dial: Option<DialError>, to: &Address) -> ConnectError {
    let address = to.to_string();
    match (dial, outcome) {
        (Some(DialError::NoServer), _) => ConnectError::NoServer(address),
        (Some(DialError::Timeout), _) => ConnectError::Timeout(address),
        (Some(DialError::Unsuited), _) => ConnectError::Unsuited(address),
        (Some(DialError::NotLtn), _) => ConnectError::NotLtn(address),
        // Found out in the handshake: a spelling that only the system's resolver understands.
        (_, Outcome::Refused(refusal)) if refusal.kind == RefusalKind::OwnAddress => {
            ConnectError::OwnAddress(address)
        }
        (_, Outcome::Refused(refusal)) => ConnectError::Refused(refusal),
        (_, Outcome::NoRoute(no_route)) => {
            ConnectError::Refused(Refusal::new(RefusalKind::NoRoot, no_route.to_string()))
        }
        (_, Outcome::Failed(text)) => {
            ConnectError::Refused(Refusal::new(RefusalKind::NotPossible, text))
        }
        (_, _) => ConnectError::Timeout(address),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ltn_proto::NodeId;

    use super::*;

    fn connected() -> Event {
        let socket = Value::List(vec![Value::Text("Maindata".into()), Value::Int(3_999)]);
        let facts = BTreeMap::from([("socks".to_owned(), Value::List(vec![socket]))]);
        Event::Connected {
            parent: NodeId::of_public_key(b"main"),
            parent_name: Name::known("Mainserver").unwrap(),
            address: Address::new("127.0.0.1:4000"),
            name: Some(Name::known("sub1").unwrap()),
            name_reason: None,
            metadata: Value::Map(facts),
            admin: true,
        }
    }

    fn begin(joins: &mut Joins) -> oneshot::Receiver<Result<Joined, ConnectError>> {
        let (end, ended) = oneshot::channel();
        assert!(joins.begin(OpId(1), Address::new("127.0.0.1:4000"), false, end));
        ended
    }

    #[test]
    fn a_join_brings_the_texts_of_the_seed_in_either_order_of_events() {
        for facts_first in [true, false] {
            let mut joins = Joins::default();
            let mut ended = begin(&mut joins);
            if facts_first {
                joins.notice(&connected());
                joins.ended(OpId(1), Outcome::Reply(Value::Null));
            } else {
                joins.ended(OpId(1), Outcome::Reply(Value::Null));
                assert!(ended.try_recv().is_err());
                joins.notice(&connected());
            }
            let joined = ended.try_recv().unwrap().unwrap();
            assert_eq!(
                joined.welcome,
                [
                    "Connected to Mainserver",
                    "Registered as 'sub1'",
                    "Type 's.help()' for more information",
                    "You have admin permissions",
                ]
            );
            assert_eq!(joined.data_port, Some(3_999));
        }
    }

    #[test]
    fn the_reason_for_another_name_stands_behind_the_name() {
        let name = Name::known("unnamed_k3f9a").unwrap();
        let server = Name::known("sub1").unwrap();
        let texts = welcome(&server, Some(&name), Some("`server` is reserved"), false);
        assert_eq!(texts[1..3], ["Registered as 'unnamed_k3f9a'", "`server` is reserved"]);
        assert_eq!(texts.len(), 4);
    }

    #[test]
    fn only_one_join_at_a_time() {
        let mut joins = Joins::default();
        let first = begin(&mut joins);
        let (end, mut second) = oneshot::channel();
        assert!(!joins.begin(OpId(2), Address::new("127.0.0.1:4000"), false, end));
        assert_eq!(second.try_recv().unwrap(), Err(ConnectError::AlreadyConnecting));
        drop(first);
        begin(&mut joins);
    }

    #[test]
    fn a_failed_dial_is_the_reason_for_what_ends_with_it() {
        let mut joins = Joins::default();
        let mut ended = begin(&mut joins);
        joins.dial_failed(DialError::NoServer);
        joins.ended(OpId(1), Outcome::Unknown(String::new()));
        joins.forget_dial();
        let error = ended.try_recv().unwrap().unwrap_err();
        assert_eq!(error, ConnectError::NoServer("127.0.0.1:4000".to_owned()));
    }

    #[test]
    fn a_restart_remembers_the_way_up_and_a_kick_forgets_it() {
        let mut joins = Joins::default();
        let lost = |reason| Event::Disconnected {
            parent: NodeId::NOBODY,
            parent_name: Name::known("Mainserver").unwrap(),
            reason,
            text: String::new(),
            returning: false,
        };
        joins.notice(&connected());
        joins.notice(&lost(CloseReason::Restarting));
        assert!(joins.uplink().is_some());
        joins.notice(&lost(CloseReason::Kicked));
        assert!(joins.uplink().is_none());
    }
}
