//! A node, by those who are not to be trusted: strangers on its links, and its own members.

use std::sync::OnceLock;

use ltn_proto::{Moment, Role, Standing};

use crate::charters;
use crate::feed::Feed;
use crate::world::{TRIED, World};

/// No more than this is played of one input; it is long enough for several lives of each link.
const STEPS_MAX: usize = 400;

/// To the main server of a network with members, by those who cannot sign anything: whatever they
/// say, nobody gets through, not to the program, not into the map.
pub(crate) fn strangers(data: &[u8]) {
    static STANDING: OnceLock<Standing> = OnceLock::new();
    let standing = STANDING.get_or_init(charters::standing).clone();
    let world = play(Role::MainServer, data.get(1..).unwrap_or_default(), Some(standing));
    assert!(!world.heard, "who proved nothing got through to the program");
    assert_eq!(world.mind.snapshot(Moment::ZERO).tree.len(), 1, "who proved nothing is in the map");
    world.end();
}

/// Members may say what they like; the node keeps its promises.
pub(crate) fn members(data: &[u8]) {
    play_any(data).end();
}

/// Does what these steps say get through to the program of a node that trusts its members?
#[must_use]
pub fn is_heard(data: &[u8]) -> bool {
    play_any(data).heard
}

fn play_any(data: &[u8]) -> World {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    play(TRIED[usize::from(*first) % TRIED.len()], rest, None)
}

fn play(role: Role, data: &[u8], standing: Option<Standing>) -> World {
    let mut feed = Feed::new(data);
    let mut world = World::new(0, role, standing);
    for _ in 0..STEPS_MAX {
        if feed.is_empty() {
            break;
        }
        world.step(&mut feed);
        world.said.clear();
    }
    world
}
