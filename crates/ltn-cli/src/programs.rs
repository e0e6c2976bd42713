//! External programs that answer for a node: started with arguments, never through a shell, and
//! bounded in time, output and number.
//!
//! This room knows processes. It does not know the network file (`network_file/entries/offers.rs`
//! does), and not who may call what: the node has checked that before.

mod piping;
mod serving;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ltn::{
    CommandSpec, HandlerError, Invocation, Node, NodeId, ParameterKind, Question, Refusal,
    RefusalKind, Value, sanitise_line,
};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use crate::output;

/// Programs that run at one time in this process, for all its nodes: enough for a house, and not
/// enough to bring a small machine down.
const PROGRAMS_AT_ONCE_MAX: usize = 16;
/// What a program may write to its standard output, in bytes: one message.
const OUTPUT_BYTES_MAX: usize = 1024 * 1024;
/// What is kept of a program's standard error, in bytes: the last, because errors come at the end.
const COMPLAINT_BYTES_MAX: usize = 2 * 1024;
/// All arguments of a caller, in bytes.
const ARGUMENT_BYTES_MAX: usize = 64 * 1024;
/// Where programs are looked for if this process was started without a `PATH`.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What the standard output of a program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputKind {
    /// A text, without the newlines at its end.
    Text,
    /// A value, written as JSON.
    Json,
}

/// A program as its entry describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// What it answers for, as people call it.
    pub(crate) name: String,
    /// The program and its first arguments; never empty.
    pub(crate) command: Vec<String>,
    /// Where it runs, and where a `./` in front of it leads.
    pub(crate) folder: PathBuf,
    pub(crate) output: OutputKind,
    pub(crate) timeout: Duration,
}

/// The right to run programs, shared by all nodes of this process.
#[derive(Debug, Clone)]
pub(crate) struct Runner {
    places: Arc<Semaphore>,
}

/// Who wants something from which node.
#[derive(Debug, Clone)]
struct Caller {
    node: Node,
    from: NodeId,
}

impl Default for Runner {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(PROGRAMS_AT_ONCE_MAX)) }
    }
}

impl Runner {
    /// Offers the program as a requestable of this node.
    pub(crate) async fn answer_with(
        &self,
        node: &Node,
        program: Program,
    ) -> Result<(), ltn::TalkError> {
        let (runner, of, program) = (self.clone(), node.clone(), Arc::new(program));
        let name = program.name.clone();
        node.handle_or_refuse(&name, move |Question { from, argument }| {
            let (runner, program) = (runner.clone(), Arc::clone(&program));
            let caller = Caller { node: of.clone(), from };
            async move {
                let arguments = match argument {
                    Value::Null => Vec::new(),
                    Value::List(items) => items,
                    one => vec![one],
                };
                let words = words(&program, &arguments, &[])?;
                runner.run(&program, words, caller).await
            }
        })
        .await
    }

    /// Offers the program as a command of this node.
    pub(crate) async fn command_with(
        &self,
        node: &Node,
        spec: CommandSpec,
        program: Program,
    ) -> Result<(), ltn::TalkError> {
        let kinds: Vec<_> = spec.parameters.iter().map(|parameter| parameter.kind).collect();
        let (runner, of, program) = (self.clone(), node.clone(), Arc::new(program));
        node.command_or_refuse(spec, move |Invocation { from, arguments, .. }| {
            let (runner, program) = (runner.clone(), Arc::clone(&program));
            let caller = Caller { node: of.clone(), from };
            let words = words(&program, &arguments, &kinds);
            async move { runner.run(&program, words?, caller).await }
        })
        .await
    }

    /// Runs the program to its end. Given up (the caller waits no longer, the node stops), it is
    /// ended with all that it started.
    async fn run(
        &self,
        program: &Program,
        arguments: Vec<String>,
        caller: Caller,
    ) -> Result<Value, HandlerError> {
        let Ok(_place) = self.places.try_acquire() else {
            let text = format!(
                "`{}` was not started: {PROGRAMS_AT_ONCE_MAX} programs run already",
                program.name
            );
            return Err(Refusal::new(RefusalKind::Busy, text).into());
        };
        let path = caller.node.snapshot().await.map(|seen| seen.path.to_string());
        let mut command = command_of(program, &arguments);
        command
            .env("LTN_CALLER", caller.from.to_string())
            .env("LTN_NODE", path.unwrap_or_default());
        let mut process = Process::start(&program.name, command)?;
        match tokio::time::timeout(program.timeout, process.finish(&program.name)).await {
            Ok(finished) => Ok(result_of(program, finished?)?),
            Err(_) => Err(HandlerError::Failed(format!(
                "`{}` took longer than {} s and was ended",
                program.name,
                program.timeout.as_secs_f64()
            ))),
        }
    }
}

impl Program {
    /// The program itself: what has a `/` in it lies in the folder, a bare word in the `PATH`.
    pub(crate) fn executable(&self) -> PathBuf {
        let first = self.command.first().map_or("", String::as_str);
        if first.contains('/') { self.folder.join(first) } else { PathBuf::from(first) }
    }

