//! As a kubectl plugin on a real cluster.

use std::os::unix::fs::symlink;
use std::process::Command;

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

    // Whoever may not read it is told so.
    let said = plugin.run(&["plan", "--as", "nobody"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("cannot get resource"), "{said:?}");

    plugin.plane.stop_apiserver();
    let said = plugin.run(&["plan"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("the API server does not answer"), "{said:?}");
}
