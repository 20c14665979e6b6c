//! The static rules as CEL, so that the API server refuses a bad object while no operator runs, with a sentence that
//! says what to write instead.
//!
//! The same rules as the core's `Spec::parse`, in the core's own sentences; `tests/crd` holds the two against each
//! other. They differ on purpose in three things only:
//! - `description` and the spelling of `expiresAt` never reach the core, so only the API server checks them;
//! - only the API server sees an update, so only it keeps `arn` and `accountId` from changing;
//! - what counts as an invisible format character follows the Unicode version of whoever looks (Go's or ours).
//!
//! Each rule lets pass what an earlier one refuses, so that a person reads one sentence and not six.

use std::fmt::Display;

use aws_auth::arn::{Partition, Problem};
use aws_auth::mapping::SpecError;
use schemars::Schema;
use serde_json::{Value, json};

/// One `x-kubernetes-validations` rule.
struct Rule {
    expression: String,
    message: String,
    message_expression: Option<String>,
    field_path: Option<&'static str>,
}

impl Rule {
    fn new(expression: impl Into<String>, message: impl Display) -> Self {
        Self {
            expression: expression.into(),
            message: message.to_string(),
            message_expression: None,
            field_path: None,
        }
    }

    /// The field that the API server names, where a rule on `spec` is about one of its fields.
    fn at(self, field_path: &'static str) -> Self {
        Self { field_path: Some(field_path), ..self }
    }

    fn to_value(&self) -> Value {
        let mut value = json!({ "rule": self.expression, "message": self.message });
        if let Some(expression) = &self.message_expression {
            value["messageExpression"] = json!(expression);
        }
        if let Some(path) = self.field_path {
            value["fieldPath"] = json!(path);
        }
        value
    }
}

fn add(schema: &mut Schema, rules: &[Rule]) {
    let rules: Vec<Value> = rules.iter().map(Rule::to_value).collect();
    schema.insert("x-kubernetes-validations".to_owned(), rules.into());
}

/// A CEL string literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn matches(pattern: &str) -> String {
    format!("self.matches({})", literal(pattern))
}

/// Where `given` matches, `wanted` must.
fn must(given: &str, wanted: &str, message: impl Display) -> Rule {
    Rule::new(format!("!{} || {}", matches(given), matches(wanted)), message)
}

/// `refused` must not match.
fn never(refused: &str, message: impl Display) -> Rule {
    Rule::new(format!("!{}", matches(refused)), message)
}

/// Rules on the whole spec.
pub(super) fn spec(schema: &mut Schema) {
    let bare = "!has(self.username) && (!has(self.groups) || size(self.groups) == 0)";
    let kept = |field: &str| {
        format!(
            "has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
        )
    };
    // On spec and not on the two fields, because a field's own rule is skipped when the field comes or goes.
    add(
        schema,
        &[
            Rule::new("!has(self.arn) || !has(self.accountId)", SpecError::BothPrincipals),
            Rule::new("has(self.arn) || has(self.accountId)", SpecError::NoPrincipal),
            Rule::new(
                format!("{} && {}", kept("arn"), kept("accountId")),
                "spec.arn and spec.accountId cannot change; create another IamMapping for the other principal, then delete this one",
            ),
            Rule::new(
                format!("!has(self.accountId) || (self.type == 'STANDARD' && {bare})"),
                SpecError::AccountWithIdentity,
            )
            .at(".accountId"),
            Rule::new(
                format!("self.type == 'STANDARD' || has(self.accountId) || ({bare})"),
                SpecError::NodeWithIdentity("for nodes"),
            )
            .at(".type"),
            Rule::new(
                format!(
                    "self.type == 'STANDARD' || !has(self.arn) || !self.arn.matches({})",
                    literal("^arn(:[^:]*){4}:user(/|$)")
                ),
                SpecError::NodeNeedsRole("for nodes"),
            )
            .at(".type"),
        ],
    );
}

