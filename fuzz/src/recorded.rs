//! What honest minds say to one another, written down as steps for the one that is tried: with
//! these an input starts beyond the first hello.

use std::collections::VecDeque;

use ltn_proto::Role;

use crate::feed::Feed;
use crate::world::{NODES, Said, TRIED, World, address_of, number_of, step};

/// A story among honest minds: who is what, and what their programs do, in order. Node 0 is the one
/// that is tried.
struct Story {
    name: &'static str,
    roles: &'static [Role],
    /// Which node does what: the bytes of a step.
    deeds: &'static [(u8, &'static [u8])],
}

/// A program joins the server with this number.
const fn join(server: u8) -> [u8; 5] {
    [step::OP, 8, 0, 0, server]
}

const JOIN_0: [u8; 5] = join(0);
const JOIN_1: [u8; 5] = join(1);
const JOIN_3: [u8; 5] = join(3);
const SEND_ALL: [u8; 6] = [step::OP, 0, 0, 5, 1, b'x'];
const SEND_DEEP: [u8; 6] = [step::OP, 0, 2, 5, 1, b'x'];
const ASK_ALL: [u8; 10] = [step::OP, 6, 0, 5, 5, b'l', b'i', b'g', b'h', b't'];
const LIST: [u8; 4] = [step::OP, 7, 0, 5];
const WHERE: [u8; 4] = [step::OP, 5, 2, 5];
const SHUT: [u8; 13] = [step::OP, 3, 1, 5, 8, b's', b'h', b'u', b't', b'd', b'o', b'w', b'n'];
const RENAME: [u8; 6] = [step::OP, 4, 0, 0, 1, b'q'];
const TAKEN: [u8; 3] = [step::ANSWER, 0, 0];
const WAIT: [u8; 2] = [step::TICK, 60];
const LEAVE: [u8; 4] = [step::OP, 9, 0, 0];

const STORIES: [Story; 3] = [
    Story {
        name: "root",
        roles: &[Role::MainServer, Role::SubServer, Role::Client, Role::Client],
        deeds: &[
            (1, &JOIN_0),
            (2, &JOIN_0),
            (3, &JOIN_1),
            (2, &SEND_ALL),
            (0, &TAKEN),
            (3, &SEND_ALL),
            (0, &TAKEN),
            (0, &SEND_DEEP),
            (3, &TAKEN),
            (2, &ASK_ALL),
            (0, &LIST),
            (3, &WHERE),
            (2, &RENAME),
            (2, &SHUT),
            (0, &WAIT),
            (3, &LEAVE),
            (1, &LEAVE),
        ],
    },
    Story {
        name: "middle",
        roles: &[Role::SubServer, Role::MainServer, Role::Client, Role::SubServer],
        deeds: &[
            (0, &JOIN_1),
            (2, &JOIN_0),
            (3, &JOIN_0),
            (2, &SEND_ALL),
            (1, &TAKEN),
            (3, &ASK_ALL),
            (2, &LIST),
            (0, &SEND_ALL),
            (1, &TAKEN),
            (1, &ASK_ALL),
            (2, &RENAME),
            (3, &WHERE),
            (0, &WAIT),
            (2, &SHUT),
            (3, &LEAVE),
            (0, &LEAVE),
        ],
    },
    Story {
        name: "client",
        roles: &[Role::Client, Role::MainServer, Role::Client, Role::SubServer],
        deeds: &[
            (3, &JOIN_1),
            (0, &JOIN_1),
            (2, &JOIN_3),
            (0, &SEND_ALL),
            (1, &TAKEN),
            (0, &ASK_ALL),
            (2, &LIST),
            (0, &LIST),
            (1, &ASK_ALL),
            (0, &RENAME),
            (0, &WHERE),
            (0, &WAIT),
            (0, &SHUT),
            (0, &LEAVE),
        ],
    },
];

/// The recordings, with their names: inputs for the targets `strangers` and `members`.
#[must_use]
pub fn recorded() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for story in &STORIES {
        let whole = play(story);
        // Shorter ones are easier to change into something new.
        for part in 1..=story.deeds.len() {
            let short = Story { deeds: &story.deeds[..part], ..*story };
            let bytes = play(&short);
            if part % 4 == 0 && bytes.len() < whole.len() {
                all.push((format!("{}-{part}", story.name), bytes));
            }
        }
        all.push((story.name.to_owned(), whole));
    }
    all
}

fn play(story: &Story) -> Vec<u8> {
    let tried = (0..).zip(TRIED).find(|(_, role)| *role == story.roles[0]);
    let mut tape = vec![tried.expect("the targets try nodes of this role").0];
    let mut worlds: Vec<World> =
        (0..NODES).zip(story.roles).map(|(number, role)| World::new(number, *role, None)).collect();
    for (node, deed) in story.deeds {
        do_step(&mut worlds, &mut tape, *node, deed);
        settle(&mut worlds, &mut tape);
    }
    tape
}

fn do_step(worlds: &mut [World], tape: &mut Vec<u8>, node: u8, bytes: &[u8]) {
    if node == 0 {
        tape.extend_from_slice(bytes);
    }
    worlds[usize::from(node)].step(&mut Feed::new(bytes));
}

/// Carries all that was said to where it belongs, until nobody has anything to say.
fn settle(worlds: &mut [World], tape: &mut Vec<u8>) {
    let mut waiting: VecDeque<(u8, Said)> = VecDeque::new();
    loop {
        for (number, world) in (0..NODES).zip(worlds.iter_mut()) {
            waiting.extend(std::mem::take(&mut world.said).into_iter().map(|said| (number, said)));
        }
        let Some((from, said)) = waiting.pop_front() else { return };
        carry(worlds, tape, from, said);
    }
}

fn carry(worlds: &mut [World], tape: &mut Vec<u8>, from: u8, said: Said) {
    match said {
        Said::Frame(to, frame) => {
            let header = &frame.header;
            let mut bytes = vec![step::FRAME, from];
            bytes.extend([header.kind.0, header.flags.0, header.hops_left]);
            bytes.extend(header.time_left_ms.to_be_bytes());
            bytes.extend(header.id.to_be_bytes());
            bytes.extend([number_of(header.source), number_of(header.destination)]);
            let length = u16::try_from(frame.payload.len()).unwrap_or(0);
            bytes.extend(length.to_be_bytes());
            bytes.extend(&frame.payload[..usize::from(length)]);
            do_step(worlds, tape, to, &bytes);
        }
        Said::Closed(to) => do_step(worlds, tape, to, &[step::CLOSE, from, 2]),
        Said::Dial(to) => {
            let mut known = (0..NODES).take(worlds.len());
            let server = known.find(|number| address_of(*number) == to);
            if let Some(server) = server {
                do_step(worlds, tape, server, &[step::OPEN, from]);
            }
            do_step(worlds, tape, from, &[step::DIALED, server.unwrap_or(NODES)]);
        }
    }
}
