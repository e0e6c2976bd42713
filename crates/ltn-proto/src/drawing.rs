//! The tree as people see it: one line per node, drawn with box characters.
//!
//! This room draws what a snapshot holds and knows nothing of how it came to be so.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::id::NodeId;
use crate::snapshot::TreeNode;
use crate::text::{columns, sanitise_line, span};

/// What stands between two columns of a line.
const GAP: &str = "  ";

/// The lines of a drawing of these nodes: the top first, each node before its children, and below
/// each server its clients before its servers.
///
/// Servers show where they listen and how many servers and clients are directly below them. Where a
/// branch is lost, its uppermost node says since when; all below it is as last heard.
///
/// ```text
/// Mainserver (127.0.0.1)             2 servers  1 client
/// ├──> client1
/// ├─ sub1 (127.0.0.1:4001)           1 server   0 clients
/// │  └─ lower_sub3 (127.0.0.1:4003)  0 servers  0 clients
/// └─ sub2 (127.0.0.1:4002)           0 servers  0 clients  stale since 12 s
/// ```
#[must_use]
pub fn draw_tree(nodes: &[TreeNode]) -> Vec<String> {
    let rows = rows(nodes);
    let servers = || rows.iter().filter(|row| row.node.role.is_server());
    let widths = Widths {
        label: servers().map(|row| columns(&row.label)).max().unwrap_or(0),
        servers: servers().map(|row| digits(row.node.servers)).max().unwrap_or(0),
        clients: servers().map(|row| digits(row.node.clients)).max().unwrap_or(0),
    };
    rows.iter().map(|row| row.draw(&widths)).collect()
}

/// How wide the columns are that all servers share.
struct Widths {
    label: usize,
    servers: usize,
    clients: usize,
}

/// One line, before the columns are known.
struct Row<'a> {
    node: &'a TreeNode,
    /// The branch and the name.
    label: String,
    /// For how long the branch has been lost, on its uppermost node.
    stale_for: Option<Duration>,
}

/// A node that is still to be drawn, and what its parent knows about its line.
struct Pending<'a> {
    node: &'a TreeNode,
    /// What the lines of all its siblings start with.
    indent: String,
    is_last: bool,
    parent_is_stale: bool,
}

fn rows(nodes: &[TreeNode]) -> Vec<Row<'_>> {
    let Some((top, others)) = nodes.split_first() else { return Vec::new() };
    let mut children = children_by_parent(top, others);
    let mut rows = vec![Row { node: top, label: top_label(top), stale_for: top.stale_for }];
    let mut pending = Vec::new();
    // Taking the children out of the map draws each node once, whatever the snapshot claims.
    push_children(&mut pending, children.remove(&top.id), "", top.stale_for.is_some());
    while let Some(Pending { node, indent, is_last, parent_is_stale }) = pending.pop() {
        let below = format!("{indent}{}", if is_last { "   " } else { "│  " });
        push_children(&mut pending, children.remove(&node.id), &below, node.stale_for.is_some());
        let corner = if is_last { '└' } else { '├' };
        let stale_for = node.stale_for.filter(|_| !parent_is_stale);
        rows.push(Row { node, label: format!("{indent}{corner}{}", label(node)), stale_for });
    }
    rows
}

/// The children of each node, clients first, else in the order of the snapshot. What hangs below a
/// node that is not there is drawn below the top, because a list must not hide anybody.
fn children_by_parent<'a>(
    top: &TreeNode,
    others: &'a [TreeNode],
) -> BTreeMap<NodeId, Vec<&'a TreeNode>> {
    let mut children: BTreeMap<NodeId, Vec<&TreeNode>> = BTreeMap::new();
    children.insert(top.id, Vec::new());
    for node in others {
        let parent = if children.contains_key(&node.parent) { node.parent } else { top.id };
        children.entry(parent).or_default().push(node);
        children.entry(node.id).or_default();
    }
    children.values_mut().for_each(|nodes| nodes.sort_by_key(|node| node.role.is_server()));
    children
}

fn push_children<'a>(
    pending: &mut Vec<Pending<'a>>,
    children: Option<Vec<&'a TreeNode>>,
    indent: &str,
    parent_is_stale: bool,
) {
    // The last one goes in first, so that the first one comes out next.
    for (i, node) in children.unwrap_or_default().into_iter().rev().enumerate() {
        pending.push(Pending { node, indent: indent.to_owned(), is_last: i == 0, parent_is_stale });
    }
}

