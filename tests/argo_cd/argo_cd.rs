//! Argo CD without its servers for people: the application controller, the repo server, and Redis between them. In a
//! network namespace of its own every port is free, so each has the one that it has in a cluster.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use control_plane::Server;
use control_plane::parts::{self, Part};
use serde_json::{Value, json};

use crate::common::{check, eventually, get};
use crate::helm::{objects, root};
use crate::world::World;

const NAMESPACE: &str = "argocd";
const REDIS: u16 = 6379;
const REPO_SERVER: u16 = 8081;
const REPO_SERVER_METRICS: u16 = 8084;
const CONTROLLER_METRICS: u16 = 8082;

/// A running Argo CD. Dropping it ends it.
pub struct ArgoCd {
    dir: PathBuf,
    /// Where the controller counts.
    metrics: SocketAddr,
    // In this order: who asks goes before whom it asks.
    _controller: Server,
    _repo_server: Server,
    _redis: Server,
}

impl ArgoCd {
    /// Installs it into `world`'s cluster, and waits until it runs.
    pub fn start(world: &World) -> Self {
        install(world);
        let dir = world.plane.dir().join("argo-cd");
        let home = dir.join("home");
        fs::create_dir_all(&home).unwrap();
        // Git would not read what somebody else owns.
        fs::write(home.join(".gitconfig"), "[safe]\n\tdirectory = *\n").unwrap();

        let redis = parts::ensure(Part::RedisServer).unwrap();
        let (port, folder) = (REDIS.to_string(), dir.display().to_string());
        let flags =
            ["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no", "--dir", &folder];
        let flags = flags.map(str::to_owned).to_vec();
        let redis = Server::start(&redis, flags, &dir.join("redis.log")).unwrap();
        until(&dir, "redis", || {
            TcpStream::connect(local(REDIS)).map(drop).map_err(|error| error.to_string())
        });

        let kubeconfig = world.plane.kubeconfig_path();
        let repo_server = component(
            &dir,
            &kubeconfig,
            "argocd-repo-server",
            &[
                "--address=127.0.0.1",
                &format!("--port={REPO_SERVER}"),
                "--metrics-address=127.0.0.1",
                &format!("--metrics-port={REPO_SERVER_METRICS}"),
                "--disable-tls",
                &format!("--redis=127.0.0.1:{REDIS}"),
            ],
        );
        until(&dir, "argocd-repo-server", || healthy(REPO_SERVER_METRICS, "/healthz?full=true"));

        let controller = component(
            &dir,
            &kubeconfig,
            "argocd-application-controller",
            &[
                &format!("--kubeconfig={}", kubeconfig.display()),
                &format!("--namespace={NAMESPACE}"),
                &format!("--redis=127.0.0.1:{REDIS}"),
                &format!("--repo-server=127.0.0.1:{REPO_SERVER}"),
                "--repo-server-plaintext",
                &format!("--metrics-port={CONTROLLER_METRICS}"),
                // It looks when it is told to, so what it does is done for a reason.
                "--app-resync=0",
                "--persist-resource-health",
            ],
        );
        until(&dir, "argocd-application-controller", || healthy(CONTROLLER_METRICS, "/healthz"));
        Self {
            dir,
            metrics: local(CONTROLLER_METRICS),
            _controller: controller,
            _repo_server: repo_server,
            _redis: redis,
        }
    }

    /// How often it has synced an Application since it started.
    pub fn syncs_of(&self, application: &str) -> usize {
        let text = get(self.metrics, "/metrics").unwrap().body;
        let of_it = format!("name=\"{application}\"");
        let samples =
            text.lines().filter(|line| line.starts_with("argocd_app_sync_total{") && line.contains(&of_it));
        samples.map(|line| line.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap()).sum()
    }
}

impl Drop for ArgoCd {
    fn drop(&mut self) {
        if thread::panicking() {
            for name in ["argocd-application-controller", "argocd-repo-server"] {
                let log = fs::read_to_string(self.dir.join(format!("{name}.log"))).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                eprintln!("the end of {name}'s log:\n{}", lines[lines.len().saturating_sub(30)..].join("\n"));
            }
        }
    }
}

