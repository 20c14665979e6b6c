//! A throwaway Kubernetes API server with its etcd, on loopback and in a folder that goes away with it. It has no
//! controller manager: nothing collects garbage, namespaces stay Terminating, and no `default` `ServiceAccount`s
//! are made. Not for anything that is to last.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::authenticator::{Authenticator, Webhook};
use crate::error::{Doing, Error, end_of};
use crate::parts::{self, Part};
use crate::process::{Folder, Server};

/// The user that the control plane's own kubeconfig is for.
const ADMIN: &str = "admin";
/// Ten times what two busy cores need.
const DEADLINE: Duration = Duration::from_mins(2);
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// What a control plane is started with, beyond what every one has.
#[derive(Debug, Clone, Default)]
pub struct Options {
    users: Vec<(String, Vec<String>)>,
    apiserver_flags: Vec<String>,
    authenticator: Option<Authenticator>,
    oldest: bool,
}

impl Options {
    /// Adds a user that is in `groups` (and in `system:authenticated`), with a token of its own.
    #[must_use]
    pub fn user(mut self, name: &str, groups: &[&str]) -> Self {
        self.users.push((name.to_owned(), groups.iter().map(|&group| group.to_owned()).collect()));
        self
    }

    /// Adds a flag of kube-apiserver, `--name=value`.
    #[must_use]
    pub fn apiserver_flag(mut self, flag: impl Into<String>) -> Self {
        self.apiserver_flags.push(flag.into());
        self
    }

    /// Lets aws-iam-authenticator say who a token is from, as on EKS. The API server believes it for two minutes,
    /// unless its flag `--authentication-token-webhook-cache-ttl` says otherwise.
    #[must_use]
    pub fn authenticator(mut self, authenticator: Authenticator) -> Self {
        self.authenticator = Some(authenticator);
        self
    }

    /// Runs the oldest API server that there is a part for, in place of the newest.
    #[must_use]
    pub fn oldest(mut self) -> Self {
        self.oldest = true;
        self
    }

    /// Starts a control plane and waits until it serves.
    ///
    /// # Errors
    /// When a part cannot be had, or a server does not become ready.
    pub fn start(self) -> Result<ControlPlane, Error> {
        ControlPlane::start_with(self)
    }
}

/// A running control plane. Dropping it, or killing the process that holds it, ends its servers and removes its
/// folder.
#[derive(Debug)]
pub struct ControlPlane {
    // Dropped in this order: an API server without its etcd does not end, and both write to the folder.
    authenticator: Option<Webhook>,
    apiserver: Option<Server>,
    etcd: Server,
    folder: Folder,
    port: u16,
    apiserver_part: Part,
    apiserver_flags: Vec<String>,
    tokens: BTreeMap<String, String>,
    kubectl: PathBuf,
}

impl ControlPlane {
    /// Starts one and waits until it serves.
    ///
    /// # Errors
    /// When a part cannot be had, or a server does not become ready.
    pub fn start() -> Result<Self, Error> {
        Options::default().start()
    }

    fn start_with(options: Options) -> Result<Self, Error> {
        let kubectl = parts::ensure(Part::Kubectl)?;
        let etcd = parts::ensure(Part::Etcd)?;
        let apiserver_part = if options.oldest { Part::OldestKubeApiserver } else { Part::KubeApiserver };
        // Found or built before the clock of anything runs.
        parts::ensure(apiserver_part)?;
        let folder = Folder::new()?;
        let etcd = Server::start(&etcd, etcd_flags(folder.path()), &folder.path().join("etcd.log"))?;
        let authenticator =
            options.authenticator.map(|it| Webhook::prepare(it, folder.path(), free_port()?)).transpose()?;
        let mut plane = Self {
            authenticator,
            apiserver: None,
            etcd,
            folder,
            port: 0,
            apiserver_part,
            apiserver_flags: options.apiserver_flags,
            tokens: BTreeMap::new(),
            kubectl,
        };
        plane.write_tokens(options.users)?;
        plane.wait_for_etcd()?;
        plane.start_apiserver_on_a_free_port()?;
        if let Some(authenticator) = &mut plane.authenticator {
            authenticator.start()?;
        }
        Ok(plane)
    }

