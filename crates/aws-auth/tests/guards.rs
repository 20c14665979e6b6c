//! What the guards hold and let through, one sentence each: brake, nodes, approvals, contention, checkpoints.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod common;

use std::collections::BTreeSet;

use aws_auth::aws_auth::{AwsAuth, Source, Unwritable};
use aws_auth::mapping::{MappingType, RawSpec, Spec, Uid};
use aws_auth::plan::{HoldReason, Outcome};
use aws_auth::situation::Rival;
use aws_auth::{Key, Timestamp};
use common::{World, adopting, mapping, node, raw, role};

const ADMIN: &str =
    "- rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n  groups: [system:masters]\n";

fn dev(n: u32) -> RawSpec {
    raw(&role(&format!("dev{n}")), &format!("dev{n}:{{{{SessionName}}}}"), &["developers", "viewers"])
}

/// A cluster with so many owned entries.
fn world(owned: u32) -> World {
    let mut world = World::with_roles(ADMIN);
    world.mappings = (0..owned).map(|n| mapping(&format!("dev{n}"), n + 1, dev(n))).collect();
    world.settle();
    assert_eq!(world.served(Key::MapRoles).len(), owned as usize + 1);
    world
}

fn entries(world: &World) -> usize {
    world.served(Key::MapRoles).len() - 1
}

fn held(world: &World) -> BTreeSet<HoldReason> {
    world.plan(|plan| plan.held.iter().map(|held| held.reason).collect())
}

/// The hash that lets through all that waits.
fn request(world: &World) -> String {
    world.plan(|plan| {
        assert_eq!(plan.requests.len(), 1);
        plan.requests[0].hash.clone()
    })
}

#[test]
fn of_many_deletions_at_once_only_a_fifth_of_fifty_goes_and_additions_go_on() {
    let mut world = world(200);
    world.mappings.clear();
    world.mappings.push(mapping("new", 900, dev(900)));
    world.settle();
    assert_eq!(entries(&world), 200 - 10 + 1);
    assert_eq!(held(&world), BTreeSet::from([HoldReason::RemovalBrake]));
    let message = world.plan(|plan| plan.held[0].message.clone());
    assert!(
        message.contains("of 200 owned entries at most 10 are") && message.contains("in 10 minutes"),
        "{message}"
    );
}

#[test]
fn one_of_three_deleted_goes_at_once_and_so_do_all_three() {
    let mut world = world(3);
    world.mappings.pop();
    world.settle();
    assert_eq!(entries(&world), 2);
    world.mappings.clear();
    world.settle();
    assert_eq!(entries(&world), 0);
}

#[test]
fn never_all_of_more_than_three_go() {
    let mut world = world(4);
    world.mappings.clear();
    world.settle();
    assert_eq!(entries(&world), 1);
}

#[test]
fn deletions_one_by_one_are_caught_by_the_sliding_window_and_go_on_when_it_has_slid() {
    let mut world = world(80);
    for _ in 0..20 {
        world.mappings.pop();
        world.now = Timestamp(world.now.0 + 15);
        world.settle();
    }
    assert_eq!(entries(&world), 80 - 10);
    let wake = world.plan(|plan| plan.wake).expect("time alone lets more through");
    world.now = wake;
    world.settle();
    assert_eq!(entries(&world), 80 - 11);
}

