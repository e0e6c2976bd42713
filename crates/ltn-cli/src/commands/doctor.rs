//! `ltn doctor`: is a state directory whole, and what is in it?

use ltn::inspect_state;

use crate::args::DoctorArgs;
use crate::output::Output;
use crate::settings;
use crate::trouble::{Ending, Trouble};

pub(crate) fn perform(args: &DoctorArgs) -> Result<Ending, Trouble> {
    let directory = settings::state_or_default(args.state.as_ref())?;
    let view = inspect_state(&directory).map_err(|error| Trouble::state(&error))?;
    let output = Output::words();
    output.say(&format!("{} is whole:", directory.display()));
    for line in view.lines {
        output.say(&format!("  {line}"));
    }
    Ok(Ending::All)
}
