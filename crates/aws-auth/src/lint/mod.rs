//! What a person should be told about an aws-auth that the reader reads otherwise than its author meant.
//!
//! One finding a fact, each with a code that tests and scripts can hold on to. Nothing is ever repaired on the strength
//! of one: an entry that reads differently from what its author meant stays as it is. `docs/lint.md` has a section for
//! every code.

mod arns;
mod chance;
mod fields;
mod names;
mod shape;

use crate::aws_auth::AwsAuth;
use crate::entry::Key;
use crate::reader::{Item, ReadEntry, Reading};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Info,
    /// It may be meant.
    Warning,
    /// Somebody gets what nobody can have meant.
    Error,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident => $code:literal, $severity:ident;)*) => {
        /// What is found.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The code as it is printed.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            /// How bad it is.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Code::$name => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    /// The key does not parse: the reader serves nothing of it.
    BrokenKey => "broken-key", Error;
    /// The key is no list: the reader serves nothing of it.
    NotAList => "not-a-list", Error;
    /// What the reader makes of the key cannot be told for certain.
    Unsure => "unsure", Error;
    /// A key of the `ConfigMap` that is almost one of the three.
    UnknownKey => "unknown-key", Error;
    /// An element that the reader drops.
    Dropped => "dropped", Error;
    /// A field of the wrong type, which reads as empty.
    WrongType => "wrong-type", Error;
    /// A field that stands twice.
    DuplicateField => "duplicate-field", Warning;
    /// A field that the reader does not know.
    UnknownField => "unknown-field", Warning;
    /// An element of `mapAccounts` at which the reader stops.
    CutShort => "cut-short", Error;
    /// A role's entry with the role's path, which matches nobody.
    RolePath => "role-path", Error;
    /// White space around an ARN, which is compared too.
    WhiteSpace => "white-space", Error;
    /// An ARN that no caller has.
    Unmatchable => "unmatchable", Error;
    /// The account's root: the root user alone.
    Root => "root", Warning;
    /// A role in `mapUsers`, or a user in `mapRoles`.
    WrongKey => "wrong-key", Info;
    /// An entry that another one for the same principal replaces.
    Shadowed => "shadowed", Warning;
    /// The same entry twice.
    Duplicate => "duplicate", Info;
    /// No account id of 12 digits.
    Account => "account", Error;
    /// A whole account gets in.
    WholeAccount => "whole-account", Warning;
    /// Two `mapUsers` entries (or `mapRoles` entries, with a long s) that differ only in case: one is taken at random.
    CaseVariants => "case-variants", Error;
    /// An `sso` entry and one with the ARN of a role that it matches: one is taken at random.
    SsoAndRole => "sso-and-role", Warning;
    /// Two `sso` entries, one's permission set beginning with the other's: one is taken at random.
    SsoOverlap => "sso-overlap", Warning;
    /// An `sso` entry, which EKS does not match.
    Sso => "sso", Warning;
    /// An empty username, which still authenticates.
    EmptyUsername => "empty-username", Warning;
    /// The caller chooses how the username begins.
    SessionNameFirst => "session-name-first", Error;
    /// A placeholder in a group: the caller chooses their groups.
    GroupPlaceholder => "group-placeholder", Error;
    /// `{{AccessKeyID}}`, which callers could forge.
    AccessKey => "access-key", Error;
    /// Braces that no reader fills in.
    DeadPlaceholder => "dead-placeholder", Warning;
    /// `{{EC2PrivateDNSName}}` for a user, who is never an instance.
    NeverAnInstance => "never-an-instance", Error;
    /// Characters that nobody sees.
    Invisible => "invisible", Warning;
    /// A name that looks like another one.
    LookAlike => "look-alike", Warning;
    /// An admin.
    Admin => "admin", Info;
    /// A name that Kubernetes or EKS keeps for itself.
    Reserved => "reserved", Info;
    /// What an EKS access entry could not carry.
    NoAccessEntry => "no-access-entry", Info;
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub code: Code,
    /// What it is, in words, and what to do.
    pub message: String,
    /// The key; `None` for the `ConfigMap` as a whole.
    pub key: Option<Key>,
    /// The line in the key's text, counted from 1.
    pub line: usize,
}

impl Finding {
    fn new(code: Code, key: Key, line: usize, message: String) -> Self {
        Self { severity: code.severity(), code, message, key: Some(key), line }
    }
}

/// A served entry and its place.
struct Served<'a> {
    key: Key,
    item: &'a Item,
    read: &'a ReadEntry,
}

impl Served<'_> {
    fn arn(&self) -> &str {
        &self.read.entry.arn
    }

    fn finding(&self, code: Code, message: String) -> Finding {
        Finding::new(code, self.key, self.item.line, message)
    }
}

/// Everything that is to be said about an aws-auth, in the order of keys and lines.
#[must_use]
pub fn lint(aws_auth: &AwsAuth) -> Vec<Finding> {
    let readings = Key::ALL.map(|key| (key, aws_auth.key(key).reading()));
    let mut findings = Vec::new();
    shape::unknown_keys(aws_auth, &mut findings);
    for (key, reading) in readings {
        shape::lint(key, reading, &mut findings);
        fields::lint(key, reading, aws_auth.text(key), &mut findings);
    }
    let served = served(readings);
    chance::lint(&served, &mut findings);
    arns::lint(aws_auth, &served, &mut findings);
    names::lint(&served, &mut findings);
    findings.sort_by(|a, b| (a.key, a.line, a.code, &a.message).cmp(&(b.key, b.line, b.code, &b.message)));
    findings
}

fn served<'a>(readings: impl IntoIterator<Item = (Key, &'a Reading)>) -> Vec<Served<'a>> {
    let mut served = Vec::new();
    for (key, reading) in readings {
        let Reading::List(list) = reading else { continue };
        let items = reading.entries().filter_map(|(index, read)| Some((list.items.get(index)?, read)));
        served.extend(items.map(|(item, read)| Served { key, item, read }));
    }
    served
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws_auth::Source;
    use crate::mapping::Uid;

    /// What is found in a key's text, with the lines; what is only good to know left out.
    pub(super) fn found(key: Key, text: &str) -> Vec<(&'static str, usize)> {
        all(key, text)
            .into_iter()
            .filter(|(severity, ..)| *severity > Severity::Info)
            .map(|(_, code, line)| (code, line))
            .collect()
    }

    pub(super) fn all(key: Key, text: &str) -> Vec<(Severity, &'static str, usize)> {
        let data = [(key.as_str().to_owned(), text.to_owned())].into();
        let aws_auth = AwsAuth::read(Source { data, ..Source::default() }, Uid::default());
        lint(&aws_auth).into_iter().map(|found| (found.severity, found.code.as_str(), found.line)).collect()
    }

    #[test]
    fn a_sound_aws_auth_gives_no_cause_for_more_than_remarks() {
        let text = "- rolearn: arn:aws:iam::111122223333:role/n\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n- rolearn: arn:aws:iam::111122223333:role/a\n  username: admin:{{SessionName}}\n  groups: [system:masters]\n";
        assert_eq!(found(Key::MapRoles, text), []);
        assert_eq!(all(Key::MapRoles, text), [(Severity::Info, "admin", 4)]);
    }
}
