//! Who a caller becomes: the reader's matching over what it read from the three keys (contract, "Matching").
//!
//! [`Lookup`] is built once for a document and then answers any number of callers, each in constant time. Not here:
//! EKS access entries, which outrank aws-auth where a cluster has them, and the hidden cluster creator.

use std::collections::HashMap;

use crate::canonical::{self, canonicalize};
use crate::entry::Key;
use crate::fold::{fold, lower};
use crate::reader::{ReadEntry, Reading, Sso};
use crate::template::{self, RenderError};

pub use crate::plan::claims::At;

/// A caller, as AWS vouches for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    /// The principal's ARN, canonical but with its case.
    pub canonical_arn: String,
    /// The account.
    pub account_id: String,
    /// The name of the session; empty for users.
    pub session_name: String,
    /// The access key.
    pub access_key_id: String,
    /// What EC2 calls the instance that the session is named after. `None`: EC2 does not know it. To leave
    /// `{{EC2PrivateDNSName}}` in the result, put that very text here.
    pub private_dns_name: Option<String>,
}

impl Caller {
    /// The caller with the ARN that `sts:GetCallerIdentity` returns, or with that of an IAM role or user. `None`: no
    /// identity to the reader (a group, another service, an unknown partition).
    #[must_use]
    pub fn from_arn(arn: &str) -> Option<Self> {
        let canonical_arn = canonicalize(arn)?;
        let parts = canonical::parts(arn)?;
        let session = parts.resource.strip_prefix("assumed-role/").and_then(|rest| rest.rsplit_once('/'));
        Some(Self {
            canonical_arn,
            account_id: parts.account.to_owned(),
            session_name: session.map_or("", |(_, session)| session).to_owned(),
            ..Self::default()
        })
    }
}

/// How the reader is configured; EKS documents none of it, so the default is what EKS does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Whether `sso` entries match.
    pub sso: bool,
    /// Prefixes that no username may have once its placeholders are filled in.
    pub reserved_username_prefixes: Vec<String>,
}

/// What becomes of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It gets in.
    Admitted(Admission),
    /// It is turned away.
    Denied(Denial),
    /// The reader takes one of several entries at random, each time anew. At least two, and not all alike.
    Chance(Vec<Alternative>),
    /// What the key holds could not be read for certain, so nothing can be said.
    Unsure(Key),
}

/// Who the caller becomes, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The username, placeholders filled in. May be empty.
    pub username: String,
    /// The groups, placeholders filled in.
    pub groups: Vec<String>,
    /// The item that matches.
    pub item: At,
    /// Items that name the caller as well and do not count.
    pub shadowed: Vec<At>,
}

/// Why the caller is turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The reason.
    pub reason: DenialReason,
    /// The item that matches but does not let the caller in.
    pub item: Option<At>,
}

/// The reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DenialReason {
    /// No entry names the caller, and none its account.
    NotMapped,
    /// The entry has `{{EC2PrivateDNSName}}` and the session is not named after an instance.
    NoInstance,
    /// The entry has `{{EC2PrivateDNSName}}` and EC2 does not know the instance.
    UnknownInstance,
    /// The username begins with this reserved prefix.
    ReservedPrefix(String),
}

/// One of the outcomes among which chance decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alternative {
    /// It gets in.
    Admitted(Admission),
    /// It is turned away.
    Denied(Denial),
}

impl Alternative {
    /// Whether both come to the same for the caller.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Alternative::Admitted(a), Alternative::Admitted(b)) => {
                a.username == b.username && a.groups == b.groups
            }
            (Alternative::Denied(_), Alternative::Denied(_)) => true,
            _ => false,
        }
    }
}

impl From<Alternative> for Outcome {
    fn from(alternative: Alternative) -> Self {
        match alternative {
            Alternative::Admitted(admission) => Outcome::Admitted(admission),
            Alternative::Denied(denial) => Outcome::Denied(denial),
        }
    }
}

