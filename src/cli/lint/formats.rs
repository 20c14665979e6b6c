//! Findings for people, for GitHub's annotations, and as SARIF for whatever collects it.

use std::fmt::Write as _;

use aws_auth::lint::{Code, Severity};
use serde_json::{Value, json};

use super::{Found, mappings};
use crate::cli::output::{DIM, GREEN, RED, YELLOW, count, plain};

pub(super) fn text(all: &[Found]) -> String {
    let mut out = String::new();
    for found in all {
        let style = match found.severity {
            Severity::Error => RED,
            Severity::Warning => YELLOW,
            Severity::Info => DIM,
        };
        let place = match (&found.place, found.key) {
            (Some(place), _) => format!("{}:{}", plain(&place.file), place.line),
            (None, Some(key)) => format!("{key} line {}", found.line),
            (None, None) => "aws-auth".to_owned(),
        };
        let of = match (&found.mapping, &found.place, found.key) {
            (Some(mapping), ..) => format!(" IamMapping {}:", plain(mapping)),
            (None, Some(_), Some(key)) => format!(" {key} line {}:", found.line),
            _ => String::new(),
        };
        // Writing to a String cannot fail.
        _ = writeln!(
            out,
            "{place}: {style}{}{style:#}:{of} {} {DIM}[{}]{DIM:#}",
            found.severity.as_str(),
            plain(&found.message),
            found.code
        );
    }
    let of = |severity| all.iter().filter(|found| found.severity == severity).count();
    let (errors, warnings, remarks) = (of(Severity::Error), of(Severity::Warning), of(Severity::Info));
    _ = if all.is_empty() {
        writeln!(out, "{GREEN}nothing to say{GREEN:#}")
    } else {
        writeln!(
            out,
            "{}, {}, {}",
            count(errors, "error", "errors"),
            count(warnings, "warning", "warnings"),
            count(remarks, "remark", "remarks")
        )
    };
    out
}

/// Workflow commands: GitHub shows them at the lines of a pull request.
pub(super) fn github(all: &[Found]) -> String {
    let value = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| value(text).replace(':', "%3A").replace(',', "%2C");
    let mut out = String::new();
    for found in all {
        let level = match found.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let place = found
            .place
            .as_ref()
            .map_or(String::new(), |place| format!("file={},line={},", property(&place.file), place.line));
        _ = writeln!(out, "::{level} {place}title={}::{}", property(found.code), value(&found.message));
    }
    out
}

/// SARIF 2.1.0.
pub(super) fn sarif(all: &[Found]) -> Value {
    let codes = Code::ALL.iter().map(|code| code.as_str()).chain(mappings::CODES);
    let rules: Vec<Value> = codes.map(|code| json!({"id": code, "name": code})).collect();
    let results: Vec<Value> = all
        .iter()
        .map(|found| {
            let level = match found.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "note",
            };
            let mut result =
                json!({"ruleId": found.code, "level": level, "message": {"text": found.message}});
            let location = match &found.place {
                Some(place) => json!([{"physicalLocation": {
                    "artifactLocation": {"uri": place.file.replace('\\', "/")},
                    "region": {"startLine": place.line},
                }}]),
                None => json!([{"logicalLocations": [{
                    "fullyQualifiedName": format!("kube-system/aws-auth/{}", found.key.unwrap_or_default()),
                }]}]),
            };
            result["locations"] = location;
            result
        })
        .collect();
    json!({
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{
            "tool": {"driver": {"name": "aws-auth-operator", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "results": results,
        }],
    })
}
