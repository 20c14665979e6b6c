//! One list item of aws-auth as plain data, and the three keys that hold such lists.
//!
//! Not here: how an item is spelled (`document`), what the reader makes of a spelling (`reader`).

use std::fmt;

/// The three keys of aws-auth that the reader looks at; their spelling is case-sensitive (contract, "Parsing").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// IAM roles.
    MapRoles,
    /// IAM users.
    MapUsers,
    /// Whole accounts, without groups.
    MapAccounts,
}

impl Key {
    /// All three, in the order in which the reader consults them.
    pub const ALL: [Key; 3] = [Key::MapRoles, Key::MapUsers, Key::MapAccounts];

    /// The key as the ConfigMap spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Key::MapRoles => "mapRoles",
            Key::MapUsers => "mapUsers",
            Key::MapAccounts => "mapAccounts",
        }
    }

    /// The field that names the principal in an item of this key; accounts are bare scalars.
    #[must_use]
    pub fn arn_field(self) -> Option<&'static str> {
        match self {
            Key::MapRoles => Some("rolearn"),
            Key::MapUsers => Some("userarn"),
            Key::MapAccounts => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an entry grants: the principal in `arn` becomes `username` in `groups`.
///
/// In `mapAccounts` `arn` is the bare account id and the other two are empty. Every string is what the reader holds
/// after decoding: nothing here is validated, because foreign entries need not be valid.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Entry {
    /// `rolearn` or `userarn`, as written; in `mapAccounts` the account id.
    pub arn: String,
    /// The username template; empty is legal and authenticates.
    pub username: String,
    /// The group templates, in order, duplicates kept.
    pub groups: Vec<String>,
}
