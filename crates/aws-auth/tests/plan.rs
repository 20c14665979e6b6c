//! What the plan does in the cases that are easy to get wrong, one test each.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod common;

use aws_auth::arn::Principal;
use aws_auth::mapping::{Mapping, MappingType, RawSpec};
use aws_auth::plan::{ChangeKind, HoldReason, Outcome, RefusalRule, StillMapped};
use aws_auth::settings::{AuthenticationMode, ClusterCreator, Mode, SYSTEM_MASTERS};
use aws_auth::{Key, Timestamp};
use common::{World, adopting, aws_auth, mapping, node, plan, raw, role, served, undecodable};

const FOREIGN: &str = "# who may in\n- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes] # from eksctl\n- rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n  groups:\n    - system:masters\n";

fn foreign() -> World {
    World::with_roles(FOREIGN)
}

fn dev() -> RawSpec {
    raw(&role("dev"), "dev:{{SessionName}}", &["developers"])
}

#[test]
fn a_new_mapping_is_added_below_the_foreign_entries_under_one_comment() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    assert_eq!(world.outcome("dev"), Outcome::Applied);
    assert_eq!(
        world.roles(),
        format!(
            "{FOREIGN}# Managed by aws-auth-operator from IamMapping objects: edits to the entries below are undone.\n- rolearn: \"arn:aws:iam::111122223333:role/dev\"\n  username: \"dev:{{{{SessionName}}}}\"\n  groups:\n  - \"developers\"\n"
        )
    );
}

#[test]
fn without_a_mapping_nothing_is_written() {
    let world = foreign();
    assert!(plan(&[], &world.aws_auth, &world.settings).write.is_none());
    let missing = aws_auth::aws_auth::AwsAuth::missing();
    assert!(plan(&[], &missing, &world.settings).write.is_none());
}

#[test]
fn a_missing_aws_auth_is_made_with_the_mappings_alone() {
    let mut world = World::with(aws_auth::aws_auth::AwsAuth::missing());
    world.mappings.push(mapping("dev", 1, dev()));
    assert_eq!(world.outcome("dev"), Outcome::Applied);
    assert!(world.aws_auth.exists());
    assert_eq!(world.served(Key::MapRoles).len(), 1);
}

#[test]
fn a_deleted_mapping_takes_its_entry_along_and_nothing_else() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    world.mappings.clear();
    world.settle();
    assert_eq!(world.roles(), FOREIGN);
}

#[test]
fn a_changed_mapping_changes_its_entry_in_place() {
    let mut world = foreign();
    world.mappings.push(mapping("a", 1, dev()));
    world.mappings.push(mapping("b", 2, raw(&role("zed"), "zed", &["z"])));
    world.settle();
    world.mappings[0] = mapping("a", 1, raw(&role("dev"), "dev", &["other"]));
    let (_, changes) = world.settle();
    assert_eq!(changes, 1);
    let names: Vec<String> = world.served(Key::MapRoles).into_iter().map(|entry| entry.username).collect();
    assert_eq!(names, ["system:node:{{EC2PrivateDNSName}}", "ops", "dev", "zed"]);
}

#[test]
fn an_entry_that_somebody_edited_is_put_back() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    let right = world.roles().to_owned();
    world.edit(Key::MapRoles, |text| text.replace("developers", "system:masters"));
    let mappings: Vec<_> = world.mappings.iter().collect();
    let plan = plan(&mappings, &world.aws_auth, &world.settings);
    assert_eq!(plan.changes.len(), 1);
    assert_eq!(plan.changes[0].kind, ChangeKind::PutBack);
    world.settle();
    assert_eq!(world.roles(), right);
}

#[test]
fn an_entry_that_somebody_removed_is_put_back() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    world.edit(Key::MapRoles, |_| FOREIGN.to_owned());
    let mappings: Vec<_> = world.mappings.iter().collect();
    assert_eq!(plan(&mappings, &world.aws_auth, &world.settings).changes[0].kind, ChangeKind::PutBack);
    assert_eq!(world.outcome("dev"), Outcome::Applied);
}

#[test]
fn an_edited_entry_goes_when_its_mapping_goes() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    world.edit(Key::MapRoles, |text| text.replace("developers", "others"));
    world.mappings.clear();
    world.settle();
    assert_eq!(world.roles(), FOREIGN);
}

#[test]
fn a_foreign_entry_for_the_principal_is_a_conflict_and_stays() {
    let mut world = foreign();
    world.mappings.push(mapping("ops", 1, raw(&role("OPS"), "other", &["viewers"])));
    assert_eq!(
        world.outcome("ops"),
        Outcome::ForeignConflict { key: Key::MapRoles, line: 5, ours_rules: false }
    );
    assert_eq!(world.roles(), FOREIGN);
}

