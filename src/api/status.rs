//! From the core's verdict to what `kubectl` and GitOps tools read: the status of one `IamMapping`.
//!
//! How tools that follow kstatus (Argo CD with our health check, Flux, `kubectl wait`) see a mapping:
//!
//! | outcome | Ready | Stalled | reads as |
//! |---|---|---|---|
//! | Applied, `AlreadyPresent`, Expired, Paused with an entry | True | False | Current: what was asked for is so |
//! | Paused without an entry, Observe, held by a guard | False | False | `InProgress`: waits for something other than this object |
//! | invalid, refused, duplicate, foreign conflict | False | True | Failed: a person must change this object or what it collides with |
//! | `NotRead` | False | True | Failed: EKS does not go back from API mode |
//!
//! A held part is not Stalled, because what holds it (a broken key, the last admin) goes away without this object
//! being touched, and it is then written at once. Observe is not, because it is a stage on the way to Enforce.
//!
//! Not here: deciding the verdict (the core's `plan`), sending the status (`controller`).

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use aws_auth::Timestamp;
use aws_auth::mapping::Mapping;
use aws_auth::plan::{Outcome, Verdict};
use aws_auth::settings::AuthenticationMode;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::convert::time;
use super::{AppliedEntry, IamMappingStatus};

const OUTRANKED: &str =
    "; an EKS access entry for the same principal outranks it (authenticationMode is Both)";

/// What every status says alike.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// Who else may let the principal in.
    pub authentication_mode: AuthenticationMode,
    /// Why the configuration that the verdict was made by is not what its file says by now.
    pub stale: Option<Arc<str>>,
}

/// What a status says besides the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context<'a> {
    /// `metadata.generation` of the object that the verdict is about.
    pub generation: i64,
    /// Now; becomes `lastTransitionTime` where a condition changes.
    pub now: Timestamp,
    /// What all have in common.
    pub surroundings: &'a Surroundings,
}

/// The status of a mapping; `None` while its write is on the way, because nothing is known of it before that came back.
///
/// The result equals the previous status when nothing changed, times included.
#[must_use]
pub fn status(
    verdict: &Verdict<'_>,
    context: &Context<'_>,
    previous: &[Condition],
) -> Option<IamMappingStatus> {
    if verdict.outcome == Outcome::Pending {
        return None;
    }
    let conditions =
        [accepted(verdict), applied(verdict, context), ready(verdict, context), stalled(verdict)];
    Some(IamMappingStatus {
        observed_generation: Some(context.generation),
        principal: verdict.mapping.spec.as_ref().ok().map(|spec| spec.principal().entry_arn()),
        applied: verdict.applied.map(|(key, entry)| AppliedEntry {
            key: key.into(),
            arn: entry.arn.clone(),
            username: entry.username.clone(),
            groups: entry.groups.clone(),
            expires_at: announced_end(verdict.mapping, context.now).map(time),
        }),
        conflicts_with: conflicts_with(&verdict.outcome),
        conditions: conditions.into_iter().map(|fact| fact.condition(context, previous)).collect(),
    })
}

/// The mapping's end, if it is or was known before it came.
fn announced_end(mapping: &Mapping, now: Timestamp) -> Option<Timestamp> {
    let end = mapping.spec.as_ref().ok()?.expires_at()?;
    (end > now || mapping.announced_end == Some(end)).then_some(end)
}

/// Equal for two verdicts that make the same status, apart from times: all there is to remember of one that was sent.
///
/// Stable within one process only.
#[must_use]
pub fn fingerprint(verdict: &Verdict<'_>, context: &Context<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    // UID and generation stand for everything that the spec contributes.
    verdict.mapping.uid.hash(&mut hasher);
    context.generation.hash(&mut hasher);
    (context.surroundings.authentication_mode == AuthenticationMode::Both).hash(&mut hasher);
    context.surroundings.stale.hash(&mut hasher);
    verdict.applied.hash(&mut hasher);
    verdict.outcome.reason().hash(&mut hasher);
    verdict.outcome.message().hash(&mut hasher);
    hasher.finish()
}

/// The value of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    True,
    False,
    Unknown,
}

