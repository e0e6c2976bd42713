//! One thing said to many nodes: how each of them ended, line by line, and a count at the end.

use ltn::{
    Addressee, Confirmation, Gathered, Node, NodeId, Outcome, RollCall, TalkError, Value, Whom,
};

use crate::commands::roll_call::count;
use crate::commands::visit::{Asking, Visitor, consent};
use crate::output::readable;
use crate::trouble::{Ending, Trouble};

/// What is said to many, as it was typed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deed<'a> {
    /// To whom.
    pub(crate) shown: &'a str,
    /// What.
    pub(crate) what: &'a str,
}

/// How many ended in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    answered: usize,
    failed: usize,
    refused: usize,
    unreachable: usize,
    unknown: usize,
    /// Those who could not be named.
    missing: bool,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Delivered | Outcome::Reply(_) => self.answered += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Refused(_) | Outcome::Confirm(_) => self.refused += 1,
            Outcome::NoRoute(_) => self.unreachable += 1,
            _ => self.unknown += 1,
        }
    }

    const fn total(&self) -> usize {
        self.answered + self.failed + self.refused + self.unreachable + self.unknown
    }

    const fn ending(&self) -> Ending {
        if self.answered == self.total() && self.answered > 0 && !self.missing {
            Ending::All
        } else if self.answered + self.failed > 0 {
            Ending::Some
        } else if self.unknown > 0 {
            Ending::Unknown
        } else {
            Ending::Nothing
        }
    }

    fn words(&self) -> String {
        let parts = [
            (self.answered, "answered"),
            (self.failed, "failed"),
            (self.refused, "refused"),
            (self.unreachable, "unreachable"),
            (self.unknown, "unknown"),
        ];
        let said = parts.into_iter().filter(|(number, _)| *number > 0);
        let said: Vec<String> = said.map(|(number, word)| format!("{number} {word}")).collect();
        format!("{}: {}", count(self.total(), "node"), said.join(", "))
    }
}

/// Tells how each one ended, and how all of it did.
pub(crate) async fn tell(
    visitor: &Visitor,
    deed: Deed<'_>,
    begun: Result<RollCall, TalkError>,
) -> Result<Ending, Trouble> {
    let mut roll = begun.map_err(|error| Trouble::talk(deed.shown, deed.what, &error))?;
    let mut tally = Tally::default();
    while let Some(next) = roll.next().await {
        match next {
            Ok(one) => {
                tally.add(&one.outcome);
                tell_one(visitor, &one);
            }
            Err(error) => tell_missing(visitor, deed, &mut tally, &error),
        }
    }
    sum_up(visitor, &tally);
    Ok(tally.ending())
}

/// Runs a command at many. A dangerous one shows first what will happen to whom. Tells how all of
/// it ended, and who did what needed a second word.
pub(crate) async fn order(
    visitor: &Visitor,
    whom: Whom,
    (deed, arguments): (Deed<'_>, Vec<Value>),
    asking: Asking,
) -> Result<(Ending, Vec<NodeId>), Trouble> {
    let call = |whom: Whom| gather(&visitor.node, whom, visitor, deed.what, arguments.clone());
    let begun = call(whom).await;
    let mut roll = begun.map_err(|error| Trouble::talk(deed.shown, deed.what, &error))?;
    let (mut tally, mut asked, mut did) = (Tally::default(), Vec::new(), Vec::new());
    while let Some(next) = roll.next().await {
        match next {
            Ok(Gathered { id, path, outcome: Outcome::Confirm(confirmation), .. }) => {
                let Confirmation { token, text, .. } = confirmation;
                visitor.output.remark(&format!("{path} (id:{}…): {text}", id.short()));
                asked.push(Addressee { id, path, token: Some(token) });
            }
            Ok(one) => {
                tally.add(&one.outcome);
                tell_one(visitor, &one);
            }
            Err(error) => tell_missing(visitor, deed, &mut tally, &error),
        }
    }
    if !asked.is_empty() {
        consent(visitor.output, asking)?;
        let begun = call(Whom::These(asked)).await;
        let mut roll = begun.map_err(|error| Trouble::talk(deed.shown, deed.what, &error))?;
        while let Some(Ok(one)) = roll.next().await {
            tally.add(&one.outcome);
            tell_one(visitor, &one);
            did.extend(matches!(one.outcome, Outcome::Reply(_)).then_some(one.id));
        }
    }
    sum_up(visitor, &tally);
    Ok((tally.ending(), did))
}

async fn gather(
    node: &Node,
    whom: Whom,
    visitor: &Visitor,
    command: &str,
    arguments: Vec<Value>,
) -> Result<RollCall, TalkError> {
    node.gather(whom).within(visitor.timeout()).call(command, arguments).await
}

fn tell_missing(visitor: &Visitor, deed: Deed<'_>, tally: &mut Tally, error: &TalkError) {
    tally.missing = true;
    let trouble = Trouble::talk(deed.shown, deed.what, error);
    visitor.output.remark(&format!("not everybody could be named: {}", trouble.what));
}

fn tell_one(visitor: &Visitor, one: &Gathered) {
    let value = match &one.outcome {
        Outcome::Reply(value) => value.clone(),
        _ => Value::Null,
    };
    let text = in_words(&one.outcome);
    let why = match &one.outcome {
        Outcome::Delivered | Outcome::Reply(_) => Value::Null,
        _ => Value::from(text.as_str()),
    };
    let path = one.path.to_string();
    let took = (one.took.as_secs_f64() * 1_000_000.0).round() / 1_000.0;
    visitor.output.tell(
        &[
            ("path", path.as_str().into()),
            ("id", one.id.to_string().into()),
            ("outcome", one.outcome.word().into()),
            ("value", value),
            ("why", why),
            ("took_ms", took.into()),
        ],
        &hanging(&path, &text),
    );
}

fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Delivered => "delivered".to_owned(),
        Outcome::Reply(value) => readable(value),
        Outcome::Failed(why) => format!("tried and failed: {why}"),
        Outcome::Refused(no) => format!("refused: {no}"),
        Outcome::NoRoute(no) => format!("unreachable: {no}"),
        Outcome::Unknown(why) => format!("unknown: {why}"),
        Outcome::Confirm(word) => {
            format!("nothing is done yet: {}; for many nodes use `ltn run`", word.text)
        }
        other => other.word().to_owned(),
    }
}

