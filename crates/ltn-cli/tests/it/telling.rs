//! What an admin is told of rights and members, where it could be taken for more than it is.

use crate::members::{member, network};
use crate::process::run;
use crate::state::Place;

#[test]
fn an_admin_is_told_what_is_so_and_no_more() {
    let place = Place::new("telling");
    let (main, state) = network(&place);
    let [lamp, kitchen] = ["lamp", "kitchen"].map(|name| member(&place, &state, name, &[]));
    let said = |words: &[&str], code: i32, part: &str| {
        let ended = run(&[words, &["--state", &state]].concat());
        let told = format!("{}{}", ended.stdout, ended.stderr);
        assert!(ended.code == Some(code) && told.contains(part), "{words:?}: {told}");
        told
    };
    said(&["grant", "lamp", "admin", "--for", "2h"], 0, "until the main server has run");
    // Some of the two hours are over.
    let shown = said(&["members"], 0, "lamp: client");
    assert!(shown.contains("`admin` for 71") && shown.contains(" s more"), "{shown}");
    let taken = said(&["ungrant", "lamp", "admin", "user"], 0, "`admin` no more");
    assert!(!taken.contains("`user`"), "it was never given: {taken}");
    said(&["revoke", "lamp", "--yes"], 0, "its key is refused from now on");
    said(&["grant", "lamp", "admin"], 2, "`lamp` is out");
    drop(main);
    // Nobody hears of it yet.
    said(&["revoke", "kitchen", "--yes"], 0, "as soon as the main server runs");
    let copies = run(&["audit", "--copies", "--state", &kitchen]);
    assert_eq!(copies.code, Some(2), "{}", copies.stdout);
    assert!(copies.stderr.contains("by the main server alone"), "{}", copies.stderr);
    let lost = run(&["client", "--state", &lamp]);
    assert!(lost.code != Some(0) && lost.stderr.contains("`--to ADDR` names another"), "{lost:?}");
}
