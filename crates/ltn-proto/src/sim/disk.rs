//! The disk of each host: it takes a moment for each write, takes them in order, and keeps what it
//! has taken when the process or the machine is gone.

use std::time::Duration;

use crate::durable::{Durable, Remembered, WriteId};
use crate::event::Input;

use super::HostId;
use super::network::{Happening, Network};

/// One write takes so long at least.
const SHORTEST: Duration = Duration::from_micros(200);
/// One write takes so long at most.
const LONGEST: Duration = Duration::from_millis(12);

impl Network {
    pub(super) fn persist(&mut self, host: HostId, write: WriteId, what: Durable) {
        let time = self.random.time(SHORTEST, LONGEST);
        let machine = &mut self.hosts[host.0];
        let run = machine.run;
        machine.disk_busy_until = machine.disk_busy_until.max(self.now) + time;
        let at = machine.disk_busy_until;
        self.at(at, Happening::Written { host, run, write, what });
    }

    pub(super) fn written(&mut self, host: HostId, run: u32, write: WriteId, what: Durable) {
        let machine = &mut self.hosts[host.0];
        // Whoever loses power before this moment has never written it.
        if machine.run != run || machine.mind.is_none() {
            return;
        }
        machine.disk.take_in(&what);
        self.handle(host, Input::Persisted { write, done: Ok(()) });
    }

    /// What the disk of this host remembers.
    #[must_use]
    pub fn on_disk(&self, host: HostId) -> &Remembered {
        &self.hosts[host.0].disk
    }
}
