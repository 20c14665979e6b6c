//! The API server and the core draw the same line: what the CEL rules let pass, the core's rules let pass too, and the
//! other way round. Otherwise a mapping would be accepted and then never work, or refused for no reason.
//!
//! Specs are put together from the pieces that either side looks at, good and bad, and held against the real API
//! server. Where the two differ on purpose is said in `src/api/rules.rs`.

use std::cell::Cell;

use aws_auth::arn::ArnError;
use aws_auth::mapping::SpecError;
use aws_auth_operator::api::{IamMapping, convert};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use serde_json::{Value, json};

use crate::cluster::{client, dry_create, object};

/// Enough that every pair of pieces meets; the API server answers some hundreds a second.
const CASES: u32 = 3_000;

/// One of `good`, or in one case of `odds` one of `bad`.
fn mostly(
    odds: u32,
    good: &'static [&'static str],
    bad: &'static [&'static str],
) -> impl Strategy<Value = String> {
    prop_oneof![odds - 1 => select(good), 1 => select(bad)].prop_map(str::to_owned)
}

fn whole_arn() -> impl Strategy<Value = String> {
    let partition = mostly(
        16,
        &["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"],
        &["", "AWS", "aws-x", "*", "aws "],
    );
    let service = mostly(12, &["iam"], &["sts", "s3", "", "IAM", "iam?"]);
    let region = mostly(20, &[""], &["us-east-1", "*", " "]);
    let account = mostly(
        16,
        &["111122223333", "000000000000"],
        &["", "11112222333", "1111222233334", "a11122223333", "*", "１１１１２２２２３３３３"],
    );
    let kind = mostly(
        8,
        &["role", "user"],
        &[
            "group",
            "root",
            "assumed-role",
            "federated-user",
            "instance-profile",
            "policy",
            "Role",
            "",
            "role:x",
            "*",
        ],
    );
    let long_path = "p".repeat(509);
    let longer_path = "p".repeat(511);
    let path = prop_oneof![
        4 => Just("/".to_owned()),
        1 => Just(String::new()),
        3 => prop::collection::vec(
            mostly(12, &["a", "team", "!\"#$", "role", ":", "{{", "~"], &["", " ", "é", "*", "\t", "\u{200b}"]),
            1..4,
        )
        .prop_map(|segments| format!("/{}/", segments.join("/"))),
        1 => select(vec![format!("/{long_path}/"), format!("/{long_path}a/"), format!("/{longer_path}/"), format!("/{long_path}/a/")]),
    ];
    let long_name = "n".repeat(64);
    let longer_name = "n".repeat(65);
    let name = prop_oneof![
        8 => mostly(4, &["dev", "A_+=,.@-9", "root", "assumed-role"], &["", "a b", "é", "a:b", "*", "a\n", " ", "{{"]),
        1 => select(vec![long_name, longer_name]),
    ];
    let prefix = mostly(24, &["arn"], &["", "ARN", " arn", "arn:arn", "a"]);
    (prefix, partition, service, region, account, kind, path, name).prop_map(
        |(prefix, partition, service, region, account, kind, path, name)| {
            format!("{prefix}:{partition}:{service}:{region}:{account}:{kind}{path}{name}")
        },
    )
}

fn arn() -> impl Strategy<Value = String> {
    let role = "arn:aws:iam::111122223333:role/dev";
    let plain = select(vec![role, "arn:aws:iam::111122223333:user/jane"]).prop_map(str::to_owned);
    // One character less or more, anywhere.
    let pieces = select(vec!["", ":", "/", "*", " ", "x", "\n"]);
    let edited = (whole_arn(), any::<prop::sample::Index>(), pieces).prop_map(|(whole, at, piece)| {
        let mut chars: Vec<char> = whole.chars().collect();
        let at = at.index(chars.len());
        let end = at + usize::from(piece.is_empty());
        chars.splice(at..end, piece.chars());
        chars.into_iter().collect()
    });
    prop_oneof![5 => plain, 4 => whole_arn(), 1 => edited]
}

fn account_id() -> impl Strategy<Value = String> {
    mostly(2, &["111122223333"], &["", "11112222333", "1111222233334", "11112222333a", " 111122223333"])
}

/// Text out of the pieces that the rules on usernames and groups look at.
fn text() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "a",
        "b:",
        ":",
        "{",
        "}",
        "{{",
        "}}",
        "{{SessionName}}",
        "{{SessionNameRaw}}",
        "{{AccountID}}",
        "{{AccessKeyID}}",
        "{{EC2PrivateDNSName}}",
        "SessionName",
        "system:",
        "é",
        "名",
    ]);
    let odd = select(vec![
        " ",
        "\t",
        "\n",
        "\0",
        "\u{a0}",
        "\u{ad}",
        "\u{85}",
        "\u{200b}",
        "\u{202e}",
        "\u{2003}",
        "\u{2028}",
        "\u{feff}",
        "\u{3000}",
        "\u{e0041}",
        "\u{fe0f}",
        "\u{301}",
        "\u{1d173}",
        "\u{110bd}",
    ]);
    let pieces =
        prop::collection::vec(prop_oneof![12 => piece, 1 => odd], 0..6).prop_map(|pieces| pieces.concat());
    let long = select(vec![252, 253, 254, 699, 700, 701]).prop_map(|length| "é".repeat(length));
    let any_character = any::<char>().prop_map(|c| format!("a{c}b"));
    prop_oneof![12 => pieces, 1 => long, 2 => any_character]
}

