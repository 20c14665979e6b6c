//! The cluster creator: the one whose lockout nobody inside the cluster can mend.

use std::time::Duration;

use aws_auth::Key;

use crate::common::{Cluster, EKSCTL_ROLES, Process, Versions, arn, check, file, role, within};

/// What is promised: before anybody has noticed.
const AT_ONCE: Duration = Duration::from_secs(2);

fn config(ensure: bool) -> tempfile::NamedTempFile {
    file(&format!("clusterCreator:\n  arn: {}\n  ensure: {ensure}\n", arn("creator")))
}

fn groups_of_creator(cluster: &Cluster) -> Option<Vec<String>> {
    cluster.role(&arn("creator")).map(|entry| entry.groups)
}

#[test]
fn an_entry_that_demotes_the_cluster_creator_is_put_right_within_two_seconds_and_a_mapping_is_refused() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let config = config(false);
    let operator = Process::start(&cluster, &["--config", config.path().to_str().unwrap()]);

    cluster.apply("creator", &role("creator", &["viewers"]));
    let object = cluster.until("creator", "PinnedPrincipal");
    assert_eq!(object["status"].get("applied"), None);
    assert_eq!(cluster.text(Key::MapRoles), EKSCTL_ROLES);

    let demoting = format!("- rolearn: {}\n  username: me\n  groups: [viewers]\n", arn("CREATOR"));
    cluster.edit_aws_auth("kubectl-edit", |data| data.get_mut("mapRoles").unwrap().push_str(&demoting));
    within(AT_ONCE, "the creator is an admin again", || {
        let text = cluster.text(Key::MapRoles);
        let admin = cluster.entries(Key::MapRoles).last().is_some_and(|entry| {
            entry.arn.eq_ignore_ascii_case(&arn("creator")) && entry.groups == ["system:masters"]
        });
        check(admin, || text)
    });
    assert!(cluster.text(Key::MapRoles).starts_with(EKSCTL_ROLES));
    cluster.until_event("aws-auth", &["Warning PutBack", "creator", "client \"kubectl-edit\""]);
    operator.terminate();
}

#[test]
fn ensure_writes_the_creators_binding_out_once_and_keeps_it_there() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let versions = Versions::from_now_on(&cluster);
    let config = config(true);
    let operator = Process::start(&cluster, &["--config", config.path().to_str().unwrap()]);
    let written = || check(groups_of_creator(&cluster).is_some(), || cluster.text(Key::MapRoles));
    within(crate::common::DEADLINE, "the binding is written out", written);
    assert_eq!(groups_of_creator(&cluster).unwrap(), ["system:masters"]);
    assert_eq!(cluster.role(&arn("creator")).unwrap().username, "kubernetes-admin");

    cluster.edit_aws_auth("kubectl-edit", |data| {
        data.insert("mapRoles".to_owned(), EKSCTL_ROLES.to_owned());
    });
    within(AT_ONCE, "the binding is written out again", written);

    cluster.apply("dev", &role("dev", &["developers"]));
    cluster.until("dev", "Applied");
    cluster.delete("dev");
    within(crate::common::DEADLINE, "the mapping's entry goes", || {
        check(cluster.role(&arn("dev")).is_none(), || cluster.text(Key::MapRoles))
    });
    written().unwrap();
    // Written out, edited away, written out, added, removed.
    assert_eq!(versions.all().len(), 5);
    operator.terminate();
}
