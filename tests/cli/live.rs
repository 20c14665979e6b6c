//! As a kubectl plugin on a real cluster.

use std::borrow::Cow;
use std::os::unix::fs::symlink;
use std::process::Command;

use aws_auth_operator::checkpoints::{Header, Packed, State, config_map};
use control_plane::ControlPlane;
use serde_json::json;

use super::{Files, Said, said};

const AWS_AUTH: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: aws-auth, namespace: kube-system}
data:
  mapRoles: |
    # break glass
    - rolearn: arn:aws:iam::111122223333:role/admin
      username: admin
      groups: [system:masters]
    - rolearn: arn:aws:iam::111122223333:role/dev
      username: dev:{{SessionName}}
      groups: [developers]
";
const RBAC: &str = "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: developers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: developers}]
";
const JANE: &str = "arn:aws:sts::111122223333:assumed-role/dev/jane";

struct Plugin {
    files: Files,
    plane: ControlPlane,
}

impl Plugin {
    fn new() -> Self {
        let files = Files::new();
        symlink(env!("CARGO_BIN_EXE_aws-auth-operator"), files.path().join("kubectl-iam_mapping")).unwrap();
        Self { files, plane: ControlPlane::start().unwrap() }
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new("kubectl");
        let path = std::env::var("PATH").unwrap();
        command
            .arg("iam-mapping")
            .args(arguments)
            .env("PATH", format!("{}:{path}", self.files.path().display()))
            .env("KUBECONFIG", self.plane.kubeconfig_path());
        said(command, "")
    }
}

