//! Why a caller does not get in although somebody meant it to: entries that come close, and keys that say nothing.
//!
//! Only clues: none of them changes what the reader does. Not here: the answer itself (`lookup`).

use crate::arn::AccountId;
use crate::canonical::{self, canonicalize};
use crate::entry::Key;
use crate::fold::fold;
use crate::lookup::Caller;
use crate::reader::{Element, ProblemKind, Reading};

/// What may be the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClueKind {
    /// The key does not parse: nobody in it gets in.
    BrokenKey,
    /// An element that the reader drops names the caller.
    DroppedElement,
    /// The role's entry carries the role's path.
    RolePath,
    /// The entry names a session, not the role.
    SessionArn,
    /// The entry's ARN has white space around it.
    WhiteSpace,
    /// The entry has a wildcard that would fit.
    Wildcard,
    /// The entry names the account's root.
    Root,
    /// The user's entry lacks the user's path, or has another.
    UserPath,
    /// A principal of the same name in another account.
    OtherAccount,
    /// The same principal in another partition.
    OtherPartition,
    /// A role of that name is mapped, and the caller is a user; or the other way round.
    OtherKind,
    /// An `sso` block would fit, and EKS does not match those.
    SsoEntry,
}

impl ClueKind {
    /// The clue as programs read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BrokenKey => "broken-key",
            Self::DroppedElement => "dropped-element",
            Self::RolePath => "role-path",
            Self::SessionArn => "session-arn",
            Self::WhiteSpace => "white-space",
            Self::Wildcard => "wildcard",
            Self::Root => "root",
            Self::UserPath => "user-path",
            Self::OtherAccount => "other-account",
            Self::OtherPartition => "other-partition",
            Self::OtherKind => "other-kind",
            Self::SsoEntry => "sso-entry",
        }
    }
}

/// One thing that may be the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clue {
    /// What it is.
    pub kind: ClueKind,
    /// The key.
    pub key: Key,
    /// The line in the key's text, from 1.
    pub line: usize,
    /// What is so, and what to write instead.
    pub message: String,
}

/// Everything that may be the reason why this caller is not mapped, the likeliest first.
pub fn clues<'a>(readings: impl IntoIterator<Item = (Key, &'a Reading)>, caller: &Caller) -> Vec<Clue> {
    let mut clues = Vec::new();
    for (key, reading) in readings {
        match reading {
            Reading::Nothing => {}
            Reading::Broken(fault) | Reading::Unsure(fault) => clues.push(Clue {
                kind: ClueKind::BrokenKey,
                key,
                line: fault.place.line,
                message: format!("{key} does not parse, so nobody in it gets in: {}", fault.message),
            }),
            Reading::NotAList(place) => clues.push(Clue {
                kind: ClueKind::BrokenKey,
                key,
                line: place.line,
                message: format!("{key} is no list, so nobody in it gets in; begin each entry with a dash"),
            }),
            Reading::List(list) => {
                for item in &list.items {
                    let clue = match &item.element {
                        Element::Entry(read) => match &read.sso {
                            Some(sso) => {
                                let start = crate::lookup::sso_start(sso);
                                fold(&caller.canonical_arn).starts_with(&start).then(|| (
                                    ClueKind::SsoEntry,
                                    "an sso block fits, but EKS does not match those: write the role's ARN, without its path, as rolearn".to_owned(),
                                ))
                            }
                            None if key == Key::MapAccounts => None,
                            None => near(&read.entry.arn, caller),
                        },
                        Element::Dropped => {
                            let missing = item.problems.iter().any(|problem| {
                                matches!(problem.kind, ProblemKind::MissingArn | ProblemKind::InvalidSso)
                            });
                            missing.then(|| (
                                ClueKind::DroppedElement,
                                format!(
                                    "this element is dropped, because it has no {}; look whether it was meant for this caller and its field is misspelled",
                                    key.arn_field().unwrap_or("account id")
                                ),
                            ))
                        }
                    };
                    if let Some((kind, message)) = clue {
                        clues.push(Clue { kind, key, line: item.line, message });
                    }
                }
            }
        }
    }
    clues.sort_by_key(|clue| (clue.kind, clue.key, clue.line));
    clues
}

