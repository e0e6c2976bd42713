//! The services of one node: periodic routines, and when each is due.
//!
//! A service runs once at a time. Ticks that pass while it runs, or while nobody looked, are
//! skipped and counted, so that a slow service or a machine that slept never makes up for lost
//! time. One that fails is disabled until somebody enables it again. This room says what is due and
//! takes note of how it ended; it runs nothing and does not know what a service does.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::commands::nearest;
use crate::limits::{SERVICE_INTERVAL_MIN, SERVICES_MAX, WORD_BYTES_MAX};
use crate::moment::Moment;
use crate::outcome::{Refusal, RefusalKind};
use crate::snapshot::ServiceStatus;
use crate::text::{quotable, sanitise_line, shorten};

/// What is kept of the text of a failure, in characters.
const ERROR_CHARS_MAX: usize = 256;

/// When a service is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rhythm {
    /// Again and again.
    Every(Duration),
    /// When it is woken, with at least this much time between the starts of two runs.
    WhenWoken(Duration),
}

/// Who does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worker {
    /// The mind, in no time.
    Mind,
    /// The program on this node.
    Program,
}

/// A run that has to begin now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) name: String,
    /// No two runs of a node have the same.
    pub(crate) number: u64,
    pub(crate) worker: Worker,
}

#[derive(Debug, Clone)]
struct Service {
    rhythm: Rhythm,
    worker: Worker,
    enabled: bool,
    /// The next tick. One that nobody woke has none.
    due: Option<Moment>,
    /// The run that is under way.
    running: Option<u64>,
    started: Option<Moment>,
    error: Option<String>,
    runs: u64,
    skipped: u64,
}

/// All services of one node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Services {
    services: BTreeMap<String, Service>,
    /// The earliest tick of all that may run, because this is looked at much more often than
    /// anything changes.
    next: Option<Moment>,
    runs: u64,
    halted: bool,
}

impl Services {
    /// Nothing is due any more: the node stops.
    pub(crate) fn halt(&mut self) {
        self.halted = true;
        self.look_ahead();
    }

    /// A service of the mind's own: enabled, and first due after one interval, or when woken.
    pub(crate) fn build_in(&mut self, now: Moment, name: &str, rhythm: Rhythm) {
        let due = match rhythm {
            Rhythm::Every(interval) => Some(now + interval),
            Rhythm::WhenWoken(_) => None,
        };
        self.services.insert(name.to_owned(), Service::new(rhythm, Worker::Mind, due));
        self.look_ahead();
    }

    /// A service of the program: enabled and due at once. It takes the place of an earlier one of
    /// this name, whose run, if there is one, counts no more.
    pub(crate) fn keep(
        &mut self,
        now: Moment,
        name: &str,
        interval: Duration,
    ) -> Result<(), Refusal> {
        check_name(name)?;
        if interval < SERVICE_INTERVAL_MIN {
            let text = format!("a service runs every {SERVICE_INTERVAL_MIN:?} at most");
            return Err(Refusal::new(RefusalKind::BadArguments, text));
        }
        match self.services.get(name) {
            Some(service) if service.worker == Worker::Mind => return Err(comes_with_node(name)),
            None if self.services.len() >= SERVICES_MAX => {
                let text = format!("a node has {SERVICES_MAX} services at most");
                return Err(Refusal::new(RefusalKind::Full, text));
            }
            _ => {}
        }
        let service = Service::new(Rhythm::Every(interval), Worker::Program, Some(now));
        self.services.insert(name.to_owned(), service);
        self.look_ahead();
        Ok(())
    }

    /// The program has this service no longer.
    pub(crate) fn remove(&mut self, name: &str) -> Result<(), Refusal> {
        if self.find(name)?.worker == Worker::Mind {
            return Err(comes_with_node(name));
        }
        self.services.remove(name);
        self.look_ahead();
        Ok(())
    }

    /// Switches one service, or all. One that is switched on is due at once, unless it waits to be
    /// woken; a run that is under way goes on to its end.
    pub(crate) fn enable(
        &mut self,
        now: Moment,
        name: Option<&str>,
        enabled: bool,
    ) -> Result<(), Refusal> {
        match name {
            Some(name) => self.find_mut(name)?.enable(now, enabled),
            None => self.services.values_mut().for_each(|service| service.enable(now, enabled)),
        }
        self.look_ahead();
        Ok(())
    }

    /// Begins a run now, whether it is due or enabled or not; its ticks stay where they are.
    pub(crate) fn run_now(&mut self, now: Moment, name: &str) -> Result<Run, Refusal> {
        if self.find(name)?.running.is_some() {
            let text = format!("the service {name} is running already");
            return Err(Refusal::new(RefusalKind::Busy, text));
        }
        let run = self.begin(now, name);
        run.ok_or_else(|| Refusal::new(RefusalKind::NotOffered, "the service is gone"))
    }

    /// There is something to do for a service that waits to be woken.
    pub(crate) fn wake(&mut self, now: Moment, name: &str) {
        let Some(service) = self.services.get_mut(name) else { return };
        let Rhythm::WhenWoken(spacing) = service.rhythm else { return };
        let earliest = service.started.map_or(now, |started| now.max(started + spacing));
        service.due.get_or_insert(earliest);
        self.look_ahead();
    }

    /// When the next one is due.
    pub(crate) const fn next_due(&self) -> Option<Moment> {
        self.next
    }

