//! The last resort of a process that said that it stops: it ends within two seconds, whatever
//! hangs.
//!
//! A roll call names a server as stopped on its word and the end of its link. So the word has to be
//! true also where a handler never returns, or a neighbour takes nothing any more.

use std::sync::Once;
use std::time::Duration;

use crate::output::Output;

/// After this time there is no more waiting.
const LIMIT: Duration = Duration::from_secs(2);

static ARMED: Once = Once::new();

/// From here on the process has two seconds. On a thread of its own, because what hangs may be the
/// program's own tasks.
pub(crate) fn arm() {
    ARMED.call_once(|| {
        let bark = || {
            std::thread::sleep(LIMIT);
            Output::words().remark("something did not end in time; the process ends without it");
            // What was told to the others holds: this node has stopped.
            std::process::exit(0);
        };
        // Without the thread the process ends by itself, as it nearly always does.
        drop(std::thread::Builder::new().name("watchdog".to_owned()).spawn(bark));
    });
}
