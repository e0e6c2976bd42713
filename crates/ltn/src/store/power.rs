//! Power cuts at every write that the store makes: a disk that keeps what was synced and, of what
//! was written after that, whatever it likes.

use std::collections::BTreeMap;

use super::disk::{Disk, Step, apply};
use super::*;

/// A disk takes a write in pieces of this size, and of a torn one only some.
const SECTOR: usize = 512;
/// So many commits are made.
const COMMITS: u64 = 12;

/// What a cut leaves of the steps that were not synced.
#[derive(Debug, Clone, Copy)]
enum Leaves {
    Nothing,
    All,
    FirstHalf,
    LastHalf,
    Odd,
    Torn,
}

const KINDS: [Leaves; 6] =
    [Leaves::Nothing, Leaves::All, Leaves::FirstHalf, Leaves::LastHalf, Leaves::Odd, Leaves::Torn];

/// What is on the disk after a cut behind the first `cut` steps.
fn image(steps: &[Step], cut: usize, leaves: Leaves) -> Vec<u8> {
    let synced = steps[..cut].iter().rposition(|step| matches!(step, Step::Sync)).unwrap_or(0);
    let mut bytes = Vec::new();
    steps[..synced].iter().for_each(|step| apply(&mut bytes, step));
    let loose = &steps[synced..cut];
    for (number, step) in loose.iter().enumerate() {
        let half = loose.len() / 2;
        let stays = match leaves {
            Leaves::Nothing => false,
            Leaves::All | Leaves::Torn => true,
            Leaves::FirstHalf => number < half,
            Leaves::LastHalf => number >= half,
            Leaves::Odd => number % 2 == 1,
        };
        match step {
            // A file never gets shorter by a cut than it was said to be, and may be longer.
            Step::Length(length) if stays => bytes.resize(bytes.len().max(*length), 0),
            Step::Write(at, data) if stays && matches!(leaves, Leaves::Torn) => {
                let half = (data.len() / 2).next_multiple_of(SECTOR).min(data.len());
                apply(&mut bytes, &Step::Write(*at, data[..half].to_vec()));
            }
            Step::Write(..) if stays => apply(&mut bytes, step),
            _ => {}
        }
    }
    bytes
}

type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

fn contents(store: &Store) -> Contents {
    [Shelf::Facts, Shelf::Audit].into_iter().flat_map(|shelf| store.all(shelf).unwrap()).collect()
}

/// What is written: small and large entries, changed and taken away.
fn changes(number: u64) -> Vec<Change> {
    let key = |number: u64| format!("entry{}", number % 5);
    let bytes =
        vec![u8::try_from(number).unwrap(); 10 + 900 * usize::try_from(number % 7).unwrap()];
    let mut changes = vec![
        Change::put(Shelf::Facts, key(number), bytes),
        Change::put(Shelf::Facts, "last", number.to_be_bytes()),
        // A line of the audit log, in the same commit.
        Change::put(Shelf::Audit, number.to_be_bytes(), vec![1; 200]),
    ];
    if number % 4 == 3 {
        changes.push(Change::remove(Shelf::Facts, key(number + 1)));
    }
    changes
}

#[test]
fn a_power_cut_at_any_write_leaves_what_was_acknowledged() {
    let disk = Disk::default();
    let database = builder().create_with_backend(disk.clone()).unwrap();
    let mut store = Store::make(database, disk.opener()).unwrap();
    // After how many steps which state was acknowledged.
    let mut states = vec![(disk.steps().len(), contents(&store))];
    for number in 1..=COMMITS {
        store.commit(&changes(number)).unwrap();
        states.push((disk.steps().len(), contents(&store)));
    }
    let steps = disk.steps();
    let begin = states[0].0;
    let mut seen = 0;
    for cut in begin..=steps.len() {
        let acknowledged = states.iter().rposition(|(at, _)| *at <= cut).unwrap();
        for leaves in KINDS {
            let bytes = image(&steps, cut, leaves);
            let after = format!("after {cut} of {} steps, leaving {leaves:?}", steps.len());
            let opened = Store::read(Disk::of(bytes).opener());
            let found = contents(&opened.unwrap_or_else(|error| panic!("{after}: {error}")));
            let or_the_next = &states[acknowledged..states.len().min(acknowledged + 2)];
            assert!(or_the_next.iter().any(|(_, state)| *state == found), "{after}: {found:?}");
            seen += 1;
        }
    }
    assert!(seen > 500, "only {seen} cuts were looked at");
}
