//! The root's desk: the book of the network with the key that makes its word count.
//!
//! Every change goes the same way: it is made in a copy, the copy is made durable, and only then is
//! it the book and anybody hears of it. So a power cut at any instant leaves what was acknowledged.
//! Who may ask for a change is checked before it gets here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ltn_proto::admission::{Admitted, ByteVec, JoinAnswer, JoinAsk, Newcomer};
use ltn_proto::registry::{Home, InviteWish, JoinProof, Member, Registry};
use ltn_proto::{
    Address, Audited, Charter, Edition, INVITE_HINTS_MAX, Invite, InviteId, InviteSecret, NodeId,
    Op, Refusal, RefusalKind, Role, SignedCharter, Standing,
};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use crate::carrier::BoxFuture;
use crate::state::LastWord;
use crate::tls::{Authority, IdentityError, random_bytes};

/// Nonces that wait for their proof; a further one replaces the oldest.
const NONCES_MAX: usize = 64;
/// A nonce waits this long for its proof.
const NONCE_LIFETIME: Duration = Duration::from_secs(30);

/// While something in the book ends by time, the time is written down at least so often: no more of
/// it is lost when the power goes.
const SAVE_PAUSE: Duration = Duration::from_secs(60);
/// The same of a main server that has just started, which may be killed and started again all the
/// time, or where something ends soon.
const SAVE_PAUSE_MIN: Duration = Duration::from_secs(5);

/// Makes the book durable, with the line of the audit log that says what is new in it; when it
/// answers well both survive a power cut.
pub(crate) type Save = Arc<
    dyn Fn(bytes::Bytes, Option<Audited>) -> BoxFuture<'static, Result<(), String>> + Send + Sync,
>;

/// The desk of a running root. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Desk {
    book: Arc<Mutex<Book>>,
    save: Save,
    charter: watch::Sender<SignedCharter>,
    homes: watch::Sender<BTreeMap<NodeId, Home>>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

/// The book, and the key.
#[derive(Debug)]
pub(crate) struct Book {
    registry: Registry,
    authority: Authority,
    nonces: VecDeque<Waiting>,
    begun: Instant,
    counted: Instant,
    saved: Instant,
    /// The edition of the charter that was told of last.
    published: Edition,
    /// What is written of the change that is made now, if nobody else writes that.
    why: Option<Audited>,
}

/// A nonce that was given to somebody who wants to join.
#[derive(Debug)]
struct Waiting {
    invite: InviteId,
    key: NodeId,
    nonce: [u8; 32],
    since: Instant,
}

impl Desk {
    /// The desk with this book.
    pub(crate) fn new(book: Book, charter: SignedCharter, save: Save) -> Self {
        let (charter, _) = watch::channel(charter);
        let (homes, _) = watch::channel(book.registry.homes());
        Self { book: Arc::new(Mutex::new(book)), save, charter, homes }
    }

    /// The charter, and every later one.
    pub(crate) fn charters(&self) -> watch::Receiver<SignedCharter> {
        self.charter.subscribe()
    }

    /// Where servers belong, and every change of that.
    pub(crate) fn homes(&self) -> watch::Receiver<BTreeMap<NodeId, Home>> {
        self.homes.subscribe()
    }

    /// Counts the time that has gone by: grants and invites end by it. It is written down now and
    /// then, so that a restart does not give them all of it again, and before anybody hears that
    /// something ended.
    pub(crate) async fn run_on(&self) {
        let mut book = self.book.lock().await;
        self.let_time_pass(&mut book).await;
    }

    /// The book with all the time that has gone by, for the moment when the node has ended; nothing
    /// if nothing ends by time.
    pub(crate) fn last_word(&self) -> LastWord {
        let book = Arc::clone(&self.book);
        Box::new(move || {
            // Whoever still changes the book waits for an answer that does not come any more.
            let mut book = book.try_lock().ok()?;
            let ends = book.registry.next_end().is_some();
            book.run_on();
            ends.then(|| book.registry.to_bytes())
        })
    }

    async fn let_time_pass(&self, book: &mut Book) {
        let changed = book.run_on();
        let is_due = book.save_pause().is_some_and(|pause| book.saved.elapsed() >= pause);
        if changed || is_due {
            match (self.save)(book.registry.to_bytes(), None).await {
                Ok(()) => book.saved = Instant::now(),
                Err(why) => {
                    tracing::error!(why, "the book of the network cannot be written");
                    return;
                }
            }
        }
        self.publish(book);
    }

