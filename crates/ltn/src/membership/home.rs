//! Networks that live in state directories: made, opened at their main server, kept.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ltn_proto::limits::VISITORS_MAX;
use ltn_proto::{Address, NetworkId, Role};

use super::credentials::Credentials;
use super::desk::{Book, Desk, Save};
use super::network::{Home, MembershipError, Network};
use crate::state::{Belonging, Keeper, NewMember, Office, State, StateError, VisitKey, Visitors};
use crate::tls::{Identity, IdentityError, Membership};

/// What the main server of every network is called.
pub(crate) const MAIN_NAME: &str = "Mainserver";

/// Makes a new network in this directory: the authority, the main server's key, and the key of its
/// owner, who may do everything everywhere. The directory is made if it is not there. `label` is
/// what its owner calls the network; nobody else is told.
/// [`NodeBuilder::member_at`](crate::NodeBuilder::member_at) starts the main server.
///
/// # Errors
/// Says why the directory cannot be used: something is in it, or it cannot be written.
pub fn make_network_at(directory: &Path, label: &str) -> Result<NetworkId, StateError> {
    let failed = |error: IdentityError| StateError::System {
        file: directory.to_owned(),
        source: std::io::Error::other(error.to_string()),
    };
    let new = new_root(label).map_err(failed)?;
    let network = new.belonging.membership.network;
    State::make_root(directory, new)?;
    Ok(network)
}

fn new_root(label: &str) -> Result<NewMember, IdentityError> {
    let root = Identity::throw_away()?;
    let owner = (0..VISITORS_MAX).map(|_| Identity::throw_away());
    let owner = owner.collect::<Result<Vec<_>, _>>()?;
    let (book, key) = Book::make(root.id(), owner.iter().map(Identity::id).collect())?;
    let authority = book.authority();
    let membership = Membership {
        network: book.registry().network(),
        authority: authority.certificate().to_vec(),
        certificate: authority.certify(root.signer()?.public_key(), Role::MainServer)?,
    };
    let certified = |key: Identity| {
        let certificate = authority.certify(key.signer()?.public_key(), Role::Session)?;
        let pass = authority.sign_pass(key.signer()?.public_key(), root.id())?;
        Ok(VisitKey { identity: key, certificate, pass })
    };
    let keys = owner.into_iter().map(certified).collect::<Result<Vec<_>, IdentityError>>()?;
    let charter =
        book.signed_charter().map_err(|refusal| IdentityError::of(&refusal.to_string()))?;
    let office = Office { key, book: book.registry().clone() };
    Ok(NewMember {
        identity: Arc::new(root),
        visitors: Visitors {
            keys,
            network: membership.network,
            authority: membership.authority.clone(),
            charter: charter.clone(),
        },
        role: Role::MainServer,
        name: MAIN_NAME.to_owned(),
        belonging: Belonging {
            label: ltn_proto::sanitise_line(label),
            membership,
            place: None,
            office: Some(office),
        },
        charter,
        address: None,
    })
}

impl Network {
    /// The network whose main server has this state directory and does not run; `None` if it is
    /// the directory of another node. It is held as long as the value lives.
    ///
    /// # Errors
    /// [`StateError::InUse`] if the main server runs; else says why the directory cannot be used.
    pub async fn open(directory: &Path) -> Result<Option<Self>, StateError> {
        let path = directory.to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            State::at_rest(&path, "its owner, who changes the network")
        })
        .await;
        let failed = |text: String| StateError::System {
            file: directory.to_owned(),
            source: std::io::Error::other(text),
        };
        let state = opened.map_err(|error| failed(error.to_string()))??;
        let found = of_state(&state).map_err(|error| failed(error.to_string()))?;
        let Some((root, book)) = found else { return Ok(None) };
        let home = home_of(&state, state.bound().map_or_else(Vec::new, crate::port::hints));
        let charter = root.standing().signed().clone();
        let state = Arc::new(Mutex::new(state));
        let save: Save = Arc::new(move |bytes, why| {
            let state = Arc::clone(&state);
            let write = move || {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                state.keep_book(&bytes, why.as_ref())
            };
            Box::pin(async move {
                let written = tokio::task::spawn_blocking(write).await;
                written.unwrap_or_else(|error| Err(error.to_string()))
            })
        });
        Ok(Some(Self::at_desk(Desk::new(book, charter, save), root).living_in(home)))
    }

    /// The network of a main server that has started with its state directory.
    pub(crate) fn of_running(
        root: Credentials,
        (book, home): (Book, Home),
        keeper: &Keeper,
    ) -> Self {
        let (charter, writes) = (root.standing().signed().clone(), keeper.clone());
        let save: Save = Arc::new(move |bytes, why| {
            let keeper = writes.clone();
            Box::pin(async move { keeper.keep_book(bytes, why).await })
        });
        let desk = Desk::new(book, charter, save);
        keeper.say_at_the_end(desk.last_word());
        Self::at_desk(desk, root).living_in(home)
    }
}

pub(crate) fn home_of(state: &State, hints: Vec<Address>) -> Home {
    let label =
        state.belonging().map_or_else(String::new, |(belonging, _)| belonging.label.clone());
    Home { directory: Some(state.path().to_owned()), label, hints }
}

/// The main server and its book in a state directory; nothing in the directory of another node.
pub(crate) fn of_state(state: &State) -> Result<Option<(Credentials, Book)>, MembershipError> {
    let Some((belonging, standing)) = state.belonging() else { return Ok(None) };
    let (Some(office), Some(root)) = (&belonging.office, Credentials::of_state(state)) else {
        return Ok(None);
    };
    let book = Book::kept(office.book.clone(), &office.key, standing)?;
    Ok(Some((root, book)))
}
