//! Whom somebody means when it may be several nodes: `/sub1/*`, `/**`, `role=client & /sub1/**`.
//!
//! One grammar for every verb: what is a [`Target`] is a selector of one node; stars and roles make
//! it a [`Pattern`]. This room reads, writes and compares; it knows no tree.

use std::fmt;
use std::str::FromStr;

use crate::limits::DEPTH_MAX;
use crate::name::Name;
use crate::path::{BadPath, NodePath, Target};
use crate::role::Role;
use crate::text::quotable;

/// Stars and names in one pattern, at most: as many names as a path has, a `**` around each.
const SEGMENTS_MAX: usize = 2 * DEPTH_MAX + 1;

/// One node, or all nodes that a pattern fits.
///
/// ```
/// use ltn_proto::Selector;
/// let all: Selector = "role=client & /sub1/**".parse().unwrap();
/// assert_eq!(all.to_string(), "/sub1/** & role=client");
/// let one: Selector = "/sub1/lamp".parse().unwrap();
/// assert!(one.single().is_some() && all.single().is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// Exactly one node, or it is an error.
    One(Target),
    /// All that fit; an error if nobody does.
    Many(Pattern),
}

/// A path with stars, and the role that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// From how many layers above the speaker it starts; `None`: from the main server.
    up: Option<usize>,
    segments: Vec<Segment>,
    role: Option<RoleWord>,
}

/// One part of a pattern between two slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// The node of this name.
    Name(Name),
    /// `*`: any one node.
    One,
    /// `**`: any number of layers, none included.
    Many,
}

/// What stands behind `role=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleWord {
    /// `server`: whatever others can join.
    Server,
    /// `main-server`.
    MainServer,
    /// `sub-server`.
    SubServer,
    /// `client`.
    Client,
}

impl RoleWord {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Server, Self::MainServer, Self::SubServer, Self::Client];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::MainServer => "main-server",
            Self::SubServer => "sub-server",
            Self::Client => "client",
        }
    }

    /// Is a node of this role meant?
    #[must_use]
    pub fn fits(self, role: Role) -> bool {
        match self {
            Self::Server => role.is_server(),
            Self::MainServer => role == Role::MainServer,
            Self::SubServer => role == Role::SubServer,
            Self::Client => role == Role::Client,
        }
    }
}

impl Selector {
    /// The one node that is meant, if it is one by its form.
    #[must_use]
    pub const fn single(&self) -> Option<&Target> {
        match self {
            Self::One(target) => Some(target),
            Self::Many(_) => None,
        }
    }
}

impl From<Target> for Selector {
    fn from(target: Target) -> Self {
        Self::One(target)
    }
}

impl Pattern {
    /// The node at this path and all below it.
    #[must_use]
    pub fn subtree(path: &NodePath) -> Self {
        let mut pattern = Self::exactly(path);
        pattern.segments.push(Segment::Many);
        pattern
    }

    /// The node at this path.
    #[must_use]
    pub fn exactly(path: &NodePath) -> Self {
        let segments = path.names().iter().cloned().map(Segment::Name).collect();
        Self { up: None, segments, role: None }
    }

    /// The pattern of these parts, from the main server downwards; `None` if there are too many.
    pub(crate) fn from_parts(segments: Vec<Segment>, role: Option<RoleWord>) -> Option<Self> {
        let pattern = Self { up: None, segments, role };
        pattern.is_bounded().then_some(pattern)
    }

    /// The same for everybody: what it means to a speaker at `here`. `None` if it starts above the
    /// main server, or would go deeper than a tree can.
    #[must_use]
    pub fn absolute(&self, here: &NodePath) -> Option<Self> {
        let Some(up) = self.up else { return Some(self.clone()) };
        let kept = here.layer().checked_sub(up)?;
        let names = here.names()[..kept].iter().cloned().map(Segment::Name);
        let segments = names.chain(self.segments.iter().cloned()).collect();
        Self::from_parts(segments, self.role)
    }

    /// The parts between the slashes.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The role that is asked for, if one is.
    #[must_use]
    pub const fn role(&self) -> Option<RoleWord> {
        self.role
    }

    /// The place below which all that can fit is: the names before the first star.
    #[must_use]
    pub fn fixed_prefix(&self) -> NodePath {
        let names = self.segments.iter().map_while(|segment| match segment {
            Segment::Name(name) => Some(name.clone()),
            Segment::One | Segment::Many => None,
        });
        NodePath::from_names(names.collect())
    }

    /// Does it fit a node of this role at this place?
    #[must_use]
    pub fn fits(&self, path: &NodePath, role: Role) -> bool {
        let progress = path.names().iter().fold(self.begin(), |at, name| self.step(at, name));
        self.fits_role(role) && self.is_whole(progress)
    }

    pub(crate) fn fits_role(&self, role: Role) -> bool {
        role.is_listed() && self.role.is_none_or(|word| word.fits(role))
    }

