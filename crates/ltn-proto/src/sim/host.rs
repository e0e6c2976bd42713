//! One host: a node's process, what it keeps while the process is away, and what waits for it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::address::Address;
use crate::durable::Remembered;
use crate::event::Op;
use crate::frame::Frame;
use crate::id::{DialId, LinkId, NodeId, OpId};
use crate::limits::Limits;
use crate::moment::Moment;
use crate::name::Name;
use crate::node::{NodeConfig, NodeState};
use crate::permissions::Permissions;
use crate::role::Role;

use super::network::Happening;
use super::wire::{Side, WireId};

/// Where a host's node is, or wants to be, by what its program was told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Home {
    /// The higher server's id, while connected.
    pub parent: Option<NodeId>,
    /// The higher server's address: where it is connected, or where it tries to come back to.
    pub address: Option<Address>,
    /// The name that the higher server gave.
    pub name: Option<Name>,
    /// Has it a higher server, or does it try to come back by itself?
    pub wanted: bool,
}

/// One host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) config: NodeConfig,
    /// The running process; `None` while it is away.
    pub(super) mind: Option<NodeState>,
    /// Counts the starts of the process.
    pub(super) run: u32,
    /// Which wire a link number means.
    pub(super) links: BTreeMap<LinkId, (WireId, Side)>,
    /// Links that the mind closed or lost, and was not told of yet.
    pub(super) closing: BTreeMap<LinkId, (WireId, Side)>,
    /// Dials without an answer.
    pub(super) dials: BTreeMap<DialId, Option<WireId>>,
    /// The earliest moment at which the mind is woken.
    pub(super) wake: Option<Moment>,
    /// What waits while the process is paused; `None` while it runs.
    pub(super) paused: Option<VecDeque<Happening>>,
    /// Does its machine sleep, rather than its process stand still?
    pub(super) asleep: bool,
    pub(super) home: Home,
    /// What its disk remembers.
    pub(super) disk: Remembered,
    /// When its disk has taken what it was given so far.
    pub(super) disk_busy_until: Moment,
    /// What its program asked for to find a first server, until it has one.
    pub(super) seeking: Option<OpId>,
    /// Its process ends and may be started again: it keeps its place in mind.
    pub(super) goes_away: bool,
    /// What its program offers, told again after each start.
    pub(super) offers: BTreeMap<String, Op>,
    /// Steps in the simulated second that runs: a mind that never rests is found out.
    pub(super) steps: (u64, u32),
    /// How far its clock is ahead of the others'.
    pub(super) skew: Duration,
    /// Does it say more than this version knows?
    pub(super) newer: bool,
    /// A frame that a broken mind keeps back.
    pub(super) held: Option<(LinkId, Frame)>,
}

impl Host {
    pub(super) fn new(public_key: Vec<u8>, role: Role, name: Option<Name>, number: usize) -> Self {
        let address = role.accepts_children().then(|| Address::new(&format!("sim:{number}")));
        let config = NodeConfig {
            id: NodeId::of_public_key(&public_key),
            public_key,
            network: None,
            role,
            name,
            description: "simulated".to_owned(),
            version: "0.0.0".to_owned(),
            address,
            data_port: None,
            incarnation: 0,
            starts: 0,
            seed: [0; 32],
            newcomers: Permissions::admin(),
            limits: Limits::default(),
            services: true,
            standing: None,
            remembered: Remembered::default(),
            backup_parents: Vec::new(),
            keeps_key: false,
        };
        Self {
            config,
            mind: None,
            run: 0,
            links: BTreeMap::new(),
            closing: BTreeMap::new(),
            dials: BTreeMap::new(),
            wake: None,
            paused: None,
            asleep: false,
            home: Home::default(),
            disk: Remembered::default(),
            disk_busy_until: Moment::ZERO,
            seeking: None,
            goes_away: false,
            offers: BTreeMap::new(),
            steps: (0, 0),
            skew: Duration::ZERO,
            newer: false,
            held: None,
        }
    }

    /// The process is gone: nothing of its memory stays.
    pub(super) fn forget(&mut self) {
        self.mind = None;
        self.links.clear();
        self.closing.clear();
        self.dials.clear();
        self.wake = None;
        self.paused = None;
        self.asleep = false;
        self.held = None;
        self.home.parent = None;
    }
}
