//! Installing, upgrading and taking away: what grants access stays until somebody takes it away on purpose.

use std::time::Duration;

use aws_auth::Key;
use aws_auth::mapping::Uid;
use aws_auth::ownership::ANNOTATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::json;

use crate::common::{arn, check, eventually, role, within};
use crate::world::{FOREIGN, OWNED, World, count, owned, promised};

#[test]
fn s48_a_crd_deleted_while_the_operator_runs_removes_nothing() {
    let (world, operator) = World::running();
    let owned = owned();
    let (text, since) = (world.cluster.text(Key::MapRoles), world.audit().versions.len() - 1);
    world.cluster.kubectl(&["delete", "crd", "iammappings.aws-auth.dev"]);
    operator.until_unready(&["CRD iammappings.aws-auth.dev", "aws-auth-operator crd | kubectl apply -f -"]);
    assert_eq!(world.cluster.text(Key::MapRoles), text);
    // The mappings come back one by one, with the operator looking on and started anew in the middle of it.
    world.cluster.install_crd();
    operator.until_ready();
    let (first, others) = owned.split_at(OWNED / 2);
    world.cluster.apply_all(first);
    world.cluster.until_all_applied(first.len());
    operator.terminate();
    let mut operator = world.start();
    world.cluster.apply_all(others);
    world.until_all_applied(&operator, OWNED);
    let audit = world.settle(&mut operator);
    for version in &audit.versions[since..] {
        assert_eq!(version.reading.items().len(), OWNED + FOREIGN, "in version {}", version.number);
    }
}

#[test]
fn s49_after_an_uninstall_the_entries_stay_and_nothing_is_stuck() {
    let (world, operator) = World::running();
    let text = world.cluster.text(Key::MapRoles);
    operator.terminate();
    assert_eq!(world.cluster.leader(), None);
    world.cluster.revoke_everything();
    world.cluster.delete("owned-1");
    eventually("nothing keeps the object", || {
        check(world.cluster.all_mappings().len() == OWNED - 1, || "it is there".to_owned())
    });
    world.cluster.delete_all();
    eventually("nothing keeps any object", || {
        check(world.cluster.all_mappings().is_empty(), || "some are there".to_owned())
    });
    assert_eq!(world.cluster.text(Key::MapRoles), text);
    world.cluster.grant_everything();
    world.end();
}

#[test]
fn s50_in_a_namespace_that_is_terminating_nothing_is_written_once_the_lease_is_lost() {
    let world = World::at_rest();
    let namespace = format!("ops-{:08x}", fastrand::u32(..));
    world.cluster.kubectl_apply(
        &json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                "metadata": {"name": "leader", "namespace": namespace},
                "rules": [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]}],
            },
            {
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": {"name": "leader", "namespace": namespace},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "leader"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "operator"}],
            },
        ]})
        .to_string(),
    );
    let operator = world.launch_with(&["--lease-namespace", &namespace]);
    world.until_all_applied(&operator, OWNED);
    world.cluster.kubectl(&["delete", "namespace", &namespace, "--wait=false"]);
    world.cluster.kubectl(&["delete", "lease", "aws-auth-operator", &format!("--namespace={namespace}")]);
    within(promised(Duration::from_secs(30)), "it does not lead any more", || {
        check(!operator.leads(), || "it leads".to_owned())
    });
    operator.until_unready(&["leader election", "being terminated"]);
    let before = world.audit().writes();
    world.cluster.apply("dev", &role("dev", &["developers"]));
    let tries = world.proxy.count("create", "leases");
    eventually("it would lead if it could", || {
        let now = world.proxy.count("create", "leases");
        check(now >= tries + 2, || now.to_string())
    });
    assert_eq!(world.audit().writes(), before);
    operator.terminate();
    world.end();
}

/// A record as the first version wrote it, put together by hand from its layout.
struct Layout1 {
    rows: Vec<[u8; 24]>,
    alone: Vec<u8>,
    cluster: [u8; 16],
}

fn by_hand(value: &str) -> Layout1 {
    let bytes = STANDARD_NO_PAD.decode(value).unwrap();
    assert_eq!(bytes[0], 1, "the layout that every version reads");
    let rows = usize::try_from(u32::from_be_bytes(bytes[17..21].try_into().unwrap())).unwrap();
    let end = 21 + 24 * rows;
    Layout1 {
        rows: bytes[21..end].as_chunks::<24>().0.to_vec(),
        alone: bytes[end..end + rows.div_ceil(8)].to_vec(),
        cluster: bytes[1..17].try_into().unwrap(),
    }
}

impl Layout1 {
    fn encode(&self) -> String {
        let mut bytes = vec![1];
        bytes.extend_from_slice(&self.cluster);
        bytes.extend_from_slice(&u32::try_from(self.rows.len()).unwrap().to_be_bytes());
        bytes.extend(self.rows.iter().flatten());
        bytes.extend_from_slice(&self.alone);
        // The brake's window, with nothing in it.
        bytes.push(0);
        STANDARD_NO_PAD.encode(bytes)
    }
}

#[test]
fn s51_the_ownership_record_is_readable_by_the_version_before_and_by_the_one_after() {
    let (world, operator) = World::running();
    operator.terminate();
    let annotation =
        |world: &World| world.cluster.aws_auth().unwrap().metadata.annotations.unwrap()[ANNOTATION].clone();
    let written = by_hand(&annotation(&world));
    assert_eq!(Uid(written.cluster), world.cluster.uid());
    assert_eq!(written.rows.len(), OWNED);

    // Upgrade: what the first version wrote is understood as it stands.
    world.cluster.change_aws_auth("aws-auth-operator", |object| {
        object.metadata.annotations.as_mut().unwrap().insert(ANNOTATION.to_owned(), written.encode());
    });
    let before = world.audit().writes();
    let operator = world.start();
    world.cluster.delete("owned-1");
    world.until_entry("owned-1", false);
    world.until_quiet(&operator);
    let audit = world.audit();
    assert_eq!(audit.ours.len(), OWNED - 1);
    // Its own record may be spelled anew, once.
    assert!((before + 1..=before + 2).contains(&audit.writes()), "{before} and then {}", audit.writes());
    operator.terminate();

    // Downgrade: what a later version wrote in a layout of its own is no reason to remove anything.
    world.cluster.change_aws_auth("aws-auth-operator", |object| {
        object
            .metadata
            .annotations
            .as_mut()
            .unwrap()
            .insert(ANNOTATION.to_owned(), STANDARD_NO_PAD.encode([2, 0, 0]));
    });
    let mut operator = world.start();
    world.cluster.apply("dev", &role("dev", &["developers"]));
    world.cluster.until("dev", "Applied");
    assert_eq!(by_hand(&annotation(&world)).rows.len(), OWNED);
    world.settle(&mut operator);
}

#[test]
fn s56_many_mappings_at_a_cold_start_take_one_write() {
    let world = World::at_rest();
    let many = crate::world::scaled_count(5_000);
    let mappings: Vec<_> = (0..many - OWNED)
        .map(|n| format!("dev-{n}"))
        .map(|name| (name.clone(), role(&name, &["developers"])))
        .collect();
    world.cluster.apply_all(&mappings);
    let mut operator = world.start();
    world.until_all_applied(&operator, many);
    println!("{many} mappings");
    assert_eq!(world.settle(&mut operator).writes(), 1);
    assert_eq!(count(&operator, "aws_auth_entries"), many + FOREIGN);
    assert!(world.cluster.role(&arn("dev-0")).is_some());
}