#[test]
fn a_role_in_map_users_is_the_same_principal() {
    let users = "- userarn: arn:aws:iam::111122223333:role/dev\n  username: x\n";
    let mut world = World::with(aws_auth(&[("mapUsers", users)]));
    world.mappings.push(mapping("dev", 1, dev()));
    assert!(matches!(world.outcome("dev"), Outcome::ForeignConflict { key: Key::MapUsers, line: 1, .. }));
    assert_eq!(world.aws_auth.text(Key::MapRoles), "");
}

#[test]
fn a_foreign_entry_that_appears_later_is_reported_and_nothing_is_rewritten() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    let later = "- rolearn: arn:aws:iam::111122223333:role/dev\n  username: eksctl\n";
    world.edit(Key::MapRoles, |text| format!("{text}{later}"));
    let before = world.roles().to_owned();
    assert!(matches!(world.outcome("dev"), Outcome::ForeignConflict { ours_rules: false, .. }));
    assert_eq!(world.roles(), before);
    // Deleting the mapping takes ours and leaves theirs.
    world.mappings.clear();
    world.settle();
    assert_eq!(world.roles(), format!("{FOREIGN}{later}"));
}

#[test]
fn a_removal_says_what_still_lets_the_principal_in() {
    let mut world = World::with(aws_auth(&[("mapRoles", FOREIGN), ("mapAccounts", "- \"444455556666\"\n")]));
    world.mappings.push(mapping("dev", 1, dev()));
    world.mappings.push(mapping("x", 2, raw("arn:aws:iam::444455556666:role/x", "x", &[])));
    world.mappings.push(mapping("gone", 3, raw(&role("gone"), "gone", &[])));
    world.settle();
    world.edit(Key::MapRoles, |text| {
        format!("{text}- rolearn: arn:aws:iam::111122223333:role/dev\n  username: eksctl\n")
    });
    let changes = plan(&[], &world.aws_auth, &world.settings).changes;
    let left: Vec<_> = changes.into_iter().map(|change| (change.principal, change.still_mapped)).collect();
    assert_eq!(
        left,
        [
            (role("dev"), Some(StillMapped::Entry { key: Key::MapRoles, line: 9 })),
            (role("gone"), None),
            (
                "arn:aws:iam::444455556666:role/x".to_owned(),
                Some(StillMapped::Account("444455556666".into()))
            ),
        ]
    );
}

#[test]
fn a_removal_that_could_mean_several_entries_is_held_and_said() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    let two = "- rolearn: arn:aws:iam::111122223333:role/dev\n  username: one\n- rolearn: arn:aws:iam::111122223333:role/dev\n  username: two\n";
    world.edit(Key::MapRoles, |_| format!("{FOREIGN}{two}"));
    world.mappings.clear();
    world.settle();
    assert_eq!(world.roles(), format!("{FOREIGN}{two}"));
    let held = plan(&[], &world.aws_auth, &world.settings).held;
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].reason, HoldReason::AmbiguousOwner);
    // Once a person has made it clear, what is left stays, and is nobody's.
    let one = format!("{FOREIGN}{}", &two[..two.len() / 2]);
    world.edit(Key::MapRoles, |_| one.clone());
    world.settle();
    assert_eq!(world.roles(), one);
    assert_eq!(plan(&[], &world.aws_auth, &world.settings).held, []);
}

/// Found by the simulation: ours edited beside somebody else's, and then taken away.
#[test]
fn what_is_left_of_several_entries_is_not_taken_for_ours_edited() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    let theirs = "- rolearn: arn:aws:iam::111122223333:role/dev\n  username: eksctl\n";
    world.edit(Key::MapRoles, |text| format!("{}{theirs}", text.replace("developers", "edited")));
    world.mappings.push(mapping("other", 2, raw(&role("other"), "other", &["developers"])));
    world.settle();
    world.edit(Key::MapRoles, |text| {
        let (before, ours) = text.split_once("- rolearn: \"arn:aws:iam::111122223333:role/dev\"").unwrap();
        format!("{before}- {}", ours.split_once("\n- ").unwrap().1)
    });
    world.mappings.remove(0);
    world.settle();
    assert!(world.roles().contains(theirs), "{}", world.roles());
}

#[test]
fn a_foreign_entry_that_outlives_ours_is_not_taken_for_ours_edited() {
    let theirs = "- rolearn: arn:aws:iam::111122223333:role/dev\n  username: eksctl\n";
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    world.edit(Key::MapRoles, |text| format!("{text}{theirs}"));
    world.settle();
    world.edit(Key::MapRoles, |_| format!("{FOREIGN}{theirs}"));
    assert!(matches!(world.outcome("dev"), Outcome::ForeignConflict { .. }));
    assert_eq!(world.roles(), format!("{FOREIGN}{theirs}"));
}