    /// Takes over what was signed after this book was put away, if it was, and whoever is out by
    /// any charter. `false` if a main server with this very key was restored since, which is in
    /// charge now: this one must stop.
    pub(crate) async fn adopt(&self, unheard: &SignedCharter) -> bool {
        let mut superseded = false;
        let done = self
            .change(|book| {
                let key = book.authority.public_key();
                let charter = unheard
                    .read(key)
                    .map_err(|bad| Refusal::new(RefusalKind::NotPossible, bad.to_string()))?;
                superseded = book.registry.is_superseded_by(&charter);
                if superseded { Ok(false) } else { book.registry.adopt(&charter) }
            })
            .await;
        if let Err(refusal) = done {
            tracing::error!(%refusal, "what another charter says could not be taken over");
        }
        !superseded
    }

    /// Answers somebody who wants to join; and what the node is to be told, if that one was let in.
    pub(crate) async fn answer(&self, word: &[u8]) -> (JoinAnswer, Option<Op>) {
        let answer = match JoinAsk::read(word) {
            Ok(JoinAsk::Begin { invite, public_key }) => {
                let mut book = self.book.lock().await;
                book.begin(invite, &public_key).unwrap_or_else(JoinAnswer::from)
            }
            Ok(JoinAsk::Prove(proof)) => match self.change(|book| book.admit(&proof)).await {
                Ok((newcomer, admitted)) => {
                    let answer = JoinAnswer::Admitted(Box::new(admitted));
                    return (answer, newcomer.map(Op::Admitted));
                }
                Err(refusal) => JoinAnswer::from(refusal),
            },
            Err(error) => JoinAnswer::Refused(error.to_string()),
        };
        (answer, None)
    }

    /// Changes the book as the owner of its directory wants it: `why` says how, for the audit log.
    /// A running main server has such lines from who commands it.
    pub(crate) async fn because(&self, why: Option<Audited>) {
        self.book.lock().await.why = why;
    }

    /// The book as it is stored, and the authority's key (PKCS#8).
    pub(crate) async fn office(&self) -> (Vec<u8>, Vec<u8>) {
        let book = self.book.lock().await;
        (book.registry.to_bytes().to_vec(), book.authority_key())
    }

    /// Looks something up.
    pub(crate) async fn look<T>(&self, at: impl FnOnce(&Registry) -> T) -> T {
        at(&self.book.lock().await.registry)
    }

    /// Changes the book, durably, or not at all.
    pub(crate) async fn change<T>(
        &self,
        change: impl FnOnce(&mut Book) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut book = self.book.lock().await;
        self.let_time_pass(&mut book).await;
        let before = book.registry.clone();
        let changed = change(&mut book);
        let why = book.why.take();
        if book.registry == before {
            return changed;
        }
        let saved = match &changed {
            Ok(_) => {
                book.saved = Instant::now();
                (self.save)(book.registry.to_bytes(), why).await
            }
            Err(_) => Ok(()),
        };
        let failed = |why: String| {
            let text = format!("nothing was changed: it could not be written down ({why})");
            Refusal::new(RefusalKind::NotPossible, text)
        };
        let done = saved.map_err(failed).and(changed);
        if done.is_err() {
            book.registry = before;
        }
        self.publish_homes(&book);
        self.publish(&mut book);
        done
    }

    /// Tells of where servers belong, if that has changed.
    fn publish_homes(&self, book: &Book) {
        let homes = book.registry.homes();
        self.homes.send_if_modified(|known| {
            let is_new = *known != homes;
            *known = homes;
            is_new
        });
    }

    /// Tells of the charter, if it is newer than the one that was told of last. A book that learns
    /// tells of none: what it has put together is nobody's edition yet.
    fn publish(&self, book: &mut Book) {
        let edition = book.registry.charter().edition;
        if edition == book.published || book.registry.is_learning() {
            return;
        }
        match book.signed_charter() {
            Ok(charter) => {
                book.published = edition;
                self.charter.send_replace(charter);
            }
            Err(refusal) => tracing::error!(%refusal, "a charter could not be signed"),
        }
    }
}

impl Book {
    /// The book of a new network, with its authority's key (PKCS#8), which is to be stored.
    pub(crate) fn make(
        root: NodeId,
        visitors: Vec<NodeId>,
    ) -> Result<(Self, Vec<u8>), IdentityError> {
        let (authority, key) = Authority::make()?;
        let registry = Registry::new(authority.public_key(), root, visitors);
        Ok((Self::new(registry, authority), key))
    }