#[test]
fn what_the_mappings_of_a_crd_that_was_made_again_granted_stays_until_somebody_approves() {
    let mut world = World::with_roles(ADMIN);
    world.situation.crd = Some(Uid([1; 16]));
    world.mappings = (0..3).map(|n| mapping(&format!("dev{n}"), n + 1, dev(n))).collect();
    world.settle();

    // Applied again, one by one: dev0 as it was, dev1 with less; dev2 is forgotten.
    world.situation.crd = Some(Uid([2; 16]));
    world.mappings.clear();
    world.settle();
    assert_eq!(entries(&world), 3);
    let less = RawSpec { groups: vec!["viewers".to_owned()], ..dev(1) };
    world.mappings = vec![mapping("dev0", 11, dev(0)), mapping("dev1", 12, less)];
    world.settle();
    assert_eq!(entries(&world), 3);
    let groups = |arn: String| {
        world.served(Key::MapRoles).into_iter().find(|entry| entry.arn == arn).map(|entry| entry.groups)
    };
    assert_eq!(groups(role("dev1")), Some(vec!["viewers".to_owned()]));
    assert_eq!(held(&world), BTreeSet::from([HoldReason::CrdRemade]));
    assert!(
        world.plan(|plan| plan.held[0].message.contains("dev2") && plan.held[0].message.contains("approve"))
    );

    world.approve(&request(&world));
    world.settle();
    assert_eq!(entries(&world), 2);
    // From now on a deletion is one.
    world.mappings.pop();
    world.settle();
    assert_eq!((entries(&world), held(&world)), (1, BTreeSet::new()));
}

#[test]
fn a_crd_made_again_with_all_its_mappings_holds_nothing_later() {
    let mut world = World::with_roles(ADMIN);
    world.situation.crd = Some(Uid([1; 16]));
    world.mappings = vec![mapping("dev0", 1, dev(0)), mapping("dev1", 2, dev(1))];
    world.settle();
    world.situation.crd = Some(Uid([2; 16]));
    world.mappings = vec![mapping("dev0", 11, dev(0)), mapping("dev1", 12, dev(1))];
    world.settle();
    assert_eq!(held(&world), BTreeSet::new());
    // Nor does one that nobody has heard of yet.
    world.situation.crd = None;
    world.mappings.pop();
    world.settle();
    assert_eq!((entries(&world), held(&world)), (1, BTreeSet::new()));
}

#[test]
fn what_a_crd_left_behind_in_a_key_that_cannot_be_read_is_still_left_behind_once_it_can() {
    let mut world = World::with_roles(ADMIN);
    world.situation.crd = Some(Uid([1; 16]));
    world.mappings = vec![mapping("dev0", 1, dev(0)), mapping("dev1", 2, dev(1))];
    world.settle();
    let whole = world.aws_auth.text(Key::MapRoles).to_owned();

    world.edit(Key::MapRoles, |text| format!("{text}- rolearn: [\n"));
    world.situation.crd = Some(Uid([2; 16]));
    world.mappings.clear();
    world.settle();
    world.edit(Key::MapRoles, |_| whole);
    world.settle();
    assert_eq!((entries(&world), held(&world)), (2, BTreeSet::from([HoldReason::CrdRemade])));
}

#[test]
fn what_has_ended_goes_though_its_mapping_was_applied_again_under_another_crd() {
    let mut world = World::with_roles(ADMIN);
    world.situation.crd = Some(Uid([1; 16]));
    let ends = RawSpec { expires_at: Some(Timestamp(world.now.0 + 60)), ..dev(0) };
    world.mappings = vec![mapping("dev0", 1, ends.clone())];
    world.settle();
    assert_eq!(entries(&world), 1);
    world.situation.crd = Some(Uid([2; 16]));
    world.now = Timestamp(world.now.0 + 61);
    world.mappings = vec![mapping("dev0", 11, ends)];
    world.settle();
    assert_eq!((entries(&world), held(&world)), (0, BTreeSet::new()));
}

#[test]
fn the_crd_is_recorded_with_the_next_write_and_is_no_reason_for_one() {
    let mut world = world(2);
    world.situation.crd = Some(Uid([1; 16]));
    assert!(world.plan(|plan| plan.write.is_none()));
    world.mappings.pop();
    world.settle();
    assert_eq!(entries(&world), 1);
    assert_eq!(world.aws_auth.annotation(aws_auth::guards::CRD), Some(Uid([1; 16]).to_string().as_str()));
}

