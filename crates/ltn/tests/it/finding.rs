//! Finding servers, and joining whichever of them answers.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the story where it happened")]

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, TcpListener as Silent};
use std::time::Duration;

use ltn::{
    Address, Client, ConnectError, Event, FindError, Finder, FoundBy, NetworkMode, Node, PortExpr,
    RefusalKind, ServerList,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{address_of, client, event, join, main_server, network, soon, sub_server};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Longer than any test waits: what depends on it does not end in time.
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// Somebody who lets others connect and never says a word, and his address.
fn silent() -> (Silent, Address) {
    let listener = Silent::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().into();
    (listener, address)
}

fn port_of(address: &Address) -> u16 {
    address.socket_addr().unwrap().port()
}

fn finder(addresses: &[&Address]) -> Finder {
    let ports = addresses.iter().map(|address| port_of(address)).collect();
    Finder::open().addresses([HERE]).ports(PortExpr::FirstOf(ports))
}

async fn lamp() -> Node {
    Client::builder("lamp").open().start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_finds_the_servers_and_nothing_else() {
    let main = main_server().await;
    let sub = sub_server("sub1", &main).await;
    let (_silent, silent) = silent();
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stranger: Address = other.local_addr().unwrap().into();
    tokio::spawn(async move {
        let (mut stream, _) = other.accept().await.unwrap();
        stream.write_all(b"220 something else\r\n").await.unwrap();
    });
    let data = main.data_address().unwrap();
    let (at_main, at_sub) = (address_of(&main), address_of(&sub));
    let finder = finder(&[&at_main, &silent, &data, &at_sub, &stranger]);
    let search = soon(finder.attempt_limit(Duration::from_secs(5)).search()).await.unwrap();
    assert_eq!((search.looked_at, search.of), (5, 5));
    let mut found: Vec<_> = search.found.iter().map(|found| (&found.address, found.id)).collect();
    found.sort_by_key(|(address, _)| **address != at_main);
    assert_eq!(found, [(&at_main, main.id()), (&at_sub, sub.id())]);
    for found in &search.found {
        assert_eq!((found.mode, &found.found_by[..]), (NetworkMode::Open, &[FoundBy::Scan][..]));
        assert!(found.answered_in < Duration::from_secs(5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_addresses_are_not_tried_one_at_a_time() {
    let main = main_server().await;
    let dead: Vec<_> = (0..40).map(|_| silent()).collect();
    let mut addresses: Vec<&Address> = dead.iter().map(|(_, address)| address).collect();
    let at_main = address_of(&main);
    addresses.push(&at_main);
    let finder = finder(&addresses).first().attempt_limit(FOR_EVER).time_limit(FOR_EVER);
    let search = soon(finder.search()).await.unwrap();
    assert_eq!(search.found.len(), 1);
    assert_eq!(search.found[0].address, at_main);
    assert_eq!((search.looked_at, search.of), (1, 41));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_are_knocked_at_together_than_was_said_and_the_time_ends() {
    let dead: Vec<_> = (0..4).map(|_| silent()).collect();
    let addresses: Vec<&Address> = dead.iter().map(|(_, address)| address).collect();
    let finder = finder(&addresses).at_once(2).attempt_limit(FOR_EVER);
    let search = soon(finder.time_limit(Duration::from_secs(5)).search()).await.unwrap();
    assert_eq!((search.found.len(), search.looked_at, search.of), (0, 0, 4));
    let knocked_at = |(listener, _): &&(Silent, Address)| match listener.accept() {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            false
        }
    };
    assert_eq!(dead.iter().filter(knocked_at).count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_is_dropped_hangs_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().into();
    let finder = finder(&[&address]).attempt_limit(FOR_EVER).time_limit(FOR_EVER);
    let search = tokio::spawn(async move { finder.search().await });
    let (mut stream, _) = soon(listener.accept()).await.unwrap();
    search.abort();
    let mut said = Vec::new();
    // A reset is an end too.
    let _ = soon(stream.read_to_end(&mut said)).await;
    assert!(soon(search).await.unwrap_err().is_cancelled());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_knock_joins_nobody_and_shows_in_no_list() {
    let main = main_server().await;
    let mut events = main.events();
    let search = soon(finder(&[&address_of(&main)]).search()).await.unwrap();
    assert_eq!(search.found.len(), 1);
    let lamp = client("lamp", &main).await;
    // The first who joins is the lamp: whoever knocked before it did not.
    let joined = event(&mut events, |event| match event {
        Event::Joined { child, .. } => Some(child),
        _ => None,
    });
    assert_eq!(joined.await, lamp.id());
    assert_eq!(network(&main, |nodes| nodes.len() == 2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_open_mode_searches_no_other_machine() {
    let elsewhere: IpAddr = "192.0.2.1".parse().unwrap();
    let refused = Finder::open().addresses([HERE, elsewhere]).ports(4_000).search().await;
    assert_eq!(refused, Err(FindError::NotLoopback(elsewhere)));
    // A remembered one is passed over.
    let away = Address::new("192.0.2.1:4000");
    let main = main_server().await;
    let finder = finder(&[&address_of(&main)]).remembered([&away]);
    assert_eq!(soon(finder.search()).await.unwrap().of, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_own_subnet_is_searched_at_all_its_addresses() {
    let main = ltn::MainServer::builder().open().listen("127.0.0.77".parse().unwrap());
    let main = main.port(0).data_port(0).start().await.unwrap();
    let port = port_of(&address_of(&main));
    let search = soon(Finder::open().own_subnet().ports(port).search()).await.unwrap();
    assert!(search.looked_at >= 254, "{}", search.looked_at);
    // Somebody else's server may have the same port at another of these addresses.
    assert!(search.found.iter().any(|found| found.id == main.id()), "{search:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_found_is_remembered_where_that_was_asked_for() {
    let main = main_server().await;
    let lamp = lamp().await;
    let at_main = address_of(&main);
    let finder = finder(&[&at_main]).remembered([&at_main]).remember_at(&lamp);
    let search = soon(finder.search()).await.unwrap();
    assert_eq!(search.of, 1);
    assert_eq!(search.found[0].found_by, [FoundBy::Remembered, FoundBy::Scan]);
    assert_eq!(lamp.remembered_servers(), [at_main]);
    assert_eq!(soon(lamp.autoconnect()).await.unwrap().server, main.id());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn autoconnect_joins_a_remembered_server_that_answers() {
    let (first, second) = (main_server().await, main_server().await);
    let lamp = lamp().await;
    assert_eq!(soon(lamp.autoconnect()).await.unwrap_err(), ConnectError::NothingListed);
    join(&lamp, &first).await;
    join(&lamp, &second).await;
    let addresses = [address_of(&second), address_of(&first)];
    assert_eq!(lamp.remembered_servers(), addresses);

    let refused = soon(lamp.autoconnect()).await.unwrap_err();
    let ConnectError::Refused(refusal) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.kind, RefusalKind::NotPossible);

    soon(lamp.disconnect()).await.unwrap();
    soon(second.shutdown()).await;
    // Neither a free port nor somebody who never answers is in the way of the one that does.
    let (_silent, silent) = silent();
    lamp.remember_server(&silent);
    assert_eq!(soon(lamp.autoconnect()).await.unwrap().server, first.id());

    soon(lamp.disconnect()).await.unwrap();
    soon(first.shutdown()).await;
    lamp.forget_server(&silent);
    let nobody = soon(lamp.autoconnect()).await.unwrap_err();
    let ConnectError::NoServer(tried) = nobody else { panic!("{nobody:?}") };
    assert!(addresses.iter().all(|address| tried.contains(address.as_str())), "{tried}");
    soon(lamp.shutdown()).await;
    assert_eq!(lamp.autoconnect().await.unwrap_err(), ConnectError::Stopped);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn autoconnect_does_not_count_the_own_address() {
    let main = main_server().await;
    let sub = ltn::SubServer::builder("sub1").open().port(0).start().await.unwrap();
    sub.remember_server(&address_of(&sub));
    let port = port_of(&address_of(&sub));
    sub.remember_server(&Address::new(&format!("[::1]:{port}")));
    assert_eq!(soon(sub.autoconnect()).await.unwrap_err(), ConnectError::NothingListed);
    sub.remember_server(&address_of(&main));
    assert_eq!(soon(sub.autoconnect()).await.unwrap().server, main.id());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_servers_outlives_the_program() {
    let main = main_server().await;
    let before = client("lamp", &main).await;
    let mut list = ServerList::default();
    before.remembered_servers().iter().for_each(|address| list.remember(address));
    let name = format!("ltn-finding-{}", std::process::id());
    let file = std::env::temp_dir().join(name).join("servers");
    list.store(&file).unwrap();
    soon(before.shutdown()).await;

    let after = lamp().await;
    ServerList::load(&file).unwrap().iter().for_each(|address| after.remember_server(address));
    assert_eq!(soon(after.autoconnect()).await.unwrap().server, main.id());
    std::fs::remove_dir_all(file.parent().unwrap()).unwrap();
}
