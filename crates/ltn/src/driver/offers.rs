//! What the program offers to others: looked at before it is told to the mind.

use ltn_proto::{Input, Refusal, RefusalKind};

use super::{Driver, ask};
use crate::handlers::Offer;

impl Driver {
    pub(super) async fn on_offer(&mut self, name: String, offer: Offer, reply: ask::OfferReply) {
        let checked = self.check_offer(&name, &offer);
        let offered = match checked.and_then(|()| self.handlers.offer(name, offer)) {
            Ok(op) => {
                self.feed(Input::Op(op)).await;
                Ok(())
            }
            Err(refusal) => Err(refusal),
        };
        // Whoever does not wait any more does not need to know.
        let _ = reply.send(offered);
    }

    /// Can others be shown this, and is its name free?
    fn check_offer(&self, name: &str, offer: &Offer) -> Result<(), Refusal> {
        if self.mind.has_built_in(name) {
            let text = format!("`{name}` comes with this node; offer yours by another name");
            return Err(Refusal::new(RefusalKind::NotPossible, text));
        }
        match offer {
            Offer::Command(spec, _) | Offer::Foretold(spec, ..) => {
                spec.validate().map_err(|why| Refusal::new(RefusalKind::BadArguments, why))
            }
            Offer::Value(_) | Offer::Function(_) => Ok(()),
        }
    }
}