/// The served entry of an item.
#[derive(Debug, Clone, Copy)]
struct Served<'a> {
    item: At,
    read: &'a ReadEntry,
    /// A later entry has taken its place in the reader's map.
    replaced: bool,
}

/// The entries of one document, to be found by the callers they name.
#[derive(Debug)]
pub struct Lookup<'a> {
    served: Vec<Served<'a>>,
    roles: HashMap<String, Vec<usize>>,
    users: HashMap<String, Vec<usize>>,
    accounts: HashMap<&'a str, Vec<At>>,
    /// `sso` entries by what the ARNs that they match begin with.
    sso: HashMap<String, Vec<usize>>,
    unsure: Option<Key>,
}

impl<'a> Lookup<'a> {
    /// Takes what the reader made of the keys, each at most once.
    pub fn new(readings: impl IntoIterator<Item = (Key, &'a Reading)>) -> Self {
        let mut lookup = Self {
            served: Vec::new(),
            roles: HashMap::new(),
            users: HashMap::new(),
            accounts: HashMap::new(),
            sso: HashMap::new(),
            unsure: None,
        };
        for (key, reading) in readings {
            if let Reading::Unsure(_) = reading {
                // Roles are consulted first.
                lookup.unsure = Some(lookup.unsure.map_or(key, |other| other.min(key)));
            }
            match key {
                Key::MapRoles => lookup.add_roles(reading),
                Key::MapUsers => lookup.add_users(reading),
                Key::MapAccounts => {
                    for (index, read) in reading.entries() {
                        lookup.accounts.entry(&read.entry.arn).or_default().push(At { key, index });
                    }
                }
            }
        }
        lookup
    }

    /// Roles are kept under their ARN in lower case, or under the pattern of their `sso` block: the last one stays.
    fn add_roles(&mut self, reading: &'a Reading) {
        let mut kept: HashMap<String, usize> = HashMap::new();
        for (index, read) in reading.entries() {
            let place = self.served.len();
            self.served.push(Served { item: At { key: Key::MapRoles, index }, read, replaced: false });
            let map_key = match &read.sso {
                None => {
                    self.roles.entry(fold(&read.entry.arn).into_owned()).or_default().push(place);
                    lower(&read.entry.arn).into_owned()
                }
                Some(sso) => {
                    let start = sso_start(sso);
                    if sso.partition.is_empty() {
                        self.sso.entry(start.clone()).or_default().push(place);
                    }
                    format!("{start}*")
                }
            };
            self.replace(kept.insert(map_key, place));
        }
    }

    /// Users are kept under their ARN as it is spelled.
    fn add_users(&mut self, reading: &'a Reading) {
        let mut kept: HashMap<&str, usize> = HashMap::new();
        for (index, read) in reading.entries() {
            let place = self.served.len();
            self.served.push(Served { item: At { key: Key::MapUsers, index }, read, replaced: false });
            self.users.entry(fold(&read.entry.arn).into_owned()).or_default().push(place);
            self.replace(kept.insert(&read.entry.arn, place));
        }
    }

    fn replace(&mut self, place: Option<usize>) {
        if let Some(served) = place.and_then(|place| self.served.get_mut(place)) {
            served.replaced = true;
        }
    }

    /// What becomes of this caller.
    #[must_use]
    pub fn find(&self, caller: &Caller, options: &Options) -> Outcome {
        let subject = lower(&caller.canonical_arn);
        let folded = fold(&subject);
        let sso = if options.sso { self.sso_matches(&subject) } else { Vec::new() };
        let roles = self.named(&self.roles, &folded).into_iter().chain(sso).collect::<Vec<_>>();
        let users = self.named(&self.users, &folded);
        let accounts = self.accounts.get(caller.account_id.as_str()).map_or(&[][..], Vec::as_slice);

        let of_roles = roles.iter().any(|served| !served.replaced);
        let of_users = users.iter().any(|served| !served.replaced);
        match self.unsure {
            Some(Key::MapUsers) if of_roles => {}
            Some(key @ (Key::MapRoles | Key::MapUsers)) => return Outcome::Unsure(key),
            Some(Key::MapAccounts) | None => {}
        }
        let matching: Vec<&Served<'_>> =
            if of_roles { &roles } else { &users }.iter().filter(|served| !served.replaced).collect();
        let mut everyone: Vec<At> = roles.iter().chain(&users).map(|served| served.item).collect();
        everyone.extend(accounts);
        everyone.sort_unstable();
        let shadowed_by =
            |item: At| everyone.iter().copied().filter(|other| *other != item).collect::<Vec<_>>();

        if !of_roles && !of_users {
            let Some(item) = accounts.last().copied() else {
                return Outcome::Denied(Denial { reason: DenialReason::NotMapped, item: None });
            };
            let (username, groups) = (caller.canonical_arn.clone(), Vec::new());
            return Outcome::Admitted(Admission { username, groups, item, shadowed: shadowed_by(item) });
        }
        let mut alternatives: Vec<Alternative> =
            matching.iter().map(|served| admit(served, caller, options, shadowed_by(served.item))).collect();
        match alternatives.pop() {
            Some(last) if alternatives.iter().all(|other| other.is_like(&last)) => last.into(),
            last => {
                alternatives.extend(last);
                Outcome::Chance(alternatives)
            }
        }
    }

    fn named(&self, map: &HashMap<String, Vec<usize>>, folded: &str) -> Vec<Served<'a>> {
        map.get(folded).into_iter().flatten().filter_map(|place| self.served.get(*place).copied()).collect()
    }

