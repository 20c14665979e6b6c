//! Sets of mappings beside what others wrote: from the text that the plan writes, the real authenticator reads exactly
//! what was meant, and lets each caller in as exactly that.
//!
//! What was meant is put together here once more, from what the set asks for: not by the code that is under test.

use std::collections::{BTreeMap, BTreeSet};

use aws_auth::aws_auth::{AwsAuth, Source};
use aws_auth::mapping::{Mapping, MappingType, RawSpec, SpecError};
use aws_auth::plan::Outcome;
use aws_auth::settings::Settings;
use aws_auth::{Key, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::common::{CLUSTER, NOW, mapping, plan_at};
use crate::material::HOSTILE;
use crate::mutate::Rng;
use crate::oracle::{Entry, Oracle, Served};

/// What others may have written: an admin and a node, in the spellings of people and tools.
const FOREIGN: &[&str] = &[
    "",
    "[]\n",
    "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups:\n  - system:bootstrappers\n  - system:nodes\n# break glass\n- rolearn: arn:aws:iam::111122223333:role/break-glass\n  username: admin\n  groups: [system:masters] # keep\n",
    "    - groups:\n        - system:masters\n      rolearn: arn:aws:iam::111122223333:role/break-glass\n      username: yes\n",
    "[{\"rolearn\": \"arn:aws:iam::111122223333:role/break-glass\", \"username\": \"a\", \"groups\": [\"system:masters\"]}]",
    "- &x {rolearn: \"arn:aws:iam::111122223333:role/break-glass\", groups: [system:masters]}\n- <<: *x\n  rolearn: arn:aws:iam::111122223333:role/other\n",
    "---\n- rolearn: arn:aws:iam::111122223333:role/break-glass\n  username: |\n    many\n    lines\n  groups: [system:masters]\n...\n",
    "- rolearn: arn:aws:iam::111122223333:role/break-glass\n  username: no newline at the end",
];

/// Pieces of names, each of which some YAML somewhere reads as something else.
const PIECES: &[&str] = &[
    "a",
    "dev",
    "-",
    "- ",
    ":",
    ": ",
    " #",
    "#",
    "'",
    "''",
    "\"",
    "\\",
    "\\n",
    "\\u0041",
    "\\/",
    "%",
    "@",
    "`",
    "|",
    ">",
    "&a",
    "*a",
    "!!str ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "?",
    "? ",
    "=",
    "<<",
    "~",
    "null",
    "yes",
    "0x1F",
    "1e3",
    "012345678901",
    ".inf",
    "2001-01-01",
    "12:30:45",
    "\u{e9}",
    "\u{130}",
    "\u{212a}",
    "\u{4e2d}\u{6587}",
    "\u{1f600}",
    "\u{1f468}",
    "\u{10ffff}",
    "\u{a0}",
    "\u{3000}",
    "\u{fffd}",
    "\u{e000}",
    " ",
    "  ",
    "system:masters",
    "{{AccountID}}",
    "x:{{SessionName}}",
    "y:{{SessionNameRaw}}",
    "{{",
    "}}",
    "\t",
    "\n",
    "\r\n",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\0",
    "\u{7f}",
];

/// An identity as the authenticator serves it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    arn: String,
    username: String,
    groups: Vec<String>,
}

#[derive(Deserialize)]
struct Reply {
    matches: Vec<Entry>,
    accounts: Vec<String>,
}

/// A mapping, what it means, and who would come.
struct Meant {
    mapping: Mapping,
    /// `None` for an account.
    identity: Option<Identity>,
    key: Key,
    caller: String,
}

fn text(rng: &mut Rng) -> String {
    if rng.chance(4) {
        return rng.pick(HOSTILE).to_owned();
    }
    (0..=rng.below(4)).map(|_| rng.pick(PIECES)).collect()
}