/// `aws_auth::arn::Principal::parse`, step by step.
pub(super) fn arn(schema: &mut Schema) {
    let names: Vec<&str> = Partition::ALL.iter().map(|p| p.as_str()).collect();
    let partition = format!("arn:({})", names.join("|"));
    let iam = format!("^{partition}:iam::[0-9]{{12}}");
    let name = "[A-Za-z0-9_+=,.@-]{1,64}";
    let tail = "[^*?]*";
    let section = "[^:*?]*";
    let principal = "(role|user)";

    let session = format!("^{partition}:(sts:{section}:{section}|iam::[0-9]{{12}}):assumed-role(/{tail})?$");
    let mut assumed_role =
        never(&session, Problem::AssumedRole("arn:PARTITION:iam::ACCOUNT:role/NAME".to_owned()));
    assumed_role.message_expression = Some(format!(
        "{} + self.split(':')[1] + ':iam::' + self.split(':')[4] + ':role/' + ({} ? self.split('/')[1] : 'NAME')",
        literal(&format!("{}arn:", Problem::AssumedRole(String::new()))),
        matches(":assumed-role/[^/]"),
    ));

    add(
        schema,
        &[
            never("[*?]", Problem::Wildcard),
            must(&format!("^{tail}$"), "^arn(:[^:]*){4}:", Problem::NotAnArn),
            must(&format!("^arn(:{section}){{4}}:{tail}$"), &format!("^{partition}:"), Problem::Partition),
            assumed_role,
            never(
                &format!("^{partition}:sts(:{section}){{2}}:federated-user(/{tail})?$"),
                Problem::FederatedUser,
            ),
            must(
                &format!("^{partition}(:{section}){{3}}:{tail}$"),
                &format!("^{partition}:(iam:|sts:[^:]*:[^:]*:(assumed-role|federated-user)(/|$))"),
                Problem::Service,
            ),
            must(
                &format!("^{partition}:iam(:{section}){{2}}:{tail}$"),
                &format!("^{partition}:iam::"),
                Problem::Region,
            ),
            must(&format!("^{partition}:iam::{section}:{tail}$"), &iam_account(&iam), Problem::Account),
            never(&format!("{iam}:root(/{tail})?$"), Problem::Root),
            never(&format!("{iam}:group(/{tail})?$"), Problem::Group),
            never(&format!("{iam}:instance-profile(/{tail})?$"), Problem::InstanceProfile),
            must(
                &format!("{iam}:{tail}$"),
                &format!("{iam}:(role|user|assumed-role|root|group|instance-profile)(/|$)"),
                Problem::Resource,
            ),
            never(&format!("{iam}:{principal}(/|/{tail}/)?$"), Problem::NoName),
            must(&format!("{iam}:{principal}/({tail}/)?[^/*?]+$"), &format!("/{name}$"), Problem::Name),
            // The second half counts the path: everything between the first slash and the last.
            Rule::new(
                format!(
                    "!{} || ({} && self.lastIndexOf('/') - self.indexOf('/') <= 511)",
                    matches(&format!("{iam}:{principal}/({tail}/)?{name}$")),
                    matches(&format!("{iam}:{principal}/([!-.0-~]+/)*{name}$")),
                ),
                Problem::Path,
            ),
        ],
    );
}

fn iam_account(iam: &str) -> String {
    format!("{iam}:")
}

/// Twelve digits.
pub(super) fn account_id(schema: &mut Schema) {
    add(
        schema,
        &[Rule::new(
            matches("^[0-9]{12}$"),
            "an AWS account id is exactly 12 digits; write it quoted, leading zeros included",
        )],
    );
}

/// The core's `check_username`.
pub(super) fn username(schema: &mut Schema) {
    // Text without "{{", and not ending in the half of one that the next placeholder would complete.
    let text = "([^{]|[{][^{])*";
    let known = "(SessionName|SessionNameRaw|AccountID|AccessKeyID)";
    let mut rules = vec![Rule::new("size(self) > 0", SpecError::EmptyUsername)];
    rules.extend(visible("username"));
    rules.extend([
        Rule::new("!self.contains('{{AccessKeyID}}')", SpecError::AccessKey),
        Rule::new(
            matches(&format!("^({text}[{{][{{]{known}[}}][}}])*{text}[{{]?$")),
            SpecError::Placeholder("{{…}}".to_owned()),
        ),
        never("^[^:]*[{][{]SessionName(Raw)?[}][}]", SpecError::SessionNameFirst),
    ]);
    add(schema, &rules);
}

/// The core's `check_groups`.
pub(super) fn groups(schema: &mut Schema) {
    schema.insert("x-kubernetes-list-type".to_owned(), json!("set"));
    let Some(items) = schema.get_mut("items").and_then(|items| <&mut Schema>::try_from(items).ok()) else {
        return;
    };
    let mut rules = vec![Rule::new("size(self) > 0", SpecError::EmptyGroup)];
    rules.extend(visible("groups"));
    rules.push(Rule::new("!self.contains('{{')", SpecError::GroupPlaceholder("{{".to_owned())));
    add(items, &rules);
}

/// The core's `check_visible`.
fn visible(field: &'static str) -> [Rule; 2] {
    [
        never(
            "[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]",
            format!(
                "spec.{field} holds an invisible or control character (categories Cc, Cf, Zl, Zp); remove it"
            ),
        ),
        never("^\\p{Zs}|\\p{Zs}$", SpecError::EdgeSpace { field }),
    ]
}

/// A time that every reader of RFC 3339 takes for the same.
pub(super) fn expires_at(schema: &mut Schema) {
    let pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";
    // The conversion finds the day in the calendar or fails. The last days of 9999, which some write for "never", are
    // beyond what jiff holds: such an object would not decode.
    add(
        schema,
        &[Rule::new(
            format!("{} && timestamp(self) < timestamp('9999-01-01T00:00:00Z')", matches(pattern)),
            "spec.expiresAt is no RFC 3339 time before the year 9999; write for example 2026-12-31T18:00:00Z, or leave it out for no end",
        )],
    );
}

/// Printable text, line breaks allowed.
pub(super) fn description(schema: &mut Schema) {
    add(
        schema,
        &[never(
            "[\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f\\p{Cf}\\p{Zl}\\p{Zp}]",
            "spec.description holds an invisible or control character other than a line break; remove it",
        )],
    );
}