    fn new(registry: Registry, authority: Authority) -> Self {
        let (published, now) = (registry.charter().edition, Instant::now());
        let nonces = VecDeque::new();
        let why = None;
        Self { registry, authority, nonces, begun: now, counted: now, saved: now, published, why }
    }

    /// The book of an earlier life, with the authority's key. Those charters are all that its main
    /// server is known to have heard of; what the book was not told of is taken over.
    pub(crate) fn kept(
        mut registry: Registry,
        key: &[u8],
        told: &Standing,
    ) -> Result<Self, IdentityError> {
        for charter in told.charters() {
            if let Err(refusal) = registry.adopt(charter) {
                tracing::error!(%refusal, "what another charter says could not be taken over");
            }
        }
        let published = told.charter().edition;
        Ok(Self { published, ..Self::new(registry, Authority::of_key(key)?) })
    }

    /// The book itself.
    pub(crate) const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The same, to be changed.
    pub(crate) const fn registry_mut(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// The authority's key (PKCS#8), to be stored.
    pub(crate) fn authority_key(&self) -> Vec<u8> {
        self.authority.pkcs8()
    }

    /// The authority.
    pub(crate) const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// How long the time may go unwritten, if anything ends by it.
    fn save_pause(&self) -> Option<Duration> {
        let rest = self.registry.next_end()?;
        Some((rest / 12).min(self.begun.elapsed()).clamp(SAVE_PAUSE_MIN, SAVE_PAUSE))
    }

    /// Counts the time since it was last counted. Says whether a grant has ended by that.
    fn run_on(&mut self) -> bool {
        let now = Instant::now();
        let time = now - std::mem::replace(&mut self.counted, now);
        self.registry.run_on(time)
    }

    /// Makes an invite; these are the addresses that it names.
    pub(crate) fn invite(
        &mut self,
        wish: InviteWish,
        hints: Vec<Address>,
    ) -> Result<Invite, Refusal> {
        let id = InviteId(random()?);
        let secret = InviteSecret(random()?);
        let mut invite = self.registry.invite(id, secret, wish)?;
        invite.hints = hints;
        invite.hints.truncate(INVITE_HINTS_MAX);
        Ok(invite)
    }

    /// The charter as it is now, signed.
    pub(crate) fn signed_charter(&self) -> Result<SignedCharter, Refusal> {
        sign(&self.authority, &self.registry.charter_to_sign())
    }

    fn begin(&mut self, invite: InviteId, public_key: &[u8]) -> Result<JoinAnswer, Refusal> {
        self.run_on();
        self.registry.expects(invite)?;
        let key = NodeId::of_public_key(public_key);
        let nonce = random()?;
        let now = Instant::now();
        self.nonces.retain(|waiting| {
            let same = (waiting.invite, waiting.key) == (invite, key);
            !same && now - waiting.since < NONCE_LIFETIME
        });
        if self.nonces.len() >= NONCES_MAX {
            self.nonces.pop_front();
        }
        self.nonces.push_back(Waiting { invite, key, nonce, since: now });
        Ok(JoinAnswer::Nonce(nonce))
    }

    /// What is written of who joins.
    fn joined(&self, id: NodeId, invite: InviteId, member: &Member) -> Audited {
        let name = member.name.as_ref().map_or("without a name", |name| name.as_str());
        let running_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let by = member.by.map_or_else(String::new, |by| format!(" of {}", self.registry.call(by)));
        let arguments = format!("{name}, {}, by invite {invite}{by}", member.role);
        Audited { arguments, running_ms, ..Audited::new(id, "join", None, &[]) }
    }

    /// Also says who is new, if somebody is: the answer to the same proof may be given again.
    fn admit(&mut self, proof: &JoinProof) -> Result<(Option<Newcomer>, Admitted), Refusal> {
        let key = NodeId::of_public_key(&proof.public_key);
        let mine = |waiting: &Waiting| (waiting.invite, waiting.key) == (proof.invite, key);
        let nonce = self.nonces.iter().position(mine).and_then(|at| self.nonces.remove(at));
        let nonce = nonce.filter(|waiting| waiting.since.elapsed() < NONCE_LIFETIME);
        let nonce = nonce.ok_or_else(|| {
            Refusal::new(RefusalKind::BadToken, "the proof came too late; try again")
        })?;
        let is_new = !self.registry.knows(key);
        let member = self.registry.admit(proof, &nonce.nonce)?;
        self.why = is_new.then(|| self.joined(key, proof.invite, &member));
        let certify = |key: &[u8], kind| self.authority.certify(key, kind).map_err(impossible);
        let certificate = certify(&proof.public_key, member.role)?;
        let (mut visitor_certificates, mut passes) = (Vec::new(), Vec::new());
        for visit in proof.visitor_keys().unwrap_or_default() {
            visitor_certificates.push(ByteVec::from(certify(visit, Role::Session)?));
            passes.push(self.authority.sign_pass(visit, key).map_err(impossible)?);
        }
        let charter = self.signed_charter()?;
        let admitted = Admitted {
            certificate,
            visitor_certificates,
            passes,
            root: self.registry.charter().root,
            name: member.name.clone(),
            place: member.place.clone(),
            charter: charter.bytes.to_vec(),
            charter_signature: charter.signature,
        };
        let newcomer = Newcomer { node: key, name: member.name, role: member.role };
        Ok((Some(newcomer).filter(|_| is_new), admitted))
    }
}

fn sign(authority: &Authority, charter: &Charter) -> Result<SignedCharter, Refusal> {
    let bytes = charter.to_bytes().ok_or_else(|| {
        Refusal::new(RefusalKind::Full, "the charter says more than a charter may")
    })?;
    let signature = authority.sign_charter(&bytes).map_err(impossible)?;
    Ok(SignedCharter { bytes, signature })
}

fn random<const COUNT: usize>() -> Result<[u8; COUNT], Refusal> {
    random_bytes().map_err(impossible)
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn impossible(error: IdentityError) -> Refusal {
    Refusal::new(RefusalKind::NotPossible, error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as StdMutex;

    use super::*;

    /// What was written of the book, so far.
    type Written = Arc<StdMutex<Vec<bytes::Bytes>>>;

    fn desk() -> (Desk, Written) {
        let root = NodeId::of_public_key(b"the main server");
        let (book, _) = Book::make(root, Vec::new()).unwrap();
        let charter = book.signed_charter().unwrap();
        let written = Written::default();
        let kept = Arc::clone(&written);
        let save: Save = Arc::new(move |bytes, _| {
            kept.lock().unwrap().push(bytes);
            Box::pin(async { Ok(()) })
        });
        (Desk::new(book, charter, save), written)
    }

    /// Lets the book run so long, second by second, and says how much of it was never unwritten.
    async fn run_for(desk: &Desk, written: &Written, seconds: u64) -> Duration {
        let last = || written.lock().unwrap().last().cloned();
        let (mut seen, mut unwritten) = (last(), 0);
        let mut longest = 0;
        for _ in 0..seconds {
            tokio::time::advance(Duration::from_secs(1)).await;
            desk.run_on().await;
            unwritten = if last() == seen { unwritten + 1 } else { 0 };
            (seen, longest) = (last(), longest.max(unwritten));
        }
        Duration::from_secs(longest)
    }

    fn wish(seconds: u64) -> InviteWish {
        let role = Role::Client;
        InviteWish {
            role,
            name: None,
            place: None,
            admin: false,
            replaces: None,
            seconds,
            by: None,
        }
    }

    /// Without that a main server that is killed again and again would give each invite all of its
    /// time anew.
    #[tokio::test(start_paused = true)]
    async fn the_time_that_the_main_server_ran_is_written_down() {
        let (desk, written) = desk();
        run_for(&desk, &written, 120).await;
        assert_eq!(written.lock().unwrap().len(), 0, "nothing ends by it");
        let invite = desk.change(|book| book.invite(wish(1_000), Vec::new())).await.unwrap();
        let unwritten = run_for(&desk, &written, 280).await;
        assert!(SAVE_PAUSE / 2 < unwritten && unwritten < SAVE_PAUSE, "{unwritten:?}");
        run_for(&desk, &written, 660).await;
        let unwritten = run_for(&desk, &written, 50).await;
        assert!(unwritten < SAVE_PAUSE_MIN, "it ends soon, and {unwritten:?} were unwritten");
        // The power goes: all but 15 of the 1,000 seconds are certainly over.
        let last = written.lock().unwrap().last().cloned().unwrap();
        let mut book = Registry::read(&last).unwrap();
        assert!(book.expects(invite.id).is_ok());
        book.run_on(Duration::from_secs(15));
        assert!(book.expects(invite.id).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_main_server_that_lives_ten_seconds_at_a_time_lets_invites_end_too() {
        let (desk, written) = desk();
        desk.change(|book| book.invite(wish(3_600), Vec::new())).await.unwrap();
        let unwritten = run_for(&desk, &written, 10).await;
        assert!(unwritten <= SAVE_PAUSE_MIN, "{unwritten:?}");
    }
}
