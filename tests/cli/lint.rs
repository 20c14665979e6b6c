//! `lint` on files.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Files, data, run};

const ROLES: &str = "- rolearn: arn:aws:iam::111122223333:role/team/dev\n  username: dev\n- rolearn: arn:aws:iam::111122223333:role/ok\n  username: ok\n";

#[test]
fn a_finding_has_severity_code_message_key_and_line() {
    let files = Files::new();
    let said = run(&["lint", "--aws-auth", &files.write("roles.yaml", ROLES), "-o", "json"]);
    assert_eq!(said.code, 2);
    let found = said.json();
    let of = |field: &str| found[0][field].clone();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(
        (of("severity"), of("code"), of("key"), of("line")),
        (json!("error"), json!("role-path"), json!("mapRoles"), json!(1))
    );
    assert!(of("message").as_str().unwrap().contains("write arn:aws:iam::111122223333:role/dev"), "{found}");
}

#[test]
fn a_sound_aws_auth_is_exit_code_0_and_remarks_do_not_fail() {
    let files = Files::new();
    let sound = "- rolearn: arn:aws:iam::111122223333:role/ok\n  username: ok\n  groups: [system:masters]\n";
    let file = files.write("roles.yaml", sound);
    let said = run(&["lint", "--aws-auth", &file]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.ends_with("0 errors, 0 warnings, 1 remark\n"), "{}", said.out);
    let said = run(&["lint", "--aws-auth", &file, "--severity", "warning"]);
    assert_eq!((said.code, said.out.as_str()), (0, "nothing to say\n"));
}

#[test]
fn files_alone_are_looked_at_without_a_cluster() {
    let files = Files::new();
    let mapping = |name: &str, spec: &str| {
        format!(
            "---\napiVersion: aws-auth.dev/v1alpha1\nkind: IamMapping\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
        )
    };
    let arn = "arn: 'arn:aws:iam::111122223333:role/dev'";
    let text = mapping("a", arn)
        + &mapping("b", arn)
        + &mapping("c", "arn: 'arn:aws:iam::111122223333:root'")
        + &mapping("d", "arn: 'arn:aws:iam::111122223333:role/d', expiresAt: '2020-01-01T00:00:00Z'")
        + &mapping("e", "arn: 'arn:aws:iam::111122223333:role/e', groups: ['system:masters']")
        + &mapping("Not_A_Name", "arn: 'arn:aws:iam::111122223333:role/f'");
    let config = files.write("config.yaml", "mode: Enforce\n");
    let said = run(&["lint", "-f", &files.write("m.yaml", text), "--config", &config, "-o", "json"]);
    let found = said.json();
    let codes: Vec<&str> =
        found.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["duplicate-principal", "invalid-spec", "expired", "refused", "invalid-name"]);
    assert_eq!(found[1]["fileLine"], 11);
}

#[test]
fn github_gets_annotations_and_sarif_its_results() {
    let files = Files::new();
    let file = files.write("roles.yaml", ROLES);
    let github = run(&["lint", "--aws-auth", &file, "-o", "github"]);
    assert!(github.out.starts_with("::error file="), "{}", github.out);
    assert!(github.out.contains(",line=1,title=role-path::"), "{}", github.out);
    let sarif = run(&["lint", "--aws-auth", &file, "-o", "sarif"]).json();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(
        (&sarif["version"], &result["ruleId"], &result["level"]),
        (&json!("2.1.0"), &json!("role-path"), &json!("error"))
    );
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 1);
}

#[test]
fn every_code_has_a_section_and_every_section_a_code() {
    let page = include_str!("../../docs/lint.md");
    let sections: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let files = Files::new();
    let sarif = run(&["lint", "--aws-auth", &files.write("roles.yaml", ROLES), "-o", "sarif"]).json();
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap().clone();
    let codes: BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(sections, codes);
}

#[test]
fn the_corpus_is_read_without_a_fault_and_its_traps_are_found() {
    let codes = |file: &str| -> BTreeSet<String> {
        let path = data("corpus").join(file).display().to_string();
        let found: Value = run(&["lint", "--aws-auth", &path, "--severity", "warning", "-o", "json"]).json();
        found.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
    };
    let set = |codes: &[&str]| codes.iter().map(|&code| code.to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(codes("eksctl-nodegroup.yaml"), set(&[]));
    assert_eq!(codes("eksctl-duplicates.yaml"), set(&["shadowed"]));
    assert_eq!(codes("sso-with-path.yaml"), set(&["role-path"]));
    assert_eq!(codes("yaml-traps.yaml"), set(&["dropped", "empty-username", "unknown-field", "wrong-type"]));
    assert_eq!(codes("case-variants.yaml"), set(&["case-variants"]));
    assert_eq!(
        codes("session-name-first.yaml"),
        set(&["access-key", "group-placeholder", "session-name-first"])
    );
    assert_eq!(codes("root-and-others.yaml"), set(&["root", "unmatchable"]));
}
