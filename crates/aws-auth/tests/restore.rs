//! An aws-auth that somebody broke: what is restored, what is not, and what a plan makes of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod common;

use std::collections::BTreeMap;

use aws_auth::Key;
use aws_auth::aws_auth::{AwsAuth, Source};
use aws_auth::mapping::RawSpec;
use aws_auth::plan::Outcome;
use aws_auth::restore::{self, Absence, Damage, Remedy};
use aws_auth::settings::{GuardSettings, Mode, OnDamage};
use common::{CLUSTER, World, mapping, raw, role};

const FOREIGN: &str = "# who may in\n- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:nodes] # from eksctl\n- rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n  groups: [system:masters]\n";
const USERS: &str = "- userarn: arn:aws:iam::111122223333:user/jane\n  username: jane\n";
const BROKEN: &str = "- rolearn: a\n  groups: [\n";

fn dev(n: u32) -> RawSpec {
    raw(&role(&format!("dev{n}")), &format!("dev{n}"), &["developers"])
}

/// A cluster with foreign entries in two keys and so many owned ones.
fn world(owned: u32) -> World {
    let mut world =
        World::with(common::aws_auth(&[("mapRoles", FOREIGN), ("mapUsers", USERS), ("other", "x")]));
    world.mappings = (0..owned).map(|n| mapping(&format!("dev{n}"), n + 1, dev(n))).collect();
    world.settle();
    world
}

/// Somebody changes aws-auth altogether.
fn change(world: &mut World, how: impl FnOnce(&mut Source)) {
    let mut source = world.aws_auth.source().clone();
    how(&mut source);
    world.aws_auth = AwsAuth::read(source, CLUSTER);
}

/// Restores what can be and settles, as the operator does.
fn restore(world: &mut World, good: &AwsAuth) -> Damage {
    let guards = &world.settings.guards;
    let Remedy::Restore(damage) =
        restore::remedy(&world.aws_auth, Some(good), guards, None, Absence::Settled, CLUSTER)
    else {
        panic!("nothing is restored")
    };
    let (mended, restored) = restore::mend(&world.aws_auth, good, &damage, CLUSTER);
    world.aws_auth = mended;
    world.situation.restored = restored;
    let written = world.plan(|plan| plan.write).expect("what is restored has to be written");
    world.aws_auth = AwsAuth::read(written.source().clone(), CLUSTER);
    world.situation.restored = Vec::new();
    damage
}

#[test]
fn a_key_that_no_longer_parses_is_restored_in_one_write_and_the_broken_text_is_kept() {
    let mut world = world(2);
    let good = world.aws_auth.clone();
    world.edit(Key::MapRoles, |_| BROKEN.to_owned());
    world.edit(Key::MapUsers, |text| format!("{text}- userarn: x\n  username: new\n"));
    let users = world.aws_auth.text(Key::MapUsers).to_owned();
    let (_, restored) =
        restore::mend(&world.aws_auth, &good, &Damage::Malformed(vec![Key::MapRoles]), CLUSTER);
    assert_eq!(restored[0].broken.as_deref(), Some(BROKEN));
    assert!(restored[0].why.contains("line "), "{}", restored[0].why);
    assert_eq!(restore(&mut world, &good), Damage::Malformed(vec![Key::MapRoles]));
    assert_eq!(world.roles(), good.text(Key::MapRoles));
    assert_eq!(world.aws_auth.text(Key::MapUsers), users, "what parses is nobody's to undo");
}

#[test]
fn what_changed_while_a_key_was_broken_is_in_the_restored_one() {
    let mut world = world(4);
    let good = world.aws_auth.clone();
    world.edit(Key::MapRoles, |_| BROKEN.to_owned());
    world.mappings.remove(0);
    world.mappings.push(mapping("new", 99, dev(9)));
    restore(&mut world, &good);
    let names: Vec<String> = world.served(Key::MapRoles).into_iter().map(|entry| entry.username).collect();
    assert_eq!(names, ["system:node:{{EC2PrivateDNSName}}", "ops", "dev1", "dev2", "dev3", "dev9"]);
}

