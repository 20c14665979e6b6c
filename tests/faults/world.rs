//! Where every scenario begins and ends: a cluster with twenty entries of ours and twenty of others, node roles and an
//! admin among both, an operator behind the proxy, and an auditor who looks at all of it in the end.

use std::cell::Cell;
use std::path::Path;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use kube::api::ListParams;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::auditor::{APPROVE, Audit, Auditor, Item, condition};
use crate::common::{Cluster, EKSCTL_ROLES, Metrics, Process, Proxy, arn, check, file, role, wait, within};

pub const OWNED: usize = 20;
pub const FOREIGN: usize = 20;

const HELD: &str = "aws-auth.dev/held";
/// What two busy cores may add to anything.
const SLACK: Duration = Duration::from_secs(10);
/// So many resyncs without a write is what stable means.
const RESYNCS: usize = 3;
/// What an operator with nothing to do may ask for while it looks at everything so often, beside its Lease, which it
/// renews as time goes by.
const FEW_REQUESTS: usize = 60;

/// One for the real durations, the default for CI.
static SCALE: LazyLock<f64> =
    LazyLock::new(|| std::env::var("FAULTS_TIME_SCALE").map_or(0.05, |text| text.parse().unwrap()));

/// A duration of the operator, as long as it is now.
pub fn scaled(duration: Duration) -> Duration {
    duration.mul_f64(*SCALE)
}

/// A number of objects, fewer where time is short.
pub fn scaled_count(count: usize) -> usize {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "some thousands"
    )]
    let scaled = (count as f64 * *SCALE) as usize;
    scaled
}

/// Until when something is done that is promised within `duration`.
pub fn promised(duration: Duration) -> Duration {
    scaled(duration) + SLACK
}

/// The cluster, the proxy, the auditor. A scenario ends with [`World::settle`].
pub struct World {
    pub cluster: Cluster,
    pub proxy: Proxy,
    pub auditor: Auditor,
    config: NamedTempFile,
    settled: Cell<bool>,
}

/// What a scenario rightly leaves undone.
#[derive(Default)]
pub struct But<'a> {
    /// Mappings that are not ready, and say so.
    pub refused: &'a [&'a str],
    /// Roles whose entries were ours, and stay though no mapping asks for them.
    pub left: &'a [&'a str],
}

impl World {
    /// The common setup, with an operator that has applied everything.
    pub fn running() -> (Self, Process) {
        let world = Self::at_rest();
        let operator = world.start();
        world.until_all_applied(&operator, OWNED);
        (world, operator)
    }

    /// The common setup, before an operator runs for the first time.
    pub fn at_rest() -> Self {
        Self::with("")
    }

    /// The same with more configuration.
    pub fn with(config: &str) -> Self {
        let cluster = Cluster::take();
        let (roles, users) = foreign();
        cluster.create_aws_auth(&[
            ("mapRoles", &roles),
            ("mapUsers", &users),
            ("mapAccounts", "- \"444455556666\" # partner\n"),
            ("notes", "hands off\n"),
        ]);
        Self::around(cluster, config)
    }

    /// With whatever stands in aws-auth, if anything does.
    pub fn around(cluster: Cluster, config: &str) -> Self {
        let privileged = [arn("owned-node"), arn("owned-admin")];
        let proxy = Proxy::start(&cluster);
        let auditor = Auditor::start(&cluster, &privileged);
        let config = file(&format!("{config}policy:\n  privileged: {}\n", json!(privileged)));
        cluster.apply_all(&owned());
        Self { cluster, proxy, auditor, config, settled: Cell::new(false) }
    }

    /// Starts an operator behind the proxy and waits until it is ready.
    pub fn start(&self) -> Process {
        let operator = self.launch();
        operator.until_ready();
        operator
    }

    /// Starts one and waits for nothing.
    pub fn launch(&self) -> Process {
        self.launch_through(self.proxy.kubeconfig())
    }

    /// The same with another kubeconfig.
    pub fn launch_through(&self, kubeconfig: &Path) -> Process {
        self.launch_as(kubeconfig, *SCALE, &[])
    }

    /// The same with further arguments.
    pub fn launch_with(&self, arguments: &[&str]) -> Process {
        self.launch_as(self.proxy.kubeconfig(), *SCALE, arguments)
    }

    /// One for which time passes ten times as fast as for the others, for what takes a quarter of an hour.
    pub fn start_hasty(&self) -> Process {
        let operator = self.launch_as(self.proxy.kubeconfig(), *SCALE / 10.0, &[]);
        operator.until_ready();
        operator
    }

    fn launch_as(&self, kubeconfig: &Path, scale: f64, arguments: &[&str]) -> Process {
        let (scale, config) = (scale.to_string(), self.config.path().to_str().unwrap());
        let arguments = [&["--time-scale", &scale, "--config", config], arguments].concat();
        Process::launch(kubeconfig, &arguments)
    }

