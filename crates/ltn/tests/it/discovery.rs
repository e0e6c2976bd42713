//! Servers that announce themselves, and who hears of them.

use std::time::Duration;

use ltn::{Finder, FoundBy, MainServer};

use crate::alone::told_elsewhere;
use crate::support::{address_of, main_server, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_announces_itself_is_found_at_any_port() {
    if told_elsewhere("discovery::a_server_that_announces_itself_is_found_at_any_port") {
        return;
    }
    let quiet = main_server().await;
    let main = MainServer::builder().open().port(0).data_port(0).discoverable();
    let main = main.start().await.unwrap();
    let listening = Finder::open().ports(1).time_limit(Duration::from_secs(60));
    let first = listening.clone().discovery(Duration::from_secs(60)).first();
    let search = soon(first.search()).await.unwrap();
    assert_eq!(search.found.len(), 1);
    assert_eq!((&search.found[0].address, search.found[0].id), (&address_of(&main), main.id()));
    assert_eq!(search.found[0].found_by, [FoundBy::Announcement]);
    assert!(search.of > 1, "the hint counts as an address to look at");

    // Who did not announce itself is not found, and who has gone is not either.
    soon(main.shutdown()).await;
    let later = soon(listening.discovery(Duration::from_secs(3)).search()).await.unwrap();
    assert_eq!(later.found, []);
    soon(quiet.shutdown()).await;
}
