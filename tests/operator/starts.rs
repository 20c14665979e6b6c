//! Bad starts: one clear line each, an end where trying again is of no use, patience where it is.

use std::net::TcpListener;

use crate::common::{Cluster, InProcess, Process, ended, file};

/// The one line that it said before it ended with 1.
#[track_caller]
fn failure(arguments: &[&str]) -> String {
    let (status, said) = ended(arguments);
    assert_eq!(status.code(), Some(1), "{said}");
    let lines: Vec<&str> = said.lines().filter(|line| !line.contains("\"level\":\"INFO\"")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    lines[0].to_owned()
}

#[test]
fn without_a_cluster_to_talk_to_it_ends_and_says_what_to_pass() {
    let said = failure(&[]);
    assert!(
        said.starts_with("error: no cluster to talk to")
            && said.contains("--kubeconfig FILE or set KUBECONFIG"),
        "{said}"
    );
}

#[test]
fn a_kubeconfig_that_is_missing_or_broken_ends_it_with_the_files_name_or_fault() {
    let said = failure(&["--kubeconfig", "/nowhere/kubeconfig"]);
    assert!(said.starts_with("error: kubeconfig: /nowhere/kubeconfig: No such file"), "{said}");
    let broken = file("clusters: [\n");
    let path = broken.path().to_str().unwrap();
    let said = failure(&["--kubeconfig", path]);
    assert!(
        said.starts_with(&format!("error: kubeconfig: {path}: ")) && said.contains("line 1 column"),
        "{said}"
    );
}

#[test]
fn a_bad_configuration_ends_it_with_file_line_and_what_to_write() {
    let config = file("mode: Enforce\npolicy:\n  priviledged: []\n");
    let path = config.path().to_str().unwrap();
    let said = failure(&["--config", path]);
    assert!(said.starts_with(&format!("error: {path}:3:3: ")) && said.contains("privileged"), "{said}");
    let said = failure(&["--config", "/nowhere/config.yaml"]);
    assert!(said.contains("/nowhere/config.yaml"), "{said}");
}

#[test]
fn an_address_that_is_taken_ends_it_and_the_flag_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let kubeconfig = unreachable();
    let said = failure(&["--listen", &address, "--kubeconfig", kubeconfig.path().to_str().unwrap()]);
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");
}

#[test]
fn an_api_server_that_cannot_be_reached_is_tried_again_and_a_signal_still_ends_it() {
    let kubeconfig = unreachable();
    let operator = Process::launch(kubeconfig.path(), &[]);
    operator.until_unready(&["API server: cannot be reached", "refused"]);
    let warnings =
        |operator: &Process| operator.log().iter().filter(|line| line.contains("cannot be reached")).count();
    crate::common::eventually("it tried twice", || {
        let tried =
            operator.metrics().get("api_requests_total{verb=\"get\",resource=\"namespaces\",code=\"none\"}");
        crate::common::check(tried >= 2, || tried.to_string())
    });
    assert_eq!(warnings(&operator), 1, "the same is not logged again: {:#?}", operator.log());
    operator.terminate();
}

#[test]
fn without_any_permission_it_waits_for_them_and_names_what_it_was_refused() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    cluster.revoke("get", "namespaces");
    let operator = InProcess::launch(&cluster);
    operator.until_unready(&["API server", "cannot get resource \"namespaces\"", "\"operator\""]);
    cluster.grant_everything();
    operator.until_ready();
}

/// A kubeconfig of a server that is not there.
fn unreachable() -> tempfile::NamedTempFile {
    // A port that was free a moment ago, and that nobody listens on now.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    file(&format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: \"https://127.0.0.1:{port}\"}}}}]\nusers: [{{name: u, user: {{token: t}}}}]\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n"
    ))
}
