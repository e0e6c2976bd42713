//! How nodes start, and why they do not.

use std::net::{IpAddr, Ipv4Addr};

use ltn::{Client, MainServer, StartError, SubServer, TalkError};

use crate::support::{address_of, main_server, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_a_mode_does_not_start() {
    let refused = MainServer::builder().port(0).start().await;
    assert!(matches!(refused, Err(StartError::NoMode)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_open_mode_does_not_leave_the_machine() {
    for ip in [Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(192, 168, 178, 140)] {
        let refused = MainServer::builder().open().listen(ip.into()).port(0).start().await;
        assert!(matches!(refused, Err(StartError::NotLoopback(IpAddr::V4(said))) if said == ip));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_with_control_characters_is_refused() {
    let refused = SubServer::builder("hall\u{1b}[2J").open().port(0).start().await;
    assert!(matches!(refused, Err(StartError::BadName { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_named() {
    let main = main_server().await;
    let port = address_of(&main).socket_addr().unwrap().port();
    let error = SubServer::builder("second").open().port(port).start().await.unwrap_err();
    assert!(error.to_string().contains(&port.to_string()), "{error}");
    assert!(matches!(error, StartError::PortInUse { .. }));
    soon(main.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_main_server_has_a_data_socket_and_a_sub_server_only_if_asked() {
    let main = main_server().await;
    assert!(main.data_address().is_some_and(|data| Some(data) != main.address()));
    let sub = SubServer::builder("sub1").open().port(0).start().await.unwrap();
    assert_eq!(sub.data_address(), None);
    let client = Client::builder("client1").open().port(4_000).start().await.unwrap();
    assert_eq!(client.address(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stopped_says_so_and_frees_its_port() {
    let main = main_server().await;
    let address = address_of(&main);
    soon(main.shutdown()).await;
    soon(main.stopped()).await;
    soon(main.shutdown()).await;
    assert_eq!(main.send("/", "hello").await, Err(TalkError::Stopped));
    assert_eq!(main.request("/", "PING", ()).await, Err(TalkError::Stopped));
    assert_eq!(main.snapshot().await.unwrap_err(), TalkError::Stopped);
    assert!(main.events().recv().await.is_err());
    let port = address.socket_addr().unwrap().port();
    let next = MainServer::builder().open().port(port).data_port(0).start().await.unwrap();
    assert_eq!(next.address(), Some(address));
    soon(next.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_of_messages_is_given_out_once() {
    let main = main_server().await;
    let queue = main.messages();
    assert!(queue.is_some() && main.clone().messages().is_none());
    soon(main.shutdown()).await;
    assert_eq!(soon(queue.unwrap().recv()).await, None);
}
