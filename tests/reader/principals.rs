//! Every kind of IAM principal there is, from `kubectl apply` of its mapping to what the API server calls it.
//!
//! All of them share one cluster, so each has a name of its own. None is removed: only so many may go in ten minutes.

use std::sync::LazyLock;

use serde_json::json;

use crate::aws::Caller;
use crate::world::World;

const ACCOUNT: &str = "111122223333";
/// Who may have what is privileged.
const CONFIGURATION: &str = "
policy:
  privileged:
  - arn:aws:iam::111122223333:role/linux-nodes
  - arn:aws:iam::111122223333:role/windows-nodes
  - arn:aws:iam::111122223333:role/fargate-pods
  - arn:aws:iam::111122223333:role/hybrid-nodes
  - arn:aws:iam::111122223333:role/platform-admins
  - '999900001111'
";

static WORLD: LazyLock<World> = LazyLock::new(|| World::start(CONFIGURATION, "0s", None));

fn arn(resource: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:{resource}")
}

#[test]
fn an_iam_user_enters_by_its_arn_and_may_do_what_its_groups_may() {
    let jane = Caller::user(ACCOUNT, "jane");
    WORLD.is_turned_away(&jane);
    WORLD.map("jane", &json!({"arn": arn("user/jane"), "username": "jane", "groups": ["developers"]}));
    WORLD.enters(&jane, "jane", &["developers"]);
    assert!(WORLD.can_i(&jane, "list", "pods"));
    assert!(!WORLD.can_i(&jane, "list", "secrets"));
}

#[test]
fn a_user_with_a_path_enters_and_one_of_the_same_name_elsewhere_does_not() {
    let there = Caller::user(ACCOUNT, "division/team/kim");
    WORLD.map("kim", &json!({"arn": arn("user/division/team/kim"), "username": "kim"}));
    WORLD.enters(&there, "kim", &[]);
    WORLD.is_turned_away(&Caller::user(ACCOUNT, "kim"));
    WORLD.is_turned_away(&Caller::user(ACCOUNT, "division/kim"));
}

#[test]
fn every_session_of_a_role_enters_and_by_default_under_its_own_name() {
    WORLD.map("web", &json!({"arn": arn("role/web"), "groups": ["developers"]}));
    for session in ["anna", "botocore-session-1700000000"] {
        let by_default = format!("arn:aws:sts::{ACCOUNT}:assumed-role/web/{session}");
        WORLD.enters(&Caller::session(ACCOUNT, "web", session), &by_default, &["developers"]);
    }
    WORLD.is_turned_away(&Caller::user(ACCOUNT, "web"));
}

#[test]
fn a_role_with_a_path_enters_although_nobody_tells_the_cluster_of_paths() {
    WORLD.map("data", &json!({"arn": arn("role/teams/data/analysts"), "username": "analyst"}));
    WORLD.enters(&Caller::session(ACCOUNT, "analysts", "ana"), "analyst", &[]);
    WORLD.is_turned_away(&Caller::session(ACCOUNT, "teams", "ana"));
}

#[test]
fn the_name_of_a_session_is_in_the_username_as_the_placeholder_says() {
    let spec = |username: &str| json!({"arn": arn("role/ci"), "username": username});
    WORLD.map("ci", &spec("ci:{{SessionName}}"));
    for (session, name) in [
        ("jane@example.com", "ci:jane-example.com"),
        ("a.b+c=d,e_f-g", "ci:a.b+c=d,e_f-g"),
        ("system", "ci:system"),
        ("{{AccountID}}", "ci:{{AccountID}}"),
    ] {
        WORLD.enters(&Caller::session(ACCOUNT, "ci", session), name, &[]);
    }
    WORLD.map("ci", &spec("{{AccountID}}:{{SessionNameRaw}}"));
    let raw = format!("{ACCOUNT}:jane@example.com");
    WORLD.enters(&Caller::session(ACCOUNT, "ci", "jane@example.com"), &raw, &[]);
}

#[test]
fn temporary_credentials_are_nothing_without_their_session_token() {
    WORLD.map("temporary", &json!({"arn": arn("role/temporary"), "username": "temporary"}));
    let caller = Caller::session(ACCOUNT, "temporary", "one");
    WORLD.enters(&caller, "temporary", &[]);
    WORLD.is_turned_away(&caller.without_session_token());
}

