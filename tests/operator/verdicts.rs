//! What becomes of mappings that are not simply applied: their conditions, what `kubectl get` shows, and aws-auth.

use aws_auth::Key;
use serde_json::{Value, json};

use crate::common::{
    Cluster, EKSCTL_ROLES, InProcess, Process, Versions, arn, check, eventually, file, role,
};

/// The four conditions' values: Accepted, Applied, Ready, Stalled.
fn conditions(object: &Value) -> [&str; 4] {
    ["Accepted", "Applied", "Ready", "Stalled"].map(|name| {
        let conditions = object["status"]["conditions"].as_array().unwrap();
        conditions.iter().find(|condition| condition["type"] == name).unwrap()["status"].as_str().unwrap()
    })
}

fn message(object: &Value) -> &str {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    conditions.iter().find(|condition| condition["type"] == "Ready").unwrap()["message"].as_str().unwrap()
}

/// An entry that somebody else wrote.
fn foreign(name: &str, username: &str) -> String {
    format!("{EKSCTL_ROLES}- rolearn: {}\n  username: {username}\n  groups:\n  - developers\n", arn(name))
}

#[test]
fn a_privileged_group_is_refused_and_the_message_says_what_to_configure() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let version = cluster.version();
    let _operator = InProcess::start(&cluster);

    cluster.apply("root", &role("root", &["system:masters"]));
    let object = cluster.until("root", "PrivilegedValue");
    assert_eq!(conditions(&object), ["False", "False", "False", "True"]);
    let said = message(&object);
    assert!(
        said.contains("system:masters") && said.contains("policy.privileged") && said.contains(&arn("root")),
        "{said}"
    );
    assert_eq!(cluster.row("root"), ["root", &arn("root"), "False", "PrivilegedValue"]);
    cluster.until_event("root", &["Warning PrivilegedValue", "system:masters"]);
    assert_eq!(cluster.version(), version);
}

#[test]
fn of_two_mappings_for_one_principal_the_older_has_it_and_the_other_takes_over_without_a_gap() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let _operator = InProcess::start(&cluster);
    cluster.apply("older", &json!({"arn": arn("dev"), "username": "older"}));
    cluster.until("older", "Applied");

    cluster.apply("younger", &json!({"arn": arn("DEV"), "username": "younger"}));
    let object = cluster.until("younger", "DuplicatePrincipal");
    assert_eq!(conditions(&object), ["False", "False", "False", "True"]);
    assert!(message(&object).contains("IamMapping older"), "{}", message(&object));
    assert_eq!(object["status"]["conflictsWith"], "IamMapping older");
    assert_eq!(cluster.row("younger")[2..], ["False", "DuplicatePrincipal"]);

    let versions = Versions::from_now_on(&cluster);
    cluster.delete("older");
    cluster.until("younger", "Applied");
    let versions = versions.all();
    assert_eq!(versions.len(), 1);
    assert_eq!(versions[0].entries(Key::MapRoles).last().unwrap().username, "younger");
}

#[test]
fn a_foreign_entry_for_the_principal_is_left_alone_until_adopt_takes_it_over() {
    let cluster = Cluster::take();
    let text = foreign("ops", "somebody");
    cluster.create_aws_auth(&[("mapRoles", &text)]);
    let _operator = InProcess::start(&cluster);

    cluster.apply("ops", &role("ops", &["operators"]));
    let object = cluster.until("ops", "ForeignConflict");
    assert_eq!(conditions(&object), ["True", "False", "False", "True"]);
    let line = EKSCTL_ROLES.lines().count() + 1;
    assert_eq!(object["status"]["conflictsWith"], format!("aws-auth mapRoles line {line}"));
    assert_eq!(cluster.row("ops")[2..], ["False", "ForeignConflict"]);
    assert_eq!(cluster.text(Key::MapRoles), text);

    let mut adopting = role("ops", &["operators"]);
    adopting["adoption"] = json!("Adopt");
    cluster.apply("ops", &adopting);
    let object = cluster.until("ops", "Applied");
    assert_eq!(conditions(&object), ["True", "True", "True", "False"]);
    assert_eq!(object["status"].get("conflictsWith"), None);
    let roles = cluster.entries(Key::MapRoles);
    assert_eq!((roles.len(), roles[2].username.as_str()), (3, "ops"));
    cluster.until_event("ops", &["Normal Adopted"]);

    cluster.delete("ops");
    eventually("what was adopted goes with its mapping", || {
        let text = cluster.text(Key::MapRoles);
        check(text == EKSCTL_ROLES, || text)
    });
}

