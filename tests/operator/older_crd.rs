//! A CRD that is older than the operator: the API server drops what it does not know without a word.

use aws_auth::Key;
use serde_json::{Value, json};

use crate::common::{Cluster, InProcess, arn, check, eventually, role};

const FIELD: &str = "expiresAt";

/// A mapping that ends some day.
fn guest(name: &str) -> Value {
    let mut spec = role(name, &["guests"]);
    spec[FIELD] = json!("2099-01-01T00:00:00Z");
    spec
}

#[test]
fn with_a_crd_that_lacks_a_field_the_operator_is_not_ready_and_says_which_and_what_to_run() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let operator = InProcess::start(&cluster);
    let words =
        ["CRD: ", "older than this operator", "spec.expiresAt", "aws-auth-operator crd | kubectl apply"];

    cluster.install_crd_without(FIELD, &guest("guest"));
    operator.until_unready(&words);
    drop(operator);
    let operator = InProcess::launch(&cluster);
    operator.until_unready(&words);

    cluster.install_crd();
    operator.until_ready();
}

/// Fault scenario 61.
#[test]
fn with_a_crd_that_drops_the_end_of_a_grant_nothing_is_granted_and_the_rest_goes_on() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let operator = InProcess::start(&cluster);
    for name in ["stays", "goes", "promoted"] {
        cluster.apply(name, &role(name, &["developers"]));
    }
    cluster.until_all_applied(3);

    cluster.install_crd_without(FIELD, &guest("guest"));
    operator.until_unready(&["CRD: ", "spec.expiresAt"]);
    cluster.create("guest", &guest("guest"));
    cluster.apply("promoted", &role("promoted", &["developers", "admins"]));
    for name in ["guest", "promoted"] {
        let object = cluster.until(name, "CRDOutdated");
        let status = object["status"].to_string();
        assert!(status.contains("spec.expiresAt") && status.contains("kubectl apply"), "{status}");
    }
    assert!(cluster.role(&arn("guest")).is_none());
    assert_eq!(cluster.role(&arn("promoted")).unwrap().groups, ["developers"]);

    cluster.delete("goes");
    eventually("it is revoked", || {
        check(cluster.role(&arn("goes")).is_none(), || cluster.text(Key::MapRoles))
    });
    cluster.edit_aws_auth("kubectl-edit", |data| {
        let text = data.get_mut("mapRoles").unwrap();
        *text = text.replace("username: stays", "username: somebody");
    });
    eventually("an edit is put right", || {
        let entry = cluster.role(&arn("stays")).unwrap();
        check(entry.username == "stays", || entry.username)
    });
    assert!(cluster.role(&arn("guest")).is_none());

    cluster.install_crd();
    cluster.apply("guest", &guest("guest"));
    cluster.until("guest", "Applied");
    cluster.until("promoted", "Applied");
    operator.until_ready();
}

#[test]
fn a_crd_that_cannot_be_read_is_no_crd_that_keeps_everything() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    cluster.revoke("get", "customresourcedefinitions");
    let operator = InProcess::launch(&cluster);
    operator.until_unready(&["CRD: ", "cannot get resource \"customresourcedefinitions\"", "may be older"]);
    cluster.apply("dev", &role("dev", &[]));
    cluster.until("dev", "CRDOutdated");
    cluster.grant_everything();
    operator.until_ready();
    cluster.until("dev", "Applied");
}
