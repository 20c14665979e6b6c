//! The last look before a write: the new texts, read again as the authenticator reads them, must say what aws-auth said
//! before, minus what was to go, plus what was to come, and nothing else.
//!
//! Shares no code with `plan` and `document`, which made the texts: it knows only readings. Not here: whether the
//! change is a good idea (`guards`).

use std::collections::HashSet;

use thiserror::Error;

use crate::arn::PrincipalKey;
use crate::aws_auth::{ANNOTATIONS, AwsAuth};
use crate::entry::{Entry, Key};
use crate::ownership::PrincipalHash;
use crate::reader::{Element, Item, Reading};

/// What a write is meant to do to one key.
#[derive(Debug, Default)]
pub struct Intent<'a> {
    /// Indexes of the items that go, replaced ones among them, in ascending order.
    pub goes: Vec<usize>,
    /// The entries that come.
    pub comes: Vec<&'a Entry>,
}

/// What the new text says that it should not, or fails to say.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rejection {
    /// A key that was readable no longer is.
    #[error("{key} would no longer be readable: {why}")]
    Unreadable {
        /// The key.
        key: Key,
        /// What the reader says.
        why: String,
    },
    /// An item that nobody asked for, or a foreign one in other words or another place.
    #[error("{key}, line {line}: the new text holds an item that is neither as before nor asked for")]
    Unexpected {
        /// The key.
        key: Key,
        /// The line in the new text.
        line: usize,
    },
    /// An item that should have stayed is gone.
    #[error("{key}: the item that stood in line {line} would be lost")]
    Lost {
        /// The key.
        key: Key,
        /// The line in the old text.
        line: usize,
    },
    /// An entry that was to come is not there.
    #[error("{key}: the entry for {arn} would be missing")]
    Missing {
        /// The key.
        key: Key,
        /// Its principal.
        arn: String,
    },
    /// A foreign entry for a principal that gets one of ours.
    #[error("{key}: the new entry for {arn} would shadow one that somebody else wrote")]
    Shadows {
        /// The key.
        key: Key,
        /// Its principal.
        arn: String,
    },
    /// Something outside of the three keys and the ownership record.
    #[error("{0} would change, which is not ours to change")]
    Elsewhere(String),
}

/// Compares `before` and `after`; `intent` says what is meant for each key. `pinned` may stand beside other entries
/// for the same principal: the creator's binding is put over them on purpose.
///
/// # Errors
/// The first thing that is not as meant.
pub fn verify<'a>(
    before: &AwsAuth,
    after: &AwsAuth,
    intent: impl Fn(Key) -> &'a Intent<'a>,
    pinned: Option<&PrincipalKey>,
) -> Result<(), Rejection> {
    elsewhere(before, after)?;
    for key in Key::ALL {
        let intent = intent(key);
        if intent.goes.is_empty() && intent.comes.is_empty() {
            if before.text(key) != after.text(key) {
                return Err(Rejection::Elsewhere(key.to_string()));
            }
            continue;
        }
        one_key(key, before, after, intent)?;
    }
    alone(before, after, &intent, pinned)
}

