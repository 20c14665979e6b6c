//! What came and went while nobody looked does not matter.

use aws_auth::Key;

use crate::common::{arn, check, eventually, role};
use crate::world::{OWNED, World};

#[test]
fn s16_a_mapping_that_came_and_went_while_the_operator_was_stopped_causes_no_write() {
    let (world, mut operator) = World::running();
    let before = world.audit().writes();
    operator.signal("STOP");
    world.cluster.apply("dev", &role("dev", &["developers"]));
    world.cluster.delete("dev");
    operator.signal("CONT");
    assert_eq!(world.settle(&mut operator).writes(), before);
}

#[test]
fn s17_groups_that_went_there_and_back_while_the_operator_was_stopped_cause_no_write() {
    let (world, mut operator) = World::running();
    let before = world.audit().writes();
    operator.signal("STOP");
    world.cluster.apply("owned-1", &role("owned-1", &["testers"]));
    world.cluster.apply("owned-1", &role("owned-1", &["developers"]));
    operator.signal("CONT");
    world.cluster.until("owned-1", "Applied");
    assert_eq!(world.settle(&mut operator).writes(), before);
}

#[test]
fn s18_a_mapping_deleted_while_the_operator_was_down_loses_its_entry_once() {
    let (world, operator) = World::running();
    let before = world.audit().writes();
    operator.terminate();
    world.cluster.delete("owned-1");
    let mut operator = world.start();
    world.until_entry("owned-1", false);
    world.cluster.until_event("aws-auth", &["Normal Removed", &arn("owned-1")]);
    let audit = world.settle(&mut operator);
    assert_eq!(audit.writes(), before + 1);
    assert_eq!(audit.ours.len(), OWNED - 1);
}

#[test]
fn s19_a_mapping_replaced_by_one_with_another_arn_while_the_operator_was_down_is_swapped_in_one_write() {
    let (world, operator) = World::running();
    let before = world.audit().writes();
    operator.terminate();
    world.cluster.delete("owned-1");
    world.cluster.apply("owned-1", &role("another", &["developers"]));
    let mut operator = world.start();
    eventually("they are swapped", || {
        let swapped =
            world.cluster.role(&arn("owned-1")).is_none() && world.cluster.role(&arn("another")).is_some();
        check(swapped, || world.cluster.text(Key::MapRoles))
    });
    assert_eq!(world.settle(&mut operator).writes(), before + 1);
}
