//! The ARNs that a mapping may name, parsed once into [`Principal`].
//!
//! Strict on purpose: an entry is only worth writing when a real caller can match it. What the reader makes of a
//! *caller's* ARN, sloppy ones included, is `canonical`.

use std::fmt;

use thiserror::Error;

/// A partition of AWS whose ARNs the reader accepts (contract, "Matching").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// `aws`
    Aws,
    /// `aws-cn`
    China,
    /// `aws-us-gov`
    UsGov,
    /// `aws-iso`
    Iso,
    /// `aws-iso-b`
    IsoB,
    /// `aws-iso-e`
    IsoE,
    /// `aws-iso-f`
    IsoF,
    /// `aws-eusc`
    EuSovereign,
}

impl Partition {
    /// All eight.
    pub const ALL: [Partition; 8] = [
        Partition::Aws,
        Partition::China,
        Partition::UsGov,
        Partition::Iso,
        Partition::IsoB,
        Partition::IsoE,
        Partition::IsoF,
        Partition::EuSovereign,
    ];

    /// The partition as an ARN spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Partition::Aws => "aws",
            Partition::China => "aws-cn",
            Partition::UsGov => "aws-us-gov",
            Partition::Iso => "aws-iso",
            Partition::IsoB => "aws-iso-b",
            Partition::IsoE => "aws-iso-e",
            Partition::IsoF => "aws-iso-f",
            Partition::EuSovereign => "aws-eusc",
        }
    }

    /// The partition of that spelling; case counts, as it does to the reader.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.as_str() == text)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A 12-digit AWS account id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(Box<str>);

impl AccountId {
    /// Parses exactly twelve digits; leading zeros count.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(text: &str) -> Result<Self, ArnError> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.into()))
        } else {
            Err(ArnError::Account(text.into()))
        }
    }

    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who a mapping is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// An IAM role. Its path is gone: the reader never sees one, so an entry with a path would never match.
    Role {
        /// The role's partition.
        partition: Partition,
        /// The role's account.
        account: AccountId,
        /// The bare role name.
        name: Box<str>,
    },
    /// An IAM user, path and all: the reader compares it.
    User {
        /// The user's partition.
        partition: Partition,
        /// The user's account.
        account: AccountId,
        /// Path and name, without a leading slash (`team/jane`).
        path_and_name: Box<str>,
    },
    /// Every principal of an account, each under its own ARN and without groups.
    Account(AccountId),
}

/// Which two spellings are one principal: the reader ignores case, and roles have lost their path by then.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrincipalKey(Box<str>);

impl PrincipalKey {
    /// The key of an `rolearn`, `userarn` or account as it stands in aws-auth, valid or not.
    #[must_use]
    pub fn of(arn: &str) -> Self {
        Self(crate::fold::fold(arn).into())
    }

    /// The folded text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Principal {
    /// Parses an IAM role or user ARN as a mapping may name it; a role's path is stripped.
    ///
    /// # Errors
    /// With what is wrong and what to write instead, for everything that could never match or must not be mapped.
    pub fn parse(arn: &str) -> Result<Self, ArnError> {
        let wrong = |problem: Problem| ArnError::Arn { arn: clip(arn), problem };
        if arn.contains(['*', '?']) {
            return Err(wrong(Problem::Wildcard));
        }
        let mut parts = arn.splitn(6, ':');
        let (Some("arn"), Some(partition), Some(service), Some(region), Some(account), Some(resource)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong(Problem::NotAnArn));
        };
        let partition = Partition::parse(partition).ok_or_else(|| wrong(Problem::Partition))?;
        if service == "sts" {
            return Err(wrong(sts_problem(partition, account, resource)));
        }
        if service != "iam" {
            return Err(wrong(Problem::Service));
        }
        if !region.is_empty() {
            return Err(wrong(Problem::Region));
        }
        let account = AccountId::parse(account).map_err(|_| wrong(Problem::Account))?;
        if resource == "root" || resource.starts_with("root/") {
            return Err(wrong(Problem::Root));
        }
        let (kind, rest) = resource.split_once('/').unwrap_or((resource, ""));
        match kind {
            "role" => {
                let name = name_after_path(rest, 64).map_err(wrong)?;
                Ok(Self::Role { partition, account, name: name.into() })
            }
            "user" => {
                name_after_path(rest, 64).map_err(wrong)?;
                Ok(Self::User { partition, account, path_and_name: rest.into() })
            }
            "group" => Err(wrong(Problem::Group)),
            "instance-profile" => Err(wrong(Problem::InstanceProfile)),
            "assumed-role" => Err(wrong(sts_problem(partition, account.as_str(), resource))),
            _ => Err(wrong(Problem::Resource)),
        }
    }

    /// The ARN that an entry for this principal carries, or the bare account id.
    #[must_use]
    pub fn entry_arn(&self) -> String {
        match self {
            Self::Role { partition, account, name } => format!("arn:{partition}:iam::{account}:role/{name}"),
            Self::User { partition, account, path_and_name } => {
                format!("arn:{partition}:iam::{account}:user/{path_and_name}")
            }
            Self::Account(account) => account.to_string(),
        }
    }

    /// The username that EKS access entries give this principal when none is asked for; empty for an account.
    #[must_use]
    pub fn default_username(&self) -> String {
        match self {
            Self::Role { partition, account, name } => {
                format!("arn:{partition}:sts::{account}:assumed-role/{name}/{{{{SessionName}}}}")
            }
            Self::User { .. } => self.entry_arn(),
            Self::Account(_) => String::new(),
        }
    }

    /// What makes two principals the same to the reader.
    #[must_use]
    pub fn key(&self) -> PrincipalKey {
        PrincipalKey::of(&self.entry_arn())
    }

    /// The account that the principal belongs to.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        match self {
            Self::Role { account, .. } | Self::User { account, .. } | Self::Account(account) => account,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.entry_arn())
    }
}

