//! The handle of the program that makes a network: it invites, revokes and grants.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ltn_proto::registry::{InviteWish, Member, OpenInvite, Registry};
use ltn_proto::{
    Address, Audited, Charter, Event, Grant, Invite, NetworkId, NodeId, Op, Permission, Refusal,
    Role, SignedCharter, Value,
};
use tokio::sync::broadcast::error::RecvError;

use super::commands;
use super::credentials::Credentials;
use super::desk::{Book, Desk, Save};
use super::recognising::recognise;
use super::relay::JOIN;
use crate::error::TalkError;
use crate::node::Node;
use crate::tls::{Identity, IdentityError, Membership};
use crate::words::Question;

/// The network or one of its members could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MembershipError(String);

impl MembershipError {
    pub(super) const fn new(text: String) -> Self {
        Self(text)
    }
}

impl From<IdentityError> for MembershipError {
    fn from(error: IdentityError) -> Self {
        Self(error.to_string())
    }
}

impl From<Refusal> for MembershipError {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.text)
    }
}

/// A network with members, as its maker holds it: the authority that lets nodes in, and the book of
/// who may do what. Cheap to clone. Give it to the main server with
/// [`crate::NodeBuilder::root_of`].
///
/// [`Self::make`] keeps its key and its book in memory, as long as the value lives; one that
/// [`make_network_at`](super::make_network_at) made lives in a state directory.
///
/// ```
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
/// use ltn::{Client, MainServer, Network, Permissions, Role, join_network};
///
/// let network = Network::make()?;
/// let main = MainServer::builder().port(0).root_of(&network).start().await?;
/// let at = main.address().ok_or("a main server listens")?;
/// let invite = network.invite(Role::Client, Some("kitchen"), &[at.clone()]).await?;
///
/// // The line can be pasted on another machine.
/// let credentials = join_network(&invite.to_string().parse()?, &[]).await?;
/// let kitchen = Client::builder("").member(&credentials).start().await?;
/// kitchen.connect(&at).await?;
/// kitchen.send("/", "dinner is ready").await?;
/// # main.shutdown().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Network {
    desk: Desk,
    root: Credentials,
    home: Arc<Home>,
}

/// The state directory that a network lives in.
#[derive(Debug, Default)]
pub(crate) struct Home {
    /// Where it is; nothing for a network in memory.
    pub(super) directory: Option<PathBuf>,
    /// What its owner calls the network.
    pub(super) label: String,
    /// Where the main server was reached when it ran; nothing where it runs or never did.
    pub(super) hints: Vec<Address>,
}

/// An invite is good for so long, unless said.
const INVITE_TIME: Duration = Duration::from_secs(3_600);

