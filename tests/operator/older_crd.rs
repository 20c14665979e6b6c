//! A CRD that is older than the operator: the API server drops what it does not know without a word.

use serde_json::{Value, json};

use crate::common::{Cluster, InProcess, role};

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
