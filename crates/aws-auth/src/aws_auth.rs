//! aws-auth as it stands: the `ConfigMap`'s plain data and what the reader makes of it, read once.
//!
//! Not here: changing it (`document`), deciding what to change (`plan`).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::approval;
use crate::arn::PrincipalKey;
use crate::entry::Key;
use crate::guards;
use crate::mapping::Uid;
use crate::ownership::{self, EntryHash, Lost, PrincipalHash, Record};
use crate::reader::{self, Element, Item, Reading};
use crate::restore;

/// The annotations that are ours; everybody else's are not touched.
pub const ANNOTATIONS: [&str; 5] =
    [ownership::ANNOTATION, guards::CRD, approval::HELD, approval::APPROVE, restore::REQUEST];

/// What a write says in them.
#[derive(Debug)]
pub struct Said<'r> {
    /// Which entries are ours.
    pub record: &'r Record,
    /// What is held and waits for a person.
    pub held: Option<String>,
    /// The CRD whose mappings own the entries.
    pub crd: Option<String>,
}

/// The parts of the live `ConfigMap` that anything here depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// `data`, unknown keys included.
    pub data: BTreeMap<String, String>,
    /// `metadata.annotations`, everybody's.
    pub annotations: BTreeMap<String, String>,
    /// Why the object cannot be written at all, when it cannot.
    pub unwritable: Option<Unwritable>,
}

/// A `ConfigMap` that no write can or should touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwritable {
    /// `immutable: true`.
    Immutable,
    /// One of the three keys stands in `binaryData`, which the reader ignores and which excludes the same key in `data`.
    BinaryData,
}

/// aws-auth, read.
#[derive(Debug, Clone)]
pub struct AwsAuth {
    exists: bool,
    source: Source,
    // Shared with the state that a write leads to: a write seldom touches every key.
    roles: Arc<ReadKey>,
    users: Arc<ReadKey>,
    accounts: Arc<ReadKey>,
    record: Result<Record, Lost>,
}

/// One key: what the reader makes of it, and the served items' identities.
#[derive(Debug, Clone)]
pub struct ReadKey {
    reading: Reading,
    /// One for each item of the list, in order; `None` for what is dropped and for `sso` items, which name no ARN.
    identities: Vec<Option<Identity>>,
}

/// What a served item is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its principal as the reader compares it.
    pub principal: PrincipalKey,
    /// Hash of that.
    pub principal_hash: PrincipalHash,
    /// Hash of everything in it that we would write; meaningless for items with further fields.
    pub entry_hash: EntryHash,
}

impl AwsAuth {
    /// There is no aws-auth.
    #[must_use]
    pub fn missing() -> Self {
        Self { exists: false, ..Self::read(Source::default(), Uid::default()) }
    }

    /// Reads a live `ConfigMap`; `cluster` is the UID of namespace `kube-system`, to which the ownership record is bound.
    #[must_use]
    pub fn read(source: Source, cluster: Uid) -> Self {
        let key = |key: Key| Arc::new(ReadKey::of(key, source.data.get(key.as_str()).map(String::as_str)));
        Self {
            exists: true,
            roles: key(Key::MapRoles),
            users: key(Key::MapUsers),
            accounts: key(Key::MapAccounts),
            record: Record::decode(
                source.annotations.get(ownership::ANNOTATION).map(String::as_str),
                cluster,
            ),
            source,
        }
    }

    /// aws-auth as it would be with these keys' texts and this said in our annotations; read anew from the texts. What
    /// was approved or requested is used up.
    #[must_use]
    pub fn with(&self, texts: Vec<(Key, String)>, said: Said<'_>, cluster: Uid) -> Self {
        let mut after = self.clone();
        after.exists = true;
        for (key, text) in texts {
            let read = Arc::new(ReadKey::of(key, Some(&text)));
            match key {
                Key::MapRoles => after.roles = read,
                Key::MapUsers => after.users = read,
                Key::MapAccounts => after.accounts = read,
            }
            after.source.data.insert(key.as_str().to_owned(), text);
        }
        let record = said.record.encode(cluster);
        after.record = Record::decode(Some(&record), cluster);
        after.source.annotations.insert(ownership::ANNOTATION.to_owned(), record);
        after.source.annotations.remove(approval::APPROVE);
        after.source.annotations.remove(restore::REQUEST);
        for (name, value) in [(approval::HELD, said.held), (guards::CRD, said.crd)] {
            match value {
                Some(value) => after.source.annotations.insert(name.to_owned(), value),
                None => after.source.annotations.remove(name),
            };
        }
        after
    }

    /// One of the annotations.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.source.annotations.get(name).map(String::as_str)
    }

    /// Whether the `ConfigMap` exists.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.exists
    }

    /// The plain data.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// One key as the reader reads it.
    #[must_use]
    pub fn key(&self, key: Key) -> &ReadKey {
        match key {
            Key::MapRoles => &self.roles,
            Key::MapUsers => &self.users,
            Key::MapAccounts => &self.accounts,
        }
    }

    /// The ownership record.
    ///
    /// # Errors
    /// Why there is none to rely on.
    pub fn record(&self) -> Result<&Record, &Lost> {
        self.record.as_ref()
    }

    /// The text of one key, empty when absent.
    #[must_use]
    pub fn text(&self, key: Key) -> &str {
        self.source.data.get(key.as_str()).map_or("", String::as_str)
    }
}

impl ReadKey {
    fn of(key: Key, value: Option<&str>) -> Self {
        let reading = reader::read(key, value);
        let identities = match &reading {
            Reading::List(list) => list.items.iter().map(|item| Identity::of(key, item)).collect(),
            _ => Vec::new(),
        };
        Self { reading, identities }
    }

    /// What the reader makes of the key.
    #[must_use]
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// The identity of the item at `index`; `None` for an item that is dropped or names no ARN.
    #[must_use]
    pub fn identity(&self, index: usize) -> Option<&Identity> {
        self.identities.get(index).and_then(Option::as_ref)
    }

    /// The list's items with their identities; empty when there is no list.
    #[must_use]
    pub fn items(&self) -> impl ExactSizeIterator<Item = (usize, &Item, Option<&Identity>)> {
        let items = match &self.reading {
            Reading::List(list) => list.items.as_slice(),
            _ => &[],
        };
        items
            .iter()
            .zip(&self.identities)
            .enumerate()
            .map(|(n, (item, identity))| (n, item, identity.as_ref()))
    }
}

impl Identity {
    fn of(key: Key, item: &Item) -> Option<Self> {
        match &item.element {
            Element::Entry(read) if read.sso.is_none() => {
                let principal = PrincipalKey::of(&read.entry.arn);
                Some(Self {
                    principal_hash: PrincipalHash::of(&principal),
                    entry_hash: EntryHash::of(key, &read.entry),
                    principal,
                })
            }
            Element::Entry(_) | Element::Dropped => None,
        }
    }
}