impl Network {
    /// Makes a new network, with its authority and the credentials of its main server.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn make() -> Result<Self, MembershipError> {
        let root = Identity::throw_away()?;
        let owner = Identity::throw_away()?;
        let (book, _) = Book::make(root.id(), vec![owner.id()])?;
        let certificate =
            book.authority().certify(root.signer()?.public_key(), Role::MainServer)?;
        let membership = Membership {
            network: book.registry().network(),
            authority: book.authority().certificate().to_vec(),
            certificate,
        };
        let charter = book.signed_charter()?;
        let root = Credentials::new(Arc::new(root), membership, charter.clone())?;
        let nothing: Save = Arc::new(|_, _| Box::pin(async { Ok(()) }));
        Ok(Self::at_desk(Desk::new(book, charter, nothing), root))
    }

    pub(super) fn at_desk(desk: Desk, root: Credentials) -> Self {
        Self { desk, root, home: Arc::default() }
    }

    pub(super) fn living_in(mut self, home: Home) -> Self {
        self.home = Arc::new(home);
        self
    }

    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// The book as it is stored, and the authority's key.
    pub(super) async fn office(&self) -> (Vec<u8>, Vec<u8>) {
        self.desk.office().await
    }

    /// Which network it is: the digest of its authority's key.
    #[must_use]
    pub const fn id(&self) -> NetworkId {
        self.root.network()
    }

    /// Invites one machine, for an hour. The invite is one line (`to_string()`), good once.
    ///
    /// # Errors
    /// Says what cannot be: a role that nobody is invited as, a bad or taken name, too many
    /// invites.
    pub async fn invite(
        &self,
        role: Role,
        name: Option<&str>,
        hints: &[Address],
    ) -> Result<Invite, MembershipError> {
        let name = name.map(ltn_proto::Name::wanted).transpose();
        let name = name.map_err(|bad| MembershipError(bad.to_string()))?;
        let seconds = INVITE_TIME.as_secs();
        let (place, admin, replaces, by) = (None, false, None, None);
        let wish = InviteWish { role, name, place, admin, replaces, seconds, by };
        self.invite_by(wish, hints).await
    }

    /// Invites one machine as `wish` says.
    ///
    /// # Errors
    /// As [`Self::invite`].
    pub async fn invite_by(
        &self,
        wish: InviteWish,
        hints: &[Address],
    ) -> Result<Invite, MembershipError> {
        let invited = self.desk.change(|book| book.invite(wish, hints.to_vec())).await;
        Ok(invited?)
    }

    /// The invites that nobody has used yet.
    pub async fn open_invites(&self) -> Vec<OpenInvite> {
        self.desk.look(Registry::open_invites).await
    }

    /// Withdraws an invite that nobody has used: by the beginning of its number, or by the name
    /// that it is for.
    ///
    /// # Errors
    /// Says that none is meant, or several; nothing changed.
    pub async fn uninvite(&self, text: &str) -> Result<OpenInvite, MembershipError> {
        Ok(self.desk.change(|book| book.registry_mut().uninvite(text)).await?)
    }

    /// Everybody who is a member, those who are out included.
    pub async fn members(&self) -> Vec<(NodeId, Member)> {
        self.desk
            .look(|book| book.members().map(|(id, member)| (id, member.clone())).collect())
            .await
    }

    /// One of them.
    pub(super) async fn member(&self, id: NodeId) -> Option<Member> {
        let member = |book: &Registry| {
            let known = book.members().find(|(known, _)| *known == id);
            known.map(|(_, member)| member.clone())
        };
        self.desk.look(member).await
    }

    /// Is this key refused?
    pub async fn is_revoked(&self, id: NodeId) -> bool {
        self.desk.look(|book| book.charter().is_revoked(id)).await
    }

    /// Refuses this member's key from now on, everywhere and for ever: links that stand are closed
    /// as soon as the word has gone through the tree.
    ///
    /// # Errors
    /// Says why that cannot be; nothing changed.
    pub async fn revoke(&self, id: NodeId) -> Result<(), MembershipError> {
        Ok(self.desk.change(|book| book.registry_mut().revoke(id)).await?)
    }

    /// Lets this member do that in the whole network; for so long, if that is said, counted in the
    /// main server's running time.
    ///
    /// # Errors
    /// Says why that cannot be; nothing changed.
    pub async fn grant(
        &self,
        who: NodeId,
        what: Vec<Permission>,
        time: Option<Duration>,
    ) -> Result<(), MembershipError> {
        self.grant_at((who, self.root.id()), what, time).await
    }

    /// The same in the subtree of one node, its `scope`: `(who, scope)`.
    ///
    /// # Errors
    /// As [`Self::grant`].
    pub async fn grant_at(
        &self,
        (who, scope): (NodeId, NodeId),
        what: Vec<Permission>,
        time: Option<Duration>,
    ) -> Result<(), MembershipError> {
        let grant = Grant { who, what, scope };
        Ok(self.desk.change(|book| book.registry_mut().grant(grant, time)).await?)
    }

    /// The next change is made because of that: see [`Desk::because`].
    pub(super) async fn because(&self, why: Option<Audited>) {
        self.desk.because(why).await;
    }

    /// Looks something up in the book.
    pub(super) async fn look<T>(&self, at: impl FnOnce(&Registry) -> T) -> T {
        self.desk.look(at).await
    }

    /// Who may do what, and who is out.
    pub(super) async fn charter(&self) -> Charter {
        self.desk.look(|book| book.charter().clone()).await
    }

    /// Is this the main server, or its owner on a visit?
    pub(super) async fn is_owner(&self, id: NodeId) -> bool {
        self.desk.look(|book| book.is_owner(id)).await
    }

    /// In whose name this one invites; nobody's for the owner of the main server.
    pub(super) async fn inviter(&self, id: NodeId) -> Option<NodeId> {
        let member = |book: &Registry| (!book.is_owner(id)).then(|| book.owner_of(id));
        self.desk.look(member).await
    }

    /// Is there an open invite that a further one of this wish takes the place of?
    pub(super) async fn has_earlier_line(&self, wish: &InviteWish) -> bool {
        self.desk.look(|book| !book.earlier_lines(wish).is_empty()).await
    }

    /// What would come of a change of the book; nothing is changed.
    pub(super) async fn would<T>(
        &self,
        change: impl FnOnce(&mut Registry) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.desk.look(|book| change(&mut book.clone())).await
    }

    /// The members that this one let in, as they are called, in order of that.
    pub(super) async fn let_in_by(&self, who: NodeId) -> Vec<String> {
        let names = |book: &Registry| book.let_in_by(who).iter().map(|id| book.call(*id)).collect();
        let mut names: Vec<String> = self.desk.look(names).await;
        names.sort_by_key(|name| name.to_lowercase());
        names
    }

    /// What to call a member.
    pub(super) async fn call(&self, id: NodeId) -> String {
        self.desk.look(|book| book.call(id)).await
    }

    /// The member that is meant: by its id, or by the name that it was invited with.
    pub(super) async fn look_for(&self, text: &str) -> Result<NodeId, Refusal> {
        self.desk.look(|book| book.find(text)).await
    }

    /// Takes these permissions from a member again. Says how many grants were changed.
    ///
    /// # Errors
    /// Says why that cannot be: the owner of the main server loses none; nothing changed.
    pub async fn ungrant(
        &self,
        who: NodeId,
        what: &[Permission],
    ) -> Result<usize, MembershipError> {
        Ok(self.desk.change(|book| book.registry_mut().ungrant(who, what)).await?)
    }

    pub(crate) const fn root(&self) -> &Credentials {
        &self.root
    }

    /// Answers those who want to join at this main server, and tells its tree of every change.
    pub(crate) async fn serve(self, node: Node) -> Result<(), TalkError> {
        let (desk, teller) = (self.desk.clone(), node.without_queues());
        let answer = move |question: Question| {
            let (desk, teller) = (desk.clone(), teller.clone());
            async move {
                let asked = question.argument.as_bytes().unwrap_or_default().to_vec();
                // Who asked may not wait for the end: who is let in is written down, or is not.
                let answered = tokio::spawn(async move { desk.answer(&asked).await }).await;
                let (answer, admitted) = answered.map_err(|error| error.to_string())?;
                if let Some(admitted) = admitted {
                    // An error says that it has stopped, and nobody is there to hear.
                    let _ = teller.order(admitted).await;
                }
                Ok(Value::Bytes(answer.to_bytes().to_vec()))
            }
        };
        node.handle(JOIN, answer).await?;
        commands::offer(&self, &node).await?;
        let (_, membership, _) = self.root.parts();
        tokio::spawn(recognise(self.desk.clone(), node.without_queues(), membership.clone()));
        tokio::spawn(keep_charter(self.desk, node.without_queues()));
        Ok(())
    }
}