    /// The `sso` entries whose pattern the subject fits: each ends with an underscore and stands for the start of a
    /// role's name.
    fn sso_matches(&self, subject: &str) -> Vec<Served<'a>> {
        let name = subject.find(SSO_ROLE).map_or(subject.len(), |at| at + SSO_ROLE.len());
        let ends = subject.match_indices('_').map(|(at, _)| at + 1).filter(|end| *end > name);
        let fitting = ends.filter(|end| !subject.get(*end..).is_some_and(|rest| rest.contains('\n')));
        fitting.flat_map(|end| self.named(&self.sso, subject.get(..end).unwrap_or_default())).collect()
    }
}

const SSO_ROLE: &str = ":role/awsreservedsso_";

/// What the ARNs begin with that an `sso` block stands for, in lower case. One with a partition matches nobody: the
/// reader leaves the partition out of the pattern.
pub(crate) fn sso_start(sso: &Sso) -> String {
    let partition = if sso.partition.is_empty() { "aws" } else { "" };
    let name = sso.permission_set_name.to_ascii_lowercase();
    format!("arn:{partition}:iam::{}{SSO_ROLE}{name}_", sso.account_id)
}

/// Fills in the placeholders of an entry that matches.
fn admit(served: &Served<'_>, caller: &Caller, options: &Options, shadowed: Vec<At>) -> Alternative {
    let entry = &served.read.entry;
    let rendered = template::render(&entry.username, caller).and_then(|username| {
        let groups: Result<Vec<String>, RenderError> =
            entry.groups.iter().map(|group| template::render(group, caller)).collect();
        Ok((username, groups?))
    });
    let reason = match rendered {
        Err(RenderError::NoInstance) => DenialReason::NoInstance,
        Err(RenderError::UnknownInstance) => DenialReason::UnknownInstance,
        Ok((username, groups)) => {
            let mut prefixes = options.reserved_username_prefixes.iter();
            match prefixes.find(|prefix| !prefix.is_empty() && username.starts_with(prefix.as_str())) {
                Some(prefix) => DenialReason::ReservedPrefix(prefix.clone()),
                None => {
                    return Alternative::Admitted(Admission {
                        username,
                        groups,
                        item: served.item,
                        shadowed,
                    });
                }
            }
        }
    };
    Alternative::Denied(Denial { reason, item: Some(served.item) })
}
