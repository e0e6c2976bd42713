//! Joining where others want to as well, or say that they do.

use ltn_proto::Role;

use super::*;
use crate::builder::MainServer;
use crate::membership::Network;
use crate::tls::Accepted;

/// More than there are places, and than may wait for one.
const SILENT: usize = 48;

/// They held the places for ten seconds each, and nobody joined meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn silent_joiners_keep_nobody_out() {
    let network = Network::make().unwrap();
    let main = MainServer::builder().port(0).without_data_socket().root_of(&network);
    let main = main.start().await.unwrap();
    let address = main.address().unwrap();
    let carriers = Carriers::tcp(&Limits::default(), Reach::Everywhere);
    let mut silent = Vec::new();
    for _ in 0..SILENT {
        let carried = carriers.dial(&address).await.unwrap();
        silent.push(connect_to_join(carried, network.id()).await.unwrap());
    }
    for name in ["lamp", "door", "bell"] {
        let hints = std::slice::from_ref(&address);
        let invite = network.invite(Role::Client, Some(name), hints).await.unwrap();
        let began = tokio::time::Instant::now();
        join_network(&invite, &[]).await.unwrap();
        assert!(began.elapsed() < BEGIN_TIME / 2, "it waited for somebody who says nothing");
    }
    drop(silent);
    main.shutdown().await;
}

/// It was told as unknown, though the secret had not been shown to anybody.
#[tokio::test]
async fn a_broken_first_question_is_certainly_nothing() {
    let network = Network::make().unwrap();
    let carriers = Carriers::tcp(&Limits::default(), Reach::Everywhere);
    let mut acceptor = carriers.listen(&Address::new("127.0.0.1:0")).await.unwrap();
    let address = acceptor.address();
    let invite = network.invite(Role::Client, None, &[]).await.unwrap();
    let (_, tls) = network.root().keys().unwrap();
    let breaks = async {
        let accepted = tls.accept(acceptor.accept().await.unwrap()).await.unwrap();
        assert!(matches!(accepted, Accepted::Joiner(_)));
    };
    let ((), joined) = tokio::join!(breaks, join_network(&invite, std::slice::from_ref(&address)));
    let error = joined.unwrap_err();
    assert!(matches!(error, JoinError::NotReached(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("before the invite was used") && !text.contains("rustls"), "{text}");
}
