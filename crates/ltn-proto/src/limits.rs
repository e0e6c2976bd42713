//! Every maximum of the system: its unit, its reason, and whether a user may set it.
//!
//! What can be set is a field of [`Limits`]; what is part of the wire or of a promise is a
//! constant.

use std::time::Duration;

/// The payload of one frame, in bytes. Small enough that a ping never waits long behind one.
pub const FRAME_PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// The first frame of a link, in bytes: a stranger gets no more of our memory.
pub const FIRST_FRAME_BYTES_MAX: usize = 4 * 1024;
/// One message put together from its frames, in bytes; anything larger is a stream.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// How often a frame may be passed on: twice the depth of the tree, up and down.
pub const HOPS_MAX: u8 = 32;
/// The layers of a tree below the root.
pub const DEPTH_MAX: usize = 16;
/// How deep a value may nest. Decoding recurses, and a stack is finite.
pub const VALUE_NESTING_MAX: usize = 16;
/// The lists and maps in one value. A map of one entry takes 600 bytes of memory for 3 on the wire.
pub const VALUE_CONTAINERS_MAX: usize = 32 * 1024;
/// A name, in characters.
pub const NAME_CHARS_MAX: usize = 64;
/// A free text that a node tells of itself (description, version), in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 256;
/// The name of a requestable or command, in bytes.
pub const WORD_BYTES_MAX: usize = 64;
/// The arguments of one command.
pub const ARGUMENTS_MAX: usize = 64;
/// The requestables or commands that one node declares.
pub const DECLARATIONS_MAX: usize = 1_024;
/// The services of one node, built in or the program's own.
pub const SERVICES_MAX: usize = 256;
/// The data sockets of one node, beside `Maindata`.
pub const DATA_SOCKETS_MAX: usize = 64;
/// The shortest time between two runs of a service: more often is a loop, not a routine.
pub const SERVICE_INTERVAL_MIN: Duration = Duration::from_millis(10);
/// The open confirmations of one actor; a further one replaces the oldest.
pub const CONFIRMATIONS_PER_ACTOR_MAX: usize = 4;
/// The open confirmations of one node.
pub const CONFIRMATIONS_MAX: usize = 64;
/// The calls of one actor that wait for its signature; a further one replaces the oldest.
pub const CHALLENGES_PER_ACTOR_MAX: usize = 64;
/// The calls at one node that wait for a signature.
pub const CHALLENGES_MAX: usize = 1_024;
/// What the issuer of a command signs, in bytes: the longest name, and room for later versions.
pub const PROOF_BYTES_MAX: usize = 512;
/// What the main server signs of a node's place, in bytes: sixteen of the longest names.
pub const WORDS_BYTES_MAX: usize = 8 * 1024;
/// The refused commands that a node writes into its audit log in a minute; more are counted. Of
/// one other node the main server takes as many into its log of copies.
pub const AUDIT_REFUSALS_MAX: u32 = 60;
/// Those of one member, with its visits.
pub const AUDIT_REFUSALS_EACH: u32 = 6;
/// The lines about what was run at one other node that the main server takes into its log of
/// copies in a minute: two of each command.
pub const AUDIT_COPIES_EACH: u32 = 120;
/// The lines about what was run, and those about what was refused, that it takes by one node
/// directly below it in a minute, whosoever they are.
pub const AUDIT_BRANCH_COPIES_MAX: [u32; 2] = [2_400, 600];
/// The nodes whose copies it counts one by one; those beyond are counted by branch alone.
pub const AUDIT_COPIERS_MAX: usize = 4_096;
/// The lines whose copies wait for a way to the main server.
pub const AUDIT_COPIES_WAITING_MAX: usize = 256;
/// The lines of an audit log that are kept: so many of what was run, and of what was refused.
pub const AUDIT_LINES_MAX: usize = 10_000;
/// The same, where nothing is kept on a disk.
pub const AUDIT_LINES_IN_MEMORY: usize = 1_000;
/// What keys and signatures add to one message, in bytes, at most.
pub const SEAL_BYTES_MAX: usize = 1_024;
/// The places of other nodes that a node remembers, beyond its own subtree.
pub const KNOWN_PLACES_MAX: usize = 1_024;
/// A remembered place is looked up anew after this time: by then somebody else may have it.
pub const KNOWN_PLACE_LIFETIME: Duration = Duration::from_secs(2);
/// The candidates that an error lists for a name that fits several nodes.
pub const CANDIDATES_MAX: usize = 8;
/// Roll calls and lists that one node may have under way.
pub const GATHERINGS_MAX: usize = 64;
/// The nodes that one roll call asks at a time; who is slow stops counting after a second.
pub const GATHER_WINDOW: usize = 256;
/// The questions of one roll call that may be open, the slow ones included.
pub const GATHER_OPEN_MAX: usize = 1_024;
/// The answers of one roll call, given and awaited, that the program has not looked at.
pub const GATHER_UNTAKEN_MAX: usize = 1_024;
/// The watches that one server serves.
pub const WATCHES_MAX: usize = 256;
/// The watches of one node that one server serves.
pub const WATCHES_PER_NODE_MAX: usize = 16;
/// The watches of one node's program.
pub const FOLLOWINGS_MAX: usize = 16;
/// News that are told before the watcher has taken the earlier ones.
pub const WATCH_WINDOW: u64 = 256;
/// News that wait for a watcher who takes none; of further ones the oldest are left out.
pub const WATCH_QUEUE_MAX: usize = 1_024;
/// A watch that is not renewed ends after this time.
pub const WATCH_LEASE: Duration = Duration::from_secs(35);
/// A watch is renewed this often.
pub const WATCH_RENEWAL: Duration = Duration::from_secs(10);
/// A watch that nobody serves is tried again after this time.
pub const WATCH_RETRY: Duration = Duration::from_secs(2);
/// The names that are compared with one that nobody has, to find what was meant.
pub const SIMILAR_NAMES_MAX: usize = 512;
/// Messages that are being put together from frames at one time, and their bytes together.
pub const REASSEMBLIES_MAX: usize = 64;
/// The bytes that all messages being put together may take.
pub const REASSEMBLY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Half-arrived messages are dropped after this time.
pub const REASSEMBLY_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest time that an answer is waited for or worked on; what is longer is a service.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(600);
/// A confirmation waits this long for its second word.
pub const CONFIRMATION_LIFETIME: Duration = Duration::from_secs(30);
/// The longest pause before a node in somebody's scope asks the main server again whether it is;
/// the shortest is half of it.
pub const SCOPE_PAUSE: Duration = Duration::from_secs(80);
/// So many such questions without an answer, of a node that is not cut off, and it is in nobody's
/// scope: about ten minutes.
pub const SCOPE_PATIENCE: u32 = 10;
/// Words on where a server belongs that wait to be written down at the same time; a further one
/// puts the oldest out.
pub const SETTLING_MAX: usize = 64;
/// A kick refuses the kicked id this long.
pub const KICK_LIFETIME: Duration = Duration::from_secs(60);
/// The nodes that a server remembers each as having rights, as muted, or as having tried a key.
pub const PEOPLE_MAX: usize = 1_024;
/// The permissions that one node is given at one server.
pub const RIGHTS_PER_NODE_MAX: usize = 64;
/// The nodes that one server refuses at one time because they were kicked.
pub const KICKED_MAX: usize = 1_024;
/// The shortest admin key, in bytes: with what may be tried in a year nobody finds one by chance.
pub const KEY_BYTES_MIN: usize = 8;
/// The longest admin key, in bytes.
pub const KEY_BYTES_MAX: usize = 1_024;
/// Admin keys that are being checked or hashed at one time: each takes 19 MiB and a core.
pub const KEY_CHECKS_MAX: usize = 2;
/// Wrong admin keys of one node before it has to wait.
pub const KEY_TRIES_EACH: u32 = 5;
/// How long it has to wait then; twice as long after each further one.
pub const KEY_TRIES_SPAN: Duration = Duration::from_secs(60);
/// The longest such wait. After as long without a try the count starts anew.
pub const KEY_PAUSE_MAX: Duration = Duration::from_secs(3_600);
/// Wrong admin keys of all nodes together in [`KEY_TRIES_SPAN`], at one server.
pub const KEY_TRIES_AT_ALL: usize = 20;
/// A server that waits to be let in below another one waits this long for the root's word.
pub const EDGE_LIFETIME: Duration = Duration::from_secs(10);
/// A root that was started anew lets no server go below another one for so long: a grant of its
/// earlier run may be taken for as long as it lives, half as long again while the new child writes
/// and registers, and what tells of that may be on its way for a lease.
pub const QUIET_TIME: Duration = Duration::from_secs(30);
/// How long a second link with a known id waits for a sign of life of the first.
pub const DUPLICATE_PROBE: Duration = Duration::from_secs(2);
/// After its machine slept a node waits this long for a sign of life of each neighbour.
pub const RECHECK_TIME: Duration = Duration::from_secs(2);
/// The orders whose numbers a server remembers, so that none is carried out twice.
pub const ORDERS_KNOWN_MAX: usize = 64;
/// A network-wide order ends after this time, whoever has not answered.
pub const ORDER_LIFETIME: Duration = Duration::from_secs(60);
/// What each layer keeps back of an order's time, so that it answers before its parent gives up.
pub const ORDER_MARGIN: Duration = Duration::from_secs(2);
/// Whoever said that it stops is counted as stopped if it is not back for so long.
pub const STOPPED_WATCH: Duration = Duration::from_secs(3);
/// What an answer may say in parts before it ends, in bytes; further parts are not heard.
pub const ANSWER_PARTS_BYTES_MAX: usize = 8 * 1_024 * 1_024;
/// A dead sub-server is shown as stale this long, then forgotten.
pub const STALE_LIFETIME: Duration = Duration::from_secs(24 * 3_600);
/// The members of one network, those who are out included.
pub const MEMBERS_MAX: usize = 4_096;
/// Visits that the owner of one member makes at the same time, each with a key of its own; further
/// ones wait for their turn.
pub const VISITORS_MAX: usize = 4;
/// The visits whose owners a node remembers, beyond those that are joined to it: each shows its
/// pass again with the next command.
pub const PASSES_KNOWN_MAX: usize = 1_024;
/// The invites of one network that have not ended.
pub const INVITES_MAX: usize = 256;
/// An invite is good for at most this long.
pub const INVITE_LIFETIME_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);
/// What a node says of its place, in bytes: the longest name, and room for what later versions add.
pub const STATEMENT_BYTES_MAX: usize = 512;
/// The nodes that left whose last places a server remembers, so that nobody brings them back.
pub const ENDED_PLACES_MAX: usize = 4_096;
/// The grants of one network.
pub const GRANTS_MAX: usize = 256;
/// The keys that one network refuses. A revocation is for ever, and a charter fits in one frame.
pub const REVOCATIONS_MAX: usize = 1_024;
/// The older charters that a node keeps because they refuse somebody whom the newest does not. Of
/// each main server that was restored from the same backup there is one at the most.
pub const OWED_CHARTERS_MAX: usize = 4;
/// Members with names of their own: a charter has sixteen bytes of each.
pub const OWN_NAMES_MAX: usize = 2_048;
/// The charter of a network, in bytes.
pub const CHARTER_BYTES_MAX: usize = FRAME_PAYLOAD_BYTES_MAX - 1_024;
/// The shortest and the longest pause before an uplink is tried again.
pub const RECONNECT_PAUSE_MIN: Duration = Duration::from_millis(250);
/// See [`RECONNECT_PAUSE_MIN`].
pub const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(30);