#[test]
fn the_window_travels_with_aws_auth_and_outlives_the_operator() {
    let mut world = world(40);
    world.mappings.truncate(32);
    world.settle();
    assert_eq!(entries(&world), 32);
    // Nothing but the text is left of what was before.
    let mut next = World::with(AwsAuth::read(world.aws_auth.source().clone(), common::CLUSTER));
    next.mappings = world.mappings.clone();
    next.mappings.pop();
    next.settle();
    assert_eq!(entries(&next), 32);
    assert_eq!(held(&next), BTreeSet::from([HoldReason::RemovalBrake]));
}

#[test]
fn taking_the_groups_of_all_away_is_braked_like_a_removal() {
    let mut world = world(50);
    for (n, mapping) in (0..).zip(&mut world.mappings) {
        mapping.spec = Spec::parse(RawSpec { groups: Vec::new(), ..dev(n) });
    }
    let (outcomes, _) = world.settle();
    let demoted = world.served(Key::MapRoles).iter().filter(|entry| entry.groups.is_empty()).count();
    assert_eq!(demoted, 10);
    let waiting = outcomes.values().filter(
        |outcome| matches!(outcome, Outcome::Held { reason: HoldReason::RemovalBrake, message } if message.contains("approve")),
    );
    assert_eq!(waiting.count(), 40);
}

#[test]
fn one_mapping_that_flaps_spends_one_entry_and_its_last_state_wins() {
    let mut world = world(20);
    for round in 0..30 {
        let groups = if round % 2 == 0 { Vec::new() } else { dev(0).groups };
        world.mappings[0].spec = Spec::parse(RawSpec { groups, ..dev(0) });
        world.settle();
        world.now = Timestamp(world.now.0 + 1);
    }
    assert_eq!(world.served(Key::MapRoles)[1].groups, dev(0).groups);
    world.mappings.truncate(17);
    world.settle();
    assert_eq!(entries(&world), 17);
}

#[test]
fn other_groups_and_other_names_for_all_are_another_wish_and_no_demotion() {
    let mut world = world(50);
    for (n, mapping) in (0..).zip(&mut world.mappings) {
        mapping.spec = Spec::parse(raw(&role(&format!("dev{n}")), "other", &["others"]));
    }
    world.settle();
    assert_eq!(held(&world), BTreeSet::new());
}

#[test]
fn giving_groups_to_all_is_no_demotion() {
    let mut world = world(50);
    for (n, mapping) in (0..).zip(&mut world.mappings) {
        let mut spec = dev(n);
        spec.groups.push("more".to_owned());
        mapping.spec = Spec::parse(spec);
    }
    world.settle();
    assert_eq!(held(&world), BTreeSet::new());
}

#[test]
fn an_end_that_was_announced_does_not_count_and_one_set_to_now_does() {
    let mut world = world(20);
    let end = Timestamp(world.now.0 + 60);
    for (n, mapping) in (0..).zip(&mut world.mappings) {
        mapping.spec = Spec::parse(RawSpec { expires_at: Some(end), ..dev(n) });
        mapping.announced_end = (n < 12).then_some(end);
    }
    world.settle();
    world.now = end;
    world.settle();
    assert_eq!(entries(&world), 20 - 12 - 4);
}

#[test]
fn an_approval_lets_exactly_what_was_held_through_and_only_once() {
    let mut world = world(50);
    world.mappings.clear();
    world.settle();
    let hash = request(&world);
    world.approve(&hash);
    let approved = world.plan(|plan| plan.approved);
    assert_eq!((approved[0].hash.as_str(), approved[0].principals.len()), (hash.as_str(), 40));
    world.settle();
    assert_eq!(entries(&world), 0);
    assert_eq!(world.aws_auth.annotation(aws_auth::approval::APPROVE), None);
    // The same again does not go by the same hash.
    world.mappings = (0..50).map(|n| mapping(&format!("dev{n}"), n + 1, dev(n))).collect();
    world.now = Timestamp(world.now.0 + 700);
    world.settle();
    world.mappings.clear();
    world.settle();
    world.approve(&hash);
    assert!(world.plan(|plan| plan.approved[0].principals.is_empty()));
    world.settle();
    assert_eq!(entries(&world), 40);
}

