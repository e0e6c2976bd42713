//! What a command about members would do, in words, and to whom: said before anybody consents.

use std::time::Duration;

use ltn_proto::{Grant, NodeId, Refusal, Value};

use super::commands::{Giving, Here, Said, refuse};
use super::listing::in_words;
use super::network::Network;
use crate::handlers::Forecast;

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
                (format!("{who_is_it} will be out: {text}"), vec![who])
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
                let what = said.words(1)?;
                let whom = self.describe(who).await;
                if self.would(|book| book.ungrant(who, &what)).await? == 0 {
                    return Err(refuse(&format!("{whom} was given none of that")));
                }
                (format!("{whom} will hold {} no more", in_words(&what)), vec![who])
            }
            _ => return Ok(None),
        };
        Ok(Some(told))
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
