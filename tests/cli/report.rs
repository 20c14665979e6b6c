//! `report`, and what RBAC allows, on files.

use serde_json::json;

use super::{Files, run};

const ROLES: &str = "- rolearn: arn:aws:iam::111122223333:role/dev
  username: dev:{{SessionName}}
  groups: [developers]
- rolearn: arn:aws:iam::111122223333:role/team/lost
  username: lost
- rolearn: arn:aws:iam::111122223333:role/admin
  username: '<script>alert(1)</script>'
  groups: [system:masters]
";
const RBAC: &str = "apiVersion: v1
kind: List
items:
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRole
  metadata: {name: view}
  rules:
  - {apiGroups: [''], resources: [pods, services], verbs: [get, list]}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: RoleBinding
  metadata: {name: devs, namespace: dev}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
  subjects:
  - {kind: Group, name: developers}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRoleBinding
  metadata: {name: jane}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: gone}
  subjects:
  - {kind: User, name: 'dev:jane'}
";

#[test]
fn explain_says_which_bindings_follow_and_what_they_allow() {
    let files = Files::new();
    let (aws_auth, rbac) = (files.write("roles.yaml", ROLES), files.write("rbac.yaml", RBAC));
    let jane = "arn:aws:sts::111122223333:assumed-role/dev/jane";
    let answer = run(&["explain", jane, "--aws-auth", &aws_auth, "--rbac", &rbac, "-o", "json"]).json();
    assert_eq!(
        answer["rbac"],
        json!([
            {"binding": "ClusterRoleBinding/jane", "role": "ClusterRole/gone", "namespace": null, "through": "user dev:jane", "allows": null},
            {"binding": "RoleBinding/dev/devs", "role": "ClusterRole/view", "namespace": "dev", "through": "group developers", "allows": ["get, list on pods, services"]},
        ])
    );
}

#[test]
fn the_report_has_admins_first_and_says_what_counts() {
    let files = Files::new();
    let (aws_auth, rbac) = (files.write("roles.yaml", ROLES), files.write("rbac.yaml", RBAC));
    let rows = run(&["report", "--aws-auth", &aws_auth, "--rbac", &rbac, "-o", "json"]).json();
    let states: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["line"].clone(), row["state"].clone(), row["admin"].clone()))
        .collect();
    assert_eq!(
        states,
        [
            (json!(6), json!("counts"), json!(true)),
            (json!(1), json!("counts"), json!(false)),
            (json!(4), json!("matchesNobody"), json!(false))
        ]
    );
    // Its sessions can become who is bound by name.
    assert_eq!(rows[1]["rbac"].as_array().unwrap().len(), 2);
}

#[test]
fn the_report_names_the_iam_mapping_of_an_entry() {
    let files = Files::new();
    let mapping = "apiVersion: aws-auth.dev/v1alpha1\nkind: IamMapping\nmetadata: {name: ops}\nspec: {arn: 'arn:aws:iam::111122223333:role/ops', expiresAt: '2035-01-01T00:00:00Z'}\n";
    let (mapping, aws_auth) = (files.write("m.yaml", mapping), files.write("a.yaml", ROLES));
    let after = run(&["plan", "-f", &mapping, "--aws-auth", &aws_auth, "-o", "configmap"]).out;
    let after = files.write("after.yaml", after);
    let rows = run(&["report", "--aws-auth", &after, "-f", &mapping, "-o", "json"]).json();
    let owned: Vec<_> = rows.as_array().unwrap().iter().filter(|row| row["mapping"] == "ops").collect();
    assert_eq!((owned.len(), &owned[0]["until"]), (1, &json!("2035-01-01T00:00:00Z")));
}

#[test]
fn the_page_needs_nothing_else_and_shows_markup_as_text() {
    let files = Files::new();
    let page = run(&["report", "--aws-auth", &files.write("roles.yaml", ROLES), "-o", "html"]).out;
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    assert_eq!(page.matches("<script>").count(), 1);
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'"), "{page}");
}

#[test]
fn a_spreadsheet_gets_no_formulas() {
    let files = Files::new();
    let roles =
        "- rolearn: arn:aws:iam::111122223333:role/a\n  username: '=HYPERLINK(\"x\")'\n  groups: ['a,b']\n";
    let csv = run(&["report", "--aws-auth", &files.write("r.yaml", roles), "-o", "csv"]).out;
    let line = csv.lines().nth(1).unwrap();
    assert!(line.contains("\"'=HYPERLINK(\"\"x\"\")\""), "{line}");
    assert!(line.contains("\"a,b\""), "{line}");
}
