//! `plan` on files.

use serde_json::json;

use super::{Files, Said, run, run_with};

/// That no mapping is wanted has to be said.
const NONE: &str = "kind: List\nitems: []\n";
const ADMIN: &str = "- rolearn: arn:aws:iam::111122223333:role/admin
  username: admin
  groups: [system:masters]
";

fn mapping(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: aws-auth.dev/v1alpha1\nkind: IamMapping\nmetadata:\n  name: {name}\nspec:\n  arn: arn:aws:iam::111122223333:role/{name}\n{spec}"
    )
}

fn plan(roles: &str, mappings: &str, more: &[&str]) -> Said {
    let files = Files::new();
    let (aws_auth, mappings) = (files.write("roles.yaml", roles), files.write("mappings.yaml", mappings));
    let mut arguments = vec!["plan", "-f", &mappings, "--aws-auth", &aws_auth];
    arguments.extend(more);
    run(&arguments)
}

#[test]
fn a_new_mapping_is_a_change_and_exit_code_2() {
    let said = plan(ADMIN, &mapping("dev", "  username: dev\n  groups: [developers]\n"), &["-o", "json"]);
    assert_eq!(said.code, 2);
    let plan = said.json();
    assert_eq!(
        plan["changes"],
        json!([{
            "kind": "add",
            "key": "mapRoles",
            "principal": "arn:aws:iam::111122223333:role/dev",
            "mapping": "dev",
            "before": null,
            "after": {"arn": "arn:aws:iam::111122223333:role/dev", "username": "dev", "groups": ["developers"]},
        }])
    );
    assert_eq!((&plan["writes"], &plan["admins"]), (&json!(true), &json!({"before": 1, "after": 1})));
    assert_eq!((&plan["held"], &plan["refused"]), (&json!([]), &json!([])));
}

#[test]
fn what_stands_as_asked_is_nothing_to_do_and_exit_code_0() {
    let said = plan(ADMIN, NONE, &[]);
    assert_eq!((said.code, said.out.as_str()), (0, "nothing to write, admins 1, node entries 0.\n"));
    let dev = "- rolearn: arn:aws:iam::111122223333:role/dev\n  username: dev\n";
    assert_eq!(plan(dev, &mapping("dev", "  username: dev\n"), &[]).code, 0);
}

#[test]
fn what_is_refused_is_named_with_its_reason_and_exit_code_3() {
    let said = plan(ADMIN, &mapping("root", "  groups: [system:masters]\n"), &["-o", "json"]);
    assert_eq!(said.code, 3);
    let refused = &said.json()["refused"][0];
    assert_eq!((&refused["mapping"], &refused["reason"]), (&json!("root"), &json!("PrivilegedValue")));
}

#[test]
fn what_a_guard_holds_is_exit_code_3() {
    let broken = "- rolearn: {{SessionName}}\n";
    let said = plan(broken, &mapping("dev", "  username: dev\n"), &["-o", "json"]);
    assert_eq!(said.code, 3);
    assert_eq!(said.json()["held"][0]["reason"], "TargetMalformed");
}

#[test]
fn the_config_map_that_would_be_is_planned_to_stay() {
    let files = Files::new();
    let mappings =
        mapping("dev", "  username: \"dev: {{SessionName}} # no\"\n") + &mapping("ops", "  groups: [a]\n");
    let mappings = files.write("mappings.yaml", mappings);
    for roles in [
        ADMIN,
        "",
        "[{\"rolearn\": \"x\"}]",
        "- rolearn: x\r\n  username: y \r\n\r\n",
        "\t# tab\n- rolearn: x\n  username: \"\u{e9}\u{1f600}\"\n# end",
    ] {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "aws-auth", "namespace": "kube-system", "labels": {"a": "b"}}, "data": {"mapRoles": roles}});
        let before = files.write("before.json", object.to_string());
        let said = run(&["plan", "-f", &mappings, "--aws-auth", &before, "-o", "configmap"]);
        if roles.starts_with('\t') {
            assert_eq!(said.code, 3, "{said:?}");
            continue;
        }
        assert_eq!(said.code, 2, "{roles:?} {said:?}");
        let after = files.write("after.yaml", &said.out);
        let again = run(&["plan", "-f", &mappings, "--aws-auth", &after]);
        assert_eq!(again.code, 0, "{roles:?} {again:?}\n{}", said.out);
        let object: serde_json::Value = serde_saphyr::from_str(&said.out).unwrap();
        assert!(
            object["data"]["mapRoles"].as_str().unwrap().starts_with(roles.trim_end_matches(']')),
            "{object}"
        );
        assert_eq!(object["metadata"]["labels"]["a"], "b");
    }
}