/// Carries the charter from the desk to the tree, and what a restored root has to learn back.
async fn keep_charter(desk: Desk, node: Node) {
    let (mut charters, mut homes) = (desk.charters(), desk.homes());
    homes.mark_changed();
    let mut events = node.events();
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            changed = charters.changed() => {
                if changed.is_err() {
                    return;
                }
                let charter: SignedCharter = charters.borrow_and_update().clone();
                if node.order(Op::Charter { charter }).await.is_err() {
                    return;
                }
            }
            _ = homes.changed() => {
                let homes = homes.borrow_and_update().clone();
                if node.order(Op::Homes { homes }).await.is_err() {
                    return;
                }
            }
            event = events.recv() => match event {
                Ok(Event::Settled { node: server, parent }) => {
                    let settle = |book: &mut Book| {
                        book.registry_mut().settle(server, parent);
                        Ok(())
                    };
                    if let Err(refusal) = desk.change(settle).await {
                        tracing::error!(%refusal, "it is not kept where a server belongs");
                    }
                }
                Ok(Event::UnheardCharter { charter }) => {
                    if !desk.adopt(&charter).await {
                        // An error says that it has stopped already.
                        let _ = node.order(Op::GiveWay).await;
                        return;
                    }
                }
                Ok(Event::Stopped { restart: false }) | Err(RecvError::Closed) => return,
                Ok(_) => {}
                // One of those that were missed may have been such a charter: whoever hears of this
                // one again says what it lacks.
                Err(RecvError::Lagged(_)) => charters.mark_changed(),
            },
            _ = tick.tick() => desk.run_on().await,
        }
    }
}

/// How often grants that end are looked at.
const TICK: Duration = Duration::from_secs(1);
