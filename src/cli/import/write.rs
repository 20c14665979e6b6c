//! Drafts as documents that people keep in Git, and the configuration that they need.

use std::fmt::Write as _;

use aws_auth::import::Draft;
use aws_auth::mapping::MappingType;
use serde_json::{Map, Value, json};

/// All of them as one stream; none, where that is meant, as a list without any.
pub(super) fn documents(drafts: &[Draft]) -> String {
    if drafts.is_empty() {
        return "apiVersion: v1\nkind: List\nitems: []\n".to_owned();
    }
    let all: Vec<String> = drafts.iter().map(document).collect();
    all.join("---\n")
}

/// One as YAML. Every value is in double quotes or a word of ours, so that no YAML reads it otherwise.
pub(super) fn document(draft: &Draft) -> String {
    let spec = &draft.spec;
    let mut out = format!(
        "apiVersion: aws-auth.dev/v1alpha1\nkind: IamMapping\nmetadata:\n  name: {}\nspec:\n",
        Value::from(draft.name.as_str())
    );
    let mut line = |field: &str, value: Value| {
        // Writing to a String cannot fail.
        _ = writeln!(out, "  {field}: {value}");
    };
    if let Some(arn) = &spec.arn {
        line("arn", arn.as_str().into());
    }
    if let Some(account) = &spec.account_id {
        line("accountId", account.as_str().into());
    }
    if spec.mapping_type != MappingType::Standard {
        line("type", spec.mapping_type.as_str().into());
    }
    if let Some(username) = &spec.username {
        line("username", username.as_str().into());
    }
    if !spec.groups.is_empty() {
        out.push_str("  groups:\n");
        for group in &spec.groups {
            _ = writeln!(out, "  - {}", Value::from(group.as_str()));
        }
    }
    out.push_str("  adoption: Adopt\n");
    if let Some(description) = &draft.description {
        _ = writeln!(out, "  description: {}", Value::from(description.as_str()));
    }
    out
}

/// All of them as one list.
pub(super) fn list(drafts: &[Draft]) -> Value {
    let items: Vec<Value> = drafts.iter().map(object).collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

fn object(draft: &Draft) -> Value {
    let given = &draft.spec;
    let mut spec = Map::new();
    let mut set = |field: &str, value: Option<Value>| {
        spec.extend(value.map(|value| (field.to_owned(), value)));
    };
    set("arn", given.arn.clone().map(Value::from));
    set("accountId", given.account_id.clone().map(Value::from));
    let is_standard = given.mapping_type == MappingType::Standard;
    set("type", (!is_standard).then(|| given.mapping_type.as_str().into()));
    set("username", given.username.clone().map(Value::from));
    set("groups", (!given.groups.is_empty()).then(|| given.groups.clone().into()));
    set("adoption", Some("Adopt".into()));
    set("description", draft.description.clone().map(Value::from));
    json!({
        "apiVersion": "aws-auth.dev/v1alpha1",
        "kind": "IamMapping",
        "metadata": {"name": draft.name},
        "spec": spec,
    })
}

/// A configuration file with nothing but these privileges.
pub(super) fn configuration(principals: &[String]) -> String {
    if principals.is_empty() {
        return "# No imported IamMapping is privileged: the defaults will do.\n".to_owned();
    }
    format!(
        "# The operator's configuration. These principals stand in aws-auth with privileged values, so their IamMappings\n# are refused unless they are listed here.\n{}",
        privileged(principals)
    )
}

/// The lines for `principals`.
pub(super) fn privileged(principals: &[String]) -> String {
    let mut out = "policy:\n  privileged:\n".to_owned();
    for principal in principals {
        _ = writeln!(out, "  - {}", Value::from(principal.as_str()));
    }
    out
}
