//! The values' schema against the operator's own configuration, and the page that is made of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use aws_auth_operator::config;
use serde_json::Value;

use crate::golden;
use crate::helm::{chart, root};

fn schema() -> Value {
    serde_json::from_str(&fs::read_to_string(chart().join("values.schema.json")).unwrap()).unwrap()
}

fn values() -> Value {
    serde_saphyr::from_str(&fs::read_to_string(chart().join("values.yaml")).unwrap()).unwrap()
}

/// Every value of the schema by its path; of what is free in form, only where it begins.
fn paths<'a>(prefix: &str, schema: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    for (name, value) in schema["properties"].as_object().into_iter().flatten() {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        found.push((path.clone(), value));
        if value["type"] == "object" {
            paths(&path, value, found);
        }
    }
}

/// The keys that the configuration file can have, as the operator itself names them when it meets a wrong one.
fn keys(prefix: &str, text: &str) -> Vec<String> {
    let said = config::parse("x", text).unwrap_err().to_string();
    let (_, known) =
        said.split_once("expected one of ").unwrap_or_else(|| match said.split_once("expected ") {
            Some(only) => only,
            None => panic!("{said}"),
        });
    known.split(", ").map(|name| format!("{prefix}{}", name.trim_matches('`'))).collect()
}

#[test]
fn the_schema_knows_exactly_the_keys_of_the_operators_configuration() {
    let schema = schema();
    let mut found = Vec::new();
    paths("", &schema["properties"]["config"], &mut found);
    let mut known = BTreeSet::from_iter(keys("", "noSuchKey: 1"));
    for parent in found.iter().filter(|(_, value)| value["type"] == "object").map(|(path, _)| path) {
        known.extend(keys(&format!("{parent}."), &format!("{parent}: {{noSuchKey: 1}}")));
    }
    let found: BTreeSet<String> = found.into_iter().map(|(path, _)| path).collect();
    assert_eq!(found, known);
}

#[test]
fn the_chart_leaves_the_operators_defaults_to_the_operator() {
    let text = serde_json::to_string(&values()["config"]).unwrap();
    assert_eq!(config::parse("values", &text).unwrap(), config::parse("values", "").unwrap());
}

#[test]
fn the_charts_page_lists_every_value_with_its_default() {
    let (schema, values) = (schema(), values());
    let mut found = Vec::new();
    paths("", &schema, &mut found);
    let mut table = String::from("| value | default | |\n|---|---|---|\n");
    for (path, property) in found {
        // For charts that depend on this one.
        if ["global", "enabled"].contains(&path.as_str()) {
            continue;
        }
        let about = property["description"].as_str().unwrap_or_else(|| panic!("{path} has no description"));
        let default = path.split('.').fold(&values, |value, name| &value[name]);
        let in_config = path.starts_with("config.");
        assert!(in_config || !default.is_null(), "{path} is not in values.yaml");
        let parent = property["type"] == "object" && property["properties"].is_object();
        let default = match default {
            Value::Null => String::new(),
            _ if parent => String::new(),
            default => format!("`{default}`"),
        };
        writeln!(table, "| `{path}` | {default} | {about} |").unwrap();
    }
    let page = fs::read_to_string(root().join("charts/aws-auth-operator/README.md")).unwrap_or_default();
    let (before, _) = page.split_once("\n## Values\n").expect("a section on values");
    golden::check(&chart().join("README.md"), &format!("{before}\n## Values\n\n{table}"));
}

#[test]
fn nothing_is_in_the_values_that_the_schema_does_not_know() {
    fn walk(path: &str, values: &Value, known: &BTreeSet<String>, free: &BTreeSet<String>) {
        for (name, value) in values.as_object().into_iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            assert!(known.contains(&path), "{path}");
            if !free.contains(&path) {
                walk(&path, value, known, free);
            }
        }
    }
    let schema = schema();
    let mut found = Vec::new();
    paths("", &schema, &mut found);
    let free = found.iter().filter(|(_, value)| !value["properties"].is_object());
    let free = free.map(|(path, _)| path.clone()).collect();
    let known = found.into_iter().map(|(path, _)| path).collect();
    walk("", &values(), &known, &free);
}