#[test]
fn an_identical_foreign_entry_makes_a_mapping_ready_and_stays_when_the_mapping_goes() {
    let cluster = Cluster::take();
    let text = foreign("ops", "ops");
    cluster.create_aws_auth(&[("mapRoles", &text)]);
    let version = cluster.version();
    let _operator = InProcess::start(&cluster);

    cluster.apply("ops", &role("ops", &["developers"]));
    let object = cluster.until("ops", "AlreadyPresent");
    assert_eq!(conditions(&object), ["True", "True", "True", "False"]);
    assert_eq!(cluster.row("ops").last().unwrap(), "AlreadyPresent");
    cluster.until_event("ops", &["Normal AlreadyPresent"]);

    cluster.delete("ops");
    // Whatever the deletion brings about is brought about before this one is Applied.
    cluster.apply("later", &role("later", &[]));
    cluster.until("later", "Applied");
    assert!(cluster.version() > version);
    assert!(cluster.text(Key::MapRoles).starts_with(&text));
}

#[test]
fn a_paused_mapping_keeps_its_entry_as_it_was_and_its_deletion_still_revokes() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let _operator = InProcess::start(&cluster);
    cluster.apply("dev", &role("dev", &["before"]));
    cluster.until("dev", "Applied");
    let version = cluster.version();

    let mut paused = role("dev", &["after"]);
    paused["paused"] = json!(true);
    cluster.apply("dev", &paused);
    let object = cluster.until("dev", "Paused");
    assert_eq!(conditions(&object), ["True", "False", "True", "False"]);
    assert_eq!(cluster.row("dev")[2..], ["dev", "[\"before\"]", "True", "Paused"]);
    assert_eq!(cluster.version(), version);

    cluster.delete("dev");
    eventually("it is revoked", || {
        check(cluster.role(&arn("dev")).is_none(), || cluster.text(Key::MapRoles))
    });
}

#[test]
fn an_entry_goes_at_its_expiry_without_anybody_touching_anything() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let _operator = InProcess::start(&cluster);
    let mut spec = role("guest", &["guests"]);
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(4);
    spec["expiresAt"] = json!(end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    cluster.apply("guest", &spec);
    cluster.until("guest", "Applied");
    cluster.until_event("guest", &["Warning ExpiresSoon"]);

    let object = cluster.until("guest", "Expired");
    assert_eq!(conditions(&object), ["True", "False", "True", "False"]);
    assert!(jiff::Timestamp::now() >= end - jiff::SignedDuration::from_secs(1), "not before its time");
    assert_eq!(cluster.text(Key::MapRoles), EKSCTL_ROLES);
    assert_eq!(cluster.row("guest")[2..], ["True", "Expired"]);
    cluster.until_event("guest", &["Normal Expired"]);
}

#[test]
fn in_mode_observe_mappings_say_what_would_be_written_and_aws_auth_is_left_alone() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let version = cluster.version();
    let config = file("mode: Observe\n");
    let operator = Process::start(&cluster, &["--config", config.path().to_str().unwrap()]);
    cluster.apply("dev", &role("dev", &["developers"]));
    let object = cluster.until("dev", "Observe");
    assert_eq!(conditions(&object), ["True", "False", "False", "False"]);
    cluster.apply("root", &role("root", &["system:masters"]));
    cluster.until("root", "PrivilegedValue");
    cluster.delete("dev");
    cluster.apply("later", &role("later", &[]));
    cluster.until("later", "Observe");
    assert_eq!(cluster.version(), version);
    operator.terminate();
}