/// A mapping that asks for anything, number `n` of its set. No two of a set are for one principal.
fn wish(rng: &mut Rng, n: usize) -> (RawSpec, Meant) {
    let partition = rng.pick(&["aws", "aws", "aws", "aws-cn", "aws-us-gov"]);
    let account = format!("{:012}", rng.below(9_999_999));
    let path = rng.pick(&["", "", "team/", "aws-reserved/sso.amazonaws.com/eu-west-1/"]);
    let name = format!("{}{n}", rng.pick(&["Dev", "a.b+c=d,e_f-g@h", "AWSReservedSSO_Ops_0a1b"]));
    let mapping_type = match rng.below(10) {
        0 => MappingType::Ec2Linux,
        1 => MappingType::Ec2Windows,
        2 => MappingType::FargateLinux,
        3 => MappingType::HybridLinux,
        _ => MappingType::Standard,
    };
    let chosen = if rng.chance(5) { None } else { Some(text(rng)) };
    let asked: Vec<String> = (0..rng.below(4)).map(|_| text(rng)).collect();
    let (raw, identity, key, caller) = match (rng.below(8), mapping_type) {
        (0, _) => {
            let account = format!("{:012}", 1_000_000 + n);
            let raw = RawSpec { account_id: Some(account.clone()), ..RawSpec::default() };
            (raw, None, Key::MapAccounts, format!("arn:aws:iam::{account}:user/somebody"))
        }
        (1 | 2, MappingType::Standard) => {
            let arn = format!("arn:{partition}:iam::{account}:user/{path}{name}");
            let username = chosen.clone().unwrap_or_else(|| arn.clone());
            let identity = Identity { arn: arn.clone(), username, groups: asked.clone() };
            let raw =
                RawSpec { arn: Some(arn.clone()), username: chosen, groups: asked, ..RawSpec::default() };
            (raw, Some(identity), Key::MapUsers, arn)
        }
        (_, mapping_type) => {
            let session = format!("arn:{partition}:sts::{account}:assumed-role/{name}");
            let node = |username: &str, groups: &[&str]| {
                (username.to_owned(), groups.iter().map(|&group| group.to_owned()).collect())
            };
            let (username, groups) = match mapping_type {
                MappingType::Standard => (
                    chosen.clone().unwrap_or_else(|| format!("{session}/{{{{SessionName}}}}")),
                    asked.clone(),
                ),
                MappingType::Ec2Linux => {
                    node("system:node:{{EC2PrivateDNSName}}", &["system:bootstrappers", "system:nodes"])
                }
                MappingType::Ec2Windows => node(
                    "system:node:{{EC2PrivateDNSName}}",
                    &["system:bootstrappers", "system:nodes", "eks:kube-proxy-windows"],
                ),
                MappingType::FargateLinux => node(
                    "system:node:{{SessionName}}",
                    &["system:bootstrappers", "system:nodes", "system:node-proxier"],
                ),
                MappingType::HybridLinux => {
                    node("system:node:{{SessionName}}", &["system:bootstrappers", "system:nodes"])
                }
            };
            let standard = mapping_type == MappingType::Standard;
            let raw = RawSpec {
                arn: Some(format!("arn:{partition}:iam::{account}:role/{path}{name}")),
                mapping_type,
                username: chosen.filter(|_| standard),
                groups: if standard { asked } else { Vec::new() },
                ..RawSpec::default()
            };
            let arn = format!("arn:{partition}:iam::{account}:role/{name}");
            (raw, Some(Identity { arn, username, groups }), Key::MapRoles, format!("{session}/jane"))
        }
    };
    let number = u32::try_from(n).expect("few");
    let meant = Meant { mapping: mapping(&format!("m{n}"), number, raw.clone()), identity, key, caller };
    (raw, meant)
}

/// One set, planned and written, and what the authenticator must make of it.
struct Case {
    foreign: BTreeMap<String, String>,
    written: BTreeMap<String, String>,
    meant: Vec<Meant>,
}

/// The counts of what was seen, so that a run that tests nothing is noticed.
#[derive(Debug, Default)]
struct Counts {
    mappings: usize,
    refused: usize,
    living: usize,
}

impl Case {
    fn new(rng: &mut Rng, counts: &mut Counts) -> Self {
        let mut data = BTreeMap::from([("mapRoles".to_owned(), rng.pick(FOREIGN).to_owned())]);
        if rng.chance(2) {
            let users =
                rng.pick(&["", "[]", "- userarn: arn:aws:iam::111122223333:user/them\n  username: no\n"]);
            data.insert("mapUsers".to_owned(), users.to_owned());
        }
        if rng.chance(2) {
            let accounts = rng.pick(&["- \"012345678912\"\n", "- 012345678912\n", "['111122223333']", ""]);
            data.insert("mapAccounts".to_owned(), accounts.to_owned());
        }
        let foreign = data.clone();
        let mut settings = Settings::default();
        // Who goes here may be the last admin.
        settings.guards.min_admins = 0;
        let mut meant: Vec<Meant> = Vec::new();
        for n in 0..=rng.below(8) {
            let (raw, one) = wish(rng, n);
            counts.mappings += 1;
            match &one.mapping.spec {
                Ok(spec) => {
                    settings.policy.privileged.insert(spec.principal().key());
                    meant.push(one);
                }
                Err(error) => {
                    counts.refused += 1;
                    assert!(must_be_refused(&raw, error), "{raw:?} is refused: {error}");
                }
            }
        }
        // Some of them first; then the rest beside those, while one goes: as a cluster grows.
        let half = rng.below(meant.len() + 1);
        // No node: that would wait for an approval.
        let may_go = |one: &Meant| {
            one.mapping.spec.as_ref().is_ok_and(|spec| spec.mapping_type() == MappingType::Standard)
        };
        let gone = usize::from(meant.len() > 3 && may_go(&meant[0]));
        let mut written = data;
        let mut aws_auth = AwsAuth::read(Source { data: written.clone(), ..Source::default() }, CLUSTER);
        for (step, living) in [&meant[..half], &meant[gone..]].into_iter().enumerate() {
            let mappings: Vec<&Mapping> = living.iter().map(|one| &one.mapping).collect();
            let now = Timestamp(NOW.0 + 3600 * i64::try_from(step).expect("few"));
            if let Some(write) = plan_at(&mappings, &aws_auth, &settings, now).write {
                written.clone_from(&write.source().data);
                // What a cluster keeps is the text: everything else is read again.
                aws_auth = AwsAuth::read(write.source().clone(), CLUSTER);
            }
            let at_rest = plan_at(&mappings, &aws_auth, &settings, now);
            assert!(at_rest.write.is_none() && at_rest.held.is_empty(), "{:?} in {written:#?}", at_rest.held);
            for verdict in &at_rest.verdicts {
                assert_eq!(verdict.outcome, Outcome::Applied, "{:?} in {written:#?}", verdict.mapping);
            }
        }
        meant.drain(..gone);
        counts.living += meant.len();
        Self { foreign, written, meant }
    }