#[test]
fn an_approval_for_something_else_or_one_bit_off_or_kept_too_long_lets_nothing_through() {
    let mut world = world(50);
    world.mappings.truncate(35);
    world.settle();
    let hash = request(&world);
    let flipped = format!("{}{}", if hash.starts_with('0') { '1' } else { '0' }, &hash[1..]);
    for wrong in [flipped.as_str(), &hash.to_uppercase(), &hash[..31], "", "all", "*"] {
        let mut world = self::clone(&world);
        world.approve(wrong);
        world.settle();
        assert_eq!(entries(&world), 40, "{wrong}");
    }
    let mut late = self::clone(&world);
    late.now = Timestamp(late.now.0 + 900);
    late.settings.guards.durations.brake_window = 3_600;
    late.approve(&hash);
    late.settle();
    assert_eq!(entries(&late), 40, "kept past its nonce");
    let mut other = self::clone(&world);
    other.mappings.truncate(30);
    other.approve(&hash);
    other.settle();
    assert_eq!(entries(&other), 40, "for another part");
}

#[test]
fn unrelated_changes_do_not_spoil_an_approval() {
    let mut world = world(50);
    world.mappings.truncate(35);
    world.settle();
    let hash = request(&world);
    world.mappings.push(mapping("new", 900, dev(900)));
    world.edit(Key::MapRoles, |text| format!("- rolearn: {}\n  username: x\n{text}", role("foreign")));
    world.settle();
    world.approve(&hash);
    world.settle();
    assert_eq!(entries(&world), 35 + 2);
}

#[test]
fn a_single_removal_can_be_let_through_by_itself() {
    let mut world = world(50);
    world.mappings.truncate(30);
    world.settle();
    let waiting = role("dev45");
    let only = world.plan(|plan| {
        let held = plan.held.iter().find(|held| held.principal.as_deref() == Some(&waiting)).unwrap();
        held.approval.unwrap().only.to_string()
    });
    world.approve(&only);
    world.settle();
    assert_eq!(entries(&world), 39);
    assert!(world.served(Key::MapRoles).iter().all(|entry| entry.arn != waiting));
}

#[test]
fn what_is_held_is_published_where_people_look_until_it_no_longer_is() {
    let mut world = world(50);
    let before = world.aws_auth.source().annotations.keys().len();
    world.mappings.truncate(30);
    world.settle();
    let published = world.aws_auth.annotation(aws_auth::approval::HELD).unwrap().to_owned();
    for part in [request(&world).as_str(), "RemovalBrake", "\"entries\":10", &role("dev")] {
        assert!(published.contains(part), "{part} is not in {published}");
    }
    assert_eq!(world.settle().1, 0);
    world.mappings = (0..50).map(|n| mapping(&format!("dev{n}"), n + 1, dev(n))).collect();
    world.settle();
    assert_eq!(world.aws_auth.source().annotations.keys().len(), before);
}