    /// Begins a run that is due, the earliest first.
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<Run> {
        self.next.filter(|next| *next <= now)?;
        let ready = self.services.iter().filter_map(|(name, s)| Some((s.ready_at()?, name)));
        let (_, name) = ready.min()?;
        let name = name.clone();
        if let Some(service) = self.services.get_mut(&name) {
            service.tick(now);
        }
        self.begin(now, &name)
    }

    fn begin(&mut self, now: Moment, name: &str) -> Option<Run> {
        let service = self.services.get_mut(name)?;
        self.runs += 1;
        service.running = Some(self.runs);
        service.started = Some(now);
        service.runs += 1;
        let run = Run { name: name.to_owned(), number: self.runs, worker: service.worker };
        self.look_ahead();
        Some(run)
    }

    /// A run is over. One that failed is disabled, and its error is returned. Runs that count no
    /// more are not looked at.
    pub(crate) fn ended(
        &mut self,
        now: Moment,
        name: &str,
        number: u64,
        error: Option<&str>,
    ) -> Option<String> {
        let service = self.services.get_mut(name)?;
        if service.running != Some(number) {
            return None;
        }
        service.running = None;
        service.skip_what_passed(now);
        // Errors are the texts of anybody, and one line in a list.
        service.error = error.map(|text| {
            let start: String = text.chars().take(2 * ERROR_CHARS_MAX).collect();
            shorten(&sanitise_line(&start), ERROR_CHARS_MAX)
        });
        service.enabled &= error.is_none();
        let error = service.error.clone();
        self.look_ahead();
        error
    }

    /// All of them, in the order of their names.
    pub(crate) fn statuses(&self, now: Moment) -> Vec<ServiceStatus> {
        let status = |(name, service): (&String, &Service)| ServiceStatus {
            name: name.clone(),
            interval: match service.rhythm {
                Rhythm::Every(interval) => Some(interval),
                Rhythm::WhenWoken(_) => None,
            },
            built_in: service.worker == Worker::Mind,
            enabled: service.enabled,
            running: service.running.is_some(),
            runs: service.runs,
            last_run: service.started.map(|started| now.since(started)),
            last_error: service.error.clone(),
            skipped: service.skipped,
        };
        self.services.iter().map(status).collect()
    }

    fn find(&self, name: &str) -> Result<&Service, Refusal> {
        self.services.get(name).ok_or_else(|| self.unknown(name))
    }

    fn find_mut(&mut self, name: &str) -> Result<&mut Service, Refusal> {
        let unknown = self.unknown(name);
        self.services.get_mut(name).ok_or(unknown)
    }

    fn unknown(&self, name: &str) -> Refusal {
        let hint = nearest(name, self.services.keys().map(String::as_str))
            .map_or(String::new(), |name| format!("; did you mean `{name}`?"));
        let text = format!("there is no service called `{}`{hint}", quotable(name));
        Refusal::new(RefusalKind::NotOffered, text)
    }

    fn look_ahead(&mut self) {
        let ready = self.services.values().filter_map(Service::ready_at);
        self.next = ready.min().filter(|_| !self.halted);
    }
}

impl Service {
    const fn new(rhythm: Rhythm, worker: Worker, due: Option<Moment>) -> Self {
        Self {
            rhythm,
            worker,
            enabled: true,
            due,
            running: None,
            started: None,
            error: None,
            runs: 0,
            skipped: 0,
        }
    }

    /// The next tick, if nothing keeps it from being one.
    fn ready_at(&self) -> Option<Moment> {
        self.due.filter(|_| self.enabled && self.running.is_none())
    }

    fn enable(&mut self, now: Moment, enabled: bool) {
        if enabled && !self.enabled && matches!(self.rhythm, Rhythm::Every(_)) {
            self.due = Some(now);
        }
        self.enabled = enabled;
    }

    /// Its tick has come: on to the first one that has not.
    fn tick(&mut self, now: Moment) {
        match (self.rhythm, self.due) {
            (Rhythm::Every(interval), Some(due)) => {
                self.due = Some(due + interval);
                self.skip_what_passed(now);
            }
            (Rhythm::Every(_) | Rhythm::WhenWoken(_), _) => self.due = None,
        }
    }

    /// Ticks that passed are not made up for.
    fn skip_what_passed(&mut self, now: Moment) {
        let (Rhythm::Every(interval), Some(due)) = (self.rhythm, self.due) else { return };
        if due >= now || !self.enabled {
            return;
        }
        let (late, pause) = (now.since(due).as_nanos(), interval.as_nanos());
        self.skipped = self.skipped.saturating_add(nanos(late.div_ceil(pause)));
        let into = Duration::from_nanos(nanos(late % pause));
        self.due = Some(if into.is_zero() { now } else { now + interval.saturating_sub(into) });
    }
}

fn nanos(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn comes_with_node(name: &str) -> Refusal {
    let text = format!("the service {name} comes with the node; it can be disabled");
    Refusal::new(RefusalKind::NotPossible, text)
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let fits = !name.is_empty() && name.len() <= WORD_BYTES_MAX && sanitise_line(name) == name;
    if fits && name.chars().all(is_plain) {
        return Ok(());
    }
    let text = format!(
        "`{}` is no name of a service: 1 to {WORD_BYTES_MAX} bytes, letters, digits, `_`, `-`, `.`",
        quotable(name)
    );
    Err(Refusal::new(RefusalKind::BadArguments, text))
}

#[cfg(test)]
mod tests;