/// `name` of `team/dev/name`. IAM: a path is at most 512 printable ASCII characters, a name at most `longest` of
/// `[A-Za-z0-9_+=,.@-]` (IAM API reference, `CreateRole` and `CreateUser`).
fn name_after_path(rest: &str, longest: usize) -> Result<&str, Problem> {
    let (path, name) = rest.rsplit_once('/').map_or((None, rest), |(path, name)| (Some(path), name));
    if name.is_empty() {
        return Err(Problem::NoName);
    }
    let name_ok =
        name.len() <= longest && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b));
    if !name_ok {
        return Err(Problem::Name);
    }
    // `role//dev` has a path, and its one segment is empty.
    let path_ok = path.is_none_or(|path| {
        path.len() <= 510
            && path.bytes().all(|b| (0x21..=0x7e).contains(&b))
            && path.split('/').all(|segment| !segment.is_empty())
    });
    if path_ok { Ok(name) } else { Err(Problem::Path) }
}

/// What to say of an STS ARN, with the IAM ARN to write instead where there is one.
fn sts_problem(partition: Partition, account: &str, resource: &str) -> Problem {
    let mut parts = resource.split('/');
    match (parts.next(), parts.next()) {
        (Some("assumed-role"), Some(role)) if !role.is_empty() => {
            Problem::AssumedRole(format!("arn:{partition}:iam::{account}:role/{role}"))
        }
        (Some("assumed-role"), _) => {
            Problem::AssumedRole(format!("arn:{partition}:iam::{account}:role/NAME"))
        }
        (Some("federated-user"), _) => Problem::FederatedUser,
        _ => Problem::Service,
    }
}

fn clip(text: &str) -> Box<str> {
    text.chars().take(200).collect()
}

/// An ARN or account id that cannot be mapped, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArnError {
    /// The ARN is wrong.
    #[error("arn {arn:?}: {problem}")]
    Arn {
        /// The text as given, cut at 200 characters.
        arn: Box<str>,
        /// What is wrong with it.
        problem: Problem,
    },
    /// Not twelve digits.
    #[error(
        "accountId {0:?}: an AWS account id is exactly 12 digits; write it quoted, leading zeros included"
    )]
    Account(Box<str>),
}

/// What is wrong with an ARN; the text says what to write.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// Not six sections that begin with `arn`.
    #[error("not an ARN; write arn:aws:iam::111122223333:role/NAME or arn:aws:iam::111122223333:user/NAME")]
    NotAnArn,
    /// A partition that the reader does not know.
    #[error(
        "unknown partition; one of aws, aws-cn, aws-us-gov, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f, aws-eusc"
    )]
    Partition,
    /// Neither IAM nor STS.
    #[error(
        "only IAM roles and users can be mapped; write arn:PARTITION:iam::ACCOUNT:role/NAME or user/NAME"
    )]
    Service,
    /// IAM is global.
    #[error("IAM ARNs have no region; leave the fourth section empty (arn:aws:iam::111122223333:role/NAME)")]
    Region,
    /// The account section is not twelve digits.
    #[error("the account must be exactly 12 digits")]
    Account,
    /// The account's root.
    #[error(
        "root enters nothing but the root user itself and must not be mapped; name a role or user, or use accountId for the whole account"
    )]
    Root,
    /// A session, not a role.
    #[error("an assumed-role ARN is one session; write the role itself: {0}")]
    AssumedRole(String),
    /// A federated user.
    #[error(
        "federated users (GetFederationToken) cannot be mapped; let them assume a role and write the role's ARN"
    )]
    FederatedUser,
    /// An IAM group.
    #[error(
        "IAM groups are no identities and match nobody; write one mapping for each user, or for a role they assume"
    )]
    Group,
    /// An instance profile.
    #[error("an instance profile is no identity; write the ARN of the role inside it")]
    InstanceProfile,
    /// Some other IAM resource.
    #[error("only role/NAME and user/NAME can be mapped (lower case)")]
    Resource,
    /// `*` or `?`.
    #[error(
        "wildcards match nobody: the reader compares whole ARNs; write one mapping for each principal, or use accountId"
    )]
    Wildcard,
    /// `role/` with nothing after it.
    #[error("the name after the last slash is missing")]
    NoName,
    /// A name IAM would not accept.
    #[error("an IAM name has at most 64 characters out of letters, digits and _+=,.@-")]
    Name,
    /// A path IAM would not accept.
    #[error("an IAM path has at most 512 printable ASCII characters and no empty segment")]
    Path,
}
