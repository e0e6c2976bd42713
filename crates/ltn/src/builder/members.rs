//! What a builder takes of a network with members, and the keys that a node begins with.

use std::path::PathBuf;

use ltn_proto::{NodePath, Permission, Permissions, Role};

use super::keeping::{blocking, no_identity};
use super::{Mode, NodeBuilder};
use crate::error::StartError;
use crate::membership::desk::Book;
use crate::membership::{Credentials, Home, Network, home_of, of_state};
use crate::state::{Kept, NetworkKind, State, Visitors};
use crate::tls::{Signer, Tls};

impl NodeBuilder {
    /// A member of a network: with the key and the certificate that it joined with. It listens at
    /// any address that is said, everybody there may do what needs no more than `user`, and the
    /// network's charter says who may more. An empty name becomes the one of the invite.
    #[must_use]
    pub fn member(mut self, credentials: &Credentials) -> Self {
        self.mode = Mode::Members;
        self.newcomers = Permissions::user();
        if let (true, Some(name)) = (self.name.is_empty(), credentials.name()) {
            name.as_str().clone_into(&mut self.name);
        }
        self.member = Some(credentials.clone());
        self
    }

    /// The main server of this network: who was invited joins through it, or through any server
    /// below it.
    #[must_use]
    pub fn root_of(self, network: &Network) -> Self {
        let mut root = self.member(network.root());
        root.network = Some(network.clone());
        root
    }

    /// The member that this state directory holds ([`join_network_at`](crate::join_network_at)), or
    /// the main server of the network that was made there
    /// ([`make_network_at`](crate::make_network_at)). As [`Self::member`] and [`Self::state`] in
    /// one. An empty name becomes the one of the invite.
    #[must_use]
    pub fn member_at(mut self, directory: impl Into<PathBuf>) -> Self {
        self.mode = Mode::MembersAt;
        self.newcomers = Permissions::user();
        self.state = Some(directory.into());
        self
    }

    /// A visit for the owner of this state directory, with one of the keys for visits that are in
    /// it, whether or not its node runs; the visitor may what that member may. A few visits can be
    /// made at a time; further ones wait for up to 30 s. For a
    /// [`Session`](crate::Session). [`Node::connect_beside`](crate::Node::connect_beside) joins the
    /// node that runs with the directory.
    #[must_use]
    pub fn visitor_of(mut self, directory: impl Into<PathBuf>) -> Self {
        self.mode = Mode::VisitorOf;
        self.newcomers = Permissions::user();
        self.beside = Some(directory.into());
        self
    }

    pub(super) fn check_mode(&self) -> Result<(), StartError> {
        match self.mode {
            Mode::NotSaid => Err(StartError::NoMode),
            Mode::Members if self.state.is_some() => Err(StartError::MemberWithState),
            Mode::Members | Mode::MembersAt | Mode::VisitorOf
                if self.newcomers.allow(&Permission::admin()) =>
            {
                Err(StartError::EverybodyAdmin)
            }
            Mode::Open if !self.ip.is_loopback() => Err(StartError::NotLoopback(self.ip)),
            _ => Ok(()),
        }
    }

    /// Takes from the state directory, or from the one that this node stands beside, what it needs
    /// to be a member. Gives the book of the network, if it is the main server's.
    pub(super) async fn take_credentials(
        &mut self,
        state: Option<&State>,
    ) -> Result<Option<(Book, Home)>, StartError> {
        if let (Mode::VisitorOf, Some(directory)) = (self.mode, self.beside.clone()) {
            let take = move || Visitors::of_directory(&directory)?.take_turn(&directory);
            let visit = blocking(take).await?;
            let (member, visit) = Credentials::of_visit(visit).map_err(no_identity)?;
            (self.member, self.visit) = (Some(member), Some(visit));
        }
        let Some(state) = state.filter(|_| self.mode == Mode::MembersAt) else { return Ok(None) };
        let member = Credentials::of_state(state);
        if self.name.is_empty() {
            state.name().clone_into(&mut self.name);
        }
        if let Some(member) = &member
            && member.standing().is_revoked(member.id())
        {
            return Err(StartError::Revoked);
        }
        self.member = member;
        let found = of_state(state).map_err(no_identity)?;
        Ok(found.map(|(_, book)| (book, home_of(state, Vec::new()))))
    }

    /// Where a member begins that was never anywhere.
    pub(super) fn invited_to(&self, state: Option<&State>) -> Option<NodePath> {
        let was_somewhere = state.is_some_and(|state| state.parent().is_some());
        self.member.as_ref().filter(|_| !was_somewhere)?.place().cloned()
    }

    /// The kind of network that its state directory has to be of.
    pub(super) const fn kind(&self) -> NetworkKind {
        match self.mode {
            Mode::NotSaid | Mode::Open => NetworkKind::Open,
            Mode::Members | Mode::MembersAt | Mode::VisitorOf => NetworkKind::Members,
        }
    }

    /// The network that this main server makes, in memory or with this book from its directory.
    pub(super) fn network_of(
        &self,
        book: Option<(Book, Home)>,
        kept: Option<&Kept>,
    ) -> Option<Network> {
        match (book, kept, &self.member) {
            (Some(book), Some(kept), Some(root)) => {
                Some(Network::of_running(root.clone(), book, &kept.keeper))
            }
            _ => self.network.clone(),
        }
    }

    /// What this member does with its key: signing, and connections.
    pub(super) fn keys_of(&self, member: &Credentials) -> Result<(Signer, Tls), StartError> {
        if member.role() != self.role && self.role != Role::Session {
            return Err(StartError::WrongRole { invited: member.role(), wanted: self.role });
        }
        member.keys().map_err(no_identity)
    }
}
