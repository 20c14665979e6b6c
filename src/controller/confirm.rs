//! Before access is taken away: does the mapping really not exist any more?
//!
//! The watch may have fallen behind, a list may have come from a stale cache, and a CRD that is being deleted takes its
//! objects along one by one. So the API server is asked again for every removal that is planned: at quorum where a list
//! did not have the object, and where its watch told of the deletion, as of that deletion or later, which the API server
//! can answer out of its memory (who got the name a moment ago it may not show yet). Whether the CRD stands is known from
//! its own watch (`crd`), and asked for as well where many go at once. Any doubt means that nothing is written now.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_auth::mapping::Uid;
use futures::future::{try_join, try_join_all};
use http::Request;
use kube::Client;
use thiserror::Error;
use tokio::sync::watch::Receiver;

use crate::client::{CallError, call};
use crate::controller::crd::{self, Standing};
use crate::controller::requests::{self, Malformed, Object, Page};

/// Up to so many removals are asked for one by one, more with a list. The brake lets no more than ten through.
const ONE_BY_ONE: usize = 10;
/// For so few removals the CRD's watch is enough: to ask costs a quarter of what a single revocation takes. A CRD that is
/// deleted takes all its objects along, so for many at once the API server is asked, at quorum.
const FEW: usize = 3;

/// An owner whose entry is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Removal {
    pub(super) uid: Uid,
    /// `None` where it went while nobody watched.
    pub(super) name: Option<String>,
    /// As of which version of the API server it was told that it is deleted; `None` where it is only missing.
    pub(super) deleted_at: Option<String>,
    /// Who is known to have its name now.
    pub(super) successor: Option<Uid>,
}

