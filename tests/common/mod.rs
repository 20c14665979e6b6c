//! What the tests that need a real API server share: a control plane with the CRD, an operator in this process or as
//! a child, and waiting for something to become true with a deadline.
#![allow(dead_code, reason = "each test program uses a part of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::future::Future;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use aws_auth::settings::Settings;
use aws_auth_operator::client::Cluster;
use aws_auth_operator::{Operator, Options};
use control_plane::ControlPlane;
use serde_json::Value;
use tokio::sync::oneshot;

/// Far beyond what anything takes on two busy cores: a wait that ends here has failed.
pub const DEADLINE: Duration = Duration::from_mins(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// A control plane in which the CRD is installed and served.
pub fn control_plane() -> ControlPlane {
    let plane = ControlPlane::start().unwrap();
    install_crd(&plane);
    plane
}

/// Installs the CRD and waits until it is served.
pub fn install_crd(plane: &ControlPlane) {
    plane.kubectl(&["apply", "-f", "-"], Some(&aws_auth_operator::api::crd_yaml().unwrap())).unwrap();
    let crd = "crd/iammappings.aws-auth.dev";
    plane.kubectl(&["wait", "--for=condition=Established", crd, "--timeout=60s"], None).unwrap();
}

/// Applies objects, as YAML or JSON.
pub fn apply(plane: &ControlPlane, manifests: &str) {
    plane.kubectl(&["apply", "-f", "-"], Some(manifests)).unwrap();
}

/// An `IamMapping` of a role that has the mapping's name.
pub fn mapping(name: &str, groups: &[&str]) -> String {
    serde_json::json!({
        "apiVersion": "aws-auth.dev/v1alpha1",
        "kind": "IamMapping",
        "metadata": {"name": name},
        "spec": {"arn": format!("arn:aws:iam::111122223333:role/{name}"), "username": name, "groups": groups},
    })
    .to_string()
}

/// aws-auth with these entries in mapRoles, as somebody else writes it.
pub fn foreign_aws_auth(map_roles: &str) -> String {
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": {"mapRoles": map_roles},
    })
    .to_string()
}

/// One key of aws-auth; empty where there is none.
pub fn aws_auth(plane: &ControlPlane, key: &str) -> String {
    let path = format!("jsonpath={{.data.{key}}}");
    let get = ["get", "configmap", "aws-auth", "-n", "kube-system", "--ignore-not-found", "-o", &path];
    plane.kubectl(&get, None).unwrap()
}

/// aws-auth's resourceVersion; empty where there is no aws-auth.
pub fn version(plane: &ControlPlane) -> String {
    let path = "jsonpath={.metadata.resourceVersion}";
    let get = ["get", "configmap", "aws-auth", "-n", "kube-system", "--ignore-not-found", "-o", path];
    plane.kubectl(&get, None).unwrap()
}

/// The reason that a mapping's Ready carries; empty before it has one.
pub fn reason(plane: &ControlPlane, name: &str) -> String {
    let path = "jsonpath={.status.conditions[?(@.type==\"Ready\")].reason}";
    plane.kubectl(&["get", "iamm", name, "--ignore-not-found", "-o", path], None).unwrap()
}

/// Reasons and notes of the Events about one object, as `REASON NOTE` lines.
pub fn events(plane: &ControlPlane, about: &str) -> String {
    let path = format!(
        "jsonpath={{range .items[?(@.regarding.name==\"{about}\")]}}{{.reason}} {{.note}}{{\"\\n\"}}{{end}}"
    );
    plane.kubectl(&["get", "events.events.k8s.io", "-A", "-o", &path], None).unwrap()
}

/// Waits until `look` finds something; `what` says what was waited for when it does not.
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain until {what}");
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// The same in async code, without holding up an operator that lives in this process.
pub async fn eventually_async<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(since.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain until {what}");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// Options for an operator against `plane` on a free port.
pub fn options(plane: &ControlPlane) -> Options {
    Options {
        cluster: Cluster { kubeconfig: Some(plane.kubeconfig_path()), context: None },
        settings: Settings::default(),
        lease_namespace: None,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    }
}

/// An operator in a thread of this process. Dropping it stops it and waits until it has stopped.
pub struct InProcess {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl InProcess {
    /// Starts one with the default settings and waits until it is ready.
    pub fn start(plane: &ControlPlane) -> Self {
        let operator = Self::launch(options(plane));
        eventually("the operator is ready", || operator.get("/readyz").starts_with("ok").then_some(()));
        operator
    }

    /// Starts one and waits for nothing.
    pub fn launch(options: Options) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
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

    /// The body of what its HTTP server answers.
    pub fn get(&self, path: &str) -> String {
        get(self.address, path)
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

/// An operator as a process of its own, for what only a process has: memory, signals, exit codes. Dropping it kills it.
pub struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    /// Starts one with these arguments after `run` and waits until it is ready.
    pub fn start(plane: &ControlPlane, arguments: &[&str]) -> Self {
        let operator = Self::launch(&plane.kubeconfig_path(), arguments);
        eventually("the operator is ready", || operator.get("/readyz").starts_with("ok").then_some(()));
        operator
    }

    /// Starts one, waits until it listens, and for nothing else.
    pub fn launch(kubeconfig: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_aws-auth-operator"))
            .args(["run", "--listen", "127.0.0.1:0", "--log-format", "json", "--kubeconfig"])
            .arg(kubeconfig)
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| serde_json::from_str::<Value>(&line).unwrap()["address"].as_str()?.parse().ok())
            .expect("the operator says where it listens");
        // What nobody reads would fill the pipe and stop the operator.
        thread::spawn(move || lines.for_each(|line| eprintln!("{}", line.unwrap_or_default())));
        Self { child, address }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The body of what its HTTP server answers.
    pub fn get(&self, path: &str) -> String {
        get(self.address, path)
    }

    /// Sends a signal (`TERM`, `KILL`, `STOP`, `CONT`).
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([&format!("-{signal}"), &self.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it ends by itself, and returns its exit code.
    pub fn exit_code(mut self) -> Option<i32> {
        eventually("the operator ends", || self.child.try_wait().unwrap()).code()
    }

    /// Resident memory now and at its peak, in bytes.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
        };
        (field("VmRSS:"), field("VmHWM:"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A GET without a client library; the body, or why there is none.
fn get(address: SocketAddr, path: &str) -> String {
    let answer = TcpStream::connect(address).and_then(|mut stream| {
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    });
    match answer {
        Ok(answer) => answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or(answer),
        Err(error) => error.to_string(),
    }
}
