//! What the fuzz targets share: a cluster that takes a plan's write as the real one would, and small builders.

#![allow(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a target says what must hold by failing"
)]

use aws_auth::approval::{self, Nonce};
use aws_auth::arn::{Principal, PrincipalKey};
use aws_auth::aws_auth::{AwsAuth, Source};
use aws_auth::mapping::{Mapping, RawSpec, Spec, Uid};
use aws_auth::plan::{self, Change, Input, Outcome, Plan};
use aws_auth::reader::Element;
use aws_auth::settings::Settings;
use aws_auth::situation::Situation;
use aws_auth::{Entry, Key, Timestamp};

/// The cluster that every record here belongs to.
pub const CLUSTER: Uid = Uid([0xc1; 16]);
/// Long enough for a brake's window to be over.
pub const AFTER_THE_BRAKE: i64 = 1_000;
/// More rounds than it takes to come to rest.
const ROUNDS: usize = 12;

/// The role of that name in the usual account.
pub fn role(name: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{name}")
}

/// A mapping; a spec that breaks a rule stays in it as its error.
pub fn mapping(number: u32, raw: RawSpec) -> Mapping {
    let mut uid = [0; 16];
    uid[12..].copy_from_slice(&number.to_be_bytes());
    Mapping {
        name: format!("m{number}"),
        uid: Uid(uid),
        created: Timestamp(1_700_000_000 + i64::from(number)),
        spec: Spec::parse(raw),
        applied: None,
        announced_end: None,
    }
}

/// A cluster: mappings and aws-auth, to which writes are applied.
pub struct Cluster {
    /// The configuration.
    pub settings: Settings,
    /// The living mappings.
    pub mappings: Vec<Mapping>,
    /// aws-auth as it stands.
    pub aws_auth: AwsAuth,
    /// Now.
    pub now: Timestamp,
    nonce: u128,
}

impl Cluster {
    /// A cluster whose aws-auth has these keys.
    pub fn new(data: &[(Key, &str)]) -> Self {
        let data = data.iter().map(|&(key, text)| (key.as_str().to_owned(), text.to_owned())).collect();
        Self {
            settings: Settings::default(),
            mappings: Vec::new(),
            aws_auth: AwsAuth::read(Source { data, ..Source::default() }, CLUSTER),
            now: Timestamp(1_800_000_000),
            nonce: 0,
        }
    }

    /// Lets these have whatever they ask for.
    pub fn privilege(&mut self, principals: &[&str]) {
        let key =
            |text: &&str| Principal::parse(text).map_or_else(|_| PrincipalKey::of(text), |known| known.key());
        self.settings.policy.privileged.extend(principals.iter().map(key));
    }

