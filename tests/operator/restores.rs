//! aws-auth broken, deleted and emptied by others: it is whole again, and what they wrote is not lost.

use std::collections::BTreeMap;
use std::path::Path;

use aws_auth::Key;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;

use crate::common::{Cluster, EKSCTL_ROLES, InProcess, Process, arn, check, eventually, file, role, wait};

const BROKEN: &str = "- rolearn: a\n  groups: [\n";

fn kube_system(cluster: &Cluster) -> Api<ConfigMap> {
    Api::namespaced(cluster.client(), "kube-system")
}

fn delete_aws_auth(cluster: &Cluster) {
    wait(kube_system(cluster).delete("aws-auth", &DeleteParams::default())).unwrap();
}

/// A cluster with foreign entries and two of ours, and its aws-auth.
fn prepare() -> (Cluster, InProcess, String) {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let operator = InProcess::start(&cluster);
    for name in ["one", "two"] {
        cluster.apply(name, &role(name, &["developers"]));
        cluster.until(name, "Applied");
    }
    until_kept(&cluster, 4);
    let text = cluster.text(Key::MapRoles);
    (cluster, operator, text)
}

/// The header of the newest checkpoint.
fn newest(cluster: &Cluster) -> Option<serde_json::Value> {
    let all = wait(kube_system(cluster).list(&ListParams::default())).unwrap();
    all.iter()
        .filter_map(|slot| slot.metadata.annotations.as_ref()?.get("aws-auth.dev/checkpoint"))
        .map(|header| serde_json::from_str::<serde_json::Value>(header).unwrap())
        .max_by_key(|header| header["number"].as_u64())
}

/// Waits until the newest checkpoint has so many entries.
fn until_kept(cluster: &Cluster, entries: usize) {
    eventually("a checkpoint of that version", || {
        let newest = newest(cluster);
        check(newest.as_ref().is_some_and(|newest| newest["entries"] == entries), || format!("{newest:?}"))
    });
}

#[track_caller]
fn until_text(cluster: &Cluster, text: &str) {
    eventually("aws-auth is as it was", || {
        let now = cluster.aws_auth().and_then(|object| object.data?.remove("mapRoles"));
        check(now.as_deref() == Some(text), || format!("{now:?}"))
    });
}

#[test]
fn an_aws_auth_emptied_or_deleted_while_the_operator_was_down_is_restored_when_it_is_back() {
    let (cluster, operator, text) = prepare();
    drop(operator);
    cluster.edit_aws_auth("careless", BTreeMap::clear);
    let operator = InProcess::start(&cluster);
    until_text(&cluster, &text);
    drop(operator);
    delete_aws_auth(&cluster);
    let _operator = InProcess::start(&cluster);
    until_text(&cluster, &text);
}

#[test]
fn the_last_mapping_deleted_leaves_an_empty_aws_auth_and_nothing_is_restored() {
    let cluster = Cluster::take();
    let _operator = InProcess::start(&cluster);
    cluster.apply("one", &role("one", &["developers"]));
    cluster.until("one", "Applied");
    cluster.delete("one");
    let gone = || check(cluster.role(&arn("one")).is_none(), || cluster.text(Key::MapRoles));
    eventually("the entry is gone", gone);
    until_kept(&cluster, 0);
    cluster.apply("two", &role("two", &["developers"]));
    cluster.until("two", "Applied");
    assert!(cluster.role(&arn("one")).is_none());
}

#[test]
fn where_the_configuration_says_hold_nothing_is_restored_and_conditions_say_so() {
    let config = file("guards: {onMalformed: Hold, onMissing: Hold}\n");
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let _operator = Process::start(&cluster, &[&format!("--config={}", path(config.path()))]);
    cluster.apply("one", &role("one", &["developers"]));
    cluster.until("one", "Applied");
    delete_aws_auth(&cluster);
    let held = cluster.until("one", "TargetMissing");
    assert!(held.to_string().contains("iam-mapping history"), "{held}");
    assert!(cluster.aws_auth().is_none());
    cluster.create_aws_auth(&[("mapRoles", BROKEN)]);
    cluster.until("one", "TargetMalformed");
    assert_eq!(cluster.text(Key::MapRoles), BROKEN);
}

fn ask_for(cluster: &Cluster, version: &str) {
    let patch = json!({"metadata": {"annotations": {"aws-auth.dev/restore": version}}});
    let parameters = PatchParams { field_manager: Some("jane".to_owned()), ..PatchParams::default() };
    wait(kube_system(cluster).patch("aws-auth", &parameters, &Patch::Merge(patch))).unwrap();
}

#[test]
fn an_earlier_version_comes_back_when_a_person_asks_for_it_and_says_why_where_it_does_not() {
    let (cluster, _operator, text) = prepare();
    let earlier = newest(&cluster).unwrap()["number"].to_string();
    let without = EKSCTL_ROLES.replace("break-glass", "other-glass");
    cluster.edit_aws_auth("careless", |data| {
        data.insert("mapRoles".to_owned(), text.replace(EKSCTL_ROLES, &without));
    });
    cluster.delete("two");
    eventually("two is gone", || check(cluster.role(&arn("two")).is_none(), || cluster.text(Key::MapRoles)));
    until_kept(&cluster, 3);
    ask_for(&cluster, &earlier);
    eventually("the earlier version is back, without what was revoked", || {
        let now = cluster.text(Key::MapRoles);
        let back = now.starts_with(EKSCTL_ROLES) && now.contains("role/one") && !now.contains("role/two");
        check(back, || now)
    });
    cluster.until_event("aws-auth", &["Restored", &format!("version {earlier}")]);
    ask_for(&cluster, "4711");
    cluster.until_event("aws-auth", &["RestoreRefused", "4711 is not kept", "jane"]);
    let annotations = cluster.aws_auth().unwrap().metadata.annotations.unwrap();
    assert!(!annotations.contains_key("aws-auth.dev/restore"), "{annotations:?}");
}