#[test]
fn what_will_have_expired_by_a_time_is_planned_with_at() {
    let temporary = mapping("dev", "  username: dev\n  expiresAt: 2035-01-01T00:00:00Z\n");
    let files = Files::new();
    let (mappings, before) = (files.write("m.yaml", temporary), files.write("a.yaml", ADMIN));
    let now = run(&[
        "plan",
        "-f",
        &mappings,
        "--aws-auth",
        &before,
        "-o",
        "configmap",
        "--at",
        "2034-01-01T00:00:00Z",
    ]);
    assert_eq!(now.code, 2);
    let after = files.write("after.yaml", &now.out);
    let later =
        run(&["plan", "-f", &mappings, "--aws-auth", &after, "-o", "json", "--at", "2036-01-01T00:00:00Z"]);
    assert_eq!((later.code, &later.json()["changes"][0]["kind"]), (2, &json!("expire")));
}

#[test]
fn a_folder_is_read_with_all_below_it_and_other_kinds_are_counted() {
    let files = Files::new();
    files.write("apps/a.yaml", mapping("a", ""));
    files.write(
        "apps/deep/b.yml",
        mapping("b", "") + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n",
    );
    files.write("apps/c.json", r#"{"apiVersion":"aws-auth.dev/v1alpha1","kind":"IamMapping","metadata":{"name":"c"},"spec":{"accountId":"111122223333"}}"#);
    files.write("apps/README.md", "no YAML: [");
    files.write("apps/.git/x.yaml", "no YAML: [");
    let (folder, aws_auth) =
        (files.path().join("apps").display().to_string(), files.write("aws-auth.yaml", ADMIN));
    let said = run(&["plan", "-f", &folder, "--aws-auth", &aws_auth, "-o", "json"]);
    let plan = said.json();
    let names: Vec<&str> =
        plan["mappings"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert!(said.err.contains("1 object skipped"), "{}", said.err);
}

#[test]
fn standard_input_and_several_files_are_taken_together() {
    let files = Files::new();
    let (a, aws_auth) = (files.write("a.yaml", mapping("a", "")), files.write("aws-auth.yaml", ADMIN));
    let said =
        run_with(&["plan", "-f", &a, "-f", "-", "--aws-auth", &aws_auth, "-o", "json"], &mapping("b", ""));
    assert_eq!(said.json()["changes"].as_array().unwrap().len(), 2);
}

#[test]
fn a_removal_says_who_still_gets_in() {
    let files = Files::new();
    let (mappings, before) =
        (files.write("m.yaml", mapping("dev", "  username: dev\n")), files.write("a.yaml", ADMIN));
    let said = run(&["plan", "-f", &mappings, "--aws-auth", &before, "-o", "configmap"]);
    let after = files.write(
        "after.yaml",
        format!("{}\n", said.out.replace("data:\n", "data:\n  mapAccounts: '[\"111122223333\"]'\n")),
    );
    let none = files.write("none.yaml", NONE);
    let said = run(&["plan", "-f", &none, "--aws-auth", &after]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.out.contains("still gets in: account 111122223333 is mapped"), "{}", said.out);
}