#[test]
fn a_foreign_entry_that_comes_where_a_paused_one_was_removed_stays() {
    let theirs = "- rolearn: arn:aws:iam::111122223333:role/dev\n  username: eksctl\n";
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    world.mappings[0] = mapping("dev", 1, RawSpec { paused: true, ..dev() });
    world.edit(Key::MapRoles, |_| FOREIGN.to_owned());
    world.settle();
    world.edit(Key::MapRoles, |text| format!("{text}{theirs}"));
    world.settle();
    world.mappings[0] = mapping("dev", 1, dev());
    assert!(matches!(world.outcome("dev"), Outcome::ForeignConflict { .. }));
    world.mappings.clear();
    world.settle();
    assert_eq!(world.roles(), format!("{FOREIGN}{theirs}"));
}

#[test]
fn an_identical_foreign_entry_is_not_taken_for_ours() {
    let mut world =
        World::with_roles("- rolearn: arn:aws:iam::111122223333:role/dev\n  username: d\n  groups: [b, a]\n");
    let text = world.roles().to_owned();
    world.mappings.push(mapping("dev", 1, raw(&role("dev"), "d", &["a", "b"])));
    assert_eq!(world.outcome("dev"), Outcome::AlreadyPresent);
    world.mappings.clear();
    world.settle();
    assert_eq!(world.roles(), text);
}

#[test]
fn adopt_takes_a_foreign_entry_over_in_place() {
    let mut world = World::with_roles(
        "- rolearn: arn:aws:iam::111122223333:role/dev\n  username: old\n# end\n- rolearn: arn:aws:iam::111122223333:role/x\n  username: x\n",
    );
    world.mappings.push(mapping("dev", 1, adopting(raw(&role("dev"), "d", &["g"]))));
    assert_eq!(world.outcome("dev"), Outcome::Applied);
    let names: Vec<String> = world.served(Key::MapRoles).into_iter().map(|entry| entry.username).collect();
    assert_eq!(names, ["d", "x"]);
    world.mappings.clear();
    world.settle();
    assert_eq!(world.roles(), "# end\n- rolearn: arn:aws:iam::111122223333:role/x\n  username: x\n");
}

#[test]
fn adopting_an_admin_needs_the_privilege_that_writing_it_would_need() {
    let mut world = foreign();
    world.mappings.push(mapping("ops", 1, adopting(raw(&role("ops"), "ops", &["viewers"]))));
    assert!(
        matches!(world.outcome("ops"), Outcome::Refused(refusal) if refusal.rule == RefusalRule::Privileged)
    );
    assert_eq!(world.roles(), FOREIGN);
    world.settings.policy.privileged.insert(Principal::parse(&role("ops")).unwrap().key());
    world.settings.guards.min_admins = 0;
    assert_eq!(world.outcome("ops"), Outcome::Applied);
}

#[test]
fn of_two_mappings_for_one_principal_the_older_wins_whatever_the_case_or_path() {
    let mut world = foreign();
    world.mappings.push(mapping("a-younger", 2, raw(&role("team/DEV"), "younger", &[])));
    world.mappings.push(mapping("z-older", 1, dev()));
    let (mut outcomes, _) = world.settle();
    assert_eq!(outcomes.remove("z-older"), Some(Outcome::Applied));
    assert_eq!(outcomes.remove("a-younger"), Some(Outcome::DuplicatePrincipal { winner: "z-older".into() }));
}

#[test]
fn the_mapping_on_record_keeps_its_principal_against_an_older_one() {
    let mut world = foreign();
    world.mappings.push(mapping("b", 5, dev()));
    world.settle();
    world.mappings.push(mapping("a", 1, raw(&role("dev"), "older", &[])));
    let (outcomes, changes) = world.settle();
    assert_eq!(outcomes["b"], Outcome::Applied);
    assert_eq!(changes, 0);
}

#[test]
fn a_mapping_made_again_under_another_uid_takes_its_entry_over() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    let text = world.roles().to_owned();
    world.mappings = vec![mapping("dev", 2, dev())];
    assert_eq!(world.settle().1, 0);
    assert_eq!(world.roles(), text);
    world.mappings.clear();
    world.settle();
    assert_eq!(world.roles(), FOREIGN);
}

#[test]
fn a_mapping_made_again_beside_a_foreign_entry_is_a_conflict_and_changes_nothing() {
    let theirs = "- rolearn: arn:aws:iam::111122223333:role/dev\n  username: eksctl\n";
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    world.edit(Key::MapRoles, |text| format!("{text}{theirs}"));
    let text = world.roles().to_owned();
    world.mappings = vec![mapping("dev", 2, dev())];
    assert!(matches!(world.outcome("dev"), Outcome::ForeignConflict { .. }));
    assert_eq!(world.roles(), text);
}

#[test]
fn a_foreign_entry_that_says_the_same_as_ours_later_is_no_conflict() {
    let same = "- rolearn: arn:aws:iam::111122223333:role/dev\n  username: dev:{{SessionName}}\n  groups: [developers]\n";
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    world.edit(Key::MapRoles, |text| format!("{text}{same}"));
    assert_eq!(world.outcome("dev"), Outcome::Applied);
}