impl Truth {
    fn of(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// A condition before it has a time.
struct Fact {
    type_: &'static str,
    truth: Truth,
    reason: &'static str,
    message: String,
}

impl Fact {
    fn condition(self, context: &Context<'_>, previous: &[Condition]) -> Condition {
        let status = self.truth.as_str();
        let unchanged = previous.iter().find(|old| old.type_ == self.type_ && old.status == status);
        Condition {
            type_: self.type_.to_owned(),
            status: status.to_owned(),
            reason: self.reason.to_owned(),
            message: self.message,
            observed_generation: Some(context.generation),
            last_transition_time: unchanged
                .map_or_else(|| time(context.now), |old| old.last_transition_time.clone()),
        }
    }
}

/// Whether the spec is valid and allowed, and the principal is this object's to map.
fn accepted(verdict: &Verdict<'_>) -> Fact {
    let (truth, reason, message) = match &verdict.outcome {
        Outcome::Invalid(_) | Outcome::Refused(_) | Outcome::DuplicatePrincipal { .. } => {
            (Truth::False, verdict.outcome.reason(), verdict.outcome.message())
        }
        Outcome::NotRead => (Truth::Unknown, verdict.outcome.reason(), verdict.outcome.message()),
        Outcome::Applied
        | Outcome::AlreadyPresent
        | Outcome::Pending
        | Outcome::WriteRefused(_)
        | Outcome::Observed
        | Outcome::Paused
        | Outcome::Expired
        | Outcome::ForeignConflict { .. }
        | Outcome::Held { .. } => {
            (Truth::True, "Accepted", "the spec is valid and the configuration allows it".to_owned())
        }
    };
    Fact { type_: "Accepted", truth, reason, message }
}

/// Whether aws-auth holds the entry that the object asks for.
fn applied(verdict: &Verdict<'_>, context: &Context<'_>) -> Fact {
    let holds = match &verdict.outcome {
        Outcome::Applied | Outcome::AlreadyPresent => true,
        Outcome::Expired | Outcome::NotRead => false,
        Outcome::Pending
        | Outcome::WriteRefused(_)
        | Outcome::Observed
        | Outcome::Paused
        | Outcome::Invalid(_)
        | Outcome::Refused(_)
        | Outcome::DuplicatePrincipal { .. }
        | Outcome::ForeignConflict { .. }
        | Outcome::Held { .. } => stands_as_asked(verdict),
    };
    let mut message = match (holds, &verdict.outcome, verdict.applied) {
        (true, Outcome::AlreadyPresent, _) => verdict.outcome.message(),
        (true, ..) => "aws-auth holds the entry as asked".to_owned(),
        (false, Outcome::NotRead, _) => "aws-auth is not read in this cluster".to_owned(),
        (false, _, Some(_)) => {
            "aws-auth still holds what was applied before (status.applied), not what the spec asks for"
                .to_owned()
        }
        (false, _, None) => "aws-auth holds no entry of this object".to_owned(),
    };
    if holds && context.surroundings.authentication_mode == AuthenticationMode::Both {
        message.push_str(OUTRANKED);
    }
    Fact { type_: "Applied", truth: Truth::of(holds), reason: verdict.outcome.reason(), message }
}

/// Key and spelling of the ARN are not compared: an adopted entry stays where it stood and how it was spelled.
fn stands_as_asked(verdict: &Verdict<'_>) -> bool {
    let set = |groups: &[String]| groups.iter().cloned().collect::<BTreeSet<_>>();
    match (&verdict.mapping.spec, verdict.applied) {
        (Ok(spec), Some((_, entry))) => {
            entry.username == spec.entry().username && set(&entry.groups) == set(&spec.entry().groups)
        }
        _ => false,
    }
}

/// Whether what was asked for is so.
fn ready(verdict: &Verdict<'_>, context: &Context<'_>) -> Fact {
    let stands = verdict.applied.is_some();
    let holds = match &verdict.outcome {
        Outcome::Applied | Outcome::AlreadyPresent | Outcome::Expired => true,
        Outcome::Paused => stands,
        Outcome::Pending
        | Outcome::WriteRefused(_)
        | Outcome::Observed
        | Outcome::NotRead
        | Outcome::Invalid(_)
        | Outcome::Refused(_)
        | Outcome::DuplicatePrincipal { .. }
        | Outcome::ForeignConflict { .. }
        | Outcome::Held { .. } => false,
    };
    let mut message = match &verdict.outcome {
        Outcome::Paused if !stands => {
            "spec.paused: nothing was applied before, so this grants nothing; unpause to apply".to_owned()
        }
        outcome => outcome.message(),
    };
    if stands && matches!(verdict.outcome, Outcome::Invalid(_) | Outcome::Refused(_)) {
        message.push_str("; the entry applied before still grants access (status.applied): delete this object to revoke it");
    }
    // Whoever has just changed the configuration for this object looks here.
    if let (Outcome::Refused(_) | Outcome::Observed | Outcome::NotRead, Some(why)) =
        (&verdict.outcome, &context.surroundings.stale)
    {
        message.push_str("; the configuration file says something else by now, but is not used: ");
        message.push_str(why);
    }
    Fact { type_: "Ready", truth: Truth::of(holds), reason: verdict.outcome.reason(), message }
}

/// Whether nothing happens before a person acts.
fn stalled(verdict: &Verdict<'_>) -> Fact {
    let holds = match &verdict.outcome {
        Outcome::Invalid(_)
        | Outcome::Refused(_)
        | Outcome::DuplicatePrincipal { .. }
        | Outcome::ForeignConflict { .. }
        | Outcome::NotRead => true,
        Outcome::Applied
        | Outcome::AlreadyPresent
        | Outcome::Pending
        | Outcome::WriteRefused(_)
        | Outcome::Observed
        | Outcome::Paused
        | Outcome::Expired
        | Outcome::Held { .. } => false,
    };
    let message = if holds { verdict.outcome.message() } else { String::new() };
    Fact { type_: "Stalled", truth: Truth::of(holds), reason: verdict.outcome.reason(), message }
}

fn conflicts_with(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::DuplicatePrincipal { winner } => Some(format!("IamMapping {winner}")),
        Outcome::ForeignConflict { key, line, .. } => Some(format!("aws-auth {key} line {line}")),
        Outcome::Applied
        | Outcome::AlreadyPresent
        | Outcome::Pending
        | Outcome::WriteRefused(_)
        | Outcome::Observed
        | Outcome::Paused
        | Outcome::Expired
        | Outcome::Invalid(_)
        | Outcome::Refused(_)
        | Outcome::Held { .. }
        | Outcome::NotRead => None,
    }
}

#[cfg(test)]
mod tests {
    use aws_auth::mapping::{RawSpec, Spec, SpecError, Uid};
    use aws_auth::plan::{HoldReason, Refusal, RefusalRule};
    use aws_auth::{Entry, Key};