#[test]
fn nodes_keep_their_entry_until_somebody_approves() {
    for change in ["delete", "demote", "expire"] {
        let mut world = world(1);
        let arn = role("nodes");
        world.settings.policy.privileged.insert(aws_auth::arn::Principal::parse(&arn).unwrap().key());
        world.mappings.push(mapping("nodes", 77, node(&arn, MappingType::Ec2Linux)));
        world.settle();
        assert_eq!(entries(&world), 2);
        match change {
            "delete" => {
                world.mappings.pop();
            }
            "demote" => world.mappings[1].spec = Spec::parse(raw(&arn, "x", &[])),
            _ => {
                let expired = RawSpec { expires_at: Some(world.now), ..node(&arn, MappingType::Ec2Linux) };
                world.mappings[1].spec = Spec::parse(expired);
                world.mappings[1].announced_end = Some(world.now);
            }
        }
        world.settle();
        let nodes = |world: &World| {
            world.served(Key::MapRoles).iter().filter(|entry| aws_auth::guards::is_node(entry)).count()
        };
        assert_eq!(nodes(&world), 1, "{change}");
        assert_eq!(held(&world), BTreeSet::from([HoldReason::NodeEntry]), "{change}");
        world.approve(&request(&world));
        world.settle();
        assert_eq!(nodes(&world), 0, "{change}");
    }
}

/// Fifty entries of ours and one of nodes whose mappings are all gone: two guards hold, and publish a hash each.
fn world_where_two_guards_hold() -> (World, Vec<String>) {
    let mut world = world(50);
    // Sorted before all others: it would be what the brake lets through first.
    let arn = role("a-node");
    world.settings.policy.privileged.insert(aws_auth::arn::Principal::parse(&arn).unwrap().key());
    world.mappings.push(mapping("nodes", 77, node(&arn, MappingType::Ec2Linux)));
    world.settle();
    world.mappings.clear();
    world.settle();
    assert_eq!(held(&world), BTreeSet::from([HoldReason::NodeEntry, HoldReason::RemovalBrake]));
    assert_eq!(entries(&world), 50 - 10 + 1);
    let hashes =
        world.plan(|plan| plan.requests.iter().map(|request| request.hash.clone()).collect::<Vec<_>>());
    assert_eq!(hashes.len(), 2);
    (world, hashes)
}

#[test]
fn two_approvals_written_at_once_let_both_through_in_either_order() {
    for turned in [false, true] {
        let (mut world, mut hashes) = world_where_two_guards_hold();
        if turned {
            hashes.reverse();
        }
        world.approve(&hashes.join(" "));
        let through = world.plan(|plan| plan.approved.iter().map(|one| one.principals.len()).sum::<usize>());
        assert_eq!(through, 41);
        world.settle();
        assert_eq!(entries(&world), 0);
        assert_eq!(held(&world), BTreeSet::new());
    }
}

#[test]
fn of_two_guards_that_hold_each_part_names_the_hash_of_its_own() {
    let (world, _) = world_where_two_guards_hold();
    world.plan(|plan| {
        for held in &plan.held {
            let request = plan.requests.iter().find(|request| request.reason == held.reason.as_str());
            assert_eq!(held.approval.unwrap().all.to_string(), request.unwrap().hash);
        }
    });
}

#[test]
fn of_two_guards_that_hold_each_is_let_through_by_its_own_approval_alone() {
    for (reason, left) in [(HoldReason::NodeEntry, 40), (HoldReason::RemovalBrake, 1)] {
        let (mut world, _) = world_where_two_guards_hold();
        let hash = world.plan(|plan| {
            let one = plan.requests.iter().find(|request| request.reason == reason.as_str());
            one.unwrap().hash.clone()
        });
        world.approve(&hash);
        world.settle();
        assert_eq!(entries(&world), left, "{reason}");
        assert_eq!(held(&world).len(), 1, "{reason}");
        assert!(!held(&world).contains(&reason), "{reason}");
    }
}

#[test]
fn a_node_entry_that_is_taken_over_keeps_its_name_and_its_group() {
    let text = format!("{ADMIN}- rolearn: {}\n  username: worker\n  groups: [system:nodes]\n", role("nodes"));
    for (username, groups, stays) in [
        ("worker", ["system:nodes", "more"].as_slice(), true),
        ("worker", &[], false),
        ("other", &["system:nodes"], false),
    ] {
        let mut world = World::with_roles(&text);
        let principal = aws_auth::arn::Principal::parse(&role("nodes")).unwrap().key();
        world.settings.policy.privileged.insert(principal);
        world.mappings.push(mapping("nodes", 1, adopting(raw(&role("nodes"), username, groups))));
        let outcome = world.outcome("nodes");
        assert_eq!(outcome == Outcome::Applied, stays, "{outcome:?}");
        assert_eq!(held(&world).contains(&HoldReason::NodeEntry), !stays);
    }
}

