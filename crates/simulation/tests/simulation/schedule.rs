//! One schedule: everything about it follows from its seed.
//!
//! People, other writers and the weather do what they do for a while; then all is calm, and the operator has to settle.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use aws_auth::arn::Principal;
use aws_auth::settings::{Policy, Settings};
use aws_auth_operator::{TimeScale, api};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::clock;
use crate::judge::Judge;
use crate::network::Cluster;
use crate::people::{self, Manners, PRIVILEGED, People};
use crate::replica::{Levers, keep_running};
use crate::store::{Kind, Store};
use crate::weather::{Climate, Weather};

/// Nobody waits longer than this for what a mapping's end, the brake or a rival makes wait.
const LONGEST: Duration = Duration::from_hours(3);
/// An operator that looks at everything afresh so often and writes nothing has settled.
const RESYNCS: u32 = 3;

/// What a schedule came to.
#[derive(Debug, Default)]
pub struct Report {
    pub deeds: usize,
    pub faults: usize,
    pub requests: usize,
    pub versions: usize,
    pub writes: usize,
    /// How long it took to settle once all was calm.
    pub settling: Duration,
    /// Everything that happened.
    pub log: Vec<String>,
}

impl Report {
    /// The same for two runs that went the same way.
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.log.hash(&mut hasher);
        hasher.finish()
    }
}

/// Runs the schedule of a seed. An error says what was broken, after what.
pub fn run(seed: u64) -> Result<Report, String> {
    let run = || {
        fastrand::seed(seed);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(schedule(seed))
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err("I8: it panicked".to_owned()))
}

async fn schedule(seed: u64) -> Result<Report, String> {
    clock::start();
    let mut rng = Rng::with_seed(seed);
    let climate = climate(&mut rng);
    let manners =
        Manners { append: rng.u8(0..4) > 0, meddle: rng.bool(), wreck: rng.u8(0..3) == 0, shake: rng.bool() };
    let replicas = if rng.u8(0..3) == 0 { 2 } else { 1 };
    let scale = if rng.bool() { 1.0 } else { 0.05 };
    let time_scale: TimeScale = f64::to_string(&scale).parse().unwrap();
    let page = rng.usize(2..8);
    let cluster = Cluster::new(Store::default(), Weather::new(rng.u64(..), climate.clone()), page);
    cluster.log(&format!(
        "seed {seed}: {climate:?}, {manners:?}, {replicas} operators, durations times {scale}"
    ));
    found(&cluster, &mut rng);
    let levers: Vec<Levers> = (0..replicas).map(|_| Levers::new()).collect();
    let mut people = People::new(cluster.clone(), rng.u64(..), manners, levers.clone());
    for n in 1..=rng.u8(0..=9) {
        people.begin_with(n);
    }
    let operators: Vec<_> = levers
        .iter()
        .enumerate()
        .map(|(place, levers)| {
            let rng = rng.fork();
            tokio::spawn(keep_running(
                cluster.clone(),
                place + 1,
                settings(),
                time_scale,
                levers.clone(),
                rng,
            ))
        })
        .collect();
    people.live(rng.usize(4..40)).await;
    cluster.calm_down();
    clock::jump(0);
    for levers in &levers {
        levers.frozen.send_replace(false);
    }
    let judge = Judge::new(cluster.clone(), manners, &people);
    let settled = settle(&cluster, &mut people, &judge, scale, replicas, rng.bool()).await;
    let panicked = operators.iter().any(tokio::task::JoinHandle::is_finished);
    let audit = judge.audit();
    let report = Report {
        deeds: people.deeds,
        faults: cluster.faults(),
        requests: cluster.requests(),
        versions: audit.versions.len(),
        writes: audit.writes(),
        settling: settled.clone().unwrap_or_default(),
        log: cluster.lines(),
    };
    let broken = match settled {
        _ if panicked => Some("I8: an operator panicked".to_owned()),
        _ if !audit.violations.is_empty() => Some(audit.violations.join("\n")),
        Err(why) => Some(why),
        Ok(_) => None,
    };
    match broken {
        Some(broken) => Err(format!("{}\n{broken}", report.log.join("\n"))),
        None => Ok(report),
    }
}