/// Why nothing is removed.
#[derive(Debug, Error)]
pub(super) enum Doubt {
    /// The watch was wrong.
    #[error("IamMapping with UID {0} still exists; listing again before anything is revoked")]
    StillThere(Uid),
    /// The watch has not told yet of its successor, who may well have the same principal.
    #[error("IamMapping {0} was made anew; listing again before anything is revoked")]
    MadeAnew(String),
    /// The mappings that are gone went with the CRD before this one.
    #[error("the CRD was made anew; planning again before anything is revoked")]
    CrdMadeAnew,
    /// With the CRD go all objects, and nobody asked for all access to be revoked.
    #[error("{}", crd::gone())]
    CrdGone,
    /// Nobody knows.
    #[error("cannot confirm that a mapping is gone: {0}")]
    Call(#[from] CallError),
    /// Nobody can ask.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Confirms that every one of `removals` is gone, and that the CRD, which was `planned` for, is not; each question
/// within `deadline`.
pub(super) async fn confirm(
    client: &Client,
    removals: &[Removal],
    planned: Option<Uid>,
    crd: &Receiver<Standing>,
    deadline: Duration,
) -> Result<(), Doubt> {
    // All at once: whatever is asked about was seen gone before, and a CRD's deletion begins before that of its objects.
    let crd_stands = crd_stands(client, removals.len(), planned, crd, deadline);
    try_join(all_gone(client, removals, deadline), crd_stands).await?;
    // What its watch told while the answers were on their way counts too.
    not_gone(&crd.borrow(), planned)
}

async fn all_gone(client: &Client, removals: &[Removal], deadline: Duration) -> Result<(), Doubt> {
    let named: Option<Vec<(&str, &Removal)>> =
        removals.iter().map(|removal| Some((removal.name.as_deref()?, removal))).collect();
    match named {
        Some(named) if named.len() <= ONE_BY_ONE => {
            try_join_all(named.into_iter().map(|(name, removal)| gone(client, name, removal, deadline)))
                .await?;
            Ok(())
        }
        _ => none_listed(client, removals, deadline).await,
    }
}

async fn gone(client: &Client, name: &str, removal: &Removal, deadline: Duration) -> Result<(), Doubt> {
    judge(name, removal, found(client, name, removal, deadline).await?)
}

/// What the object that has the name, if any does, says of the one that is to be gone.
fn judge(name: &str, removal: &Removal, found: Option<Object>) -> Result<(), Doubt> {
    let Some(found) = found else { return Ok(()) };
    match found.metadata.uid() {
        Some(uid) if uid == removal.uid => Err(Doubt::StillThere(uid)),
        Some(uid) if Some(uid) == removal.successor => Ok(()),
        // An answer without a UID is no word that anything is gone.
        Some(_) | None => Err(Doubt::MadeAnew(name.to_owned())),
    }
}

/// The object that has the name, if any does.
async fn found(
    client: &Client,
    name: &str,
    removal: &Removal,
    deadline: Duration,
) -> Result<Option<Object>, Doubt> {
    if let Some(version) = &removal.deleted_at {
        // One that has fallen behind, or was restored from a backup, does not know that version.
        if let Ok(answer) = ask(client, name, requests::get_mapping_not_older(name, version)?, deadline).await
        {
            return Ok(answer);
        }
    }
    Ok(ask(client, name, requests::get_mapping(name)?, deadline).await?)
}

async fn ask(
    client: &Client,
    name: &str,
    request: Request<Vec<u8>>,
    deadline: Duration,
) -> Result<Option<Object>, CallError> {
    match call(client, request, deadline).await {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_missing(name) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn none_listed(client: &Client, removals: &[Removal], deadline: Duration) -> Result<(), Doubt> {
    let wanted: BTreeSet<Uid> = removals.iter().map(|removal| removal.uid).collect();
    let mut next = None;
    loop {
        let request = requests::list_mappings(next.as_deref())?;
        let page: Page = call(client, request, deadline).await?;
        let there = page.items.iter().filter_map(|item| item.metadata.uid()).find(|uid| wanted.contains(uid));
        if let Some(uid) = there {
            return Err(Doubt::StillThere(uid));
        }
        next = page.metadata.next.filter(|next| !next.is_empty());
        if next.is_none() {
            return Ok(());
        }
    }
}

async fn crd_stands(
    client: &Client,
    removals: usize,
    planned: Option<Uid>,
    crd: &Receiver<Standing>,
    deadline: Duration,
) -> Result<(), Doubt> {
    not_gone(&crd.borrow(), planned)?;
    if matches!(*crd.borrow(), Standing::Stands(_)) && removals <= FEW {
        return Ok(());
    }
    match call::<Object>(client, requests::get_crd()?, deadline).await {
        Ok(crd) if crd.metadata.deletion_timestamp.is_some() => Err(Doubt::CrdGone),
        Ok(crd) => not_gone(&Standing::Stands(crd.metadata.uid()), planned),
        Err(error) if error.is_missing(requests::CRD) => Err(Doubt::CrdGone),
        Err(error) => Err(error.into()),
    }
}

fn not_gone(standing: &Standing, planned: Option<Uid>) -> Result<(), Doubt> {
    match standing {
        Standing::Gone => Err(Doubt::CrdGone),
        Standing::Stands(uid) if planned.is_some() && *uid != planned => Err(Doubt::CrdMadeAnew),
        Standing::Stands(_) | Standing::Unknown => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_no_object_and_the_known_successor_confirm_that_one_is_gone() {
        let uid = |n: u8| Uid([n; 16]);
        let object = |uid: Option<Uid>| {
            let mut object = Object::default();
            object.metadata.uid = uid.map(|uid| uid.to_string());
            Some(object)
        };
        let removal = |successor| Removal { uid: uid(1), name: None, deleted_at: None, successor };
        let alone = removal(None);
        let succeeded = removal(Some(uid(2)));
        assert!(judge("a", &alone, None).is_ok());
        assert!(judge("a", &succeeded, object(Some(uid(2)))).is_ok());
        assert!(matches!(judge("a", &succeeded, object(Some(uid(1)))), Err(Doubt::StillThere(_))));
        assert!(matches!(judge("a", &succeeded, object(Some(uid(3)))), Err(Doubt::MadeAnew(_))));
        assert!(matches!(judge("a", &alone, object(Some(uid(2)))), Err(Doubt::MadeAnew(_))));
        assert!(matches!(judge("a", &alone, object(None)), Err(Doubt::MadeAnew(_))));
    }
}
