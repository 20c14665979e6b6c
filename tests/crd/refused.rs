//! Bad objects, each a named case: the API server refuses it with a sentence that names the field and says what is
//! wrong.

use futures::{StreamExt as _, stream};
use kube::api::{Patch, PatchParams, PostParams, ValidationDirective};
use serde_json::{Value, json};

use crate::cluster::{api, client, dry_create, object, sentence};

const ROLE: &str = "arn:aws:iam::111122223333:role/dev";
const USER: &str = "arn:aws:iam::111122223333:user/jane";

/// A bad object, and what its refusal must say.
struct Bad {
    name: String,
    object: Value,
    field: &'static str,
    words: String,
}

#[derive(Default)]
struct Table(Vec<Bad>);

impl Table {
    fn add(&mut self, name: impl Into<String>, spec: &Value, field: &'static str, words: impl Into<String>) {
        self.add_object(name, object("bad", spec), field, words);
    }

    fn add_object(
        &mut self,
        name: impl Into<String>,
        object: Value,
        field: &'static str,
        words: impl Into<String>,
    ) {
        self.0.push(Bad { name: name.into(), object, field, words: words.into() });
    }

    fn arn(&mut self, name: impl Into<String>, arn: impl Into<Value>, words: impl Into<String>) {
        self.add(name, &json!({"arn": arn.into()}), "spec.arn", words);
    }

    fn account(&mut self, name: impl Into<String>, account: impl Into<Value>, words: impl Into<String>) {
        self.add(name, &json!({"accountId": account.into()}), "spec.accountId", words);
    }

    fn username(&mut self, name: impl Into<String>, username: impl Into<Value>, words: impl Into<String>) {
        self.add(name, &json!({"arn": ROLE, "username": username.into()}), "spec.username", words);
    }

    fn groups(&mut self, name: impl Into<String>, groups: impl Into<Value>, words: impl Into<String>) {
        self.add(name, &json!({"arn": ROLE, "groups": groups.into()}), "spec.groups", words);
    }
}

fn table() -> Table {
    let mut table = Table::default();
    arns(&mut table);
    arns_of_others(&mut table);
    accounts(&mut table);
    principals(&mut table);
    types(&mut table);
    usernames(&mut table);
    groups(&mut table);
    others(&mut table);
    unknown_fields(&mut table);
    table
}