fn one_key(key: Key, before: &AwsAuth, after: &AwsAuth, intent: &Intent<'_>) -> Result<(), Rejection> {
    let old = items(before.key(key).reading()).map_err(|why| Rejection::Unreadable { key, why })?;
    let new = items(after.key(key).reading()).map_err(|why| Rejection::Unreadable { key, why })?;
    let mut stays = old.iter().enumerate().filter(|(n, _)| intent.goes.binary_search(n).is_err()).peekable();
    let mut comes: Vec<&Entry> = intent.comes.clone();
    comes.sort_unstable_by(|a, b| a.arn.cmp(&b.arn));
    let mut come = vec![false; comes.len()];
    for item in new {
        // The same meaning and the same bytes.
        let kept = stays.next_if(|(_, stays)| {
            stays.element == item.element
                && stays.problems == item.problems
                && before.text(key).get(stays.span.clone()) == after.text(key).get(item.span.clone())
        });
        if kept.is_some() {
            continue;
        }
        let asked = match &item.element {
            Element::Entry(read)
                if read.sso.is_none() && read.user_id.is_empty() && item.problems.is_empty() =>
            {
                let from = comes.partition_point(|entry| entry.arn < read.entry.arn);
                (from..comes.len())
                    .take_while(|&n| comes[n].arn == read.entry.arn)
                    .find(|&n| !come[n] && *comes[n] == read.entry)
            }
            Element::Entry(_) | Element::Dropped => None,
        };
        match asked {
            Some(n) => come[n] = true,
            None => return Err(Rejection::Unexpected { key, line: item.line }),
        }
    }
    if let Some((_, lost)) = stays.next() {
        return Err(Rejection::Lost { key, line: lost.line });
    }
    match come.iter().position(|came| !came) {
        Some(n) => Err(Rejection::Missing { key, arn: comes[n].arn.clone() }),
        None => Ok(()),
    }
}

/// An entry that takes nobody's place must be the only one for its principal: else it shadows somebody's, or somebody's
/// shadows it.
fn alone<'a>(
    before: &AwsAuth,
    after: &AwsAuth,
    intent: &impl Fn(Key) -> &'a Intent<'a>,
    pinned: Option<&PrincipalKey>,
) -> Result<(), Rejection> {
    let gone: HashSet<&PrincipalKey> = Key::ALL
        .into_iter()
        .flat_map(|key| intent(key).goes.iter().filter_map(move |&n| before.key(key).identity(n)))
        .map(|identity| &identity.principal)
        .collect();
    let identities = || Key::ALL.into_iter().flat_map(|key| after.key(key).items()).filter_map(|(.., id)| id);
    let mut standing: Vec<PrincipalHash> = identities().map(|identity| identity.principal_hash).collect();
    standing.sort_unstable();
    for key in Key::ALL {
        for entry in &intent(key).comes {
            let principal = PrincipalKey::of(&entry.arn);
            let excused = gone.contains(&principal) || pinned == Some(&principal);
            let hash = PrincipalHash::of(&principal);
            let from = standing.partition_point(|other| *other < hash);
            // Equal hashes are seldom two principals: only then is it worth looking at each.
            let several = standing.get(from + 1) == Some(&hash);
            if !excused
                && several
                && identities().filter(|identity| identity.principal == principal).count() > 1
            {
                return Err(Rejection::Shadows { key, arn: entry.arn.clone() });
            }
        }
    }
    Ok(())
}

/// Everything outside of the three keys and our annotations stays.
fn elsewhere(before: &AwsAuth, after: &AwsAuth) -> Result<(), Rejection> {
    let (old, new) = (before.source(), after.source());
    let ours = |name: &String| Key::ALL.iter().any(|key| key.as_str() == name);
    let differs = |name: &String| old.data.get(name) != new.data.get(name);
    if let Some(name) = old.data.keys().chain(new.data.keys()).find(|name| !ours(name) && differs(name)) {
        return Err(Rejection::Elsewhere(format!("data key {name}")));
    }
    let differs = |name: &String| old.annotations.get(name) != new.annotations.get(name);
    let mut annotations = old.annotations.keys().chain(new.annotations.keys());
    match annotations.find(|name| !ANNOTATIONS.contains(&name.as_str()) && differs(name)) {
        Some(name) => Err(Rejection::Elsewhere(format!("annotation {name}"))),
        None => Ok(()),
    }
}

fn items(reading: &Reading) -> Result<&[Item], String> {
    match reading {
        Reading::Nothing => Ok(&[]),
        Reading::List(list) => Ok(&list.items),
        Reading::NotAList(place) => Err(format!("line {}: not a list", place.line)),
        Reading::Broken(fault) | Reading::Unsure(fault) => {
            Err(format!("line {}, column {}: {}", fault.place.line, fault.place.column, fault.message))
        }
    }
}
