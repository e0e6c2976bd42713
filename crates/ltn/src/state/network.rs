//! Which kind of network a directory belongs to, and what a member of one keeps beside its key: the
//! authority that it believes, the certificate that it shows, and at the main server the book with
//! the authority's own key.
//!
//! All of it has to fit together, or none of it is taken: key, certificate, network, charter, book.

use bytes::Bytes;
use ltn_proto::limits::OWED_CHARTERS_MAX;
use ltn_proto::registry::Registry;
use ltn_proto::{NodeId, NodePath, Remembered, Role, SignedCharter, Standing, Value};

use super::facts::{Entries, bad, put, put_optional};
use super::views::counted;
use super::visitor::Visitors;
use crate::store::Change;
use crate::tls::{Authority, Identity, Membership, check_membership, network_of, public_key_of};

/// Which kind of network a directory belongs to. What was made for one is of no use in the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NetworkKind {
    /// This machine alone, everybody is admin.
    Open,
    /// Who was invited.
    Members,
}

impl NetworkKind {
    /// The word for it in the store.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Members => "members",
        }
    }
}

/// What makes a node a member.
#[derive(Debug, Clone)]
pub(crate) struct Belonging {
    /// What its owner calls the network; empty where it was joined.
    pub(crate) label: String,
    /// The certificates.
    pub(crate) membership: Membership,
    /// The server that it was invited to hang below.
    pub(crate) place: Option<NodePath>,
    /// What only the main server has.
    pub(crate) office: Option<Office>,
}

/// What the main server of a network keeps.
#[derive(Clone)]
pub(crate) struct Office {
    /// The authority's key (PKCS#8).
    pub(crate) key: Vec<u8>,
    /// The book.
    pub(crate) book: Registry,
}

impl std::fmt::Debug for Office {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is left out: a log is no place for it.
        f.debug_struct("Office").finish_non_exhaustive()
    }
}

impl Belonging {
    /// The entries of a member, of a directory that has them.
    pub(super) fn read(entries: &mut Entries, network: &str) -> Result<Option<Self>, String> {
        if network == NetworkKind::Open.as_str() {
            return Ok(None);
        }
        if network != NetworkKind::Members.as_str() {
            return Err(bad("network"));
        }
        let authority = entries.bytes("authority")?;
        let certificate = entries.bytes("certificate")?;
        let network = network_of(&authority).map_err(|_| bad("authority"))?;
        let place = entries.optional("place")?.map(|value| {
            value.as_text().and_then(|text| text.parse().ok()).ok_or_else(|| bad("place"))
        });
        let key = entries.optional("authority_key")?;
        let book = entries.optional("book")?;
        let office = match (key, book) {
            (None, None) => None,
            (Some(Value::Bytes(key)), Some(Value::Bytes(book))) => {
                let book = Registry::read(&book).map_err(|_| bad("book"))?;
                Some(Office { key, book })
            }
            _ => return Err("the authority's key or its book is missing".to_owned()),
        };
        Ok(Some(Self {
            label: entries.text("label")?,
            membership: Membership { network, authority, certificate },
            place: place.transpose()?,
            office,
        }))
    }

    /// All entries, to be written.
    pub(super) fn changes(&self) -> Vec<Change> {
        let Membership { authority, certificate, .. } = &self.membership;
        let place = self.place.as_ref().map(|place| Value::from(place.to_string()));
        let mut changes = vec![
            put("label", &Value::from(self.label.as_str())),
            put("authority", &Value::Bytes(authority.clone())),
            put("certificate", &Value::Bytes(certificate.clone())),
            put_optional("place", place),
        ];
        if let Some(office) = &self.office {
            changes.push(put("authority_key", &Value::Bytes(office.key.clone())));
            changes.push(book_change(&office.book.to_bytes()));
        }
        changes
    }

    /// For people: one line for each thing.
    pub(super) fn describe(&self, standing: &Standing, id: NodeId) -> Vec<String> {
        let charter = standing.charter();
        let (epoch, version) = (charter.edition.epoch, charter.edition.version);
        let grants = counted(charter.grants.len(), "grant");
        let out = counted(charter.revoked.len(), "key");
        let mut lines = vec![format!(
            "knows edition {epoch}.{version} of the charter: {grants}, {out} refused"
        )];
        if let Some(office) = &self.office {
            let members = counted(office.book.members().count(), "member");
            lines.push(format!("makes the network `{}`, which has {members}", self.label));
            if office.book.is_learning() {
                let text = "was restored from a backup, and first learns what was signed after it";
                lines.push(text.to_owned());
            }
        }
        if let Some(place) = &self.place {
            lines.push(format!("was invited to hang below {place}"));
        }
        let unheard = standing.owed().count();
        if unheard > 0 {
            let verb = if unheard == 1 { "refuses" } else { "refuse" };
            lines.push(format!(
                "keeps {}, which {verb} keys that the newest one does not; the main server has to \
                 hear of that",
                counted(unheard, "older charter")
            ));
        }
        if standing.is_revoked(id) {
            let text = "WAS REVOKED: it is refused everywhere. A new invite (`ltn invite`) and a \
                        new directory make this machine a member again";
            lines.push(text.to_owned());
        }
        lines
    }

