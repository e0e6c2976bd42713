//! Where a node lives in the tree (`/sub1/lower_sub3/client4`) and how people point at one.
//!
//! A path is a label computed by servers from their own links, never a proof: rights hang on ids.
//! This room knows nothing of the tree itself; it only reads, joins and compares.

use std::fmt;
use std::str::FromStr;

use crate::id::{BadNodeId, NodeId};
use crate::limits::DEPTH_MAX;
use crate::name::{BadName, Name};
use crate::text::quotable;

/// The place of a node below the root; `/` is the root itself.
///
/// ```
/// use ltn_proto::NodePath;
/// let hall: NodePath = "/hall".parse().unwrap();
/// let lamp: NodePath = "/hall/lamp".parse().unwrap();
/// let other: NodePath = "/hall10".parse().unwrap();
/// assert!(hall.contains(&lamp) && !hall.contains(&other));
/// assert_eq!(lamp.layer(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NodePath(Vec<Name>);

/// A text that should be a path or a target and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadPath {
    /// It does not start with `/`.
    #[error("`{0}` is no path: a path starts with `/`")]
    NotAbsolute(String),
    /// One of its names is none.
    #[error("in the path `{path}`: {source}")]
    BadName {
        /// The whole text.
        path: String,
        /// What is wrong with the name.
        source: BadName,
    },
    /// It has more layers than a tree can have.
    #[error("`{0}` has more than {DEPTH_MAX} layers")]
    TooDeep(String),
    /// It starts with `id:` and goes on with something else than an id.
    #[error("`{text}`: {source}")]
    BadId {
        /// The whole text.
        text: String,
        /// What is wrong with the id.
        source: BadNodeId,
    },
    /// It is empty.
    #[error("nobody is named: give a path (`/sub1/client3`), a name or an id")]
    Empty,
    /// It may mean several nodes where one is asked for.
    #[error("`{0}` may mean several nodes, and here it has to be one: give its path, name or id")]
    Several(String),
    /// It has stars and does not say from where.
    #[error(
        "`{0}` does not say from where: with a star or a role it starts with `/`, `./` or `../` \
         (`/**` is everybody, `./*` whoever is directly below)"
    )]
    LoosePattern(String),
    /// There is no such role.
    #[error("there is no role `{0}`: roles are server, main-server, sub-server, client")]
    UnknownRole(String),
    /// It has two places, or two roles.
    #[error("`{0}` has two places or two roles; one of each is the most")]
    Twice(String),
}

impl NodePath {
    /// The root.
    #[must_use]
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// The path of these names, from the layer below the root downwards.
    #[must_use]
    pub const fn from_names(names: Vec<Name>) -> Self {
        Self(names)
    }

    /// The place of a child of this node.
    #[must_use]
    pub fn child(&self, name: Name) -> Self {
        let mut names = self.0.clone();
        names.push(name);
        Self(names)
    }

    /// The names, from the layer below the root downwards.
    #[must_use]
    pub fn names(&self) -> &[Name] {
        &self.0
    }

    /// The layer: 0 for the root.
    #[must_use]
    pub const fn layer(&self) -> usize {
        self.0.len()
    }

    /// Does the subtree of this node hold that one (itself included)? By segment, never by letter.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        let same = |(a, b): (&Name, &Name)| a.clashes_with(b);
        other.0.len() >= self.0.len() && self.0.iter().zip(&other.0).all(same)
    }

    /// The place of the node above; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.0.split_last()?;
        Some(Self(above.to_vec()))
    }
}

impl fmt::Display for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|name| write!(f, "/{name}"))
    }
}

impl FromStr for NodePath {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        let rest = text.strip_prefix('/').ok_or_else(|| BadPath::NotAbsolute(quotable(text)))?;
        let names = parse_names(rest, text)?;
        Ok(Self(names))
    }
}

