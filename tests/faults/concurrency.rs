//! Several who believe that they lead.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::LeaseSpec;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::common::{Fate, Fault, Process, arn, check, eventually, role, send_signal, wait, within};
use crate::world::{World, promised};

fn until_it_leads(operator: &Process) {
    within(promised(Duration::from_secs(30)), "there is a leader", || {
        check(operator.leads(), || format!("{:#?}", operator.log()))
    });
}

#[test]
fn s43_a_leader_frozen_in_the_middle_of_a_write_beyond_its_lease_changes_nothing_when_it_thaws() {
    let (world, frozen) = World::running();
    let mut other = world.start();
    let before = world.audit().writes();
    let thawed = Arc::new(AtomicBool::new(false));
    let (id, waits) = (frozen.id(), thawed.clone());
    let freeze = Fate::ask(move |_| {
        send_signal(id, "STOP");
        eventually("it thaws", || check(waits.load(Ordering::SeqCst), || "not yet".to_owned()));
        Fate::PassOn
    });
    world.proxy.inject(Fault::on_write(freeze).once());
    world.cluster.apply("dev", &role("dev", &["developers"]));
    until_it_leads(&other);
    world.until_entry("dev", true);
    // What was planned before is not what is asked for any more.
    world.cluster.delete("dev");
    world.until_entry("dev", false);
    thawed.store(true, Ordering::SeqCst);
    eventually("its write has come to an end", || {
        let records = world.proxy.records();
        let write = records.iter().find(|record| record.call.writes_aws_auth() && record.code == Some(409));
        check(write.is_some(), || "not yet".to_owned())
    });
    frozen.signal("CONT");
    eventually("it knows that it does not lead", || check(!frozen.leads(), || "it does".to_owned()));
    assert_eq!(world.settle(&mut other).writes(), before + 2);
    frozen.terminate();
}

#[test]
fn s44_two_that_both_lead_overwrite_nothing_of_each_others() {
    let (world, mut one) = World::running();
    world.cluster.kubectl_apply(
        &json!({"apiVersion": "v1", "kind": "List", "items": [
            {
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                "metadata": {"name": "second-leader", "namespace": "default"},
                "rules": [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]}],
            },
            {
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": {"name": "second-leader", "namespace": "default"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "second-leader"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "operator"}],
            },
        ]})
        .to_string(),
    );
    let other = world.launch_with(&["--lease-namespace", "default"]);
    until_it_leads(&other);
    assert!(one.leads());
    // A clock that is ten minutes off shows in the Lease, and nobody minds.
    skew_the_lease(&world, jiff::SignedDuration::from_mins(10));
    for n in 0..12 {
        let name = format!("dev-{}", n % 4);
        world.cluster.apply(&name, &role(&name, &[&format!("round-{n}")]));
        world.cluster.apply("owned-1", &role("owned-1", &[&format!("round-{n}")]));
    }
    skew_the_lease(&world, jiff::SignedDuration::from_mins(-10));
    world.cluster.delete("dev-0");
    world.until_entry("dev-0", false);
    until_it_leads(&one);
    world.settle(&mut one);
    assert!(world.cluster.role(&arn("owned-1")).unwrap().groups.contains(&"round-11".to_owned()));
    other.terminate();
}

fn skew_the_lease(world: &World, by: jiff::SignedDuration) {
    let time = format!("{:.6}", jiff::Timestamp::now() + by);
    let patch = json!({"spec": {"renewTime": time}});
    wait(world.cluster.leases().patch("aws-auth-operator", &PatchParams::default(), &Patch::Merge(patch)))
        .unwrap();
}

#[test]
fn s45_a_lease_that_is_deleted_or_edited_has_a_leader_again() {
    let (world, mut operator) = World::running();
    world.cluster.delete_lease();
    eventually("the Lease is there again", || {
        check(world.cluster.leader().is_some(), || "it is not".to_owned())
    });
    until_it_leads(&operator);

    let ghost = LeaseSpec { holder_identity: Some("ghost".to_owned()), ..LeaseSpec::default() };
    let patch = Patch::Merge(json!({"spec": ghost}));
    wait(world.cluster.leases().patch("aws-auth-operator", &PatchParams::default(), &patch)).unwrap();
    eventually("it hears of it", || check(!operator.leads(), || "it leads".to_owned()));
    until_it_leads(&operator);
    world.cluster.apply("dev", &role("dev", &["developers"]));
    world.until_entry("dev", true);
    world.settle(&mut operator);
}
