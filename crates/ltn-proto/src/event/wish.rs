//! What a program can want of the periodic routines of its node.

use std::time::Duration;

/// What the program on this node can want of its services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceWish {
    /// Have this service from now on, in place of an earlier one of the program's of this name. It
    /// is due at once.
    Keep {
        /// What it is called.
        name: String,
        /// How often it runs.
        interval: Duration,
    },
    /// Have this service of the program's no longer.
    Remove {
        /// Which one.
        name: String,
    },
    /// Switch services on or off.
    Enable {
        /// Which one; `None` for all.
        name: Option<String>,
        /// On or off?
        enabled: bool,
    },
    /// Run this service now, whether it is due or enabled or not.
    RunNow {
        /// Which one.
        name: String,
    },
}
