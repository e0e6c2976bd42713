//! The announcement of a server that wants to be found.

use ltn_proto::Address;
use tokio::sync::watch;

use crate::discovery::Announcement;
use crate::driver::Life;
use crate::log::Log;
use crate::notice::NoticeKind;

/// Announces a server until it has ended.
pub(super) fn announce(address: Option<&Address>, log: &Log, mut life: watch::Receiver<Life>) {
    let Some(at) = address.and_then(Address::socket_addr) else { return };
    match Announcement::start(at) {
        Ok(announcement) => drop(tokio::spawn(async move {
            // An error means that the driver is gone, and with it the node.
            let _ = life.wait_for(|life| life.ended).await;
            announcement.end().await;
        })),
        Err(error) => {
            log.say(NoticeKind::Warning, &format!("this server is not announced: {error}"));
        }
    }
}