#[test]
fn a_role_of_identity_center_enters_by_the_arn_that_the_console_shows() {
    let role = "AWSReservedSSO_PlatformTeam_0123456789abcdef";
    let shown = arn(&format!("role/aws-reserved/sso.amazonaws.com/eu-west-1/{role}"));
    WORLD.map("sso", &json!({"arn": shown, "username": "sso:{{SessionName}}", "groups": ["developers"]}));
    let caller = Caller::session(ACCOUNT, role, "jane@example.com");
    WORLD.enters(&caller, "sso:jane-example.com", &["developers"]);
    // The suffix is made anew with each assignment: another one is another role.
    WORLD.is_turned_away(&Caller::session(
        ACCOUNT,
        "AWSReservedSSO_PlatformTeam_fedcba9876543210",
        "jane@example.com",
    ));
}

#[test]
fn a_federated_user_cannot_be_mapped_and_enters_by_no_user_of_that_name() {
    let refused = WORLD
        .try_map("federated", &json!({"arn": format!("arn:aws:sts::{ACCOUNT}:federated-user/fred")}))
        .unwrap_err();
    assert!(refused.contains("spec.arn"), "{refused}");
    WORLD.map("fred", &json!({"arn": arn("user/fred"), "username": "fred"}));
    WORLD.enters(&Caller::user(ACCOUNT, "fred"), "fred", &[]);
    WORLD.is_turned_away(&Caller::federated(ACCOUNT, "fred"));
}

#[test]
fn a_role_of_another_account_enters_and_its_namesake_here_does_not() {
    let theirs = "arn:aws:iam::444455556666:role/partner";
    WORLD.map("partner", &json!({"arn": theirs, "username": "partner:{{AccountID}}"}));
    WORLD.enters(&Caller::session("444455556666", "partner", "p"), "partner:444455556666", &[]);
    WORLD.is_turned_away(&Caller::session(ACCOUNT, "partner", "p"));
}

#[test]
fn a_service_role_enters_with_the_session_that_the_service_names() {
    let spec = json!({"arn": arn("role/service-role/codebuild-deploy"), "username": "deploy"});
    WORLD.map("codebuild", &spec);
    let session = "AWSCodeBuild-1a2b3c4d-5e6f-7081-92a3-b4c5d6e7f809";
    WORLD.enters(&Caller::session(ACCOUNT, "codebuild-deploy", session), "deploy", &[]);
}

#[test]
fn an_ec2_instance_is_the_node_that_ec2_says_it_is_and_a_person_with_its_role_is_none() {
    WORLD.aws().run_instance("i-0123456789abcdef0", "ip-10-0-0-7.eu-west-1.compute.internal");
    WORLD.map("linux-nodes", &json!({"arn": arn("role/linux-nodes"), "type": "EC2_LINUX"}));
    WORLD.enters(
        &Caller::session(ACCOUNT, "linux-nodes", "i-0123456789abcdef0"),
        "system:node:ip-10-0-0-7.eu-west-1.compute.internal",
        &["system:bootstrappers", "system:nodes"],
    );

    WORLD.is_turned_away(&Caller::session(ACCOUNT, "linux-nodes", "jane"));
    assert!(WORLD.authenticator_log().contains("SessionName did not contain an instance id"));
    WORLD.is_turned_away(&Caller::session(ACCOUNT, "linux-nodes", "i-0000000000000dead"));
    assert!(WORLD.authenticator_log().contains("InvalidInstanceID.NotFound"));
}

#[test]
fn a_windows_instance_is_in_the_group_for_its_kube_proxy_too() {
    WORLD.aws().run_instance("i-0fedcba9876543210", "ip-10-0-0-8.ec2.internal");
    WORLD.map("windows-nodes", &json!({"arn": arn("role/windows-nodes"), "type": "EC2_WINDOWS"}));
    WORLD.enters(
        &Caller::session(ACCOUNT, "windows-nodes", "i-0fedcba9876543210"),
        "system:node:ip-10-0-0-8.ec2.internal",
        &["system:bootstrappers", "system:nodes", "eks:kube-proxy-windows"],
    );
}

