//! Install, upgrade, rollback, uninstall: with a live operator, on an aws-auth that people already use.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::{EKSCTL_ROLES, arn, check, eventually, file};
use crate::helm::{Helm, NAMESPACE, RELEASE, chart, root};
use crate::world::{World, arguments_of, deployment_of};

/// The chart as the version before this one had it: the same templates, another number.
fn older_chart(folder: &Path) -> String {
    let copied = Command::new("cp").arg("-R").arg(chart()).arg(folder).status().unwrap();
    assert!(copied.success());
    let older = folder.join("aws-auth-operator");
    let text = fs::read_to_string(older.join("Chart.yaml")).unwrap();
    let text: String =
        text.lines()
            .map(|line| {
                if line.starts_with("version:") { "version: 0.0.1\n".to_owned() } else { format!("{line}\n") }
            })
            .collect();
    fs::write(older.join("Chart.yaml"), text).unwrap();
    older.to_str().unwrap().to_owned()
}

#[test]
fn it_is_installed_upgraded_rolled_back_and_uninstalled_and_no_entry_is_lost() {
    let world = World::start();
    let folder = tempfile::tempdir().unwrap();
    let older = older_chart(folder.path());
    let in_namespace = ["--namespace", NAMESPACE];
    let helm = |arguments: &[&str]| world.helm(&[arguments, &in_namespace[..]].concat());

    // On the first day it only watches.
    helm(&["install", RELEASE, &older, "--set", "config.mode=Observe"]);
    world.until_crd_is_served();
    let operator = world.run_operator();
    world.map("dev", &["developers"]);
    world.until("dev", "Observe");
    assert_eq!(world.map_roles(), EKSCTL_ROLES);
    operator.terminate();

    // Then it writes; what was there keeps its bytes.
    helm(&["upgrade", RELEASE, &older, "--set", "config.mode=Enforce"]);
    let operator = world.run_operator();
    world.until("dev", "Applied");
    assert!(world.map_roles().starts_with(EKSCTL_ROLES), "{}", world.map_roles());

    // A newer chart while a mapping is revoked: what happens in between is not lost.
    operator.terminate();
    world.map("later", &[]);
    world.kubectl(&["delete", "iamm", "dev"]);
    helm(&["upgrade", RELEASE, chart().to_str().unwrap(), "--set", "config.guards.minAdmins=2"]);
    let operator = world.run_operator();
    world.until("later", "Applied");
    eventually("dev is revoked", || check(!world.map_roles().contains(&arn("dev")), || world.map_roles()));
    operator.terminate();

    helm(&["rollback", RELEASE, "2"]);
    let config = world.get(&["configmap", "aws-auth-operator-config", "--namespace", NAMESPACE]);
    assert_eq!(config["data"]["config.yaml"], "mode: Enforce\n");
    let operator = world.run_operator();
    world.map("latest", &[]);
    world.until("latest", "Applied");
    operator.terminate();

    let entries = world.map_roles();
    helm(&["uninstall", RELEASE]);
    assert_eq!(world.map_roles(), entries);
    let names = world.kubectl(&["get", "iamm", "--output=name"]);
    assert_eq!(names.lines().count(), 2, "{names}");
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
    let values = file("config: {protected: [dev]}");
    let chart = chart();
    let said = world
        .try_helm(&[
            "install",
            RELEASE,
            chart.to_str().unwrap(),
            "--namespace",
            NAMESPACE,
            "--values",
            values.path().to_str().unwrap(),
        ])
        .unwrap_err();
    assert!(said.contains("/config/protected/0"), "{said}");
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
