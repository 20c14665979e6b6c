//! What the plan's tests share: small builders, and a cluster that takes a plan's write as the real one would.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;

use aws_auth::approval::{self, Nonce};
use aws_auth::aws_auth::{AwsAuth, Source};
use aws_auth::mapping::{Adoption, Mapping, MappingType, RawSpec, Spec, SpecError, Uid};
use aws_auth::ownership::EntryHash;
use aws_auth::plan::{self, Input, Outcome, Plan};
use aws_auth::settings::Settings;
use aws_auth::situation::Situation;
use aws_auth::{Entry, Key, Timestamp};
use proptest::test_runner::{Config as ProptestConfig, FileFailurePersistence};

/// The cluster that every record here belongs to.
pub const CLUSTER: Uid = Uid([0xc1; 16]);
/// A moment.
pub const NOW: Timestamp = Timestamp(1_800_000_000);

/// 10,000 cases of a property, `PROPTEST_CASES` for another number; failures are kept beside the test.
pub fn many_cases() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

/// The UID number `n`.
pub fn uid(n: u32) -> Uid {
    let mut bytes = [0; 16];
    bytes[12..].copy_from_slice(&n.to_be_bytes());
    Uid(bytes)
}

/// The role number or name `name` in the usual account.
pub fn role(name: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{name}")
}

/// A spec for an ARN with a username and groups.
pub fn raw(arn: &str, username: &str, groups: &[&str]) -> RawSpec {
    RawSpec {
        arn: Some(arn.to_owned()),
        username: Some(username.to_owned()),
        groups: groups.iter().map(|&g| g.to_owned()).collect(),
        ..RawSpec::default()
    }
}

/// A mapping; a spec that breaks a rule stays in it as its error.
pub fn mapping(name: &str, number: u32, raw: RawSpec) -> Mapping {
    Mapping {
        name: name.to_owned(),
        uid: uid(number),
        created: Timestamp(1_700_000_000 + i64::from(number)),
        spec: Spec::parse(raw),
        applied: None,
        announced_end: None,
    }
}

/// Mappings with these numbers, as a cluster has them by the thousand.
pub fn mappings(numbers: impl Iterator<Item = u32>) -> Vec<Mapping> {
    numbers
        .map(|n| {
            let name = format!("team-{n:05}");
            let username = format!("{name}:{{{{SessionName}}}}");
            mapping(&name, n.wrapping_mul(2_654_435_761), raw(&role(&name), &username, &["developers"]))
        })
        .collect()
}

/// A mapping that the plan must take for undecodable.
pub fn undecodable(name: &str, number: u32) -> Mapping {
    Mapping {
        spec: Err(SpecError::Undecodable("groups: expected a list".into())),
        ..mapping(name, number, RawSpec::default())
    }
}

/// A spec that adopts.
pub fn adopting(raw: RawSpec) -> RawSpec {
    RawSpec { adoption: Adoption::Adopt, ..raw }
}

/// A node type.
pub fn node(arn: &str, mapping_type: MappingType) -> RawSpec {
    RawSpec { arn: Some(arn.to_owned()), mapping_type, ..RawSpec::default() }
}

/// aws-auth with these keys.
pub fn aws_auth(data: &[(&str, &str)]) -> AwsAuth {
    let data = data.iter().map(|&(key, text)| (key.to_owned(), text.to_owned())).collect();
    AwsAuth::read(Source { data, ..Source::default() }, CLUSTER)
}

/// Plans at [`NOW`].
pub fn plan<'a>(mappings: &'a [&'a Mapping], aws_auth: &'a AwsAuth, settings: &'a Settings) -> Plan<'a> {
    plan_at(mappings, aws_auth, settings, NOW)
}

/// Plans at some time.
pub fn plan_at<'a>(
    mappings: &'a [&'a Mapping],
    aws_auth: &'a AwsAuth,
    settings: &'a Settings,
    now: Timestamp,
) -> Plan<'a> {
    plan::plan(&Input { mappings, aws_auth, cluster: CLUSTER, settings, now, situation: Situation::none() })
}

/// A cluster: mappings and aws-auth, to which writes are applied.
pub struct World {
    pub settings: Settings,
    pub mappings: Vec<Mapping>,
    pub aws_auth: AwsAuth,
    pub now: Timestamp,
    pub situation: Situation,
    /// Whether somebody approves whatever waits.
    pub approving: bool,
}

