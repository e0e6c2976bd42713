//! Pictures of a simulated network for the person who looks for what went wrong.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::event::{Event, Op};
use crate::frame::Kind;
use crate::id::NodeId;

use super::HostId;
use super::history::{Record, What};
use super::network::{Network, Passage};

impl Network {
    /// The network as it stands: every host below the one that its wire leads to.
    #[must_use]
    pub fn draw(&self) -> String {
        let mut picture = String::new();
        let mut drawn = BTreeSet::new();
        for host in self.hosts() {
            if self.home(host).parent.is_none() {
                self.draw_below(host, 0, &mut drawn, &mut picture);
            }
        }
        // Whoever is in a cycle is below no top.
        for host in self.hosts() {
            self.draw_below(host, 0, &mut drawn, &mut picture);
        }
        picture
    }

    fn draw_below(
        &self,
        host: HostId,
        layer: usize,
        drawn: &mut BTreeSet<HostId>,
        picture: &mut String,
    ) {
        if !drawn.insert(host) {
            return;
        }
        // Writing into a text cannot fail.
        let _ = writeln!(picture, "{}{}", "   ".repeat(layer), self.describe(host));
        let id = self.id(host);
        for below in self.hosts() {
            if self.is_up(below) && self.home(below).parent == Some(id) {
                self.draw_below(below, layer + 1, drawn, picture);
            }
        }
    }

    fn describe(&self, host: HostId) -> String {
        let title = format!("{} {} {}", title(self, host), self.role(host), self.id(host).short());
        if !self.is_up(host) {
            return format!("{title} (down)");
        }
        let paused = if self.is_paused(host) { ", paused" } else { "" };
        let seen = self.snapshot(host);
        let rooted = if seen.rooted { "" } else { ", no way to the root" };
        format!("{title} at {}{rooted}{paused}", seen.path)
    }
}

fn title(network: &Network, host: HostId) -> String {
    let name = network.config(host).name.as_ref();
    format!("#{} {}", host.0, name.map_or("(nameless)", |name| name.as_str()))
}

fn who(network: &Network, id: NodeId) -> String {
    network.host_of(id).map_or_else(|| format!("{id:?}"), |host| format!("#{}", host.0))
}

/// A line of the trace for a frame.
pub(super) fn passage(network: &Network, passage: &Passage<'_>, arrived: bool) -> String {
    let header = &passage.frame.header;
    format!(
        "{:>12.6} #{} {} #{} {} {}→{} id {:x} hops {} {} B{}",
        passage.at.since_zero().as_secs_f64(),
        passage.from.0,
        if arrived { "⇒" } else { "→" },
        passage.to.0,
        kind_name(header.kind),
        who(network, header.source),
        who(network, header.destination),
        header.id,
        header.hops_left,
        passage.frame.payload.len(),
        if passage.injected { " FORGED" } else { "" },
    )
}

/// A line of the trace for anything else.
pub(super) fn record(network: &Network, record: &Record) -> String {
    let what = match &record.what {
        What::Asked(op) => format!("asks {}", asked(op)),
        What::Told(event) => format!("told {}", told(event)),
        other => format!("{other:?}"),
    };
    format!("{:>12.6} {} {what}", record.at.since_zero().as_secs_f64(), title(network, record.host))
}

fn asked(op: &Op) -> String {
    format!("{op:?}")
}

fn told(event: &Event) -> String {
    format!("{event:?}")
}

fn kind_name(kind: Kind) -> String {
    let name = match kind {
        Kind::HELLO => "HELLO",
        Kind::WELCOME => "WELCOME",
        Kind::REGISTER => "REGISTER",
        Kind::CLOSE => "CLOSE",
        Kind::PING => "PING",
        Kind::PONG => "PONG",
        Kind::PLACE => "PLACE",
        Kind::TREE => "TREE",
        Kind::TICKET => "TICKET",
        Kind::RESOLVE => "RESOLVE",
        Kind::RESOLVED => "RESOLVED",
        Kind::SEND => "SEND",
        Kind::CAST => "CAST",
        Kind::REQUEST => "REQUEST",
        Kind::CALL => "CALL",
        Kind::REPLY => "REPLY",
        Kind::CHALLENGE => "CHALLENGE",
        Kind::SEALED => "SEALED",
        Kind::WHERE => "WHERE",
        Kind::WHEREABOUTS => "WHEREABOUTS",
        Kind::FAREWELL => "FAREWELL",
        Kind::AUDIT => "AUDIT",
        Kind::REFUSED => "REFUSED",
        Kind::NO_ROUTE => "NO_ROUTE",
        Kind::EDGE_ASK => "EDGE_ASK",
        Kind::EDGE_ANSWER => "EDGE_ANSWER",
        Kind::EDGE_DONE => "EDGE_DONE",
        Kind::ORDER => "ORDER",
        Kind::ORDER_REPORT => "ORDER_REPORT",
        Kind::ORDER_NOTED => "ORDER_NOTED",
        Kind::PART => "PART",
        other => return format!("kind {:#04x}", other.0),
    };
    name.to_owned()
}