    use super::*;

    static ALONE: Surroundings =
        Surroundings { authentication_mode: AuthenticationMode::ConfigMap, stale: None };
    static BOTH: Surroundings = Surroundings { authentication_mode: AuthenticationMode::Both, stale: None };
    static AT: Context<'_> = Context { generation: 7, now: Timestamp(1_000), surroundings: &ALONE };

    fn mapping() -> Mapping {
        let spec = Spec::parse(RawSpec {
            arn: Some("arn:aws:iam::111122223333:role/team/dev".to_owned()),
            username: Some("dev".to_owned()),
            groups: vec!["devs".to_owned()],
            ..RawSpec::default()
        });
        Mapping {
            name: "dev".to_owned(),
            uid: Uid([1; 16]),
            created: Timestamp(0),
            spec,
            applied: None,
            announced_end: None,
        }
    }

    fn broken() -> Mapping {
        Mapping { spec: Err(SpecError::NoPrincipal), ..mapping() }
    }

    fn entry(username: &str) -> Entry {
        Entry {
            arn: "arn:aws:iam::111122223333:role/dev".to_owned(),
            username: username.to_owned(),
            groups: vec!["devs".to_owned()],
        }
    }

    fn of(mapping: &Mapping, outcome: Outcome, applied: Option<&Entry>) -> IamMappingStatus {
        let verdict = Verdict { mapping, outcome, applied: applied.map(|entry| (Key::MapRoles, entry)) };
        status(&verdict, &AT, &[]).unwrap()
    }

