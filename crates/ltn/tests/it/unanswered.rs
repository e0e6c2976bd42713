//! A machine joins, and the connection breaks after the main server has used up the invite and
//! before the answer has arrived.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the story where it happened")]

use ltn::{
    Address, Client, JoinError, MainServer, Network, Role, join_network, join_network_at,
    make_network_at,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::restored::Place;
use crate::support::{address_of, soon};

/// Passes on what goes to the main server and comes back, until the book has somebody new: what
/// comes back then, and everything after it, is lost with the connection.
async fn forgetful_way(to: Address, network: Network) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = Address::new(&listener.local_addr().unwrap().to_string());
    tokio::spawn(async move {
        let (near, _) = listener.accept().await.unwrap();
        let far = TcpStream::connect(to.as_str()).await.unwrap();
        let known = network.members().await.len();
        let (mut from_near, mut to_near) = near.into_split();
        let (mut from_far, mut to_far) = far.into_split();
        let upwards = tokio::spawn(async move {
            // It ends with the connection.
            let _ = tokio::io::copy(&mut from_near, &mut to_far).await;
        });
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let count = from_far.read(&mut bytes).await.unwrap();
            if count == 0 || network.members().await.len() > known {
                break;
            }
            to_near.write_all(&bytes[..count]).await.unwrap();
        }
        upwards.abort();
    });
    at
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_answer_was_lost_joins_again_with_the_same_line_and_nobody_else_does() {
    let network = Network::make().unwrap();
    let main = MainServer::builder().port(0).without_data_socket().root_of(&network);
    let main = main.start().await.unwrap();
    let hints = [address_of(&main)];
    let invite = network.invite(Role::Client, Some("lamp"), &hints).await.unwrap();
    let place = Place::new("unanswered");
    let lost = forgetful_way(address_of(&main), network.clone()).await;
    let directory = place.of("lamp");
    let unknown = soon(join_network_at(&invite, &[lost], &directory)).await.unwrap_err();
    assert!(matches!(unknown, JoinError::Unknown(_)), "{unknown}");
    assert!(unknown.to_string().contains("try again with the same directory"), "{unknown}");
    let members = network.members().await;
    let (burnt, _) = members.iter().find(|(_, member)| member.role == Role::Client).unwrap();

    // Somebody else who saw the line, and another network's maker, come too late.
    for refused in [
        soon(join_network(&invite, &[])).await.unwrap_err(),
        soon(join_network_at(&invite, &[], &place.of("thief"))).await.unwrap_err(),
    ] {
        assert!(refused.to_string().contains("used already"), "{refused}");
    }
    assert!(make_network_at(&directory, "home").is_err(), "these keys are an invited machine's");
    let joined = soon(join_network_at(&invite, &[], &directory)).await.unwrap();
    assert_eq!(joined.id(), *burnt);
    assert_eq!(network.members().await.len(), members.len());
    let lamp = Client::builder("").member_at(&directory).start().await.unwrap();
    let welcome = soon(lamp.connect(&address_of(&main))).await.unwrap();
    assert_eq!(welcome.name.as_deref(), Some("lamp"));
    main.shutdown().await;
}
