//! Operators: in a thread of this process, or as processes of their own for what only a process has.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use aws_auth_operator::client::Cluster as Connection;
use aws_auth_operator::{Operator, Options, TimeScale};
use serde_json::Value;
use tokio::sync::oneshot;

use super::{Cluster, Metrics, check, eventually, within};

/// After a signal everything is over within this time: what Kubernetes operators are promised.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// What the operator's HTTP server says.
#[derive(Debug, Clone)]
pub struct Answer {
    pub code: u16,
    pub body: String,
}

/// An operator in a thread of this process. Dropping it stops it and waits until it has stopped.
pub struct InProcess {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl InProcess {
    /// Starts one with the default settings and waits until it is ready.
    pub fn start(cluster: &Cluster) -> Self {
        let operator = Self::launch(cluster);
        operator.until_ready();
        operator
    }

    /// Starts one with the default settings and waits for nothing.
    pub fn launch(cluster: &Cluster) -> Self {
        Self::through(&cluster.operator_kubeconfig())
    }

    /// Starts one with this kubeconfig and waits for nothing.
    pub fn through(kubeconfig: &Path) -> Self {
        let options = Options {
            cluster: Connection { kubeconfig: Some(kubeconfig.to_owned()), ..Connection::default() },
            configuration: None,
            lease_namespace: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            time_scale: TimeScale::default(),
        };
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let operator = Operator::bind(options).await.unwrap();
                tell.send(operator.address()).unwrap();
                let shutdown = async {
                    let _ = stopped.await;
                };
                operator.run(shutdown).await.unwrap();
            });
        });
        Self { address: told.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
    }

    /// Waits until `/readyz` is well.
    #[track_caller]
    pub fn until_ready(&self) {
        until_ready(self.address);
    }

    /// Waits until `/readyz` is 503 and has all of `words` in one line.
    #[track_caller]
    pub fn until_unready(&self, words: &[&str]) {
        until_unready(self.address, words);
    }

    /// What it counts.
    pub fn metrics(&self) -> Metrics {
        Metrics::parse(&get(self.address, "/metrics").unwrap().body)
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(thread::JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the operator's thread panicked");
        }
    }
}

/// An operator as a process of its own. Dropping it kills it.
pub struct Process {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts one against `cluster` with these arguments after `run`, and waits until it is ready.
    pub fn start(cluster: &Cluster, arguments: &[&str]) -> Self {
        let operator = Self::launch(&cluster.operator_kubeconfig(), arguments);
        until_ready(operator.address);
        operator
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Starts one, waits until it listens, and for nothing else.
    pub fn launch(kubeconfig: &Path, arguments: &[&str]) -> Self {
        let mut child = command(&["--listen=127.0.0.1:0", "--log-format=json"])
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (tell, told) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        thread::spawn({
            let log = log.clone();
            move || {
                for line in lines.map_while(Result::ok) {
                    let address = serde_json::from_str(&line).ok().and_then(|line: Value| {
                        line["address"].as_str().and_then(|address| address.parse().ok())
                    });
                    log.lock().unwrap().push(line);
                    // Nobody asks for it twice.
                    let _ = address.map(|address| tell.send(address));
                }
            }
        });
        let address =
            told.recv().unwrap_or_else(|_| panic!("it does not listen: {:#?}", log.lock().unwrap()));
        Self { child, address, log }
    }

    /// Its process id.
    #[allow(dead_code, reason = "not every test binary looks at processes")]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Waits until `/readyz` is well.
    #[track_caller]
    pub fn until_ready(&self) {
        until_ready(self.address);
    }

    /// The status with which `/readyz` answers.
    pub fn ready(&self) -> u16 {
        get(self.address, "/readyz").unwrap().code
    }

    /// Waits until `/readyz` is 503 and has all of `words` in one line.
    #[track_caller]
    pub fn until_unready(&self, words: &[&str]) {
        until_unready(self.address, words);
    }

    /// What it counts.
    pub fn metrics(&self) -> Metrics {
        Metrics::parse(&get(self.address, "/metrics").unwrap().body)
    }

    /// What `/metrics` says to a client that asks for nothing in particular.
    pub fn plain_metrics(&self) -> String {
        get_as(self.address, "/metrics", "*/*").unwrap().body
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it counts, if it is there to say.
    pub fn try_metrics(&self) -> Result<Metrics, String> {
        Ok(Metrics::parse(&get(self.address, "/metrics")?.body))
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        self.metrics().get("leader") == 1
    }

    /// Sends a signal (`TERM`, `KILL`, `STOP`, `CONT`).
    pub fn signal(&self, signal: &str) {
        send_signal(self.child.id(), signal);
    }

    /// Sends SIGTERM, and waits until it has ended as it should within the time that is promised.
    #[track_caller]
    pub fn terminate(mut self) {
        self.signal("TERM");
        let status = within(SHUTDOWN, "it ends after SIGTERM", || {
            self.child.try_wait().unwrap().ok_or_else(|| format!("{:#?}", self.log()))
        });
        assert_eq!(status.code(), Some(0), "{:#?}", self.log());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the operator's log:\n{}", self.log().join("\n"));
        }
    }
}

/// Sends a signal to a process that a test started.
pub fn send_signal(process: u32, signal: &str) {
    let sent = Command::new("kill").args([&format!("-{signal}"), &process.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Runs an operator that ends by itself; returns how, and what it said.
#[track_caller]
pub fn ended(arguments: &[&str]) -> (ExitStatus, String) {
    let home = tempfile::tempdir().unwrap();
    let mut child = command(arguments)
        .env_remove("KUBECONFIG")
        .env("HOME", home.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap(), said)
}

/// A file with this text, as long as it is held.
pub fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aws-auth-operator"));
    command.arg("run").args(arguments).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

#[track_caller]
fn until_ready(address: SocketAddr) {
    eventually("the operator is ready", || {
        let ready = get(address, "/readyz")?;
        check(ready.code == 200, || ready.body)
    });
}

#[track_caller]
fn until_unready(address: SocketAddr, words: &[&str]) {
    eventually(&format!("the operator is not ready and says {words:?}"), || {
        let ready = get(address, "/readyz")?;
        let said = ready.body.lines().any(|line| words.iter().all(|word| line.contains(word)));
        check(ready.code == 503 && said, || format!("{ready:?}"))?;
        let alive = get(address, "/livez")?;
        check(alive.code == 200, || format!("it is not even alive: {alive:?}"))
    });
}

/// A GET without a client library.
pub fn get(address: SocketAddr, path: &str) -> Result<Answer, String> {
    get_as(address, path, "application/openmetrics-text")
}

fn get_as(address: SocketAddr, path: &str, accept: &str) -> Result<Answer, String> {
    let answer = TcpStream::connect(address).and_then(|mut stream| {
        // Of 1.1 a server may send the body in chunks.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: test\r\nAccept: {accept}\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    });
    let answer = answer.map_err(|error| error.to_string())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no head")?;
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("no code")?;
    Ok(Answer { code, body: body.to_owned() })
}
