//! Install, upgrade, rollback, uninstall: with a live operator, on an aws-auth that people already use.

use std::process::Command;

use crate::common::{EKSCTL_ROLES, arn, check, eventually, file};
use crate::helm::{Helm, NAMESPACE, RELEASE, chart, root};
use crate::world::{World, arguments_of, deployment_of};

/// An earlier chart, packaged: of commit 2b361bb, which knew nothing of checkpoints, called its configuration otherwise, and
/// has a CRD without `status.applied.expiresAt`.
fn earlier_chart() -> String {
    root().join("tests/chart/earlier/aws-auth-operator-0.0.1.tgz").to_str().unwrap().to_owned()
}

#[test]
fn it_is_installed_upgraded_rolled_back_and_uninstalled_and_no_entry_is_lost() {
    let world = World::start();
    let earlier = earlier_chart();
    let in_namespace = ["--namespace", NAMESPACE];
    let helm = |arguments: &[&str]| world.helm(&[arguments, &in_namespace[..]].concat());

    // On the first day it only watches.
    helm(&["install", RELEASE, &earlier, "--set", "config.mode=Observe"]);
    world.until_crd_is_served();
    let operator = world.run_operator();
    world.map("dev", &["developers"]);
    world.until("dev", "Observe");
    assert_eq!(world.map_roles(), EKSCTL_ROLES);
    operator.terminate();

    // Then it writes; what was there keeps its bytes.
    helm(&["upgrade", RELEASE, &earlier, "--set", "config.mode=Enforce"]);
    let operator = world.run_operator();
    world.until("dev", "Applied");
    assert!(world.map_roles().starts_with(EKSCTL_ROLES), "{}", world.map_roles());

    // A newer chart, with a live change at each step: the operator of the older one still runs, and hands over.
    world.map("before", &[]);
    world.kubectl(&["scale", "deployment", RELEASE, "--replicas=3", "--namespace", NAMESPACE]);
    helm(&["upgrade", RELEASE, chart().to_str().unwrap(), "--set", "config.guards.minAdmins=2"]);
    world.until("before", "Applied");
    let newer = world.launch_operator();
    world.kubectl(&["delete", "iamm", "dev"]);
    operator.terminate();
    world.map("after", &[]);
    newer.until_ready();
    world.until("after", "Applied");
    eventually("dev is revoked", || check(!world.map_roles().contains(&arn("dev")), || world.map_roles()));
    newer.terminate();
    let replicas = world.get(&["deployment", RELEASE, "--namespace", NAMESPACE])["spec"]["replicas"].clone();
    assert_eq!(replicas, 2, "what somebody scaled by hand is as the chart has it again");

    // Back to the older one, where the configuration has another name.
    helm(&["rollback", RELEASE, "2"]);
    let config = world.get(&["configmap", RELEASE, "--namespace", NAMESPACE]);
    assert_eq!(config["data"]["config.yaml"], "mode: Enforce\n");
    let operator = world.run_operator();
    world.map("latest", &[]);
    world.until("latest", "Applied");
    operator.terminate();

    let entries = world.map_roles();
    helm(&["uninstall", RELEASE]);
    assert_eq!(world.map_roles(), entries);
    let names = world.kubectl(&["get", "iamm", "--output=name"]);
    assert_eq!(names.lines().count(), 3, "{names}");
    let kinds = "deployments,configmaps,services,serviceaccounts,roles,rolebindings,poddisruptionbudgets";
    let selector = format!("--selector=app.kubernetes.io/instance={RELEASE}");
    assert_eq!(world.kubectl(&["get", kinds, "--all-namespaces", &selector, "--output=name"]), "");
    assert_eq!(world.kubectl(&["get", "clusterroles,clusterrolebindings", &selector, "--output=name"]), "");
    // Nothing that would wait for an operator which is not there any more.
    world.kubectl(&["delete", "iamm", "--all", "--timeout=20s"]);

    // And again, with the CRD that stayed.
    world.install(&[]);
    let operator = world.run_operator();
    world.map("again", &[]);
    world.until("again", "Applied");
    operator.terminate();
}

#[test]
fn the_containers_arguments_are_ones_that_the_operator_takes() {
    let helm = Helm::alone();
    for values in [None, Some(root().join("tests/chart/values/pods.yaml"))] {
        let objects = helm.objects(values.as_deref());
        let arguments = arguments_of(deployment_of(&objects));
        let output = Command::new(env!("CARGO_BIN_EXE_aws-auth-operator"))
            .args(&arguments)
            .args(["--context=none", "--help"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn wrong_values_leave_the_cluster_as_it_was() {
    let world = World::start();
    let chart = chart();
    for (values, name) in [
        ("config: {mod: Enforce}", "'mod' not allowed"),
        ("replicas: two", "'/replicas'"),
        ("config: {protected: [dev]}", "'/config/protected/0'"),
        (
            "config: {authenticationMode: Api, clusterCreator: {arn: 'arn:aws:iam::111122223333:role/a', ensure: true}}",
            "config.clusterCreator.ensure: true and config.authenticationMode: Api contradict each other",
        ),
    ] {
        let values = file(values);
        let arguments = ["install", RELEASE, chart.to_str().unwrap(), "--namespace", NAMESPACE];
        let values = ["--values", values.path().to_str().unwrap()];
        let said = world.try_helm(&[&arguments[..], &values].concat()).unwrap_err();
        assert!(said.contains(name), "{said}");
    }
    assert_eq!(world.helm(&["list", "--namespace", NAMESPACE, "--all", "--short"]), "");
    assert_eq!(world.kubectl(&["get", "crds,serviceaccounts", "--all-namespaces", "--output=name"]), "");
}

#[test]
fn without_the_charts_permissions_the_operator_says_which_is_missing_and_heals_when_it_is_there() {
    let world = World::start();
    world.install(&["--set", "rbac.create=false"]);
    let operator = world.launch_operator();
    operator.until_unready(&["cannot get resource", &format!("system:serviceaccount:{NAMESPACE}:{RELEASE}")]);
    let chart = chart();
    let set = ["--namespace", NAMESPACE, "--reset-values"];
    world.helm(&[&["upgrade", RELEASE, chart.to_str().unwrap()], &set[..]].concat());
    world.map("dev", &[]);
    world.until("dev", "Applied");
    operator.terminate();
}