#[test]
fn of_foreign_entries_that_chance_decides_between_none_is_adopted() {
    let users = "- userarn: arn:aws:iam::111122223333:user/jane\n  username: a\n- userarn: arn:aws:iam::111122223333:user/JANE\n  username: b\n";
    let mut world = World::with(aws_auth(&[("mapUsers", users)]));
    world.mappings.push(mapping("jane", 1, adopting(raw("arn:aws:iam::111122223333:user/jane", "c", &[]))));
    assert!(matches!(world.outcome("jane"), Outcome::ForeignConflict { .. }));
    assert_eq!(world.aws_auth.text(Key::MapUsers), users);
}

#[test]
fn a_verdict_says_what_stands_for_its_mapping() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    let mappings: Vec<&Mapping> = world.mappings.iter().collect();
    assert_eq!(plan(&mappings, &world.aws_auth, &world.settings).verdicts[0].applied, None);
    world.settle();
    let mappings: Vec<&Mapping> = world.mappings.iter().collect();
    let plan = plan(&mappings, &world.aws_auth, &world.settings);
    let (key, entry) = plan.verdicts[0].applied.unwrap();
    assert_eq!((key, entry.username.as_str()), (Key::MapRoles, "dev:{{SessionName}}"));
}

#[test]
fn a_paused_mapping_keeps_what_it_has_but_deletion_and_expiry_beat_it() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    let text = world.roles().to_owned();
    let paused = RawSpec { paused: true, ..raw(&role("dev"), "changed", &[]) };
    world.mappings = vec![mapping("dev", 1, paused.clone())];
    assert_eq!(world.outcome("dev"), Outcome::Paused);
    assert_eq!(world.roles(), text);
    world.mappings = vec![mapping("dev", 1, RawSpec { expires_at: Some(Timestamp(world.now.0)), ..paused })];
    assert_eq!(world.outcome("dev"), Outcome::Expired);
    assert_eq!(world.roles(), FOREIGN);
}

#[test]
fn at_expires_at_the_entry_goes_and_the_plan_says_when_to_look_again() {
    let mut world = foreign();
    let end = Timestamp(world.now.0 + 7200);
    world.mappings.push(mapping("dev", 1, RawSpec { expires_at: Some(end), ..dev() }));
    world.settle();
    let mappings: Vec<_> = world.mappings.iter().collect();
    assert_eq!(plan(&mappings, &world.aws_auth, &world.settings).wake, Some(Timestamp(end.0 - 3600)));
    world.now = end;
    assert_eq!(world.outcome("dev"), Outcome::Expired);
    assert_eq!(world.roles(), FOREIGN);
}

#[test]
fn an_object_that_does_not_decode_freezes_its_own_entry_alone() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.mappings.push(mapping("qa", 2, raw(&role("qa"), "qa", &[])));
    world.settle();
    world.mappings[0] = undecodable("dev", 1);
    world.mappings[1] = mapping("qa", 2, raw(&role("qa"), "qa2", &[]));
    let (outcomes, changes) = world.settle();
    assert!(matches!(outcomes["dev"], Outcome::Invalid(_)));
    assert_eq!(outcomes["qa"], Outcome::Applied);
    assert_eq!(changes, 1);
    assert_eq!(world.served(Key::MapRoles).len(), 4);
}

#[test]
fn what_stands_for_an_object_that_does_not_decode_keeps_its_principal_and_holds_nobody_else_up() {
    let mut world = World::with_roles("[]");
    world.mappings.push(mapping("first", 1, dev()));
    world.settle();
    world.mappings[0] = undecodable("first", 1);
    world.mappings.push(mapping("second", 2, dev()));
    world.mappings.push(mapping("other", 3, raw(&role("other"), "other", &[])));
    let (outcomes, _) = world.settle();
    assert_eq!(outcomes["second"], Outcome::DuplicatePrincipal { winner: "first".to_owned() });
    assert_eq!(outcomes["other"], Outcome::Applied);
}

/// An object that does not decode, whose entry somebody took away and another object's mapping now has.
fn replaced_while_undecodable() -> (World, String) {
    let mut world = World::with_roles("[]");
    world.mappings.push(mapping("first", 1, dev()));
    world.settle();
    let first = world.roles().to_owned();
    world.mappings[0] = undecodable("first", 1);
    world.edit(Key::MapRoles, |_| "[]".to_owned());
    world.mappings.push(mapping("second", 2, raw(&role("dev"), "second", &[])));
    assert_eq!(world.settle().0["second"], Outcome::Applied);
    (world, first)
}

#[test]
fn whose_entry_stands_keeps_its_principal_against_an_older_one_that_lost_its_entry() {
    let (mut world, _) = replaced_while_undecodable();
    world.mappings[0] = mapping("first", 1, dev());
    let (outcomes, changes) = world.settle();
    assert_eq!(outcomes["first"], Outcome::DuplicatePrincipal { winner: "second".to_owned() });
    assert_eq!(outcomes["second"], Outcome::Applied);
    assert_eq!(changes, 0);
    world.mappings.remove(1);
    assert_eq!(world.settle().0["first"], Outcome::Applied);
}