#[test]
fn a_deleted_aws_auth_comes_back_whole_without_what_was_revoked_meanwhile() {
    let mut world = world(4);
    let good = world.aws_auth.clone();
    world.aws_auth = AwsAuth::missing();
    world.mappings.remove(0);
    assert_eq!(restore(&mut world, &good), Damage::Missing);
    assert!(world.roles().starts_with(FOREIGN));
    assert_eq!(world.aws_auth.text(Key::MapUsers), USERS);
    assert_eq!(world.aws_auth.source().data["other"], "x");
    let ours: Vec<String> =
        world.served(Key::MapRoles).into_iter().skip(2).map(|entry| entry.username).collect();
    assert_eq!(ours, ["dev1", "dev2", "dev3"]);
    assert_eq!(world.settle().1, 0);
}

#[test]
fn when_mappings_and_aws_auth_are_deleted_together_the_brake_still_holds() {
    let mut world = world(40);
    let good = world.aws_auth.clone();
    world.aws_auth = AwsAuth::missing();
    world.mappings.clear();
    restore(&mut world, &good);
    assert_eq!(world.served(Key::MapRoles).len(), 2 + 40 - 8);
}

#[test]
fn an_emptied_aws_auth_is_restored_however_it_was_emptied() {
    for empty in ["", "[]", "null", "# nothing\n", "''"] {
        let mut world = world(2);
        let good = world.aws_auth.clone();
        change(&mut world, |source| {
            for text in source.data.values_mut() {
                empty.clone_into(text);
            }
        });
        assert_eq!(restore(&mut world, &good), Damage::Emptied, "{empty:?}");
        assert_eq!(world.roles(), good.text(Key::MapRoles));
    }
    let mut world = world(2);
    let good = world.aws_auth.clone();
    change(&mut world, |source| source.data.clear());
    assert_eq!(restore(&mut world, &good), Damage::Emptied);
    let mut world = self::world(2);
    change(&mut world, |source| {
        source.data.clear();
        source.annotations.clear();
    });
    restore(&mut world, &good);
    assert_eq!(world.settle().1, 0, "the record is restored too");
}

#[test]
fn one_key_emptied_by_hand_while_another_has_entries_is_respected() {
    let mut world = world(0);
    let good = world.aws_auth.clone();
    world.edit(Key::MapRoles, |_| "[]\n".to_owned());
    assert_eq!(restore::damage(&world.aws_auth, &good, CLUSTER), None);
}

#[test]
fn a_foreign_entry_that_somebody_removed_stays_removed() {
    let mut world = world(2);
    let good = world.aws_auth.clone();
    world.edit(Key::MapRoles, |text| text.replace(FOREIGN, ""));
    assert_eq!(restore::damage(&world.aws_auth, &good, CLUSTER), None);
    assert_eq!(restore::lost_nodes(&good, &world.aws_auth), [role("nodes")]);
}

#[test]
fn nothing_is_restored_where_the_configuration_says_hold_or_no_checkpoint_can_be_kept() {
    let good = world(1).aws_auth;
    let hold = GuardSettings {
        on_missing: OnDamage::Hold,
        on_malformed: OnDamage::Hold,
        ..GuardSettings::default()
    };
    let missing = AwsAuth::missing();
    let remedy = |guards: &GuardSettings, problem| {
        restore::remedy(&missing, Some(&good), guards, problem, Absence::Settled, CLUSTER)
    };
    let Remedy::Hold(Some(why)) = remedy(&hold, None) else { panic!("it is restored") };
    assert!(why.contains("history"), "{why}");
    let Remedy::Hold(Some(why)) = remedy(&GuardSettings::default(), Some("forbidden")) else {
        panic!("it is restored")
    };
    assert!(why.contains("forbidden"), "{why}");
    let broken = common::aws_auth(&[("mapRoles", BROKEN)]);
    assert_eq!(
        restore::remedy(&broken, Some(&good), &hold, None, Absence::Settled, CLUSTER),
        Remedy::Hold(None)
    );
}

#[test]
fn while_a_missing_aws_auth_is_held_nothing_is_written_and_every_mapping_says_so() {
    let mut world = world(2);
    world.aws_auth = AwsAuth::missing();
    world.situation.missing = Some("aws-auth was deleted".to_owned());
    let (outcomes, changes) = world.settle();
    assert_eq!(changes, 0);
    assert_eq!(outcomes["dev0"].reason(), "TargetMissing");
}

