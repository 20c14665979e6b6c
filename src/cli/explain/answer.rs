//! What is to be said of a caller, as plain data: this is what `-o json` prints.

use aws_auth::arn::Principal;
use aws_auth::aws_auth::AwsAuth;
use aws_auth::canonical::canonicalize;
use aws_auth::lookup::{Admission, Alternative, At, Caller, Denial, DenialReason, Lookup, Options, Outcome};
use aws_auth::reader::{Element, ReadEntry, Reading};
use aws_auth::template;
use aws_auth::why_not;
use aws_auth::{Entry, Key};
use serde::Serialize;

use crate::cli::grants::Given;

/// A caller and what is known of it and of its authenticator.
pub(super) struct Question<'a> {
    pub(super) arn: &'a str,
    pub(super) private_dns_names: &'a [(String, String)],
    pub(super) access_key_id: Option<&'a str>,
    pub(super) options: Options,
}

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    /// Whether it gets in; where chance decides, whether it does so each time.
    pub(super) allowed: bool,
    /// As whom.
    pub(super) username: Option<String>,
    pub(super) groups: Vec<String>,
    /// The entry that decides.
    pub(super) entry: Option<Place>,
    /// Entries that name the caller as well and do not count.
    pub(super) shadowed: Vec<Place>,
    /// The ARN that entries are compared with; none for what is no identity.
    pub(super) principal: Option<String>,
    /// Why it does not get in, or may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    /// What may have been meant to let it in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) clues: Vec<Clue>,
    /// Where the reader takes one of several entries at random: all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) alternatives: Vec<Other>,
    /// The bindings that name it, and what they allow; none where roles and bindings were not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rbac: Option<Vec<Given>>,
    /// The IamMapping that would let it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) suggestion: Option<String>,
}

/// An item of aws-auth.
#[derive(Debug, Serialize)]
pub(super) struct Place {
    pub(super) key: &'static str,
    pub(super) line: usize,
    pub(super) arn: String,
    pub(super) username: String,
    pub(super) groups: Vec<String>,
    #[serde(skip)]
    pub(super) at: Key,
}

/// One of the outcomes among which chance decides.
#[derive(Debug, Serialize)]
pub(super) struct Other {
    pub(super) allowed: bool,
    pub(super) username: Option<String>,
    pub(super) groups: Vec<String>,
    pub(super) entry: Option<Place>,
}

#[derive(Debug, Serialize)]
pub(super) struct Clue {
    pub(super) code: &'static str,
    pub(super) key: &'static str,
    pub(super) line: usize,
    pub(super) message: String,
    #[serde(skip)]
    pub(super) at: Key,
}

impl Answer {
    pub(super) fn of(question: &Question<'_>, aws_auth: &AwsAuth) -> Self {
        let Some(mut caller) = Caller::from_arn(question.arn) else { return Self::no_identity(question.arn) };
        // What nobody told us stays as it is written.
        let known = question.private_dns_names.iter().find(|(id, _)| *id == caller.session_name);
        caller.private_dns_name = match known {
            None if question.private_dns_names.is_empty() => Some(template::EC2_PRIVATE_DNS_NAME.to_owned()),
            known => known.map(|(_, name)| name.clone()),
        };
        question.access_key_id.unwrap_or(template::ACCESS_KEY_ID).clone_into(&mut caller.access_key_id);
        let readings = || Key::ALL.map(|key| (key, aws_auth.key(key).reading()));
        let outcome = Lookup::new(readings()).find(&caller, &question.options);
        let mut answer = Self {
            allowed: false,
            username: None,
            groups: Vec::new(),
            entry: None,
            shadowed: Vec::new(),
            principal: Some(caller.canonical_arn.clone()),
            reason: None,
            message: None,
            clues: Vec::new(),
            alternatives: Vec::new(),
            suggestion: None,
            rbac: None,
        };
        // A role is nobody yet: its placeholders stay.
        let is_role = canonicalize(question.arn).as_deref() == Some(question.arn)
            && caller.session_name.is_empty()
            && question.arn.split(':').nth(5).is_some_and(|resource| resource.starts_with("role/"));
        match outcome {
            Outcome::Admitted(admission) => answer.admit(admission, aws_auth, is_role),
            Outcome::Denied(Denial {
                reason: DenialReason::NoInstance | DenialReason::UnknownInstance,
                item: Some(item),
            }) if is_role => {
                let admission =
                    Admission { username: String::new(), groups: Vec::new(), item, shadowed: Vec::new() };
                answer.admit(admission, aws_auth, true);
            }
            Outcome::Denied(denial) => answer.deny(&denial, aws_auth, &caller),
            Outcome::Chance(alternatives) => answer.leave_to_chance(alternatives, aws_auth),
            Outcome::Unsure(key) => {
                answer.reason = Some("Unsure");
                answer.message = Some(format!(
                    "what {key} holds cannot be read for certain, so nothing can be said; lint tells where"
                ));
            }
        }
        if answer.reason == Some("NotMapped") {
            answer.clues = why_not::clues(readings(), &caller)
                .into_iter()
                .map(|clue| Clue {
                    code: clue.kind.as_str(),
                    key: clue.key.as_str(),
                    line: clue.line,
                    message: clue.message,
                    at: clue.key,
                })
                .collect();
            answer.suggestion = suggestion(&caller.canonical_arn);
        }
        answer
    }