    /// Did its author say that no options follow?
    fn ends_its_options(&self) -> bool {
        self.command.len() > 1 && self.command.last().is_some_and(|last| last == "--")
    }
}

/// The caller's arguments as words for a program, or why they cannot be handed to one.
fn words(
    program: &Program,
    arguments: &[Value],
    kinds: &[ParameterKind],
) -> Result<Vec<String>, HandlerError> {
    let bad = |text: String| HandlerError::from(Refusal::new(RefusalKind::BadArguments, text));
    let mut words = Vec::with_capacity(arguments.len());
    for (i, argument) in arguments.iter().enumerate() {
        let word = match argument {
            Value::Text(text) => text.clone(),
            Value::Int(_) | Value::Float(_) | Value::Bool(_) => argument.to_string(),
            _ => return Err(bad(format!("argument {} is no text and no number", i + 1))),
        };
        // A number can only be an option where the program's author did not ask for one.
        let kind = kinds.get(i).or(kinds.last());
        let is_wanted_number = kind == Some(&ParameterKind::Int);
        if word.starts_with('-') && !is_wanted_number && !program.ends_its_options() {
            return Err(bad(format!(
                "argument {} begins with `-`, and `{}` would take it for an option",
                i + 1,
                program.name
            )));
        }
        if word.contains('\0') {
            return Err(bad(format!("argument {} has a zero byte in it", i + 1)));
        }
        words.push(word);
    }
    if words.iter().map(String::len).sum::<usize>() > ARGUMENT_BYTES_MAX {
        return Err(bad(format!("the arguments have more than {ARGUMENT_BYTES_MAX} bytes")));
    }
    Ok(words)
}

