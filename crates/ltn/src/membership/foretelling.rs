//! What a command about members would do, in words, and to whom: said before anybody consents.

use std::time::Duration;

use ltn_proto::{Grant, NodeId, Permission, Refusal, Value};

use super::commands::{Giving, Here, Said, refuse};
use super::listing::in_words;
use super::network::Network;
use crate::handlers::Forecast;

/// So many are named; the list has all of them.
const NAMED_MAX: usize = 8;

impl Network {
    /// What this command would do here; nothing for one that is done unasked. What certainly cannot
    /// be is refused.
    pub(super) async fn forecast(
        &self,
        here: Here<'_>,
        command: &str,
        arguments: &[Value],
    ) -> Result<Option<Forecast>, Refusal> {
        let said = Said(arguments);
        let told = match command {
            "s.revoke" => {
                let who = self.find(here, said.needed(0)).await?;
                self.would(|book| book.revoke(who)).await?;
                let who_is_it = self.describe(who).await;
                let text = "its key is refused from now on, everywhere and for ever";
                let stay = self.who_stays(who).await;
                (format!("{who_is_it} will be out: {text}{stay}"), vec![who])
            }
            "s.grant" => {
                let Giving { who, what, scope, time } = self.giving(here, &said).await?;
                let grant = Grant { who, what: vec![what.clone()], scope };
                self.would(|book| book.grant(grant, time)).await?;
                let (whom, what) = (self.describe(who).await, in_words(&[what]));
                let text = format!("{whom} will hold {what} {}", self.extent(scope, time).await);
                (text, vec![who, scope])
            }
            "s.ungrant" => {
                let who = self.find(here, said.needed(0)).await?;
                let what = self.held(who, said.words(1)?).await;
                let whom = self.describe(who).await;
                if self.would(|book| book.ungrant(who, &what)).await? == 0 {
                    return Err(refuse(&format!("{whom} was given none of that")));
                }
                let stay = self.who_stays_without(who, &what).await;
                (format!("{whom} will hold {} no more{stay}", in_words(&what)), vec![who])
            }
            _ => return Ok(None),
        };
        Ok(Some(told))
    }

    /// Those of these permissions that a member was given anywhere.
    pub(super) async fn held(&self, who: NodeId, what: Vec<Permission>) -> Vec<Permission> {
        let grants = self.charter().await.grants;
        let holds = |word: &Permission| {
            grants.iter().any(|grant| grant.who == who && grant.what.contains(word))
        };
        what.into_iter().filter(holds).collect()
    }

    /// Who was let in by a member that is out, or an admin no more, and stays: a sentence more of
    /// what is said about that one. Nothing if nobody does.
    pub(super) async fn who_stays(&self, who: NodeId) -> String {
        let names = self.let_in_by(who).await;
        let inviter = self.call(who).await;
        stay_in_words(&names, &inviter).map_or_else(String::new, |text| format!(". {text}"))
    }

    /// The same of a member that loses these permissions: only an admin let anybody in.
    pub(super) async fn who_stays_without(&self, who: NodeId, what: &[Permission]) -> String {
        match what.contains(&Permission::admin()) {
            true => self.who_stays(who).await,
            false => String::new(),
        }
    }

    /// Where a grant holds, and for how long.
    pub(super) async fn extent(&self, scope: NodeId, time: Option<Duration>) -> String {
        let at = match scope == self.root().id() {
            true => "everywhere".to_owned(),
            false => format!("at {} and below", self.describe(scope).await),
        };
        let until = time.map_or_else(String::new, |time| {
            format!(", until the main server has run for {} s more", time.as_secs())
        });
        at + &until
    }
}

/// Who joined by invites of somebody, and stays; nothing of nobody.
fn stay_in_words(names: &[String], inviter: &str) -> Option<String> {
    let (last, first) = names.split_last()?;
    if first.is_empty() {
        let text = "stays; `ltn revoke` it if it should not";
        return Some(format!("{last} joined by an invite of {inviter} and {text}"));
    }
    let all = match names.len() > NAMED_MAX {
        true => {
            let (named, rest) = names.split_at(NAMED_MAX);
            let rest = format!("{} more (`ltn members` lists them)", rest.len());
            format!("{} and {rest}", named.join(", "))
        }
        false => format!("{} and {last}", first.join(", ")),
    };
    Some(format!(
        "{all} joined by invites of {inviter} and stay; `ltn revoke` each that should not"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stays_is_named_and_of_many_the_first() {
        let words = |count: usize| {
            let names: Vec<String> = (1..=count).map(|number| format!("lamp{number}")).collect();
            stay_in_words(&names, "ann")
        };
        assert_eq!(words(0), None);
        let one = words(1).unwrap();
        assert!(one.starts_with("lamp1 joined by an invite of ann and stays; "), "{one}");
        let two = words(2).unwrap();
        assert!(two.starts_with("lamp1 and lamp2 joined by invites of ann and stay; "), "{two}");
        let all = words(NAMED_MAX).unwrap();
        assert!(all.starts_with("lamp1, ") && all.contains("lamp7 and lamp8 joined"), "{all}");
        let many = words(4_096).unwrap();
        assert!(many.contains("lamp7, lamp8 and 4088 more (`ltn members`"), "{many}");
        assert!(many.len() < 300 && !many.contains("lamp9"), "{many}");
    }
}
