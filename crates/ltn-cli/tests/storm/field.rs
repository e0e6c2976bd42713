//! The nodes of a storm: processes in namespaces, with relays between all of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::relay::{Weather, lay};
use super::space::Space;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ltn");
/// Whatever must come at all comes within this time, on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
const FIRST_PORT: u16 = 4_700;

/// Who is there: a name for each, and below whom.
pub(crate) struct Plan(&'static [(&'static str, usize)]);

impl Plan {
    /// Three layers.
    pub(crate) const SHORT: Self = Self(&[("Mainserver", 0), ("hall", 0), ("attic", 1)]);
    /// Five layers, two branches.
    pub(crate) const LONG: Self = Self(&[
        ("Mainserver", 0),
        ("hall", 0),
        ("attic", 1),
        ("roof", 2),
        ("mast", 3),
        ("barn", 0),
        ("loft", 5),
    ]);
}

/// Chance that a seed decides.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed ^ 0x7374_6f72_6d00_0000)
    }

    /// A number below this one.
    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// One node.
pub(crate) struct Node {
    pub(crate) name: &'static str,
    pub(crate) parent: usize,
    space: Arc<Space>,
    process: Option<(Child, ChildStdin)>,
    /// What it said, and when.
    lines: Arc<Mutex<Vec<(Instant, String)>>>,
}

/// All of them.
pub(crate) struct Field {
    pub(crate) nodes: Vec<Node>,
    /// By who dials and who listens.
    weather: BTreeMap<(usize, usize), Arc<Weather>>,
    figures: BTreeMap<&'static str, Vec<f64>>,
    seed: u64,
}

fn port(node: usize) -> u16 {
    FIRST_PORT + u16::try_from(node).expect("there are few nodes")
}

impl Field {
    /// Starts everybody and waits until all are there.
    pub(crate) fn grow(plan: &Plan, seed: u64) -> Self {
        let make = |(name, parent): &(&'static str, usize)| Node {
            name,
            parent: *parent,
            space: Arc::new(Space::new(name).expect("one could be had a moment ago")),
            process: None,
            lines: Arc::default(),
        };
        let nodes: Vec<Node> = plan.0.iter().map(make).collect();
        let mut field = Self { nodes, weather: BTreeMap::new(), figures: BTreeMap::new(), seed };
        for from in 0..field.nodes.len() {
            for to in (0..field.nodes.len()).filter(|to| *to != from) {
                let weather = Arc::new(Weather::default());
                field.weather.insert((from, to), Arc::clone(&weather));
                let space = |node: usize| Arc::clone(&field.nodes[node].space);
                lay(space(from), space(to), port(to), weather);
            }
        }
        for node in 0..field.nodes.len() {
            field.start(node);
        }
        field.wait_until_whole("grown, s");
        field
    }