fn command_of(program: &Program, arguments: &[String]) -> Command {
    let mut command = Command::new(program.executable());
    command
        .args(program.command.iter().skip(1))
        .args(arguments)
        .current_dir(&program.folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| PATH.into()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // A group of its own: it is ended with all that it started, and Ctrl-C is not its business.
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// Why a program did not start, without a word on where it lies.
fn why_not(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "the program, or what shall run it, is not there".to_owned(),
        ErrorKind::PermissionDenied => "the system does not let it run".to_owned(),
        ErrorKind::ExecutableFileBusy => "somebody is writing to it".to_owned(),
        // Most often a script; what the system calls it differs and helps nobody.
        _ => "the system cannot run it; does a script begin with a line like `#!/bin/sh`?".into(),
    }
}

/// A program that runs. Dropped before its end, it is killed.
#[derive(Debug)]
struct Process {
    child: Child,
    ended: bool,
}

/// A program that has ended.
#[derive(Debug)]
struct Finished {
    status: ExitStatus,
    output: Vec<u8>,
    complaint: Vec<u8>,
}

impl Process {
    fn start(name: &str, mut command: Command) -> Result<Self, HandlerError> {
        let child = command.spawn().map_err(|error| {
            // What the system says would tell strangers where the program lies; the log may know.
            tracing::warn!(name, %error, "a program cannot be started");
            HandlerError::Failed(format!("`{name}` cannot be started: {}", why_not(&error)))
        })?;
        Ok(Self { child, ended: false })
    }

    /// Reads all it says, then waits for its end. In this order, because a process that nobody has
    /// waited for keeps its number, and so the number of its group cannot become another's.
    async fn finish(&mut self, name: &str) -> Result<Finished, HandlerError> {
        let (stdout, stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let failed = |what: &str| HandlerError::Failed(format!("`{name}` {what}"));
        let lost = |_| failed("cannot be read from");
        let output = async {
            let output = first_bytes(stdout, OUTPUT_BYTES_MAX).await.map_err(lost)?;
            let too_long = || failed(&format!("wrote more than {OUTPUT_BYTES_MAX} bytes"));
            output.ok_or_else(too_long)
        };
        let complaint = async { last_bytes(stderr, COMPLAINT_BYTES_MAX).await.map_err(lost) };
        let (output, complaint) = tokio::try_join!(output, complaint)?;
        let status = self.child.wait().await.map_err(lost)?;
        self.ended = true;
        Ok(Finished { status, output, complaint })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The program itself is killed with its handle in any case; this is for what it started.
        if let Some(group) = self.child.id().filter(|_| !self.ended) {
            end_group(group);
        }
    }
}

/// Ends all processes of a group. There is no safe call for that in the standard library, so the
/// system's own program does it; where it is missing, only the program itself is ended.
#[cfg(unix)]
fn end_group(group: u32) {
    let ended = std::process::Command::new("kill")
        .args(["-KILL", "--", &format!("-{group}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !ended.as_ref().is_ok_and(ExitStatus::success) {
        tracing::warn!(group, ?ended, "what a program started may go on");
    }
}

#[cfg(not(unix))]
fn end_group(_: u32) {}

/// All bytes, or `None` if there are more than so many.
async fn first_bytes(
    from: Option<impl AsyncRead + Unpin>,
    most: usize,
) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(most as u64 + 1).read_to_end(&mut bytes).await?;
    }
    Ok((bytes.len() <= most).then_some(bytes))
}

/// The last bytes, at most so many.
async fn last_bytes(from: Option<impl AsyncRead + Unpin>, most: usize) -> std::io::Result<Vec<u8>> {
    let (mut kept, mut more) = (Vec::new(), vec![0; 4 * 1024]);
    let Some(mut from) = from else { return Ok(kept) };
    loop {
        let read = from.read(&mut more).await?;
        if read == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(&more[..read]);
        kept.drain(..kept.len().saturating_sub(most));
    }
}

fn result_of(program: &Program, finished: Finished) -> Result<Value, HandlerError> {
    let name = &program.name;
    let failed = |what: String| Err(HandlerError::Failed(format!("`{name}` {what}")));
    if !finished.status.success() {
        let complaint = String::from_utf8_lossy(&finished.complaint);
        let complaint = sanitise_line(complaint.trim());
        let colon = if complaint.is_empty() { "" } else { ": " };
        let how = match finished.status.code() {
            Some(code) => format!("exit status {code}"),
            None => finished.status.to_string(),
        };
        return failed(format!("ended with {how}{colon}{complaint}"));
    }
    let Ok(text) = String::from_utf8(finished.output) else {
        return failed("wrote something that is no UTF-8 text".to_owned());
    };
    match program.output {
        OutputKind::Text => Ok(text.trim_end_matches(['\r', '\n']).into()),
        OutputKind::Json => match output::value_of_json(&text) {
            Ok(value) => Ok(value),
            Err(why) => failed(format!("did not write JSON: {why}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(command: &[&str]) -> Program {
        Program {
            name: "it".to_owned(),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            folder: PathBuf::from("/house"),
            output: OutputKind::Text,
            timeout: Duration::from_secs(1),
        }
    }

    fn refusal(result: Result<Vec<String>, HandlerError>) -> String {
        match result {
            Err(HandlerError::Refused(no)) if no.kind == RefusalKind::BadArguments => no.text,
            other => panic!("{other:?} is no refusal of arguments"),
        }
    }

    #[test]
    fn arguments_stay_what_they_are() {
        let sharp = ["a b", "$(id)", "; rm x", "'\"\n", "*", ""].map(Value::from);
        let words = words(&program(&["x"]), &sharp, &[ParameterKind::Text]).unwrap();
        assert_eq!(words, ["a b", "$(id)", "; rm x", "'\"\n", "*", ""]);
    }

    #[test]
    fn an_argument_is_no_option_unless_the_author_says_so() {
        let dash = [Value::from("--force")];
        let text = refusal(words(&program(&["x"]), &dash, &[]));
        assert_eq!(text, "argument 1 begins with `-`, and `it` would take it for an option");
        assert_eq!(words(&program(&["x", "--"]), &dash, &[]).unwrap(), ["--force"]);
        let cold = [Value::Int(-5)];
        assert_eq!(words(&program(&["x"]), &cold, &[ParameterKind::Int]).unwrap(), ["-5"]);
        refusal(words(&program(&["x"]), &cold, &[]));
        // A program called `--` is none that was told where its options end.
        refusal(words(&program(&["--"]), &dash, &[]));
    }

    #[test]
    fn what_no_program_can_be_given_is_refused() {
        for bad in [Value::from("a\0b"), Value::Null, Value::List(vec![]), Value::Bytes(vec![1])] {
            refusal(words(&program(&["x"]), &[bad], &[]));
        }
        let long = Value::from("x".repeat(ARGUMENT_BYTES_MAX / 2 + 1));
        assert!(words(&program(&["x"]), std::slice::from_ref(&long), &[]).is_ok());
        refusal(words(&program(&["x"]), &[long.clone(), long], &[]));
    }

    #[test]
    fn a_program_beside_the_file_is_found_there_and_others_in_the_path() {
        assert_eq!(program(&["./x.sh"]).executable(), PathBuf::from("/house/./x.sh"));
        assert_eq!(program(&["/bin/x"]).executable(), PathBuf::from("/bin/x"));
        assert_eq!(program(&["x"]).executable(), PathBuf::from("x"));
    }

    #[tokio::test]
    async fn what_is_read_is_bounded() {
        let most = |bytes: &'static [u8]| first_bytes(Some(bytes), 3);
        assert_eq!(most(b"abc").await.unwrap(), Some(b"abc".to_vec()));
        assert_eq!(most(b"abcd").await.unwrap(), None);
        let long: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        assert_eq!(last_bytes(Some(&long[..]), 5).await.unwrap(), long[99_995..]);
        assert_eq!(last_bytes(Some(&b"ab"[..]), 5).await.unwrap(), b"ab");
    }
}