#[test]
fn somebody_gets_a_second_to_make_it_again() {
    let good = world(1).aws_auth;
    let guards = GuardSettings::default();
    let missing = AwsAuth::missing();
    let remedy = |absence| restore::remedy(&missing, Some(&good), &guards, None, absence, CLUSTER);
    assert_eq!(remedy(Absence::Fresh), Remedy::Wait);
    assert_eq!(remedy(Absence::Settled), Remedy::Restore(Damage::Missing));
}

#[test]
fn without_a_last_good_state_there_is_nothing_to_restore() {
    let guards = GuardSettings::default();
    for live in [AwsAuth::missing(), common::aws_auth(&[("mapRoles", BROKEN)])] {
        assert_eq!(restore::remedy(&live, None, &guards, None, Absence::Settled, CLUSTER), Remedy::Sound);
    }
}

#[test]
fn the_last_good_state_is_the_newest_of_every_key_and_never_what_others_emptied() {
    let mut world = world(1);
    let first = restore::better(&world.aws_auth, None, CLUSTER).unwrap();
    world.edit(Key::MapUsers, |text| format!("{text}- userarn: arn:aws:iam::111122223333:user/joe\n"));
    world.edit(Key::MapRoles, |_| BROKEN.to_owned());
    let second = restore::better(&world.aws_auth, Some(&first), CLUSTER).unwrap();
    assert_eq!(second.text(Key::MapRoles), first.text(Key::MapRoles));
    assert!(second.text(Key::MapUsers).contains("joe"));
    change(&mut world, |source| source.data.clear());
    assert!(restore::better(&world.aws_auth, Some(&second), CLUSTER).is_none());
    assert!(restore::better(&AwsAuth::missing(), Some(&second), CLUSTER).is_none());
    assert!(restore::better(&common::aws_auth(&[("mapRoles", BROKEN)]), None, CLUSTER).is_none());
}

/// Found by the simulation: the write waited, and statuses said `Applied` of what nobody could read.
#[test]
fn what_is_about_to_be_restored_is_not_said_to_be_applied() {
    let mut world = world(1);
    assert_eq!(world.outcome("dev0"), Outcome::Applied);
    let good = world.aws_auth.clone();
    world.edit(Key::MapRoles, |_| BROKEN.to_owned());
    let damage = Damage::Malformed(vec![Key::MapRoles]);
    let (mended, restored) = restore::mend(&world.aws_auth, &good, &damage, CLUSTER);
    world.aws_auth = mended;
    world.situation.restored = restored;
    for (mode, said) in [(Mode::Enforce, Outcome::Pending), (Mode::Observe, Outcome::Observed)] {
        world.settings.mode = mode;
        assert_eq!(world.plan(|plan| plan.verdicts[0].outcome.clone()), said);
    }
    // Nor does what stands for one that keeps it as it was.
    world.mappings[0] = mapping("dev0", 1, RawSpec { paused: true, ..dev(0) });
    assert!(world.plan(|plan| plan.verdicts[0].applied.is_none()));
}

/// Found by the simulation.
#[test]
fn a_key_that_was_broken_before_does_not_come_back_with_the_rest() {
    let mut world = world(1);
    change(&mut world, |source| {
        source.data.remove("mapUsers");
    });
    let sound = world.aws_auth.clone();
    // Nothing was in it: that it is broken locks nobody out, and nothing is restored.
    world.edit(Key::MapUsers, |_| BROKEN.to_owned());
    assert_eq!(restore::damage(&world.aws_auth, &sound, CLUSTER), None);
    let good = restore::better(&world.aws_auth, Some(&sound), CLUSTER).unwrap();
    let emptied = world.aws_auth.source().clone();
    for live in [AwsAuth::missing(), AwsAuth::read(Source { data: BTreeMap::new(), ..emptied }, CLUSTER)] {
        let damage = restore::damage(&live, &good, CLUSTER).unwrap();
        let (mended, _) = restore::mend(&live, &good, &damage, CLUSTER);
        assert_eq!(mended.text(Key::MapRoles), good.text(Key::MapRoles));
        assert_eq!(mended.text(Key::MapUsers), "");
    }
}

