//! Which items of aws-auth are ours: the ownership record held against the items that are there.
//!
//! A row of the record finds its item by the hash of its principal; among several items for one principal the hash of
//! what was written decides, and where it does not, nobody's item is claimed. Not here: what to do with an item.

use std::collections::HashMap;

use crate::arn::PrincipalKey;
use crate::aws_auth::{AwsAuth, Identity};
use crate::entry::{Entry, Key};
use crate::mapping::{Mapping, Uid};
use crate::ownership::{EntryHash, Owned, PrincipalHash};
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
    /// Sorted by hash, then in the order in which the items stand.
    by_principal: Vec<(PrincipalHash, At)>,
}

impl<'a> Items<'a> {
    /// Indexes aws-auth.
    #[must_use]
    pub fn of(aws_auth: &'a AwsAuth) -> Self {
        let mut by_principal: Vec<_> = Key::ALL
            .into_iter()
            .flat_map(|key| {
                aws_auth.key(key).items().filter_map(move |(index, _, identity)| {
                    Some((identity?.principal_hash, At { key, index }))
                })
            })
            .collect();
        by_principal.sort_unstable();
        Self { aws_auth, by_principal }
    }

    /// Every item whose principal has this hash, in the order in which the reader meets them.
    fn hashed(&self, hash: PrincipalHash) -> impl Iterator<Item = At> + '_ {
        let from = self.by_principal.partition_point(|(other, _)| *other < hash);
        self.by_principal.iter().skip(from).take_while(move |(other, _)| *other == hash).map(|&(_, at)| at)
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
    /// Several items for the principal are there and none is as written: which is ours cannot be told.
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
#[derive(Debug, Default)]
pub struct Claims {
    rows: HashMap<Uid, (Owned, Claim)>,
    owners: HashMap<At, Uid>,
}

impl Claims {
    /// Holds the record against the items; with the record lost, claims what living mappings know as theirs.
    #[must_use]
    pub fn of(aws_auth: &AwsAuth, items: &Items<'_>, mappings: &[&Mapping]) -> Self {
        let all_readable = Key::ALL
            .into_iter()
            .all(|key| matches!(aws_auth.key(key).reading(), Reading::Nothing | Reading::List(_)));
        let mut claims = Self::default();
        match aws_auth.record() {
            Ok(record) => {
                // Exact matches first, so that no edited neighbour takes an item that is another row's own.
                let mut rest = Vec::new();
                for row in record.rows() {
                    let exact = items
                        .hashed(row.principal)
                        .find(|at| items.identity(*at).is_some_and(|id| id.entry_hash == row.entry));
                    match exact {
                        Some(at) if claims.owners.insert(at, row.uid).is_none() => {
                            claims.rows.insert(row.uid, (*row, Claim::Intact(at)));
                        }
                        _ => rest.push(row),
                    }
                }
                for row in rest {
                    let free: Vec<At> = items
                        .hashed(row.principal)
                        .filter(|at| !claims.owners.contains_key(at))
                        .take(2)
                        .collect();
                    let claim = match free.as_slice() {
                        [] if all_readable => Claim::Gone,
                        [] => Claim::Unseen,
                        [at] => Claim::Edited(*at),
                        _ => Claim::Ambiguous,
                    };
                    if let Some(at) = claim.at() {
                        claims.owners.insert(at, row.uid);
                    }
                    claims.rows.insert(row.uid, (*row, claim));
                }
            }
            Err(_) => claims.recover(items, mappings),
        }
        claims
    }

    /// The record is lost: an item is ours again only where it is exactly what its living mapping's status says was
    /// applied.
    fn recover(&mut self, items: &Items<'_>, mappings: &[&Mapping]) {
        for mapping in mappings {
            let (Ok(spec), Some(applied)) = (&mapping.spec, mapping.applied) else { continue };
            let found = items
                .of_principal(spec.principal_hash(), spec.principal_key())
                .find(|at| items.identity(*at).is_some_and(|id| id.entry_hash == applied));
            if let Some(at) = found
                && !self.owners.contains_key(&at)
            {
                self.owners.insert(at, mapping.uid);
                let row = Owned { uid: mapping.uid, principal: spec.principal_hash(), entry: applied };
                self.rows.insert(mapping.uid, (row, Claim::Intact(at)));
            }
        }
    }

    /// The row of a mapping and what it claims.
    #[must_use]
    pub fn get(&self, uid: Uid) -> Option<(Owned, Claim)> {
        self.rows.get(&uid).copied()
    }

    /// Every row, in no particular order.
    pub fn rows(&self) -> impl Iterator<Item = (Owned, Claim)> + '_ {
        self.rows.values().copied()
    }

    /// Who owns an item.
    #[must_use]
    pub fn owner(&self, at: At) -> Option<Uid> {
        self.owners.get(&at).copied()
    }
}

/// The hash of what an item says, for the record.
#[must_use]
pub fn entry_hash(items: &Items<'_>, at: At) -> Option<EntryHash> {
    items.identity(at).map(|identity| identity.entry_hash)
}