fn arns(t: &mut Table) {
    t.arn("no text", "", "not an ARN");
    t.arn("a bare name", "dev", "not an ARN");
    t.arn("a name with its kind", "role/dev", "not an ARN");
    t.arn("an ARN that ends at the account", "arn:aws:iam::111122223333", "not an ARN");
    t.arn("an ARN with one colon too few", "arn:aws:iam:111122223333:role/dev", "not an ARN");
    t.arn("an ARN in capitals", "ARN:aws:iam::111122223333:role/dev", "not an ARN");
    t.arn("a space before the ARN", format!(" {ROLE}"), "not an ARN");
    t.arn("the ARN in quotes", format!("'{ROLE}'"), "not an ARN");
    t.arn("an account id as ARN", "111122223333", "not an ARN");
    t.arn(
        "a link to the console",
        "https://console.aws.amazon.com/iam/home#/roles/details/dev",
        "not an ARN",
    );
    t.arn("an unfilled template", "${aws_iam_role.dev.arn}", "not an ARN");
    t.arn("a service principal", "eks.amazonaws.com", "not an ARN");

    t.arn("anybody", "*", "wildcard");
    t.arn("every role", "arn:aws:iam::111122223333:role/*", "wildcard");
    t.arn("roles by prefix", "arn:aws:iam::111122223333:role/dev-*", "wildcard");
    t.arn("users by question mark", "arn:aws:iam::111122223333:user/jan?", "wildcard");
    t.arn("any partition", "arn:*:iam::111122223333:role/dev", "wildcard");
    t.arn("any account", "arn:aws:iam::*:role/dev", "wildcard");
    t.arn("any session", "arn:aws:sts::111122223333:assumed-role/dev/*", "wildcard");

    for partition in ["", "AWS", "Aws", "aws-", "aws-us", "aws-eu", "aws-iso-c", "awscn", "amazon", "aws "] {
        t.arn(
            format!("partition {partition:?}"),
            format!("arn:{partition}:iam::111122223333:role/dev"),
            "unknown partition",
        );
    }
    for region in ["us-east-1", "eu-central-1", "global", " "] {
        t.arn(
            format!("region {region:?}"),
            format!("arn:aws:iam:{region}:111122223333:role/dev"),
            "have no region",
        );
    }
    for account in [
        "",
        "11112222333",
        "1111222233334",
        "1111-2222-3333",
        "11112222333a",
        "aws",
        " 111122223333",
        "１１１１２２２２３３３３",
    ] {
        t.arn(
            format!("account {account:?}"),
            format!("arn:aws:iam::{account}:role/dev"),
            "exactly 12 digits",
        );
    }
    for kind in ["role", "role/", "role/team/", "user", "user/", "user/a/b/"] {
        t.arn(format!("{kind:?} without a name"), format!("arn:aws:iam::111122223333:{kind}"), "is missing");
    }
    let long = "n".repeat(65);
    for name in [
        "a b",
        " dev",
        "dev ",
        "dev\n",
        "dév",
        "dev!",
        "dev#1",
        "a%2Fb",
        "dev:1",
        "de\u{200b}v",
        "{{SessionName}}",
        &long,
    ] {
        t.arn(format!("role name {name:?}"), format!("arn:aws:iam::111122223333:role/{name}"), "IAM name");
        t.arn(format!("user name {name:?}"), format!("arn:aws:iam::111122223333:user/{name}"), "IAM name");
    }
    let deep = "p".repeat(511);
    for path in ["", "a//b", "/a", "a b", "ä", "a\tb", "a\u{200b}", &deep] {
        t.arn(
            format!("role path {path:?}"),
            format!("arn:aws:iam::111122223333:role/{path}/dev"),
            "IAM path",
        );
    }
    t.arn(
        "a path over several segments that is too long",
        format!("arn:aws:iam::111122223333:user/{}dev", "abcde/".repeat(86)),
        "IAM path",
    );
    t.arn(
        "an ARN of 701 characters",
        format!("arn:aws:iam::111122223333:role/{}", "a".repeat(670)),
        "Too long",
    );
    t.arn("an ARN of 100,000 characters", "a".repeat(100_000), "Too long");
    t.arn("a number as ARN", 111_122_223_333_u64, "must be of type string");
    t.arn("a list of ARNs", json!([ROLE]), "must be of type string");
    t.arn("a truth as ARN", true, "must be of type string");
}

fn arns_of_others(t: &mut Table) {
    for service in ["s3", "ec2", "eks", "IAM", "", "sso", "cognito-identity"] {
        t.arn(
            format!("service {service:?}"),
            format!("arn:aws:{service}::111122223333:role/dev"),
            "only IAM roles and users",
        );
    }
    t.arn("the STS root", "arn:aws:sts::111122223333:root", "only IAM roles and users");
    t.arn("a role under STS", "arn:aws:sts::111122223333:role/dev", "only IAM roles and users");
    for partition in
        ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"]
    {
        t.arn(
            format!("a session in {partition}"),
            format!("arn:{partition}:sts::111122223333:assumed-role/dev/jane@example.com"),
            format!("write the role itself: arn:{partition}:iam::111122223333:role/dev"),
        );
    }
    let own_name = "write the role itself: arn:aws:iam::111122223333:role/";
    t.arn(
        "a session of an SSO role",
        "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/jane",
        format!("{own_name}AWSReservedSSO_Admin_0123456789abcdef"),
    );
    t.arn(
        "an assumed role without a session",
        "arn:aws:sts::111122223333:assumed-role/dev",
        format!("{own_name}dev"),
    );
    t.arn(
        "an assumed role without a name",
        "arn:aws:sts::111122223333:assumed-role/",
        format!("{own_name}NAME"),
    );
    t.arn(
        "an assumed role without anything",
        "arn:aws:sts::111122223333:assumed-role",
        format!("{own_name}NAME"),
    );
    t.arn(
        "an assumed role under IAM",
        "arn:aws:iam::111122223333:assumed-role/dev/jane",
        format!("{own_name}dev"),
    );
    t.arn("a federated user", "arn:aws:sts::111122223333:federated-user/jane", "federated users");
    t.arn("root", "arn:aws:iam::111122223333:root", "root user itself");
    t.arn("something under root", "arn:aws:iam::111122223333:root/x", "root user itself");
    t.arn("an IAM group", "arn:aws:iam::111122223333:group/devs", "IAM groups are no identities");
    t.arn(
        "an IAM group with a path",
        "arn:aws:iam::111122223333:group/team/devs",
        "IAM groups are no identities",
    );
    t.arn("an instance profile", "arn:aws:iam::111122223333:instance-profile/node", "the role inside it");
    for resource in [
        "policy/admin",
        "mfa/jane",
        "saml-provider/okta",
        "oidc-provider/example.com",
        "server-certificate/x",
        "Role/dev",
        "ROLE/dev",
        "User/jane",
        "roles/dev",
        "role:dev",
        "service-role/dev",
        "dev",
        "",
    ] {
        t.arn(
            format!("resource {resource:?}"),
            format!("arn:aws:iam::111122223333:{resource}"),
            "only role/NAME and user/NAME",
        );
    }
}

