//! Objects that were stored before a rule existed: each freezes alone.

use aws_auth::Key;
use serde_json::{Value, json};

use crate::common::{Cluster, InProcess, Process, Versions, arn, check, eventually, role};

/// Puts these in the place of `names`' specs, although the CRD's rules refuse them.
fn store(cluster: &Cluster, objects: &[(&str, Value)]) {
    cluster.install_crd_without_rules();
    for (name, spec) in objects {
        cluster.apply(name, spec);
    }
    cluster.install_crd();
}

#[test]
fn a_mapping_that_breaks_a_later_rule_or_does_not_decode_keeps_its_entry_while_others_go_on() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let operator = InProcess::start(&cluster);
    for name in ["breaks", "odd", "other"] {
        cluster.apply(name, &role(name, &["before"]));
    }
    cluster.until_all_applied(3);
    let text = cluster.text(Key::MapRoles);

    let mut breaks = role("breaks", &["after"]);
    breaks["username"] = json!("{{SessionName}}");
    let odd = json!({"arn": arn("odd"), "username": "odd", "groups": "after"});
    assert!(cluster.try_apply("breaks", &breaks).is_err_and(|error| error.contains("spec.username")));
    store(&cluster, &[("breaks", breaks), ("odd", odd)]);

    let object = cluster.until("breaks", "InvalidSpec");
    assert!(object["status"].to_string().contains("literal text with a colon"), "{}", object["status"]);
    assert_eq!(object["status"]["applied"]["username"], "breaks", "what stands is still said");
    let object = cluster.until("odd", "InvalidSpec");
    assert!(object["status"].to_string().contains("does not decode"), "{}", object["status"]);
    assert_eq!(cluster.text(Key::MapRoles), text);
    assert_eq!(cluster.row("odd").last().unwrap(), "InvalidSpec");
    operator.until_ready();

    // Neither a change elsewhere nor a restart takes anything from them.
    cluster.apply("other", &role("other", &["after"]));
    cluster.until("other", "Applied");
    let groups: Vec<Vec<String>> =
        cluster.entries(Key::MapRoles).into_iter().skip(2).map(|entry| entry.groups).collect();
    assert_eq!(groups, [["before"], ["before"], ["after"]], "of breaks, odd and other");
    drop(operator);
    let versions = Versions::from_now_on(&cluster);
    let _operator = InProcess::start(&cluster);
    cluster.apply("new", &role("new", &["after"]));
    cluster.until("new", "Applied");
    assert!(
        versions
            .all()
            .iter()
            .all(|version| version.has_role(&arn("breaks")) && version.has_role(&arn("odd")))
    );

    for name in ["breaks", "odd"] {
        cluster.delete(name);
        eventually("its deletion revokes it", || {
            check(cluster.role(&arn(name)).is_none(), || cluster.text(Key::MapRoles))
        });
    }
    assert_eq!(cluster.entries(Key::MapRoles).len(), 4);
}

#[test]
fn stored_objects_that_break_a_rule_grant_nothing_to_begin_with() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let wrong_type = json!({"arn": arn("wrong-type"), "username": 7});
    store(
        &cluster,
        &[
            ("both", json!({"arn": arn("both"), "accountId": "111122223333"})),
            ("neither", json!({})),
            ("session", json!({"arn": "arn:aws:sts::111122223333:assumed-role/dev/jane"})),
            ("future", json!({"arn": arn("future"), "type": "FROM_THE_FUTURE"})),
            ("wrong-type", wrong_type),
        ],
    );
    cluster.apply("good", &role("good", &[]));
    let operator = Process::start(&cluster, &[]);
    cluster.until("good", "Applied");
    for (name, words) in [
        ("both", "exclude each other"),
        ("neither", "missing"),
        ("session", "arn:aws:iam::111122223333:role/dev"),
        ("future", "FROM_THE_FUTURE"),
    ] {
        let object = cluster.until(name, "InvalidSpec");
        assert!(object["status"].to_string().contains(words), "{name}: {}", object["status"]);
    }
    // The API server refuses any status of this one, so an Event has to say it.
    cluster.until_event("wrong-type", &["Warning InvalidSpec", "does not decode", "Expected a string"]);
    assert!(
        operator.log().iter().any(|line| line.contains("the status of IamMapping wrong-type is refused"))
    );
    assert_eq!(operator.ready(), 200, "one bad object is no unreadiness");
    assert_eq!(cluster.entries(Key::MapRoles).len(), 3);
    operator.terminate();
}