#[test]
fn an_entry_whose_mapping_lost_its_principal_does_not_become_somebody_elses() {
    let (mut world, first) = replaced_while_undecodable();
    world.edit(Key::MapRoles, |text| format!("{first}{text}"));
    world.mappings[0] = mapping("first", 1, dev());
    world.settle();
    world.mappings.remove(1);
    assert_eq!(world.settle().0["first"], Outcome::Applied);
    assert_eq!(world.served(Key::MapRoles).len(), 1);
}

#[test]
fn privileged_values_are_refused_unless_the_configuration_lists_the_principal() {
    let cases = [
        raw(&role("x"), "system:admin", &[]),
        raw(&role("x"), "eks:x", &[]),
        raw(&role("x"), "x", &["system:masters"]),
        raw(&role("x"), "x", &["a", "eks:y"]),
        node(&role("x"), MappingType::Ec2Linux),
        node(&role("x"), MappingType::FargateLinux),
        RawSpec { account_id: Some("111122223333".into()), ..RawSpec::default() },
    ];
    for case in cases {
        let mut world = foreign();
        world.mappings.push(mapping("x", 1, case.clone()));
        assert!(
            matches!(world.outcome("x"), Outcome::Refused(refusal) if refusal.rule == RefusalRule::Privileged),
            "{case:?}"
        );
        assert_eq!(world.roles(), FOREIGN);
        let principal = world.mappings[0].spec.as_ref().unwrap().principal().key();
        world.settings.policy.privileged.insert(principal);
        assert_eq!(world.outcome("x"), Outcome::Applied, "{case:?}");
    }
}

fn creator(ensure: bool) -> ClusterCreator {
    ClusterCreator {
        principal: Principal::parse(&role("creator")).unwrap(),
        username: "kubernetes-admin".into(),
        ensure,
    }
}

#[test]
fn a_mapping_for_the_cluster_creator_is_refused() {
    let mut world = foreign();
    world.settings.creator = Some(creator(false));
    world.mappings.push(mapping("c", 1, raw(&role("path/Creator"), "nobody", &[])));
    assert!(matches!(world.outcome("c"), Outcome::Refused(refusal) if refusal.rule == RefusalRule::Pinned));
    assert_eq!(world.roles(), FOREIGN);
}

#[test]
fn an_entry_that_demotes_the_creator_becomes_its_binding() {
    let mut world = World::with_roles(&format!(
        "{FOREIGN}- rolearn: arn:aws:iam::111122223333:role/creator\n  username: nobody\n  groups: []\n"
    ));
    world.settings.creator = Some(creator(false));
    world.settle();
    let entries = world.served(Key::MapRoles);
    assert_eq!(entries[2].username, "kubernetes-admin");
    assert_eq!(entries[2].groups, [SYSTEM_MASTERS]);
    assert!(world.roles().starts_with(FOREIGN));
}

#[test]
fn the_creators_binding_is_written_out_and_put_back_where_ensure_asks_for_it() {
    let mut world = foreign();
    world.settings.creator = Some(creator(true));
    world.settle();
    let whole = world.roles().to_owned();
    assert_eq!(world.served(Key::MapRoles).len(), 3);
    world.edit(Key::MapRoles, |_| FOREIGN.to_owned());
    world.settle();
    assert_eq!(world.roles(), whole);
    world.edit(Key::MapRoles, |text| text.replace("- \"system:masters\"", "- \"view\""));
    world.settle();
    assert_eq!(world.roles(), whole);
}

#[test]
fn an_entry_for_the_creators_whole_account_comes_with_its_binding() {
    // The authenticator asks no further where aws-auth lets the account in, and so never sees the hidden binding.
    let account = "- \"111122223333\"\n";
    let mut world = World::with(aws_auth(&[("mapRoles", FOREIGN), ("mapAccounts", account)]));
    world.settings.creator = Some(creator(false));
    world.settle();
    assert_eq!(world.served(Key::MapRoles)[2].groups, [SYSTEM_MASTERS]);

    let mut world = foreign();
    world.settings.creator = Some(creator(false));
    let raw = RawSpec { account_id: Some("111122223333".into()), ..RawSpec::default() };
    world.mappings.push(mapping("account", 1, raw));
    let privileged = world.mappings[0].spec.as_ref().unwrap().principal().key();
    world.settings.policy.privileged.insert(privileged);
    let mappings: Vec<&Mapping> = world.mappings.iter().collect();
    let written = plan(&mappings, &world.aws_auth, &world.settings).write.unwrap();
    assert_eq!(served(&written, Key::MapAccounts).len(), 1);
    assert_eq!(served(&written, Key::MapRoles)[2].groups, [SYSTEM_MASTERS], "in the same write");
}

