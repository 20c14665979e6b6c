//! The main job: objects become entries, beside others' entries that stay byte for byte.

use aws_auth::{Entry, Key};

use crate::common::{Cluster, EKSCTL_ROLES, EKSCTL_USERS, InProcess, Versions, arn, check, eventually, role};

#[test]
fn a_mapping_is_created_changed_and_deleted_in_aws_auth_and_kubectl_wait_returns_when_it_is_in() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let _operator = InProcess::start(&cluster);
    let wait = || cluster.kubectl(&["wait", "--for=condition=Ready", "iamm/dev", "--timeout=30s"]);

    cluster.apply("dev", &role("dev", &["developers"]));
    wait();
    assert_eq!(cluster.role(&arn("dev")), Some(entry("dev", &["developers"])));
    assert!(cluster.text(Key::MapRoles).starts_with(EKSCTL_ROLES), "{}", cluster.text(Key::MapRoles));

    cluster.apply("dev", &role("dev", &["testers", "developers"]));
    wait();
    assert_eq!(cluster.role(&arn("dev")), Some(entry("dev", &["testers", "developers"])));
    assert_eq!(cluster.mapping("dev")["status"]["applied"]["groups"][0], "testers");
    assert_eq!(
        cluster.row("dev"),
        ["dev", &arn("dev"), "dev", "[\"testers\",\"developers\"]", "True", "Applied"]
    );

    cluster.delete("dev");
    eventually("aws-auth is as it was", || {
        let text = cluster.text(Key::MapRoles);
        check(text == EKSCTL_ROLES, || text)
    });
    assert_eq!(cluster.text(Key::MapUsers), EKSCTL_USERS);
    cluster.until_event("dev", &["Normal Applied", "dev", "developers"]);
    cluster.until_event("dev", &["Normal Updated", "testers"]);
    cluster.until_event("aws-auth", &["Normal Removed", &arn("dev")]);
}

#[test]
fn roles_users_and_accounts_go_where_the_authenticator_looks_for_them() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let config = crate::common::file("policy:\n  privileged: [\"444455556666\"]\n");
    let _operator = crate::common::Process::start(&cluster, &["--config", config.path().to_str().unwrap()]);

    cluster.apply("role", &serde_json::json!({"arn": "arn:aws:iam::111122223333:role/team/a/dev"}));
    cluster.apply(
        "user",
        &serde_json::json!({"arn": "arn:aws:iam::111122223333:user/team/jane", "groups": ["g"]}),
    );
    cluster.apply("account", &serde_json::json!({"accountId": "444455556666"}));
    cluster.until_all_applied(3);

    let by_default = "arn:aws:sts::111122223333:assumed-role/dev/{{SessionName}}";
    assert_eq!(cluster.role(&arn("dev")).unwrap().username, by_default);
    let users = cluster.entries(Key::MapUsers);
    assert_eq!(users.len(), 1);
    assert_eq!(users[0].arn, "arn:aws:iam::111122223333:user/team/jane");
    assert_eq!(cluster.entries(Key::MapAccounts)[0].arn, "444455556666");
}

#[test]
fn without_a_mapping_the_operator_writes_nothing_and_the_first_one_creates_a_missing_aws_auth() {
    let cluster = Cluster::take();
    let versions = Versions::from_now_on(&cluster);
    let operator = InProcess::start(&cluster);
    let metrics = operator.metrics();
    assert_eq!(metrics.get("leader"), 1, "it is not ready before it knows whether it leads");
    assert_eq!(metrics.writes().len(), 0);

    cluster.apply("dev", &role("dev", &["developers"]));
    cluster.until("dev", "Applied");
    assert_eq!(versions.all().len(), 1);
    assert_eq!(cluster.entries(Key::MapRoles), [entry("dev", &["developers"])]);
}

fn entry(name: &str, groups: &[&str]) -> Entry {
    Entry {
        arn: arn(name),
        username: name.to_owned(),
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
    }
}
