//! Members, strangers and liars shaking hands.

use tokio::io::duplex;

use super::super::{Accepted, Authority, SecureStream, Tls, TlsError, connect_to_join};
use super::*;
use crate::carrier::Carried;

/// One network with its authority.
struct Network(Authority);

impl Network {
    fn new() -> Self {
        Self(Authority::make().unwrap().0)
    }

    fn member(&self, kind: Role) -> (Identity, Membership) {
        let identity = Identity::throw_away().unwrap();
        let key = identity.signer().unwrap().public_key().to_vec();
        let membership = Membership {
            network: self.0.network(),
            authority: self.0.certificate().to_vec(),
            certificate: self.0.certify(&key, kind).unwrap(),
        };
        (identity, membership)
    }

    fn node(&self, kind: Role) -> (NodeId, Tls) {
        let (identity, membership) = self.member(kind);
        (identity.id(), Tls::members(&identity, &membership).unwrap())
    }
}

fn pipe() -> (Carried, Carried) {
    let carried = |stream| Carried { stream, remote: "mem:other".to_owned(), origin: None };
    let (near, far) = duplex(64 * 1024);
    (carried(Box::new(near)), carried(Box::new(far)))
}

async fn accepted(server: &Tls, carried: Carried) -> Result<SecureStream, TlsError> {
    match server.accept(carried).await? {
        Accepted::Node(_, stream) => Ok(stream),
        Accepted::Joiner(_) => panic!("nobody wanted to join"),
    }
}

/// What each end says of the other one. A client of TLS 1.3 is done before the server has
/// judged it, so only the server's word on it counts.
async fn meet(
    client: &Tls,
    server: &Tls,
) -> (Result<SecureStream, TlsError>, Result<SecureStream, TlsError>) {
    let (near, far) = pipe();
    tokio::join!(client.connect(near, ConnectionKind::Link), accepted(server, far))
}

#[tokio::test]
async fn members_know_each_other_and_what_each_was_invited_to_be() {
    let home = Network::new();
    let (sub_id, sub) = home.node(Role::SubServer);
    let (lamp_id, lamp) = home.node(Role::Client);
    let (up, down) = meet(&lamp, &sub).await;
    let (up, down) = (up.unwrap(), down.unwrap());
    assert_eq!((up.peer(), up.invited_as()), (sub_id, Some(Role::SubServer)));
    assert_eq!((down.peer(), down.invited_as()), (lamp_id, Some(Role::Client)));
}

#[tokio::test]
async fn a_member_of_another_network_is_refused_by_both_ends() {
    let (home, away) = (Network::new(), Network::new());
    let (_, server) = home.node(Role::MainServer);
    let (_, stranger) = away.node(Role::Client);
    let (up, _) = meet(&stranger, &server).await;
    assert!(matches!(up, Err(TlsError::NoProof(_))), "{up:?}");
    // One that does not look at the server at all is refused by it.
    let (identity, membership) = away.member(Role::Client);
    let mixed = Membership { authority: home.0.certificate().to_vec(), ..membership };
    let (_, down) = meet(&Tls::members(&identity, &mixed).unwrap(), &server).await;
    assert!(matches!(down, Err(TlsError::NoProof(_))), "{down:?}");
}

#[tokio::test]
async fn a_client_cannot_pose_as_a_server() {
    let home = Network::new();
    let (_, lamp) = home.node(Role::Client);
    let (_, other) = home.node(Role::Client);
    let (up, _) = meet(&lamp, &other).await;
    assert!(matches!(up, Err(TlsError::NoProof(_))), "{up:?}");
}

#[tokio::test]
async fn open_nodes_and_members_do_not_meet() {
    let home = Network::new();
    let open = Tls::open(&Identity::throw_away().unwrap()).unwrap();
    let (_, server) = home.node(Role::MainServer);
    let (_, lamp) = home.node(Role::Client);
    let (up, down) = meet(&open, &server).await;
    assert_eq!((up.err(), down.err().is_some()), (Some(TlsError::WrongProtocol), true));
    let (up, down) = meet(&lamp, &open).await;
    assert_eq!((up.err(), down.err().is_some()), (Some(TlsError::WrongProtocol), true));
}

#[tokio::test]
async fn a_certificate_is_good_for_its_own_key_only() {
    let home = Network::new();
    let (_, membership) = home.member(Role::Client);
    let thief = Identity::throw_away().unwrap();
    assert!(check_membership(&thief, &membership).is_err());
    let (_, server) = home.node(Role::MainServer);
    let stolen = Tls::members(&thief, &membership);
    if let Ok(stolen) = stolen {
        let (_, down) = meet(&stolen, &server).await;
        assert!(down.is_err());
    }
}