    /// What the oracle is asked: each key's text as it was and as it is, then for one caller.
    fn requests(&self) -> Vec<Value> {
        let texts = [&self.foreign, &self.written].into_iter().flat_map(|data| {
            Key::ALL.map(|key| json!({"read": data.get(key.as_str()).map_or("", String::as_str)}))
        });
        let lookup = self
            .comes()
            .map(|one| json!({"lookup": {"data": self.written, "arn": one.caller, "sso": false}}));
        texts.chain(lookup).collect()
    }

    /// Who comes: the one for whom the most was written before and after.
    fn comes(&self) -> Option<&Meant> {
        self.meant.get(self.meant.len() / 2)
    }

    fn check(&self, replies: &[Value]) {
        for (index, key) in Key::ALL.into_iter().enumerate() {
            let served = |at: usize| -> Served { deserialize(&replies[at][index]) };
            let (before, after) = (served(index), served(index + 3));
            assert_eq!(before.error, after.error, "{key} of {:#?}", self.written);
            let ours = || self.meant.iter().filter(|one| one.key == key);
            let mut expected: Vec<Identity> = before.entries.iter().map(identity).collect();
            expected.extend(ours().filter_map(|one| one.identity.clone()));
            let mut seen: Vec<Identity> = after.entries.iter().map(identity).collect();
            expected.sort();
            seen.sort();
            assert_eq!(seen, expected, "{key} of {:#?}", self.written);
            let accounts = ours().filter(|one| one.identity.is_none());
            let mut expected: BTreeSet<&str> = accounts.map(|one| &one.caller[13..25]).collect();
            expected.extend(before.accounts.iter().map(String::as_str));
            assert_eq!(after.accounts.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
        }
        for (one, reply) in self.comes().into_iter().zip(&replies[6..]) {
            let reply: Reply = deserialize(reply);
            let seen: Vec<Identity> = reply.matches.iter().map(identity).collect();
            let expected: Vec<Identity> = one.identity.iter().cloned().collect();
            assert_eq!(seen, expected, "{} in {:#?}", one.caller, self.written);
            assert!(one.identity.is_some() || reply.accounts.iter().any(|id| one.caller.contains(&**id)));
        }
    }
}

fn deserialize<T: serde::de::DeserializeOwned>(reply: &Value) -> T {
    T::deserialize(reply).expect("a reply to what was asked")
}

fn identity(entry: &Entry) -> Identity {
    Identity { arn: entry.arn.clone(), username: entry.username.clone(), groups: entry.groups.clone() }
}

/// Whether there is a reason to refuse at all: a set in which everything is refused would mean nothing.
fn must_be_refused(raw: &RawSpec, error: &SpecError) -> bool {
    let texts = || raw.username.iter().chain(&raw.groups);
    match error {
        SpecError::EmptyUsername | SpecError::EmptyGroup => texts().any(String::is_empty),
        SpecError::Invisible { .. } => {
            texts().any(|text| !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
        }
        SpecError::EdgeSpace { .. } => texts().any(|text| text.trim() != text),
        SpecError::SessionNameFirst | SpecError::Placeholder(_) | SpecError::GroupPlaceholder(_) => {
            texts().any(|text| text.contains("{{"))
        }
        SpecError::DuplicateGroup(_) => raw.groups.len() > 1,
        _ => false,
    }
}

/// Plans and compares so many sets.
pub(crate) fn compare(rng: &mut Rng, oracle: &mut Oracle, sets: usize) {
    let mut counts = Counts::default();
    let mut left = sets;
    while left > 0 {
        let batch = left.min(1000);
        left -= batch;
        let cases: Vec<Case> = (0..batch).map(|_| Case::new(rng, &mut counts)).collect();
        let requests: Vec<Vec<Value>> = cases.iter().map(Case::requests).collect();
        let mut replies = oracle.ask::<Value>(&requests.concat()).into_iter();
        for (case, requests) in cases.iter().zip(&requests) {
            let replies: Vec<Value> = replies.by_ref().take(requests.len()).collect();
            case.check(&replies);
        }
    }
    println!("{sets} sets: {counts:?}");
    assert!(counts.refused * 2 < counts.mappings && counts.living > sets, "too few to tell anything");
}