    /// The folder with everything of this control plane, its servers' logs too. Tests may keep files there.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// Where the API server listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The certificate authority of [`Self::url`], as PEM.
    #[must_use]
    pub fn ca_path(&self) -> PathBuf {
        self.dir().join("certificates").join("apiserver.crt")
    }

    /// A kubeconfig for a user who may do anything.
    #[must_use]
    pub fn kubeconfig_path(&self) -> PathBuf {
        self.dir().join("kubeconfig")
    }

    /// The token of the user who may do anything.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        self.tokens.get(ADMIN).map_or("", String::as_str)
    }

    /// The token of a user that the control plane was started with.
    #[must_use]
    pub fn token_of(&self, user: &str) -> Option<&str> {
        self.tokens.get(user).map(String::as_str)
    }

    /// Writes a kubeconfig for whoever `token` stands for (a user, or a `ServiceAccount`) and returns its path;
    /// `name` tells it from others.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn kubeconfig_with_token(&self, name: &str, token: &str) -> Result<PathBuf, Error> {
        let path = self.dir().join(format!("kubeconfig-{name}"));
        self.write_kubeconfig(&path, token)?;
        Ok(path)
    }

    /// Runs `kubectl` as a user who may do anything, and returns what it prints.
    ///
    /// # Errors
    /// When `kubectl` fails; the error has what it printed.
    pub fn kubectl(&self, arguments: &[&str], stdin: Option<&str>) -> Result<String, Error> {
        let mut command = Command::new(&self.kubectl);
        command
            .env("KUBECONFIG", self.kubeconfig_path())
            // kubectl remembers what a server at some port serves, and ports are used again.
            .env("KUBECACHEDIR", self.dir().join("kubectl-cache"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let running = || format!("run {}", self.kubectl.display());
        let mut child = command.spawn().doing(running)?;
        let pipe = child.stdin.take();
        let output = thread::scope(|both| {
            // Beside the reading: what kubectl prints about the first objects can fill its pipe before it has read
            // the last. It may also end without having read everything, and then says why.
            both.spawn(move || pipe.zip(stdin).map(|(mut pipe, text)| pipe.write_all(text.as_bytes())));
            child.wait_with_output()
        })
        .doing(running)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Error::Kubectl {
            args: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// Kills the API server, as when its machine fails. Its data stays.
    pub fn stop_apiserver(&mut self) {
        self.apiserver = None;
    }

    /// Starts the API server again where it was, and waits until it serves. Does nothing while one runs.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start_apiserver(&mut self) -> Result<(), Error> {
        if self.apiserver.is_some() {
            return Ok(());
        }
        let flags = self.apiserver_flags();
        let program = parts::ensure(self.apiserver_part)?;
        let log = self.dir().join("kube-apiserver.log");
        let mut server = Server::start(&program, flags, &log)?;
        wait_until_ready("kube-apiserver", &log, &mut server, || self.look())?;
        self.apiserver = Some(server);
        Ok(())
    }

    /// Kills the API server and starts it again where it was.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn restart_apiserver(&mut self) -> Result<(), Error> {
        self.stop_apiserver();
        self.start_apiserver()
    }

    /// Between finding a port free and listening on it, somebody else can take it.
    fn start_apiserver_on_a_free_port(&mut self) -> Result<(), Error> {
        for _ in 0..5 {
            self.port = free_port()?;
            self.write_kubeconfig(&self.kubeconfig_path(), self.admin_token())?;
            match self.start_apiserver() {
                Err(Error::Ended { log, .. }) if log.contains("address already in use") => {}
                done => return done,
            }
        }
        self.start_apiserver()
    }

    /// An API server that does not find its etcd looks again only after a second.
    fn wait_for_etcd(&mut self) -> Result<(), Error> {
        let (socket, log) = (self.dir().join("etcd.sock"), self.dir().join("etcd.log"));
        let look = || UnixStream::connect(&socket).map(drop).map_err(|error| error.to_string());
        wait_until_ready("etcd", &log, &mut self.etcd, look)
    }

    /// Whether everything is there that a cluster has; if not, what is missing.
    fn look(&self) -> Result<(), String> {
        // First what costs nothing: kubectl would take a good part of the core that the server starts on.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        TcpStream::connect_timeout(&address, Duration::from_secs(1)).map_err(|error| error.to_string())?;
        let ask = |arguments: &[&str]| self.kubectl(arguments, None).map_err(|error| error.to_string());
        ask(&["get", "--raw=/readyz"])?;
        ask(&["get", "namespace", "kube-system", "default", "--output=name"])?;
        Ok(())
    }

    fn apiserver_flags(&self) -> Vec<String> {
        let dir = self.dir().display();
        let mut flags = vec![
            format!("--etcd-servers=unix://{dir}/etcd.sock"),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--secure-port={}", self.port),
            format!("--cert-dir={dir}/certificates"),
            format!("--token-auth-file={dir}/tokens.csv"),
            "--authorization-mode=RBAC".to_owned(),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            // The key that the server makes for itself signs tokens as well as any other.
            format!("--service-account-key-file={dir}/certificates/apiserver.key"),
            format!("--service-account-signing-key-file={dir}/certificates/apiserver.key"),
            // It would hold every pod back until a controller manager has made a ServiceAccount.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
        ];
        if let Some(authenticator) = &self.authenticator {
            let path = authenticator.kubeconfig_path();
            flags.push(format!("--authentication-token-webhook-config-file={}", path.display()));
        }
        flags.extend(self.apiserver_flags.iter().cloned());
        flags
    }

    fn write_tokens(&mut self, users: Vec<(String, Vec<String>)>) -> Result<(), Error> {
        let admin = (ADMIN.to_owned(), vec!["system:masters".to_owned()]);
        let mut csv = String::new();
        for (user, groups) in users.into_iter().chain([admin]) {
            let token = random_token()?;
            let _ = writeln!(csv, "{token},\"{user}\",\"{user}\",\"{}\"", groups.join(","));
            self.tokens.insert(user, token);
        }
        let path = self.dir().join("tokens.csv");
        fs::write(&path, csv).doing(|| format!("write {}", path.display()))
    }

    fn write_kubeconfig(&self, path: &Path, token: &str) -> Result<(), Error> {
        let name = "control-plane";
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": name,
                "cluster": { "server": self.url(), "certificate-authority": self.ca_path() },
            }],
            "users": [{ "name": name, "user": { "token": token } }],
            "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
            "current-context": name,
        });
        fs::write(path, kubeconfig.to_string()).doing(|| format!("write {}", path.display()))
    }
}

