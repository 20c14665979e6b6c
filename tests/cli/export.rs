//! `export` on files: what it makes is read back by parsers of others.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use super::{Files, data, run, said};

const ROLES: &str = "- rolearn: arn:aws:iam::111122223333:role/n
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
- rolearn: arn:aws:iam::111122223333:role/dev
  username: dev:{{SessionName}}
  groups: [developers, \"it's ${HOME} \\\"quoted\\\"\"]
- rolearn: arn:aws:iam::111122223333:role/admin
  username: admin
  groups: [system:masters]
- rolearn: arn:aws:iam::111122223333:role/bad
  username: system:bad
  groups: [system:controllers]
";

pub(crate) fn exported(to: &str) -> super::Said {
    let files = Files::new();
    let file = files.write("roles.yaml", ROLES);
    let said = run(&["export", "--to", to, "--cluster", "prod", "--aws-auth", &file]);
    assert_eq!(said.code, 0, "{said:?}");
    said
}

/// Principal, username and groups of the entries for people that are not lost.
pub(crate) fn people() -> BTreeSet<(String, String, String)> {
    let json = exported("json").json();
    let entries = json["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| {
            let arn = entry["principalArn"].as_str().unwrap().to_owned();
            (arn, entry["username"].to_string(), entry["kubernetesGroups"].to_string())
        })
        .collect()
}

pub(crate) fn found(entries: &[Value], fields: [&str; 3]) -> BTreeSet<(String, String, String)> {
    let of = |entry: &Value, field: &str| entry.get(field).cloned();
    entries
        .iter()
        .map(|entry| {
            let arn = entry[fields[0]].as_str().unwrap().to_owned();
            let of = |field: &str, none: Value| of(entry, field).unwrap_or(none).to_string();
            (arn, of(fields[1], Value::Null), of(fields[2], json!([])))
        })
        .collect()
}

#[test]
fn whoever_would_not_get_the_same_is_named() {
    let said = exported("json");
    let losses: Vec<(Value, Value)> = said.json()["losses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|loss| (loss["kind"].clone(), loss["line"].clone()))
        .collect();
    assert_eq!(losses, [(json!("username"), json!(10)), (json!("group"), json!(10))]);
    assert_eq!(said.err.matches("lost (").count(), 2, "{}", said.err);
}

#[test]
fn terraform_reads_back_as_the_same_people() {
    let body: hcl::Body = hcl::from_str(&exported("terraform").out).unwrap();
    let mut entries = Vec::new();
    for block in body.blocks().filter(|block| block.labels[0].as_str() == "aws_eks_access_entry") {
        let fields = block.body.attributes().map(|one| (one.key.as_str().to_owned(), text(&one.expr)));
        entries.push(Value::Object(fields.collect()));
    }
    assert_eq!(found(&entries, ["principal_arn", "user_name", "kubernetes_groups"]), people());
}

/// A literal of HCL.
fn text(expression: &hcl::Expression) -> Value {
    match expression {
        hcl::Expression::String(text) => json!(text),
        hcl::Expression::Array(all) => all.iter().map(text).collect(),
        // `$${` is how HCL spells `${`.
        hcl::Expression::TemplateExpr(template) => {
            let template = hcl::Template::from_expr(template).unwrap();
            json!(template.to_string().replace("$${", "${"))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn eksctl_and_ack_read_back_as_the_same_people() {
    let config: Value = serde_saphyr::from_str(&exported("eksctl").out).unwrap();
    let entries = config["accessConfig"]["accessEntries"].as_array().unwrap();
    assert_eq!(found(entries, ["principalARN", "kubernetesUsername", "kubernetesGroups"]), people());
    let objects: Vec<Value> = serde_saphyr::from_multiple(&exported("ack").out).unwrap();
    let specs: Vec<Value> = objects.iter().map(|object| object["spec"].clone()).collect();
    assert_eq!(found(&specs, ["principalARN", "username", "kubernetesGroups"]), people());
}

#[test]
fn the_script_for_the_aws_cli_calls_it_with_the_same_words() {
    let files = Files::new();
    // Stands in for the AWS CLI: prints its arguments, one a line.
    files.write("aws", "#!/bin/sh\nfor word in \"$@\"; do printf '<%s>' \"$word\"; done\necho\n");
    let script = files.write("script", exported("aws-cli").out);
    let mut command = Command::new("sh");
    let path = std::env::var("PATH").unwrap();
    command.args(["-c", "chmod +x \"$1/aws\"; PATH=\"$1:$2\" sh \"$3\"", "sh"]);
    command.arg(files.path()).arg(path).arg(script);
    let said = said(command, "");
    assert_eq!(said.code, 0, "{said:?}");
    let dev = said.out.lines().find(|line| line.contains("role/dev")).unwrap();
    assert!(
        dev.ends_with(
            "<--username><dev:{{SessionName}}><--kubernetes-groups><developers><it's ${HOME} \"quoted\">"
        ),
        "{dev}"
    );
    assert!(said.out.contains("<associate-access-policy>"), "{}", said.out);
}

#[test]
fn a_roles_path_comes_back_from_its_iam_mapping() {
    let files = Files::new();
    let mapping = "apiVersion: aws-auth.dev/v1alpha1\nkind: IamMapping\nmetadata: {name: dev}\nspec: {arn: 'arn:aws:iam::111122223333:role/team/dev'}\n";
    let (mapping, roles) = (files.write("m.yaml", mapping), files.write("r.yaml", ROLES));
    let said = run(&["export", "--to", "json", "-f", &mapping, "--aws-auth", &roles]);
    assert!(said.out.contains("arn:aws:iam::111122223333:role/team/dev"), "{}", said.out);
}

#[test]
fn the_whole_corpus_is_carried_over_or_named() {
    for file in std::fs::read_dir(data("corpus")).unwrap() {
        let file = file.unwrap().path().display().to_string();
        let rows = run(&["report", "--aws-auth", &file, "-o", "json"]).json();
        let json = run(&["export", "--to", "json", "--aws-auth", &file]).json();
        let at = |one: &Value| (one["key"].clone().to_string(), one["line"].as_u64());
        let told: BTreeSet<_> =
            ["entries", "losses"].iter().flat_map(|list| json[list].as_array().unwrap()).map(at).collect();
        for row in rows.as_array().unwrap().iter().filter(|row| row["state"] != "shadowed") {
            assert!(told.contains(&at(row)), "{file}: {row}\n{json}");
        }
    }
}
