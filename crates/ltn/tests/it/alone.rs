//! Stories that need a loopback interface of their own: who else runs on this machine, and what
//! other machines hear, is nobody's business there.
//!
//! Such a test starts itself once more in a network namespace, and is told there. Where the system
//! makes none, that is said aloud, and nothing is tested.

use std::process::{Command, Output};

/// Set where a story is told alone.
const ALONE: &str = "LTN_TEST_ALONE";

/// `false` in a network of its own: the story is to be told here. Otherwise it has been told in
/// one, by the test of this name, or could not be.
#[expect(clippy::print_stderr, reason = "what is not tested must be said")]
pub(crate) fn told_elsewhere(story: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return false;
    }
    let namespace = |script: &str, words: &[&str]| -> Option<Output> {
        let mut command = Command::new("unshare");
        command.args(["-r", "-n", "sh", "-c", script]).args(words).env(ALONE, "1");
        command.output().ok()
    };
    let made = namespace("ip link set lo up", &[]).is_some_and(|made| made.status.success());
    if !made {
        eprintln!("SKIPPED {story}: this system makes no network namespace (unshare -rn, ip)");
        return true;
    }
    let this = std::env::current_exe().expect("a test knows its program");
    let this = this.to_str().expect("its path is UTF-8");
    let script = "ip link set lo up && exec \"$0\" --exact \"$1\" --nocapture";
    let told = namespace(script, &[this, story]).expect("it worked a moment ago");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, complained) = (text(&told.stdout), text(&told.stderr));
    assert!(told.status.success() && said.contains("1 passed"), "{said}\n{complained}");
    true
}