    fn condition<'a>(status: &'a IamMappingStatus, type_: &str) -> &'a Condition {
        status.conditions.iter().find(|condition| condition.type_ == type_).unwrap()
    }

    /// Accepted, Applied, Ready, Stalled, as T, F or U.
    fn summary(status: &IamMappingStatus) -> String {
        ["Accepted", "Applied", "Ready", "Stalled"]
            .map(|type_| &condition(status, type_).status[..1])
            .concat()
    }

    fn conflict() -> Outcome {
        Outcome::ForeignConflict { key: Key::MapRoles, line: 12, ours_rules: true }
    }

    fn refused() -> Outcome {
        Outcome::Refused(Refusal { rule: RefusalRule::Privileged, message: "not allowed".to_owned() })
    }

    fn held() -> Outcome {
        Outcome::Held { reason: HoldReason::TargetMalformed, message: "mapRoles line 3".to_owned() }
    }

    #[test]
    fn every_outcome_has_its_conditions() {
        let (asked, older) = (entry("dev"), entry("old"));
        let duplicate = || Outcome::DuplicatePrincipal { winner: "first".to_owned() };
        let invalid = || Outcome::Invalid(SpecError::NoPrincipal);
        // Outcome, what stands, "Accepted Applied Ready Stalled", the reason of Ready.
        let cases = [
            (Outcome::Applied, Some(&asked), "TTTF", "Applied"),
            (Outcome::AlreadyPresent, None, "TTTF", "AlreadyPresent"),
            (Outcome::Observed, None, "TFFF", "Observe"),
            (Outcome::Observed, Some(&older), "TFFF", "Observe"),
            (Outcome::Paused, Some(&asked), "TTTF", "Paused"),
            (Outcome::Paused, Some(&older), "TFTF", "Paused"),
            (Outcome::Paused, None, "TFFF", "Paused"),
            (Outcome::Expired, None, "TFTF", "Expired"),
            (refused(), None, "FFFT", "PrivilegedValue"),
            (refused(), Some(&asked), "FTFT", "PrivilegedValue"),
            (duplicate(), None, "FFFT", "DuplicatePrincipal"),
            (conflict(), None, "TFFT", "ForeignConflict"),
            (conflict(), Some(&asked), "TTFT", "ForeignConflict"),
            (held(), None, "TFFF", "TargetMalformed"),
            (held(), Some(&older), "TFFF", "TargetMalformed"),
            (Outcome::NotRead, None, "UFFT", "NotRead"),
        ];
        for (outcome, stands, expected, reason) in cases {
            let status = of(&mapping(), outcome.clone(), stands);
            assert_eq!(summary(&status), expected, "{outcome:?}, standing: {stands:?}");
            assert_eq!(condition(&status, "Ready").reason, reason);
            assert_eq!(status.principal.as_deref(), Some("arn:aws:iam::111122223333:role/dev"));
        }
        let status = of(&broken(), invalid(), Some(&asked));
        assert_eq!(summary(&status), "FFFT");
        assert_eq!(condition(&status, "Ready").reason, "InvalidSpec");
        assert_eq!(status.principal, None);
    }

    #[test]
    fn nothing_is_said_while_the_write_is_on_the_way() {
        let mapping = mapping();
        let verdict = Verdict { mapping: &mapping, outcome: Outcome::Pending, applied: None };
        assert_eq!(status(&verdict, &AT, &[]), None);
    }

    #[test]
    fn what_stands_is_in_applied_whatever_the_spec_says() {
        let older = entry("old");
        let status = of(&broken(), Outcome::Invalid(SpecError::NoPrincipal), Some(&older));
        let applied = status.applied.clone().unwrap();
        assert_eq!((applied.key, applied.username.as_str()), (super::super::EntryKey::MapRoles, "old"));
        let message = &condition(&status, "Ready").message;
        assert!(message.contains("still grants access"), "{message}");
    }

    #[test]
    fn a_conflict_names_what_it_collides_with() {
        assert_eq!(
            of(&mapping(), conflict(), None).conflicts_with.as_deref(),
            Some("aws-auth mapRoles line 12")
        );
        let duplicate = Outcome::DuplicatePrincipal { winner: "first".to_owned() };
        assert_eq!(of(&mapping(), duplicate, None).conflicts_with.as_deref(), Some("IamMapping first"));
    }

    #[test]
    fn a_condition_keeps_its_time_until_its_value_changes() {
        let (mapping, entry) = (mapping(), entry("dev"));
        let before = of(&mapping, held(), Some(&entry));
        let later = Context { now: Timestamp(2_000), ..AT };
        let verdict =
            Verdict { mapping: &mapping, outcome: Outcome::Applied, applied: Some((Key::MapRoles, &entry)) };
        let after = status(&verdict, &later, &before.conditions).unwrap();
        assert_eq!(condition(&after, "Ready").last_transition_time, time(Timestamp(2_000)));
        assert_eq!(condition(&after, "Applied").last_transition_time, time(Timestamp(1_000)));
        assert_eq!(condition(&after, "Stalled").last_transition_time, time(Timestamp(1_000)));
        assert_eq!(
            status(&verdict, &Context { now: Timestamp(3_000), ..AT }, &after.conditions),
            Some(after)
        );
    }

    #[test]
    fn every_condition_is_about_the_generation_that_was_seen() {
        let status = of(&mapping(), Outcome::Applied, Some(&entry("dev")));
        assert_eq!(status.observed_generation, Some(7));
        assert!(status.conditions.iter().all(|condition| condition.observed_generation == Some(7)));
    }

    #[test]
    fn with_both_modes_applied_says_that_an_access_entry_outranks_it() {
        let (mapping, entry) = (mapping(), entry("dev"));
        let verdict =
            Verdict { mapping: &mapping, outcome: Outcome::Applied, applied: Some((Key::MapRoles, &entry)) };
        let both = Context { surroundings: &BOTH, ..AT };
        let message =
            |context| condition(&status(&verdict, context, &[]).unwrap(), "Applied").message.clone();
        assert!(message(&both).contains("access entry"));
        assert!(!message(&AT).contains("access entry"));
    }

    #[test]
    fn a_fingerprint_changes_with_anything_a_status_says_and_with_nothing_else() {
        let (mapping, entry, older) = (mapping(), entry("dev"), entry("old"));
        let verdict =
            |outcome, stands| Verdict { mapping: &mapping, outcome, applied: Some((Key::MapRoles, stands)) };
        let applied = fingerprint(&verdict(Outcome::Applied, &entry), &AT);
        assert_eq!(
            applied,
            fingerprint(&verdict(Outcome::Applied, &entry), &Context { now: Timestamp(9), ..AT })
        );
        let others = [
            fingerprint(&verdict(Outcome::Applied, &entry), &Context { generation: 8, ..AT }),
            fingerprint(&verdict(Outcome::Applied, &entry), &Context { surroundings: &BOTH, ..AT }),
            fingerprint(&verdict(Outcome::Applied, &entry), &Context { surroundings: &stale(), ..AT }),
            fingerprint(&verdict(Outcome::Paused, &entry), &AT),
            fingerprint(&verdict(Outcome::Paused, &older), &AT),
            fingerprint(&verdict(held(), &entry), &AT),
            fingerprint(&verdict(conflict(), &entry), &AT),
        ];
        let distinct: std::collections::BTreeSet<u64> = others.into_iter().chain([applied]).collect();
        assert_eq!(distinct.len(), 8);
    }

    fn stale() -> Surroundings {
        Surroundings { stale: Some("config.yaml:3:3: unknown field".into()), ..Surroundings::default() }
    }

    #[test]
    fn what_the_configuration_decides_says_where_a_newer_one_is_broken_and_nothing_else_does() {
        let (mapping, stale) = (mapping(), stale());
        let ready = |outcome| {
            let verdict = Verdict { mapping: &mapping, outcome, applied: None };
            let status = status(&verdict, &Context { surroundings: &stale, ..AT }, &[]).unwrap();
            condition(&status, "Ready").message.clone()
        };
        for outcome in [refused(), Outcome::Observed, Outcome::NotRead] {
            assert!(ready(outcome).ends_with("is not used: config.yaml:3:3: unknown field"));
        }
        for outcome in [Outcome::Applied, conflict(), held(), Outcome::Expired] {
            assert!(!ready(outcome).contains("config.yaml"));
        }
    }

    #[test]
    fn what_no_longer_holds_is_taken_away_by_a_merge_patch() {
        let patch = serde_json::to_value(of(&mapping(), Outcome::Expired, None)).unwrap();
        for field in ["applied", "conflictsWith"] {
            assert!(patch.as_object().unwrap().get(field).is_some_and(serde_json::Value::is_null), "{field}");
        }
    }
}