#[test]
fn no_mapping_demotes_or_removes_a_protected_principal() {
    let mut world = foreign();
    let principal = Principal::parse(&role("dev")).unwrap().key();
    world.settings.protected.insert(principal);
    world.mappings.push(mapping("dev", 1, dev()));
    assert_eq!(world.outcome("dev"), Outcome::Applied, "adding harms nobody");
    let text = world.roles().to_owned();
    world.mappings[0] = mapping("dev", 1, raw(&role("dev"), "dev", &[]));
    assert!(matches!(world.outcome("dev"), Outcome::Held { reason: HoldReason::Protected, .. }));
    world.mappings.clear();
    world.settle();
    assert_eq!(world.roles(), text);
}

#[test]
fn a_mapping_that_changes_its_principal_takes_no_protected_entry_along() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    world.settings.protected.insert(Principal::parse(&role("dev")).unwrap().key());
    world.mappings[0] = mapping("dev", 1, raw(&role("other"), "other", &[]));
    assert!(matches!(world.outcome("dev"), Outcome::Held { reason: HoldReason::Protected, .. }));
}

fn admins(names: &[&str]) -> World {
    let mut world = World::with_roles("- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: n\n");
    for (n, name) in names.iter().enumerate() {
        world.settings.policy.privileged.insert(Principal::parse(&role(name)).unwrap().key());
        world.mappings.push(mapping(
            name,
            u32::try_from(n).unwrap() + 1,
            raw(&role(name), name, &[SYSTEM_MASTERS]),
        ));
    }
    world.settle();
    world
}

#[test]
fn the_last_admin_stays() {
    let mut world = admins(&["a", "b"]);
    world.mappings.clear();
    world.settle();
    let left: Vec<String> = world.served(Key::MapRoles).into_iter().map(|entry| entry.username).collect();
    assert_eq!(left.len(), 2, "one admin and the node: {left:?}");
    let held = plan(&[], &world.aws_auth, &world.settings).held;
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].reason, HoldReason::LastAdmin);
}

#[test]
fn the_last_admin_is_not_demoted_either() {
    let mut world = admins(&["a"]);
    world.mappings[0] = mapping("a", 1, raw(&role("a"), "a", &["view"]));
    assert!(matches!(world.outcome("a"), Outcome::Held { reason: HoldReason::LastAdmin, .. }));
    assert_eq!(world.served(Key::MapRoles)[1].groups, [SYSTEM_MASTERS]);
}

#[test]
fn the_last_admin_goes_when_another_comes_in_the_same_write() {
    let mut world = admins(&["a"]);
    world.settings.policy.privileged.insert(Principal::parse(&role("b")).unwrap().key());
    world.mappings = vec![mapping("b", 9, raw(&role("b"), "b", &[SYSTEM_MASTERS]))];
    let mappings: Vec<&Mapping> = world.mappings.iter().collect();
    assert_eq!(plan(&mappings, &world.aws_auth, &world.settings).changes.len(), 2);
    let (outcomes, changes) = world.settle();
    assert_eq!(outcomes["b"], Outcome::Applied);
    assert_eq!(changes, 2);
}

#[test]
fn the_last_admin_may_get_another_name_and_even_another_principal() {
    let mut world = admins(&["a"]);
    world.mappings[0] = mapping("a", 1, raw(&role("a"), "renamed", &[SYSTEM_MASTERS]));
    assert_eq!(world.outcome("a"), Outcome::Applied);
    world.settings.policy.privileged.insert(Principal::parse(&role("b")).unwrap().key());
    world.mappings[0] = mapping("a", 1, raw(&role("b"), "b", &[SYSTEM_MASTERS]));
    let mappings: Vec<&Mapping> = world.mappings.iter().collect();
    let admins = plan(&mappings, &world.aws_auth, &world.settings).admins;
    assert_eq!((admins.before, admins.after), (1, 1));
}

#[test]
fn the_last_admin_stays_when_the_one_that_comes_expires_or_is_none() {
    let later = Some(Timestamp(common::NOW.0 + 60));
    for (other, groups, expires_at) in [("b", SYSTEM_MASTERS, later), ("b", "view", None)] {
        let mut world = admins(&["a"]);
        world.settings.policy.privileged.insert(Principal::parse(&role(other)).unwrap().key());
        let raw = RawSpec { expires_at, ..raw(&role(other), other, &[groups]) };
        world.mappings = vec![mapping(other, 9, raw)];
        world.settle();
        assert_eq!(world.served(Key::MapRoles)[1].username, "a", "{groups}");
    }
}

#[test]
fn an_entry_with_a_role_path_or_a_shadowed_or_an_expiring_one_is_no_admin() {
    let text = "- rolearn: arn:aws:iam::111122223333:role/p/ath\n  groups: [system:masters]\n- rolearn: arn:aws:iam::111122223333:role/shadowed\n  groups: [system:masters]\n- rolearn: arn:aws:iam::111122223333:role/shadowed\n  groups: []\n";
    let mut world = World::with_roles(text);
    world.settings.policy.privileged.insert(Principal::parse(&role("e")).unwrap().key());
    let end = Some(Timestamp(world.now.0 + 60));
    let expiring = RawSpec { expires_at: end, ..raw(&role("e"), "e", &[SYSTEM_MASTERS]) };
    world.mappings.push(mapping("e", 1, expiring));
    world.settle();
    let mappings: Vec<_> = world.mappings.iter().collect();
    assert_eq!(plan(&mappings, &world.aws_auth, &world.settings).admins.before, 0);
}

