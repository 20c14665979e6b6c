//! From an aws-auth that stands to the mappings that ask for the same, and what no mapping can ask for.
//!
//! Every draft is of an entry that the reader obeys and passes every static rule, so a plan with these mappings and the
//! privileges in [`Import::privileged`] changes no entry. Not here: how a draft is written down (the command line).

use std::collections::{BTreeMap, BTreeSet};

use crate::arn::{Principal, PrincipalKey};
use crate::aws_auth::AwsAuth;
use crate::entry::{Entry, Key};
use crate::lookup::At;
use crate::mapping::{Adoption, MappingType, RawSpec, Spec};
use crate::plan::claims::Items;
use crate::plan::precedence::{obeyed, same};
use crate::policy;
use crate::reader::{Element, Fault, Item, ReadEntry, Reading};
use crate::settings::Settings;
use crate::spelling::HEADER;

/// Longest description, in characters (also the CRD's limit).
const MAX_DESCRIPTION: usize = 1024;
/// Longest name that is made: Kubernetes allows 253, but people read them in columns.
const MAX_NAME: usize = 63;

/// What becomes of an aws-auth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Import {
    /// The mappings, in the order of keys and lines.
    pub drafts: Vec<Draft>,
    /// What no mapping can ask for, in the same order; it stays as it is.
    pub left: Vec<Left>,
    /// What the configuration must list in `policy.privileged`, in the same order.
    pub privileged: Vec<String>,
}

/// One mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its name: readable, a valid object name, and of no other draft.
    pub name: String,
    /// What it asks for, `adoption: Adopt` among it.
    pub spec: RawSpec,
    /// The comment that belongs to the entry.
    pub description: Option<String>,
    /// Where the entry stands.
    pub key: Key,
    /// Its line.
    pub line: usize,
}

/// An entry that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The key.
    pub key: Key,
    /// The line in the key's text, from 1.
    pub line: usize,
    /// The ARN or account, as far as there is one.
    pub principal: String,
    /// Why, and what to do.
    pub why: String,
}

/// Imports; `settings` say what is privileged.
///
/// # Errors
/// The key that cannot be read, and why: with it, nobody knows who would be left out.
pub fn import(aws_auth: &AwsAuth, settings: &Settings) -> Result<Import, (Key, Fault)> {
    let mut import = Import::default();
    let items = Items::of(aws_auth);
    let mut needed = BTreeSet::new();
    for key in Key::ALL {
        let list = match aws_auth.key(key).reading() {
            Reading::Nothing => continue,
            Reading::List(list) => list,
            Reading::Broken(fault) | Reading::Unsure(fault) => return Err((key, fault.clone())),
            Reading::NotAList(place) => {
                let message = "not a list; begin each entry with a dash".to_owned();
                return Err((key, Fault { place: *place, message }));
            }
        };
        for (index, item) in list.items.iter().enumerate() {
            let left = |principal: &str, why: String| Left {
                key,
                line: item.line,
                principal: principal.to_owned(),
                why,
            };
            let read = match &item.element {
                Element::Entry(read) => read,
                Element::Dropped => {
                    import.left.push(left(
                        "",
                        "the authenticator drops this element: it names no principal".to_owned(),
                    ));
                    continue;
                }
            };
            match draft(&items, At { key, index }, read, settings) {
                Err(why) => import.left.push(left(&read.entry.arn, why)),
                Ok(spec) => {
                    if needs_privilege(key, &spec, &read.entry, settings)
                        && let Some(arn) = spec.arn.as_ref().or(spec.account_id.as_ref())
                        && needed.insert(PrincipalKey::of(arn))
                    {
                        import.privileged.push(arn.clone());
                    }
                    let description = comment(aws_auth.text(key), item);
                    import.drafts.push(Draft {
                        name: String::new(),
                        spec,
                        description,
                        key,
                        line: item.line,
                    });
                }
            }
        }
    }
    name_all(&mut import.drafts);
    Ok(import)
}