/// Looks until it finds nothing missing.
pub(crate) fn wait_until_ready(
    name: &'static str,
    log: &Path,
    server: &mut Server,
    look: impl Fn() -> Result<(), String>,
) -> Result<(), Error> {
    let since = Instant::now();
    loop {
        let last = match look() {
            Ok(()) => return Ok(()),
            Err(last) => last,
        };
        if server.has_ended() {
            return Err(Error::Ended { server: name, log: end_of(log) });
        }
        if since.elapsed() > DEADLINE {
            return Err(Error::NotReady { server: name, waited: DEADLINE, last, log: end_of(log) });
        }
        thread::sleep(BETWEEN_LOOKS);
    }
}

fn etcd_flags(dir: &Path) -> Vec<String> {
    // A socket file in a folder of our own cannot be taken, or reached, by anybody else. Nobody is its peer.
    let (client, peer) = (format!("unix://{}/etcd.sock", dir.display()), "http://127.0.0.1:0");
    vec![
        format!("--data-dir={}/etcd", dir.display()),
        // What is lost when the machine fails is of no use to anybody.
        "--unsafe-no-fsync".to_owned(),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
    ]
}

fn free_port() -> Result<u16, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .doing(|| "find a free port on loopback".to_owned())
}

/// Loopback is everybody's on this machine: a fixed token would let any of them in.
fn random_token() -> Result<String, Error> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .doing(|| "read /dev/urandom".to_owned())?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
