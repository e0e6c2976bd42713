//! `ltn doctor`: is a state directory whole, and what is in it?

use ltn::{StateError, inspect_keys, inspect_state};

use crate::args::DoctorArgs;
use crate::output::Output;
use crate::settings;
use crate::trouble::{Ending, Trouble};

pub(crate) fn perform(args: &DoctorArgs) -> Result<Ending, Trouble> {
    let directory = settings::state_or_default(args.state.as_ref())?;
    let shown = directory.display();
    let (begin, lines) = match inspect_state(&directory) {
        Ok(view) => (format!("{shown} is whole:"), view.lines),
        // Whoever holds it has looked at all of it, or would not run.
        Err(StateError::InUse { holder, .. }) => {
            let seen = inspect_keys(&directory).map_err(|error| Trouble::state(&error))?;
            let begin = format!(
                "{shown} is in use by {holder}, whose start has checked it. What can be seen \
                 meanwhile is whole:"
            );
            (begin, seen.lines)
        }
        Err(error) => return Err(Trouble::state(&error)),
    };
    let output = Output::words();
    output.say(&begin);
    lines.iter().for_each(|line| output.say(&format!("  {line}")));
    Ok(Ending::All)
}
