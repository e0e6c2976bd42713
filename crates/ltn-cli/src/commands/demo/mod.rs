//! `ltn demo`: the notebook that this project was created from, played cell by cell.
//!
//! Eight nodes in one process talk over real sockets, through the public face of the library alone.
//! Nothing is only told: each step is checked, and the first one that did not happen as told ends
//! the demonstration with a failure that says which.

mod stage;
mod story;

use std::time::{Duration, Instant};

use crate::args::DemoArgs;
use crate::commands::roll_call;
use crate::commands::watch::Signals;
use crate::output::Output;
use crate::trouble::{Ending, Trouble};
use stage::Stage;

/// The story takes a second on a slow machine; after this time something hangs.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn perform(args: &DemoArgs) -> Result<Ending, Trouble> {
    let output = Output::new(args.json);
    let mut stage = Stage::new(output);
    output.say(
        "LocalThingsNetwork, live: a main server, three sub-servers and four clients, on this\n\
         machine only, over real sockets, encrypted. The cells are those of the notebook that it\n\
         all began with; every step is checked.",
    );
    let played = play(&mut stage, args.keep).await;
    let leftover = stage.fleet().stop().await;
    match &leftover {
        Some(entries) if args.keep => output.roll_call(entries, &roll_call::table(entries)),
        None if args.keep => output.say("The network has stopped."),
        _ => (),
    }
    played
}

async fn play(stage: &mut Stage, keep: bool) -> Result<Ending, Trouble> {
    let start = Instant::now();
    let told = tokio::time::timeout(PATIENCE, tell(stage, keep)).await;
    told.map_err(|_| stage.wrong("it did not come to an end"))??;
    if keep {
        return stay(stage).await;
    }
    stage.finished(start.elapsed());
    Ok(Ending::All)
}

/// The story, or with `keep` the part of it after which the network is still whole.
async fn tell(stage: &mut Stage, keep: bool) -> Result<(), Trouble> {
    story::servers_start(stage).await?;
    story::everybody_joins(stage).await?;
    story::two_clients_talk(stage).await?;
    story::a_cycle_is_refused(stage).await?;
    story::the_network_is_listed(stage).await?;
    if keep {
        return Ok(());
    }
    story::one_server_stops(stage).await?;
    story::the_network_stops(stage).await
}

/// Leaves the network up for others to look at.
async fn stay(stage: &mut Stage) -> Result<Ending, Trouble> {
    let mut signals = Signals::listen()?;
    let main = stage.node("Mainserver")?;
    let port = stage.address("Mainserver")?.socket_addr().map_or(4000, |address| address.port());
    stage.stays_up(port);
    tokio::select! {
        () = signals.next() => (),
        () = main.stopped() => (),
    }
    Ok(Ending::All)
}
