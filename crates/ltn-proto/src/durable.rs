//! What a node must still know after its process, or its machine, went down at any instant.
//!
//! The mind says so with [`Output::Persist`](crate::Output::Persist); where a promise needs it, it
//! goes on only when [`Input::Persisted`](crate::Input::Persisted) has come. These are words: how
//! they are written, and where, is for the shell.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::audit::{Audited, CopyOf};
use crate::charter::SignedCharter;
use crate::id::NodeId;
use crate::name::Name;
use crate::permissions::Permissions;
use crate::value::Value;

/// The dangerous commands that are remembered; beyond that the oldest are forgotten.
pub const DEEDS_MAX: usize = 256;
/// The roll calls that are remembered; beyond that the oldest are forgotten.
pub const REPORTS_MAX: usize = 8;
/// The addresses that are kept of one higher server.
pub const KEPT_ADDRESSES_MAX: usize = 8;

/// Numbers what has to be written, within one life of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub u64);

/// Something to be written; it takes the place of what was written of the same kind before.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Durable {
    /// The higher server that this node belongs to; `None` once it left for good.
    Parent(Option<KeptParent>),
    /// A dangerous command was confirmed and is about to run; or it is over, with the same number.
    Deed(KeptDeed),
    /// A roll call has begun; or it is over, with the same number.
    Report(KeptReport),
    /// What this server holds of each of these nodes; of who is not named, what it held before.
    People(Vec<KeptPerson>),
    /// The name that somebody gave this node while it ran.
    Name(Name),
    /// Where the program wants another higher server looked for when the own one is lost.
    BackupParents(Vec<Address>),
    /// The newest charter that was seen, in a network with members: what somebody was told once,
    /// above all whose key is refused, is never forgotten.
    Charter {
        /// The charter.
        newest: SignedCharter,
        /// Older ones that refuse somebody whom it does not.
        owed: Vec<SignedCharter>,
    },
    /// A signed command was accepted and is about to run: as [`Durable::Deed`], with its line of
    /// the audit log, both or none.
    Accepted {
        /// The command.
        deed: KeptDeed,
        /// Its line.
        what: Audited,
    },
    /// A signed command is over: as [`Durable::Deed`], with the line of the audit log that says how
    /// it ended, both or none.
    Ended {
        /// The command.
        deed: KeptDeed,
        /// The line.
        what: Audited,
    },
    /// One more line of the audit log. It takes no other one's place.
    Audit {
        /// Whose line this is a copy of; nothing if it is about the node itself.
        copy: Option<CopyOf>,
        /// The line.
        what: Audited,
    },
}

impl Durable {
    /// The line of the audit log in it, and whose copy it is.
    #[must_use]
    pub const fn audited(&self) -> Option<(Option<CopyOf>, &Audited)> {
        match self {
            Self::Accepted { what, .. } | Self::Ended { what, .. } => Some((None, what)),
            Self::Audit { copy, what } => Some((*copy, what)),
            _ => None,
        }
    }
}

/// What a server holds of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPerson {
    /// Who.
    pub node: NodeId,
    /// What it was given here, beyond what everybody has.
    pub rights: Permissions,
    /// Is nothing looked at that it says, asks or commands?
    pub muted: bool,
    /// Is it refused because it was kicked? How long the power was away nobody knows, so after a
    /// start it is refused for the whole time of a kick.
    pub kicked: bool,
}

impl KeptPerson {
    /// Is there nothing to be remembered of it?
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.rights.iter().next().is_none() && !self.muted && !self.kicked
    }
}

/// A dangerous command that was confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptDeed {
    /// Higher than that of every earlier one of this node.
    pub number: u64,
    /// The token that confirmed it.
    pub token: [u8; 16],
    /// Who confirmed it.
    pub actor: NodeId,
    /// The command.
    pub command: String,
    /// Is it over? One that ends this process counts as over when it begins.
    pub done: bool,
}

/// A roll call that this node led.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptReport {
    /// Higher than that of every earlier one of this node.
    pub number: u64,
    /// Is it over? Else it says whom the order was meant for.
    pub finished: bool,
    /// What who gave the order gets: `roll_call` is a list of nodes, `text` a sentence.
    pub report: Value,
}

impl KeptReport {
    /// As people get it: one that was not over says so.
    #[must_use]
    pub fn told(&self) -> Value {
        let mut report = self.report.clone();
        if let Value::Map(map) = &mut report
            && !self.finished
        {
            let text = "the order was given, and this server went down before the end: how the \
                        others ended is not known";
            map.insert("text".to_owned(), Value::from(text));
        }
        report
    }
}

