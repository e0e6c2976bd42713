//! What the random runs exercised. A promise that was never put to the test is none, so a zero
//! anywhere fails the whole test.

use std::collections::BTreeMap;
use std::fmt;

/// How often each thing happened, by its word.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    pub(crate) operations: BTreeMap<&'static str, u64>,
    pub(crate) faults: BTreeMap<&'static str, u64>,
    pub(crate) outcomes: BTreeMap<&'static str, u64>,
    pub(crate) checks: BTreeMap<&'static str, u64>,
}

/// The operations that the random runs are made of.
pub(crate) const OPERATIONS: [&str; 25] = [
    "send",
    "cast",
    "request",
    "call",
    "confirm",
    "locate",
    "list",
    "gather",
    "rename",
    "offer",
    "withdraw",
    "join",
    "move",
    "crossing-move",
    "move-below-itself",
    "set-higher-server",
    "disconnect",
    "stop",
    "restart",
    "order-stop",
    "order-restart",
    "strange",
    "move-under",
    "back-up",
    "watch",
];
/// How things end.
pub(crate) const OUTCOMES: [&str; 7] =
    ["delivered", "reply", "failed", "confirm", "refused", "no-route", "unknown"];
/// What was found to hold, where it was not trivial.
pub(crate) const CHECKS: [&str; 13] = [
    "forged source refused",
    "late answer dropped",
    "handler entered",
    "seed run twice",
    "fragment came back",
    "judged without excuse",
    "place compared",
    "answer traced",
    "silence noticed",
    "gathering without excuse",
    "end in a roll call",
    "watcher compared",
    "strange kind answered",
];

impl Totals {
    pub(crate) fn count(table: &mut BTreeMap<&'static str, u64>, word: &'static str, times: u64) {
        *table.entry(word).or_default() += times;
    }

    /// Keeps the largest number under this word.
    pub(crate) fn most(table: &mut BTreeMap<&'static str, u64>, word: &'static str, number: u64) {
        let known = table.entry(word).or_default();
        *known = number.max(*known);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.operations, &other.operations),
            (&mut self.faults, &other.faults),
            (&mut self.outcomes, &other.outcomes),
            (&mut self.checks, &other.checks),
        ];
        for (mine, theirs) in pairs {
            for (word, times) in theirs {
                if word.starts_with("longest") {
                    Self::most(mine, word, *times);
                    continue;
                }
                Self::count(mine, word, *times);
            }
        }
    }

    /// Everything that should have happened and never did.
    pub(crate) fn zeros(&self, faults: &[&'static str]) -> Vec<&'static str> {
        let wanted = [
            (&OPERATIONS[..], &self.operations),
            (faults, &self.faults),
            (&OUTCOMES[..], &self.outcomes),
            (&CHECKS[..], &self.checks),
        ];
        let missing = |(words, table): (&[&'static str], &BTreeMap<&'static str, u64>)| {
            let never = |word: &&'static str| table.get(*word).is_none_or(|times| *times == 0);
            words.iter().copied().filter(|word| never(word)).collect::<Vec<_>>()
        };
        wanted.into_iter().flat_map(missing).collect()
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = [
            ("operations", &self.operations),
            ("faults", &self.faults),
            ("outcomes", &self.outcomes),
            ("checks", &self.checks),
        ];
        for (title, table) in tables {
            writeln!(f, "{title}")?;
            for (word, times) in table {
                writeln!(f, "  {word:<24}{times:>10}")?;
            }
        }
        Ok(())
    }
}
