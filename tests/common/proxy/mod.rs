//! Stands between operators and the API server: writes down every request, and makes go wrong what a test asks for.

mod call;
mod fault;
mod watches;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures::FutureExt as _;
use http::{Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body as KubeBody;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::cluster::{RUNTIME, wait};
use super::{Cluster, file};

pub use call::Call;
pub use fault::{Answer, Fate, Fault};
pub use watches::Events;
use watches::Watches;

/// A proxy; dropping it ends it, and every connection through it.
pub struct Proxy {
    address: SocketAddr,
    kubeconfig: NamedTempFile,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// A request that came through, and what became of it.
#[derive(Debug, Clone)]
pub struct Record {
    pub at: Instant,
    pub call: Call,
    /// What the API server said, also where the operator was not told. `None`: it was not asked, or did not answer.
    pub code: Option<u16>,
    /// The version that a write made.
    pub version: Option<u64>,
    /// It was sent to the API server, which has not answered.
    pub pending: bool,
}

/// A fault that is in force until it is lifted.
pub struct Injected {
    fault: Arc<Fault>,
    shared: Arc<Shared>,
}

struct Shared {
    client: Mutex<Client>,
    faults: Mutex<Vec<Arc<Fault>>>,
    records: Mutex<Vec<Record>>,
    watches: Watches,
    /// Where there is one, nobody is let in without it.
    token: Mutex<Option<String>>,
}

type Body = UnsyncBoxBody<Bytes, Cut>;

/// The end of a connection without a word.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut")]
pub struct Cut;

impl Proxy {
    /// Starts one that passes everything on, in the name of the operator's user.
    pub fn start(cluster: &Cluster) -> Self {
        let shared = Arc::new(Shared {
            client: Mutex::new(cluster.client_of_operator()),
            faults: Mutex::default(),
            records: Mutex::default(),
            watches: Watches::default(),
            token: Mutex::default(),
        });
        let listener = wait(TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))).unwrap();
        let address = listener.local_addr().unwrap();
        let task = RUNTIME.spawn(serve(listener, shared.clone()));
        Self { address, kubeconfig: file(&kubeconfig(address, &json!({}))), shared, task }
    }

    /// The way through it.
    pub fn kubeconfig(&self) -> &std::path::Path {
        self.kubeconfig.path()
    }

    /// The same for somebody whose token is in a file.
    pub fn kubeconfig_with_token_file(&self, token: &std::path::Path) -> NamedTempFile {
        file(&kubeconfig(self.address, &json!({"tokenFile": token})))
    }

    /// From now on only this token is let in.
    pub fn let_in_only(&self, token: &str) {
        *self.shared.token.lock().unwrap() = Some(token.to_owned());
    }

    /// The API server was started anew and does not know the old connections.
    pub fn reconnect(&self, cluster: &Cluster) {
        *self.shared.client.lock().unwrap() = cluster.client_of_operator();
    }

    /// Makes something go wrong from now on. Where several faults match, the one that was injected first has its way.
    pub fn inject(&self, fault: Fault) -> Injected {
        let fault = Arc::new(fault);
        self.shared.faults.lock().unwrap().push(fault.clone());
        Injected { fault, shared: self.shared.clone() }
    }

    /// Everything that was asked so far.
    pub fn records(&self) -> Vec<Record> {
        self.shared.records.lock().unwrap().clone()
    }

    /// How often this was asked so far.
    pub fn count(&self, verb: &str, resource: &str) -> usize {
        let records = self.shared.records.lock().unwrap();
        records.iter().filter(|record| record.call.verb == verb && record.call.resource == resource).count()
    }

    /// What becomes of the events of a resource, on the watches that are open and on those to come.
    pub fn events(&self, resource: &str, events: Events) {
        self.shared.watches.events(resource, events);
    }

    /// Ends the open watches of a resource, as a server does after their time.
    pub fn cut_watches(&self, resource: &str) {
        self.shared.watches.cut(resource);
    }

    /// Nothing comes through the open watches of a resource any more, and nobody says so.
    pub fn hang_watches(&self, resource: &str) {
        self.shared.watches.hang(resource);
    }

    /// Puts an event into the open watches of a resource.
    pub fn tell(&self, resource: &str, event: &Value) {
        self.shared.watches.tell(resource, event);
    }

    /// Sends once more what was sent before, and returns how the API server answers.
    pub fn replay(&self, record: &Record) -> u16 {
        let client = self.shared.client.lock().unwrap().clone();
        let request = record.call.again();
        wait(async move { client.send(request).await.unwrap().status().as_u16() })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.watches.cut_all();
    }
}

impl Injected {
    /// How many requests it met so far.
    pub fn met(&self) -> usize {
        self.fault.met()
    }

    /// All is well again.
    pub fn lift(self) {
        self.shared.faults.lock().unwrap().retain(|fault| !Arc::ptr_eq(fault, &self.fault));
    }
}

fn kubeconfig(address: SocketAddr, user: &Value) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
        "users": [{"name": "proxy", "user": user}],
        "current-context": "proxy",
    })
    .to_string()
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        stream.set_nodelay(true).unwrap();
        let shared = shared.clone();
        connections.spawn(async move {
            let answer = hyper::service::service_fn(move |request| {
                let shared = shared.clone();
                async move { shared.answer(request).await }
            });
            // It ends with an error wherever a test cuts it.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
        while connections.join_next().now_or_never().flatten().is_some() {}
    }
}