    /// Does all of it fit together, and with the key and the visitor's file? Gives what the node
    /// knows of its network.
    pub(super) fn check(
        &self,
        identity: &Identity,
        role: Role,
        remembered: &Remembered,
        visitors: &Visitors,
    ) -> Result<Standing, String> {
        let invited = check_membership(identity, &self.membership)
            .map_err(|error| format!("its certificate does not fit its key: {error}"))?;
        if invited != role {
            return Err(format!("it is a {role}, and its certificate is of a {invited}"));
        }
        if visitors.authority != self.membership.authority {
            return Err("the keys for visits are of another network".to_owned());
        }
        if visitors.owner() != identity.id() {
            return Err("the keys for visits are another member's".to_owned());
        }
        let charter = remembered.charter.as_ref().ok_or("its entry `charter` is missing")?;
        let key = public_key_of(&self.membership.authority).map_err(|error| error.to_string())?;
        let standing = Standing::new(key, charter.clone())
            .and_then(|standing| standing.owing(&remembered.owed_charters))
            .map_err(|why| format!("its charter: {why}"))?;
        match &self.office {
            Some(office) => self.check_office(office, (identity, role), visitors)?,
            None if role.is_root() => return Err("its entry `book` is missing".to_owned()),
            None => {}
        }
        Ok(standing)
    }

    /// Was another main server with this key restored from a backup, and is in charge?
    pub(super) fn is_superseded(&self, standing: &Standing) -> bool {
        let office = self.office.as_ref();
        office.is_some_and(|office| office.book.is_superseded_by(standing.charter()))
    }

    fn check_office(
        &self,
        office: &Office,
        (identity, role): (&Identity, Role),
        visitors: &Visitors,
    ) -> Result<(), String> {
        let authority = Authority::of_key(&office.key).map_err(|_| bad("authority_key"))?;
        let key = public_key_of(&self.membership.authority).map_err(|error| error.to_string())?;
        let book = &office.book;
        let me = identity.id();
        let root = book.members().find(|(id, _)| *id == me);
        let fits = role.is_root()
            && authority.public_key() == key
            && book.authority_key() == key
            && book.charter().root == me
            && root.is_some_and(|(_, root)| {
                root.visitors.iter().copied().eq(visitors.keys.iter().map(|key| key.identity.id()))
            });
        if fits { Ok(()) } else { Err("the book is not of this main server".to_owned()) }
    }
}

/// The change that keeps this book.
pub(super) fn book_change(book: &Bytes) -> Change {
    put("book", &Value::Bytes(book.to_vec()))
}

fn in_parts(charter: &SignedCharter) -> Value {
    Value::list([Value::Bytes(charter.bytes.to_vec()), Value::Bytes(charter.signature.to_vec())])
}

/// The charter as an entry.
pub(super) fn charter_change(charter: Option<&SignedCharter>) -> Change {
    put_optional("charter", charter.map(in_parts))
}

/// Older charters that refuse somebody whom the newest does not, as an entry.
pub(super) fn owed_change(owed: &[SignedCharter]) -> Change {
    let value = (!owed.is_empty()).then(|| Value::List(owed.iter().map(in_parts).collect()));
    put_optional("owed_charters", value)
}

/// The charters in that entry.
pub(super) fn owed(value: Value) -> Result<Vec<SignedCharter>, String> {
    let Value::List(charters) = value else { return Err(bad("owed_charters")) };
    if charters.is_empty() || charters.len() > OWED_CHARTERS_MAX {
        return Err(bad("owed_charters"));
    }
    charters.into_iter().map(|value| charter(value).map_err(|_| bad("owed_charters"))).collect()
}

/// The charter in an entry. Whether it is one is checked when it is known whose.
pub(super) fn charter(value: Value) -> Result<SignedCharter, String> {
    let Value::List(parts) = value else { return Err(bad("charter")) };
    match <[Value; 2]>::try_from(parts) {
        Ok([Value::Bytes(bytes), Value::Bytes(signature)]) => {
            let signature = signature.try_into().map_err(|_| bad("charter"))?;
            Ok(SignedCharter { bytes: bytes.into(), signature })
        }
        _ => Err(bad("charter")),
    }
}
