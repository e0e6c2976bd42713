//! A machine's own side of joining: it finds out that it talks to the right network before it says
//! a word, and shows that it was invited without giving the secret away.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ltn_proto::admission::{Admitted, JOIN_ANSWER_BYTES_MAX, JoinAnswer, JoinAsk};
use ltn_proto::registry::{JoinProof, join_message};
use ltn_proto::signature::{Purpose, proof};
use ltn_proto::{Address, Invite, Limits};
use tokio::time::timeout;

use super::credentials::{Credentials, charter_of};
use super::words::{read_word, write_word};
use crate::carrier::{Carriers, Reach};
use crate::state::{Belonging, Candidate, NewMember, StateError, VisitKey, Visitors};
use crate::tls::{Identity, IdentityError, JoinStream, Membership, TlsError, connect_to_join};

/// Finding the network at one address, and hearing that the invite is open, take at most this long.
const BEGIN_TIME: Duration = Duration::from_secs(12);
/// Being let in takes at most this long after that.
const PROVE_TIME: Duration = Duration::from_secs(12);

/// Why this machine did not become a member. Nothing was stored.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The invite names no address, and none was given.
    #[error("the invite names no address: say where a server of the network is (--to)")]
    NoAddress,
    /// At none of the addresses a server of this network was found.
    #[error("no server of this network was reached: {0}")]
    NotReached(String),
    /// Somebody answered there who is not of the network that the invite is from. Nothing was said
    /// to him.
    #[error("{0}: it is not the network that the invite is from, and was told nothing")]
    OtherNetwork(String),
    /// The root refused.
    #[error("the main server refused: {0}")]
    Refused(String),
    /// The connection broke, or an answer came that cannot be: it is not certain whether the invite
    /// was used. The same state directory may try again with it.
    #[error("it is unknown whether the invite was used ({0}); try again with the same directory")]
    Unknown(String),
    /// The state directory cannot be used; nothing was said to anybody.
    #[error("{0}")]
    State(Arc<StateError>),
    /// This machine could not make its part.
    #[error("{0}")]
    Own(String),
}

impl From<IdentityError> for JoinError {
    fn from(error: IdentityError) -> Self {
        Self::Own(error.to_string())
    }
}

/// Joins the network that the invite is from, by the first of these addresses, or of those that the
/// invite names, that leads to it. The machine's key is made for this; the credentials hold it.
///
/// # Errors
/// Says why this machine is no member, and whether the invite may have been used.
pub async fn join_network(
    invite: &Invite,
    addresses: &[Address],
) -> Result<Credentials, JoinError> {
    let (identity, visitor) = (Identity::throw_away()?, Identity::throw_away()?);
    let joined = join((&identity, &[visitor]), invite, addresses).await?;
    let unknown = |error: IdentityError| JoinError::Unknown(error.to_string());
    let Joined { membership, admitted, .. } = joined;
    Credentials::of_admitted(Arc::new(identity), membership, &admitted).map_err(unknown)
}

/// The same for a node that keeps its state in this directory, which is made if it is not there.
/// Its keys are there before a word is said, so the same invite works again with the same directory
/// if the answer was lost. From then on [`crate::NodeBuilder::member_at`] starts the node, and
/// [`crate::Node::connect_home`] leads to where it joined.
///
/// # Errors
/// As [`join_network`]; [`JoinError::State`] if the directory cannot be used.
pub async fn join_network_at(
    invite: &Invite,
    addresses: &[Address],
    directory: &Path,
) -> Result<Credentials, JoinError> {
    let (path, number) = (directory.to_owned(), invite.id);
    let candidate = on_disk(move || Candidate::begin(&path, number)).await?;
    let joined = join((&candidate.identity, &candidate.visitors), invite, addresses).await?;
    let unknown = |error: IdentityError| JoinError::Unknown(error.to_string());
    let Joined { membership, admitted, address } = joined;
    let credentials =
        Credentials::of_admitted(Arc::clone(&candidate.identity), membership.clone(), &admitted);
    let credentials = credentials.map_err(unknown)?;
    let role = credentials.role();
    on_disk(move || {
        candidate.admitted(|identity, visitors| {
            let certificates = admitted.visitor_certificates.iter().map(|der| der.to_vec());
            let shown = certificates.zip(admitted.passes.iter().copied());
            let keys = visitors
                .into_iter()
                .zip(shown)
                .map(|(identity, (certificate, pass))| VisitKey { identity, certificate, pass });
            NewMember {
                identity,
                visitors: Visitors {
                    keys: keys.collect(),
                    network: membership.network,
                    authority: membership.authority.clone(),
                    charter: charter_of(&admitted),
                },
                role,
                name: admitted.name.as_ref().map_or_else(String::new, ToString::to_string),
                charter: charter_of(&admitted),
                belonging: Belonging {
                    label: String::new(),
                    membership,
                    place: admitted.place.clone(),
                    office: None,
                },
                address: Some(address),
            }
        })
    })
    .await?;
    Ok(credentials)
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StateError> + Send + 'static,
) -> Result<T, JoinError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| JoinError::Own(error.to_string()))?
        .map_err(|error| JoinError::State(Arc::new(error)))
}