/// What Argo CD needs in the cluster, and the `argocd-cm` that we ship.
fn install(world: &World) {
    let program = parts::ensure(Part::ArgoCd).unwrap();
    for crd in ["application-crd.yaml", "appproject-crd.yaml"] {
        let crd = program.with_file_name(crd);
        world.kubectl(&["apply", "--server-side", "--filename", crd.to_str().unwrap()]);
    }
    world.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}));
    let config = objects(&fs::read_to_string(root().join("examples/argo-cd/argocd-cm.yaml")).unwrap());
    world.apply(&config[0]);
    world.apply(&json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "argocd-secret",
            "namespace": NAMESPACE,
            "labels": {"app.kubernetes.io/part-of": "argocd"},
        },
        "stringData": {"server.secretkey": "for nobody, since no server runs"},
    }));
    world
        .plane
        .kubectl(&["wait", "--for=condition=Established", "crd/appprojects.argoproj.io"], None)
        .unwrap();
    let project = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "default", "namespace": NAMESPACE},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"namespace": "*", "server": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    });
    eventually("the API server serves Argo CD's kinds", || {
        let apply = ["apply", "--filename=-"];
        world.plane.kubectl(&apply, Some(&project.to_string())).map_err(|error| error.to_string())
    });
}

/// Starts what the program is when it is called by this name.
fn component(dir: &Path, kubeconfig: &Path, name: &str, flags: &[&str]) -> Server {
    let program = parts::ensure(Part::ArgoCd).unwrap();
    let helm = parts::ensure(Part::Helm).unwrap();
    let path = std::env::var("PATH").unwrap();
    let environment = [
        format!("ARGOCD_BINARY_NAME={name}"),
        format!("HOME={}", dir.join("home").display()),
        format!("TMPDIR={}", dir.display()),
        format!("PATH={}:{path}", helm.parent().unwrap().display()),
        // Nobody signs anything here.
        "ARGOCD_GPG_ENABLED=false".to_owned(),
        format!("ARGOCD_ASK_PASS_SOCK={}", dir.join("askpass.sock").display()),
        // The cluster that it is in is the one of the kubeconfig.
        "ARGOCD_FAKE_IN_CLUSTER=true".to_owned(),
        format!("KUBECONFIG={}", kubeconfig.display()),
        "ARGOCD_SYNC_WAVE_DELAY=0".to_owned(),
    ];
    let arguments = environment.into_iter().chain([program.display().to_string()]);
    let arguments = arguments.chain(flags.iter().map(|&flag| flag.to_owned()));
    Server::start(Path::new("env"), arguments.collect(), &dir.join(format!("{name}.log"))).unwrap()
}

/// Waits for a server; when it does not come, its log says why.
#[track_caller]
fn until(dir: &Path, name: &str, look: impl Fn() -> Result<(), String>) {
    let log = dir.join(format!("{name}.log"));
    eventually(&format!("{name} runs"), || {
        look().map_err(|error| format!("{error}\n{}", fs::read_to_string(&log).unwrap_or_default()))
    });
}

fn healthy(port: u16, path: &str) -> Result<(), String> {
    let answer = get(local(port), path)?;
    check(answer.code == 200, || answer.body)
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// An Application as `examples/argo-cd` has it, for a repository of ours.
pub fn application(example: &str, repository: &str) -> Value {
    let text = fs::read_to_string(root().join("examples/argo-cd").join(example)).unwrap();
    let mut application = objects(&text).remove(0);
    application["spec"]["source"]["repoURL"] = json!(repository);
    // Nothing here collects garbage, which deletion in the foreground waits for.
    let options = application["spec"]["syncPolicy"]["syncOptions"].as_array_mut().unwrap();
    options.push(json!("PrunePropagationPolicy=background"));
    application
}
