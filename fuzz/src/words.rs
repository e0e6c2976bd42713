//! What people type, and what others wrote for them to read.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use ltn_proto::{
    Address, Name, NetworkId, NodeId, NodePath, Selector, Target, parse_line, sanitise,
    sanitise_line, shorten,
};

/// Reads a text as all that it may be; what is accepted says the same when it is shown and read
/// again.
pub(crate) fn read(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    same_again::<NodePath>(text);
    same_again::<Target>(text);
    same_again::<Selector>(text);
    same_again::<NodeId>(text);
    same_again::<NetworkId>(text);
    if let Ok(name) = Name::wanted(text) {
        assert_eq!(Name::known(name.as_str()).as_ref(), Ok(&name), "who has a name may be told of");
        assert!(name.clashes_with(&name));
        assert!(!name.as_str().contains('/'), "no name reaches into another layer");
    }
    let address = Address::new(text);
    assert_eq!(Address::new(address.as_str()), address);
    let _ = (address.socket_addr(), address.host());
    let _ = parse_line(text);
}

fn same_again<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) {
    let Ok(first) = text.parse::<T>() else { return };
    let shown = first.to_string();
    match shown.parse::<T>() {
        Ok(second) => assert_eq!(first, second, "{text:?} is shown as {shown:?}"),
        Err(why) => panic!("{text:?} is shown as {shown:?}, which nobody can read: {why:?}"),
    }
}

/// Takes out of a text what could steer a terminal or mislead a reader.
pub(crate) fn show(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (whole, line) = (sanitise(&text), sanitise_line(&text));
    for shown in [&whole, &line] {
        let bad = |c: char| {
            (c.is_control() && !matches!(c, '\n' | '\t'))
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
                || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
        };
        assert!(!shown.contains(bad), "{shown:?}");
    }
    assert!(!line.contains(['\n', '\t']), "{line:?}");
    assert_eq!(sanitise(&whole), whole, "once is enough");
    assert!(shorten(&line, 20).chars().count() <= 20);
}