#[test]
fn a_broken_key_is_held_with_line_and_column_and_the_others_go_on() {
    let mut world = World::with(aws_auth(&[
        ("mapRoles", FOREIGN),
        ("mapUsers", "- userarn: arn:aws:iam::111122223333:user/x\n  username: {{SessionName}}\n"),
    ]));
    world.mappings.push(mapping("dev", 1, dev()));
    world.mappings.push(mapping("jane", 2, raw("arn:aws:iam::111122223333:user/jane", "jane", &[])));
    let (outcomes, _) = world.settle();
    assert_eq!(outcomes["dev"], Outcome::Applied);
    let Outcome::Held { reason: HoldReason::TargetMalformed, message } = &outcomes["jane"] else {
        panic!("{:?}", outcomes["jane"])
    };
    assert!(message.contains("mapUsers of aws-auth, line 2, column "), "{message}");
    assert!(message.contains("reads no entry of this key until it is mended"), "{message}");
}

#[test]
fn entries_hidden_by_a_broken_key_are_neither_forgotten_nor_written_twice() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    let whole = world.roles().to_owned();
    world.edit(Key::MapRoles, |text| format!("{text}  oops: [\n"));
    world.mappings.clear();
    world.settle();
    assert!(world.roles().ends_with("oops: [\n"));
    world.edit(Key::MapRoles, |_| whole);
    world.settle();
    assert_eq!(world.roles(), FOREIGN);
}

#[test]
fn with_the_record_lost_nothing_is_removed() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    let whole = world.roles().to_owned();
    world.mappings.clear();
    world.annotate(None);
    world.settle();
    assert_eq!(world.roles(), whole);
}

#[test]
fn with_the_record_lost_an_entry_is_ours_again_where_its_mappings_status_says_so() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    world.note_applied();
    world.annotate(Some("garbage".into()));
    assert_eq!(world.outcome("dev"), Outcome::Applied);
    world.mappings.clear();
    world.settle();
    assert_eq!(world.roles(), FOREIGN);
}

#[test]
fn with_the_record_lost_an_entry_that_is_not_as_it_was_applied_is_nobodys() {
    let mut world = foreign();
    world.mappings.push(mapping("dev", 1, dev()));
    world.settle();
    world.note_applied();
    world.annotate(None);
    world.edit(Key::MapRoles, |text| text.replace("developers", "others"));
    assert!(matches!(world.outcome("dev"), Outcome::ForeignConflict { .. }));
}

#[test]
fn mode_observe_says_what_would_be_and_writes_nothing() {
    let mut world = foreign();
    world.settings.mode = Mode::Observe;
    world.mappings.push(mapping("dev", 1, dev()));
    let mappings: Vec<_> = world.mappings.iter().collect();
    let plan = plan(&mappings, &world.aws_auth, &world.settings);
    assert!(plan.write.is_none());
    assert_eq!(plan.changes.len(), 1);
    assert_eq!(plan.verdicts[0].outcome, Outcome::Observed);
}

#[test]
fn with_authentication_mode_api_no_mapping_is_ready() {
    let mut world = foreign();
    world.settings.authentication_mode = AuthenticationMode::Api;
    world.mappings.push(mapping("dev", 1, dev()));
    assert_eq!(world.outcome("dev"), Outcome::NotRead);
}

#[test]
fn a_full_aws_auth_takes_the_oldest_and_still_lets_go() {
    let mut world = foreign();
    world.settings.guards.max_data_bytes = FOREIGN.len() + 600;
    for n in 1..=9 {
        let name = format!("m{n}");
        world.mappings.push(mapping(&name, 10 - n, raw(&role(&name), &name, &["g"])));
    }
    let (outcomes, _) = world.settle();
    assert_eq!(outcomes["m9"], Outcome::Applied, "the oldest");
    assert!(matches!(outcomes["m1"], Outcome::Held { reason: HoldReason::TargetFull, .. }), "the youngest");
    let held = outcomes.values().filter(|outcome| matches!(outcome, Outcome::Held { .. })).count();
    world.mappings.retain(|mapping| mapping.name != "m9");
    let (outcomes, _) = world.settle();
    let held_now = outcomes.values().filter(|outcome| matches!(outcome, Outcome::Held { .. })).count();
    assert_eq!(held_now, held - 1);
}

