//! What the mind wants written, and what the disk says to it.

use ltn_proto::{Durable, Input, WriteId};

use super::Driver;
use crate::notice::NoticeKind;

impl Driver {
    /// Has something written; where nothing is kept, it is done at once.
    pub(super) fn persist(&mut self, write: WriteId, what: Durable) {
        self.config.remembered.take_in(&what);
        let done = match &self.keeper {
            None => {
                what.audited().map(|(copy, audited)| self.audit.take(copy, audited));
                Ok(())
            }
            Some(keeper) => match keeper.write(write, what) {
                Ok(()) => return,
                Err(why) => Err(why),
            },
        };
        self.answers.push_back(Input::Persisted { write, done });
    }

    /// The disk has answered.
    pub(super) async fn on_persisted(&mut self, write: WriteId, done: Result<(), String>) {
        if let Err(why) = &done {
            let text = format!("the state directory cannot be written: {why}");
            self.log.say(NoticeKind::Error, &text);
        }
        self.feed(Input::Persisted { write, done }).await;
    }
}