fn accounts(t: &mut Table) {
    for account in [
        "",
        "11112222333",
        "1111222233334",
        "1111-2222-3333",
        "1111 2222 3333",
        "11112222333a",
        "+11112222333",
        "111122223333 ",
        " 111122223333",
        "111122223333\n",
        "１１１１２２２２３３３３",
        "arn:aws:iam::111122223333:root",
        "*",
    ] {
        t.account(format!("account id {account:?}"), account, "exactly 12 digits");
    }
    t.account("an account id without quotes", 111_122_223_333_u64, "must be of type string");
    t.account("an account id as a fraction", 1.5, "must be of type string");
    t.account("a list of account ids", json!(["111122223333"]), "must be of type string");
    t.account("a truth as account id", false, "must be of type string");
    t.account("an account id of 65 characters", "1".repeat(65), "Too long");
}

fn principals(t: &mut Table) {
    t.add(
        "both principals",
        &json!({"arn": ROLE, "accountId": "111122223333"}),
        "spec",
        "exclude each other",
    );
    t.add("no principal", &json!({}), "spec", "write exactly one");
    t.add("no principal, but groups", &json!({"groups": ["devs"]}), "spec", "write exactly one");
    t.add("a null ARN", &json!({"arn": null}), "spec", "write exactly one");
    t.add("two null principals", &json!({"arn": null, "accountId": null}), "spec", "write exactly one");
    t.add("a null spec", &json!(null), "spec", "Required value");
    t.add("a list for a spec", &json!([ROLE]), "spec", "must be of type object");
    t.add("an ARN for a spec", &json!(ROLE), "spec", "must be of type object");
    let mut without = object("bad", &json!({}));
    without.as_object_mut().unwrap().remove("spec");
    t.add_object("no spec", without, "spec", "Required value");
    let account = |mut spec: Value| {
        spec["accountId"] = json!("111122223333");
        spec
    };
    let leave_out = "leave username, groups and type out";
    t.add("an account with a username", &account(json!({"username": "a"})), "spec.accountId", leave_out);
    t.add(
        "an account with an empty username",
        &account(json!({"username": ""})),
        "spec.accountId",
        leave_out,
    );
    t.add("an account with groups", &account(json!({"groups": ["a"]})), "spec.accountId", leave_out);
    t.add(
        "an account with both",
        &account(json!({"username": "a", "groups": ["a"]})),
        "spec.accountId",
        leave_out,
    );
    for node in ["EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX"] {
        t.add(format!("an account of {node}"), &account(json!({"type": node})), "spec.accountId", leave_out);
    }
}