#[test]
fn the_plugin_reads_a_cluster_from_first_sight_to_the_end() {
    let mut plugin = Plugin::new();

    // Nothing is there yet, and that is said, not guessed.
    let said = plugin.run(&["plan"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("CRD is not installed"), "{said:?}");
    let said = plugin.run(&["explain", JANE, "-o", "json"]);
    assert_eq!((said.code, said.json()["allowed"].clone()), (0, json!(false)), "{said:?}");
    assert!(said.err.contains("no ConfigMap kube-system/aws-auth"), "{said:?}");

    plugin.plane.kubectl(&["apply", "-f", "-"], Some(AWS_AUTH)).unwrap();
    plugin.plane.kubectl(&["apply", "-f", "-"], Some(RBAC)).unwrap();
    let crd = aws_auth_operator::api::crd_yaml().unwrap();
    plugin.plane.kubectl(&["apply", "-f", "-"], Some(&crd)).unwrap();
    plugin
        .plane
        .kubectl(&["wait", "--for=condition=Established", "crd/iammappings.aws-auth.dev"], None)
        .unwrap();

    let said = plugin.run(&["explain", JANE, "-o", "json"]);
    let answer = said.json();
    assert_eq!(
        (&answer["username"], &answer["rbac"][0]["role"]),
        (&json!("dev:jane"), &json!("ClusterRole/view")),
        "{said:?}"
    );

    // What is imported changes nothing, before it is applied and after.
    let config = plugin.files.path().join("config.yaml").display().to_string();
    let import = plugin.run(&["import", "--config-out", &config]);
    assert_eq!(import.code, 0, "{import:?}");
    let mappings = plugin.files.write("mappings.yaml", &import.out);
    let plan = plugin.run(&["plan", "-f", &mappings, "--config", &config]);
    assert_eq!(plan.code, 0, "{plan:?}");
    plugin.plane.kubectl(&["apply", "-f", "-"], Some(&import.out)).unwrap();
    let plan = plugin.run(&["plan", "--config", &config]);
    assert_eq!(plan.code, 0, "{plan:?}");
    // Without the configuration the admin's mapping is refused.
    let plan = plugin.run(&["plan", "-o", "json"]);
    assert_eq!((plan.code, &plan.json()["refused"][0]["mapping"]), (3, &json!("admin")), "{plan:?}");

    let report = plugin.run(&["report"]);
    assert!(report.out.contains("2 principals can enter, 1 of them with system:masters."), "{report:?}");
    assert_eq!(plugin.run(&["lint", "--severity", "warning"]).out, "nothing to say\n");

    // No operator runs here, and nobody knows this user by an ARN.
    let status = plugin.run(&["status", "-o", "json"]).json();
    assert_eq!((&status["leader"], &status["mappings"]), (&json!(null), &json!({"NotSeenYet": 2})));
    let said = plugin.run(&["init"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("not by an ARN"), "{said:?}");

    // What waits is shown, and the approval is what the operator will find; without a yes nothing is written.
    let hash = "0123456789abcdef0123456789abcdef";
    let said = plugin.run(&["approve", hash, "--yes"]);
    assert!(said.code == 1 && said.err.contains("nothing waits for approval"), "{said:?}");
    let held = json!({"nonce": "0".repeat(32), "since": 0, "held": [{"hash": hash, "reason": "RemovalBrake", "entries": 9, "principals": ["arn:aws:iam::111122223333:role/a"], "message": "nine would go"}]});
    let annotation = format!("aws-auth.dev/held={held}");
    plugin.plane.kubectl(&["annotate", "-n", "kube-system", "cm", "aws-auth", &annotation], None).unwrap();
    assert!(plugin.run(&["status"]).out.contains("nine would go"));
    let approved = |plugin: &Plugin| {
        let path = "-o=jsonpath={.metadata.annotations.aws-auth\\.dev/approve}";
        plugin.plane.kubectl(&["get", "-n", "kube-system", "cm", "aws-auth", path], None).unwrap()
    };
    let said = plugin.run(&["approve", hash]);
    assert!(said.code == 1 && said.err.contains("--yes"), "{said:?}");
    assert_eq!(approved(&plugin), "");
    let said = plugin.run(&["approve", hash, "--yes"]);
    assert!(said.code == 0 && said.out.contains("and 8 more"), "{said:?}");
    assert_eq!(approved(&plugin), hash);

    // A version that the operator keeps is listed, compared, printed, and asked for.
    let before = plugin
        .plane
        .kubectl(&["get", "-n", "kube-system", "cm", "aws-auth", "-o=jsonpath={.data.mapRoles}"], None)
        .unwrap();
    let cluster =
        plugin.plane.kubectl(&["get", "ns", "kube-system", "-o=jsonpath={.metadata.uid}"], None).unwrap();
    let data = [("mapRoles".to_owned(), before.replace("dev:{{SessionName}}", "earlier"))].into();
    let state = State { data: Cow::Owned(data), ..State::default() };
    let content = Packed::of(&state).unwrap();
    let header = Header {
        number: 12,
        at: "2026-01-02T03:04:05Z".to_owned(),
        client: Some("eksctl".to_owned()),
        cluster,
        digest: content.digest().to_owned(),
        entries: 2,
        note: None,
    };
    plugin.plane.kubectl(&["apply", "-f", "-"], Some(&config_map(&header, &content).to_string())).unwrap();
    let said = plugin.run(&["history"]);
    assert_eq!(
        said.out,
        "VERSION  SEEN                  ENTRIES  CLIENT  NOTE\n12       2026-01-02T03:04:05Z  2        eksctl\n",
        "{said:?}"
    );
    let said = plugin.run(&["diff", "12"]);
    assert!(said.code == 2 && said.out.contains("+  username: dev:{{SessionName}}"), "{said:?}");
    assert_eq!((plugin.run(&["diff", "12", "12"]).code, plugin.run(&["diff", "3"]).code), (0, 1));
    assert!(plugin.run(&["restore", "12", "-o", "yaml"]).out.contains("username: earlier"));
    let said = plugin.run(&["restore", "12", "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    let asked = "-o=jsonpath={.metadata.annotations.aws-auth\\.dev/restore}";
    let asked = plugin.plane.kubectl(&["get", "-n", "kube-system", "cm", "aws-auth", asked], None).unwrap();
    assert_eq!(asked, "12");

    // Whoever may not read it is told so.
    let said = plugin.run(&["plan", "--as", "nobody"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("cannot get resource"), "{said:?}");

    plugin.plane.stop_apiserver();
    let said = plugin.run(&["plan"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("the API server does not answer"), "{said:?}");
}