    /// The plan as things stand.
    pub fn plan<T>(&self, look: impl FnOnce(&Plan<'_>) -> T) -> T {
        let mappings: Vec<&Mapping> = self.mappings.iter().collect();
        self.plan_of(&mappings, look)
    }

    /// The plan for the mappings in another order.
    pub fn plan_of<T>(&self, mappings: &[&Mapping], look: impl FnOnce(&Plan<'_>) -> T) -> T {
        let situation = Situation { fresh: Some(Nonce(self.nonce)), ..Situation::default() };
        look(&plan::plan(&Input {
            mappings,
            aws_auth: &self.aws_auth,
            cluster: CLUSTER,
            settings: &self.settings,
            now: self.now,
            situation: &situation,
        }))
    }

    /// Plans and writes until there is nothing to write. Returns what was changed.
    pub fn settle(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        for _ in 0..ROUNDS {
            self.nonce += 1;
            let (write, made) = self.plan(|plan| {
                let enough = plan.admins.after >= self.settings.guards.min_admins.min(plan.admins.before);
                assert!(enough, "{:?} are left", plan.admins);
                (plan.write.clone(), plan.changes.clone())
            });
            let Some(write) = write else { return changes };
            // What a cluster keeps is the text: everything else is read again.
            self.aws_auth = AwsAuth::read(write.source().clone(), CLUSTER);
            changes.extend(made);
        }
        panic!("planning on its own result never comes to rest");
    }

    /// What became of each mapping once all was written.
    pub fn outcomes(&self) -> Vec<Outcome> {
        self.plan(|plan| {
            let outcome = |mapping: &Mapping| {
                let found = plan.verdicts.iter().find(|verdict| verdict.mapping.uid == mapping.uid);
                found.expect("every mapping has a verdict").outcome.clone()
            };
            self.mappings.iter().map(outcome).collect()
        })
    }

    /// Somebody else edits a key.
    pub fn edit(&mut self, key: Key, change: impl FnOnce(&str) -> String) {
        let text = change(self.aws_auth.text(key));
        self.write(|source| drop(source.data.insert(key.as_str().to_owned(), text)));
    }

    /// Somebody else writes an annotation.
    pub fn annotate(&mut self, name: &str, value: String) {
        self.write(|source| drop(source.annotations.insert(name.to_owned(), value)));
    }

    /// Somebody lets through all that waits; whether anything did.
    pub fn approve(&mut self) -> bool {
        let hashes = self.plan(|plan| {
            plan.requests.iter().map(|request| request.hash.clone()).collect::<Vec<_>>().join(" ")
        });
        let waits = !hashes.is_empty();
        if waits {
            self.annotate(approval::APPROVE, hashes);
        }
        waits
    }

    fn write(&mut self, change: impl FnOnce(&mut Source)) {
        let mut source = self.aws_auth.source().clone();
        change(&mut source);
        self.aws_auth = AwsAuth::read(source, CLUSTER);
    }

    /// The served entries of a key.
    pub fn served(&self, key: Key) -> Vec<Entry> {
        served(&self.aws_auth, key)
    }

    /// Whom the reader obeys for a principal: the last of mapRoles, else of mapUsers.
    pub fn obeyed(&self, arn: &str) -> Option<Entry> {
        let principal = PrincipalKey::of(arn);
        [Key::MapRoles, Key::MapUsers, Key::MapAccounts].into_iter().find_map(|key| {
            self.served(key).into_iter().rev().find(|entry| PrincipalKey::of(&entry.arn) == principal)
        })
    }

    /// Whatever says that it is applied is what the reader obeys.
    pub fn applied_is_obeyed(&self) {
        for (mapping, outcome) in self.mappings.iter().zip(self.outcomes()) {
            match (&mapping.spec, outcome) {
                (_, Outcome::Pending) => panic!("{} is still pending", mapping.name),
                (Ok(spec), Outcome::Applied) => {
                    let wanted = spec.entry();
                    let read = self.obeyed(&wanted.arn).expect("applied, and not there");
                    assert_eq!(read.username, wanted.username);
                    let (mut has, mut wants) = (read.groups, wanted.groups.clone());
                    has.sort();
                    wants.sort();
                    assert_eq!(has, wants, "{}", mapping.name);
                }
                _ => {}
            }
        }
    }
}

/// The served entries of a key.
pub fn served(aws_auth: &AwsAuth, key: Key) -> Vec<Entry> {
    let items = aws_auth.key(key).items();
    items
        .filter_map(|(_, item, _)| match &item.element {
            Element::Entry(read) => Some(read.entry.clone()),
            Element::Dropped => None,
        })
        .collect()
}

/// The bytes of every item of a key, in order.
pub fn item_bytes(aws_auth: &AwsAuth, key: Key) -> Vec<&str> {
    let text = aws_auth.text(key);
    aws_auth.key(key).items().map(|(_, item, _)| &text[item.span.clone()]).collect()
}

/// Whether all of these stand among others, in the same order.
pub fn stand_among<'a>(
    these: impl IntoIterator<Item = &'a str>,
    others: impl IntoIterator<Item = &'a str>,
) -> bool {
    let mut others = others.into_iter();
    these.into_iter().all(|this| others.any(|other| other == this))
}
