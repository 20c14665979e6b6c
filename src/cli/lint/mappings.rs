//! IamMappings in files: what the API server or the operator would refuse, before either sees it.

use std::collections::BTreeMap;

use aws_auth::lint::Severity;
use aws_auth::mapping::Spec;
use aws_auth::policy;
use aws_auth::settings::Settings;

use super::{Found, Place};
use crate::api::convert;
use crate::cli::source::mappings::Wanted;

pub(super) const CODES: [&str; 5] =
    ["invalid-spec", "invalid-name", "duplicate-principal", "expired", "refused"];

pub(super) fn lint(wanted: &Wanted, settings: Option<&Settings>, all: &mut Vec<Found>) {
    let now = jiff::Timestamp::now().as_second();
    let mut principals = BTreeMap::new();
    for (object, (file, line)) in wanted.mappings.iter().zip(&wanted.places) {
        let name = object.metadata.name.clone().unwrap_or_default();
        let mut say = |severity, code, message: String| {
            all.push(Found {
                severity,
                code,
                message,
                key: None,
                line: *line,
                mapping: Some(name.clone()),
                place: Some(Place { file: file.clone(), line: *line }),
            });
        };
        if !is_object_name(&name) {
            say(
                Severity::Error,
                "invalid-name",
                format!(
                    "metadata.name {name:?}: write lower-case letters, digits, dashes and dots, at most 253"
                ),
            );
        }
        let spec: Spec = match convert::mapping(object).spec {
            Ok(spec) => spec,
            Err(error) => {
                say(Severity::Error, "invalid-spec", error.to_string());
                continue;
            }
        };
        if let Some((other, file, line)) =
            principals.insert(spec.principal_key().clone(), (name.clone(), file.clone(), *line))
        {
            say(
                Severity::Error,
                "duplicate-principal",
                format!(
                    "IamMapping {other} ({file}:{line}) has the principal {} as well; keep one",
                    spec.principal()
                ),
            );
        }
        if spec.expires_at().is_some_and(|end| end.0 <= now) {
            say(
                Severity::Warning,
                "expired",
                "spec.expiresAt has passed: it grants nothing; remove it".to_owned(),
            );
        }
        if let Some(refusal) = settings.and_then(|settings| policy::check(&spec, settings)) {
            say(Severity::Error, "refused", format!("{}: {}", refusal.rule.as_str(), refusal.message));
        }
    }
}

/// What Kubernetes takes as the name of an object.
fn is_object_name(name: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.len() <= 253
        && name.split('.').all(|label| {
            edge(label.chars().next())
                && edge(label.chars().next_back())
                && label.chars().all(|c| c == '-' || edge(Some(c)))
        })
}