fn parse_names(segments: &str, whole: &str) -> Result<Vec<Name>, BadPath> {
    let segments = segments.strip_suffix('/').unwrap_or(segments);
    if segments.is_empty() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for segment in segments.split('/') {
        if names.len() == DEPTH_MAX {
            return Err(BadPath::TooDeep(quotable(whole)));
        }
        let name = Name::known(segment)
            .map_err(|source| BadPath::BadName { path: quotable(whole), source })?;
        names.push(name);
    }
    Ok(names)
}

/// Whom somebody means: a path, a place relative to the speaker, a bare name or an id.
///
/// ```
/// use ltn_proto::{NodePath, Target};
/// assert_eq!("/".parse::<Target>().unwrap(), Target::Path(NodePath::root()));
/// assert!(matches!("lower_sub3".parse::<Target>().unwrap(), Target::Name(_)));
/// assert!(matches!("../client2".parse::<Target>().unwrap(), Target::Relative { up: 1, .. }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The node with this id, wherever it is.
    Id(NodeId),
    /// The node at this place.
    Path(NodePath),
    /// The place `up` layers above the speaker and from there down these names
    /// (`./lamp` is `up: 0`, `..` is `up: 1`).
    Relative {
        /// Layers to go up first.
        up: usize,
        /// Names to go down then.
        down: Vec<Name>,
    },
    /// The one node of this name in the nearest subtree that has such a node.
    Name(Name),
    /// The server that the speaker is joined to.
    Parent,
    /// The main server, wherever it is.
    Root,
}

impl Target {
    /// The absolute path that this target means to a speaker at `here`, where it is a place.
    #[must_use]
    pub fn absolute(&self, here: &NodePath) -> Option<NodePath> {
        match self {
            Self::Path(path) => Some(path.clone()),
            Self::Relative { up, down } => {
                let kept = here.layer().checked_sub(*up)?;
                let mut names = here.names()[..kept].to_vec();
                names.extend(down.iter().cloned());
                Some(NodePath(names))
            }
            Self::Id(_) | Self::Name(_) | Self::Parent | Self::Root => None,
        }
    }
}

impl FromStr for Target {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        if text.is_empty() {
            return Err(BadPath::Empty);
        }
        // No name can have these signs; what they mean is in `selector.rs`.
        if text.contains(['*', '&']) || text.starts_with("role=") {
            return Err(BadPath::Several(quotable(text)));
        }
        if text.starts_with("id:") {
            let bad = |source| BadPath::BadId { text: quotable(text), source };
            return text.parse().map(Self::Id).map_err(bad);
        }
        if text.starts_with('/') {
            return text.parse().map(Self::Path);
        }
        if text == "." || text.starts_with("./") || text == ".." || text.starts_with("../") {
            return parse_relative(text);
        }
        let bad = |source| BadPath::BadName { path: quotable(text), source };
        Name::known(text).map(Self::Name).map_err(bad)
    }
}

fn parse_relative(text: &str) -> Result<Target, BadPath> {
    let mut up = 0;
    let mut rest = text;
    loop {
        if rest == ".." {
            (up, rest) = (up + 1, "");
        } else if let Some(after) = rest.strip_prefix("../") {
            (up, rest) = (up + 1, after);
        } else if rest == "." {
            rest = "";
        } else if let Some(after) = rest.strip_prefix("./") {
            rest = after;
        } else {
            break;
        }
        if up > DEPTH_MAX {
            return Err(BadPath::TooDeep(quotable(text)));
        }
    }
    Ok(Target::Relative { up, down: parse_names(rest, text)? })
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Path(path) => write!(f, "{path}"),
            Self::Relative { up: 0, down } if down.is_empty() => f.write_str("."),
            Self::Relative { up, down } => {
                let ups = if *up == 0 { vec!["."] } else { vec![".."; *up] };
                f.write_str(&ups.join("/"))?;
                down.iter().try_for_each(|name| write!(f, "/{name}"))
            }
            Self::Name(name) => write!(f, "{name}"),
            Self::Parent => f.write_str("the server it is joined to"),
            Self::Root => f.write_str("the main server"),
        }
    }
}
