//! What happened in a simulated network, in order: for checkers, for people, and as one number
//! that two runs of the same seed must share.

use std::fmt::{self, Write};

use crate::event::{Event, ManyOp, Op};
use crate::frame::Frame;
use crate::id::OpId;
use crate::moment::Moment;
use crate::outcome::Outcome;

use super::HostId;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// When.
    pub at: Moment,
    /// Where.
    pub host: HostId,
    /// What.
    pub what: What,
}

/// What can happen, as far as it is worth remembering.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The process started; the number counts its starts.
    Started(u32),
    /// The process ended by its own will.
    Stopped,
    /// The process vanished.
    Crashed,
    /// Its program asked for something.
    Asked(Op),
    /// Its program was told something.
    Told(Event),
    /// Something was done to it, in words.
    Fault(&'static str),
}

/// One thing that a program asked for, and how it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct OpRecord {
    /// By which its outcome names it.
    pub op: OpId,
    /// Who asked.
    pub host: HostId,
    /// In which run of that host's process.
    pub run: u32,
    /// What was asked, in one word.
    pub word: &'static str,
    /// When.
    pub started: Moment,
    /// When it must have ended, where it says so.
    pub due: Option<Moment>,
    /// May it go on until it works?
    pub persists: bool,
    /// How it ended, and when.
    pub outcome: Option<(Moment, Outcome)>,
    /// How often it ended: once, if all is well.
    pub endings: u32,
}

/// All that happened.
#[derive(Debug, Default)]
pub struct History {
    /// In order.
    pub records: Vec<Record>,
    digest: Digest,
}

impl History {
    /// One number for all that happened, every frame included.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest.0
    }

    /// All that one host was told.
    pub fn told(&self, host: HostId) -> impl Iterator<Item = &Event> {
        self.records.iter().filter(move |record| record.host == host).filter_map(|record| {
            match &record.what {
                What::Told(event) => Some(event),
                _ => None,
            }
        })
    }

    /// Adds something worth remembering.
    pub(super) fn add(&mut self, record: Record) {
        // Writing into a digest cannot fail.
        let _ = write!(self.digest, "{record:?}");
        self.records.push(record);
    }

    /// Adds a frame that left a host. It is digested, not kept: there are too many.
    pub(super) fn frame(&mut self, at: Moment, host: HostId, frame: &Frame) {
        let header = &frame.header;
        self.digest.mix(u64::from(at.since_zero().subsec_nanos()) ^ (host.0 as u64) << 32);
        self.digest.mix(u64::from(header.kind.0) << 8 | u64::from(header.flags.0));
        self.digest.mix(header.id);
        self.digest.bytes(header.source.as_bytes());
        self.digest.bytes(header.destination.as_bytes());
        self.digest.bytes(&frame.payload);
    }
}

/// FNV-1a over eight bytes at a time: a fingerprint, not a proof.
#[derive(Debug)]
struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    fn mix(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.mix(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut number = [0; 8];
            number[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(number));
        }
    }
}

impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

/// One word for what is asked.
#[must_use]
pub const fn word(op: &Op) -> &'static str {
    match op {
        Op::Connect { .. } => "connect",
        Op::Disconnect { .. } => "disconnect",
        Op::Send { .. } => "send",
        Op::Cast { .. } => "cast",
        Op::Request { .. } => "request",
        Op::Call { .. } => "call",
        Op::Rename { .. } => "rename",
        Op::Locate { .. } => "locate",
        Op::Many(ManyOp::Select { .. }) => "select",
        Op::Many(ManyOp::Gather { .. }) => "gather",
        Op::Many(ManyOp::Watch { .. }) => "watch",
        Op::Many(ManyOp::Taken { .. }) => "taken",
        Op::Many(ManyOp::Abandon { .. }) => "abandon",
        Op::Answer { .. } => "answer",
        Op::OfferRequestable { .. } | Op::OfferCommand { .. } => "offer",
        Op::Withdraw { .. } => "withdraw",
        Op::DataSockets(_) => "data sockets",
        Op::TicketUsed { .. } => "ticket used",
        Op::AdminKey(_) => "admin key",
        Op::Service { .. } | Op::ServiceEnded { .. } => "service",
        Op::Charter { .. } => "charter",
        Op::Homes { .. } => "homes",
        Op::Stop { restart: false } => "stop",
        Op::Stop { restart: true } => "restart",
        Op::GoAway => "go away",
        Op::GiveWay => "give way",
        Op::Admitted(_) => "admitted",
        Op::BackUp { .. } => "back up",
    }
}

/// The number by which its outcome names it, and how long it may take where it says so.
#[must_use]
pub const fn numbered(op: &Op) -> Option<(OpId, Option<std::time::Duration>)> {
    match op {
        Op::Connect { op, .. }
        | Op::Disconnect { op }
        | Op::Rename { op, .. }
        | Op::Service { op, .. } => Some((*op, None)),
        Op::Send { op, timeout, .. }
        | Op::Request { op, timeout, .. }
        | Op::Call { op, timeout, .. }
        | Op::Locate { op, timeout, .. }
        | Op::Many(ManyOp::Select { op, timeout, .. } | ManyOp::Gather { op, timeout, .. }) => {
            Some((*op, Some(*timeout)))
        }
        // A watch ends when its node does.
        Op::Many(ManyOp::Watch { op, .. }) => Some((*op, None)),
        Op::Many(ManyOp::Taken { .. } | ManyOp::Abandon { .. }) => None,
        Op::Cast { .. }
        | Op::Answer { .. }
        | Op::OfferRequestable { .. }
        | Op::OfferCommand { .. }
        | Op::Withdraw { .. }
        | Op::AdminKey(_)
        | Op::DataSockets(_)
        | Op::TicketUsed { .. }
        | Op::ServiceEnded { .. }
        | Op::Charter { .. }
        | Op::Homes { .. }
        | Op::BackUp { .. }
        | Op::GoAway
        | Op::GiveWay
        | Op::Admitted(_)
        | Op::Stop { .. } => None,
    }
}
