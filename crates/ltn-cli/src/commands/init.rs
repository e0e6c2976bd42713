//! `ltn init`: a new network, whose main server this machine becomes.

use ltn::make_network_at;

use crate::args::InitArgs;
use crate::output::Output;
use crate::settings;
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &InitArgs) -> Result<Ending, Trouble> {
    let name = settings::name(&args.name)?;
    let directory = settings::state_or_default(args.state.as_ref())?;
    let (place, label) = (directory.clone(), name.to_string());
    let made = tokio::task::spawn_blocking(move || make_network_at(&place, &label)).await;
    let network = made
        .map_err(|error| Trouble::failed(error.to_string()))?
        .map_err(|error| Trouble::state(&error))?;
    let flags = args
        .state
        .as_ref()
        .map_or_else(String::new, |directory| format!(" --state {}", directory.display()));
    let output = Output::words();
    output.say(&format!("The network {name} is made: {network}"));
    let keys = directory.display();
    output.say(&format!("Its keys are in {keys}; keep a copy: `ltn backup FILE{flags}`"));
    output.say("What comes next:");
    output.say(&format!("  ltn main{flags}"));
    output.say("      starts the main server, at port 4000");
    output.say(&format!("  ltn invite{flags} --name lamp"));
    output.say("      prints one line, for `ltn join` on another machine");
    Ok(Ending::All)
}