fn types(t: &mut Table) {
    for odd in ["", "standard", "Standard", "EC2", "ec2_linux", "FARGATE", "HYPERPOD_LINUX", "EC2-LINUX"] {
        t.add(format!("type {odd:?}"), &json!({"arn": ROLE, "type": odd}), "spec.type", "Unsupported value");
    }
    t.add("a number as type", &json!({"arn": ROLE, "type": 1}), "spec.type", "must be of type string");
    t.add(
        "a list of types",
        &json!({"arn": ROLE, "type": ["STANDARD"]}),
        "spec.type",
        "must be of type string",
    );
    for node in ["EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX"] {
        let spec = |field: &str, value: Value| json!({"arn": ROLE, "type": node, field: value});
        t.add(
            format!("{node} with a username"),
            &spec("username", json!("a")),
            "spec.type",
            "leave both out",
        );
        t.add(format!("{node} with groups"), &spec("groups", json!(["a"])), "spec.type", "leave both out");
        t.add(
            format!("{node} for a user"),
            &json!({"arn": USER, "type": node}),
            "spec.type",
            "needs the ARN of a role",
        );
    }
    for odd in ["adopt", "REFUSE", "Force", ""] {
        t.add(
            format!("adoption {odd:?}"),
            &json!({"arn": ROLE, "adoption": odd}),
            "spec.adoption",
            "Unsupported value",
        );
    }
    t.add(
        "a truth as adoption",
        &json!({"arn": ROLE, "adoption": true}),
        "spec.adoption",
        "must be of type string",
    );
    for odd in [json!("true"), json!("yes"), json!(1), json!([])] {
        t.add(
            format!("paused {odd}"),
            &json!({"arn": ROLE, "paused": odd}),
            "spec.paused",
            "must be of type boolean",
        );
    }
}

/// One of each kind of what people cannot see.
const INVISIBLE: [char; 16] = [
    '\0',
    '\u{7}',
    '\t',
    '\n',
    '\r',
    '\u{1b}',
    '\u{7f}',
    '\u{85}',
    '\u{ad}',
    '\u{200b}',
    '\u{200e}',
    '\u{202e}',
    '\u{2028}',
    '\u{2029}',
    '\u{feff}',
    '\u{e0041}',
];
/// Spaces that stand at an edge unseen.
const SPACES: [char; 5] = [' ', '\u{a0}', '\u{2003}', '\u{202f}', '\u{3000}'];

fn usernames(t: &mut Table) {
    t.username("an empty username", "", "is empty");
    t.username("a username of 701 characters", "u".repeat(701), "Too long");
    t.username("a number as username", 7, "must be of type string");
    t.username("a truth as username", true, "must be of type string");
    t.username("a list of usernames", json!(["a"]), "must be of type string");
    for c in INVISIBLE {
        let code = u32::from(c);
        t.username(format!("U+{code:04X} in a username"), format!("a{c}b"), "invisible or control character");
    }
    for c in SPACES {
        let code = u32::from(c);
        t.username(format!("U+{code:04X} before a username"), format!("{c}a"), "white space");
        t.username(format!("U+{code:04X} after a username"), format!("a{c}"), "white space");
    }
    for text in [
        "{{SessionName}}",
        "{{SessionNameRaw}}",
        "ci-{{SessionName}}",
        "{{SessionName}}:ci",
        "{{AccountID}}{{SessionName}}",
        "{{AccountID}}-{{SessionNameRaw}}",
        "{{SessionName}}:{{SessionName}}",
    ] {
        t.username(
            format!("{text:?}: the session name first"),
            text,
            "literal text with a colon must come before it",
        );
    }
    for text in ["{{AccessKeyID}}", "ci:{{AccessKeyID}}", "a{{AccessKeyID}}b{{AccountID}}"] {
        t.username(format!("{text:?}: the access key"), text, "CVE-2022-2385");
    }
    for text in [
        "{{",
        "a:{{",
        "a:{{}}",
        "a:{{ SessionName }}",
        "a:{{sessionname}}",
        "a:{{SESSIONNAME}}",
        "a:{{SessionName}",
        "a:{{SessionName",
        "a:{{{SessionName}}}",
        "a:{{{{SessionName}}}}",
        "a:{{EC2PrivateDNSName}}",
        "a:{{UserName}}",
        "a:{{AccountId}}",
        "a:{{SessionName}}{{",
        "a:{{AccountID}}{{Nope}}",
        "{{.SessionName}}",
    ] {
        t.username(format!("{text:?}: no placeholder"), text, "is no placeholder");
    }
}

