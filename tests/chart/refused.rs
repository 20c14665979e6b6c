//! Wrong values: refused with the key's name, before anything reaches a cluster.

use aws_auth_operator::config;

use crate::common::file;
use crate::helm::Helm;

/// What Helm says of these values.
#[track_caller]
fn refused(values: &str) -> String {
    let values = file(values);
    Helm::alone().template(Some(values.path())).expect_err("refused")
}

#[test]
fn an_unknown_value_is_refused_by_name() {
    for (values, place, name) in [
        ("replicaCount: 2", "at ''", "replicaCount"),
        ("config: {mod: Enforce}", "at '/config'", "mod"),
        ("config: {policy: {priviledged: []}}", "at '/config/policy'", "priviledged"),
        ("config: {guards: {minAdmin: 1}}", "at '/config/guards'", "minAdmin"),
        ("crds: {install: false}", "at '/crds'", "install"),
        ("image: {name: x}", "at '/image'", "name"),
    ] {
        let said = refused(values);
        assert!(said.contains(&format!("{place}: additional properties '{name}' not allowed")), "{said}");
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_by_name() {
    for (values, place) in [
        ("replicas: two", "/replicas"),
        ("config: {mode: enforce}", "/config/mode"),
        ("config: {authenticationMode: API}", "/config/authenticationMode"),
        ("config: {clusterCreator: {ensure: true}}", "/config/clusterCreator"),
        ("config: {guards: {minAdmins: -1}}", "/config/guards/minAdmins"),
        ("config: {policy: {adminGroups: []}}", "/config/policy/adminGroups"),
        ("config: {policy: {allowedGroups: []}}", "/config/policy/allowedGroups"),
        ("config: {policy: {usernamePatterns: ['ci:{{SessionName}}']}}", "/config/policy/usernamePatterns/0"),
        ("config: {guards: {onMissing: Ignore}}", "/config/guards/onMissing"),
        // An account without quotes is a number, whose zeros in front are gone.
        ("config: {policy: {privileged: [044455556666]}}", "/config/policy/privileged/0"),
        ("crds: {keep: 'yes'}", "/crds/keep"),
        ("image: {digest: latest}", "/image/digest"),
        ("admissionPolicies: {privilegedValues: true}", "/admissionPolicies/privilegedValues"),
        ("networkPolicy: {apiServer: {cidrs: [10.0.0.1]}}", "/networkPolicy/apiServer/cidrs/0"),
        ("port: 80", "/port"),
        ("fullnameOverride: My_Operator", "/fullnameOverride"),
    ] {
        let said = refused(values);
        assert!(said.contains(&format!("at '{place}'")), "{values}: {said}");
    }
}

#[test]
fn values_that_contradict_each_other_are_refused_with_both_their_names() {
    for (config, one, other) in [
        (
            "authenticationMode: Api\nclusterCreator: {arn: 'arn:aws:iam::111122223333:role/a', ensure: true}",
            "clusterCreator.ensure",
            "authenticationMode",
        ),
        (
            "policy: {allowedAccounts: ['444455556666'], privileged: ['arn:aws:iam::111122223333:role/a']}",
            "policy.privileged",
            "policy.allowedAccounts",
        ),
        (
            "policy: {allowedAccounts: ['444455556666'], privileged: ['777788889999']}",
            "policy.privileged",
            "policy.allowedAccounts",
        ),
    ] {
        let said = config::parse("x", config).unwrap_err().to_string();
        assert!(said.contains(one) && said.contains(other), "the operator: {said}");
        let said = refused(&format!("config: {{{}}}", config.replace('\n', ", ")));
        assert!(
            said.contains(&format!("config.{one}")) && said.contains(&format!("config.{other}")),
            "{said}"
        );
    }
}

#[test]
fn an_account_that_is_neither_made_nor_named_is_refused() {
    let said = refused("serviceAccount: {create: false}");
    assert!(said.contains("serviceAccount.name: name the ServiceAccount that exists"), "{said}");
}

#[test]
fn an_arn_is_refused_where_the_operator_would_refuse_it_and_nowhere_else() {
    let path = "a/".repeat(20);
    let taken = [
        "arn:aws:iam::111122223333:role/dev",
        "arn:aws-cn:iam::111122223333:user/jane@example.com",
        "arn:aws-iso-f:iam::011122223333:role/dev+a=b,c.d_e-f",
        "arn:aws-eusc:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_x",
        "arn:aws:iam::111122223333:user/a!b~c/jane",
        &format!("arn:aws:iam::111122223333:role/{path}dev"),
    ];
    let refused = [
        "dev",
        "arn:aws:iam::111122223333:root",
        "arn:aws:iam::111122223333:group/dev",
        "arn:aws:sts::111122223333:assumed-role/dev/jane",
        "arn:aws:iam::11112222333:role/dev",
        "arn:aws:iam:eu-central-1:111122223333:role/dev",
        "arn:AWS:iam::111122223333:role/dev",
        "arn:aws:iam::111122223333:role/*",
        "arn:aws:iam::111122223333:role/a?b/dev",
        "arn:aws:iam::111122223333:role/",
        "arn:aws:iam::111122223333:role//dev",
        "arn:aws:iam::111122223333:role/dev\u{a0}",
        "arn:aws:iam::111122223333:role/dév",
        " arn:aws:iam::111122223333:role/dev",
    ];
    let helm = Helm::alone();
    for (arns, fine) in [(&taken[..], true), (&refused[..], false)] {
        for arn in arns {
            let text = format!("{{protected: [{arn:?}]}}");
            assert_eq!(config::parse("x", &text).is_ok(), fine, "the operator: {arn}");
            let values = file(&format!("config: {text}"));
            let said = helm.template(Some(values.path())).map(drop);
            assert_eq!(said.is_ok(), fine, "the chart: {arn}: {said:?}");
        }
    }
}