    fn no_identity(arn: &str) -> Self {
        let why = match Principal::parse(arn) {
            Err(error) => error.to_string(),
            Ok(_) => format!("{arn:?} is no identity to the authenticator"),
        };
        Self {
            allowed: false,
            username: None,
            groups: Vec::new(),
            entry: None,
            shadowed: Vec::new(),
            principal: None,
            reason: Some("NoIdentity"),
            message: Some(why),
            clues: Vec::new(),
            alternatives: Vec::new(),
            suggestion: None,
            rbac: None,
        }
    }

    fn admit(&mut self, admission: Admission, aws_auth: &AwsAuth, as_written: bool) {
        self.allowed = true;
        self.entry = place(aws_auth, admission.item);
        self.shadowed = admission.shadowed.into_iter().filter_map(|at| place(aws_auth, at)).collect();
        (self.username, self.groups) = match &self.entry {
            Some(entry) if as_written && entry.at != Key::MapAccounts => {
                (Some(entry.username.clone()), entry.groups.clone())
            }
            _ => (Some(admission.username), admission.groups),
        };
    }

    fn deny(&mut self, denial: &Denial, aws_auth: &AwsAuth, caller: &Caller) {
        self.entry = denial.item.and_then(|at| place(aws_auth, at));
        let (reason, message) = match &denial.reason {
            DenialReason::NotMapped => (
                "NotMapped",
                format!("no entry of aws-auth names {}, and none its account", caller.canonical_arn),
            ),
            DenialReason::NoInstance => (
                "NoInstance",
                format!(
                    "the entry is for nodes ({{{{EC2PrivateDNSName}}}}), and the session {:?} is not named after an instance (i-0123456789abcdef0)",
                    caller.session_name
                ),
            ),
            DenialReason::UnknownInstance => (
                "UnknownInstance",
                format!("the entry is for nodes, and EC2 knows no instance {}", caller.session_name),
            ),
            DenialReason::ReservedPrefix(prefix) => {
                ("ReservedPrefix", format!("the entry's username begins with {prefix:?}, which is reserved"))
            }
        };
        (self.reason, self.message) = (Some(reason), Some(message));
    }

    fn leave_to_chance(&mut self, alternatives: Vec<Alternative>, aws_auth: &AwsAuth) {
        self.alternatives = alternatives
            .into_iter()
            .map(|alternative| match alternative {
                Alternative::Admitted(admission) => Other {
                    allowed: true,
                    username: Some(admission.username),
                    groups: admission.groups,
                    entry: place(aws_auth, admission.item),
                },
                Alternative::Denied(denial) => Other {
                    allowed: false,
                    username: None,
                    groups: Vec::new(),
                    entry: denial.item.and_then(|at| place(aws_auth, at)),
                },
            })
            .collect();
        self.allowed = self.alternatives.iter().all(|other| other.allowed);
        self.reason = Some("Chance");
        self.message = Some(
            "the authenticator takes one of several entries at random, each time anew; remove all but one"
                .to_owned(),
        );
    }
}

fn place(aws_auth: &AwsAuth, at: At) -> Option<Place> {
    let Reading::List(list) = aws_auth.key(at.key).reading() else { return None };
    let item = list.items.get(at.index)?;
    let Element::Entry(ReadEntry { entry: Entry { arn, username, groups }, sso, .. }) = &item.element else {
        return None;
    };
    let arn = match sso {
        Some(sso) => format!("sso {} {}", sso.account_id, sso.permission_set_name),
        None => arn.clone(),
    };
    Some(Place {
        key: at.key.as_str(),
        line: item.line,
        arn,
        username: username.clone(),
        groups: groups.clone(),
        at: at.key,
    })
}

/// The mapping that would let the principal in; none where no mapping can name it.
fn suggestion(arn: &str) -> Option<String> {
    let principal = Principal::parse(arn).ok()?;
    let name = aws_auth::import::object_name(arn);
    Some(format!(
        "apiVersion: aws-auth.dev/v1alpha1\nkind: IamMapping\nmetadata:\n  name: {name}\nspec:\n  arn: {}\n  groups: []   # the RBAC groups it should have\n",
        principal.entry_arn()
    ))
}