/// What would ask for the entry, or why nothing can.
fn draft(items: &Items<'_>, at: At, read: &ReadEntry, settings: &Settings) -> Result<RawSpec, String> {
    let entry = &read.entry;
    if read.sso.is_some() {
        return Err("an sso block: EKS matches none; write a mapping with the role's ARN".to_owned());
    }
    let principal = if at.key == Key::MapAccounts {
        crate::arn::AccountId::parse(&entry.arn).map(Principal::Account)
    } else {
        Principal::parse(&entry.arn)
    };
    let principal = principal.map_err(|error| error.to_string())?;
    if principal.key() != PrincipalKey::of(&entry.arn) {
        return Err(format!(
            "the entry has the role's path, so it matches nobody; a mapping of {} would let it in",
            principal.entry_arn()
        ));
    }
    let key = principal.key();
    if let Some(creator) = &settings.creator
        && creator.principal.key() == key
    {
        return Err("the cluster creator is pinned by the configuration and needs no mapping".to_owned());
    }
    let hash = crate::ownership::PrincipalHash::of(&key);
    let all: Vec<At> = items.of_principal(hash, &key).collect();
    let rule = obeyed(items, &all);
    if !rule.contains(&at) {
        return Err(
            "another entry for this principal shadows it: it grants nothing and can be removed".to_owned()
        );
    }
    if rule.len() > 1 {
        return Err(
            "the authenticator takes one of several entries for this principal at random; remove all but one"
                .to_owned(),
        );
    }
    let raw = raw(&principal, entry);
    let spec = Spec::parse(raw.clone()).map_err(|error| error.to_string())?;
    if same(spec.entry(), entry) {
        Ok(raw)
    } else if entry.username.is_empty() {
        Err("its username is empty, which no mapping can ask for; give it one".to_owned())
    } else {
        Err("no mapping asks for exactly this entry".to_owned())
    }
}

fn raw(principal: &Principal, entry: &Entry) -> RawSpec {
    let bare = RawSpec { adoption: Adoption::Adopt, ..RawSpec::default() };
    if let Principal::Account(account) = principal {
        return RawSpec { account_id: Some(account.to_string()), ..bare };
    }
    let bare = RawSpec { arn: Some(principal.entry_arn()), ..bare };
    let is_role = matches!(principal, Principal::Role { .. });
    let types =
        [MappingType::Ec2Linux, MappingType::Ec2Windows, MappingType::FargateLinux, MappingType::HybridLinux];
    let node = types.into_iter().filter(|_| is_role).find(|mapping_type| {
        mapping_type.node_identity().is_some_and(|(username, groups)| {
            let groups = groups.iter().map(|&group| group.to_owned()).collect();
            same(&Entry { arn: entry.arn.clone(), username: username.to_owned(), groups }, entry)
        })
    });
    if let Some(mapping_type) = node {
        return RawSpec { mapping_type, ..bare };
    }
    let mut seen = BTreeSet::new();
    let username = (entry.username != principal.default_username()).then(|| entry.username.clone());
    RawSpec {
        username,
        groups: entry.groups.iter().filter(|group| seen.insert(*group)).cloned().collect(),
        ..bare
    }
}

fn needs_privilege(key: Key, raw: &RawSpec, entry: &Entry, settings: &Settings) -> bool {
    let Ok(spec) = Spec::parse(raw.clone()) else { return false };
    policy::check(&spec, settings).is_some()
        || policy::check_adoption(key, entry, spec.principal_key(), &settings.policy).is_some()
}

