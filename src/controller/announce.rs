//! What of a plan and its write is worth an Event, and in which words.
//!
//! On the `IamMapping` while it exists, on aws-auth otherwise. Not here: saying it once (`events`).

use aws_auth::approval::{Approved, Request};
use aws_auth::mapping::Mapping;
use aws_auth::plan::{Change, ChangeKind, Held, HoldReason, Outcome, StillMapped, Verdict};
use aws_auth::restore::Restored;
use aws_auth::{Entry, Timestamp};

use crate::checkpoints;
use crate::controller::events::{About, Notice, Weight};
use crate::controller::requests::NAMESPACE;

/// How long before its end a mapping's end is announced.
pub(super) const ANNOUNCED_BEFORE: i64 = 60 * 60;

/// A change that was written. `client` wrote aws-auth before us, by its own name.
pub(super) fn written(change: &Change, client: Option<&str>) -> Notice {
    let Change { key, principal, .. } = change;
    let about = match &change.mapping {
        Some(mapping) => About::Mapping { name: mapping.name.clone(), uid: mapping.uid },
        None => About::AwsAuth,
    };
    let after = change.after.as_ref().map(identity).unwrap_or_default();
    let client =
        client.map_or_else(|| "a client that is not named".to_owned(), |client| format!("client {client:?}"));
    let (weight, reason, note) = match change.kind {
        ChangeKind::Add => (Weight::Normal, "Applied", format!("{key}: {principal} added{after}")),
        ChangeKind::Update => (Weight::Normal, "Updated", format!("{key}: {principal} changed{after}")),
        ChangeKind::Adopt => (
            Weight::Normal,
            "Adopted",
            format!("{key}: the entry of {principal} that somebody else wrote is taken over{after}"),
        ),
        ChangeKind::PutBack => (
            Weight::Warning,
            "PutBack",
            format!(
                "{key}: the entry of {principal} was changed or removed by {client}, and is put back{after}; change the IamMapping instead"
            ),
        ),
        ChangeKind::Pin => (
            Weight::Warning,
            "PutBack",
            format!(
                "{key}: the cluster creator's entry of {principal} did not stand (last written by {client}), and is put back{after}"
            ),
        ),
        ChangeKind::Remove => removed(change, "Removed", "its IamMapping is gone"),
        ChangeKind::Expire => removed(change, "Expired", "spec.expiresAt has passed"),
    };
    Notice { about, weight, reason, note }
}

/// A removal, and whether it is the end of access.
fn removed(change: &Change, reason: &'static str, why: &str) -> (Weight, &'static str, String) {
    let Change { key, principal, .. } = change;
    let removed = format!("{key}: {principal} removed, because {why}");
    match &change.still_mapped {
        None => (Weight::Normal, reason, format!("{removed}; tokens may be cached for some minutes")),
        Some(StillMapped::Entry { key, line }) => (
            Weight::Warning,
            "StillMapped",
            format!(
                "{removed}, but it still enters by an entry that somebody else wrote ({key}, line {line}); remove that one too to end its access"
            ),
        ),
        Some(StillMapped::Account(account)) => (
            Weight::Warning,
            "StillMapped",
            format!(
                "{removed}, but all of account {account} is mapped: it still enters under its own ARN, without groups"
            ),
        ),
    }
}

/// A verdict that is news. Good ones are announced by the change that brings them about.
pub(super) fn judged(verdict: &Verdict<'_>) -> Option<Notice> {
    match &verdict.outcome {
        Outcome::Applied | Outcome::Pending | Outcome::Observed | Outcome::Paused | Outcome::Expired => None,
        Outcome::AlreadyPresent => Some((Weight::Normal, verdict)),
        Outcome::Invalid(_)
        | Outcome::Refused(_)
        | Outcome::DuplicatePrincipal { .. }
        | Outcome::ForeignConflict { .. }
        | Outcome::Held { .. }
        | Outcome::WriteRefused(_)
        | Outcome::NotRead => Some((Weight::Warning, verdict)),
    }
    .map(|(weight, verdict)| Notice {
        about: about(verdict.mapping),
        weight,
        reason: verdict.outcome.reason(),
        note: verdict.outcome.message(),
    })
}

