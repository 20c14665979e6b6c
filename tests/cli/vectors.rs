//! What the real authenticator answered to 196 inputs, asked of the binary.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Files, run};

const VECTORS: &str = include_str!("../../crates/aws-auth/tests/data/aws-auth-vectors.json");

fn vectors(list: &str) -> Vec<Value> {
    let all: BTreeMap<String, Value> = serde_json::from_str(VECTORS).unwrap();
    all[list].as_array().unwrap().clone()
}

/// The file as kubectl prints a ConfigMap: JSON and YAML by turns.
fn config_map(files: &Files, data: &Value, as_yaml: bool) -> String {
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": data,
    });
    if as_yaml {
        files.write("aws-auth.yaml", serde_saphyr::to_string(&object).unwrap())
    } else {
        files.write("aws-auth.json", object.to_string())
    }
}

/// The options that tell the binary what the vector knows beside aws-auth.
fn options(vector: &Value) -> Vec<String> {
    let mut options = Vec::new();
    for (instance, name) in vector["ec2_private_dns_names"].as_object().into_iter().flatten() {
        options.push(format!("--private-dns-name={instance}={}", name.as_str().unwrap()));
    }
    for prefix in vector["reserved_username_prefixes"].as_array().into_iter().flatten() {
        options.push(format!("--reserved-username-prefix={}", prefix.as_str().unwrap()));
    }
    if vector["sso_role_match_enabled"] == true {
        options.push("--sso-role-match".to_owned());
    }
    options
}

fn explain(arn: &str, file: &str, options: &[String]) -> Value {
    let mut arguments = vec!["explain", arn, "--aws-auth", file, "-o", "json"];
    arguments.extend(options.iter().map(String::as_str));
    let said = run(&arguments);
    assert_eq!(said.code, 0, "{arn}: {said:?}");
    said.json()
}

fn identity(answer: &Value) -> Value {
    if answer["allowed"] == true {
        json!({"username": answer["username"], "groups": answer["groups"]})
    } else {
        Value::Null
    }
}

#[track_caller]
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_caller_becomes_who_the_authenticator_says() {
    let files = Files::new();
    let mut wrong = Vec::new();
    for vector in vectors("lookup") {
        let arn = vector["identity_arn"].as_str().unwrap();
        for as_yaml in [false, true] {
            let file = config_map(&files, &vector["configmap_data"], as_yaml);
            let answer = explain(arn, &file, &options(&vector));
            if identity(&answer) != vector["expect"] {
                wrong.push(format!(
                    "{} (YAML {as_yaml}): {answer} is not {}",
                    vector["name"], vector["expect"]
                ));
            }
        }
    }
    none(&wrong);
}

#[test]
fn every_template_is_filled_in_as_the_authenticator_does() {
    let files = Files::new();
    let mut wrong = Vec::new();
    for vector in vectors("template") {
        let caller = &vector["identity"];
        let (account, session) =
            (caller["account_id"].as_str().unwrap(), caller["session_name"].as_str().unwrap());
        let (entry, arn) = if session.is_empty() {
            let user = format!("arn:aws:iam::{account}:user/templated");
            (user.clone(), user)
        } else {
            let role = format!("arn:aws:iam::{account}:role/templated");
            (role, format!("arn:aws:sts::{account}:assumed-role/templated/{session}"))
        };
        let roles = json!([{"rolearn": entry, "username": vector["username"], "groups": vector["groups"]}]);
        let file = config_map(&files, &json!({"mapRoles": roles.to_string()}), false);
        let mut options = options(&vector);
        options.push(format!("--access-key-id={}", caller["access_key_id"].as_str().unwrap()));
        let answer = explain(&arn, &file, &options);
        if identity(&answer) != vector["expect"] {
            wrong.push(format!("{}: {answer} is not {}", vector["name"], vector["expect"]));
        }
    }
    none(&wrong);
}

#[test]
fn every_arn_is_compared_as_what_the_authenticator_makes_of_it() {
    let files = Files::new();
    let file = config_map(&files, &json!({}), false);
    let mut wrong = Vec::new();
    for vector in vectors("canonicalize") {
        let answer = explain(vector["arn"].as_str().unwrap(), &file, &[]);
        if answer["principal"] != vector["expect"] {
            wrong.push(format!("{}: {answer} is not {}", vector["name"], vector["expect"]));
        }
    }
    none(&wrong);
}

#[test]
fn where_chance_decides_every_outcome_is_named() {
    let files = Files::new();
    for vector in vectors("lookup_nondeterministic") {
        let file = config_map(&files, &vector["configmap_data"], false);
        let answer = explain(vector["identity_arn"].as_str().unwrap(), &file, &options(&vector));
        let mut ours: Vec<Value> = answer["alternatives"].as_array().unwrap().iter().map(identity).collect();
        let mut theirs = vector["expect_one_of"].as_array().unwrap().clone();
        ours.sort_by_key(Value::to_string);
        theirs.sort_by_key(Value::to_string);
        let spelled = |all: Vec<Value>| {
            all.iter().map(|one| format!("{}{}", one["username"], one["groups"])).collect::<Vec<_>>()
        };
        assert_eq!(spelled(ours), spelled(theirs), "{}", vector["name"]);
    }
}

#[test]
fn the_report_has_every_entry_that_the_authenticator_serves() {
    let files = Files::new();
    let mut wrong = Vec::new();
    for vector in vectors("parse") {
        let file = config_map(&files, &vector["configmap_data"], false);
        let said = run(&["report", "--aws-auth", &file, "-o", "json"]);
        assert_eq!(said.code, 0, "{}: {said:?}", vector["name"]);
        let mut rows = said.json().as_array().unwrap().clone();
        // Admins come first.
        rows.sort_by_key(|row| (row["key"] == "mapUsers", row["line"].as_u64()));
        let of = |key: &str| -> Vec<Value> {
            let of_key = rows.iter().filter(|row| row["key"] == key);
            of_key.map(|row| json!([row["principal"], row["username"], row["groups"]])).collect()
        };
        let expected = |list: &str, arn: &str| -> Vec<Value> {
            let all = vector["expect"][list].as_array().unwrap().iter();
            // What an sso block is called here is our own.
            all.map(|one| json!([one[arn], one["username"], one["groups"]])).collect()
        };
        let sso = vector["expect"]["roles"].to_string().contains("\"sso\"");
        let accounts: Vec<&Value> =
            rows.iter().filter(|row| row["key"] == "mapAccounts").map(|row| &row["principal"]).collect();
        let expected_accounts: Vec<&Value> =
            vector["expect"]["accounts"].as_array().unwrap().iter().collect();
        let sorted = |mut all: Vec<Value>| {
            all.sort_by_key(Value::to_string);
            all
        };
        let same = (sso || sorted(of("mapRoles")) == sorted(expected("roles", "rolearn")))
            && sorted(of("mapUsers")) == sorted(expected("users", "userarn"))
            && accounts.len() == expected_accounts.len()
            && expected_accounts.iter().all(|account| accounts.contains(account));
        if !same {
            wrong.push(format!("{}: {} is not {}", vector["name"], said.out, vector["expect"]));
        }
    }
    none(&wrong);
}
