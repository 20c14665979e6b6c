//! Errors never remove anything: an API server, a CRD or a permission that goes away and comes back.

use aws_auth::Key;

use crate::common::{Cluster, InProcess, Versions, arn, check, eventually, role};

/// A cluster with an operator that has applied `dev`.
fn with_an_entry() -> (Cluster, InProcess) {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let operator = InProcess::start(&cluster);
    cluster.apply("dev", &role("dev", &["developers"]));
    cluster.until("dev", "Applied");
    (cluster, operator)
}

fn until_revoked(cluster: &Cluster, name: &str) {
    eventually("it is revoked", || check(cluster.role(&arn(name)).is_none(), || cluster.text(Key::MapRoles)));
}

#[test]
fn an_outage_of_the_api_server_changes_nothing_and_work_goes_on_after_it() {
    let (mut cluster, operator) = with_an_entry();
    let version = cluster.version();

    cluster.plane().stop_apiserver();
    operator.until_unready(&["IamMappings"]);
    operator.until_unready(&["aws-auth"]);
    cluster.plane().start_apiserver().unwrap();
    operator.until_ready();
    assert_eq!(cluster.version(), version);

    cluster.apply("later", &role("later", &[]));
    cluster.until("later", "Applied");
    assert!(cluster.role(&arn("dev")).is_some());
    cluster.delete("dev");
    until_revoked(&cluster, "dev");
}

/// Fault scenario 48.
#[test]
fn a_crd_that_is_deleted_takes_no_access_with_it_however_few_mappings_there_were() {
    for count in [1, 5] {
        let cluster = Cluster::take();
        cluster.create_eksctl_aws_auth();
        let operator = InProcess::start(&cluster);
        let names: Vec<String> = (0..count).map(|n| format!("dev-{n}")).collect();
        for name in &names {
            cluster.apply(name, &role(name, &["developers"]));
        }
        cluster.until_all_applied(count);
        let versions = Versions::from_now_on(&cluster);

        cluster.kubectl(&["delete", "crd", "iammappings.aws-auth.dev"]);
        // It saw the mappings go, and would have revoked them.
        operator.until_unready(&["writing aws-auth: the CRD iammappings.aws-auth.dev", "nothing is revoked"]);
        operator.until_unready(&["CRD: the CRD iammappings.aws-auth.dev is gone", "kubectl apply -f -"]);
        assert!(versions.all().is_empty(), "{:#?}", versions.all());
        assert!(names.iter().all(|name| cluster.role(&arn(name)).is_some()));

        cluster.install_crd();
    }
}

#[test]
fn when_the_crd_may_not_be_watched_readyz_names_the_permission_and_a_revocation_asks_for_it() {
    let (cluster, operator) = with_an_entry();
    drop(operator);
    cluster.revoke("list", "customresourcedefinitions");
    let operator = InProcess::launch(&cluster);
    operator.until_unready(&["CRD", "cannot list resource \"customresourcedefinitions\"", "\"operator\""]);
    cluster.delete("dev");
    until_revoked(&cluster, "dev");
    let asked = "api_requests_total{verb=\"get\",resource=\"customresourcedefinitions\",code=\"200\"}";
    assert_eq!(operator.metrics().get(asked), 2, "once for its schema, once for the removal");

    cluster.grant_everything();
    operator.until_ready();
}

#[test]
fn without_the_crd_the_operator_waits_for_it() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    cluster.kubectl(&["delete", "crd", "iammappings.aws-auth.dev"]);
    let operator = InProcess::launch(&cluster);
    operator.until_unready(&["CRD iammappings.aws-auth.dev is not installed", "kubectl apply"]);

    cluster.install_crd();
    operator.until_ready();
    cluster.apply("dev", &role("dev", &[]));
    cluster.until("dev", "Applied");
}

#[test]
fn when_mappings_may_not_be_listed_nothing_is_removed_and_readyz_names_the_permission() {
    let (mut cluster, operator) = with_an_entry();
    let version = cluster.version();
    cluster.revoke("watch", "iammappings");
    // A watch that stands is not asked for its rights again.
    cluster.plane().restart_apiserver().unwrap();
    operator.until_unready(&["IamMappings", "cannot watch resource \"iammappings\"", "\"operator\""]);
    drop(operator);

    cluster.revoke("list", "iammappings");
    let operator = InProcess::launch(&cluster);
    operator.until_unready(&["IamMappings", "cannot list resource \"iammappings\"", "\"operator\""]);
    eventually("it has tried again, and so would have written", || {
        let sample = "api_requests_total{verb=\"list\",resource=\"iammappings\",code=\"403\"}";
        let tried = operator.metrics().get(sample);
        check(tried >= 2, || tried.to_string())
    });
    assert_eq!(cluster.version(), version);

    cluster.delete("dev");
    cluster.grant_everything();
    operator.until_ready();
    until_revoked(&cluster, "dev");
}

#[test]
fn when_aws_auth_may_not_be_read_nothing_is_written_and_readyz_names_the_permission() {
    let (cluster, operator) = with_an_entry();
    cluster.revoke("get", "configmaps");
    let version = cluster.edit_aws_auth("kubectl-edit", |data| {
        let text = data.get_mut("mapRoles").unwrap();
        *text = text.replace("developers", "hackers");
    });
    operator.until_unready(&["aws-auth", "cannot get resource \"configmaps\"", "\"operator\""]);
    assert_eq!(cluster.version(), version);

    cluster.grant_everything();
    operator.until_ready();
    eventually("the edit is put right", || {
        let text = cluster.text(Key::MapRoles);
        check(text.contains("developers"), || text)
    });
}

#[test]
fn a_deletion_that_cannot_be_confirmed_revokes_nothing_until_it_can() {
    let (cluster, operator) = with_an_entry();
    cluster.revoke("get", "iammappings");
    let version = cluster.version();
    cluster.delete("dev");
    operator.until_unready(&["cannot confirm that a mapping is gone", "cannot get resource \"iammappings\""]);
    assert_eq!(cluster.version(), version);

    cluster.grant_everything();
    until_revoked(&cluster, "dev");
    operator.until_ready();
}
