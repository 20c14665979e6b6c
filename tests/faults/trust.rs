//! Whoever may make mappings gets no more than the configuration allows.

use aws_auth::Key;
use serde_json::json;

use crate::common::{EKSCTL_ROLES, arn, role};
use crate::world::{But, OWNED, World, owned};

#[test]
fn s57_somebodys_admin_or_node_entry_is_not_adopted_without_leave_and_an_identical_entry_stays_theirs() {
    let (world, mut operator) = World::running();
    let before = world.audit().writes();
    let node = "eksctl-prod-nodegroup-ng-1-NodeInstanceRole-1A2B3C4D5E6F";
    for (name, spec) in [
        ("admin", json!({"arn": arn("break-glass"), "username": "break-glass", "adoption": "Adopt"})),
        ("node", json!({"arn": arn(node), "username": "node", "adoption": "Adopt"})),
    ] {
        world.cluster.apply(name, &spec);
        world.cluster.until(name, "PrivilegedValue");
    }
    world.cluster.apply("same", &role("foreign-1", &["theirs"]));
    world.cluster.until("same", "AlreadyPresent");
    world.cluster.delete("same");
    // Whatever the deletion brings about is brought about before this one is applied.
    world.cluster.apply("later", &role("later", &[]));
    world.cluster.until("later", "Applied");
    assert!(world.cluster.role(&arn("foreign-1")).is_some());
    let audit = world.settle_but(&mut operator, &But { refused: &["admin", "node"], ..But::default() });
    assert_eq!(audit.writes(), before + 1);
    assert!(world.cluster.text(Key::MapRoles).starts_with(EKSCTL_ROLES));
}

#[test]
fn s62_where_aws_auth_is_not_read_no_mapping_says_ready() {
    let world = World::with("authenticationMode: Api\n");
    let mut operator = world.start();
    let names: Vec<String> = owned().into_iter().map(|(name, _)| name).collect();
    for name in &names {
        world.cluster.until(name, "NotRead");
    }
    assert_eq!(names.len(), OWNED);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let audit = world.settle_but(&mut operator, &But { refused: &names, ..But::default() });
    assert_eq!(audit.writes(), 0);
}