/// The longest time within which a moved node goes back by itself: what stands for a day is no
/// trial.
pub const RETURN_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);
/// The places that the plan of a move names one by one; the counts are of all.
pub const MOVED_PLACES_MAX: usize = 1_000;

/// A name is kept this long for a node that is away and keeps its key.
pub const NAME_RESERVATION: Duration = Duration::from_secs(24 * 3_600);
/// The names that one server keeps for nodes which are away.
pub const NAMES_RESERVED_MAX: usize = 1_024;
/// The parents that the owner of a node names for bad times.
pub const BACKUP_PARENTS_MAX: usize = 16;
/// A lost parent is tried alone this long: whoever is back in a moment finds everybody at home.
pub const BACKUP_PATIENCE: Duration = Duration::from_secs(2);
/// Servers that nobody named, but which were above the lost parent, are tried after this time.
pub const ANCESTOR_PATIENCE: Duration = Duration::from_secs(30);
/// A parent that announced its restart is waited for this long before others are tried.
pub const RESTART_PATIENCE: Duration = Duration::from_secs(60);
/// How soon a node that lives elsewhere tries its home again; longer each time that home was lost
/// again within [`HOMING_PAUSE_MAX`].
pub const HOMING_PAUSE_MIN: Duration = Duration::from_secs(30);
/// See [`HOMING_PAUSE_MIN`].
pub const HOMING_PAUSE_MAX: Duration = Duration::from_secs(600);