impl Shared {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else { return Err(Cut) };
        let call = Call::of(&head, body.to_bytes());
        let index = {
            let mut records = self.records.lock().unwrap();
            records.push(Record {
                at: Instant::now(),
                call: call.clone(),
                code: None,
                version: None,
                pending: false,
            });
            records.len() - 1
        };
        let wanted = self.token.lock().unwrap().clone();
        if wanted.is_some() && call.token() != wanted.as_deref() {
            return Ok(Answer::of(401, "Unauthorized").response());
        }
        let fault = {
            let faults = self.faults.lock().unwrap();
            faults.iter().find_map(|fault| fault.fate_of(&call))
        };
        let mut fate = fault.unwrap_or(Fate::PassOn);
        while let Fate::Ask(ask) = fate {
            let call = call.clone();
            fate = tokio::task::spawn_blocking(move || ask(&call)).await.map_err(|_| Cut)?;
        }
        match fate {
            Fate::Drop => return Err(Cut),
            Fate::Stall => return std::future::pending().await,
            Fate::Answer(answer) => return Ok(answer.response()),
            Fate::Delay(delay) => {
                tokio::time::sleep(delay).await;
                fate = Fate::PassOn;
            }
            _ => {}
        }
        let request = match &fate {
            Fate::AskFor(change) => call.asking_for(&change(&call.query)),
            _ => call.again(),
        };
        if call.verb == "watch" {
            let client = self.client.lock().unwrap().clone();
            let Ok(answer) = client.send(request).await else { return Err(Cut) };
            let (head, body) = answer.into_parts();
            self.records.lock().unwrap()[index].code = Some(head.status.as_u16());
            if let Fate::Then(then) = fate {
                tokio::task::spawn_blocking(move || then()).await.map_err(|_| Cut)?;
            }
            if head.status.is_success() {
                return Ok(Response::from_parts(head, self.watches.pass_on(&call.resource, body)));
            }
            return Ok(Response::from_parts(head, body.map_err(|_| Cut).boxed_unsync()));
        }
        // On a task of its own: the API server goes on with it also where nobody waits for it any more.
        let carried_out = RUNTIME.spawn(self.clone().carry_out(request, index, call.is_write()));
        let Ok(Some((head, body))) = carried_out.await else { return Err(Cut) };
        match fate {
            Fate::LoseAnswer => Err(Cut),
            Fate::AnswerAfter(answer) => Ok(answer.response()),
            Fate::StallAfter => std::future::pending().await,
            Fate::StallBody => Ok(Response::from_parts(head, half(&body))),
            Fate::Then(then) => {
                tokio::task::spawn_blocking(move || then()).await.map_err(|_| Cut)?;
                Ok(Response::from_parts(head, full(body)))
            }
            Fate::Rewrite(rewrite) if head.status.is_success() => {
                let changed = rewrite(serde_json::from_slice(&body).unwrap());
                let mut answer = Response::new(full(changed.to_string().into()));
                *answer.status_mut() = StatusCode::OK;
                answer
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, head.headers.get(header::CONTENT_TYPE).cloned().unwrap());
                Ok(answer)
            }
            _ => Ok(Response::from_parts(head, full(body))),
        }
    }
}

impl Shared {
    /// Passes a request on, and writes down what became of it.
    async fn carry_out(
        self: Arc<Self>,
        request: Request<KubeBody>,
        index: usize,
        is_write: bool,
    ) -> Option<(http::response::Parts, Bytes)> {
        let client = self.client.lock().unwrap().clone();
        self.records.lock().unwrap()[index].pending = true;
        let answer = async {
            let (head, body) = client.send(request).await.ok()?.into_parts();
            Some((head, body.collect().await.ok()?.to_bytes()))
        };
        let answer = answer.await;
        let record = &mut self.records.lock().unwrap()[index];
        record.pending = false;
        let (head, body) = answer?;
        record.code = Some(head.status.as_u16());
        record.version = version(&body).filter(|_| is_write && head.status.is_success());
        Some((head, body))
    }
}

fn version(body: &Bytes) -> Option<u64> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body["metadata"]["resourceVersion"].as_str()?.parse().ok()
}

fn full(body: Bytes) -> Body {
    Full::new(body).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// The first half, and then nothing for ever.
fn half(body: &Bytes) -> Body {
    use futures::StreamExt as _;
    let first = hyper::body::Frame::data(body.slice(..body.len() / 2));
    let never = futures::stream::pending();
    http_body_util::StreamBody::new(futures::stream::iter([Ok(first)]).chain(never)).boxed_unsync()
}

/// A request through kube's client, which knows the way and the token.
fn through(method: http::Method, uri: &str, headers: http::HeaderMap, body: &Bytes) -> Request<KubeBody> {
    let mut request = Request::new(KubeBody::from(body.to_vec()));
    *request.method_mut() = method;
    *request.uri_mut() = uri.parse().unwrap();
    *request.headers_mut() = headers;
    request
}