#[test]
fn fargate_and_hybrid_nodes_are_called_what_their_session_is_called() {
    WORLD.map("fargate-pods", &json!({"arn": arn("role/fargate-pods"), "type": "FARGATE_LINUX"}));
    WORLD.map("hybrid-nodes", &json!({"arn": arn("role/hybrid-nodes"), "type": "HYBRID_LINUX"}));
    WORLD.enters(
        &Caller::session(ACCOUNT, "fargate-pods", "fargate-ip-10-0-0-9.ec2.internal"),
        "system:node:fargate-ip-10-0-0-9.ec2.internal",
        &["system:bootstrappers", "system:nodes", "system:node-proxier"],
    );
    WORLD.enters(
        &Caller::session(ACCOUNT, "hybrid-nodes", "mi-0123456789abcdef0"),
        "system:node:mi-0123456789abcdef0",
        &["system:bootstrappers", "system:nodes"],
    );
}

#[test]
fn an_account_lets_everybody_in_it_enter_under_their_own_arn_without_groups_its_root_too() {
    const WHOLE: &str = "999900001111";
    WORLD.map("whole-account", &json!({"accountId": WHOLE}));
    for (caller, canonical) in [
        (Caller::user(WHOLE, "path/max"), "arn:aws:iam::999900001111:user/path/max"),
        (Caller::session(WHOLE, "anything", "s"), "arn:aws:iam::999900001111:role/anything"),
        (Caller::federated(WHOLE, "f"), "arn:aws:sts::999900001111:federated-user/f"),
        (Caller::root(WHOLE), "arn:aws:iam::999900001111:root"),
    ] {
        WORLD.enters(&caller, canonical, &[]);
    }
    WORLD.is_turned_away(&Caller::user("999900001112", "max"));
}

#[test]
fn the_root_user_cannot_be_mapped_and_enters_nothing() {
    let refused = WORLD.try_map("root", &json!({"arn": arn("root")})).unwrap_err();
    assert!(refused.contains("root"), "{refused}");
    WORLD.is_turned_away(&Caller::root(ACCOUNT));
}

#[test]
fn an_iam_group_cannot_be_mapped() {
    let refused = WORLD.try_map("group", &json!({"arn": arn("group/developers")})).unwrap_err();
    assert!(refused.contains("group"), "{refused}");
}

#[test]
fn the_case_of_an_arn_does_not_matter() {
    WORLD.map("case", &json!({"arn": arn("role/MixedCase"), "username": "case"}));
    WORLD.enters(&Caller::session(ACCOUNT, "mixedcase", "s"), "case", &[]);
    WORLD.enters(&Caller::session(ACCOUNT, "MIXEDCASE", "s"), "case", &[]);
}

#[test]
fn an_admin_who_is_privileged_by_configuration_is_one() {
    let spec = json!({"arn": arn("role/platform-admins"), "username": "admin", "groups": ["system:masters"]});
    WORLD.map("platform-admins", &spec);
    let admin = Caller::session(ACCOUNT, "platform-admins", "s");
    WORLD.enters(&admin, "admin", &["system:masters"]);
    assert!(WORLD.can_i(&admin, "delete", "secrets"));
}

#[test]
fn a_person_with_kubectl_and_the_real_client_sees_who_they_are_and_what_they_may() {
    let spec =
        json!({"arn": arn("role/people"), "username": "people:{{SessionName}}", "groups": ["developers"]});
    WORLD.map("people", &spec);
    let jane = Caller::session(ACCOUNT, "people", "jane@example.com");
    WORLD.enters(&jane, "people:jane-example.com", &["developers"]);

    let said = WORLD.kubectl_as(&jane, &["auth", "whoami"]).unwrap();
    for said_of_jane in ["people:jane-example.com", "developers", "arn:aws:iam::111122223333:role/people"] {
        assert!(said.contains(said_of_jane), "{said}");
    }
    assert_eq!(WORLD.kubectl_as(&jane, &["auth", "can-i", "list", "pods"]).unwrap().trim(), "yes");
    // It says no by its exit code.
    assert!(WORLD.kubectl_as(&jane, &["auth", "can-i", "delete", "pods"]).is_err());
    let stranger = Caller::user(ACCOUNT, "stranger");
    assert!(WORLD.kubectl_as(&stranger, &["auth", "whoami"]).unwrap_err().contains("Unauthorized"));
}