/// The maxima that a user may need to set. The defaults fit a Raspberry Pi and a house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Idle links are pinged this often.
    pub ping_interval: Duration,
    /// A link without any frame for this long is dead.
    pub lease: Duration,
    /// A connection has this long from its TLS handshake to its registration.
    pub hello_timeout: Duration,
    /// Requests of one caller that may be open at one node.
    pub open_requests_per_caller: usize,
    /// Requests that may be open at one node, of all callers.
    pub open_requests: usize,
    /// Nodes in a server's map.
    pub records: usize,
    /// Connections that a server holds.
    pub links: usize,
    /// Connections that have not registered yet.
    pub pending_links: usize,
    /// Connections of one address that have not registered yet (loopback is exempt).
    pub pending_links_per_address: usize,
    /// Messages queued for one link.
    pub queued_messages: usize,
    /// Bytes queued for one link.
    pub queued_bytes: usize,
    /// A link that takes nothing for this long is closed as a slow reader.
    pub stalled_link_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_millis(2_500),
            lease: Duration::from_secs(10),
            hello_timeout: Duration::from_secs(5),
            open_requests_per_caller: 256,
            open_requests: 16_384,
            records: 20_000,
            links: 10_240,
            pending_links: 128,
            pending_links_per_address: 8,
            queued_messages: 1_024,
            queued_bytes: 4 * 1024 * 1024,
            stalled_link_timeout: Duration::from_secs(10),
        }
    }
}