fn groups(t: &mut Table) {
    t.groups("one group without a list", "devs", "must be of type array");
    t.groups("numbers as groups", json!([1]), "must be of type string");
    t.groups("a null group", json!(["devs", null]), "must be of type string");
    t.groups("a list in the list", json!([["devs"]]), "must be of type string");
    t.groups("an empty group", json!(["devs", ""]), "empty group");
    t.groups("a group of 254 characters", json!(["g".repeat(254)]), "Too long");
    t.groups("a group twice", json!(["a", "b", "a"]), "Duplicate value");
    t.groups("65 groups", json!((0..65).map(|n| format!("g{n}")).collect::<Vec<_>>()), "Too many");
    for c in INVISIBLE {
        let code = u32::from(c);
        t.groups(
            format!("U+{code:04X} in a group"),
            json!([format!("a{c}b")]),
            "invisible or control character",
        );
    }
    for c in SPACES {
        let code = u32::from(c);
        t.groups(format!("U+{code:04X} before a group"), json!([format!("{c}a")]), "white space");
        t.groups(format!("U+{code:04X} after a group"), json!(["ok", format!("a{c}")]), "white space");
    }
    for text in ["{{SessionName}}", "a:{{SessionName}}", "{{AccountID}}", "team-{{x}}", "a{{", "{{{"] {
        t.groups(format!("group {text:?}"), json!([text]), "no placeholder is safe in a group");
    }
}

fn others(t: &mut Table) {
    for time in [
        "",
        "tomorrow",
        "2026-12-31",
        "18:00:00",
        "2026-12-31T18:00Z",
        "2026-12-31T18:00:00",
        "2026-12-31 18:00:00Z",
        "2026-12-31t18:00:00z",
        "2026-12-31T18:00:00z",
        "2026-12-31T18:00:00+0100",
        "2026-12-31T18:00:00+01",
        "2026-12-31T18:00:00 Z",
        "2026-12-31T18:00:00Z ",
        "2026-12-31T18:00:00,5Z",
        "2026-12-31T18:00:00.Z",
        "2026-12-31T18:00:00.1234567891Z",
        "2026-12-31T24:00:00Z",
        "2026-12-31T23:60:00Z",
        "2026-12-31T23:59:60Z",
        "2026-12-31T18:00:00+24:00",
        "2026-12-32T18:00:00Z",
        "2026-13-01T18:00:00Z",
        "2026-00-10T18:00:00Z",
        "2026-02-30T18:00:00Z",
        "2027-02-29T18:00:00Z",
        "0000-01-01T00:00:00Z",
        "+002026-12-31T18:00:00Z",
        "26-12-31T18:00:00Z",
        "9999-12-31T23:59:59Z",
        "Thu, 31 Dec 2026 18:00:00 GMT",
        "1798740000",
        "P30D",
    ] {
        t.add(
            format!("expiresAt {time:?}"),
            &json!({"arn": ROLE, "expiresAt": time}),
            "spec.expiresAt",
            "2026-12-31T18:00:00Z",
        );
    }
    t.add(
        "a number as expiresAt",
        &json!({"arn": ROLE, "expiresAt": 1_798_740_000}),
        "spec.expiresAt",
        "type string",
    );
    t.add(
        "expiresAt of 65 characters",
        &json!({"arn": ROLE, "expiresAt": "2".repeat(65)}),
        "spec.expiresAt",
        "Too long",
    );
    for c in ['\0', '\u{7}', '\t', '\r', '\u{1b}', '\u{200b}', '\u{202e}', '\u{2028}'] {
        let code = u32::from(c);
        t.add(
            format!("U+{code:04X} in a description"),
            &json!({"arn": ROLE, "description": format!("a{c}b")}),
            "spec.description",
            "invisible or control character",
        );
    }
    t.add(
        "a description of 1025 characters",
        &json!({"arn": ROLE, "description": "d".repeat(1025)}),
        "spec.description",
        "Too long",
    );
    t.add(
        "a number as description",
        &json!({"arn": ROLE, "description": 7}),
        "spec.description",
        "type string",
    );
}