/// What is there before anybody does anything.
fn found(cluster: &Cluster, rng: &mut Rng) {
    let crd: Value = crd();
    let mut data = vec![("mapRoles", people::ROLES), ("notes", "hands off\n")];
    let missing = rng.u8(0..10) == 0;
    if rng.bool() {
        data.push(("mapUsers", "# people\n- userarn: arn:aws:iam::111122223333:user/ann\n  username: ann\n"));
    }
    if rng.bool() {
        data.push(("mapAccounts", "- \"444455556666\" # partner\n"));
    }
    cluster.change("EKS", "makes the cluster", |store| {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}});
        store.create(Kind::Namespaces, namespace, "eks").unwrap();
        store.create(Kind::Crds, crd, "kubectl").unwrap();
        if !missing {
            store.create(Kind::ConfigMaps, people::aws_auth(&data), "eksctl").unwrap();
        }
    });
}

fn crd() -> Value {
    serde_json::to_value(<api::IamMapping as kube::CustomResourceExt>::crd()).unwrap()
}

fn climate(rng: &mut Rng) -> Climate {
    let mut rate = |rates: &[u32]| rates[rng.usize(..rates.len())];
    Climate {
        request: rate(&[0, 5, 20, 80, 200]),
        crash: rate(&[0, 50, 200]),
        slow: rate(&[0, 10, 100]),
        watch: rate(&[0, 50, 300]),
        stale: rate(&[0, 200, 500]),
        outage: rate(&[0, 0, 3]),
    }
}

fn settings() -> Settings {
    let privileged = PRIVILEGED.iter().map(|arn| Principal::parse(arn).unwrap().key()).collect();
    Settings { policy: Policy { privileged, ..Policy::default() }, ..Settings::default() }
}

/// Waits until all is as it was asked for, and then that nothing is written any more.
async fn settle(
    cluster: &Arc<Cluster>,
    people: &mut People,
    judge: &Judge,
    scale: f64,
    replicas: u32,
    approves: bool,
) -> Result<Duration, String> {
    let since = clock::elapsed();
    // Every end that somebody set has come by then, by a clock that is right.
    let ends = Duration::from_secs(320);
    let mut seen = 0;
    let mut verdict = Err("I6: nothing was looked at".to_owned());
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let spent = clock::elapsed().saturating_sub(since);
        if approves && spent > Duration::from_mins(1) {
            people.approve();
        }
        let now = judge.newest();
        if spent >= ends && now != seen {
            seen = now;
            verdict = judge.verdict(approves);
        }
        if verdict.is_ok() && judge.newest() == seen {
            break;
        }
        if spent > LONGEST {
            return verdict.map(|()| spent);
        }
    }
    let settling = clock::elapsed().saturating_sub(since + ends);
    let (writes, requests) = (judge.writes(), cluster.requests());
    // What the brake holds goes through when its window has passed.
    let waits = judge.something_is_held();
    let resync = Duration::from_mins(5).mul_f64(scale);
    tokio::time::sleep(resync * (RESYNCS + 1)).await;
    if judge.writes() != writes && !waits && !judge.something_is_held() {
        return Err(format!("I6: it goes on writing: {} and then {}", writes, judge.writes()));
    }
    judge.verdict(approves)?;
    // The Lease, the three watches and a read of aws-auth.
    let looks = f64::from(RESYNCS + 1) * 300.0 * scale / (2.0 * scale.max(0.2));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundreds")]
    let few = (looks * 1.2) as usize * replicas as usize + 100;
    let asked = cluster.requests() - requests;
    if asked > few {
        return Err(format!("I8: it spins: {asked} requests, {few} are many"));
    }
    Ok(settling)
}

/// What happened how often, in the words of the log.
pub fn tally(log: &[String]) -> BTreeMap<&'static str, usize> {
    let words = [
        ("kills", ": killed"),
        ("ends", ": ended"),
        ("freezes", "is frozen"),
        ("dropped", " Drop "),
        ("refused", " Refuse("),
        ("stalled", " Stall"),
        ("lost answers", " LoseAnswer "),
        ("failed after the fact", " AnswerAfter("),
        ("replays", " Replay "),
        ("bad watches", "goes wrong"),
        ("expired watches", "too old"),
        ("lists that lie", "this list is"),
        ("approvals", ": approves"),
        ("broken keys", ": breaks"),
        ("deletions of aws-auth", "deletes aws-auth"),
        ("emptied", "empties aws-auth"),
    ];
    let count = |said: &str| log.iter().filter(|line| line.contains(said)).count();
    words.into_iter().map(|(word, said)| (word, count(said))).collect()
}
