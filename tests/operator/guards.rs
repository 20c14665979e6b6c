//! What is held, where people see it, and how a person lets it through.

use std::process::Command;

use aws_auth::Key;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

use crate::common::{Cluster, EKSCTL_ROLES, InProcess, arn, check, eventually, role, wait};

const HELD: &str = "aws-auth.dev/held";

fn approve(cluster: &Cluster, hash: &str) {
    let patch = json!({"metadata": {"annotations": {"aws-auth.dev/approve": hash}}});
    let configmaps: Api<ConfigMap> = Api::namespaced(cluster.client(), "kube-system");
    let parameters = PatchParams { field_manager: Some("jane".to_owned()), ..PatchParams::default() };
    wait(configmaps.patch("aws-auth", &parameters, &Patch::Merge(patch))).unwrap();
}

fn published(cluster: &Cluster) -> Option<Value> {
    let annotations = cluster.aws_auth()?.metadata.annotations?;
    Some(serde_json::from_str(annotations.get(HELD)?).unwrap())
}

fn ours(cluster: &Cluster) -> usize {
    cluster.entries(Key::MapRoles).iter().filter(|entry| entry.arn.contains("role/ours")).count()
}

#[test]
fn a_mass_deletion_is_braked_said_where_people_look_and_goes_on_when_a_person_approves() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let operator = InProcess::start(&cluster);
    for n in 0..20 {
        cluster.apply(&format!("ours-{n}"), &role(&format!("ours-{n}"), &["developers"]));
    }
    cluster.until_all_applied(20);
    cluster.kubectl(&["delete", "iammappings", "--all", "--wait=false"]);
    let held = eventually("the brake says what it holds", || {
        let held = published(&cluster);
        check(held.as_ref().is_some_and(|held| held["held"][0]["entries"] == 16), || format!("{held:?}"))?;
        Ok(held.unwrap())
    });
    assert_eq!(ours(&cluster), 16);
    let hash = held["held"][0]["hash"].as_str().unwrap();
    cluster.until_event("aws-auth", &["RemovalBrake", hash, "kubectl iam-mapping approve"]);
    let gauge = "held_parts{reason=\"RemovalBrake\"}";
    eventually("the gauge counts it", || {
        let count = operator.metrics().get(gauge);
        check(count == 16, || count.to_string())
    });
    // A single urgent one goes by itself, by the command line.
    let waits =
        cluster.entries(Key::MapRoles).into_iter().find(|entry| entry.arn.contains("role/ours")).unwrap();
    let approved = Command::new(env!("CARGO_BIN_EXE_aws-auth-operator"))
        .args(["approve", "--only", &waits.arn, "--yes", "--kubeconfig"])
        .arg(cluster.admin_kubeconfig())
        .output()
        .unwrap();
    assert!(approved.status.success(), "{}", String::from_utf8_lossy(&approved.stderr));
    assert!(String::from_utf8_lossy(&approved.stdout).contains("RemovalBrake"));
    eventually("it is gone", || check(cluster.role(&waits.arn).is_none(), || cluster.text(Key::MapRoles)));
    assert_eq!(ours(&cluster), 15);
    // Additions go on.
    cluster.apply("new", &role("new", &["developers"]));
    cluster.until("new", "Applied");
    assert_eq!(ours(&cluster), 15);

    approve(&cluster, "0123456789abcdef0123456789abcdef");
    cluster.until_event("aws-auth", &["ApprovalRefused", "0123456789abcdef", "jane"]);
    assert_eq!(ours(&cluster), 15);
    let hash = eventually("a hash with a new nonce", || {
        let now = published(&cluster).map(|held| held["held"][0]["hash"].as_str().unwrap().to_owned());
        check(now.is_some() && now.as_deref() != Some(hash), || format!("{now:?}"))?;
        Ok(now.unwrap())
    });
    approve(&cluster, &hash);
    eventually("they are gone", || check(ours(&cluster) == 0, || cluster.text(Key::MapRoles)));
    cluster.until_event("aws-auth", &["Approved", "15 held entries", "jane"]);
    assert!(cluster.text(Key::MapRoles).starts_with(EKSCTL_ROLES));
    assert_eq!(published(&cluster), None);
    eventually("the gauge is back at nothing", || {
        let count = operator.metrics().get(gauge);
        check(count == 0, || count.to_string())
    });
}

#[test]
fn the_brake_remembers_over_a_restart() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let operator = InProcess::start(&cluster);
    for n in 0..8 {
        cluster.apply(&format!("ours-{n}"), &role(&format!("ours-{n}"), &["developers"]));
    }
    cluster.until_all_applied(8);
    for n in 0..3 {
        cluster.delete(&format!("ours-{n}"));
    }
    eventually("three go", || check(ours(&cluster) == 5, || cluster.text(Key::MapRoles)));
    drop(operator);
    cluster.delete("ours-3");
    let _operator = InProcess::start(&cluster);
    eventually("the fourth is held", || {
        let held = published(&cluster);
        check(held.is_some(), || cluster.text(Key::MapRoles))
    });
    assert!(cluster.role(&arn("ours-3")).is_some());
}

#[test]
fn what_a_crd_that_was_made_again_left_behind_goes_only_once_somebody_approves() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let operator = InProcess::start(&cluster);
    let until_gone = |name: &str| {
        eventually("it is revoked", || {
            check(cluster.role(&arn(name)).is_none(), || cluster.text(Key::MapRoles))
        });
    };
    for name in ["dev", "ops"] {
        cluster.apply(name, &role(name, &["developers"]));
    }
    cluster.until_all_applied(2);

    cluster.kubectl(&["delete", "crd", "iammappings.aws-auth.dev"]);
    operator.until_unready(&["nothing is revoked"]);
    cluster.install_crd();
    cluster.apply("dev", &role("dev", &["developers"]));
    cluster.until("dev", "Applied");
    let hash = eventually("what waits is published", || {
        let held = published(&cluster).unwrap_or_default()["held"].take();
        let waits = held[0]["reason"] == "CRDRemade" && held[0]["entries"] == 1;
        check(waits, || held.to_string())?;
        Ok(held[0]["hash"].as_str().unwrap().to_owned())
    });
    cluster.until_event("aws-auth", &["CRDRemade", &arn("ops"), &hash, "kubectl iam-mapping approve"]);
    operator.until_ready();
    assert!(cluster.role(&arn("ops")).is_some());

    approve(&cluster, &hash);
    until_gone("ops");
    // From now on a deletion is one.
    cluster.delete("dev");
    until_gone("dev");
}