#[test]
fn what_was_revoked_after_the_last_good_state_does_not_come_back_with_it() {
    let mut world = world(3);
    let good = world.aws_auth.clone();
    world.mappings.remove(0);
    world.settle();
    world.edit(Key::MapRoles, |_| BROKEN.to_owned());
    restore(&mut world, &good);
    assert!(!world.roles().contains("dev0"), "{}", world.roles());
    assert!(world.roles().starts_with(FOREIGN) && world.roles().contains("dev1"), "{}", world.roles());
}

#[test]
fn what_the_operator_itself_emptied_is_not_damaged_even_for_an_older_last_good_state() {
    let mut world = World::with(AwsAuth::missing());
    world.mappings = vec![mapping("dev", 1, dev(1))];
    world.settle();
    let good = world.aws_auth.clone();
    world.mappings.clear();
    world.settle();
    assert_eq!(restore::damage(&world.aws_auth, &good, CLUSTER), None);
}

#[test]
fn an_earlier_version_that_a_person_asks_for_brings_back_what_was_foreign_and_none_of_what_was_revoked() {
    let mut world = world(3);
    let earlier = world.aws_auth.clone();
    world.edit(Key::MapRoles, |text| text.replace("username: ops", "username: other"));
    world.mappings.remove(0);
    world.mappings.push(mapping("new", 50, dev(7)));
    world.settle();
    let (mended, restored) = restore::mend(&world.aws_auth, &earlier, &Damage::Unwanted(4), CLUSTER);
    world.aws_auth = mended;
    world.situation.restored = restored;
    let written = world.plan(|plan| plan.write).unwrap();
    world.situation.restored = Vec::new();
    world.aws_auth = AwsAuth::read(written.source().clone(), CLUSTER);
    let names: Vec<String> = world.served(Key::MapRoles).into_iter().map(|entry| entry.username).collect();
    assert_eq!(names, ["system:node:{{EC2PrivateDNSName}}", "ops", "dev1", "dev2", "dev7"]);
}

#[test]
fn an_earlier_version_without_a_node_or_an_admin_of_today_is_refused() {
    let world = world(1);
    let without = |what: &str| {
        let text = match what {
            "nodes" => FOREIGN.replace("system:nodes", "x"),
            _ => FOREIGN.replace("system:masters", "x"),
        };
        common::aws_auth(&[("mapRoles", &text)])
    };
    for (what, word) in [("nodes", "nodes would lose"), ("admins", "minAdmins")] {
        let mappings: Vec<_> = world.mappings.iter().collect();
        let input = aws_auth::plan::Input {
            mappings: &mappings,
            aws_auth: &world.aws_auth,
            cluster: CLUSTER,
            settings: &world.settings,
            now: world.now,
            situation: &world.situation,
        };
        let why = restore::refusal(&input, &without(what)).expect(what);
        assert!(why.contains(word), "{why}");
        assert_eq!(restore::refusal(&input, &world.aws_auth), None);
    }
}

/// Found by the simulation: the checkpoint was older than both the removal of ours and the entry of somebody else's.
#[test]
fn where_the_record_comes_from_a_checkpoint_somebody_elses_entry_is_not_taken_for_an_edited_one() {
    let mut world = world(1);
    let good = world.aws_auth.clone();
    world.mappings.clear();
    world.settle();
    let theirs = "- {rolearn: arn:aws:iam::111122223333:role/dev0, username: theirs}\n";
    world.edit(Key::MapRoles, |text| format!("{text}{theirs}"));
    world.annotate(None);
    world.edit(Key::MapUsers, |_| BROKEN.to_owned());
    restore(&mut world, &good);
    assert!(world.roles().contains(theirs), "{}", world.roles());
}

#[test]
fn an_entry_that_was_edited_while_its_mapping_was_paused_is_still_its_own_when_all_is_restored() {
    let mut world = world(1);
    world.mappings[0] = mapping("dev0", 1, RawSpec { paused: true, ..dev(0) });
    world.edit(Key::MapRoles, |text| text.replace("developers", "edited"));
    world.settle();
    let good = world.aws_auth.clone();
    world.aws_auth = AwsAuth::missing();
    restore(&mut world, &good);
    world.mappings[0] = mapping("dev0", 1, dev(0));
    assert_eq!(world.outcome("dev0"), Outcome::Applied);
}