/// The top shows its host only: whoever reads the drawing knows how the top was reached.
fn top_label(top: &TreeNode) -> String {
    let name = sanitise_line(top.name.as_str());
    match &top.address {
        Some(address) => format!("{name} ({})", sanitise_line(address.host())),
        None => name,
    }
}

fn label(node: &TreeNode) -> String {
    let name = sanitise_line(node.name.as_str());
    match &node.address {
        _ if !node.role.is_server() => format!("──> {name}"),
        Some(address) => format!("─ {name} ({})", sanitise_line(address.as_str())),
        None => format!("─ {name}"),
    }
}

impl Row<'_> {
    fn draw(&self, widths: &Widths) -> String {
        let mut line = self.label.clone();
        if self.node.role.is_server() {
            let padding = widths.label.saturating_sub(columns(&self.label));
            line += &" ".repeat(padding);
            line += GAP;
            line += &count(self.node.servers, widths.servers, "server");
            line += GAP;
            line += &count(self.node.clients, widths.clients, "client");
        }
        if let Some(stale_for) = self.stale_for {
            line += GAP;
            line += &format!("stale since {}", span(stale_for));
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// ` 1 server `, as wide as `12 servers`.
fn count(number: usize, width: usize, word: &str) -> String {
    let ending = if number == 1 { ' ' } else { 's' };
    format!("{number:>width$} {word}{ending}")
}

fn digits(number: usize) -> usize {
    number.to_string().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::name::Name;
    use crate::path::NodePath;
    use crate::role::Role;

    /// Nodes by name; those with a port are servers.
    struct Tree(Vec<TreeNode>);

    impl Tree {
        fn new() -> Self {
            let mut tree = Self(Vec::new());
            tree.add("Mainserver", "Mainserver", Some(4000));
            tree
        }

        fn add(&mut self, parent: &str, name: &str, port: Option<u16>) -> &mut TreeNode {
            let id = |name: &str| NodeId::of_public_key(name.as_bytes());
            let role = match (self.0.is_empty(), port) {
                (true, _) => Role::MainServer,
                (false, Some(_)) => Role::SubServer,
                (false, None) => Role::Client,
            };
            if let Some(parent) = self.0.iter_mut().find(|node| node.id == id(parent)) {
                parent.servers += usize::from(role.is_server());
                parent.clients += usize::from(!role.is_server());
            }
            self.0.push(TreeNode {
                edition: 1,
                id: id(name),
                parent: id(parent),
                name: Name::known(name).unwrap(),
                path: NodePath::root(),
                role,
                address: port.map(|port| Address::new(&format!("127.0.0.1:{port}"))),
                stale_for: None,
                servers: 0,
                clients: 0,
            });
            self.0.last_mut().unwrap()
        }

        #[track_caller]
        fn is_drawn(&self, expected: &[&str]) {
            let drawn = draw_tree(&self.0);
            assert_eq!(drawn, expected, "\n{}\n", drawn.join("\n"));
        }
    }

    #[test]
    fn the_network_of_the_demonstration() {
        let mut tree = Tree::new();
        tree.add("Mainserver", "client1", None);
        tree.add("Mainserver", "client2", None);
        tree.add("Mainserver", "sub1", Some(4001));
        tree.add("sub1", "client3", None);
        tree.add("sub1", "lower_sub3", Some(4003));
        tree.add("lower_sub3", "client4", None);
        tree.add("Mainserver", "sub2", Some(4002));
        tree.is_drawn(&[
            "Mainserver (127.0.0.1)             2 servers  2 clients",
            "├──> client1",
            "├──> client2",
            "├─ sub1 (127.0.0.1:4001)           1 server   1 client",
            "│  ├──> client3",
            "│  └─ lower_sub3 (127.0.0.1:4003)  0 servers  1 client",
            "│     └──> client4",
            "└─ sub2 (127.0.0.1:4002)           0 servers  0 clients",
        ]);
    }

    #[test]
    fn nobody_and_nobody_below() {
        assert_eq!(draw_tree(&[]), Vec::<String>::new());
        Tree::new().is_drawn(&["Mainserver (127.0.0.1)  0 servers  0 clients"]);
    }

    #[test]
    fn only_clients() {
        let mut tree = Tree::new();
        tree.add("Mainserver", "a", None);
        tree.add("Mainserver", "b", None);
        tree.is_drawn(&["Mainserver (127.0.0.1)  0 servers  2 clients", "├──> a", "└──> b"]);
    }

    #[test]
    fn only_servers_four_layers_deep() {
        let mut tree = Tree::new();
        tree.add("Mainserver", "a", Some(1));
        tree.add("a", "aa", Some(2));
        tree.add("aa", "aaa", Some(3));
        tree.add("aaa", "aaaa", Some(4));
        tree.add("aa", "aab", Some(5));
        tree.add("Mainserver", "b", Some(6));
        tree.add("b", "ba", Some(7));
        tree.add("ba", "baa", Some(8));
        tree.is_drawn(&[
            "Mainserver (127.0.0.1)          2 servers  0 clients",
            "├─ a (127.0.0.1:1)              1 server   0 clients",
            "│  └─ aa (127.0.0.1:2)          2 servers  0 clients",
            "│     ├─ aaa (127.0.0.1:3)      1 server   0 clients",
            "│     │  └─ aaaa (127.0.0.1:4)  0 servers  0 clients",
            "│     └─ aab (127.0.0.1:5)      0 servers  0 clients",
            "└─ b (127.0.0.1:6)              1 server   0 clients",
            "   └─ ba (127.0.0.1:7)          1 server   0 clients",
            "      └─ baa (127.0.0.1:8)      0 servers  0 clients",
        ]);
    }

    #[test]
    fn clients_come_before_servers_and_numbers_stand_below_each_other() {
        let mut tree = Tree::new();
        tree.add("Mainserver", "sub1", Some(4001));
        tree.add("Mainserver", "late", None);
        for i in 0..12 {
            tree.add("sub1", &format!("c{i}"), None);
        }
        let mut expected = vec![
            "Mainserver (127.0.0.1)    1 server    1 client".to_owned(),
            "├──> late".to_owned(),
            "└─ sub1 (127.0.0.1:4001)  0 servers  12 clients".to_owned(),
        ];
        expected.extend((0..11).map(|i| format!("   ├──> c{i}")));
        expected.push("   └──> c11".to_owned());
        tree.is_drawn(&expected.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn a_lost_branch_says_so_once() {
        let mut tree = Tree::new();
        tree.add("Mainserver", "gone", None).stale_for = Some(Duration::from_secs(3_660));
        tree.add("Mainserver", "sub1", Some(4001)).stale_for = Some(Duration::from_secs(12));
        tree.add("sub1", "client3", None).stale_for = Some(Duration::from_secs(12));
        tree.add("Mainserver", "sub2", Some(4002));
        tree.is_drawn(&[
            "Mainserver (127.0.0.1)    2 servers  1 client",
            "├──> gone  stale since 1 h 1 min",
            "├─ sub1 (127.0.0.1:4001)  0 servers  1 client   stale since 12 s",
            "│  └──> client3",
            "└─ sub2 (127.0.0.1:4002)  0 servers  0 clients",
        ]);
    }

    #[test]
    fn wide_letters_and_marks_take_the_room_that_they_take() {
        let mut tree = Tree::new();
        tree.add("Mainserver", "台所", Some(4001));
        tree.add("Mainserver", "x\u{325}y", Some(4002));
        tree.is_drawn(&[
            "Mainserver (127.0.0.1)    2 servers  0 clients",
            "├─ 台所 (127.0.0.1:4001)  0 servers  0 clients",
            "└─ x\u{325}y (127.0.0.1:4002)    0 servers  0 clients",
        ]);
    }

    #[test]
    fn a_snapshot_that_contradicts_itself_is_drawn_all_the_same() {
        let mut tree = Tree::new();
        tree.add("nobody", "orphan", None);
        tree.add("Mainserver", "Mainserver", Some(4001));
        let drawn = draw_tree(&tree.0);
        assert_eq!(drawn.len(), 3);
        assert_eq!(drawn[1], "├──> orphan");
    }

    #[test]
    fn spans_are_short() {
        let shown = |seconds| span(Duration::from_secs(seconds));
        let spans = [0, 59, 60, 61, 3_599, 7_200, 86_399, 86_400, 100_000].map(shown);
        let expected = [
            "0 s",
            "59 s",
            "1 min",
            "1 min 1 s",
            "59 min 59 s",
            "2 h",
            "23 h 59 min",
            "1 d",
            "1 d 3 h",
        ];
        assert_eq!(spans, expected);
    }
}