    pub(crate) fn start(&mut self, node: usize) {
        let own = port(node).to_string();
        let above = port(self.nodes[node].parent).to_string();
        let here = &mut self.nodes[node];
        let mut command = here.space.command(PROGRAM);
        if node == 0 {
            command.args(["main", "--open", "--port", &own, "--data-port", "0"]);
        } else {
            let name = here.name;
            let to = ["--data-port", "0", "--to", &above];
            command.args(["sub", name, "--open", "--port", &own]).args(to);
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = child.spawn().expect("`ip` was there a moment ago");
        let stdin = child.stdin.take().expect("it was asked for");
        let stdout = child.stdout.take().expect("it was asked for");
        let lines = Arc::clone(&here.lines);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                lines.lock().expect("nobody panics here").push((Instant::now(), line));
            }
        });
        here.process = Some((child, stdin));
    }

    /// The process ends without a last word.
    pub(crate) fn kill(&mut self, node: usize) {
        if let Some((mut child, _)) = self.nodes[node].process.take() {
            child.kill().expect("it runs");
            child.wait().expect("it ran");
        }
    }

    /// The process stands still, or goes on.
    pub(crate) fn signal(&self, node: usize, signal: Signal) {
        let process = self.nodes[node].process.as_ref().expect("it runs");
        let id = i32::try_from(process.0.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, signal).expect("it runs");
    }

    /// Nothing arrives at `to` from `from`, or everything does again, whoever dialed whom.
    pub(crate) fn stall(&self, from: usize, to: usize, stalled: bool) {
        self.weather[&(from, to)].up_stalled.store(stalled, Ordering::Relaxed);
        self.weather[&(to, from)].down_stalled.store(stalled, Ordering::Relaxed);
    }

    /// The same both ways.
    pub(crate) fn cut(&self, one: usize, other: usize, stalled: bool) {
        self.stall(one, other, stalled);
        self.stall(other, one, stalled);
    }

    /// Everything is on its way for so long, each way.
    pub(crate) fn delay(&self, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).expect("a short time");
        for weather in self.weather.values() {
            weather.delay.store(milliseconds, Ordering::Relaxed);
        }
    }

    /// Runs a visit in this node's namespace to its end: its exit code and what it printed.
    pub(crate) fn visit(&self, node: usize, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = self.nodes[node].space.command(PROGRAM);
        let own = port(node).to_string();
        command.args(arguments).args(["--open", "--to", &own]).stdin(Stdio::null());
        let output = command.output().expect("`ip` was there a moment ago");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Everybody that the main server has in its map: path, and whether it is in reach.
    pub(crate) fn tree(&self) -> BTreeMap<String, bool> {
        let (_, text) = self.visit(0, &["tree", "--json", "--timeout", "20"]);
        let found: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let lines = found["tree"].as_array().cloned().unwrap_or_default();
        let line = |line: &serde_json::Value| {
            let path = line["path"].as_str().unwrap_or_default().to_owned();
            (path, line["stale_for_seconds"].is_null())
        };
        lines.iter().map(line).collect()
    }

    /// The path of a node, where it belongs.
    pub(crate) fn path(&self, node: usize) -> String {
        if node == 0 {
            return "/".to_owned();
        }
        let above = self.path(self.nodes[node].parent);
        format!("{}/{}", above.trim_end_matches('/'), self.nodes[node].name)
    }

    /// Everybody below a node, itself included.
    pub(crate) fn branch(&self, top: usize) -> Vec<usize> {
        let path = format!("{}/", self.path(top));
        let below = |node: &usize| *node == top || self.path(*node).starts_with(&path);
        (0..self.nodes.len()).filter(below).collect()
    }

    /// Waits until everybody is where it belongs and in reach; says how long that took.
    pub(crate) fn wait_until_whole(&mut self, figure: &'static str) -> Duration {
        let wanted: BTreeMap<String, bool> =
            (0..self.nodes.len()).map(|node| (self.path(node), true)).collect();
        let begun = Instant::now();
        self.wait(
            figure,
            || format!("{wanted:?}"),
            |field| {
                let mut tree = field.tree();
                // What a killed process was is shown as lost for a while; it is somebody else.
                tree.retain(|path, live| *live || wanted.contains_key(path));
                tree == wanted
            },
        );
        begun.elapsed()
    }

    /// Waits until this holds, and notes how long it took.
    pub(crate) fn wait(
        &mut self,
        figure: &'static str,
        wanted: impl Fn() -> String,
        mut holds: impl FnMut(&Self) -> bool,
    ) {
        let begun = Instant::now();
        while !holds(self) {
            if begun.elapsed() > PATIENCE {
                panic!("{figure}: not after {PATIENCE:?}: {}\n{}", wanted(), self.story());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.figures.entry(figure).or_default().push(begun.elapsed().as_secs_f64());
    }

    /// When a node said a line with this in it, since then.
    pub(crate) fn said(&self, node: usize, part: &str, since: Instant) -> Option<Instant> {
        let lines = self.nodes[node].lines.lock().expect("nobody panics here");
        lines.iter().find(|(at, line)| *at >= since && line.contains(part)).map(|(at, _)| *at)
    }

    pub(crate) fn note(&mut self, figure: &'static str, time: Duration) {
        self.figures.entry(figure).or_default().push(time.as_secs_f64());
    }

    /// Everything that everybody said, for the one who wonders.
    pub(crate) fn story(&self) -> String {
        let mut story = format!("seed {}\nthe tree: {:?}\n", self.seed, self.tree());
        for node in &self.nodes {
            let lines = node.lines.lock().expect("nobody panics here");
            let from = lines.len().saturating_sub(20);
            let last: Vec<&str> = lines[from..].iter().map(|(_, line)| line.as_str()).collect();
            // Writing into a text cannot fail.
            let _ = writeln!(story, "{}:\n  {}", node.name, last.join("\n  "));
        }
        story
    }

    /// What took how long.
    pub(crate) fn figures(&self) -> String {
        let line = |(what, times): (&&str, &Vec<f64>)| {
            let most = times.iter().copied().fold(0.0, f64::max);
            let least = times.iter().copied().fold(f64::MAX, f64::min);
            format!("  {what:<40}{:>4} times, {least:.1} to {most:.1}", times.len())
        };
        self.figures.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        for node in 0..self.nodes.len() {
            if let Some((mut child, _)) = self.nodes[node].process.take() {
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
            }
            // Relays hold on to it until this program ends.
            self.nodes[node].space.remove();
        }
    }
}
