//! What people see with `kubectl`: columns, the field selector, `explain`, `wait`, and the samples in `examples/`.

use std::path::Path;

use aws_auth::mapping::Mapping;
use aws_auth::plan::{Outcome, Verdict};
use aws_auth::{Entry, Key, Timestamp};
use aws_auth_operator::api::{IamMapping, convert, status};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::cluster::{api, control_plane, object};

fn kubectl(arguments: &[&str]) -> String {
    control_plane().kubectl(arguments, None).unwrap()
}

async fn create(api: &Api<IamMapping>, name: &str, spec: Value) -> IamMapping {
    let object = serde_json::from_value(object(name, &spec)).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap()
}

/// Answers an object as the operator does.
async fn answer(
    api: &Api<IamMapping>,
    object: &IamMapping,
    mapping: &Mapping,
    outcome: Outcome,
    entry: Option<&Entry>,
) -> IamMapping {
    let context = status::Context {
        generation: object.metadata.generation.unwrap(),
        now: Timestamp(1_767_323_045),
        surroundings: &status::Surroundings::default(),
    };
    let verdict = Verdict { mapping, outcome, applied: entry.map(|entry| (Key::MapRoles, entry)) };
    let status = status::status(&verdict, &context, &[]).unwrap();
    let patch = Patch::Merge(json!({"status": status}));
    api.patch_status(&mapping.name, &PatchParams::default(), &patch).await.unwrap()
}

#[tokio::test]
async fn the_columns_show_what_stands_and_why() {
    let api = api().await;
    let object = create(
        &api,
        "columns",
        json!({"arn": "arn:aws:iam::111122223333:role/team/columns", "username": "u", "groups": ["g1", "g2"]}),
    )
    .await;
    let mapping = convert::mapping(&object);
    let entry = mapping.spec.as_ref().unwrap().entry().clone();
    answer(&api, &object, &mapping, Outcome::Applied, Some(&entry)).await;

    let table = kubectl(&["get", "iamm", "columns"]);
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(lines.next().unwrap(), ["NAME", "PRINCIPAL", "USERNAME", "GROUPS", "READY", "REASON", "AGE"]);
    let row = lines.next().unwrap();
    assert_eq!(
        row[..6],
        ["columns", "arn:aws:iam::111122223333:role/columns", "u", r#"["g1","g2"]"#, "True", "Applied"]
    );
    kubectl(&["wait", "--for=condition=Ready", "--timeout=5s", "iamm/columns"]);
}

#[tokio::test]
async fn a_mapping_that_grants_nothing_does_not_look_as_if_it_did() {
    let api = api().await;
    let spec = json!({"arn": "arn:aws:iam::111122223333:role/nothing", "username": "u", "groups": ["g"]});
    let object = create(&api, "nothing", spec).await;
    let mapping = convert::mapping(&object);
    let duplicate = Outcome::DuplicatePrincipal { winner: "other".to_owned() };
    answer(&api, &object, &mapping, duplicate, None).await;
    let table = kubectl(&["get", "iamm", "nothing"]);
    let row: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[1..4], ["arn:aws:iam::111122223333:role/nothing", "False", "DuplicatePrincipal"]);
}

#[tokio::test]
async fn a_status_takes_away_what_no_longer_holds() {
    let api = api().await;
    let object = create(&api, "answered", json!({"arn": "arn:aws:iam::111122223333:role/answered"})).await;
    let mapping = convert::mapping(&object);
    let entry = mapping.spec.as_ref().unwrap().entry().clone();
    let duplicate = Outcome::DuplicatePrincipal { winner: "other".to_owned() };
    let before = answer(&api, &object, &mapping, duplicate, Some(&entry)).await.status.unwrap();
    assert_eq!(before.conflicts_with.as_deref(), Some("IamMapping other"));
    assert!(before.applied.is_some());

    let after = answer(&api, &object, &mapping, Outcome::Expired, None).await.status.unwrap();
    assert_eq!((after.conflicts_with, after.applied), (None, None));
    assert_eq!(after.conditions.len(), 4);
}

#[tokio::test]
async fn an_answer_read_back_is_the_answer_that_was_sent() {
    let api = api().await;
    let object = create(&api, "read-back", json!({"arn": "arn:aws:iam::111122223333:role/read-back"})).await;
    let mapping = convert::mapping(&object);
    let entry = mapping.spec.as_ref().unwrap().entry().clone();
    let stored = answer(&api, &object, &mapping, Outcome::Applied, Some(&entry)).await;
    let conditions = &stored.status.as_ref().unwrap().conditions;
    let context = status::Context {
        generation: stored.metadata.generation.unwrap(),
        now: Timestamp(1_999_999_999),
        surroundings: &status::Surroundings::default(),
    };
    let verdict =
        Verdict { mapping: &mapping, outcome: Outcome::Applied, applied: Some((Key::MapRoles, &entry)) };
    assert_eq!(status::status(&verdict, &context, conditions), stored.status);
    assert_eq!(
        convert::mapping(&stored).applied,
        Some(mapping.spec.as_ref().unwrap().entry_hash()),
        "what was applied is known again by its hash"
    );
}

#[tokio::test]
async fn a_mapping_is_found_by_its_arn() {
    let api = api().await;
    create(&api, "found", json!({"arn": "arn:aws:iam::111122223333:role/found"})).await;
    create(&api, "not-found", json!({"arn": "arn:aws:iam::111122223333:role/not-found"})).await;
    let selector = "--field-selector=spec.arn=arn:aws:iam::111122223333:role/found";
    assert_eq!(kubectl(&["get", "iamm", selector, "-oname"]).trim(), "iammapping.aws-auth.dev/found");
}

#[tokio::test]
async fn the_category_lists_mappings() {
    let api = api().await;
    create(&api, "in-category", json!({"arn": "arn:aws:iam::111122223333:role/in-category"})).await;
    assert!(kubectl(&["get", "aws-auth", "-oname"]).contains("iammapping.aws-auth.dev/in-category"));
}

#[test]
fn explain_says_what_each_field_is_for() {
    for (field, words) in [
        ("arn", "ARN of the IAM role or user"),
        ("accountId", "12 digits"),
        ("type", "STANDARD is for people"),
        ("username", "{{SessionName}}"),
        ("groups", "a set"),
        ("adoption", "ForeignConflict"),
        ("paused", "Freezes the entry"),
        ("expiresAt", "RFC 3339"),
        ("description", "Never written to aws-auth"),
    ] {
        let text = kubectl(&["explain", &format!("iammapping.spec.{field}")]);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(words), "{field}: {text}");
    }
    for field in ["observedGeneration", "principal", "applied", "conflictsWith", "conditions"] {
        let text = kubectl(&["explain", &format!("iammapping.status.{field}")]);
        assert!(text.contains("DESCRIPTION") && !text.contains("<empty>"), "{field}: {text}");
    }
}

#[test]
fn every_sample_is_accepted_as_it_stands_and_says_what_it_shows() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let samples: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    assert!(samples.len() >= 6, "{samples:?}");
    for sample in samples {
        let text = std::fs::read_to_string(&sample).unwrap();
        assert!(text.starts_with("# "), "{}: no comment on what it shows", sample.display());
        let arguments = ["create", "--dry-run=server", "--validate=strict", "--filename=-"];
        if let Err(error) = control_plane().kubectl(&arguments, Some(&text)) {
            panic!("{}: {error}", sample.display());
        }
        let object: IamMapping = serde_saphyr::from_str(&text).unwrap();
        convert::mapping(&object).spec.unwrap();
    }
}