    /// How far the path of no names has come.
    pub(crate) fn begin(&self) -> Progress {
        self.skip_stars(Progress(1))
    }

    /// How far a path has come with one more name.
    pub(crate) fn step(&self, progress: Progress, name: &Name) -> Progress {
        let mut next = 0;
        for (at, segment) in self.segments.iter().enumerate().filter(|(at, _)| progress.is_at(*at))
        {
            next |= match segment {
                Segment::Name(wanted) if wanted.clashes_with(name) => 2 << at,
                Segment::Name(_) => 0,
                Segment::One => 2 << at,
                Segment::Many => 1 << at,
            };
        }
        self.skip_stars(Progress(next))
    }

    /// Is the whole pattern used up, so that the path fits?
    pub(crate) fn is_whole(&self, progress: Progress) -> bool {
        progress.is_at(self.segments.len())
    }

    /// `**` may stand for nothing.
    fn skip_stars(&self, progress: Progress) -> Progress {
        let mut reached = progress.0;
        for (at, segment) in self.segments.iter().enumerate() {
            if *segment == Segment::Many && Progress(reached).is_at(at) {
                reached |= 2 << at;
            }
        }
        Progress(reached)
    }

    fn is_bounded(&self) -> bool {
        let layers = self.segments.iter().filter(|segment| **segment != Segment::Many).count();
        layers <= DEPTH_MAX && self.segments.len() <= SEGMENTS_MAX
    }
}

/// Where in a pattern a path can be: one bit for each number of parts that it has used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress(u64);

impl Progress {
    const fn is_at(self, at: usize) -> bool {
        self.0 >> at & 1 == 1
    }

    /// Can no path that goes on from here fit any more?
    pub(crate) const fn is_lost(self) -> bool {
        self.0 == 0
    }
}

impl FromStr for Selector {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        let (mut place, mut role) = (None, None);
        for term in text.split('&').map(str::trim) {
            if term.is_empty() {
                return Err(BadPath::Empty);
            }
            let twice = match term.strip_prefix("role=") {
                Some(word) => role.replace(parse_role(word.trim())?).is_some(),
                None => place.replace(term).is_some(),
            };
            if twice {
                return Err(BadPath::Twice(quotable(text)));
            }
        }
        match (place, role) {
            (Some(place), None) if !place.contains('*') => place.parse().map(Self::One),
            (place, role) => parse_pattern(place.unwrap_or("/**"), role, text).map(Self::Many),
        }
    }
}

fn parse_role(word: &str) -> Result<RoleWord, BadPath> {
    let known = RoleWord::ALL.into_iter().find(|known| known.as_str() == word);
    known.ok_or_else(|| BadPath::UnknownRole(quotable(word)))
}

fn parse_pattern(place: &str, role: Option<RoleWord>, whole: &str) -> Result<Pattern, BadPath> {
    // Up to the first star it is a path like any other.
    let star = place.find('*').unwrap_or(place.len());
    let start = place[..star].rfind('/').map_or(0, |slash| slash + 1);
    let (fixed, rest) = if star == place.len() { (place, "") } else { place.split_at(start) };
    if fixed.is_empty() {
        return Err(BadPath::LoosePattern(quotable(whole)));
    }
    let (up, names) = match fixed.parse::<Target>()? {
        Target::Path(path) => (None, path.names().to_vec()),
        Target::Relative { up, down } => (Some(up), down),
        _ => return Err(BadPath::LoosePattern(quotable(whole))),
    };
    let mut segments: Vec<Segment> = names.into_iter().map(Segment::Name).collect();
    for part in rest.strip_suffix('/').unwrap_or(rest).split('/').filter(|_| !rest.is_empty()) {
        let segment = match part {
            "*" => Segment::One,
            "**" => Segment::Many,
            name => Segment::Name(
                Name::known(name)
                    .map_err(|source| BadPath::BadName { path: quotable(whole), source })?,
            ),
        };
        // `**/**` says no more than `**`.
        if segment != Segment::Many || segments.last() != Some(&Segment::Many) {
            segments.push(segment);
        }
        if segments.len() > SEGMENTS_MAX {
            return Err(BadPath::TooDeep(quotable(whole)));
        }
    }
    let pattern = Pattern { up, segments, role };
    if pattern.is_bounded() { Ok(pattern) } else { Err(BadPath::TooDeep(quotable(whole))) }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name}"),
            Self::One => f.write_str("*"),
            Self::Many => f.write_str("**"),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.up {
            None if self.segments.is_empty() => f.write_str("/")?,
            None => {}
            Some(0) => f.write_str(".")?,
            Some(up) => f.write_str(&vec![".."; up].join("/"))?,
        }
        self.segments.iter().try_for_each(|segment| write!(f, "/{segment}"))?;
        match self.role {
            Some(role) => write!(f, " & role={}", role.as_str()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(target) => target.fmt(f),
            Self::Many(pattern) => pattern.fmt(f),
        }
    }
}
