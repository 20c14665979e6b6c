//! The configuration: what is accepted contradicts itself nowhere and keeps privilege to those it lists; what is refused
//! says what is wrong, and where.

#![no_main]
#![allow(dead_code, missing_docs, reason = "the operator's own module, of which this is one user")]

#[path = "../../src/config.rs"]
mod config;

use aws_auth::mapping::{RawSpec, Spec};
use aws_auth::policy;
use aws_auth::settings::{AuthenticationMode, Settings};
use aws_auth_fuzz::role;
use config::ConfigError;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| match config::parse("config.yaml", text) {
    Ok(settings) => accepted(&settings, text),
    Err(ConfigError::Wrong { line, column, problem, .. }) => {
        assert!(!problem.trim().is_empty());
        // Editors and YAML end a line with either.
        let breaks = text.bytes().filter(|byte| matches!(byte, b'\r' | b'\n')).count() as u64;
        assert!((1..=breaks + 1).contains(&line) && column >= 1, "{line}:{column}: {problem}");
    }
    Err(error @ ConfigError::Unreadable { .. }) => panic!("nothing was read from a file: {error}"),
});

fn accepted(settings: &Settings, text: &str) {
    assert_eq!(
        config::parse("config.yaml", text).ok().as_ref(),
        Some(settings),
        "another time, another meaning"
    );
    let policy = &settings.policy;
    assert!(!policy.admin_groups.is_empty(), "nobody counts as an admin");
    if let Some(creator) = &settings.creator {
        assert!(!creator.username.trim().is_empty());
        assert!(!creator.ensure || settings.authentication_mode != AuthenticationMode::Api);
    }
    for (place, values) in [
        policy.allowed_accounts.as_ref().map(|list| (&list.place, list.values.len())),
        policy.allowed_groups.as_ref().map(|list| (&list.place, list.values.len())),
        policy.username_patterns.as_ref().map(|list| (&list.place, list.values.len())),
    ]
    .into_iter()
    .flatten()
    {
        assert!(values > 0, "a list that allows nothing");
        assert!(place.contains("config.yaml, line "), "{place}");
    }
    // Whoever is not listed has no privilege, whatever else is written.
    let admin = policy.admin_groups.iter().next().cloned().unwrap_or_default();
    for (username, group) in
        [("system:admin", "g"), ("eks:x", "g"), ("u", "system:masters"), ("u", admin.as_str())]
    {
        let raw = RawSpec {
            arn: Some(role("nobody")),
            username: Some(username.to_owned()),
            groups: vec![group.to_owned()],
            ..RawSpec::default()
        };
        // A group of any name may be an admin's, and not every name may be a mapping's.
        let Ok(spec) = Spec::parse(raw) else { continue };
        let listed = policy.privileged.contains(spec.principal_key());
        assert!(listed || policy::check(&spec, settings).is_some(), "{username}, {group}");
    }
}
