//! What the commands print that need a cluster, as committed snapshots: into a pipe, with a terminal's colours, and asked on
//! a terminal. The cluster is real; no operator runs in it, so that what it would write is the same each time.

use std::borrow::Cow;
use std::process::{Command, Stdio};

use aws_auth_operator::checkpoints::{Header, Packed, State, config_map};
use control_plane::ControlPlane;
use serde_json::{Value, json};

use super::{Files, Said, said};

const AWS_AUTH: &str = "# break glass: see OPS-12
- rolearn: arn:aws:iam::111122223333:role/admin
  username: admin
  groups: [system:masters]
- rolearn: arn:aws:iam::111122223333:role/dev
  username: dev:{{SessionName}}
  groups: [developers]
";
const HASH: &str = "0123456789abcdef0123456789abcdef";

/// A cluster that an operator has left a moment ago.
struct Cluster {
    plane: ControlPlane,
    files: Files,
}

impl Cluster {
    fn new() -> Self {
        let cluster = Self { plane: ControlPlane::start().unwrap(), files: Files::new() };
        cluster.apply(&aws_auth_operator::api::crd_yaml().unwrap());
        cluster.kubectl(&["wait", "--for=condition=Established", "crd/iammappings.aws-auth.dev"]);
        let held = json!({"nonce": "0".repeat(32), "since": 1_767_323_045, "held": [{
            "hash": HASH,
            "reason": "RemovalBrake",
            "entries": 9,
            "principals": ["arn:aws:iam::111122223333:role/a", "arn:aws:iam::111122223333:role/b"],
            "message": "9 removals and demotions within 10 minutes, 3 are let through",
        }]});
        let aws_auth = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "aws-auth", "namespace": "kube-system", "annotations": {"aws-auth.dev/held": held.to_string()}},
            "data": {"mapRoles": AWS_AUTH},
        });
        cluster.apply_as("aws-auth-operator", &aws_auth);
        cluster.apply(
            &json!({
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": "aws-auth-operator", "namespace": "kube-system"},
                "spec": {"holderIdentity": "aws-auth-operator-7d9f-x2x4k", "renewTime": "2026-01-02T03:04:05.000000Z"},
            })
            .to_string(),
        );
        let fine = ("dev", "True", "Applied", "mapRoles line 5 says so");
        let conflict = (
            "admin",
            "False",
            "ForeignConflict",
            "mapRoles line 2 names the principal and is not ours; set adoption: Adopt, or remove it",
        );
        for (name, status, reason, message) in [fine, conflict] {
            cluster.mapping(name, &json!({}));
            let condition = json!({"type": "Ready", "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-01-02T03:04:05Z"});
            let patch = json!({"status": {"conditions": [condition]}}).to_string();
            cluster.kubectl(&["patch", "iamm", name, "--subresource=status", "--type=merge", "-p", &patch]);
        }
        let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(5);
        cluster.mapping(
            "contractor",
            &json!({"expiresAt": soon.round(jiff::Unit::Second).unwrap().to_string()}),
        );
        let without_dev = AWS_AUTH.split_inclusive("[system:masters]\n").next().unwrap();
        cluster.keep(11, "2026-01-01T08:00:00Z", Some("eksctl"), None, without_dev, 1);
        let earlier = AWS_AUTH.replace("dev:{{SessionName}}", "dev");
        cluster.keep(12, "2026-01-02T03:04:05Z", None, Some("after approval"), &earlier, 2);
        cluster
    }

    fn apply(&self, manifest: &str) {
        self.plane.kubectl(&["apply", "-f", "-"], Some(manifest)).unwrap();
    }

    fn apply_as(&self, client: &str, object: &Value) {
        let client = format!("--field-manager={client}");
        self.plane
            .kubectl(&["apply", "--server-side", &client, "-f", "-"], Some(&object.to_string()))
            .unwrap();
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        self.plane.kubectl(arguments, None).unwrap()
    }

    fn mapping(&self, name: &str, more: &Value) {
        let mut spec = json!({"arn": format!("arn:aws:iam::111122223333:role/{name}")});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let object = json!({"apiVersion": "aws-auth.dev/v1alpha1", "kind": "IamMapping", "metadata": {"name": name}, "spec": spec});
        self.apply(&object.to_string());
    }

    fn keep(
        &self,
        number: u64,
        at: &str,
        client: Option<&str>,
        note: Option<&str>,
        roles: &str,
        entries: usize,
    ) {
        let data = [("mapRoles".to_owned(), roles.to_owned())].into();
        let content = Packed::of(&State { data: Cow::Owned(data), ..State::default() }).unwrap();
        let header = Header {
            number,
            at: at.to_owned(),
            client: client.map(str::to_owned),
            cluster: self.kubectl(&["get", "ns", "kube-system", "-o=jsonpath={.metadata.uid}"]),
            digest: content.digest().to_owned(),
            entries,
            note: note.map(str::to_owned),
        };
        self.apply(&config_map(&header, &content).to_string());
    }

    fn annotation(&self, name: &str) -> String {
        let path = format!("-o=jsonpath={{.metadata.annotations.aws-auth\\.dev/{name}}}");
        self.kubectl(&["get", "-n", "kube-system", "cm", "aws-auth", &path])
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("KUBECONFIG", self.plane.kubeconfig_path())
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE");
        command.current_dir(self.files.path());
        command
    }

    fn run(&self, arguments: &[&str], colours: bool) -> Said {
        let mut command = self.command(env!("CARGO_BIN_EXE_aws-auth-operator"));
        command.args(arguments);
        if colours {
            command.env("CLICOLOR_FORCE", "1");
        }
        said(command, "")
    }

    /// What it prints, but for what differs from run to run.
    fn shown(&self, arguments: &[&str], colours: bool) -> String {
        let said = self.run(arguments, colours);
        let text = format!(
            "$ {}\n{}--- standard error, exit code {}\n{}",
            arguments.join(" "),
            said.out,
            said.code,
            said.err
        );
        redacted(
            &text.replace('\u{1b}', "␛"),
            &self.kubectl(&["get", "ns", "kube-system", "-o=jsonpath={.metadata.uid}"]),
        )
    }

    /// The same with a person in front of it who types this.
    fn asked(&self, arguments: &[&str], types: &str) -> Said {
        let line = format!("{} {}", env!("CARGO_BIN_EXE_aws-auth-operator"), arguments.join(" "));
        let mut command = self.command("script");
        // It makes a terminal, and ends as the command ends.
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        said(command, types)
    }
}

