//! A plan at its edges: when to look again, what is written though no entry changes, what is not written at all, and how
//! things are called.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod common;

use std::collections::BTreeSet;

use aws_auth::approval::{APPROVE, HELD};
use aws_auth::arn::Principal;
use aws_auth::aws_auth::{AwsAuth, Source, Unwritable};
use aws_auth::mapping::{RawSpec, Uid};
use aws_auth::plan::{ChangeKind, EXPIRY_WARNING, HoldReason, Outcome, Refusal, RefusalRule};
use aws_auth::settings::ClusterCreator;
use aws_auth::{Key, Timestamp};
use common::{CLUSTER, World, aws_auth, mapping, raw, role, uid};

const FOREIGN: &str =
    "- rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n  groups: [system:masters]\n";

fn dev(n: u32) -> RawSpec {
    raw(&role(&format!("dev{n}")), &format!("dev{n}"), &["developers"])
}

/// So many of ours, all applied.
fn world(owned: u32) -> World {
    let mut world = World::with_roles(FOREIGN);
    world.mappings = (0..owned).map(|n| mapping(&format!("dev{n}"), n + 1, dev(n))).collect();
    world.settle();
    world
}

fn with_source(world: &mut World, change: impl FnOnce(&mut Source)) {
    let mut source = world.aws_auth.source().clone();
    change(&mut source);
    world.aws_auth = AwsAuth::read(source, CLUSTER);
}

#[test]
fn a_moment_that_is_now_is_no_reason_to_look_again() {
    let mut world = world(0);
    let end = Timestamp(world.now.0 + 2 * EXPIRY_WARNING);
    world.mappings.push(mapping("dev", 1, RawSpec { expires_at: Some(end), ..dev(1) }));
    world.settle();
    world.now = Timestamp(end.0 - EXPIRY_WARNING);
    assert_eq!(world.plan(|plan| plan.wake), Some(end));
    world.now = end;
    assert_eq!(world.plan(|plan| plan.wake), None);
}

#[test]
fn what_is_held_is_published_anew_when_its_hash_has_grown_old() {
    let mut world = world(50);
    world.settings.guards.durations.brake_window = 7_200;
    world.mappings.clear();
    world.settle();
    let published = |world: &World| world.aws_auth.annotation(HELD).unwrap().to_owned();
    let first = published(&world);
    let wake = world.plan(|plan| plan.wake).unwrap();
    assert_eq!(wake, Timestamp(world.now.0 + world.settings.guards.durations.approval));
    world.now = wake;
    world.settle();
    assert_ne!(published(&world), first);
}

#[test]
fn an_approval_for_which_nothing_waits_is_taken_off() {
    let mut world = world(2);
    world.approve("0123456789abcdef0123456789abcdef");
    world.settle();
    assert_eq!(world.aws_auth.annotation(APPROVE), None);
}

#[test]
fn an_aws_auth_that_cannot_be_written_is_not_written_for_the_records_sake_either() {
    let mut world = world(2);
    world.note_applied();
    with_source(&mut world, |source| {
        source.annotations.clear();
        source.unwritable = Some(Unwritable::Immutable);
    });
    assert!(world.plan(|plan| plan.write.is_none()));
    with_source(&mut world, |source| source.unwritable = None);
    assert!(world.plan(|plan| plan.write.is_some()), "the record alone would be");
    world.situation.missing = Some("it was deleted".to_owned());
    assert!(world.plan(|plan| plan.write.is_none()));
}

#[test]
fn a_removal_names_the_mapping_that_must_be_confirmed_gone_and_nothing_else_does() {
    let mut world = world(2);
    world.mappings.remove(0);
    world.mappings[0] = mapping("dev1", 2, dev(9));
    world.mappings.push(mapping("new", 8, dev(8)));
    let mut owners =
        world.plan(|plan| plan.changes.iter().map(|change| (change.kind, change.owner)).collect::<Vec<_>>());
    owners.sort_unstable();
    assert_eq!(owners.iter().filter(|(_, owner)| owner.is_some()).count(), 1, "{owners:?}");
    assert!(owners.contains(&(ChangeKind::Remove, Some(uid(1)))), "{owners:?}");
}

#[test]
fn what_comes_is_not_said_to_be_still_mapped() {
    let mut world = world(1);
    world.mappings.push(mapping("new", 9, dev(9)));
    let said = world.plan(|plan| plan.changes[0].still_mapped.clone());
    assert_eq!(said, None);
}

/// The creator's entry was ours, and demotes it, before anybody said who the creator is.
fn world_with_a_demoted_creator() -> World {
    let mut world = world(1);
    world.mappings.push(mapping("creator", 7, raw(&role("creator"), "nobody", &["viewers"])));
    world.settle();
    world.settings.creator = Some(ClusterCreator {
        principal: Principal::parse(&role("creator")).unwrap(),
        username: "kubernetes-admin".to_owned(),
        ensure: false,
    });
    world
}

fn owners(world: &World) -> Vec<Uid> {
    world.aws_auth.record().unwrap().rows().iter().map(|row| row.uid).collect()
}

#[test]
fn the_creators_binding_is_nobodys_mapping_any_more_and_the_others_stay_theirs() {
    let mut world = world_with_a_demoted_creator();
    world.settle();
    assert_eq!(owners(&world), [uid(1)]);
    world.mappings.clear();
    world.settle();
    let left: Vec<String> = world.served(Key::MapRoles).into_iter().map(|entry| entry.username).collect();
    assert_eq!(left, ["ops", "kubernetes-admin"]);
}

#[test]
fn an_entry_of_the_creator_that_cannot_be_put_right_yet_stays_ours() {
    let mut world = world_with_a_demoted_creator();
    world.settings.guards.max_data_bytes = 1;
    world.settle();
    assert_eq!(owners(&world), [uid(1), uid(7)]);
}

