//! `ltn completions` and `ltn man`: what shells and readers want to know of this program, made of
//! the same declarations that read its command line.

use clap::CommandFactory;

use crate::args::{Args, CompletionsArgs, ManArgs};
use crate::output::Output;
use crate::trouble::{Ending, Trouble};

/// The name that the program is called by.
const PROGRAM: &str = "ltn";

pub(crate) fn complete(args: &CompletionsArgs) -> Result<Ending, Trouble> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), PROGRAM, &mut script);
    say(&script)
}

pub(crate) fn page(args: &ManArgs) -> Result<Ending, Trouble> {
    let mut program = Args::command();
    program.build();
    let command = match &args.verb {
        None => program,
        Some(verb) => {
            let found = program.get_subcommands().find(|command| {
                command.get_name() == verb || command.get_all_aliases().any(|alias| alias == verb)
            });
            let none = || {
                Trouble::usage(format!("there is no verb `{verb}`")).hint("`ltn --help` lists them")
            };
            let found = found.cloned().ok_or_else(none)?;
            let name = format!("{PROGRAM}-{}", found.get_name());
            found.display_name(name)
        }
    };
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(command).render(&mut page);
    rendered.map_err(|error| Trouble::failed(format!("no manual page: {error}")))?;
    say(&page)
}

fn say(text: &[u8]) -> Result<Ending, Trouble> {
    Output::words().say(String::from_utf8_lossy(text).trim_end());
    Ok(Ending::All)
}