/// Times of today and the cluster's identity are not the same in the next run.
fn redacted(text: &str, cluster: &str) -> String {
    let text = text.replace(cluster, "<cluster>");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("20") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let length = from.find(|c: char| !(c.is_ascii_digit() || "-T:.Z".contains(c))).unwrap_or(from.len());
        let (word, after) = from.split_at(length.max(2));
        // A sentence may end with it.
        let (time, dot) = word.strip_suffix('.').map_or((word, ""), |time| (time, "."));
        let is_now = time.parse::<jiff::Timestamp>().is_ok() && !time.starts_with("2026-01-0");
        out.push_str(if is_now { "<now>" } else { time });
        out.push_str(dot);
        rest = after;
    }
    out + rest
}

#[test]
fn what_is_read_from_a_cluster_looks_as_it_did() {
    let cluster = Cluster::new();
    for (name, arguments) in [
        ("status", vec!["status"]),
        ("status_json", vec!["status", "-o", "json"]),
        ("history", vec!["history"]),
        ("history_json", vec!["history", "-o", "json"]),
        ("diff_to_now", vec!["diff", "12"]),
        ("diff_of_two", vec!["diff", "11", "12"]),
        ("diff_of_one_that_is_not_kept", vec!["diff", "3"]),
        ("approve_without_a_yes", vec!["approve", HASH]),
        ("approve_of_nothing_known", vec!["approve", "ffffffffffffffffffffffffffffffff"]),
        ("restore_without_a_yes", vec!["restore", "11"]),
        ("restore_yaml", vec!["restore", "12", "-o", "yaml"]),
        ("init_without_an_arn", vec!["init"]),
        ("plan_live", vec!["plan"]),
        ("whoever_may_not", vec!["status", "--as", "nobody"]),
    ] {
        insta::assert_snapshot!(format!("{name}_in_a_pipe"), cluster.shown(&arguments, false));
        insta::assert_snapshot!(format!("{name}_on_a_terminal"), cluster.shown(&arguments, true));
    }
    assert_eq!(
        (cluster.annotation("approve"), cluster.annotation("restore")),
        (String::new(), String::new())
    );
    // And what writes.
    insta::assert_snapshot!("approve", cluster.shown(&["approve", HASH, "--yes"], false));
    insta::assert_snapshot!("restore", cluster.shown(&["restore", "11", "--yes"], true));
    assert_eq!(
        (cluster.annotation("approve").as_str(), cluster.annotation("restore").as_str()),
        (HASH, "11")
    );
}

#[test]
fn a_person_is_asked_first_and_a_no_writes_nothing() {
    let cluster = Cluster::new();
    let answer = cluster.asked(&["approve", HASH], "n\n");
    assert!(answer.code == 1 && answer.out.contains("Let this through? [y/N]"), "{answer:?}");
    assert_eq!(cluster.annotation("approve"), "");
    let answer = cluster.asked(&["approve", HASH], "y\n");
    assert!(answer.code == 0 && answer.out.contains("approved"), "{answer:?}");
    assert_eq!(cluster.annotation("approve"), HASH);
    let answer = cluster.asked(&["restore", "11"], "y\n");
    assert!(answer.code == 0 && answer.out.contains("Ask the operator to restore this? [y/N]"), "{answer:?}");
    assert_eq!(cluster.annotation("restore"), "11");
    // What goes to a terminal has colours, unless they are not wanted.
    assert!(cluster.asked(&["status"], "").out.contains("\u{1b}["));
    let mut command = cluster.command("script");
    command.env("NO_COLOR", "1");
    let line = format!("{} status", env!("CARGO_BIN_EXE_aws-auth-operator"));
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).stdin(Stdio::null());
    let plain = said(command, "");
    assert!(plain.code == 0 && !plain.out.contains('\u{1b}'), "{plain:?}");
}

#[test]
fn groups_are_acted_in_as_kubectl_has_it() {
    let cluster = Cluster::new();
    let said = cluster.run(&["history", "--as", "nobody", "--as-group", "system:masters"], false);
    assert_eq!(said.code, 0, "{said:?}");
    let said = cluster.run(&["history", "--as-group", "system:masters"], false);
    assert!(said.code == 1 && said.err.contains("--as <USER>"), "{said:?}");
}

#[test]
fn a_reader_that_goes_away_midway_is_no_error() {
    let cluster = Cluster::new();
    for command in ["status --watch", "history", "plan"] {
        let mut shell = cluster.command("bash");
        let line = format!(
            "{} {command} | head -n 1; exit ${{PIPESTATUS[0]}}",
            env!("CARGO_BIN_EXE_aws-auth-operator")
        );
        shell.args(["-c", &line]);
        let said = said(shell, "");
        assert!(matches!(said.code, 0 | 2 | 3), "{command}: {said:?}");
        assert!(!said.err.contains("panicked") && !said.err.contains("Broken pipe"), "{command}: {said:?}");
    }
}
