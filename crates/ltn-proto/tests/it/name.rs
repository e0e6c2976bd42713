//! Names: whatever is accepted stays accepted, and whatever anybody sends does no harm.

use ltn_proto::{Name, NodePath, sanitise_line};
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_name_is_its_own_name(text in "[\\PC]{1,40}|[a-zA-Zß-ſа-я0-9 ._-]{1,20}") {
        if let Ok(name) = Name::known(&text) {
            prop_assert_eq!(Name::known(name.as_str()), Ok(name.clone()));
            prop_assert_eq!(sanitise_line(name.as_str()), name.as_str());
            prop_assert!(name.as_str().chars().count() <= 64);
            let path = NodePath::root().child(name.clone());
            prop_assert_eq!(path.to_string().parse::<NodePath>(), Ok(path));
            let upper = Name::known(&name.as_str().to_uppercase());
            prop_assert!(upper.is_err() || upper.is_ok_and(|upper| upper.clashes_with(&name)));
        }
    }

    #[test]
    fn errors_can_be_shown(text in any::<String>()) {
        if let Err(error) = Name::wanted(&text) {
            let shown = error.to_string();
            prop_assert_eq!(sanitise_line(&shown), shown.as_str());
            prop_assert!(shown.chars().count() < 250);
        }
    }
}