/// What a new member has to keep.
#[derive(Debug, Clone)]
struct Joined {
    /// What it shows from now on.
    membership: Membership,
    /// What the root said.
    admitted: Admitted,
    /// Where a server was reached.
    address: Address,
}

/// Joins by the first address that leads to the network.
async fn join(
    keys: (&Identity, &[Identity]),
    invite: &Invite,
    addresses: &[Address],
) -> Result<Joined, JoinError> {
    let carriers = Carriers::tcp(&Limits::default(), Reach::Everywhere);
    let mut trouble = Err(JoinError::NoAddress);
    for address in addresses.iter().chain(&invite.hints) {
        match join_by(&carriers, keys, invite, address).await {
            Ok(joined) => return Ok(joined),
            Err(error @ (JoinError::Refused(_) | JoinError::Unknown(_))) => return Err(error),
            // Not being reached anywhere says less than meeting somebody else.
            Err(error) => match (&trouble, &error) {
                (Err(JoinError::OtherNetwork(_)), JoinError::NotReached(_)) => {}
                _ => trouble = Err(error),
            },
        }
    }
    trouble
}

async fn join_by(
    carriers: &Carriers,
    (identity, visitors): (&Identity, &[Identity]),
    invite: &Invite,
    address: &Address,
) -> Result<Joined, JoinError> {
    let signer = identity.signer()?;
    let public_key = signer.public_key().to_vec();
    let beginning = begin(carriers, (invite, &public_key), address);
    let (mut stream, authority, nonce) =
        timeout(BEGIN_TIME, beginning).await.unwrap_or_else(|_| {
            Err(JoinError::NotReached(format!("{address} did not answer within {BEGIN_TIME:?}")))
        })?;
    let mut visitor_keys = Vec::new();
    for visitor in visitors {
        visitor_keys.extend_from_slice(visitor.signer()?.public_key());
    }
    let keys = (public_key.as_slice(), visitor_keys.as_slice());
    let message = join_message(invite.network, invite.id, invite.role, keys, &nonce);
    let mac = proof(&invite.secret.0, &message);
    let signature = signer.sign(Purpose::Join, &[message.as_slice(), &mac].concat())?;
    let prove =
        JoinAsk::Prove(JoinProof { invite: invite.id, public_key, visitor_keys, mac, signature });
    let answer = timeout(PROVE_TIME, ask(&mut stream, &prove)).await;
    let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {PROVE_TIME:?}")));
    let unknown = |why: String| JoinError::Unknown(format!("{address}: {why}"));
    let admitted = match answer.map_err(unknown)? {
        JoinAnswer::Admitted(admitted) => *admitted,
        JoinAnswer::Refused(text) => return Err(JoinError::Refused(text)),
        JoinAnswer::Nonce(_) => return Err(unknown("a second nonce".to_owned())),
    };
    let joined = Joined {
        membership: Membership {
            network: invite.network,
            authority: authority.clone(),
            certificate: admitted.certificate.clone(),
        },
        admitted,
        address: address.clone(),
    };
    Ok(joined)
}

/// Up to the root's nonce. Whatever goes wrong by then, the invite was certainly not used.
async fn begin(
    carriers: &Carriers,
    (invite, public_key): (&Invite, &[u8]),
    address: &Address,
) -> Result<(JoinStream, Vec<u8>, [u8; 32]), JoinError> {
    let carried = carriers.dial(address).await;
    let carried = carried.map_err(|failure| JoinError::NotReached(failure.text))?;
    let connected = connect_to_join(carried, invite.network).await;
    let (mut stream, authority) = connected.map_err(|error| match error {
        TlsError::Broken(_) => JoinError::NotReached(format!("{address}: {error}")),
        _ => JoinError::OtherNetwork(format!("{address} answers ({error})")),
    })?;
    let begin = JoinAsk::Begin { invite: invite.id, public_key: public_key.to_vec() };
    let answer = ask(&mut stream, &begin).await;
    let nothing_used = |why| {
        let text = format!("{address} broke off ({why}), before the invite was used; try again");
        JoinError::NotReached(text)
    };
    match answer.map_err(nothing_used)? {
        JoinAnswer::Nonce(nonce) => Ok((stream, authority, nonce)),
        JoinAnswer::Refused(text) => Err(JoinError::Refused(text)),
        JoinAnswer::Admitted(_) => {
            Err(JoinError::Refused("the server let this machine in unasked".to_owned()))
        }
    }
}

async fn ask(stream: &mut JoinStream, word: &JoinAsk) -> Result<JoinAnswer, String> {
    let said = write_word(stream, &word.to_bytes()).await;
    let answer = match said {
        Ok(()) => read_word(stream, JOIN_ANSWER_BYTES_MAX).await,
        Err(error) => Err(error),
    };
    let answer = answer.map_err(|error| match error.kind() {
        // What the TLS library says of this is about its own workings.
        ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
        _ => error.to_string(),
    })?;
    JoinAnswer::read(&answer).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
