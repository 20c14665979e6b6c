//! The throwaway control plane against what its users rely on: it serves, and it leaves nothing behind.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::panic;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use control_plane::{ControlPlane, Error, Options};

#[test]
fn it_serves_what_it_was_given_and_leaves_nothing_behind() {
    let plane = ControlPlane::start().expect("a control plane");
    let folder = plane.dir().to_owned();
    assert!(!processes_that_name(&folder).is_empty(), "its servers are known by its folder");

    let aws_auth = r#"{"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "aws-auth", "namespace": "kube-system"}, "data": {"a": "b"}}"#;
    plane.kubectl(&["apply", "--filename=-"], Some(aws_auth)).expect("an object is made");
    let read =
        plane.kubectl(&["get", "configmap", "aws-auth", "-nkube-system", "-ojsonpath={.data.a}"], None);
    assert_eq!(read.expect("the object is read"), "b");

    drop(plane);
    assert_eq!(processes_that_name(&folder), Vec::<String>::new());
    assert!(!folder.exists());
}

#[test]
fn two_at_once_share_nothing() {
    let (one, other) = thread::scope(|both| {
        let one = both.spawn(|| ControlPlane::start().expect("one"));
        let other = both.spawn(|| ControlPlane::start().expect("the other"));
        (one.join().expect("one"), other.join().expect("the other"))
    });
    assert_ne!(one.url(), other.url());

    one.kubectl(&["create", "namespace", "only-here"], None).expect("a namespace");
    let there = other.kubectl(&["get", "namespace", "only-here"], None).expect_err("not in the other");
    assert!(there.to_string().contains("NotFound"), "{there}");

    let stranger = one.kubectl(&["get", "namespaces", "--token", other.admin_token()], None);
    assert!(stranger.expect_err("a token is good for one server").to_string().contains("Unauthorized"));

    drop(other);
    one.kubectl(&["get", "namespace", "only-here"], None).expect("one goes on without the other");
}

#[test]
fn an_outage_loses_no_data_and_moves_nothing() {
    let mut plane = ControlPlane::start().expect("a control plane");
    let url = plane.url();
    plane.kubectl(&["create", "namespace", "kept"], None).expect("a namespace");

    plane.stop_apiserver();
    plane.kubectl(&["get", "namespace", "kept"], None).expect_err("nobody answers");

    plane.start_apiserver().expect("it comes back");
    assert_eq!(plane.url(), url);
    plane.kubectl(&["get", "namespace", "kept"], None).expect("the namespace is still there");

    plane.restart_apiserver().expect("it comes back again");
    plane.kubectl(&["get", "namespace", "kept"], None).expect("the namespace is still there");
}

#[test]
fn a_user_may_do_what_its_groups_and_roles_allow_and_nothing_else() {
    let plane = Options::default()
        .user("limited", &[])
        .user("breakglass", &["system:masters"])
        .apiserver_flag("--event-ttl=7m")
        .start()
        .expect("a control plane");

    let limited = plane.token_of("limited").expect("a token");
    let refused = plane.kubectl(&["get", "configmaps", "-nkube-system", "--token", limited], None);
    assert!(refused.expect_err("it has no rights").to_string().contains("Forbidden"));

    let breakglass = plane.token_of("breakglass").expect("a token");
    let kubeconfig = plane.kubeconfig_with_token("breakglass", breakglass).expect("a kubeconfig");
    let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
    plane.kubectl(&["get", "configmaps", "-nkube-system", &kubeconfig], None).expect("its group may");

    // Workloads act with such tokens, and the server made the key for them itself.
    plane.kubectl(&["create", "serviceaccount", "robot"], None).expect("a service account");
    let token = plane.kubectl(&["create", "token", "robot"], None).expect("its token");
    let who =
        plane.kubectl(&["auth", "whoami", "-ojsonpath={.status.userInfo.username}", "--token", &token], None);
    assert_eq!(who.expect("the server knows it"), "system:serviceaccount:default:robot");
}

#[test]
fn a_server_that_cannot_start_says_why_and_leaves_nothing_behind() {
    let error = Options::default().apiserver_flag("--no-such-flag").start().expect_err("no such flag");
    assert!(matches!(error, Error::Ended { server: "kube-apiserver", .. }), "{error}");
    assert!(error.to_string().contains("no-such-flag"), "{error}");
}

#[test]
fn a_panicking_test_leaves_nothing_behind() {
    let mut folder = None;
    panic::catch_unwind(panic::AssertUnwindSafe(|| {
        let plane = ControlPlane::start().expect("a control plane");
        folder = Some(plane.dir().to_owned());
        panic!("as a failing assertion does");
    }))
    .expect_err("it panicked");
    let folder = folder.expect("it had started");
    assert_eq!(processes_that_name(&folder), Vec::<String>::new());
    assert!(!folder.exists());
}

#[test]
fn a_process_killed_outright_leaves_nothing_behind() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_control-plane"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let mut line = String::new();
    BufReader::new(owner.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    let kubeconfig = PathBuf::from(line.trim().strip_prefix("export KUBECONFIG=").expect("it started"));
    let folder = kubeconfig.parent().expect("its folder");
    assert!(!processes_that_name(folder).is_empty());

    owner.kill().expect("killed, so nothing of it runs any more");
    owner.wait().expect("gone");
    eventually("its servers end", || processes_that_name(folder).is_empty());
    eventually("its folder is removed", || !folder.exists());
}

#[test]
fn without_go_the_error_says_what_to_install_or_set() {
    let empty = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_control-plane"))
        .env_clear()
        .env("PATH", empty.path())
        .env("AWS_AUTH_OPERATOR_CACHE", empty.path())
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("kubectl v"), "which part, and its version: {said}");
    assert!(said.contains("install Go 1."), "what to install: {said}");
    assert!(said.contains("set KUBEBUILDER_ASSETS"), "what to do instead: {said}");
}

/// The command lines of running processes that name `folder`: every server and script of a control plane does.
fn processes_that_name(folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy();
    let Ok(processes) = fs::read_dir("/proc") else {
        return vec!["this machine has no /proc to look into".to_owned()];
    };
    processes
        .filter_map(|process| fs::read(process.ok()?.path().join("cmdline")).ok())
        .map(|words| String::from_utf8_lossy(&words).replace('\0', " "))
        .filter(|command_line| command_line.contains(&*folder))
        .collect()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < Duration::from_mins(1), "not within a minute: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