/// The comment that belongs to an entry: whole lines right above it, and what stands behind its own lines.
fn comment(text: &str, item: &Item) -> Option<String> {
    let start = text.get(..item.span.start)?.rfind('\n').map_or(0, |at| at + 1);
    // Only an item that begins its line has a place of its own.
    if !text.get(start..item.span.start)?.trim().is_empty() || !text.get(item.span.clone())?.starts_with('-')
    {
        return None;
    }
    let above: Vec<&str> =
        text.get(..start)?.lines().rev().map_while(|line| line.trim_start().strip_prefix('#')).collect();
    let above = above.iter().rev().filter(|line| HEADER.strip_prefix('#') != Some(**line));
    let rest = text.get(item.span.end..)?;
    let end = item.span.end + rest.find('\n').unwrap_or(rest.len());
    let behind = text.get(item.span.start..end)?.lines().filter_map(behind);
    let words: Vec<&str> = above
        .copied()
        .chain(behind)
        .map(|line| line.trim().trim_matches('#').trim())
        .filter(|line| !line.is_empty() && !is_commented_out(line))
        .collect();
    let visible = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
    };
    let comment: String = words.join(" ").chars().filter(visible).take(MAX_DESCRIPTION).collect();
    (!comment.is_empty()).then_some(comment)
}

/// The comment behind the content of a line. A `#` in quotes is none.
fn behind(line: &str) -> Option<&str> {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') if before.is_whitespace() => return line.get(at + 1..),
            (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(c),
            (Some(open), c) if c == open && before != '\\' => quote = None,
            _ => {}
        }
        before = c;
    }
    None
}

/// An entry that somebody switched off says nothing about its neighbour.
fn is_commented_out(line: &str) -> bool {
    let line = line.trim_start_matches("- ");
    ["rolearn:", "userarn:", "username:", "groups:", "system:"]
        .iter()
        .any(|field| line.to_ascii_lowercase().starts_with(field))
}

/// A name that Kubernetes takes, made of a principal's ARN or account.
#[must_use]
pub fn object_name(arn: &str) -> String {
    if let Ok(account) = crate::arn::AccountId::parse(arn) {
        return format!("account-{account}");
    }
    let name = arn.rsplit('/').next().unwrap_or(arn);
    // `AWSReservedSSO_<permission set>_<16 hex>`.
    let sso = name.strip_prefix("AWSReservedSSO_").and_then(|rest| rest.rsplit_once('_'));
    let name = match sso {
        Some((set, hex)) if hex.len() == 16 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            format!("sso-{set}")
        }
        _ => name.to_owned(),
    };
    object_text(&name)
}

/// Lower-case letters, digits and dashes, which neither begin nor end it.
fn object_text(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            'A'..='Z' => name.push(c.to_ascii_lowercase()),
            _ if name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    let cut: String = name.trim_matches('-').chars().take(MAX_NAME).collect();
    let cut = cut.trim_matches('-');
    if cut.is_empty() { "mapping".to_owned() } else { cut.to_owned() }
}