#[test]
fn json_keeps_its_shape_and_its_unknown_fields() {
    let json = "[{\"rolearn\": \"arn:aws:iam::111122223333:role/a\", \"username\": \"a\", \"note\": 1}]";
    let mut world = World::with_roles(json);
    world.mappings.push(mapping("dev", 1, raw(&role("dev"), "jos\u{e9}", &["g"])));
    assert_eq!(world.outcome("dev"), Outcome::Applied);
    serde_json::from_str::<serde_json::Value>(world.roles()).expect("still JSON");
    world.mappings.clear();
    world.settle();
    assert_eq!(world.roles(), json);
}

#[test]
fn windows_line_ends_and_a_missing_last_one_stay() {
    let text = "- rolearn: arn:aws:iam::111122223333:role/a\r\n  username: a";
    let mut world = World::with_roles(text);
    world.mappings.push(mapping("dev", 1, dev()));
    assert_eq!(world.outcome("dev"), Outcome::Applied);
    assert!(!world.roles().replace("\r\n", "").contains('\n'));
    world.mappings.clear();
    world.settle();
    assert_eq!(world.roles(), text);
}

#[test]
fn a_removal_that_would_take_away_what_a_foreign_item_refers_to_is_held() {
    let mut world = World::with_roles("- rolearn: arn:aws:iam::111122223333:role/a\n  username: a\n");
    world.mappings.push(mapping("dev", 1, dev()));
    assert_eq!(world.outcome("dev"), Outcome::Applied);
    // Somebody saves some typing.
    world.edit(Key::MapRoles, |text| {
        let text = text.replace("groups: [", "groups: &g [").replace("groups:\n", "groups: &g\n");
        format!("{text}- rolearn: arn:aws:iam::111122223333:role/b\n  username: b\n  groups: *g\n")
    });
    let text = world.roles().to_owned();
    world.mappings.clear();
    world.settle();
    assert!(
        matches!(&world.plan(|plan| plan.held.clone())[..], [held] if held.reason == HoldReason::VerifierRejected)
    );
    assert_eq!(world.roles(), text);
}

#[test]
fn entries_go_before_the_end_of_the_first_document() {
    let text = "---\n- rolearn: arn:aws:iam::111122223333:role/a\n  username: a\n...\n# never read\n";
    let mut world = World::with_roles(text);
    world.mappings.push(mapping("dev", 1, dev()));
    assert_eq!(world.outcome("dev"), Outcome::Applied);
    assert!(world.roles().ends_with("...\n# never read\n"));
    world.mappings.clear();
    world.settle();
    assert_eq!(world.roles(), text);
}

#[test]
fn a_line_that_follows_the_first_document_and_is_never_read_stays_whole() {
    let text = "    - rolearn: arn:aws:iam::111122223333:role/a\n      username: a\n  never: read\n";
    let mut world = World::with_roles(text);
    world.mappings.push(mapping("dev", 1, dev()));
    assert_eq!(world.outcome("dev"), Outcome::Applied);
    assert!(world.roles().ends_with("\n  never: read\n"), "{}", world.roles());
    world.mappings.clear();
    world.settle();
    assert_eq!(world.roles(), text);
}

#[test]
fn what_the_lists_do_not_allow_is_refused_with_the_rule_the_value_and_the_place() {
    use aws_auth::arn::AccountId;
    use aws_auth::glob::Pattern;
    use aws_auth::settings::Listed;
    let pattern = |text: &str| Pattern::parse(text).unwrap();
    let refusal = |set: &dyn Fn(&mut World)| {
        let mut world = foreign();
        world.mappings.push(mapping("dev", 1, dev()));
        set(&mut world);
        match world.outcome("dev") {
            Outcome::Refused(refusal) => Some((refusal.rule, refusal.message)),
            _ => None,
        }
    };
    let accounts = |account: &str| {
        Some(Listed { values: vec![AccountId::parse(account).unwrap()], place: "HERE".to_owned() })
    };
    let patterns = |text: &str| Some(Listed { values: vec![pattern(text)], place: "HERE".to_owned() });
    for (set, rule, value) in [
        (
            &(|world: &mut World| world.settings.policy.allowed_accounts = accounts("444455556666"))
                as &dyn Fn(&mut World),
            RefusalRule::Account,
            "111122223333",
        ),
        (
            &|world: &mut World| world.settings.policy.allowed_groups = patterns("team-*"),
            RefusalRule::Group,
            "\"developers\"",
        ),
        (
            &|world: &mut World| world.settings.policy.username_patterns = patterns("ci:*"),
            RefusalRule::Username,
            "\"dev:{{SessionName}}\"",
        ),
    ] {
        let (refused, message) = refusal(set).expect("it is refused");
        assert_eq!(refused, rule);
        assert!(message.contains(value) && message.contains("HERE"), "{message}");
    }
    assert_eq!(
        refusal(&|world: &mut World| {
            world.settings.policy.allowed_accounts = accounts("111122223333");
            world.settings.policy.allowed_groups = patterns("dev*");
            world.settings.policy.username_patterns = patterns("dev:*");
        }),
        None
    );
}
