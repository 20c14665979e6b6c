//! The cluster as its clients see it: what is kept, the weather, and what was seen of every operator.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body as Asked;
use tokio::sync::watch::{Receiver, Sender};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tower::BoxError;

use crate::api::{self, Body, Call};
use crate::clock;
use crate::ledger::Sent;
use crate::store::{Kind, Refusal, Store};
use crate::watching;
use crate::weather::{Fate, Staleness, Way, Weather};

/// As in the operator's own stack: for calls that have no deadline of their own.
const HEAD_DEADLINE: Duration = Duration::from_secs(15);

/// One cluster, shared by everybody in it.
pub struct Cluster {
    shared: Mutex<Shared>,
    news: Sender<u64>,
}

struct Shared {
    store: Store,
    weather: Weather,
    calm: bool,
    /// Objects in one page of a list.
    page: usize,
    processes: BTreeMap<usize, Process>,
    /// Every request that could change aws-auth, with who sent it and when its plan was made.
    sent: Vec<(Sent, usize, Instant)>,
    /// For every status that was written: the aws-auth that its writer knew.
    known: BTreeMap<u64, u64>,
    requests: usize,
    log: Vec<String>,
}

/// What was seen of one operator process.
#[derive(Default)]
struct Process {
    /// Which versions of mappings it was told of, and when.
    told: Vec<(Instant, u64)>,
    /// When it began to confirm removals, or to keep a broken text, for the write that comes next.
    confirming: Option<Instant>,
    /// The aws-auth that it has read or written last.
    aws_auth: u64,
    kill: Option<Sender<bool>>,
}

impl Cluster {
    pub fn new(store: Store, weather: Weather, page: usize) -> Arc<Self> {
        let news = Sender::new(store.version());
        let shared = Shared {
            store,
            weather,
            calm: false,
            page,
            processes: BTreeMap::new(),
            sent: Vec::new(),
            known: BTreeMap::new(),
            requests: 0,
            log: Vec::new(),
        };
        Arc::new(Self { shared: Mutex::new(shared), news })
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    pub fn news(&self) -> Receiver<u64> {
        self.news.subscribe()
    }

    pub fn with_store<T>(&self, look: impl FnOnce(&Store) -> T) -> T {
        look(&self.lock().store)
    }

    /// Changes something as somebody who is no operator.
    pub fn change<T>(&self, who: &str, what: &str, change: impl FnOnce(&mut Store) -> T) -> T {
        let (done, version) = {
            let mut shared = self.lock();
            shared.log(&format!("{who}: {what}"));
            let done = change(&mut shared.store);
            (done, shared.store.version())
        };
        self.news.send_replace(version);
        done
    }

    pub fn log(&self, line: &str) {
        self.lock().log(line);
    }

    pub fn lines(&self) -> Vec<String> {
        self.lock().log.clone()
    }

    pub fn is_calm(&self) -> bool {
        self.lock().calm
    }

    /// From now on nothing goes wrong.
    pub fn calm_down(&self) {
        let version = {
            let mut shared = self.lock();
            shared.calm = true;
            shared.weather.calm_down();
            shared.log("the weather is calm");
            shared.store.version()
        };
        // What was withheld is told.
        self.news.send_replace(version);
    }

    pub fn faults(&self) -> usize {
        self.lock().weather.faults
    }

    pub fn requests(&self) -> usize {
        self.lock().requests
    }

    /// What was sent to change aws-auth, and how far the sender knew the mappings when it planned that.
    pub fn sent(&self) -> (Vec<Sent>, BTreeMap<u64, u64>) {
        let mut shared = self.lock();
        let sent = std::mem::take(&mut shared.sent);
        let mut views = BTreeMap::new();
        for (sent, process, planned) in &sent {
            let told = &shared.processes[process].told;
            // Not the newest ever: an old list, or a watch that fell behind, is all that it goes by then.
            let view = told.iter().rev().find(|(at, _)| at < planned).map(|(_, number)| *number);
            if let Some(version) = sent.version {
                views.insert(version, view.unwrap_or_default());
            }
        }
        let copies = sent
            .iter()
            .map(|(sent, ..)| Sent {
                verb: sent.verb,
                query: sent.query.clone(),
                body: sent.body.clone(),
                version: sent.version,
            })
            .collect();
        shared.sent = sent;
        (copies, views)
    }

    /// For every status that was written, by its version: the aws-auth that its writer knew.
    pub fn known(&self) -> BTreeMap<u64, u64> {
        self.lock().known.clone()
    }

    /// A process was told of mappings up to this version.
    pub fn told(&self, process: usize, number: u64) {
        self.lock().process(process).told.push((Instant::now(), number));
    }

    /// The client of a process that `kill` ends.
    pub fn client(self: &Arc<Self>, process: usize, kill: Sender<bool>) -> Client {
        self.lock().process(process).kill = Some(kill);
        let cluster = self.clone();
        let service = tower::service_fn(move |request| cluster.clone().serve(process, request));
        Client::new(service, "kube-system")
    }

    async fn serve(
        self: Arc<Self>,
        process: usize,
        request: Request<Asked>,
    ) -> Result<Response<Body>, BoxError> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let Some(call) = Call::of(&head, &body) else {
            return Err(format!("{} is not simulated", head.uri).into());
        };
        let way = self.lock().comes(process, &call);
        let given_up = call.query.get("timeout").and_then(|text| text.strip_suffix("ms")?.parse().ok());
        let given_up = given_up.map(Duration::from_millis);
        // The server's own task: it may go on though nobody waits for it any more.
        let (cluster, goes_on) = (self.clone(), way.goes_on);
        let task = tokio::spawn(async move { cluster.answer(process, call, way, given_up).await });
        let _guard = (!goes_on).then(|| Abort(task.abort_handle()));
        match tokio::time::timeout(HEAD_DEADLINE, task).await {
            Ok(answer) => answer.expect("the simulated API server does not panic"),
            Err(_) => Err("no answer".into()),
        }
    }

