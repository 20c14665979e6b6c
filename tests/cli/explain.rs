//! `explain` on files.

use serde_json::json;

use super::{Files, run, run_with};

const ROLES: &str = "- rolearn: arn:aws:iam::111122223333:role/dev
  username: old
- rolearn: arn:aws:iam::111122223333:role/dev
  username: dev:{{SessionName}}
  groups: [developers, viewers]
- rolearn: arn:aws:iam::111122223333:role/team/ops
  username: ops
- rolearn: arn:aws:iam::111122223333:role/node
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:nodes]
";
const JANE: &str = "arn:aws:sts::111122223333:assumed-role/dev/jane@example.com";

/// The roles as they stand below `mapRoles: |`.
fn indented() -> String {
    ROLES.lines().flat_map(|line| ["    ", line, "\n"]).collect()
}

#[test]
fn a_session_is_told_its_username_groups_entry_and_what_is_shadowed() {
    let file = Files::new();
    let said = run(&["explain", JANE, "--aws-auth", &file.write("roles.yaml", ROLES), "-o", "json"]);
    assert_eq!(said.code, 0);
    let entry = |line: usize, username: &str, groups: &[&str]| json!({"key": "mapRoles", "line": line, "arn": "arn:aws:iam::111122223333:role/dev", "username": username, "groups": groups});
    assert_eq!(
        said.json(),
        json!({
            "allowed": true,
            "username": "dev:jane-example.com",
            "groups": ["developers", "viewers"],
            "entry": entry(3, "dev:{{SessionName}}", &["developers", "viewers"]),
            "shadowed": [entry(1, "old", &[])],
            "principal": "arn:aws:iam::111122223333:role/dev",
        })
    );
}

#[test]
fn a_role_is_nobody_yet_so_its_placeholders_stay() {
    let files = Files::new();
    let file = files.write("roles.yaml", ROLES);
    for (role, username) in [("dev", "dev:{{SessionName}}"), ("node", "system:node:{{EC2PrivateDNSName}}")] {
        let arn = format!("arn:aws:iam::111122223333:role/{role}");
        let answer = run(&["explain", &arn, "--aws-auth", &file, "-o", "json"]).json();
        assert_eq!((&answer["allowed"], &answer["username"]), (&json!(true), &json!(username)));
    }
}

#[test]
fn a_human_on_a_node_entry_is_told_that_the_session_is_no_instance() {
    let file = Files::new();
    let arn = "arn:aws:sts::111122223333:assumed-role/node/jane";
    let answer = run(&["explain", arn, "--aws-auth", &file.write("r.yaml", ROLES), "-o", "json"]).json();
    assert_eq!((&answer["allowed"], &answer["reason"]), (&json!(false), &json!("NoInstance")));
}

#[test]
fn whoever_does_not_get_in_is_told_what_comes_close_and_what_would_let_them_in() {
    let files = Files::new();
    let arn = "arn:aws:sts::111122223333:assumed-role/ops/jane";
    let file = files.write("roles.yaml", ROLES);
    let answer = run(&["explain", arn, "--aws-auth", &file, "-o", "json"]).json();
    assert_eq!(answer["clues"][0]["code"], "role-path");
    assert_eq!(answer["clues"][0]["line"], 6);
    // What is suggested does let them in.
    let mapping = files.write("mapping.yaml", answer["suggestion"].as_str().unwrap());
    let after = run(&["explain", arn, "--aws-auth", &file, "-f", &mapping, "-o", "json"]).json();
    assert_eq!(after["allowed"], true);
}

#[test]
fn what_no_caller_can_be_is_told_so() {
    let file = Files::new();
    let file = file.write("roles.yaml", ROLES);
    for arn in ["arn:aws:iam::111122223333:group/Admins", "jane", "arn:aws:s3:::bucket"] {
        let answer = run(&["explain", arn, "--aws-auth", &file, "-o", "json"]).json();
        assert_eq!((&answer["allowed"], &answer["reason"]), (&json!(false), &json!("NoIdentity")), "{arn}");
    }
}

#[test]
fn aws_auth_is_taken_in_every_form_in_which_people_have_it() {
    let indented = indented();
    let yaml = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  namespace: kube-system\ndata:\n  mapRoles: |\n{indented}"
    );
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "aws-auth", "namespace": "kube-system"}, "data": {"mapRoles": ROLES}});
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "coredns", "namespace": "kube-system"}, "data": {}});
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [other, object]});
    let typed = json!({"apiVersion": "v1", "kind": "ConfigMapList", "items": [{"metadata": {"name": "aws-auth", "namespace": "kube-system"}, "data": {"mapRoles": ROLES}}]});
    let forms = [
        yaml.clone(),
        format!("# saved\n---\n{yaml}"),
        format!("\u{feff}{}", yaml.replace('\n', "\r\n")),
        object.to_string(),
        serde_json::to_string_pretty(&list).unwrap(),
        typed.to_string(),
        serde_saphyr::to_string(&list).unwrap(),
        ROLES.to_owned(),
        format!("mapRoles: |\n{indented}"),
        json!([{"rolearn": "arn:aws:iam::111122223333:role/dev", "username": "dev:{{SessionName}}"}])
            .to_string(),
    ];
    for form in forms {
        let said = run_with(&["explain", JANE, "--aws-auth", "-", "-o", "json"], &form);
        assert_eq!(said.code, 0, "{form}\n{said:?}");
        assert_eq!(said.json()["username"], "dev:jane-example.com", "{form}");
    }
}

#[test]
fn a_bare_list_is_of_the_key_that_its_fields_are_of() {
    let arn = "arn:aws:iam::111122223333:user/jane";
    let users = "- userarn: arn:aws:iam::111122223333:user/jane\n  username: jane\n";
    let said = run_with(&["explain", arn, "--aws-auth", "-", "-o", "json"], users);
    assert_eq!(said.json()["entry"]["key"], "mapUsers");
    let said = run_with(&["explain", arn, "--aws-auth", "-", "-o", "json"], "- \"111122223333\"\n");
    assert_eq!(said.json()["entry"]["key"], "mapAccounts");
}

#[test]
fn the_line_for_people_is_the_line_of_the_file() {
    let indented = indented();
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\ndata:\n  mapRoles: |\n{indented}"
    );
    let files = Files::new();
    let file = files.write("aws-auth.yaml", &text);
    let said = run(&["explain", JANE, "--aws-auth", &file]);
    let line = text.lines().position(|line| line.contains("dev:{{SessionName}}")).unwrap();
    assert!(said.out.contains(&format!("aws-auth.yaml:{line}")), "{}", said.out);
}
