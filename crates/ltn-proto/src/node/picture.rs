//! What this node tells of itself and of its subtree: snapshots, metadata, lists.

use super::NodeState;
use super::asking::rounded;
use crate::id::NodeId;
use crate::limits::{DEPTH_MAX, MESSAGE_BYTES_MAX, NAME_CHARS_MAX};
use crate::moment::Moment;
use crate::path::NodePath;
use crate::snapshot::{Snapshot, TreeNode};
use crate::tree::Record;
use crate::value::Value;

/// Metadata rides in one frame of the registration; what does not fit is asked for later.
const METADATA_BYTES_MAX: usize = 32 * 1024;

impl NodeState {
    /// A picture of what the node knows.
    #[must_use]
    pub fn snapshot(&self, now: Moment) -> Snapshot {
        let (tree, sessions) = self.picture_of_tree(now);
        let pending = self.links.pending();
        Snapshot {
            id: self.config.id,
            role: self.config.role,
            name: self.name.clone(),
            path: self.path(),
            rooted: self.is_rooted(),
            parent: self.uplink.parent.as_ref().map(|parent| parent.id),
            ancestors: self.place.ancestors.iter().map(|ancestor| ancestor.id).collect(),
            tree,
            sessions,
            links: self.links.iter().filter(|(_, link)| link.is_registered()).count(),
            pending_links: pending,
            open_requests: self.requests.len(),
            inbound_requests: self.inbound.len(),
            counters: self.counters,
            services: self.services.statuses(now),
        }
    }

    fn picture_of_tree(&self, now: Moment) -> (Vec<TreeNode>, usize) {
        let mut tree = Vec::with_capacity(self.tree.len() + 1);
        let me = self.config.id;
        tree.push(TreeNode {
            id: me,
            parent: me,
            name: self.name.clone(),
            path: self.path(),
            role: self.config.role,
            edition: self.edition,
            address: self.config.address.clone(),
            stale_for: None,
            servers: 0,
            clients: 0,
        });
        let sessions = self.draw_children(now, me, 0, &mut tree);
        (tree, sessions)
    }

    /// Adds what is below a node, clients before servers, and counts the sessions there.
    fn draw_children(
        &self,
        now: Moment,
        above: NodeId,
        at: usize,
        tree: &mut Vec<TreeNode>,
    ) -> usize {
        let records = self.tree.children_of(above).filter_map(|id| self.tree.get(id));
        let (listed, visits): (Vec<_>, Vec<_>) = records.partition(|r| r.role.is_listed());
        let (servers, clients): (Vec<_>, Vec<_>) =
            listed.into_iter().partition(|r| r.role.is_server());
        let live = |r: &&&Record| r.stale_since.is_none();
        tree[at].servers = servers.iter().filter(live).count();
        tree[at].clients = clients.iter().filter(live).count();
        let mut sessions = visits.iter().filter(live).count();
        let path = tree[at].path.clone();
        for record in clients.into_iter().chain(servers) {
            let name = record.called();
            let next = tree.len();
            tree.push(TreeNode {
                id: record.id,
                parent: above,
                path: path.child(name.clone()),
                name,
                role: record.role,
                edition: record.edition,
                address: record.address.clone(),
                stale_for: record.stale_since.map(|since| now.since(since)),
                servers: 0,
                clients: 0,
            });
            sessions += self.draw_children(now, record.id, next, tree);
        }
        sessions
    }

    /// The subtree as a value: what `LISTNETWORK` answers.
    pub(super) fn tree_value(&self, now: Moment) -> Value {
        let (tree, _) = self.picture_of_tree(now);
        Value::list(tree.iter().map(tree_node_value))
    }

    /// What this node tells of itself: `SERVERDATA` or `CLIENTDATA`.
    pub(super) fn metadata(&self, now: Moment) -> Value {
        let Value::Map(mut map) = self.core_metadata() else { return Value::Null };
        let (commands, requestables) = self.offers.names();
        let commands_key = if self.config.role.is_server() { "servercommands" } else { "commands" };
        map.insert(commands_key.to_owned(), commands);
        map.insert("requestables".to_owned(), requestables);
        let uptime = rounded(now.since(self.started).as_secs_f64());
        map.insert("uptime_seconds".to_owned(), uptime.into());
        Value::Map(map)
    }

    /// What rides along at registration: all of it where it fits.
    pub(super) fn metadata_that_fits(&self) -> Value {
        let all = self.metadata(self.started);
        if all.to_cbor().len() <= METADATA_BYTES_MAX { all } else { self.core_metadata() }
    }

    fn core_metadata(&self) -> Value {
        let config = &self.config;
        let above = self.uplink.parent.as_ref().map(|parent| parent.address.to_string());
        let above = above.map_or(Value::Null, Value::from);
        let layer = i64::try_from(self.path().layer()).unwrap_or(i64::MAX);
        let mut entries = vec![
            ("description", Value::from(config.description.as_str())),
            ("role", Value::from(config.role.as_str())),
            ("layer", Value::from(layer)),
        ];
        if config.role.is_server() {
            let address = config.address.as_ref().map(ToString::to_string);
            let socket =
                |name: &str, port: u16| Value::list([Value::from(name), i64::from(port).into()]);
            let main = config.data_port.map(|port| socket("Maindata", port));
            let further = self.data_sockets.iter().map(|(name, port)| socket(name, *port));
            let sockets = main.into_iter().chain(further);
            entries.extend([
                ("servername", Value::from(self.name.to_string())),
                ("server_version", Value::from(config.version.as_str())),
                ("address", address.map_or(Value::Null, Value::from)),
                ("higher_addr", above),
                ("socks", Value::list(sockets)),
                ("max_message_size", Value::from(MESSAGE_BYTES_MAX as u64)),
                ("max_username_length", Value::from(NAME_CHARS_MAX as u64)),
                ("max_layers", Value::from(DEPTH_MAX as u64)),
            ]);
        } else {
            entries.extend([
                ("username", Value::from(self.name.to_string())),
                ("client_version", Value::from(config.version.as_str())),
                ("serveraddr", above),
            ]);
        }
        Value::map(entries)
    }

    /// A node as people would point at it: its path where that is known here, else its name or id.
    #[must_use]
    pub fn describe(&self, id: NodeId) -> String {
        self.where_is(id)
    }

    /// The node of this path as people would point at it, for texts.
    pub(super) fn where_is(&self, id: NodeId) -> String {
        self.path_of(id).as_ref().map_or_else(|| self.call(id), NodePath::to_string)
    }
}

fn tree_node_value(node: &TreeNode) -> Value {
    let mut entries = vec![
        ("id", Value::from(node.id.to_string())),
        ("parent", Value::from(node.parent.to_string())),
        ("name", Value::from(node.name.to_string())),
        ("path", Value::from(node.path.to_string())),
        ("role", Value::from(node.role.as_str())),
        ("servers", Value::from(node.servers as u64)),
        ("clients", Value::from(node.clients as u64)),
    ];
    if let Some(address) = &node.address {
        entries.push(("address", Value::from(address.to_string())));
    }
    if let Some(stale_for) = node.stale_for {
        let ms = u64::try_from(stale_for.as_millis()).unwrap_or(u64::MAX);
        entries.push(("stale_ms", Value::from(ms)));
    }
    Value::map(entries)
}