    async fn answer(
        self: Arc<Self>,
        process: usize,
        call: Call,
        way: Way,
        given_up: Option<Duration>,
    ) -> Result<Response<Body>, BoxError> {
        tokio::time::sleep(way.there).await;
        match way.fate {
            Fate::Drop => return Err("the connection was reset".into()),
            Fate::Stall => return std::future::pending().await,
            Fate::Refuse(code) => return Ok(api::no(&fault(code))),
            Fate::KillBefore => {
                self.kill(process);
                return std::future::pending().await;
            }
            _ => {}
        }
        if given_up.is_some_and(|given_up| way.there > given_up) {
            return Ok(api::no(&fault(504)));
        }
        let (answer, told) = match call.verb {
            "watch" => (self.watch(process, &call), None),
            "list" => self.list(process, &call),
            _ => (self.carry_out(process, &call), None),
        };
        match way.fate {
            Fate::LoseAnswer => return Err("the connection was reset".into()),
            Fate::StallAfter => return std::future::pending().await,
            Fate::AnswerAfter(code) => return Ok(api::no(&fault(code))),
            Fate::Replay => {
                self.carry_out(process, &call);
            }
            Fate::KillAfter => {
                self.kill(process);
                return std::future::pending().await;
            }
            _ => {}
        }
        tokio::time::sleep(way.back).await;
        if let Some(version) = told {
            self.told(process, version);
        }
        Ok(answer)
    }

    fn carry_out(&self, process: usize, call: &Call) -> Response<Body> {
        let (answer, version) = {
            let mut shared = self.lock();
            let now = shared.store.version();
            let moment = call.not_older_than().map_or(now, |version| shared.weather.moment(version, now));
            let answer = call.carry_out(&mut shared.store, moment);
            let outcome = match &answer {
                Ok(object) => format!("version {}", api::number(object)),
                Err(refusal) => format!("{} {}", refusal.code, refusal.reason),
            };
            shared.log(&format!(
                "p{process}: {} {:?} {} done: {outcome}",
                call.verb,
                call.kind,
                call.subject()
            ));
            let version = answer.as_ref().ok().map(|object| api::number(object));
            if let Some(version) = version {
                let process = shared.process(process);
                if call.kind == Kind::ConfigMaps && call.subject() == "aws-auth" {
                    process.aws_auth = version;
                }
                let known = process.aws_auth;
                if call.kind == Kind::Mappings && call.is_write() {
                    shared.known.insert(version, known);
                }
            }
            if call.writes_aws_auth() {
                let planned = shared.process(process).confirming.take().unwrap_or_else(Instant::now);
                let sent = Sent {
                    verb: call.verb,
                    query: call.query.keys().cloned().collect::<Vec<_>>().join("&"),
                    body: call.body.clone(),
                    version,
                };
                shared.sent.push((sent, process, planned));
            }
            (answer, shared.store.version())
        };
        self.news.send_if_modified(|known| std::mem::replace(known, version) != version);
        match answer {
            Ok(object) => api::yes(&call.shown(&object)),
            Err(refusal) => api::no(&refusal),
        }
    }