    /// Waits until so many mappings are applied, and everything that there is to say of it is said.
    #[track_caller]
    pub fn until_all_applied(&self, operator: &Process, count: usize) {
        self.cluster.until_all_applied(count);
        self.until_quiet(operator);
    }

    /// Waits until no status and no Event is on its way, or nobody lives who could send them.
    #[track_caller]
    pub fn until_quiet_or_dead(&self, operator: &mut Process) {
        within(promised(Duration::from_secs(30)), "everything is said", || {
            if !operator.runs() {
                return Ok(());
            }
            self.is_quiet(operator)
        });
    }

    /// Waits until no status and no Event is on its way.
    #[track_caller]
    pub fn until_quiet(&self, operator: &Process) {
        within(promised(Duration::from_secs(30)), "everything is said", || self.is_quiet(operator));
    }

    fn is_quiet(&self, operator: &Process) -> Result<(), String> {
        let look = || {
            let sent = |call: &crate::common::Call| call.is_write() && !call.is_about_the_lease();
            let sent = self.proxy.records().iter().filter(|record| sent(&record.call)).count();
            let metrics = operator.try_metrics()?;
            Ok::<_, String>((sent, metrics.get("pending_statuses")))
        };
        let before = look()?;
        thread::sleep(Duration::from_millis(60));
        let after = look()?;
        check(before == after && after.1 == 0, || format!("{before:?} {after:?}"))
    }

    /// Waits until a checkpoint of aws-auth as it stands is kept.
    #[track_caller]
    pub fn until_kept(&self) {
        within(promised(Duration::from_mins(1)), "a checkpoint of this version", || {
            let entries = self.audit().last().reading.items().len();
            let newest = self.checkpoints().into_iter().max_by_key(|header| header["number"].as_u64());
            check(newest.as_ref().is_some_and(|newest| newest["entries"] == entries), || {
                format!("{entries}, {newest:?}")
            })
        });
    }

    /// What every checkpoint says of itself.
    pub fn checkpoints(&self) -> Vec<Value> {
        let slots = wait(self.cluster.config_maps().list(&ListParams::default())).unwrap();
        let headers = slots
            .items
            .into_iter()
            .filter_map(|slot| slot.metadata.annotations?.remove("aws-auth.dev/checkpoint"));
        headers.map(|header| serde_json::from_str(&header).unwrap()).collect()
    }

    /// What is held, as it is published.
    #[track_caller]
    pub fn until_held(&self) -> Value {
        within(promised(Duration::from_secs(30)), "what is held is published", || {
            let held = self.cluster.aws_auth().and_then(|object| object.metadata.annotations?.remove(HELD));
            let held = held.map(|held| serde_json::from_str::<Value>(&held).unwrap());
            held.filter(|held| held["held"][0]["hash"].is_string())
                .ok_or_else(|| format!("{:?}", self.cluster.events("aws-auth")))
        })
    }

    /// Lets through what has this hash.
    pub fn approve(&self, hash: &str) {
        self.cluster.change_aws_auth("jane", |object| {
            object.metadata.annotations.get_or_insert_default().insert(APPROVE.to_owned(), hash.to_owned());
        });
    }

    /// Waits until an approval has been looked at: then it is taken off.
    #[track_caller]
    pub fn until_answered(&self) {
        within(promised(Duration::from_secs(30)), "the approval is answered", || {
            let annotations = self.cluster.aws_auth().unwrap().metadata.annotations.unwrap_or_default();
            check(!annotations.contains_key(APPROVE), || format!("{annotations:?}"))
        });
    }

    /// Waits until an ARN has an entry, or has none.
    #[track_caller]
    pub fn until_entry(&self, role: &str, there: bool) {
        within(promised(Duration::from_secs(30)), &format!("{role} has an entry: {there}"), || {
            let found = self.cluster.role(&arn(role)).is_some();
            check(found == there, || format!("{found}; {:#?}", self.cluster.events("aws-auth")))
        });
    }

    /// What the auditor says until now; a violation fails the test.
    #[track_caller]
    pub fn audit(&self) -> Audit {
        let audit = self.auditor.audit(&self.proxy);
        assert!(audit.violations.is_empty(), "{:#?}", audit.violations);
        audit
    }

    /// The end of a scenario after which no operator runs.
    #[track_caller]
    pub fn end(&self) -> Audit {
        self.settled.set(true);
        self.audit()
    }

    /// The end of a scenario: what was asked for is so, nothing is written any more however often everything is looked
    /// at afresh, and no invariant was ever broken.
    #[track_caller]
    pub fn settle(&self, operator: &mut Process) -> Audit {
        self.settle_but(operator, &But::default())
    }