#[tokio::test]
async fn who_joins_meets_the_network_of_the_invite_or_says_nothing() {
    let (home, away) = (Network::new(), Network::new());
    let (_, server) = home.node(Role::SubServer);
    let (near, far) = pipe();
    let (joiner, door) = tokio::join!(connect_to_join(near, home.0.network()), server.accept(far));
    let (_, authority) = joiner.unwrap();
    assert_eq!(authority, home.0.certificate());
    assert!(matches!(door, Ok(Accepted::Joiner(_))));

    let (near, far) = pipe();
    let (joiner, _) = tokio::join!(connect_to_join(near, away.0.network()), server.accept(far));
    assert_eq!(joiner.err(), Some(TlsError::OtherNetwork));
}

#[tokio::test]
async fn a_server_that_only_shows_the_authority_beside_its_own_chain_is_refused() {
    let (home, away) = (Network::new(), Network::new());
    let (identity, membership) = away.member(Role::MainServer);
    // It has the certificate of the true authority: everybody can see that one.
    let posing = Membership { authority: home.0.certificate().to_vec(), ..membership };
    let config = admission_config(&identity, &posing).unwrap();
    let (near, far) = pipe();
    let acceptor = tokio_rustls::TlsAcceptor::from(config);
    let (joiner, _) =
        tokio::join!(connect_to_join(near, home.0.network()), acceptor.accept(far.stream));
    assert!(matches!(joiner, Err(TlsError::NoProof(_))), "{:?}", joiner.err());
}

#[test]
fn a_sub_server_makes_no_members() {
    let home = Network::new();
    let (sub, sub_membership) = home.member(Role::SubServer);
    let lamp = Identity::throw_away().unwrap();
    // It signs with its own key, and puts its own certificate between.
    let issuer_key =
        rcgen::KeyPair::try_from(sub.key.secret_der()).expect("it is a key of rcgen's");
    let params = rcgen::CertificateParams::new(vec![SERVER_NAME.to_owned()]).unwrap();
    let issuer = rcgen::Issuer::from_params(&params, &issuer_key);
    let lamp_key = rcgen::KeyPair::try_from(lamp.key.secret_der()).unwrap();
    let forged = params.signed_by(&lamp_key, &issuer).unwrap();
    let membership = Membership { certificate: forged.der().to_vec(), ..sub_membership.clone() };
    assert!(check_membership(&lamp, &membership).is_err());
}

/// What a server says of one that shows these certificates and has this key.
async fn said_of(identity: &Identity, chain: Vec<CertificateDer<'static>>, to: &Tls) -> TlsError {
    let provider = provider();
    let verifier: Arc<dyn ServerCertVerifier> = super::super::open::AnyKey::new(&provider);
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = if chain.is_empty() {
        config.with_no_client_auth()
    } else {
        config.with_client_auth_cert(chain, identity.key.clone_key()).unwrap()
    };
    config.alpn_protocols = vec![ConnectionKind::Link.alpn(Mode::Members).to_vec()];
    let (near, far) = duplex(64 * 1024);
    let far = Carried { stream: Box::new(far), remote: "mem:other".to_owned(), origin: None };
    let client = async {
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        // A client of TLS 1.3 is done before the server has judged it: stay until it hangs up.
        if let Ok(mut stream) = connector.connect(server_name(), near).await {
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0]).await;
        }
    };
    // Who is let in is hung up on too, so that the client comes to its end.
    let server = async { accepted(to, far).await.map(drop) };
    let (said, ()) = tokio::join!(server, client);
    said.expect_err("it was let in")
}

/// A certificate as the authority would make it for this node, made with another key.
fn forged_for(
    node: &Identity,
    network: NetworkId,
    issuer_key: &Identity,
    issuer: &rcgen::CertificateParams,
) -> CertificateDer<'static> {
    let mut params = rcgen::CertificateParams::new(vec!["member.ltn.invalid".to_owned()]).unwrap();
    let uri = format!("ltn:{network}/{}/client", node.id());
    params.subject_alt_names.push(rcgen::SanType::URI(uri.try_into().unwrap()));
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let issuer_key = rcgen::KeyPair::try_from(issuer_key.key.secret_der()).unwrap();
    let issuer = rcgen::Issuer::from_params(issuer, &issuer_key);
    let key = rcgen::KeyPair::try_from(node.key.secret_der()).unwrap();
    params.signed_by(&key, &issuer).unwrap().der().clone()
}