    /// A page, and the version of mappings that whoever gets it knows then.
    fn list(&self, process: usize, call: &Call) -> (Response<Body>, Option<u64>) {
        let mut shared = self.lock();
        let staleness = if call.lists_mappings() {
            shared.weather.staleness(call.may_be_old())
        } else {
            Staleness::Fresh
        };
        if staleness != Staleness::Fresh {
            shared.log(&format!("p{process}: this list is {staleness:?}"));
        }
        let page = shared.page;
        let (page, version, last) = call.page(&shared.store, staleness, page);
        (api::yes(&page), (last && call.lists_mappings()).then_some(version))
    }

    fn watch(self: &Arc<Self>, process: usize, call: &Call) -> Response<Body> {
        let course = {
            let mut shared = self.lock();
            if shared.weather.expires() {
                shared.log(&format!("p{process}: the watch of {:?} is refused as too old", call.kind));
                return api::no(&Refusal::new(410, "Expired", ""));
            }
            let course = shared.weather.course();
            if course.rewound > 0 || course.withheld.is_some() || course.end.is_some() {
                shared.log(&format!(
                    "p{process}: the watch of {:?} goes wrong: {}",
                    call.kind,
                    course.tell()
                ));
            }
            course
        };
        Response::new(watching::body(self.clone(), process, call.clone(), course))
    }

    fn kill(&self, process: usize) {
        let mut shared = self.lock();
        if let Some(kill) = shared.process(process).kill.take() {
            kill.send_replace(true);
            shared.log(&format!("p{process}: killed"));
        }
    }
}

impl Shared {
    fn process(&mut self, process: usize) -> &mut Process {
        self.processes.entry(process).or_default()
    }

    fn log(&mut self, line: &str) {
        let at = clock::elapsed().as_secs_f64();
        self.log.push(format!("{at:10.3} {line}"));
    }

    /// A request arrives at the network.
    fn comes(&mut self, process: usize, call: &Call) -> Way {
        self.requests += 1;
        let way = self.weather.way(call);
        let confirms =
            call.kind == Kind::Mappings && call.metadata_only && !call.is_write() && call.verb != "watch";
        let keeps = call.is_write() && call.subject() == "aws-auth-checkpoint-broken";
        let now = Instant::now();
        let known = self.process(process);
        if confirms || keeps {
            known.confirming.get_or_insert(now);
        }
        if call.verb == "get" && call.kind == Kind::ConfigMaps && call.subject() == "aws-auth" {
            known.confirming = None;
        }
        if call.writes_aws_auth() {
            // Planned when it was sent at the latest; it may be carried out much later.
            known.confirming.get_or_insert(now);
        }
        let (verb, kind, name) = (call.verb, call.kind, call.subject());
        let what = match kind {
            Kind::Events => format!(": {}: {}", call.body["reason"], call.body["note"]),
            Kind::ConfigMaps if call.writes_aws_auth() => format!(": {}", call.body["data"]),
            Kind::Mappings if call.is_write() => format!(": {}", call.body["status"]["conditions"]),
            _ => String::new(),
        };
        self.log(&format!("p{process}: {verb} {kind:?} {name} {:?} +{:?}{what}", way.fate, way.there));
        way
    }
}

/// An answer that the API server did not give.
fn fault(code: u16) -> Refusal {
    let retry_after = (code == 429).then_some(1);
    Refusal { retry_after, ..Refusal::new(code, "Fault", "") }
}

struct Abort(AbortHandle);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}