/// How each one ended, and how all of it did, as one text.
pub(crate) async fn as_text(
    deed: Deed<'_>,
    begun: Result<RollCall, TalkError>,
) -> Result<String, Trouble> {
    let trouble = |error| Trouble::talk(deed.shown, deed.what, &error);
    let mut roll = begun.map_err(trouble)?;
    let (mut tally, mut text) = (Tally::default(), String::new());
    while let Some(next) = roll.next().await {
        match next {
            Ok(one) => {
                tally.add(&one.outcome);
                text += &hanging(&one.path.to_string(), &in_words(&one.outcome));
            }
            Err(error) => {
                tally.missing = true;
                text += &format!("not everybody could be named: {}", trouble(error).what);
            }
        }
        text.push('\n');
    }
    Ok(text + &tally.words())
}

/// A text behind a path; its further lines stand below it, so that none passes for a line of ours.
fn hanging(path: &str, text: &str) -> String {
    let mut lines = text.lines();
    let mut block = format!("{path}  {}", lines.next().unwrap_or_default());
    for line in lines {
        block += &format!("\n    {line}");
    }
    block
}

fn sum_up(visitor: &Visitor, tally: &Tally) {
    visitor.output.tell(
        &[
            ("nodes", tally.total().into()),
            ("answered", tally.answered.into()),
            ("failed", tally.failed.into()),
            ("refused", tally.refused.into()),
            ("unreachable", tally.unreachable.into()),
            ("unknown", tally.unknown.into()),
            ("complete", (!tally.missing).into()),
        ],
        &tally.words(),
    );
}

#[cfg(test)]
mod tests {
    use ltn::{NoRoute, Refusal, RefusalKind};

    use super::*;

    fn tally(outcomes: &[Outcome]) -> Tally {
        let mut tally = Tally::default();
        outcomes.iter().for_each(|outcome| tally.add(outcome));
        tally
    }

    #[test]
    fn the_ending_says_what_is_certain() {
        let answer = Outcome::Reply(Value::Null);
        let refused = Outcome::Refused(Refusal::new(RefusalKind::Busy, "busy"));
        let lost = Outcome::NoRoute(NoRoute { at: "/".to_owned(), text: "lost".to_owned() });
        let unknown = Outcome::Unknown("silence".to_owned());
        assert_eq!(tally(&[answer.clone(), answer.clone()]).ending(), Ending::All);
        assert_eq!(tally(&[answer.clone(), lost.clone()]).ending(), Ending::Some);
        assert_eq!(tally(&[refused.clone(), lost.clone()]).ending(), Ending::Nothing);
        assert_eq!(tally(&[refused, unknown]).ending(), Ending::Unknown);
        let missing = Tally { missing: true, ..tally(std::slice::from_ref(&answer)) };
        assert_eq!(missing.ending(), Ending::Some);
        assert_eq!(tally(&[answer, lost]).words(), "2 nodes: 1 answered, 1 unreachable");
    }

    #[test]
    fn no_line_of_an_answer_passes_for_another_node() {
        assert_eq!(hanging("/a", "one\n/b  two"), "/a  one\n    /b  two");
    }
}