#[tokio::test]
async fn a_member_made_by_a_sub_server_is_refused_with_the_sub_server_between() {
    let home = Network::new();
    let (sub, sub_membership) = home.member(Role::SubServer);
    let (_, server) = home.node(Role::MainServer);
    let lamp = Identity::throw_away().unwrap();
    // The issuer's name is that of the sub-server's certificate, so that a path can be tried.
    let mut issuer = rcgen::CertificateParams::new(vec![SERVER_NAME.to_owned()]).unwrap();
    issuer.distinguished_name = rcgen::DistinguishedName::new();
    let forged = forged_for(&lamp, home.0.network(), &sub, &issuer);
    let [between, authority] = [sub_membership.certificate, sub_membership.authority];
    let chain = vec![forged, CertificateDer::from(between), CertificateDer::from(authority)];
    let said = said_of(&lamp, chain, &server).await;
    assert!(matches!(said, TlsError::NoProof(_)), "{said}");
}

#[tokio::test]
async fn a_certificate_of_ones_own_making_is_refused() {
    let home = Network::new();
    let (_, server) = home.node(Role::MainServer);
    let lamp = Identity::throw_away().unwrap();
    let mut issuer = rcgen::CertificateParams::new(Vec::new()).unwrap();
    issuer.distinguished_name = rcgen::DistinguishedName::new();
    issuer.distinguished_name.push(rcgen::DnType::CommonName, "LocalThingsNetwork authority");
    let forged = forged_for(&lamp, home.0.network(), &lamp, &issuer);
    let authority = CertificateDer::from(home.0.certificate().to_vec());
    let said = said_of(&lamp, vec![forged, authority], &server).await;
    assert!(matches!(said, TlsError::NoProof(_)), "{said}");
}

#[tokio::test]
async fn who_shows_no_certificate_gets_no_link() {
    let home = Network::new();
    let (_, server) = home.node(Role::MainServer);
    let said = said_of(&Identity::throw_away().unwrap(), Vec::new(), &server).await;
    assert!(matches!(said, TlsError::NoProof(_)), "{said}");
}

/// A client that keeps whatever a server gives it to resume, and says its first word early if the
/// server lets it.
#[tokio::test]
async fn nothing_is_heard_before_the_handshake_is_over_and_nothing_resumes() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let home = Network::new();
    let (_, server) = home.node(Role::SubServer);
    let (identity, membership) = home.member(Role::Client);
    let config = client_config(&identity, &membership, ConnectionKind::Link).unwrap();
    assert!(!config.enable_early_data);
    let mut eager = (*config).clone();
    (eager.resumption, eager.enable_early_data) = (Resumption::in_memory_sessions(8), true);
    let connector = tokio_rustls::TlsConnector::from(Arc::new(eager));
    for time in ["the first", "the second", "the third"] {
        let (near, far) = pipe();
        let server = async {
            let mut stream = accepted(&server, far).await.unwrap();
            stream.write_all(b"!").await.unwrap();
            stream.flush().await.unwrap();
            // Until the client has read it, with all that came before it.
            let _ = stream.read(&mut [0]).await;
        };
        let client = async {
            let mut may_be_early = false;
            let connecting = connector.connect_with(server_name(), near.stream, |session| {
                may_be_early = session.early_data().is_some();
            });
            let mut stream = connecting.await.unwrap();
            stream.read_exact(&mut [0]).await.unwrap();
            let kind = stream.get_ref().1.handshake_kind();
            let seen = (kind, may_be_early);
            assert_eq!(seen, (Some(rustls::HandshakeKind::Full), false), "{time} time");
        };
        tokio::join!(server, client);
    }
    let joiners = admission_config(&identity, &membership).unwrap();
    assert_eq!((joiners.max_early_data_size, joiners.send_tls13_tickets), (0, 0));
}

#[test]
fn a_clock_that_is_wrong_by_ages_changes_nothing() {
    let home = Network::new();
    let (_, server) = home.member(Role::SubServer);
    let (_, client) = home.member(Role::Client);
    let anchors = server.anchors().unwrap();
    let servers = WebPkiServerVerifier::builder_with_provider(Arc::clone(&anchors), provider());
    let servers = servers.build().unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(anchors, provider());
    let clients = clients.build().unwrap();
    let (hall, lamp, name) = (server.chain(), client.chain(), server_name());
    // A machine without a clock, and one that is three thousand years ahead.
    for seconds in [0, 100_000_000_000] {
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let alone = servers.verify_server_cert(&hall[0], &hall[1..], &name, &[], now);
        assert!(alone.is_err(), "webpki asks the clock if it is not kept from it");
        let timeless = Timeless(Arc::clone(&servers));
        timeless.verify_server_cert(&hall[0], &hall[1..], &name, &[], now).unwrap();
        let timeless = Timeless(Arc::clone(&clients));
        timeless.verify_client_cert(&lamp[0], &lamp[1..], now).unwrap();
    }
}