/// Something that is held, said on aws-auth: its mapping may be gone.
pub(super) fn held(held: &Held) -> Notice {
    Notice {
        about: About::AwsAuth,
        weight: Weight::Warning,
        reason: held.reason.as_str(),
        note: held.message.clone(),
    }
}

/// What waits for a person, said on aws-auth with the hash that lets it through.
pub(super) fn waits(request: &Request) -> Option<Notice> {
    let reason = HoldReason::ALL.into_iter().find(|reason| reason.as_str() == request.reason)?;
    let shown = request.principals.join(", ");
    let more = if request.entries > request.principals.len() { ", ..." } else { "" };
    Some(Notice {
        about: About::AwsAuth,
        weight: Weight::Warning,
        reason: reason.as_str(),
        note: format!(
            "{} {} ({} entries: {shown}{more}; one of them by itself: approve --only ARN)",
            request.message, request.hash, request.entries
        ),
    })
}

/// What became of an approval that `client` wrote.
pub(super) fn approved(approved: &Approved, client: Option<&str>) -> Notice {
    let Approved { hash, principals } = approved;
    let client = client.unwrap_or("that is not named");
    let (weight, reason, note) = match principals.as_slice() {
        [] => (
            Weight::Warning,
            "ApprovalRefused",
            format!(
                "the approval {hash} of client {client:?} fits nothing that waits: it was used before, is too old, or something else waits now; kubectl iam-mapping status shows what does"
            ),
        ),
        [first, ..] => (
            Weight::Normal,
            "Approved",
            format!(
                "{} held entries ({first}, ...) were let through by {hash}, which client {client:?} wrote",
                principals.len()
            ),
        ),
    };
    Notice { about: About::AwsAuth, weight, reason, note }
}

/// Something that was restored. `client` wrote the version before.
pub(super) fn restored(restored: &Restored, client: Option<&str>) -> Notice {
    let client = client.unwrap_or("that is not named");
    let kept = match &restored.broken {
        Some(_) => format!("; the broken text is kept in {NAMESPACE}/{}", checkpoints::BROKEN),
        None => String::new(),
    };
    Notice {
        about: About::AwsAuth,
        weight: Weight::Warning,
        reason: "Restored",
        note: format!(
            "{} (last written by client {client:?}): restored, foreign entries from the last good state and managed ones as their IamMappings ask for{kept}",
            restored.why
        ),
    }
}

/// An earlier version that `client` asked for, and does not get.
pub(super) fn restore_refused(why: &str, client: Option<&str>) -> Notice {
    let client = client.unwrap_or("that is not named");
    Notice {
        about: About::AwsAuth,
        weight: Weight::Warning,
        reason: "RestoreRefused",
        note: format!("the earlier version that client {client:?} asked for is not restored: {why}"),
    }
}

/// Nodes that somebody else took the entry of.
pub(super) fn node_lost(principal: &str, client: Option<&str>) -> Notice {
    let client = client.unwrap_or("that is not named");
    Notice {
        about: About::AwsAuth,
        weight: Weight::Warning,
        reason: "NodeEntryLost",
        note: format!(
            "the entry of {principal}, by which nodes join, was removed or demoted by client {client:?}: its nodes cannot register any more. It is not ours to put back; kubectl iam-mapping history shows the version before"
        ),
    }
}

/// No checkpoint could be kept.
pub(super) fn checkpoint_failed(why: &str) -> Notice {
    Notice {
        about: About::AwsAuth,
        weight: Weight::Warning,
        reason: HoldReason::CheckpointFailed.as_str(),
        note: format!(
            "no checkpoint of aws-auth can be kept, so nothing is adopted or restored until one can: {why}"
        ),
    }
}

/// A write that the API server refused, in its own words.
pub(super) fn refused(why: &str) -> Notice {
    let note = format!("the API server refused to write aws-auth: {why}");
    Notice { about: About::AwsAuth, weight: Weight::Warning, reason: "WriteRefused", note }
}

