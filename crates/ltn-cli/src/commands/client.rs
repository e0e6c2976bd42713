//! `ltn client`: a person, or a script, at a console of the network.
//!
//! Lines go out as they are typed; their answers are shown in the order of the lines, and what
//! arrives meanwhile stands between them. One loop does all the printing. At a terminal the lines
//! are edited; elsewhere they are read as they come.

mod outstanding;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ltn::{
    Address, Answering, CallReply, Client, Confirmation, ConnectError, Event, Line, Node, Selector,
    TalkError, Value,
};
use tokio::sync::mpsc;

use crate::args::ClientArgs;
use crate::commands::main_server::in_network;
use crate::commands::many::{self, Deed};
use crate::commands::receiving::Receive;
use crate::commands::roll_call::{self, Progress};
use crate::commands::sub::{called, go_where_invited, home, needs_name, remember};
use crate::commands::watch::{News, Signals, Watch, parted_for_good, show};
use crate::commands::whereto;
use crate::console::{self, Typed};
use crate::editor::{Editor, Prompt};
use crate::output::{Output, is_broken, readable};
use crate::settings::{self, Network};
use crate::trouble::{Ending, Trouble};
use outstanding::Outstanding;

/// A confirmation is good for this long; the other side counts too.
const CONFIRMATION_LIFETIME: Duration = Duration::from_secs(30);
/// So many lines may wait for their answers; further ones stay unread until one has come.
const OUTSTANDING_MAX: usize = 64;

pub(crate) async fn perform(args: &ClientArgs) -> Result<Ending, Trouble> {
    let said = args.name.as_deref().unwrap_or("NAME");
    let flags = settings::flags_of(args.to.as_deref(), &args.state);
    let retry = format!("ltn client {said}{flags}");
    let network = Network::of(&args.mode, args.state.state.as_ref(), &retry)?;
    let name = settings::name_or_none(args.name.as_ref())?;
    needs_name(&network, &name, &retry)?;
    let to = settings::server_in(&network, args.to.as_deref())?;
    let receive = args.receive.as_deref().map(|to| Receive::new(to, &args.receive_max));
    let receive = receive.transpose()?;
    let signals = Signals::listen()?;
    let to = whereto::unless_kept(to, network.state(&args.state), Output::words()).await?;
    let builder = in_network(Client::builder(&name), &network, &args.state);
    let builder = builder.backup_parents(settings::backups(&args.backup, &network)?);
    let name = called(&name);
    let node = builder.start().await.map_err(|error| Trouble::start(name, &error))?;
    let told = to.is_some();
    let to = home(&node, to.as_ref()).await?;
    // Without a folder nothing is taken, and the lines end at once.
    let files = receive.map_or_else(|| mpsc::channel(1).1, |receive| receive.start(&node));
    let ending = join_and_talk(&node, name, (&to, told), (signals, files)).await;
    node.shutdown().await;
    ending
}

async fn join_and_talk(
    node: &Node,
    name: &str,
    (to, told): (&Address, bool),
    (signals, files): (Signals, mpsc::Receiver<String>),
) -> Result<Ending, Trouble> {
    let output = Output::words();
    let watch = Watch::new(node);
    let joined = node.connect(to).await.map_err(|error| match &error {
        ConnectError::NoServer(_) if !told => Trouble::join(name, &error).hint(
            "there it was last, or was told to look last (`--to`); is that server running? `--to \
             ADDR` names another one",
        ),
        _ => Trouble::join(name, &error),
    })?;
    remember(node, to, output);
    go_where_invited(node, output).await;
    for text in &joined.welcome {
        output.said(joined.server_name.as_str(), text);
    }
    if let Some(reason) = &joined.name_reason {
        output.said(joined.server_name.as_str(), reason);
    }
    let place = node.snapshot().await.map(|seen| seen.path.to_string());
    let edited = Editor::start(node, output, &place.unwrap_or_else(|_| name.to_owned()));
    let (editor, lines) = match edited {
        Some((editor, lines)) => (Some(editor), lines),
        None => (None, outstanding::typed_lines()),
    };
    let console = Console {
        node: node.clone(),
        prompt: editor.as_ref().map(Editor::prompt),
        output,
        outstanding: Outstanding::default(),
        held: None,
        confirmations: HashMap::new(),
        connected: true,
    };
    let ending = console.converse(watch, signals, (lines, files)).await;
    drop(editor);
    Ok(ending)
}

/// One conversation.
#[derive(Debug)]
struct Console {
    node: Node,
    prompt: Option<Prompt>,
    output: Output,
    outstanding: Outstanding<Answered>,
    /// A line that waits for the answer to its twin: only then is it clear whether it confirms.
    held: Option<String>,
    /// What dangerous lines wait for, by the line.
    confirmations: HashMap<String, (Confirmation, Instant)>,
    connected: bool,
}

/// How a line ended.
#[derive(Debug)]
enum Answered {
    /// Nothing to say: a text was delivered.
    Quietly,
    /// With this to say.
    Text(String),
    /// It is dangerous and wants to be said again.
    Confirm(String, Confirmation),
    /// Not as it was meant.
    Trouble(Trouble),
}

