//! Which items of aws-auth are ours: the ownership record held against the items that are there.
//!
//! A row of the record finds its item by the hash of its principal; among several items for one principal the hash of
//! what was written decides, and where it does not, nobody's item is claimed. Not here: what to do with an item.

use crate::arn::PrincipalKey;
use crate::aws_auth::{AwsAuth, Identity};
use crate::entry::{Entry, Key};
use crate::mapping::{Mapping, Uid};
use crate::ownership::{self, Owned, PrincipalHash, Record};
use crate::plan::by_hash::ByHash;
use crate::reader::{Element, Item, Reading};

/// One item: its key and its index in that key's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// The key.
    pub key: Key,
    /// The index among the list's items.
    pub index: usize,
}

/// The served items of aws-auth, to be found by principal.
#[derive(Debug)]
pub struct Items<'a> {
    aws_auth: &'a AwsAuth,
    /// Those with one hash in the order in which they stand.
    by_principal: ByHash<At>,
}

impl<'a> Items<'a> {
    /// Indexes aws-auth.
    #[must_use]
    pub fn of(aws_auth: &'a AwsAuth) -> Self {
        let by_principal: Vec<_> = Key::ALL
            .into_iter()
            .flat_map(|key| {
                aws_auth.key(key).items().filter_map(move |(index, _, identity)| {
                    Some((identity?.principal_hash.0, At { key, index }))
                })
            })
            .collect();
        Self { aws_auth, by_principal: ByHash::of(&by_principal) }
    }

    /// Every item whose principal has this hash, in the order in which the reader meets them.
    pub(super) fn hashed(&self, hash: PrincipalHash) -> impl Iterator<Item = At> + '_ {
        self.by_principal.get(hash.0)
    }

    /// Every item for this principal, in the order in which the reader meets them.
    pub fn of_principal(&self, hash: PrincipalHash, principal: &PrincipalKey) -> impl Iterator<Item = At> {
        self.hashed(hash).filter(move |&at| self.identity(at).is_some_and(|id| id.principal == *principal))
    }

    /// The item.
    #[must_use]
    pub fn item(&self, at: At) -> Option<&'a Item> {
        match self.aws_auth.key(at.key).reading() {
            Reading::List(list) => list.items.get(at.index),
            _ => None,
        }
    }

    /// The item's identity.
    #[must_use]
    pub fn identity(&self, at: At) -> Option<&'a Identity> {
        self.aws_auth.key(at.key).identity(at.index)
    }

    /// What the item says.
    #[must_use]
    pub fn entry(&self, at: At) -> Option<&'a Entry> {
        match &self.item(at)?.element {
            Element::Entry(read) => Some(&read.entry),
            Element::Dropped => None,
        }
    }
}

/// How a row of the record stands to the items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The item is there, as written.
    Intact(At),
    /// The item is there and says something else than was written.
    Edited(At),
    /// No item for the principal is there.
    Gone,
    /// Items for the principal are there and none is as written, and there are several, or ours did not stand alone
    /// before: which is ours, if any, cannot be told.
    Ambiguous,
    /// No item is seen, but a key cannot be read, and it may be in there.
    Unseen,
}

impl Claim {
    /// The claimed item.
    #[must_use]
    pub fn at(self) -> Option<At> {
        match self {
            Self::Intact(at) | Self::Edited(at) => Some(at),
            Self::Gone | Self::Ambiguous | Self::Unseen => None,
        }
    }
}

/// The record's rows with what they claim.
#[derive(Debug)]
pub struct Claims {
    /// Sorted by UID.
    rows: Vec<(Owned, Claim)>,
    /// Indexes of the rows.
    by_uid: ByHash<u32>,
    owners: Owners,
}

/// Who owns each item of each key, in the order of [`Key::ALL`].
#[derive(Debug)]
struct Owners([Vec<Option<Uid>>; 3]);

impl Owners {
    fn slot(&self, at: At) -> Option<&Option<Uid>> {
        let [roles, users, accounts] = &self.0;
        match at.key {
            Key::MapRoles => roles.get(at.index),
            Key::MapUsers => users.get(at.index),
            Key::MapAccounts => accounts.get(at.index),
        }
    }

    fn is_free(&self, at: At) -> bool {
        self.slot(at).is_some_and(Option::is_none)
    }

    fn take(&mut self, at: At, uid: Uid) {
        let [roles, users, accounts] = &mut self.0;
        let of_key = match at.key {
            Key::MapRoles => roles,
            Key::MapUsers => users,
            Key::MapAccounts => accounts,
        };
        if let Some(slot) = of_key.get_mut(at.index) {
            *slot = Some(uid);
        }
    }
}

