//! A disk in memory for tests: it knows every write in its order, and can be full.

use std::io;
use std::sync::{Arc, Mutex};

use super::*;

/// What is done to a disk.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Length(usize),
    Write(usize, Vec<u8>),
    Sync,
}

/// A disk that remembers every step, and may refuse to take more.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    bytes: Vec<u8>,
    steps: Vec<Step>,
    /// So many more steps are taken, if there is an end to them.
    takes: Option<usize>,
}

impl Disk {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Inside { bytes, ..Inside::default() })))
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        self.0.lock().unwrap().steps.clone()
    }

    /// From now on it takes so many more steps, or as many as come.
    pub(super) fn take_only(&self, steps: Option<usize>) {
        self.0.lock().unwrap().takes = steps;
    }

    pub(super) fn opener(&self) -> Opener {
        let disk = self.clone();
        Box::new(move || builder().create_with_backend(disk.clone()))
    }

    fn take(&self, step: Step) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        if let Some(left) = disk.takes {
            disk.takes = Some(left.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?);
        }
        apply(&mut disk.bytes, &step);
        disk.steps.push(step);
        Ok(())
    }
}

pub(super) fn apply(bytes: &mut Vec<u8>, step: &Step) {
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
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.0.lock().unwrap();
        let start = usize::try_from(offset).unwrap();
        let there = disk.bytes.get(start..start + out.len());
        out.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.take(Step::Length(usize::try_from(len).unwrap()))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.take(Step::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.take(Step::Write(usize::try_from(offset).unwrap(), data.to_vec()))
    }
}
