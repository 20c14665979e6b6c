//! See it work: `IamMapping`s become entries of aws-auth on a real API server, beside what others wrote there; a wrong
//! one and a forbidden one are refused, and a deleted one is revoked.
//!
//! ```sh
//! cargo run --example quickstart
//! cargo run --example quickstart -- --keep    # leaves it running, to try things with kubectl
//! ```
//!
//! The control plane is a throwaway one and the operator runs in this process; everything else happens through kubectl,
//! as it would on a cluster.

mod show;

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use aws_auth_operator::api::{self, IamMapping};
use aws_auth_operator::client::Cluster;
use aws_auth_operator::{Operator, OperatorError, Options, TimeScale};
use clap::Parser;
use control_plane::ControlPlane;
use control_plane::parts::{self, Part};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use kube::core::ObjectList;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Far beyond what anything takes: waiting longer means that it will not happen.
const DEADLINE: Duration = Duration::from_mins(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// A mapping that no cluster would take.
const A_SESSION: &str = "\
apiVersion: aws-auth.dev/v1alpha1
kind: IamMapping
metadata:
  name: jane-today
spec:
  arn: arn:aws:sts::111122223333:assumed-role/developers/jane@example.com
";

/// See IamMappings become entries of aws-auth, on a real API server of your own.
///
/// Needs Rust and Go; no cluster, no AWS account, no containers. kube-apiserver, etcd and kubectl are built from source
/// the first time, which takes a few minutes; after that all of this takes some ten seconds.
#[derive(Debug, Parser)]
#[command(name = "quickstart")]
struct Arguments {
    /// Leave it running at the end, to try things with kubectl, until Ctrl-C.
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let since = Instant::now();
    show::step("A real kube-apiserver and etcd start on loopback (built from source the first time)");
    let plane = ControlPlane::start()?;

    show::step("The kind IamMapping is installed");
    show::command("aws-auth-operator crd | kubectl apply -f -");
    plane.kubectl(&["apply", "-f", "-"], Some(&api::crd_yaml()?))?;
    plane.kubectl(
        &["wait", "crd/iammappings.aws-auth.dev", "--for=condition=Established", "--timeout=60s"],
        None,
    )?;

    show::step("aws-auth is there already, as eksctl and people left it");
    kubectl(&plane, &["apply", "-f", &example("quickstart/aws-auth.yaml")])?;

    show::step("The operator starts, in this process");
    show::command("aws-auth-operator run --config examples/quickstart/config.yaml");
    let operator = Background::start(&plane)?;

    let told = tell(&plane);
    if told.is_err() {
        show::end_of_log(&operator.log);
    }
    told?;
    if arguments.keep {
        operator.keep(&plane)?;
    } else {
        show::done(since.elapsed());
    }
    operator.stop()
}

/// What happens once the operator runs.
fn tell(plane: &ControlPlane) -> Result<()> {
    let before = aws_auth(plane)?;

    show::step("Access is asked for: one small object for each role, user or account");
    kubectl(plane, &["apply", "-f", &example("")])?;
    let mappings = wait_until("every IamMapping has a status", || {
        let mappings = iam_mappings(plane)?;
        Ok(mappings.iter().all(is_settled).then_some(mappings))
    })?;

    show::step("aws-auth, before and after");
    let after = aws_auth(plane)?;
    ensure!(before != after, "nothing was written to aws-auth");
    show::diff(&before, &after, show::Context::Everything);
    ensure!(show::only_adds(&before, &after), "a line that somebody else wrote has changed");
    show::output("Every line that was there before is there still.");

    show::step("Every IamMapping says what became of it");
    show::command("kubectl get iamm");
    show::table(&mappings);

    show::step("Refused by the operator's configuration: nobody becomes an admin by asking");
    let contractor = mappings.iter().find(|mapping| mapping.name_any() == "contractor");
    let (reason, message) = contractor.and_then(ready).context("contractor has no condition Ready")?;
    ensure!(reason == "PrivilegedValue", "contractor should have been refused, but is {reason}: {message}");
    show::command("kubectl describe iamm contractor");
    show::sentence(&format!("{reason}: {message}"));

    show::step("Refused by the API server: what can never work is not even stored");
    show::manifest(A_SESSION);
    show::command("kubectl apply -f -");
    match plane.kubectl(&["apply", "-f", "-"], Some(A_SESSION)) {
        Ok(_) => bail!("a session's ARN was taken for a role's"),
        Err(control_plane::Error::Kubectl { stderr, .. }) if stderr.contains("assumed-role") => {
            show::sentence(&stderr);
        }
        Err(error) => return Err(error.into()),
    }

    show::step("Revoked: the object goes, and its entry with it (a token may be cached for some minutes)");
    kubectl(plane, &["delete", "iamm", "developers"])?;
    let revoked = wait_until("the entry of developers is gone from aws-auth", || {
        let now = aws_auth(plane)?;
        Ok((now != after).then_some(now))
    })?;
    show::diff(&after, &revoked, show::Context::FewLines);
    ensure!(!revoked.contains("role/developers"), "the entry of developers is still there");
    ensure!(show::only_adds(&before, &revoked), "a line that somebody else wrote has changed");
    Ok(())
}

/// The operator at work in the background.
struct Background {
    running: JoinHandle<Result<(), OperatorError>>,
    stop: oneshot::Sender<()>,
    log: PathBuf,
}

impl Background {
    fn start(plane: &ControlPlane) -> Result<Self> {
        let log = plane.dir().join("operator.log");
        let file = File::create(&log).with_context(|| format!("create {}", log.display()))?;
        tracing_subscriber::fmt().with_ansi(false).with_writer(Mutex::new(file)).init();
        let options = Options {
            cluster: Cluster { kubeconfig: Some(plane.kubeconfig_path()), ..Cluster::default() },
            configuration: Some(PathBuf::from(example("quickstart/config.yaml"))),
            lease_namespace: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            time_scale: TimeScale::default(),
        };
        let runtime = runtime()?;
        let operator = runtime.block_on(Operator::bind(options))?;
        let (stop, stopped) = oneshot::channel();
        let running = thread::spawn(move || {
            runtime.block_on(operator.run(async {
                // An error means that the sender is gone: time to stop as well.
                let _ = stopped.await;
            }))
        });
        Ok(Self { running, stop, log })
    }

    /// Waits until a person, or the system, has had enough.
    fn keep(&self, plane: &ControlPlane) -> Result<()> {
        let kubectl = parts::ensure(Part::Kubectl)?;
        runtime()?.block_on(async {
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut terminate = signal(SignalKind::terminate())?;
            show::invitation(&plane.kubeconfig_path(), &kubectl, &self.log);
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            Ok(())
        })
    }

    fn stop(self) -> Result<()> {
        let Self { running, stop, .. } = self;
        drop(stop);
        running.join().map_err(|_| anyhow!("the operator panicked"))??;
        Ok(())
    }
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// The path of something in the folder `examples`.
fn example(path: &str) -> String {
    format!("{}/examples/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs kubectl, and shows the command and what it printed.
fn kubectl(plane: &ControlPlane, arguments: &[&str]) -> Result<()> {
    let command = format!("kubectl {}", arguments.join(" "));
    show::command(&command.replace(concat!(env!("CARGO_MANIFEST_DIR"), "/"), ""));
    show::output(&plane.kubectl(arguments, None)?);
    Ok(())
}

/// What aws-auth says: its keys, each with the text that aws-iam-authenticator reads.
fn aws_auth(plane: &ControlPlane) -> Result<String> {
    let get = ["get", "configmap", "aws-auth", "--namespace", "kube-system", "--output", "json"];
    let config_map: ConfigMap = serde_json::from_str(&plane.kubectl(&get, None)?)?;
    let mut text = String::new();
    for (key, value) in config_map.data.unwrap_or_default() {
        let lines = value.lines().map(|line| format!("  {line}\n"));
        text.extend(std::iter::once(format!("{key}: |\n")).chain(lines));
    }
    Ok(text)
}

fn iam_mappings(plane: &ControlPlane) -> Result<Vec<IamMapping>> {
    let json = plane.kubectl(&["get", "iamm", "--output", "json"], None)?;
    let list: ObjectList<IamMapping> = serde_json::from_str(&json)?;
    Ok(list.items)
}

/// Whether the operator has said what became of the mapping as it is now.
fn is_settled(mapping: &IamMapping) -> bool {
    let seen = mapping.status.as_ref().and_then(|status| status.observed_generation);
    seen.is_some() && seen == mapping.metadata.generation
}

/// Reason and message of the condition Ready.
fn ready(mapping: &IamMapping) -> Option<(&str, &str)> {
    let conditions = &mapping.status.as_ref()?.conditions;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready")?;
    Some((&ready.reason, &ready.message))
}

/// Looks until there is something to see.
fn wait_until<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let since = Instant::now();
    while since.elapsed() < DEADLINE {
        if let Some(found) = look()? {
            return Ok(found);
        }
        thread::sleep(BETWEEN_LOOKS);
    }
    bail!("waited {} s in vain until {what}", DEADLINE.as_secs())
}
