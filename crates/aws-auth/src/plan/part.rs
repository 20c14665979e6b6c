//! One proposed change to one entry: what guards pass or hold.

use crate::arn::PrincipalKey;
use crate::entry::{Entry, Key};
use crate::mapping::{Mapping, Uid};
use crate::ownership::Owned;
use crate::plan::claims::{At, Items};
use crate::plan::{Change, ChangeKind, MappingRef};

/// A proposed change. At least one of `at` and `after` is there: both replace, the first alone removes, the second
/// alone adds.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// What kind of change.
    pub kind: ChangeKind,
    /// The principal concerned.
    pub principal: PrincipalKey,
    /// The mapping that asks for it, where one does.
    pub mapping: Option<&'a Mapping>,
    /// The item that is replaced or removed.
    pub at: Option<At>,
    /// What comes, and in which key.
    pub after: Option<(Key, Entry)>,
    /// The row of the ownership record that goes with the change.
    pub ends: Option<Uid>,
    /// The row that comes with it.
    pub begins: Option<Owned>,
}

impl Part<'_> {
    /// The key that the change is in.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        self.at.map(|at| at.key).or(self.after.as_ref().map(|(key, _)| *key))
    }

    /// The change as the plan reports it.
    #[must_use]
    pub fn change(&self, items: &Items<'_>) -> Option<Change> {
        let before = self.at.and_then(|at| items.entry(at)).cloned();
        let after = self.after.as_ref().map(|(_, entry)| entry.clone());
        let principal = after.as_ref().or(before.as_ref()).map(|entry| entry.arn.clone())?;
        Some(Change {
            kind: self.kind,
            key: self.key()?,
            principal,
            mapping: self.mapping.map(|mapping| MappingRef { name: mapping.name.clone(), uid: mapping.uid }),
            owner: match self.kind {
                ChangeKind::Remove => self.ends,
                _ => None,
            },
            before,
            after,
            still_mapped: None,
        })
    }
}
