//! Good objects, the borderline ones above all: the API server takes each as it is, and the operator understands it.

use aws_auth_operator::api::{IamMapping, convert};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::cluster::{client, dry_create, object};

const ROLE: &str = "arn:aws:iam::111122223333:role/dev";

fn table() -> Vec<(String, Value)> {
    let mut table = Vec::new();
    let mut good = |name: &str, spec: Value| table.push((name.to_owned(), spec));
    for partition in
        ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"]
    {
        good(partition, json!({"arn": format!("arn:{partition}:iam::111122223333:role/dev")}));
    }
    for (name, arn) in [
        ("a user", "user/jane".to_owned()),
        ("a user with a path", "user/team/dev/jane".to_owned()),
        ("every character of a name", "role/Az09_+=,.@-".to_owned()),
        ("a name of 64 characters", format!("role/{}", "n".repeat(64))),
        ("a name of one character", "role/n".to_owned()),
        ("a path of 512 characters with its slashes", format!("role/{}/dev", "p".repeat(510))),
        ("a path of many segments", format!("user/{}jane", "ab/".repeat(170))),
        ("a path of every printable character", "role/!\"#$%&'()+,-.09:;<=>@AZ[\\]^_`az{|}~/dev".to_owned()),
        ("a role called role", "role/role".to_owned()),
        ("a path that looks like another resource", "role/group/assumed-role/root".to_owned()),
        (
            "an SSO role",
            "role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef".to_owned(),
        ),
        (
            "a service-linked role",
            "role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS".to_owned(),
        ),
    ] {
        good(name, json!({"arn": format!("arn:aws:iam::111122223333:{arn}")}));
    }
    good("account zero", json!({"arn": "arn:aws:iam::000000000000:role/dev"}));
    good("an account", json!({"accountId": "111122223333"}));
    good("an account with leading zeros", json!({"accountId": "000000000012"}));
    good("an account with no groups", json!({"accountId": "111122223333", "groups": [], "type": "STANDARD"}));
    good("an account beside a null ARN", json!({"accountId": "111122223333", "arn": null}));
    for node in ["EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX"] {
        good(node, json!({"arn": ROLE, "type": node}));
    }
    good(
        "nulls everywhere",
        json!({
            "arn": ROLE, "accountId": null, "type": null, "username": null, "groups": null, "adoption": null,
            "paused": null, "expiresAt": null, "description": null,
        }),
    );
    for username in [
        "a",
        "ci:{{SessionName}}",
        "a:b:{{SessionNameRaw}}",
        ":{{SessionName}}",
        "x:{{AccountID}}:{{SessionName}}:{{SessionName}}",
        "{{AccountID}}",
        "{{AccountID}}:{{SessionName}}",
        "a{b}c",
        "}}",
        "a{",
        "{ {SessionName}}",
        "a:{{SessionName}}}",
        "a:{{SessionName}}{x",
        "system:admin",
        "Jörg Müller",
        "名前",
        "👩\u{fe0f}",
        "yes",
        "1e3",
        "a'b\"c\\d",
        "*",
    ] {
        good(&format!("username {username:?}"), json!({"arn": ROLE, "username": username}));
    }
    good("a username of 700 characters", json!({"arn": ROLE, "username": "ü".repeat(700)}));
    good("64 groups", json!({"arn": ROLE, "groups": (0..64).map(|n| format!("g{n}")).collect::<Vec<_>>()}));
    good("a group of 253 characters", json!({"arn": ROLE, "groups": ["ü".repeat(253)]}));
    good("groups that differ in case", json!({"arn": ROLE, "groups": ["devs", "Devs"]}));
    good("odd groups", json!({"arn": ROLE, "groups": ["system:masters", "a b", "{x}", "}}", "null", "*"]}));
    for time in [
        "2026-12-31T18:00:00Z",
        "2026-12-31T18:00:00.5Z",
        "2026-12-31T18:00:00.123456789Z",
        "2026-12-31T18:00:00+01:00",
        "2026-12-31T18:00:00-23:59",
        "2028-02-29T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "9998-12-31T23:59:59Z",
    ] {
        good(&format!("expiresAt {time}"), json!({"arn": ROLE, "expiresAt": time}));
    }
    good("a description of several lines", json!({"arn": ROLE, "description": "OPS-1\nfor the team\n"}));
    good("a description of 1024 characters", json!({"arn": ROLE, "description": "d".repeat(1024)}));
    good("an empty description", json!({"arn": ROLE, "description": ""}));
    good("adopted and paused", json!({"arn": ROLE, "adoption": "Adopt", "paused": true}));
    table
}

#[tokio::test]
async fn every_good_object_is_accepted_and_understood() {
    let table = table();
    let client = client().await;
    let wrong: Vec<String> = stream::iter(&table)
        .map(async |(name, spec)| {
            let stored = match dry_create(&client, &object("good", spec)).await {
                Ok(stored) => stored,
                Err(message) => return Some(format!("{name}: {message}")),
            };
            match serde_json::from_value::<IamMapping>(stored) {
                Ok(object) => convert::mapping(&object).spec.err().map(|error| format!("{name}: {error}")),
                Err(error) => Some(format!("{name}: {error}")),
            }
        })
        .buffer_unordered(8)
        .filter_map(async |wrong| wrong)
        .collect()
        .await;
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), table.len(), wrong.join("\n"));
}

#[tokio::test]
async fn a_null_is_stored_by_nobody() {
    let stored = dry_create(
        &client().await,
        &object("good", &json!({"arn": ROLE, "accountId": null, "username": null, "groups": null})),
    )
    .await
    .unwrap();
    assert_eq!(stored["spec"], json!({"arn": ROLE, "type": "STANDARD", "adoption": "Refuse"}));
}