#[test]
fn somebody_elses_mapping_does_not_bring_the_creators_binding_along() {
    let mut world = world(1);
    world.settings.creator = world_with_a_demoted_creator().settings.creator;
    world.mappings.push(mapping("new", 9, dev(9)));
    world.settle();
    assert!(world.served(Key::MapRoles).iter().all(|entry| entry.username != "kubernetes-admin"));
}

#[test]
fn every_outcome_has_a_reason_of_its_own_and_says_what_to_do() {
    let rules = [
        RefusalRule::Privileged,
        RefusalRule::Pinned,
        RefusalRule::Account,
        RefusalRule::Group,
        RefusalRule::Username,
    ];
    let refused = rules.map(|rule| Outcome::Refused(Refusal { rule, message: "add it there".to_owned() }));
    let conflict = |ours_rules| Outcome::ForeignConflict { key: Key::MapUsers, line: 7, ours_rules };
    let others = [
        (Outcome::Applied, "as asked"),
        (Outcome::AlreadyPresent, "adoption: Adopt"),
        (Outcome::Pending, "about to be written"),
        (Outcome::WriteRefused("quota".to_owned()), "quota"),
        (Outcome::Observed, "mode Enforce"),
        (Outcome::Paused, "spec.paused"),
        (Outcome::Expired, "spec.expiresAt"),
        (Outcome::DuplicatePrincipal { winner: "first".to_owned() }, "IamMapping first"),
        (conflict(true), "(mapUsers, line 7); the authenticator obeys this object's entry"),
        (Outcome::Held { reason: HoldReason::TargetFull, message: "full".to_owned() }, "full"),
        (Outcome::NotRead, "access entry"),
    ];
    let refused = refused.into_iter().map(|outcome| (outcome, "add it there"));
    let mut reasons = BTreeSet::new();
    for (outcome, words) in refused.chain(others) {
        assert!(outcome.message().contains(words), "{outcome:?}: {}", outcome.message());
        assert!(outcome.reason().starts_with(char::is_uppercase), "{outcome:?}");
        assert!(reasons.insert(outcome.reason()), "{} is twice", outcome.reason());
    }
    assert!(conflict(false).message().contains("obeys the foreign entry"));
}

#[test]
fn what_is_about_to_be_written_is_pending_until_it_is() {
    let mut world = world(0);
    world.mappings.push(mapping("new", 9, dev(9)));
    assert_eq!(world.plan(|plan| plan.verdicts[0].outcome.clone()), Outcome::Pending);
}

#[test]
fn a_key_that_is_spelled_too_oddly_to_be_edited_holds_its_own_parts_alone() {
    let mut world = World::with(aws_auth(&[("mapRoles", FOREIGN), ("mapUsers", "--- ~\n")]));
    world.mappings = vec![
        mapping("dev", 1, dev(1)),
        mapping("jane", 2, raw("arn:aws:iam::111122223333:user/jane", "jane", &[])),
    ];
    let (outcomes, _) = world.settle();
    assert_eq!(outcomes["dev"], Outcome::Applied);
    let Outcome::Held { reason: HoldReason::TargetUneditable, message } = &outcomes["jane"] else {
        panic!("{:?}", outcomes["jane"])
    };
    assert!(message.contains("mapUsers") && message.contains("write [] instead"), "{message}");
}

#[test]
fn kinds_and_reasons_are_shown_by_names_of_their_own() {
    let kinds = [
        ChangeKind::Add,
        ChangeKind::Update,
        ChangeKind::PutBack,
        ChangeKind::Adopt,
        ChangeKind::Remove,
        ChangeKind::Expire,
        ChangeKind::Pin,
    ];
    let shown: BTreeSet<String> = kinds.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), kinds.len());
    assert_eq!(ChangeKind::PutBack.to_string(), "put back");
    for reason in HoldReason::ALL {
        assert_eq!(reason.to_string(), reason.as_str());
    }
    assert_eq!(HoldReason::CrdOutdated.to_string(), "CRDOutdated");
    assert_eq!(HoldReason::CrdRemade.to_string(), "CRDRemade");
    assert_eq!(Key::MapRoles.to_string(), "mapRoles");
}

#[test]
fn ours_stand_before_a_block_scalar_that_ends_without_a_line_break() {
    // Found by fuzzing: with a line break behind it the last username would be another one.
    let foreign = "# people\n- rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n- rolearn: arn:aws:iam::111122223333:role/dba\n  username: |\n    dba";
    let mut world = World::with_roles(foreign);
    world.mappings = vec![mapping("dev1", 1, dev(1)), mapping("dev2", 2, dev(2))];
    world.settle();
    let text = world.aws_auth.text(Key::MapRoles);
    assert!(text.ends_with("  username: |\n    dba") && text.contains("role/dev2"), "{text}");
    world.mappings.clear();
    world.settle();
    assert_eq!(world.aws_auth.text(Key::MapRoles), foreign);
}

#[test]
fn a_block_scalar_keeps_its_line_break_when_ours_behind_it_go() {
    let foreign = "- rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n- rolearn: arn:aws:iam::111122223333:role/dba\n  username: |\n    dba\n";
    let mut world = World::with_roles(foreign);
    world.mappings = vec![mapping("dev", 1, dev(1))];
    world.settle();
    // Somebody takes the last line break away, which is ours.
    with_source(&mut world, |source| {
        let text = source.data.get_mut(Key::MapRoles.as_str()).unwrap();
        text.truncate(text.trim_end().len());
    });
    world.mappings.clear();
    world.settle();
    assert_eq!(world.aws_auth.text(Key::MapRoles), foreign);
}