    /// The same where not all is as it was asked for.
    #[track_caller]
    pub fn settle_but(&self, operator: &mut Process, but: &But<'_>) -> Audit {
        self.settled.set(true);
        within(promised(Duration::from_secs(30)), "everything is as it was asked for", || {
            let audit = self.auditor.audit(&self.proxy);
            assert!(audit.violations.is_empty(), "{:#?}", audit.violations);
            converged(&audit, but)
        });
        operator.until_ready();
        self.until_quiet(operator);
        let requests =
            || self.proxy.records().iter().filter(|record| record.call.resource != "leases").count();
        let (writes, before) = (self.audit().writes(), requests());
        self.look_afresh(operator);
        let audit = self.audit();
        assert_eq!(audit.writes(), writes, "I6: it goes on writing");
        converged(&audit, but).unwrap();
        let asked = requests() - before;
        assert!(asked <= FEW_REQUESTS, "I8: it spins: {asked} requests");
        assert!(operator.runs(), "I8: it has ended");
        assert!(!operator.log().iter().any(|line| line.contains("panicked")), "I8: {:#?}", operator.log());
        audit
    }

    /// Makes the operator look at everything afresh as often as three resyncs do: somebody touches aws-auth beside what
    /// the operator cares about. At full scale the resyncs themselves are waited for.
    fn look_afresh(&self, operator: &Process) {
        let plans = || operator.metrics().get("plan_duration_seconds_count");
        for n in 0..RESYNCS {
            let before = plans();
            if *SCALE < 1.0 {
                self.cluster.change_aws_auth("kubectl-annotate", |object| {
                    object
                        .metadata
                        .annotations
                        .get_or_insert_default()
                        .insert("touched".to_owned(), n.to_string());
                });
            }
            within(promised(Duration::from_mins(5)), "everything is looked at afresh", || {
                let now = plans();
                check(now > before, || now.to_string())
            });
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        assert!(self.settled.get() || thread::panicking(), "a scenario ends with World::settle");
    }
}

/// Whether all that lives has what it asks for, and nothing else is ours.
fn converged(audit: &Audit, but: &But<'_>) -> Result<(), String> {
    let reading = &audit.last().reading;
    let mut arns = Vec::new();
    for object in &audit.living {
        let name = object["metadata"]["name"].as_str().unwrap();
        let ready = condition(object, "Ready").cloned().unwrap_or_default();
        let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
        if but.refused.contains(&name) {
            check(current && ready["status"] == "False", || format!("{name}: {}", object["status"]))?;
        } else {
            check(current && ready["status"] == "True", || format!("{name}: {}", object["status"]))?;
        }
        let Some(wish) = crate::auditor::wish(object) else { continue };
        if !but.refused.contains(&name) && ready["reason"] == "Applied" && object["spec"].get("arn").is_some()
        {
            let who = reading.who(&wish.arn);
            let met = who.as_ref().is_some_and(|(username, groups)| wish.is_met_by(username, groups));
            check(met, || format!("{name} is {who:?}"))?;
        }
        arns.push(wish.arn);
    }
    arns.extend(but.left.iter().map(|name| arn(name)));
    let stray: Vec<&Item> = audit.ours.iter().filter(|item| !arns.contains(&item.arn)).collect();
    check(stray.is_empty(), || format!("ours, and nobody's: {stray:#?}"))
}

/// Twenty mappings: roles, two users, a node role, an admin.
pub fn owned() -> Vec<(String, Value)> {
    let mut all: Vec<(String, Value)> = (1..=16)
        .map(|n| format!("owned-{n}"))
        .map(|name| (name.clone(), role(&name, &["developers"])))
        .collect();
    for name in ["owned-jane", "owned-joe"] {
        let user = json!({
            "arn": format!("arn:aws:iam::111122223333:user/{name}"), "username": name, "groups": ["people"],
        });
        all.push((name.to_owned(), user));
    }
    all.push(("owned-node".to_owned(), json!({"arn": arn("owned-node"), "type": "EC2_LINUX"})));
    all.push(("owned-admin".to_owned(), role("owned-admin", &["system:masters"])));
    assert_eq!(all.len(), OWNED);
    all
}

/// What others wrote: a node role and an admin as eksctl and people leave them, more roles, three users; with the
/// account, twenty.
pub fn foreign() -> (String, String) {
    use std::fmt::Write as _;
    let mut roles = EKSCTL_ROLES.to_owned();
    for n in 1..=14 {
        let name = format!("foreign-{n}");
        writeln!(roles, "- rolearn: {}\n  username: {name}   # team {n}\n  groups:\n  - theirs", arn(&name))
            .unwrap();
    }
    let mut users = String::from("# people\n");
    for name in ["ann", "bob", "eve"] {
        writeln!(users, "- {{userarn: \"arn:aws:iam::111122223333:user/{name}\", username: {name}}}")
            .unwrap();
    }
    (roles, users)
}

/// What the operator counts, from its process.
pub fn count(operator: &Process, sample: &str) -> usize {
    let metrics: Metrics = operator.metrics();
    metrics.get(sample)
}