fn groups() -> impl Strategy<Value = Vec<String>> {
    let few = prop::collection::vec(text(), 0..4);
    let many = select(vec![63_usize, 64, 65]).prop_map(|count| (0..count).map(|n| format!("g{n}")).collect());
    prop_oneof![12 => few, 1 => many]
}

fn spec() -> impl Strategy<Value = Value> {
    let principal = prop_oneof![
        24 => (arn().prop_map(Some), Just(None)),
        3 => (Just(None), account_id().prop_map(Some)),
        1 => (prop::option::of(arn()), prop::option::of(account_id())),
    ];
    let node = select(vec!["EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX"]);
    let mapping_type = prop_oneof![6 => Just(None), 2 => Just(Some("STANDARD")), 1 => node.prop_map(Some)];
    let username = prop::option::weighted(0.4, text());
    let groups = prop::option::weighted(0.3, groups());
    (principal, mapping_type, username, groups).prop_map(|((arn, account), mapping_type, username, groups)| {
        json!({"arn": arn, "accountId": account, "type": mapping_type, "username": username, "groups": groups})
    })
}

/// The core's answer to an object that the API server has not seen.
fn core(spec: &Value) -> Result<(), SpecError> {
    let mut object = object("generated", spec);
    // As the API server does before anybody sees the object.
    object["spec"].as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let object: IamMapping = serde_json::from_value(object).unwrap();
    convert::mapping(&object).spec.map(|_| ())
}

/// The core's sentence, where it holds nothing of the value.
fn sentence(error: &SpecError) -> Option<String> {
    match error {
        SpecError::Principal(ArnError::Arn { problem, .. }) => Some(problem.to_string()),
        SpecError::BothPrincipals
        | SpecError::NoPrincipal
        | SpecError::AccountWithIdentity
        | SpecError::EmptyUsername
        | SpecError::EdgeSpace { .. }
        | SpecError::SessionNameFirst
        | SpecError::AccessKey
        | SpecError::EmptyGroup => Some(error.to_string()),
        _ => None,
    }
}

fn runner(cases: u32) -> TestRunner {
    let regressions = FileFailurePersistence::Direct("tests/crd/agreement.regressions");
    TestRunner::new(Config { cases, failure_persistence: Some(Box::new(regressions)), ..Config::default() })
}

#[test]
fn the_api_server_and_the_core_agree_on_every_spec() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(client());
    let (good, bad) = (Cell::new(0), Cell::new(0));
    let outcome = runner(CASES).run(&spec(), |spec| {
        let server = runtime.block_on(dry_create(&client, &object("generated", &spec)));
        match (server, core(&spec)) {
            (Ok(_), Ok(())) => good.set(good.get() + 1),
            (Err(message), Err(error)) => {
                bad.set(bad.get() + 1);
                let unchecked = message.contains("some validation rules were not checked");
                // The text of an expression is trimmed, and dropped where it has line breaks.
                let sentence = sentence(&error).filter(|text| !unchecked && !text.trim_end().contains('\n'));
                if let Some(sentence) = sentence.as_deref().map(str::trim_end) {
                    prop_assert!(
                        message.contains(sentence),
                        "the core: {sentence}\nthe API server: {message}"
                    );
                }
            }
            (Ok(_), Err(error)) => prop_assert!(false, "only the core refuses: {error}"),
            (Err(message), Ok(())) => prop_assert!(false, "only the API server refuses: {message}"),
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    let (good, bad) = (good.get(), bad.get());
    assert!(
        good >= CASES / 5 && bad >= CASES / 5,
        "{good} good and {bad} bad specs show too little of one side"
    );
}

#[test]
fn every_time_that_the_api_server_takes_is_a_time_to_the_operator() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(client());
    let date = "(0000|0001|1969|2026|2028|9998|9999)-(00|01|02|12|13)-(00|01|28|29|30|31|32)";
    let time = "[T ](00|23|24):(00|59|60):(00|59|60)([.](0|5|123456789|1234567890))?(Z|z|[+-](00|14|23|24):(00|59|60))";
    let strategy = proptest::string::string_regex(&format!("{date}{time}")).unwrap();
    runner(500)
        .run(&strategy, |text| {
            let spec = json!({"arn": "arn:aws:iam::111122223333:role/dev", "expiresAt": text});
            if runtime.block_on(dry_create(&client, &object("generated", &spec))).is_ok() {
                prop_assert_eq!(core(&spec), Ok(()));
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
