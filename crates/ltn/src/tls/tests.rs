//! Handshakes with every kind of other end.

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::open::AnyKey;
use super::*;

fn carried(stream: DuplexStream) -> Carried {
    Carried { stream: Box::new(stream), remote: "mem:other".to_owned(), origin: None }
}

fn pipe() -> (Carried, Carried) {
    let (near, far) = duplex(64 * 1024);
    (carried(near), carried(far))
}

fn node() -> (NodeId, Tls) {
    let identity = Identity::throw_away().unwrap();
    (identity.id(), Tls::open(&identity).unwrap())
}

/// What a server says of a client that has this configuration.
async fn server_says(config: ClientConfig) -> TlsError {
    let (_, tls) = node();
    let (near, far) = duplex(64 * 1024);
    let client = async {
        let name = ServerName::try_from("node.invalid").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, near).await;
        // A TLS 1.3 client is done before the server has judged it: stay until it hangs up.
        if let Ok(mut stream) = stream {
            let _ = stream.read(&mut [0; 1]).await;
        }
    };
    // Who is let in is hung up on too, so that the client comes to its end.
    let server = async { tls.accept(carried(far)).await.map(drop) };
    let (said, ()) = tokio::join!(server, client);
    said.unwrap_err()
}

/// What a server says of a client that sends these bytes and hangs up.
async fn server_says_of_bytes(bytes: &[u8]) -> TlsError {
    let (_, tls) = node();
    let (mut near, far) = duplex(64 * 1024);
    let client = async {
        near.write_all(bytes).await.unwrap();
        near.shutdown().await.unwrap();
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await.unwrap();
    };
    // Who is let in is hung up on too, so that the client comes to its end.
    let server = async { tls.accept(carried(far)).await.map(drop) };
    let (said, ()) = tokio::join!(server, client);
    said.unwrap_err()
}

fn client_of(identity: &Identity, alpn: &[&[u8]]) -> ClientConfig {
    let mut config = (*open::client_config(identity, ConnectionKind::Link).unwrap()).clone();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config
}

/// A client hello as TLS 1.2 had it, without the extension that offers newer versions.
fn hello_of_tls12() -> Vec<u8> {
    let extensions: &[&[u8]] = &[
        &[0, 10, 0, 4, 0, 2, 0, 23], // supported groups: P-256
        &[0, 13, 0, 4, 0, 2, 4, 3],  // signatures: ECDSA P-256 with SHA-256
        &[0, 11, 0, 2, 1, 0],        // point formats: uncompressed
        &[0, 23, 0, 0],              // extended master secret
    ];
    let extensions = extensions.concat();
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0, 0, extensions.len() as u8]);
    hello.extend(extensions);
    let mut message = vec![1, 0, 0, hello.len() as u8];
    message.extend(hello);
    let mut record = vec![22, 3, 1, 0, message.len() as u8];
    record.extend(message);
    record
}

#[tokio::test]
async fn both_ends_learn_who_the_other_is() {
    let ((a_id, a), (b_id, b)) = (node(), node());
    for kind in [ConnectionKind::Link, ConnectionKind::Data] {
        let (near, far) = pipe();
        let (dialed, accepted) = tokio::join!(a.connect(near, kind), b.accept(far));
        let mut dialed = dialed.unwrap();
        let Accepted::Node(agreed, mut accepted) = accepted.unwrap() else { panic!("a node") };
        assert_eq!(agreed, kind);
        assert_eq!((dialed.peer(), accepted.peer()), (b_id, a_id));
        dialed.write_all(b"hello").await.unwrap();
        let mut read = [0; 5];
        accepted.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"hello");
        assert!(dialed.bytes_sent() > 5, "what is counted is the encrypted bytes");
    }
}

#[tokio::test]
async fn a_data_port_takes_no_links() {
    let ((_, a), (_, b)) = (node(), node());
    let (near, far) = pipe();
    let (dialed, accepted) =
        tokio::join!(a.connect(near, ConnectionKind::Link), b.accept_data(far));
    assert_eq!(dialed.unwrap_err(), TlsError::WrongProtocol);
    assert_eq!(accepted.unwrap_err(), TlsError::WrongProtocol);
}

#[tokio::test]
async fn tls_for_another_purpose_is_refused() {
    let identity = Identity::throw_away().unwrap();
    assert_eq!(server_says(client_of(&identity, &[b"h2"])).await, TlsError::WrongProtocol);
    assert_eq!(server_says(client_of(&identity, &[])).await, TlsError::WrongProtocol);
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let provider = provider();
    let verifier: Arc<dyn ServerCertVerifier> = AnyKey::new(&provider);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![ConnectionKind::Link.alpn(Mode::Open).to_vec()];
    let said = server_says(config).await;
    assert!(matches!(said, TlsError::NoProof(_)), "{said}");
}

#[tokio::test]
async fn a_borrowed_certificate_is_refused() {
    let (victim, thief) = (Identity::throw_away().unwrap(), Identity::throw_away().unwrap());
    let provider = provider();
    let key = provider.key_provider.load_private_key(thief.key.clone_key()).unwrap();
    let borrowed = CertifiedKey::new(vec![victim.certificate.clone()], key);
    let verifier: Arc<dyn ServerCertVerifier> = AnyKey::new(&provider);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(borrowed)));
    config.alpn_protocols = vec![ConnectionKind::Link.alpn(Mode::Open).to_vec()];
    let said = server_says(config).await;
    assert!(matches!(said, TlsError::NoProof(_)), "{said}");
}

#[tokio::test]
async fn what_is_no_tls_or_an_old_one_gets_a_clear_reason() {
    let plain = server_says_of_bytes(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").await;
    assert_eq!(plain, TlsError::NotTls);
    let old = server_says_of_bytes(&hello_of_tls12()).await;
    assert!(matches!(old, TlsError::OldTls(_)), "{old}");
    let half = server_says_of_bytes(&hello_of_tls12()[..20]).await;
    assert!(matches!(half, TlsError::Broken(_)), "{half}");
    let nothing = server_says_of_bytes(b"").await;
    assert!(matches!(nothing, TlsError::Broken(_)), "{nothing}");
}

#[tokio::test]
async fn a_server_that_is_no_tls_gets_a_clear_reason() {
    let (_, tls) = node();
    let (near, mut far) = duplex(64 * 1024);
    far.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
    let said = tls.connect(carried(near), ConnectionKind::Link).await.unwrap_err();
    assert_eq!(said, TlsError::NotTls);
}

#[test]
fn a_key_is_never_shown() {
    let identity = Identity::throw_away().unwrap();
    let shown = format!("{identity:?}");
    assert!(shown.contains("id:") && !shown.contains("key"), "{shown}");
}

/// In a crowd every thread was busy answering strangers.
#[tokio::test(start_paused = true)]
async fn while_one_hello_is_answered_the_others_wait() {
    let ((_, client), (_, server)) = (node(), node());
    let (near, far) = pipe();
    let turn = server.answering.lock().await;
    let mut both = Box::pin(async {
        tokio::join!(client.connect(near, ConnectionKind::Link), server.accept(far))
    });
    let a_while = std::time::Duration::from_secs(1);
    assert!(tokio::time::timeout(a_while, &mut both).await.is_err(), "it was answered");
    drop(turn);
    let (dialed, accepted) = both.await;
    assert!(dialed.is_ok() && accepted.is_ok());
}
