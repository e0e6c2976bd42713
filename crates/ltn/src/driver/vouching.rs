//! What certificates say of the other ends of links, in networks with members.

use ltn_proto::{Input, LinkId, Role};

use super::Driver;

impl Driver {
    /// Tells the mind what the other end was invited to be; in an open network nobody was.
    pub(super) async fn vouch(&mut self, link: LinkId, invited_as: Option<Role>) {
        if let Some(role) = invited_as {
            self.feed(Input::Vouched { link, role }).await;
        }
    }
}