#[test]
fn an_approval_does_not_lift_the_guard_of_the_last_admin() {
    let mut world = World::with_roles("[]");
    let arn = role("ops");
    world.settings.policy.privileged.insert(aws_auth::arn::Principal::parse(&arn).unwrap().key());
    world.mappings.push(mapping("ops", 1, raw(&arn, "ops", &["system:masters"])));
    world.mappings.extend((0..4).map(|n| mapping(&format!("dev{n}"), n + 10, dev(n))));
    world.settle();
    world.mappings.clear();
    world.approving = true;
    world.settle();
    let left: Vec<String> = world.served(Key::MapRoles).into_iter().map(|entry| entry.username).collect();
    assert_eq!(left, ["ops"]);
    assert_eq!(held(&world), BTreeSet::from([HoldReason::LastAdmin]));
}

#[test]
fn the_last_admin_stays_where_the_one_to_come_finds_no_room() {
    let mut world = World::with_roles("[]");
    let admin = |world: &mut World, name: &str, uid, username: &str| {
        let arn = role(name);
        world.settings.policy.privileged.insert(aws_auth::arn::Principal::parse(&arn).unwrap().key());
        world.mappings.push(mapping(name, uid, raw(&arn, username, &["system:masters"])));
    };
    admin(&mut world, "ops", 1, "ops");
    world.settle();
    world.settings.guards.max_data_bytes = world.roles().len() + 100;
    world.mappings.clear();
    admin(&mut world, "successor", 2, &"long".repeat(50));
    world.settle();
    let left: Vec<String> = world.served(Key::MapRoles).into_iter().map(|entry| entry.username).collect();
    assert_eq!(left, ["ops"]);
    assert_eq!(held(&world), BTreeSet::from([HoldReason::LastAdmin, HoldReason::TargetFull]));
}

#[test]
fn what_a_rival_keeps_editing_waits_and_the_message_names_it() {
    let mut world = world(2);
    world.edit(Key::MapRoles, |text| text.replace("developers", "others"));
    let until = Timestamp(world.now.0 + 60);
    world.situation.rivals = vec![Rival { key: Key::MapRoles, client: "argocd".to_owned(), until }];
    let (outcomes, changes) = world.settle();
    assert_eq!(changes, 0);
    assert!(
        matches!(&outcomes["dev0"], Outcome::Held { reason: HoldReason::Contended, message } if message.contains("argocd"))
    );
    assert_eq!(world.plan(|plan| plan.wake), Some(until));
    world.now = until;
    assert_eq!(world.outcome("dev0"), Outcome::Applied);
}

#[test]
fn without_a_checkpoint_nothing_is_adopted_and_everything_else_goes_on() {
    let mut world = World::with_roles(&format!("{ADMIN}- rolearn: {}\n  username: old\n", role("dev1")));
    world.mappings = vec![mapping("a", 1, adopting(dev(1))), mapping("b", 2, dev(2))];
    world.situation.checkpoint_problem = Some("configmaps is forbidden".to_owned());
    let (outcomes, _) = world.settle();
    assert_eq!(outcomes["b"], Outcome::Applied);
    assert!(
        matches!(&outcomes["a"], Outcome::Held { reason: HoldReason::CheckpointFailed, message } if message.contains("forbidden"))
    );
    world.situation.checkpoint_problem = None;
    assert_eq!(world.outcome("a"), Outcome::Applied);
}