fn unknown_fields(t: &mut Table) {
    for (field, path) in [
        ("rolearn", r#"unknown field "spec.rolearn""#),
        ("userarn", r#"unknown field "spec.userarn""#),
        ("ARN", r#"unknown field "spec.ARN""#),
        ("userName", r#"unknown field "spec.userName""#),
        ("group", r#"unknown field "spec.group""#),
        ("accountID", r#"unknown field "spec.accountID""#),
        ("account", r#"unknown field "spec.account""#),
        ("expires", r#"unknown field "spec.expires""#),
        ("adopt", r#"unknown field "spec.adopt""#),
        ("pause", r#"unknown field "spec.pause""#),
        ("kubernetesGroups", r#"unknown field "spec.kubernetesGroups""#),
    ] {
        t.add(format!("unknown field {field}"), &json!({"arn": ROLE, field: "x"}), path, "strict decoding");
    }
    // What an object's fields are called is looked at before its type.
    let parts = r#"unknown field "spec.arn.role""#;
    t.add("an ARN in parts", &json!({"arn": {"role": "dev"}}), parts, "strict decoding");
    let devs = r#"unknown field "spec.groups.devs""#;
    t.add("groups as an object", &json!({"arn": ROLE, "groups": {"devs": true}}), devs, "strict decoding");
    let mut top = object("bad", &json!({"arn": ROLE}));
    top["arn"] = json!(ROLE);
    t.add_object("an ARN outside the spec", top, r#"unknown field "arn""#, "strict decoding");
}

#[tokio::test]
async fn every_bad_object_is_refused_with_a_sentence_that_names_the_field() {
    let table = table().0;
    assert!(table.len() >= 200, "{} bad objects", table.len());
    let client = client().await;
    let wrong: Vec<String> = stream::iter(&table)
        .map(async |bad| match dry_create(&client, &bad.object).await {
            Ok(_) => Some(format!("{}: accepted", bad.name)),
            Err(message) if message.contains(bad.field) && message.contains(&bad.words) => None,
            Err(message) => Some(format!("{}: not about {} ({}): {message}", bad.name, bad.field, bad.words)),
        })
        .buffer_unordered(8)
        .filter_map(async |wrong| wrong)
        .collect()
        .await;
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), table.len(), wrong.join("\n"));
}

#[tokio::test]
async fn a_wrong_arn_is_refused_with_one_sentence_and_not_six() {
    let mut table = Table::default();
    arns(&mut table);
    arns_of_others(&mut table);
    let client = client().await;
    for bad in &table.0 {
        let message = dry_create(&client, &bad.object).await.unwrap_err();
        assert_eq!(message.matches("spec.arn: ").count(), 1, "{}: {message}", bad.name);
    }
}

#[tokio::test]
async fn who_is_mapped_cannot_change() {
    let api = api().await;
    let create = |name, spec| {
        let object = serde_json::from_value(object(name, &spec)).unwrap();
        let api = &api;
        async move { api.create(&PostParams::default(), &object).await.unwrap() }
    };
    create("role", json!({"arn": ROLE, "groups": ["devs"]})).await;
    create("account", json!({"accountId": "111122223333"})).await;
    let params = PatchParams {
        dry_run: true,
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::default()
    };
    let patch = |name, spec: Value| {
        let (api, params) = (&api, &params);
        async move { sentence(api.patch(name, params, &Patch::Merge(json!({"spec": spec}))).await) }
    };

    for (case, name, spec) in [
        ("another role", "role", json!({"arn": "arn:aws:iam::111122223333:role/ops"})),
        ("another account", "role", json!({"arn": "arn:aws:iam::444455556666:role/dev"})),
        ("a user in place of a role", "role", json!({"arn": USER})),
        ("another case", "role", json!({"arn": "arn:aws:iam::111122223333:role/Dev"})),
        ("another path", "role", json!({"arn": "arn:aws:iam::111122223333:role/team/dev"})),
        (
            "an account in place of the ARN",
            "role",
            json!({"arn": null, "groups": null, "accountId": "111122223333"}),
        ),
        ("an ARN in place of the account", "account", json!({"accountId": null, "arn": ROLE})),
        ("another account id", "account", json!({"accountId": "444455556666"})),
    ] {
        let message = patch(name, spec).await.expect_err(case);
        assert!(message.contains("spec.arn and spec.accountId cannot change"), "{case}: {message}");
    }
    for (case, name, spec, words) in [
        ("an account beside the ARN", "role", json!({"accountId": "111122223333"}), "exclude each other"),
        ("no ARN any more", "role", json!({"arn": null}), "write exactly one"),
        ("no account any more", "account", json!({"accountId": null}), "write exactly one"),
        ("a bad group", "role", json!({"groups": ["a "]}), "spec.groups[0]"),
        ("an unknown field", "role", json!({"role": "x"}), "unknown field \"spec.role\""),
    ] {
        let message = patch(name, spec).await.expect_err(case);
        assert!(message.contains(words), "{case}: {message}");
    }
    patch("role", json!({"arn": ROLE, "groups": ["ops"], "username": "a", "paused": true}))
        .await
        .expect("everything else may change");
}
