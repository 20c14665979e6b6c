//! The plan: whatever people do with mappings and with aws-auth, what others wrote stays as it was, what says that it is
//! applied is what the reader obeys, nobody is granted what no living mapping asks for, the order of the mappings is of no
//! matter, and planning on the plan's own result changes nothing.
//!
//! The input is steps of two bytes: what happens, and to whom.

#![no_main]

use aws_auth::mapping::{Adoption, Mapping, MappingType, RawSpec, Spec};
use aws_auth::plan::ChangeKind;
use aws_auth::{Key, Timestamp};
use aws_auth_fuzz::{AFTER_THE_BRAKE, Cluster, item_bytes, mapping, role, stand_among};
use libfuzzer_sys::fuzz_target;

const STEPS: usize = 24;
const NODES: &str = "nodes";
const FIRST: &str = "# who may in
- rolearn: arn:aws:iam::111122223333:role/ops
  username: foreign-ops # by hand
  groups: [\"system:masters\"]
";

fuzz_target!(|data: &[u8]| {
    let (steps, _) = data.as_chunks::<2>();
    let mut history = History::new();
    for &[what, who] in &steps[..steps.len().min(STEPS)] {
        history.take(what % 12, usize::from(who % 8), who / 8);
        history.check();
    }
    history.order_is_of_no_matter();
});

struct History {
    cluster: Cluster,
    /// What others wrote, in order.
    foreign: Vec<String>,
    next: u32,
    /// The brake and what it holds go through at once.
    approving: bool,
}

impl History {
    fn new() -> Self {
        let mut cluster = Cluster::new(&[(Key::MapRoles, FIRST)]);
        cluster.privilege(&[&role(NODES)]);
        Self { cluster, foreign: vec![FIRST.to_owned()], next: 0, approving: false }
    }

    fn take(&mut self, what: u8, who: usize, how: u8) {
        match what {
            0..3 => self.apply(who, how),
            3 => self.cluster.mappings.retain(|mapping| mapping.name != name(who)),
            4 => {
                self.cluster.mappings.retain(|mapping| mapping.name != name(who));
                self.apply(who, how);
            }
            5 => {
                self.next += 1;
                let text = format!("- rolearn: {}\n  username: foreign-{} # by hand\n", arn(who), self.next);
                self.cluster.edit(Key::MapRoles, |all| format!("{all}{text}"));
                self.foreign.push(text);
            }
            6 if self.foreign.len() > 1 => {
                let text = self.foreign.remove(1 + who % (self.foreign.len() - 1));
                self.cluster.edit(Key::MapRoles, |all| all.replacen(&text, "", 1));
            }
            7 => self.edit_ours(who, |item| item.replacen("ours-", "edited-", 1)),
            8 => self.edit_ours(who, |_| String::new()),
            9 => self.cluster.now = Timestamp(self.cluster.now.0 + i64::from(how) * 97),
            10 => self.approving = !self.approving,
            11 => self.cluster.annotate("aws-auth.dev/owned", "lost".to_owned()),
            _ => {}
        }
        if self.approving && self.cluster.approve() {
            self.cluster.now = Timestamp(self.cluster.now.0 + 1);
        }
    }

    /// Creates or changes a mapping.
    fn apply(&mut self, who: usize, how: u8) {
        let mut raw = RawSpec {
            arn: Some(arn(who)),
            username: Some(format!("ours-{}", how % 4)),
            groups: (0..how % 3).map(|n| format!("g{n}")).collect(),
            paused: how & 4 == 4,
            ..RawSpec::default()
        };
        if how & 8 == 8 {
            raw.adoption = Adoption::Adopt;
        }
        if how & 16 == 16 {
            raw.expires_at = Some(Timestamp(self.cluster.now.0 + 500));
        }
        if who == 7 {
            raw = RawSpec { arn: raw.arn, mapping_type: MappingType::Ec2Linux, ..RawSpec::default() };
        }
        let name = name(who);
        if let Some(mapping) = self.cluster.mappings.iter_mut().find(|mapping| mapping.name == name) {
            mapping.spec = Spec::parse(raw);
        } else {
            self.next += 1;
            self.cluster.mappings.push(Mapping { name, ..mapping(self.next, raw) });
        }
    }

    /// Somebody else edits an entry of ours.
    fn edit_ours(&mut self, nth: usize, change: impl FnOnce(&str) -> String) {
        let text = self.cluster.aws_auth.text(Key::MapRoles).to_owned();
        let ours = |item: &&str| item.contains("ours-");
        let item = item_bytes(&self.cluster.aws_auth, Key::MapRoles).into_iter().filter(ours).nth(nth);
        if let Some(span) = item.and_then(|item| text.find(item).map(|at| at..at + item.len())) {
            let new = change(&text[span.clone()]);
            // A whole item goes with its line.
            let from = if new.is_empty() {
                text[..span.start].rfind('\n').map_or(0, |at| at + 1)
            } else {
                span.start
            };
            let to = if new.is_empty() { (span.end + 1).min(text.len()) } else { span.end };
            self.cluster.edit(Key::MapRoles, |_| format!("{}{new}{}", &text[..from], &text[to..]));
        }
    }

    fn check(&mut self) {
        for change in self.cluster.settle() {
            if let (ChangeKind::Adopt, Some(before)) = (change.kind, &change.before) {
                // What was taken over is foreign no more; the creator of this history wrote it once.
                self.foreign.retain(|text| !text.contains(&format!("username: {} ", before.username)));
            }
            if matches!(
                change.kind,
                ChangeKind::Add | ChangeKind::PutBack | ChangeKind::Update | ChangeKind::Adopt
            ) {
                let asked = self.cluster.mappings.iter().filter_map(|mapping| mapping.spec.as_ref().ok());
                let asked = asked.map(Spec::entry).any(|entry| change.after.as_ref() == Some(entry));
                assert!(asked, "nobody asked for {change:?}");
            }
        }
        let text = self.cluster.aws_auth.text(Key::MapRoles);
        let foreign = self.foreign.iter().flat_map(|text| text.lines());
        assert!(stand_among(foreign, text.lines()), "what others wrote is not as it was: {text}");
        self.cluster.applied_is_obeyed();
        assert_eq!(self.cluster.settle(), []);
    }

    fn order_is_of_no_matter(&mut self) {
        // All that comes of it is written anew.
        self.cluster.now = Timestamp(self.cluster.now.0 + AFTER_THE_BRAKE);
        self.cluster.edit(Key::MapRoles, |_| FIRST.to_owned());
        let write = |mappings: &[&Mapping]| {
            self.cluster.plan_of(mappings, |plan| plan.write.as_ref().map(|write| write.source().clone()))
        };
        let mut mappings: Vec<&Mapping> = self.cluster.mappings.iter().collect();
        let first = write(&mappings);
        mappings.reverse();
        assert_eq!(first, write(&mappings));
    }
}

fn name(who: usize) -> String {
    format!("m{who}")
}

/// Two names for one principal among them; the last is a node's.
fn arn(who: usize) -> String {
    match who {
        7 => role(NODES),
        6 => role("team/R0"),
        _ => role(&format!("r{who}")),
    }
}
