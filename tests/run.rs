//! `run` when something stands in its way: one line that says what to do, exit code 1 where trying again is no use,
//! and healing by itself where it is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::process::{Command, Output};

use common::{Process, apply, control_plane, eventually, install_crd, mapping, reason};
use control_plane::ControlPlane;

/// Runs the binary to its end, away from any kubeconfig of the person who runs the tests.
fn run(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_aws-auth-operator"))
        .env_clear()
        .env("HOME", home.path())
        .arg("run")
        .args(arguments)
        .output()
        .unwrap()
}

/// The one line that an operator which cannot start leaves.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    lines[0].to_owned()
}

#[test]
fn without_a_cluster_to_talk_to_it_says_how_to_name_one() {
    let line = refusal(&run(&["--listen", "127.0.0.1:0"]));
    assert!(line.contains("--kubeconfig") && line.contains("KUBECONFIG"), "{line}");
}

#[test]
fn a_kubeconfig_that_is_not_there_is_named() {
    let line = refusal(&run(&["--listen", "127.0.0.1:0", "--kubeconfig", "/nowhere/config"]));
    assert!(line.contains("/nowhere/config"), "{line}");
}

#[test]
fn a_wrong_configuration_is_refused_with_its_place_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, "mode: Enforce\ngaurds: {}\n").unwrap();
    let line = refusal(&run(&["--config", file.to_str().unwrap()]));
    assert!(line.contains("config.yaml:2:1: ") && line.contains("guards"), "{line}");
}

#[test]
fn a_missing_crd_is_not_ready_with_the_command_that_helps_and_heals_by_itself() {
    let plane = ControlPlane::start().unwrap();
    let operator = Process::launch(&plane.kubeconfig_path(), &[]);
    let advice = "aws-auth-operator crd | kubectl apply -f -";
    eventually("the operator misses the CRD", || operator.get("/readyz").contains(advice).then_some(()));
    assert_eq!(operator.get("/livez"), "ok\n");
    install_crd(&plane);
    eventually("the operator is ready", || (operator.get("/readyz") == "ok\n").then_some(()));
}

#[test]
fn a_missing_permission_is_named_and_heals_by_itself() {
    let plane = control_plane::Options::default().user("poor", &[]).start().unwrap();
    install_crd(&plane);
    let kubeconfig = plane.kubeconfig_with_token("poor", plane.token_of("poor").unwrap()).unwrap();
    let operator = Process::launch(&kubeconfig, &[]);
    let missing = "cannot get resource \"namespaces\"";
    eventually("the operator misses a verb", || operator.get("/readyz").contains(missing).then_some(()));
    plane
        .kubectl(
            &["create", "clusterrolebinding", "rich", "--clusterrole=cluster-admin", "--user=poor"],
            None,
        )
        .unwrap();
    eventually("the operator is ready", || (operator.get("/readyz") == "ok\n").then_some(()));
}

#[test]
fn a_restart_writes_nothing_when_all_is_as_it_was() {
    let plane = control_plane();
    let first = Process::start(&plane, &[]);
    apply(&plane, &mapping("dev", &["developers"]));
    eventually("the mapping is ready", || (reason(&plane, "dev") == "Applied").then_some(()));
    first.signal("TERM");
    assert_eq!(first.exit_code(), Some(0));

    let second = Process::start(&plane, &[]);
    let planned = "iam_mappings{reason=\"Applied\"} 1";
    eventually("the second operator has planned", || second.get("/metrics").contains(planned).then_some(()));
    // A second mapping passes through everything that could also have been written for the first.
    apply(&plane, &mapping("ops", &["operators"]));
    eventually("the second mapping is ready", || (reason(&plane, "ops") == "Applied").then_some(()));
    let metrics = second.get("/metrics");
    let patches = "api_requests_total{verb=\"patch\",resource=\"iammappings/status\",code=\"200\"} 1\n";
    assert!(metrics.contains(patches), "{metrics}");
    assert!(metrics.contains("aws_auth_writes_total{result=\"ok\"} 1\n"), "{metrics}");
}