#[test]
fn with_an_older_crd_nothing_new_is_granted_and_everything_else_goes_on() {
    let mut world = World::with_roles(&format!("{ADMIN}- rolearn: {}\n  username: old\n", role("dev9")));
    let with =
        |n, groups: &[&str]| RawSpec { groups: groups.iter().map(|&g| g.to_owned()).collect(), ..dev(n) };
    world.mappings = (0..5).map(|n| mapping(&format!("dev{n}"), n + 1, dev(n))).collect();
    world.settle();
    world.edit(Key::MapRoles, |text| text.replacen("dev4:", "edited:", 1));
    world.mappings.remove(3);
    world.mappings[0] = mapping("dev0", 1, with(0, &["viewers"]));
    world.mappings[1] = mapping("dev1", 2, with(1, &["viewers", "admins"]));
    world.mappings[2] = mapping("dev2", 3, RawSpec { username: Some("other".to_owned()), ..dev(2) });
    world.mappings.push(mapping("new", 90, dev(90)));
    world.mappings.push(mapping("adopts", 91, adopting(dev(9))));

    world.situation.outdated = Some("the CRD lacks spec.expiresAt".to_owned());
    let (outcomes, changes) = world.settle();
    assert_eq!(changes, 3, "demoted, removed and put back");
    assert_eq!((&outcomes["dev0"], &outcomes["dev4"]), (&Outcome::Applied, &Outcome::Applied));
    for name in ["dev1", "dev2", "new", "adopts"] {
        assert!(
            matches!(&outcomes[name], Outcome::Held { reason: HoldReason::CrdOutdated, message } if message.contains("expiresAt")),
            "{name}: {:?}",
            outcomes[name]
        );
    }
    world.situation.outdated = None;
    for name in ["dev1", "dev2", "new", "adopts"] {
        assert_eq!(world.outcome(name), Outcome::Applied, "{name}");
    }
}

#[test]
fn into_an_aws_auth_that_is_immutable_or_binary_nothing_is_written_and_every_mapping_says_so() {
    for unwritable in [Unwritable::Immutable, Unwritable::BinaryData] {
        let mut world = world(1);
        let source = Source { unwritable: Some(unwritable), ..world.aws_auth.source().clone() };
        world.aws_auth = AwsAuth::read(source, common::CLUSTER);
        world.mappings.push(mapping("new", 9, dev(9)));
        let (outcomes, changes) = world.settle();
        assert_eq!((outcomes["new"].reason(), changes), ("TargetUnwritable", 0));
        assert_eq!(outcomes["dev0"], Outcome::Applied);
    }
}

#[test]
fn a_tampered_publication_approves_nothing_and_is_written_anew() {
    let mut world = world(50);
    world.mappings.truncate(30);
    world.settle();
    let right = world.aws_auth.annotation(aws_auth::approval::HELD).unwrap().to_owned();
    for forged in [
        "",
        "{}",
        "null",
        "{\"nonce\":\"zz\",\"since\":0,\"held\":[]}",
        "{\"nonce\":\"1\",\"since\":-9223372036854775808,\"held\":[]}",
        "{\"nonce\":\"1\",\"since\":9223372036854775807,\"held\":[]}",
        &right.replace("RemovalBrake", "Nothing"),
    ] {
        let mut world = self::clone(&world);
        let mut source = world.aws_auth.source().clone();
        source.annotations.insert(aws_auth::approval::HELD.to_owned(), forged.to_owned());
        world.aws_auth = AwsAuth::read(source, common::CLUSTER);
        world.settle();
        assert_eq!(entries(&world), 40, "{forged}");
        assert!(world.aws_auth.annotation(aws_auth::approval::HELD).unwrap().contains("RemovalBrake"));
    }
}

fn clone(world: &World) -> World {
    let mut clone = World::with(world.aws_auth.clone());
    clone.mappings.clone_from(&world.mappings);
    clone.settings = world.settings.clone();
    clone.now = world.now;
    clone.situation = world.situation.clone();
    clone
}