/// A configuration file that is not used.
pub(super) fn config_stale(why: &str) -> Notice {
    let note = format!("the configuration file is not used, and the one from before is in force: {why}");
    Notice { about: About::AwsAuth, weight: Weight::Warning, reason: "ConfigStale", note }
}

/// The end of a mapping, when it is near.
pub(super) fn expires_soon(mapping: &Mapping, now: Timestamp) -> Option<Notice> {
    let end = end(mapping)?;
    let near = (end.0 - ANNOUNCED_BEFORE..end.0).contains(&now.0);
    near.then(|| Notice {
        about: about(mapping),
        weight: Weight::Warning,
        reason: "ExpiresSoon",
        note: format!("access ends at {}; set a later spec.expiresAt to keep it", date(end)),
    })
}

/// When the next end of a mapping has to be announced.
pub(super) fn next_announcement<'a>(
    mappings: impl Iterator<Item = &'a Mapping>,
    now: Timestamp,
) -> Option<Timestamp> {
    let starts = mappings.filter_map(end).map(|end| Timestamp(end.0 - ANNOUNCED_BEFORE));
    starts.filter(|start| *start > now).min()
}

fn end(mapping: &Mapping) -> Option<Timestamp> {
    mapping.spec.as_ref().ok()?.expires_at()
}

fn about(mapping: &Mapping) -> About {
    About::Mapping { name: mapping.name.clone(), uid: mapping.uid }
}

fn date(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.0).map_or_else(|_| at.to_string(), |at| at.to_string())
}

fn identity(entry: &Entry) -> String {
    match (entry.username.as_str(), entry.groups.as_slice()) {
        ("", []) => String::new(),
        (username, []) => format!(" as {username}"),
        (username, groups) => format!(" as {username} in {}", groups.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_auth::Key;
    use aws_auth::mapping::{RawSpec, Spec, Uid};

    fn change(kind: ChangeKind) -> Change {
        let entry =
            Entry { arn: "arn".to_owned(), username: "jane".to_owned(), groups: vec!["dev".to_owned()] };
        Change {
            kind,
            key: Key::MapRoles,
            principal: "arn:aws:iam::111122223333:role/a".to_owned(),
            mapping: None,
            owner: None,
            before: Some(entry.clone()),
            after: Some(entry),
            still_mapped: None,
        }
    }

    #[test]
    fn a_put_back_names_the_client_and_says_what_to_do_instead() {
        let notice = written(&change(ChangeKind::PutBack), Some("kubectl-edit"));
        assert_eq!((notice.weight, notice.reason), (Weight::Warning, "PutBack"));
        assert!(notice.note.contains("client \"kubectl-edit\""), "{}", notice.note);
        assert!(notice.note.contains("change the IamMapping instead"), "{}", notice.note);
    }

    #[test]
    fn a_removal_is_announced_on_aws_auth_because_its_mapping_is_gone() {
        assert_eq!(written(&change(ChangeKind::Remove), None).about, About::AwsAuth);
    }

    #[test]
    fn a_removal_that_does_not_end_access_warns_of_it() {
        let still = Some(StillMapped::Account("111122223333".to_owned()));
        let notice = written(&Change { still_mapped: still, ..change(ChangeKind::Remove) }, None);
        assert_eq!((notice.weight, notice.reason), (Weight::Warning, "StillMapped"));
    }

    #[test]
    fn an_end_is_announced_in_the_hour_before_it() {
        let raw = RawSpec {
            arn: Some("arn:aws:iam::111122223333:role/a".to_owned()),
            expires_at: Some(Timestamp(10_000)),
            ..RawSpec::default()
        };
        let mapping = Mapping {
            name: "a".to_owned(),
            uid: Uid([1; 16]),
            created: Timestamp(0),
            spec: Spec::parse(raw),
            applied: None,
            announced_end: None,
        };
        let said = |now| expires_soon(&mapping, Timestamp(now)).is_some();
        assert_eq!([6_399, 6_400, 9_999, 10_000].map(said), [false, true, true, false]);
        let next = |now| next_announcement([&mapping].into_iter(), Timestamp(now));
        assert_eq!((next(0), next(6_400)), (Some(Timestamp(6_400)), None));
    }
}
