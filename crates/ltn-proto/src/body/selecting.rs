//! What is said to find all nodes that fit a pattern: the question, and the pages of its answer.

use minicbor::decode::Error as DecodeError;
use minicbor::encode::Error as EncodeError;
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::address::Address;
use crate::id::NodeId;
use crate::limits::DEPTH_MAX;
use crate::name::Name;
use crate::path::NodePath;
use crate::role::Role;
use crate::selector::{Pattern, RoleWord, Segment};

/// `SELECT`: who fits, after what was told before?
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Select {
    /// From the main server downwards.
    #[n(0)]
    pub(crate) pattern: Pattern,
    /// Where the page before ended, as it came; absent for the first one.
    #[n(2)]
    pub(crate) after: Option<PageMark>,
}

/// `SELECTED`: a page of nodes that fit, each node before what is below it.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Selected {
    /// Where the server that answers is.
    #[n(0)]
    pub(crate) at: NodePath,
    /// That server itself, if it fits (on the first page).
    #[n(1)]
    pub(crate) top: Option<Listed>,
    /// The node above that server; its own id if there is none.
    #[n(2)]
    pub(crate) above: NodeId,
    /// The others.
    #[n(3)]
    pub(crate) groups: Vec<Siblings>,
    /// How many fit in all (on the first page).
    #[n(4)]
    pub(crate) total: Option<u64>,
    /// The version of the map; another one on the next page means that it changed meanwhile.
    #[n(5)]
    pub(crate) version: u64,
    /// What to ask for the next page with; absent on the last one.
    #[n(6)]
    pub(crate) next: Option<PageMark>,
}

/// Children of one node that fit.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Siblings {
    /// The node above them.
    #[n(0)]
    pub(crate) parent: NodeId,
    /// Where that one is.
    #[n(1)]
    pub(crate) path: NodePath,
    /// The uppermost node on the way to them that is out of reach, if one is.
    #[n(2)]
    pub(crate) lost_at: Option<NodePath>,
    /// They.
    #[n(3)]
    pub(crate) nodes: Vec<Listed>,
}

/// One node of a page.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Listed {
    #[n(0)]
    pub(crate) id: NodeId,
    #[n(1)]
    pub(crate) name: Name,
    #[n(2)]
    pub(crate) role: Role,
    /// Which of its places this is.
    #[n(3)]
    pub(crate) edition: u64,
    #[n(4)]
    pub(crate) address: Option<Address>,
    /// For how long it has been out of reach, in milliseconds, if it is.
    #[n(5)]
    pub(crate) stale_ms: Option<u64>,
    /// Servers and clients directly below it and in reach; absent for none.
    #[n(6)]
    pub(crate) servers: Option<u32>,
    #[n(7)]
    pub(crate) clients: Option<u32>,
}

/// Where a page ends: the last child that was told of which node. A node that has gone meanwhile
/// leaves no gap, because its place among its siblings is still known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub(crate) struct PageMark {
    /// The way from the server that answers to the node whose children were being told.
    #[cbor(n(0), decode_with = "short_way")]
    pub(crate) way: Vec<Key>,
    /// The last of the children that was looked at.
    #[n(1)]
    pub(crate) last: Option<Key>,
}

/// The place of a node among its siblings: those with names come first, in the order of names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(crate) enum Key {
    /// Its name, folded.
    #[n(0)]
    Named(#[n(0)] String),
    /// Its id.
    #[n(1)]
    Nameless(#[n(0)] NodeId),
}

fn short_way<'b, C>(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Vec<Key>, DecodeError> {
    let way: Vec<Key> = d.decode_with(ctx)?;
    if way.len() > DEPTH_MAX {
        return Err(DecodeError::message("a way with too many layers"));
    }
    Ok(way)
}

/// A pattern is an array: the word of the role (or null), then names, `*` and `**`.
impl<C> Encode<C> for Pattern {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(1 + self.segments().len() as u64)?;
        match self.role() {
            Some(word) => e.str(word.as_str())?,
            None => e.null()?,
        };
        for segment in self.segments() {
            match segment {
                Segment::Name(name) => e.str(name.as_str())?,
                Segment::One => e.str("*")?,
                Segment::Many => e.str("**")?,
            };
        }
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Pattern {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
        let no_pattern = || DecodeError::message("not a pattern");
        let texts: Vec<Option<&str>> = d.decode_with(ctx)?;
        let (role, parts) = texts.split_first().ok_or_else(no_pattern)?;
        let word = |text: &str| RoleWord::ALL.into_iter().find(|word| word.as_str() == text);
        let role = role.map(|text| word(text).ok_or_else(no_pattern)).transpose()?;
        let segment = |text: &Option<&str>| match text.ok_or_else(no_pattern)? {
            "*" => Ok(Segment::One),
            "**" => Ok(Segment::Many),
            name => Name::known(name).map(Segment::Name).map_err(|_| no_pattern()),
        };
        let segments = parts.iter().map(segment).collect::<Result<_, DecodeError>>()?;
        Self::from_parts(segments, role).ok_or_else(no_pattern)
    }
}