impl World {
    /// A cluster whose aws-auth holds this text under mapRoles.
    pub fn with_roles(text: &str) -> Self {
        Self::with(aws_auth(&[("mapRoles", text)]))
    }

    /// A cluster with this aws-auth.
    pub fn with(aws_auth: AwsAuth) -> Self {
        Self {
            settings: Settings::default(),
            mappings: Vec::new(),
            aws_auth,
            now: NOW,
            situation: Situation { fresh: Some(Nonce(1)), ..Situation::default() },
            approving: false,
        }
    }

    /// The plan as things stand.
    pub fn plan<T>(&self, look: impl FnOnce(Plan<'_>) -> T) -> T {
        let mappings: Vec<&Mapping> = self.mappings.iter().collect();
        look(plan::plan(&Input {
            mappings: &mappings,
            aws_auth: &self.aws_auth,
            cluster: CLUSTER,
            settings: &self.settings,
            now: self.now,
            situation: &self.situation,
        }))
    }

    /// Somebody writes an approval.
    pub fn approve(&mut self, hash: &str) {
        let mut source = self.aws_auth.source().clone();
        source.annotations.insert(approval::APPROVE.to_owned(), hash.to_owned());
        self.aws_auth = AwsAuth::read(source, CLUSTER);
    }

    /// Plans, and writes what the plan says. Returns the outcomes by mapping *after* that, and how many changes it made.
    pub fn settle(&mut self) -> (BTreeMap<String, Outcome>, usize) {
        let mut changes = 0;
        for _ in 0..8 {
            let fresh = self.situation.fresh.map(|Nonce(n)| Nonce(n + 1));
            self.situation.fresh = fresh;
            let (written, requests, made, outcomes) = self.plan(|plan| {
                let outcomes = plan.verdicts.into_iter();
                let outcomes = outcomes.map(|verdict| (verdict.mapping.name.clone(), verdict.outcome));
                (plan.write, plan.requests, plan.changes.len(), outcomes.collect())
            });
            changes += made;
            match written {
                // What a cluster keeps is the text: everything else is read again.
                Some(written) => self.aws_auth = AwsAuth::read(written.source().clone(), CLUSTER),
                None if self.approving && !requests.is_empty() => {
                    let hashes: Vec<&str> = requests.iter().map(|request| request.hash.as_str()).collect();
                    self.approve(&hashes.join(" "));
                }
                None => return (outcomes, changes),
            }
        }
        panic!("planning on its own result never comes to rest");
    }

    /// The outcome of one mapping once everything is written.
    pub fn outcome(&mut self, name: &str) -> Outcome {
        self.settle().0.remove(name).expect("there is such a mapping")
    }

    /// The text of mapRoles.
    pub fn roles(&self) -> &str {
        self.aws_auth.text(Key::MapRoles)
    }

    /// Somebody else edits a key.
    pub fn edit(&mut self, key: Key, change: impl FnOnce(&str) -> String) {
        let mut source = self.aws_auth.source().clone();
        let text = change(self.aws_auth.text(key));
        source.data.insert(key.as_str().to_owned(), text);
        self.aws_auth = AwsAuth::read(source, CLUSTER);
    }

    /// Somebody else changes the ownership record.
    pub fn annotate(&mut self, value: Option<String>) {
        let mut source = self.aws_auth.source().clone();
        source.annotations.remove(aws_auth::ownership::ANNOTATION);
        source.annotations.extend(value.map(|value| (aws_auth::ownership::ANNOTATION.to_owned(), value)));
        self.aws_auth = AwsAuth::read(source, CLUSTER);
    }

    /// Notes in every mapping's status what stands for it, as the operator does.
    pub fn note_applied(&mut self) {
        for mapping in &mut self.mappings {
            if let Ok(spec) = &mapping.spec {
                mapping.applied = Some(EntryHash::of(spec.key(), spec.entry()));
            }
        }
    }

    /// The served entries of a key.
    pub fn served(&self, key: Key) -> Vec<Entry> {
        served(&self.aws_auth, key)
    }
}

/// The served entries of a key.
pub fn served(aws_auth: &AwsAuth, key: Key) -> Vec<Entry> {
    aws_auth
        .key(key)
        .items()
        .filter_map(|(_, item, _)| match &item.element {
            aws_auth::reader::Element::Entry(read) => Some(read.entry.clone()),
            aws_auth::reader::Element::Dropped => None,
        })
        .collect()
}