impl Console {
    async fn converse(
        mut self,
        mut watch: Watch,
        mut signals: Signals,
        (mut lines, mut files): (mpsc::Receiver<String>, mpsc::Receiver<String>),
    ) -> Ending {
        let mut reading = true;
        loop {
            let may_read =
                reading && self.held.is_none() && self.outstanding.len() < OUTSTANDING_MAX;
            // Who takes files stays for them, also when nothing more can be typed.
            let is_over = !reading && files.is_closed();
            if is_over && self.held.is_none() && self.outstanding.is_empty() {
                return if self.connected { Ending::All } else { Ending::Some };
            }
            if is_broken() {
                // Nobody reads any more, so nobody is there who talks.
                return Ending::Some;
            }
            tokio::select! {
                // The answer to a line is shown before what followed from it.
                biased;
                answered = self.outstanding.next() => self.show(answered),
                news = watch.next() => {
                    if let Some(ending) = self.hear(&news) {
                        self.finish().await;
                        return ending;
                    }
                }
                Some(line) = files.recv() => self.output.happened(&line),
                line = lines.recv(), if may_read => match line {
                    Some(line) => self.take(line),
                    None => reading = false,
                },
                () = signals.next() => return Ending::All,
            }
        }
    }

    /// Shows what happened, and says if that was the end.
    fn hear(&mut self, news: &News) -> Option<Ending> {
        // The welcome texts have told it the first time.
        if let News::Event(Event::Connected { .. }) = news
            && self.connected
        {
            return None;
        }
        show(self.output, None, news);
        if let (Some(prompt), News::Event(event)) = (&self.prompt, news) {
            match event {
                Event::Placed { path, .. } => prompt.set(&path.to_string()),
                Event::Disconnected { .. } => prompt.set("(no server)"),
                _ => (),
            }
        }
        match news {
            News::Over => Some(Ending::Some),
            News::Event(Event::Connected { .. }) => {
                self.connected = true;
                None
            }
            News::Event(Event::Disconnected { .. }) => {
                self.connected = false;
                parted_for_good(news)
            }
            _ => None,
        }
    }

    /// Shows what is still to come: without a server every line ends at once.
    async fn finish(&mut self) {
        self.held = None;
        while !self.outstanding.is_empty() {
            let answered = self.outstanding.next().await;
            self.show(answered);
        }
    }

    fn show(&mut self, (line, answered): (String, Answered)) {
        match answered {
            Answered::Quietly => (),
            Answered::Text(text) => self.output.answer(&text),
            Answered::Trouble(trouble) => self.output.went_wrong(&trouble),
            Answered::Confirm(text, confirmation) => {
                self.output.answer(&text);
                self.output.say("Nothing is done yet: repeat the line within 30 s to confirm it");
                self.confirmations.retain(|_, (_, since)| is_fresh(*since));
                self.confirmations.insert(line, (confirmation, Instant::now()));
            }
        }
        if let Some(held) = self.held.take() {
            self.take(held);
        }
    }

    /// Starts what a line asks for.
    fn take(&mut self, line: String) {
        let line = line.trim_end().to_owned();
        match console::read(&line) {
            Ok(None) => (),
            Err(trouble) => self.output.went_wrong(&trouble),
            Ok(Some(Typed { line: Line::Text(text), whom, shown })) => {
                self.outstanding.push(line, say(self.node.clone(), (whom, shown), text));
            }
            Ok(Some(typed)) if self.outstanding.contains(&line) => {
                debug_assert!(matches!(typed.line, Line::Command { .. }), "texts were taken above");
                self.held = Some(line);
            }
            Ok(Some(typed)) => {
                let known = self.confirmations.remove(&line);
                let confirmation =
                    known.filter(|(_, since)| is_fresh(*since)).map(|(word, _)| word);
                let (node, output) = (self.node.clone(), self.output);
                self.outstanding.push(line, run((node, output), typed, confirmation));
            }
        }
    }
}

/// Sends a text to one, or to many.
async fn say(node: Node, (whom, shown): (Selector, String), text: String) -> Answered {
    let what = "the text";
    match whom {
        Selector::One(target) => match node.send(target, text).await {
            Ok(()) => Answered::Quietly,
            Err(error) => trouble(&shown, what, &error),
        },
        many @ Selector::Many(_) => {
            let begun = node.gather(many).send(text).await;
            of_many(many::as_text(Deed { shown: &shown, what }, begun).await)
        }
    }
}

fn of_many(told: Result<String, Trouble>) -> Answered {
    told.map_or_else(Answered::Trouble, Answered::Text)
}

/// Runs a command, or says its second word.
async fn run(
    (node, output): (Node, Output),
    typed: Typed,
    confirmation: Option<Confirmation>,
) -> Answered {
    let Typed { whom, shown, line: Line::Command { name, arguments } } = typed else {
        return Answered::Quietly;
    };
    let target = match whom {
        Selector::One(target) => target,
        many @ Selector::Many(_) => {
            let begun = node.gather(many).call(&name, arguments).await;
            return of_many(many::as_text(Deed { shown: &shown, what: &name }, begun).await);
        }
    };
    let reply = match &confirmation {
        None => node.call(target, &name, arguments).await,
        Some(word) => {
            let begun = node.confirm_in_parts(target, &name, arguments, word).await;
            hear(begun, output).await.map(CallReply::Done)
        }
    };
    match reply {
        Ok(CallReply::Confirm(word)) => Answered::Confirm(word.text.clone(), word),
        Ok(CallReply::Done(value)) => Answered::Text(match roll_call::of_value(&value) {
            Some(entries) => roll_call::table(&entries),
            None => readable(&value),
        }),
        Err(error) => trouble(&shown, &name, &error),
    }
}

/// Shows what a command tells before it ends.
async fn hear(begun: Result<Answering, TalkError>, output: Output) -> Result<Value, TalkError> {
    let mut answering = begun?;
    let mut progress = Progress::default();
    while let Some(part) = answering.next().await {
        progress.lines(&part).iter().for_each(|line| output.say(line));
    }
    answering.end().await
}

fn trouble(shown: &str, deed: &str, error: &TalkError) -> Answered {
    Answered::Trouble(Trouble::talk(shown, deed, error))
}

fn is_fresh(since: Instant) -> bool {
    since.elapsed() < CONFIRMATION_LIFETIME
}