/// All that a node remembers of its earlier lives.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Remembered {
    /// The higher server that it belongs to.
    pub parent: Option<KeptParent>,
    /// The dangerous commands, the oldest first.
    pub deeds: Vec<KeptDeed>,
    /// The roll calls that it led, the oldest first.
    pub reports: Vec<KeptReport>,
    /// What it holds of nodes, of which there is anything.
    pub people: BTreeMap<NodeId, KeptPerson>,
    /// The name that it was given while it ran.
    pub name: Option<Name>,
    /// Where another higher server is looked for in bad times, as the program said last.
    pub backup_parents: Vec<Address>,
    /// The newest charter that was seen; none in an open network.
    pub charter: Option<SignedCharter>,
    /// Older charters that refuse somebody whom the newest does not.
    pub owed_charters: Vec<SignedCharter>,
    /// How far it has counted the lines of the audit log about itself.
    pub audit_count: u64,
}

impl Remembered {
    /// What it is once this is written.
    pub fn take_in(&mut self, what: &Durable) {
        if let Some((None, audited)) = what.audited() {
            self.audit_count = self.audit_count.max(audited.count.unwrap_or_default());
        }
        match what {
            Durable::Parent(parent) => self.parent.clone_from(parent),
            // The log itself is kept by who writes it.
            Durable::Audit { .. } => {}
            Durable::Deed(deed) | Durable::Accepted { deed, .. } | Durable::Ended { deed, .. } => {
                self.deeds.retain(|known| known.number != deed.number);
                self.deeds.push(deed.clone());
                self.deeds.sort_by_key(|deed| deed.number);
                let beyond = self.deeds.len().saturating_sub(DEEDS_MAX);
                self.deeds.drain(..beyond);
            }
            Durable::Report(report) => {
                self.reports.retain(|known| known.number != report.number);
                self.reports.push(report.clone());
                self.reports.sort_by_key(|report| report.number);
                let beyond = self.reports.len().saturating_sub(REPORTS_MAX);
                self.reports.drain(..beyond);
            }
            Durable::People(people) => {
                for person in people {
                    if person.is_nothing() {
                        self.people.remove(&person.node);
                    } else {
                        self.people.insert(person.node, person.clone());
                    }
                }
            }
            Durable::Name(name) => self.name = Some(name.clone()),
            Durable::BackupParents(parents) => self.backup_parents.clone_from(parents),
            Durable::Charter { newest, owed } => {
                self.charter = Some(newest.clone());
                self.owed_charters.clone_from(owed);
            }
        }
    }
}

/// The higher server that a node belongs to, and where it may be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptParent {
    /// Who it is. Addresses are only hints; this is what the other end has to prove.
    pub id: NodeId,
    /// What it calls itself, for people.
    pub name: Name,
    /// Where it was reached, the best first; [`KEPT_ADDRESSES_MAX`] at the most.
    pub addresses: Vec<Address>,
}

impl KeptParent {
    /// A server that was reached at the first of these addresses.
    #[must_use]
    pub fn new(id: NodeId, name: Name, addresses: impl IntoIterator<Item = Address>) -> Self {
        let mut kept = Self { id, name, addresses: Vec::new() };
        for address in addresses {
            if kept.addresses.len() < KEPT_ADDRESSES_MAX && !kept.addresses.contains(&address) {
                kept.addresses.push(address);
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_the_newest_of_it() {
        let mut remembered = Remembered::default();
        for number in 0..1_000 {
            for done in [false, true] {
                let actor = NodeId::of_public_key(b"somebody");
                let command = "s.restart".to_owned();
                let deed = KeptDeed { number, token: [0; 16], actor, command, done };
                remembered.take_in(&Durable::Deed(deed));
                let report = KeptReport { number, finished: done, report: Value::Null };
                remembered.take_in(&Durable::Report(report));
            }
        }
        assert_eq!((remembered.deeds.len(), remembered.reports.len()), (DEEDS_MAX, REPORTS_MAX));
        assert!(remembered.deeds.iter().all(|deed| deed.done));
        assert_eq!(remembered.reports.last().map(|report| report.number), Some(999));
        assert!(remembered.reports.iter().all(|report| report.finished));
    }

    #[test]
    fn of_a_node_that_nothing_is_held_of_nothing_is_remembered() {
        let mut remembered = Remembered::default();
        let nobody = KeptPerson {
            node: NodeId::of_public_key(b"ann"),
            rights: Permissions::default(),
            muted: false,
            kicked: false,
        };
        let muted = KeptPerson { muted: true, ..nobody.clone() };
        remembered.take_in(&Durable::People(vec![muted]));
        assert_eq!(remembered.people.len(), 1);
        remembered.take_in(&Durable::People(vec![nobody]));
        assert!(remembered.people.is_empty());
    }

    #[test]
    fn a_parent_has_few_addresses_each_once_and_the_best_first() {
        let many = (0..20).map(|n| Address::new(&format!("127.0.0.1:{}", 4_000 + n / 2)));
        let name = Name::known("Mainserver").unwrap();
        let kept = KeptParent::new(NodeId::of_public_key(b"main"), name, many);
        assert_eq!(kept.addresses.len(), KEPT_ADDRESSES_MAX);
        assert_eq!(kept.addresses[0], Address::new("127.0.0.1:4000"));
        assert_eq!(kept.addresses[7], Address::new("127.0.0.1:4007"));
    }
}