/// How `arn`, as an entry has it, comes close to the caller without being it.
fn near(arn: &str, caller: &Caller) -> Option<(ClueKind, String)> {
    let wanted = caller.canonical_arn.as_str();
    if fold(arn) == fold(wanted) {
        return None;
    }
    let say = |kind, message: String| Some((kind, message));
    let trimmed = arn.trim();
    if trimmed != arn && fold(trimmed) == fold(wanted) {
        return say(
            ClueKind::WhiteSpace,
            format!("this entry's ARN has white space around it, which is compared too: write {wanted}"),
        );
    }
    if let Some(principal) = canonicalize(trimmed)
        && principal != trimmed
        && fold(&principal) == fold(wanted)
    {
        return say(
            ClueKind::SessionArn,
            format!("this entry names a session ({trimmed}), which never matches: write {wanted}"),
        );
    }
    let (entry, mine) = (canonical::parts(trimmed)?, canonical::parts(wanted)?);
    if entry.resource == "root" && entry.account == mine.account {
        return say(
            ClueKind::Root,
            "this entry names the account's root, which matches the root user alone and not the account: name the role or user, or list the account in mapAccounts".to_owned(),
        );
    }
    if trimmed.contains(['*', '?']) {
        return glob(&fold(trimmed), &fold(wanted)).then(|| {
            (
                ClueKind::Wildcard,
                format!("this entry has a wildcard, and ARNs are compared whole: write {wanted}"),
            )
        });
    }
    let (entry_kind, entry_name) = entry.resource.split_once('/')?;
    let (kind, name) = mine.resource.split_once('/')?;
    let last = |name: &str| fold(name.rsplit('/').next().unwrap_or_default()).into_owned();
    let same_place = entry.account == mine.account && entry.partition == mine.partition;
    if last(entry_name) != last(name) {
        return None;
    }
    if entry_kind == "assumed-role" || (entry_kind == "instance-profile" && kind == "role") {
        return same_place.then(|| {
            (ClueKind::SessionArn, format!("this entry names no role but {trimmed}: write {wanted}"))
        });
    }
    if entry_kind != kind {
        let both = matches!(entry_kind, "role" | "user") && matches!(kind, "role" | "user");
        return (both && same_place).then(|| {
            (
                ClueKind::OtherKind,
                format!("this entry names a {entry_kind}, and the caller is a {kind}: write {wanted}"),
            )
        });
    }
    if same_place && kind == "role" {
        return say(
            ClueKind::RolePath,
            format!(
                "this entry has the role's path, which the authenticator never sees, so it matches nobody: write {wanted}"
            ),
        );
    }
    if same_place {
        return say(ClueKind::UserPath, format!("this entry has another path than the user: write {wanted}"));
    }
    if entry.account != mine.account {
        let valid = AccountId::parse(entry.account).is_ok();
        let of = if valid { "another account's" } else { "no account's (12 digits)" };
        return say(
            ClueKind::OtherAccount,
            format!("this entry is {of} {kind} of that name ({trimmed}): is it the account that was meant?"),
        );
    }
    say(ClueKind::OtherPartition, format!("this entry is for partition {}: write {wanted}", entry.partition))
}

/// Whether `pattern` with `*` and `?` fits all of `text`.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || Some(&c) == text.get(t) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::read;

    fn kinds(key: Key, text: &str, arn: &str) -> Vec<ClueKind> {
        let reading = read(key, Some(text));
        clues([(key, &reading)], &Caller::from_arn(arn).unwrap()).into_iter().map(|clue| clue.kind).collect()
    }

    const DEV: &str = "arn:aws:sts::111122223333:assumed-role/dev/jane";

    #[test]
    fn each_way_of_just_missing_a_role_is_told() {
        for (arn, kind) in [
            ("arn:aws:iam::111122223333:role/team/dev", ClueKind::RolePath),
            ("' arn:aws:iam::111122223333:role/dev'", ClueKind::WhiteSpace),
            (DEV, ClueKind::SessionArn),
            ("arn:aws:iam::111122223333:instance-profile/dev", ClueKind::SessionArn),
            ("arn:aws:iam::111122223333:role/*", ClueKind::Wildcard),
            ("arn:aws:iam::111122223333:root", ClueKind::Root),
            ("arn:aws:iam::444455556666:role/dev", ClueKind::OtherAccount),
            ("arn:aws:iam::1111:role/dev", ClueKind::OtherAccount),
            ("arn:aws-cn:iam::111122223333:role/dev", ClueKind::OtherPartition),
            ("arn:aws:iam::111122223333:user/dev", ClueKind::OtherKind),
        ] {
            assert_eq!(kinds(Key::MapRoles, &format!("- rolearn: {arn}\n"), DEV), [kind], "{arn}");
        }
    }

    #[test]
    fn a_user_needs_its_path() {
        let jane = "arn:aws:iam::111122223333:user/team/jane";
        let entry = "- userarn: arn:aws:iam::111122223333:user/jane\n";
        assert_eq!(kinds(Key::MapUsers, entry, jane), [ClueKind::UserPath]);
    }

    #[test]
    fn keys_and_elements_that_say_nothing_are_told() {
        assert_eq!(kinds(Key::MapRoles, "- rolearn: {{x\n", DEV), [ClueKind::BrokenKey]);
        assert_eq!(kinds(Key::MapRoles, "rolearn: x\n", DEV), [ClueKind::BrokenKey]);
        assert_eq!(kinds(Key::MapRoles, "- role_arn: x\n", DEV), [ClueKind::DroppedElement]);
    }

    #[test]
    fn what_has_nothing_to_do_with_the_caller_is_no_clue() {
        let others = "- rolearn: arn:aws:iam::111122223333:role/ops\n- rolearn: arn:aws:iam::111122223333:role/ops-*\n";
        assert_eq!(kinds(Key::MapRoles, others, DEV), []);
    }
}
