//! Several who believe that they lead.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aws_auth::{Entry, Key};
use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::common::{
    Cluster, Fate, Fault, Process, Version, arn, check, eventually, role, send_signal, wait, within,
};
use crate::world::{OWNED, World, promised, scaled};

/// An entry as eksctl writes it: the whole list is written anew, in its own order of fields, without comments.
fn as_eksctl_does(entries: &[Entry]) -> String {
    let rows: Vec<Value> = entries
        .iter()
        .map(|entry| json!({"groups": entry.groups, "rolearn": entry.arn, "username": entry.username}))
        .collect();
    serde_saphyr::to_string(&rows).unwrap()
}

/// Adds an entry of its own, in the place of the one before.
fn write_as_eksctl(cluster: &Cluster, n: usize) {
    cluster.edit_aws_auth("eksctl", |data| {
        let object = ConfigMap { data: Some(data.clone()), ..ConfigMap::default() };
        let mut entries = Version { number: 0, object: Some(object) }.entries(Key::MapRoles);
        entries.retain(|entry| !entry.username.starts_with("eksctl-"));
        let username = format!("eksctl-{n}");
        entries.push(Entry { arn: arn(&username), username, groups: vec!["theirs".to_owned()] });
        data.insert("mapRoles".to_owned(), as_eksctl_does(&entries));
    });
}

/// Puts a node group's role at the end, where it is not there.
fn write_as_node_groups(cluster: &Cluster, n: usize) {
    cluster.edit_aws_auth("node-group-controller", |data| {
        let text = data.get_mut("mapRoles").unwrap();
        let name = format!("node-group-{}-role", n % 50);
        if !text.contains(&arn(&name)) {
            let entry = json!([{"rolearn": arn(&name), "username": name}]);
            text.push_str(&serde_saphyr::to_string(&entry).unwrap());
        }
    });
}

#[test]
fn s42_three_other_writers_lose_nothing_by_our_hand_and_ours_is_right_in_the_end() {
    const TICK: Duration = Duration::from_millis(100);
    const OURS: usize = 100;
    let (world, mut operator) = World::running();
    let all: Vec<(String, Value)> = (0..OURS - OWNED)
        .map(|n| format!("dev-{n}"))
        .map(|name| (name.clone(), role(&name, &["developers"])))
        .collect();
    world.cluster.apply_all(&all);
    world.until_all_applied(&operator, OURS);
    let (cluster, over, careless) = (&world.cluster, AtomicBool::new(false), AtomicUsize::new(0));
    let stale = cluster.aws_auth().unwrap().data.unwrap();
    let (since, lasts) = (Instant::now(), scaled(Duration::from_mins(10)));
    let tick = |write: &dyn Fn(usize)| {
        for n in 0.. {
            if over.load(Ordering::Relaxed) {
                return;
            }
            write(n);
            thread::sleep(TICK);
        }
    };
    thread::scope(|all| {
        all.spawn(|| tick(&|n| write_as_eksctl(cluster, n)));
        all.spawn(|| tick(&|n| write_as_node_groups(cluster, n)));
        all.spawn(|| {
            tick(&|_| {
                // Over whatever stands there, from a copy of long ago.
                cluster.overwrite_aws_auth("careless", &stale);
                careless.fetch_add(1, Ordering::Relaxed);
            });
        });
        while since.elapsed() < lasts {
            let name = format!("dev-{}", fastrand::usize(..OURS - OWNED));
            cluster.apply(&name, &role(&name, &[&format!("round-{}", fastrand::u16(..))]));
            thread::sleep(TICK);
        }
        over.store(true, Ordering::Relaxed);
    });
    let took = since.elapsed();
    // What was fought over is put right once a minute, at the real durations.
    within(promised(Duration::from_mins(2)), "nothing is fought over any more", || {
        let applied = world.cluster.applied();
        check(applied == OURS, || format!("{applied} are Applied"))
    });
    let audit = world.audit();
    println!("{} versions, {} ours, {careless:?} careless", audit.versions.len(), audit.writes());
    let audit = world.settle(&mut operator);
    assert_eq!(audit.ours.len(), OURS);
    // The bucket's five, one for each second that it took, and those before and after.
    let seconds = took.as_secs_f64() / scaled(Duration::from_secs(1)).as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "some hundreds")]
    let writes = audit.writes() as f64;
    assert!(writes <= 10.0 + seconds, "{writes} writes in {seconds} s");
}

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
