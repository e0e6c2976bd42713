//! Running programs: started, fed, listened to, and never left behind.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_ltn");
/// Whatever a test waits for comes within this time, on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A program that runs beside the test; it is killed with it.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// What it said so far, for those who wonder why a test failed.
    seen: Vec<String>,
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .env("XDG_STATE_HOME", state_home())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program was built for this test");
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("it was asked for");
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, stdin, lines, seen: Vec::new() }
    }

    /// A main server at some port, and its address.
    pub(crate) fn main_server() -> (Self, String) {
        let mut main = Self::start(&["main", "--open", "--port", "0", "--data-port", "0"]);
        let address = main.address();
        (main, address)
    }

    /// A sub-server of this name that has joined the server at this address, and its own address.
    pub(crate) fn sub_server(name: &str, to: &str) -> (Self, String) {
        let mut sub = Self::start(&["sub", name, "--to", to, "--open", "--port", "0"]);
        let address = sub.address();
        sub.expect("connected with");
        (sub, address)
    }

    /// The address in its line "… is running at …".
    pub(crate) fn address(&mut self) -> String {
        let line = self.expect("is running at ");
        let (_, rest) = line.split_once("is running at ").expect("it was looked for");
        rest.split(',').next().expect("there is always a first part").to_owned()
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("the input has not ended");
        writeln!(stdin, "{line}").expect("it reads");
    }

    /// Types nothing more.
    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Waits for a line with this in it.
    pub(crate) fn expect(&mut self, part: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(part) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no line with {part:?}; there were: {:#?}", self.seen)
                }
            }
        }
    }

    /// Waits for the end; what it said since the last expected line comes with it.
    pub(crate) fn wait(mut self) -> Ended {
        self.end_input();
        let code = wait(&mut self.child);
        // The pipe has ended with the process, so this ends too.
        let stdout = self.lines.iter().collect::<Vec<_>>().join("\n");
        Ended { code, stdout, stderr: String::new() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program to its end, with nothing to read.
pub(crate) fn run(arguments: &[&str]) -> Ended {
    run_with(&[], arguments)
}

/// The same, with these variables in its environment.
pub(crate) fn run_with(variables: &[(&str, &str)], arguments: &[&str]) -> Ended {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .env("XDG_STATE_HOME", state_home())
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built for this test");
    let mut stdout = child.stdout.take().expect("it was asked for");
    let mut stderr = child.stderr.take().expect("it was asked for");
    let out = thread::spawn(move || read(&mut stdout));
    let err = thread::spawn(move || read(&mut stderr));
    let code = wait(&mut child);
    let join = |reader: thread::JoinHandle<String>| reader.join().expect("reading does not panic");
    Ended { code, stdout: join(out), stderr: join(err) }
}

/// Where the programs of the tests remember things: nobody's home.
pub(crate) fn state_home() -> String {
    format!("{}/state", env!("CARGO_TARGET_TMPDIR"))
}

/// Runs the program to its end; it reads this, and prints into that file.
pub(crate) fn run_into(arguments: &[&str], input: &str, stdout: impl Into<Stdio>) -> Ended {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .env("XDG_STATE_HOME", state_home())
        .stdin(Stdio::piped())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built for this test");
    let mut stdin = child.stdin.take().expect("it was asked for");
    let mut stderr = child.stderr.take().expect("it was asked for");
    let input = input.to_owned();
    let writer = thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let err = thread::spawn(move || read(&mut stderr));
    let code = wait(&mut child);
    writer.join().expect("writing does not panic");
    Ended { code, stdout: String::new(), stderr: err.join().expect("reading does not panic") }
}

/// Runs a visit to the network at this address.
pub(crate) fn visit(address: &str, arguments: &[&str]) -> Ended {
    let mut all = arguments.to_vec();
    all.extend(["--open", "--to", address]);
    run(&all)
}

fn read(pipe: &mut impl Read) -> String {
    let mut text = String::new();
    pipe.read_to_string(&mut text).expect("the program writes UTF-8");
    text
}

/// Waits for the end, not for ever.
pub(crate) fn wait(child: &mut Child) -> Option<i32> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            return status.code();
        }
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the program did not end in {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// The paths of these nodes, as lists tell them in JSON.
pub(crate) fn paths(nodes: &serde_json::Value) -> Vec<&str> {
    let nodes = nodes.as_array().expect("a list of nodes");
    nodes.iter().map(|node| node["path"].as_str().expect("each has a path")).collect()
}
