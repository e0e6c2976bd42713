//! `ltn send`: one text to one node or to many, or one file of any size to one.

mod file;

use std::io::{self, Read};

use ltn::{Selector, Target};

use crate::args::SendArgs;
use crate::commands::many::{self, Deed};
use crate::commands::visit::{Visitor, visiting};
use crate::console;
use crate::trouble::{Ending, Trouble};

/// In place of the text: it is to be read from standard input.
const STDIN: &str = "-";
/// More than any message may have is not read: one byte too many is enough to be refused.
const TEXT_BYTES_MAX: u64 = 1024 * 1024 + 1;

pub(crate) async fn perform(args: &SendArgs) -> Result<Ending, Trouble> {
    if let Some(path) = &args.file {
        return file::perform(args, path).await;
    }
    let whom = console::selector(&args.target)?;
    let text = args.text.as_deref().unwrap_or_default();
    visiting(&args.visit, "ltn send TARGET TEXT", async |visitor| {
        let text = if text == STDIN { typed()? } else { text.to_owned() };
        match whom {
            Selector::One(target) => send_one(visitor, &args.target, (target, text)).await,
            many @ Selector::Many(_) => {
                let gather = visitor.node.gather(many).within(visitor.timeout());
                let begun = gather.send(text).await;
                many::tell(visitor, Deed { shown: &args.target, what: "the text" }, begun).await
            }
        }
    })
    .await
}

async fn send_one(
    visitor: &Visitor,
    shown: &str,
    (target, text): (Target, String),
) -> Result<Ending, Trouble> {
    let sent = visitor.within(visitor.node.send(target, text)).await;
    sent.map_err(|error| Trouble::talk(shown, "the text", &error))?;
    visitor.output.tell(
        &[("target", shown.into()), ("outcome", "delivered".into())],
        &format!("delivered to {shown}"),
    );
    Ok(Ending::All)
}

/// All of standard input, without the end of its last line. Nothing else happens in this program
/// meanwhile, so it may wait for it.
fn typed() -> Result<String, Trouble> {
    read(io::stdin().lock())
}

fn read(input: impl Read) -> Result<String, Trouble> {
    let no = |why: &str| Trouble::usage(format!("the text from standard input {why}"));
    let mut bytes = Vec::new();
    let read = input.take(TEXT_BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(|error| no(&format!("cannot be read: {error}; nothing was sent")))?;
    let mut text = String::from_utf8(bytes).map_err(|_| no("is no UTF-8; nothing was sent"))?;
    let end = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line).len());
    text.truncate(end.unwrap_or(text.len()));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_goes_and_all_else_stays() {
        for (input, text) in [("a\nb\n", "a\nb"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("", "")] {
            assert_eq!(read(input.as_bytes()).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_text_is_refused_and_what_has_no_end_is_cut_beyond_the_largest_message() {
        assert!(read(&b"\xff"[..]).unwrap_err().what.contains("no UTF-8; nothing was sent"));
        let endless = io::repeat(b'x');
        assert_eq!(read(endless).unwrap().len() as u64, TEXT_BYTES_MAX);
    }
}
