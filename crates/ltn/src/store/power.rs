//! Power cuts at every write that the store makes: a disk that keeps what was synced and, of what
//! was written after that, whatever it likes.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use super::*;

/// A disk takes a write in pieces of this size, and of a torn one only some.
const SECTOR: usize = 512;
/// So many commits are made.
const COMMITS: u64 = 12;

#[derive(Debug, Clone)]
enum Step {
    Length(usize),
    Write(usize, Vec<u8>),
    Sync,
}

/// A disk that remembers every step.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<(Vec<u8>, Vec<Step>)>>);

impl Disk {
    fn of(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new((bytes, Vec::new()))))
    }

    fn steps(&self) -> Vec<Step> {
        self.0.lock().unwrap().1.clone()
    }

    fn take(&self, step: Step) {
        let mut disk = self.0.lock().unwrap();
        apply(&mut disk.0, &step);
        disk.1.push(step);
    }
}

fn apply(bytes: &mut Vec<u8>, step: &Step) {
    match step {
        Step::Length(length) => bytes.resize(*length, 0),
        Step::Write(at, data) => {
            let end = at + data.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*at..end].copy_from_slice(data);
        }
        Step::Sync => {}
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().0.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.0.lock().unwrap();
        let start = usize::try_from(offset).unwrap();
        let there = disk.0.get(start..start + out.len());
        out.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.take(Step::Length(usize::try_from(len).unwrap()));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.take(Step::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.take(Step::Write(usize::try_from(offset).unwrap(), data.to_vec()));
        Ok(())
    }
}

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
    store.all(Shelf::Facts).unwrap().into_iter().collect()
}

/// What is written: small and large entries, changed and taken away.
fn changes(number: u64) -> Vec<Change> {
    let key = |number: u64| format!("entry{}", number % 5);
    let bytes =
        vec![u8::try_from(number).unwrap(); 10 + 900 * usize::try_from(number % 7).unwrap()];
    let mut changes = vec![
        Change::put(Shelf::Facts, key(number), bytes),
        Change::put(Shelf::Facts, "last", number.to_be_bytes()),
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
    let mut store = Store { database, generation: 0 };
    store.write(&[], 0).unwrap();
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
            let opened = builder().create_with_backend(Disk::of(bytes));
            let database = opened.unwrap_or_else(|error| panic!("{after}: {error}"));
            let found = contents(&Store { database, generation: 0 });
            let or_the_next = &states[acknowledged..states.len().min(acknowledged + 2)];
            assert!(or_the_next.iter().any(|(_, state)| *state == found), "{after}: {found:?}");
            seen += 1;
        }
    }
    assert!(seen > 500, "only {seen} cuts were looked at");
}
