//! Where the demonstration is played: its nodes, who speaks, and what must be true.

use std::time::Duration;

use ltn::{Address, Event, Node, Value};
use tokio::sync::broadcast;

use crate::commands::fleet::Fleet;
use crate::output::Output;
use crate::trouble::Trouble;

/// Whatever should happen happens within this time, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a state is looked at that nothing announces.
const GLANCE: Duration = Duration::from_millis(2);
/// The longest name of the cast.
const WIDTH: usize = "Mainserver".len();

/// The stage.
#[derive(Debug)]
pub(super) struct Stage {
    output: Output,
    fleet: Fleet,
    cell: &'static str,
}

impl Stage {
    pub(super) fn new(output: Output) -> Self {
        Self { output, fleet: Fleet::default(), cell: "" }
    }

    pub(super) const fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Somebody enters.
    pub(super) fn enter(&mut self, name: &str, node: Node) {
        self.fleet.add(name, node);
    }

    /// The next step begins: which cell of the notebook, or where between them.
    pub(super) fn scene(&mut self, cell: &'static str, title: &str) {
        self.cell = cell;
        self.output.say("");
        self.output.title(&format!("{cell}: {title}"));
        if self.output.is_json() {
            let fields = [("cell", cell.into()), ("event", "scene".into()), ("text", title.into())];
            self.output.tell(&fields, title);
        }
    }

    /// One thing happens.
    pub(super) fn tell(&self, speaker: &str, event: &str, text: &str, details: &[(&str, Value)]) {
        if !self.output.is_json() {
            return self.output.line(speaker, WIDTH, text);
        }
        let mut fields = vec![
            ("cell", self.cell.into()),
            ("speaker", speaker.into()),
            ("event", event.into()),
            ("text", text.into()),
        ];
        fields.extend_from_slice(details);
        self.output.tell(&fields, text);
    }

    /// A word to those who read, about what they have seen.
    pub(super) fn aside(&self, text: &str) {
        self.output.say(text);
    }

    /// The end.
    pub(super) fn finished(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.output.tell(
            &[("event", "finished".into()), ("as_told", true.into()), ("seconds", seconds.into())],
            &format!("\nEverything happened as told, in {seconds:.2} s."),
        );
    }

    /// The network stays up.
    pub(super) fn stays_up(&self, port: u16) {
        self.output.tell(
            &[("event", "staying".into()), ("port", i64::from(port).into())],
            &format!(
                "\nThe network stays up until Ctrl-C. From a second terminal:\n  \
                 ltn tree --open --to {port}\n  \
                 ltn ping /sub1/lower_sub3/client4 --open --to {port}\n  \
                 ltn client me --open --to {port}"
            ),
        );
    }

    pub(super) fn node(&self, name: &str) -> Result<Node, Trouble> {
        let node = self.fleet.node(name).cloned();
        node.ok_or_else(|| self.wrong(&format!("{name} is not there")))
    }

    pub(super) fn address(&self, name: &str) -> Result<Address, Trouble> {
        let address = self.node(name)?.address();
        address.ok_or_else(|| self.wrong(&format!("{name} has no address")))
    }

    /// The step did not happen as told.
    pub(super) fn wrong(&self, what: &str) -> Trouble {
        Trouble::failed(format!("{} did not happen as told: {what}", self.cell))
    }

    /// Something that must be true.
    pub(super) fn check(&self, fact: bool, otherwise: &str) -> Result<(), Trouble> {
        if fact { Ok(()) } else { Err(self.wrong(otherwise)) }
    }

    /// Waits until something is true that nothing announces.
    pub(super) async fn until(
        &self,
        otherwise: &str,
        mut fact: impl AsyncFnMut() -> bool,
    ) -> Result<(), Trouble> {
        let waiting = async {
            while !fact().await {
                tokio::time::sleep(GLANCE).await;
            }
        };
        self.soon(otherwise, waiting).await
    }

    /// Waits for an event that fits.
    pub(super) async fn hear<T>(
        &self,
        events: &mut broadcast::Receiver<Event>,
        otherwise: &str,
        fits: impl Fn(Event) -> Option<T>,
    ) -> Result<T, Trouble> {
        let heard = async {
            loop {
                match events.recv().await {
                    Ok(event) => {
                        if let Some(found) = fits(event) {
                            return Some(found);
                        }
                    }
                    Err(broadcast::error::RecvError::Lagged(_)) => (),
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        };
        self.soon(otherwise, heard).await?.ok_or_else(|| self.wrong(otherwise))
    }

    /// Waits, not for ever.
    pub(super) async fn soon<T>(
        &self,
        otherwise: &str,
        wait: impl Future<Output = T>,
    ) -> Result<T, Trouble> {
        tokio::time::timeout(PATIENCE, wait).await.map_err(|_| self.wrong(otherwise))
    }
}