impl Claims {
    /// Holds the record against the items; with the record lost, claims what living mappings know as theirs.
    #[must_use]
    pub fn of(aws_auth: &AwsAuth, items: &Items<'_>, mappings: &[&Mapping]) -> Self {
        let mut owners = Owners(Key::ALL.map(|key| vec![None; aws_auth.key(key).items().len()]));
        let mut rows = match aws_auth.record() {
            Ok(record) => hold_against(record, aws_auth, items, &mut owners),
            Err(_) => recover(items, mappings, &mut owners),
        };
        for (row, claim) in &mut rows {
            row.alone = match claim {
                Claim::Intact(_) | Claim::Edited(_) => {
                    items.hashed(row.principal).all(|at| !owners.is_free(at))
                }
                // One of several once: whichever is left later may be somebody else's.
                Claim::Gone | Claim::Ambiguous => false,
                Claim::Unseen => row.alone,
            };
        }
        let by_uid: Vec<(u32, u32)> = rows.iter().map(|(row, _)| uid_hash(row.uid)).zip(0..).collect();
        Self { rows, by_uid: ByHash::of(&by_uid), owners }
    }

    /// The row of a mapping and what it claims.
    #[must_use]
    pub fn get(&self, uid: Uid) -> Option<(Owned, Claim)> {
        self.rows.get(self.position(uid)?).copied()
    }

    /// Where among the rows that of a mapping is.
    pub(super) fn position(&self, uid: Uid) -> Option<usize> {
        let mut found = self.by_uid.get(uid_hash(uid)).map(|at| at as usize);
        found.find(|&at| self.rows.get(at).is_some_and(|(row, _)| row.uid == uid))
    }

    /// Every row, sorted by UID.
    #[must_use]
    pub fn rows(&self) -> impl ExactSizeIterator<Item = (Owned, Claim)> + '_ {
        self.rows.iter().copied()
    }

    /// Who owns an item.
    #[must_use]
    pub fn owner(&self, at: At) -> Option<Uid> {
        *self.owners.slot(at)?
    }
}

fn uid_hash(uid: Uid) -> u32 {
    ownership::hash(&uid.0)
}

fn hold_against(
    record: &Record,
    aws_auth: &AwsAuth,
    items: &Items<'_>,
    owners: &mut Owners,
) -> Vec<(Owned, Claim)> {
    let readable = |key: Key| matches!(aws_auth.key(key).reading(), Reading::Nothing | Reading::List(_));
    let unfound = if Key::ALL.into_iter().all(readable) { Claim::Gone } else { Claim::Unseen };
    // Exact matches first, so that no edited neighbour takes an item that is another row's own.
    let mut rows: Vec<(Owned, Claim)> = record
        .rows()
        .iter()
        .map(|row| {
            let written =
                |at: &At| items.identity(*at).is_some_and(|identity| identity.entry_hash == row.entry);
            let exact = items.hashed(row.principal).find(|at| owners.is_free(*at) && written(at));
            if let Some(at) = exact {
                owners.take(at, row.uid);
            }
            (*row, exact.map_or(unfound, Claim::Intact))
        })
        .collect();
    for (row, claim) in rows.iter_mut().filter(|(_, claim)| claim.at().is_none()) {
        let mut free = items.hashed(row.principal).filter(|at| owners.is_free(*at));
        *claim = match (free.next(), free.next()) {
            (None, _) => unfound,
            (Some(at), None) if row.alone => Claim::Edited(at),
            (Some(_), _) => Claim::Ambiguous,
        };
        if let Some(at) = claim.at() {
            owners.take(at, row.uid);
        }
    }
    rows
}

/// The record is lost: an item is ours again only where it is exactly what its living mapping's status says was
/// applied.
fn recover(items: &Items<'_>, mappings: &[&Mapping], owners: &mut Owners) -> Vec<(Owned, Claim)> {
    let mut rows = Vec::new();
    for mapping in mappings {
        let (Ok(spec), Some(applied)) = (&mapping.spec, mapping.applied) else { continue };
        let written = |at: &At| items.identity(*at).is_some_and(|identity| identity.entry_hash == applied);
        let found = items
            .of_principal(spec.principal_hash(), spec.principal_key())
            .find(|at| owners.is_free(*at) && written(at));
        if let Some(at) = found {
            owners.take(at, mapping.uid);
            let row =
                Owned { uid: mapping.uid, principal: spec.principal_hash(), entry: applied, alone: true };
            rows.push((row, Claim::Intact(at)));
        }
    }
    rows.sort_unstable_by_key(|(row, _)| row.uid);
    rows
}