/// Gives every draft a name of its own. Those of one name are told apart by what they differ in, whatever their order:
/// kind, account, and at last a number in the order of their ARNs.
fn name_all(drafts: &mut [Draft]) {
    let arn =
        |draft: &Draft| draft.spec.arn.clone().or_else(|| draft.spec.account_id.clone()).unwrap_or_default();
    let arns: Vec<String> = drafts.iter().map(arn).collect();
    let mut names: Vec<String> = arns.iter().map(|arn| object_name(arn)).collect();
    let longer: [fn(&str) -> String; 3] = [
        |arn| {
            let kind = if arn.contains(":user/") { "user" } else { "role" };
            format!("{kind}-{}", object_name(arn))
        },
        |arn| format!("{}-{}", object_name(arn), arn.split(':').nth(4).unwrap_or_default()),
        |arn| object_text(&arn.splitn(2, ':').last().unwrap_or_default().replace([':', '/'], "-")),
    ];
    for lengthen in longer {
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        for name in &names {
            *count.entry(name.clone()).or_default() += 1;
        }
        for (name, arn) in names.iter_mut().zip(&arns) {
            if count.get(name.as_str()).is_some_and(|n| *n > 1) {
                *name = lengthen(arn);
            }
        }
    }
    let mut order: Vec<usize> = (0..arns.len()).collect();
    order.sort_by(|a, b| arns.get(*a).cmp(&arns.get(*b)));
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for n in order {
        let (Some(name), Some(draft)) = (names.get(n), drafts.get_mut(n)) else { continue };
        let numbered = (2_u64..).map(|number| {
            let head: String = name.chars().take(MAX_NAME - 8).collect();
            format!("{}-{number}", head.trim_end_matches('-'))
        });
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name));
        draft.name = free.unwrap_or_default();
        taken.insert(draft.name.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws_auth::Source;
    use crate::mapping::Uid;

    fn imported(key: Key, text: &str) -> Import {
        let data = BTreeMap::from([(key.as_str().to_owned(), text.to_owned())]);
        let aws_auth = AwsAuth::read(Source { data, ..Source::default() }, Uid::default());
        import(&aws_auth, &Settings::default()).unwrap()
    }

    fn names(arns: &[&str]) -> Vec<String> {
        let items: Vec<String> =
            arns.iter().map(|arn| format!("- {{rolearn: '{arn}', username: u}}\n")).collect();
        imported(Key::MapRoles, &items.concat()).drafts.into_iter().map(|draft| draft.name).collect()
    }

    #[test]
    fn names_are_readable_and_do_not_depend_on_the_order() {
        let a = "arn:aws:iam::111122223333:role/Dev_Team";
        let b = "arn:aws:iam::444455556666:role/dev-team";
        let sso = "arn:aws:iam::111122223333:role/AWSReservedSSO_AdminAccess_0123456789abcdef";
        assert_eq!(
            names(&[a, b, sso]),
            ["dev-team-111122223333", "dev-team-444455556666", "sso-adminaccess"]
        );
        assert_eq!(names(&[b, a]), ["dev-team-444455556666", "dev-team-111122223333"]);
        let dot = "arn:aws:iam::111122223333:role/dev.team";
        assert_eq!(names(&[a, dot]), names(&[dot, a]).into_iter().rev().collect::<Vec<_>>());
    }

    #[test]
    fn comments_of_an_entry_become_its_description_and_others_do_not() {
        let text = "# about the file\n\n# break glass:\n# see OPS-12\n- rolearn: arn:aws:iam::111122223333:role/a # who\n  username: 'a # b'   # keep\n# - rolearn: off\n#   username: off\n- rolearn: arn:aws:iam::111122223333:role/b\n  username: b\n";
        let descriptions: Vec<_> =
            imported(Key::MapRoles, text).drafts.into_iter().map(|draft| draft.description).collect();
        assert_eq!(descriptions, [Some("break glass: see OPS-12 who keep".to_owned()), None]);
    }

    #[test]
    fn nodes_get_their_type_and_defaults_are_left_out() {
        let text = "- rolearn: arn:aws:iam::111122223333:role/n\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:nodes, system:bootstrappers]\n- rolearn: arn:aws:iam::111122223333:role/d\n  username: arn:aws:sts::111122223333:assumed-role/d/{{SessionName}}\n  groups: [g, g]\n";
        let import = imported(Key::MapRoles, text);
        assert_eq!(import.drafts[0].spec.mapping_type, MappingType::Ec2Linux);
        assert_eq!(
            (&import.drafts[1].spec.username, &import.drafts[1].spec.groups),
            (&None, &vec!["g".to_owned()])
        );
        assert_eq!(import.privileged, ["arn:aws:iam::111122223333:role/n"]);
    }

    #[test]
    fn what_no_mapping_can_ask_for_is_left_with_a_reason() {
        let text = "- rolearn: arn:aws:iam::111122223333:role/path/a\n  username: a\n- rolearn: arn:aws:iam::111122223333:role/b\n  username: '{{SessionName}}'\n- rolearn: arn:aws:iam::111122223333:role/c\n- rolearn: arn:aws:iam::111122223333:role/d\n  username: d\n- rolearn: arn:aws:iam::111122223333:role/d\n  username: d\n";
        let import = imported(Key::MapRoles, text);
        let lines: Vec<usize> = import.left.iter().map(|left| left.line).collect();
        assert_eq!(lines, [1, 3, 5, 6]);
        assert!(import.left[2].why.contains("empty"), "{:?}", import.left[2]);
        assert_eq!(import.drafts.len(), 1);
    }
}
