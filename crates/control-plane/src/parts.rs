//! The real programs that tests run against, built once from their Go modules and kept outside `target`, where
//! `cargo clean` does not reach them. Not a download of anybody's binaries, and not a list of versions: those are
//! in `go/*/go.mod`, one module a tool, so that none drags another's dependencies along.
//!
//! A built part is found again by a hash of everything it was built from, so a changed `go.mod` or source file, or
//! another Go, makes a new one. Old ones stay until somebody deletes the cache.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::error::{Doing, Error, end_of};

/// A program that tests need and that is not written here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// Kubernetes' API server.
    KubeApiserver,
    /// The store behind it.
    Etcd,
    /// Kubernetes' command line.
    Kubectl,
    /// Installs charts.
    Helm,
    /// Tests alerts as Prometheus reads them.
    Promtool,
    /// Says of an object what Argo CD and Flux say of it.
    GitopsHealth,
    /// Reads aws-auth with aws-iam-authenticator's own code, as EKS does.
    AwsAuthReader,
    /// The server that turns tokens into users, as on EKS; also the client that makes tokens.
    AwsIamAuthenticator,
}

/// The path of `part`'s program, which is built first if need be.
///
/// `KUBEBUILDER_ASSETS` is used where it has the part, and a `kubectl` or `promtool` on `PATH` for that. Any number of threads
/// and processes may ask at once: one builds and the others wait.
///
/// # Errors
/// When Go is missing or too old, when the build fails, or when the cache cannot be written.
pub fn ensure(part: Part) -> Result<PathBuf, Error> {
    let workshop = Workshop::of_this_machine();
    match workshop.ready_made(part) {
        Some(path) => Ok(path),
        None => workshop.build(&Recipe::of(part)),
    }
}

impl Part {
    fn program(self) -> &'static str {
        match self {
            Part::KubeApiserver => "kube-apiserver",
            Part::Etcd => "etcd",
            Part::Kubectl => "kubectl",
            Part::Helm => "helm",
            Part::Promtool => "promtool",
            Part::GitopsHealth => "gitops-health",
            Part::AwsAuthReader => "aws-auth-reader",
            Part::AwsIamAuthenticator => "aws-iam-authenticator",
        }
    }
}

/// How one program is built.
struct Recipe {
    program: &'static str,
    /// Holds the go.mod.
    folder: PathBuf,
    /// What `go build` is given.
    package: &'static str,
    /// The module whose version is the program's.
    module: &'static str,
    /// What two cores need, when nothing is downloaded yet.
    takes: &'static str,
    /// The package that is told the version, where the program would not know it otherwise.
    told: Option<&'static str>,
}

impl Recipe {
    fn of(part: Part) -> Self {
        let (folder, package, module, takes) = match part {
            Part::KubeApiserver => {
                ("kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", "k8s.io/kubernetes", "3 minutes")
            }
            Part::Kubectl => ("kubernetes", "k8s.io/kubernetes/cmd/kubectl", "k8s.io/kubernetes", "1 minute"),
            Part::Helm => ("helm", "helm.sh/helm/v3/cmd/helm", "helm.sh/helm/v3", "1 minute"),
            Part::Promtool => (
                "promtool",
                "github.com/prometheus/prometheus/cmd/promtool",
                "github.com/prometheus/prometheus",
                "4 minutes",
            ),
            Part::GitopsHealth => ("gitops-health", ".", "github.com/fluxcd/cli-utils", "15 seconds"),
            Part::Etcd => ("etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", "half a minute"),
            Part::AwsAuthReader => ("aws-auth-reader", ".", "sigs.k8s.io/aws-iam-authenticator", "2 minutes"),
            Part::AwsIamAuthenticator => (
                "aws-auth-reader",
                "sigs.k8s.io/aws-iam-authenticator/cmd/aws-iam-authenticator",
                "sigs.k8s.io/aws-iam-authenticator",
                "2 minutes",
            ),
        };
        let told = match part {
            // Helm asks the API server for its version, and charts say which they need.
            Part::KubeApiserver => Some("k8s.io/component-base/version"),
            Part::Etcd
            | Part::Kubectl
            | Part::Helm
            | Part::Promtool
            | Part::GitopsHealth
            | Part::AwsAuthReader
            | Part::AwsIamAuthenticator => None,
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("go").join(folder);
        Self { program: part.program(), folder, package, module, takes, told }
    }

    /// What its go.mod says about it.
    fn wants(&self) -> Result<Wants, Error> {
        let path = self.folder.join("go.mod");
        let go_mod = fs::read_to_string(&path).doing(|| format!("read {}", path.display()))?;
        let version = go_mod.lines().find_map(|line| {
            let rest = line.trim().trim_start_matches("require ").strip_prefix(self.module)?;
            rest.split_whitespace().next().filter(|word| word.starts_with('v'))
        });
        let part = match version {
            Some(version) => format!("{} {version}", self.program),
            None => self.program.to_owned(),
        };
        let go = go_mod.lines().find_map(|line| line.strip_prefix("go ")).unwrap_or("1").trim().to_owned();
        Ok(Wants { part, go, version: version.map(str::to_owned) })
    }

    /// What `go` is told, but for where the program goes. Nothing of this machine gets into the program, and
    /// nothing of a user's Go settings or of a go.work above decides what is built.
    fn flags(&self, version: Option<&str>) -> Vec<String> {
        let mut link = "-ldflags=-s -w".to_owned();
        if let (Some(package), Some(version)) = (self.told, version) {
            let mut numbers = version.trim_start_matches('v').split('.');
            let names = ["gitMajor", "gitMinor"].into_iter().zip(numbers.by_ref());
            for (name, value) in names.chain([("gitVersion", version)]) {
                // Nothing goes wrong when it is written to a String.
                let _ = write!(link, " -X {package}.{name}={value}");
            }
        }
        let mut flags =
            ["build", "-mod=readonly", "-buildvcs=false", "-trimpath"].map(str::to_owned).to_vec();
        flags.push(link);
        flags
    }

    /// Changes when anything that the program is built from changes.
    fn key(&self, go_version: &str, flags: &[String]) -> Result<String, Error> {
        let mut files = Vec::new();
        list_files(&self.folder, &mut files)?;
        files.sort();
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            // With its length before it, no piece can pass for a part of its neighbour.
            hash.update(bytes.len().to_le_bytes());
            hash.update(bytes);
        };
        add(go_version.as_bytes());
        add(self.package.as_bytes());
        for flag in flags {
            add(flag.as_bytes());
        }
        for file in files {
            add(file.strip_prefix(&self.folder).unwrap_or(&file).as_os_str().as_encoded_bytes());
            add(&fs::read(&file).doing(|| format!("read {}", file.display()))?);
        }
        let key = hash.finalize().iter().take(8).fold(0_u64, |key, &byte| key << 8 | u64::from(byte));
        Ok(format!("{key:016x}"))
    }
}

/// What a go.mod says about the program.
struct Wants {
    /// The program with its version, as people call it.
    part: String,
    /// The oldest Go that can build it.
    go: String,
    /// The version alone.
    version: Option<String>,
}

/// Where this machine keeps what the parts are made with and go to.
struct Workshop {
    cache: Option<PathBuf>,
    /// A folder as setup-envtest lays it out.
    assets: Option<PathBuf>,
    path: OsString,
}

impl Workshop {
    fn of_this_machine() -> Self {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = set("AWS_AUTH_OPERATOR_CACHE")
            .or_else(|| Some(set("XDG_CACHE_HOME")?.join("aws-auth-operator")))
            .or_else(|| Some(set("HOME")?.join(".cache").join("aws-auth-operator")));
        let path = env::var_os("PATH").unwrap_or_default();
        Self { cache, assets: set("KUBEBUILDER_ASSETS"), path }
    }

    /// The part, if somebody else has put it on this machine.
    fn ready_made(&self, part: Part) -> Option<PathBuf> {
        let in_assets = match part {
            Part::Helm
            | Part::Promtool
            | Part::GitopsHealth
            | Part::AwsAuthReader
            | Part::AwsIamAuthenticator => None,
            Part::KubeApiserver | Part::Etcd | Part::Kubectl => self.assets.clone(),
        };
        let on_path = matches!(part, Part::Kubectl | Part::Promtool)
            .then(|| env::split_paths(&self.path))
            .into_iter()
            .flatten();
        in_assets
            .into_iter()
            .chain(on_path)
            .map(|folder| folder.join(part.program()))
            .find(|program| program.is_file())
    }

    fn build(&self, recipe: &Recipe) -> Result<PathBuf, Error> {
        let cache = self.cache.as_ref().ok_or(Error::NoCache)?;
        let wants = recipe.wants()?;
        let go_version = self.go_version(recipe, &wants)?;
        let flags = recipe.flags(wants.version.as_deref());
        let key = recipe.key(&go_version, &flags)?;
        let place = cache.join("parts").join(format!("{}-{key}", recipe.program));
        let program = place.join(recipe.program);
        if program.is_file() {
            return Ok(program);
        }
        fs::create_dir_all(&place).doing(|| format!("create {}", place.display()))?;
        let _lock = lock(&place, &wants.part)?;
        // Whoever held the lock may have built it.
        if program.is_file() {
            return Ok(program);
        }
        // A program has its name only once it is whole, also when this process is killed while it builds.
        let unfinished = tempfile::Builder::new()
            .prefix("unfinished-")
            .tempdir_in(&place)
            .doing(|| format!("write to {}", place.display()))?;
        let unfinished_program = unfinished.path().join(recipe.program);
        self.run_go_build(recipe, wants, &flags, &unfinished_program, &unfinished.path().join("log"))?;
        fs::rename(&unfinished_program, &program).doing(|| format!("create {}", program.display()))?;
        Ok(program)
    }

    fn go(&self, recipe: &Recipe) -> Command {
        let mut go = Command::new("go");
        go.current_dir(&recipe.folder)
            .env("PATH", &self.path)
            .env("GOWORK", "off")
            .env("GOFLAGS", "")
            // Without a C compiler, and the same on every machine.
            .env("CGO_ENABLED", "0")
            .stdin(Stdio::null());
        go
    }

    /// The version of the Go that would build, which differs by folder when Go picks its own toolchain.
    fn go_version(&self, recipe: &Recipe, wants: &Wants) -> Result<String, Error> {
        let Wants { part, go: wanted, .. } = wants;
        let asked = match self.go(recipe).args(["env", "GOVERSION"]).output() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::GoMissing { part: part.clone(), wanted: wanted.clone() });
            }
            asked => asked.doing(|| "run go".to_owned())?,
        };
        if asked.status.success() {
            return Ok(String::from_utf8_lossy(&asked.stdout).trim().to_owned());
        }
        let said = String::from_utf8_lossy(&asked.stderr).trim().to_owned();
        Err(Error::GoTooOld { part: part.clone(), wanted: wanted.clone(), said })
    }

    fn run_go_build(
        &self,
        recipe: &Recipe,
        wants: Wants,
        flags: &[String],
        program: &Path,
        log: &Path,
    ) -> Result<(), Error> {
        let log_file = File::create(log).doing(|| format!("create {}", log.display()))?;
        let log_again = log_file.try_clone().doing(|| format!("write {}", log.display()))?;
        let mut build = self
            .go(recipe)
            .args(flags)
            .arg("-o")
            .args([program.as_os_str(), OsStr::new(recipe.package)])
            .stdout(log_file)
            .stderr(log_again)
            .spawn()
            .doing(|| "run go build".to_owned())?;
        let mut progress = Progress::new(format!("building {} (once, about {})", wants.part, recipe.takes));
        let status = loop {
            if let Some(status) = build.try_wait().doing(|| "wait for go build".to_owned())? {
                break status;
            }
            progress.tick();
        };
        progress.end(if status.success() { "done" } else { "failed" });
        if status.success() {
            return Ok(());
        }
        let (Wants { part, go: wanted, .. }, output) = (wants, end_of(log));
        // A Go that may not replace itself says so only now.
        if output.contains("requires go >= ") {
            return Err(Error::GoTooOld { part, wanted, said: output });
        }
        Err(Error::Build { part, folder: recipe.folder.clone(), output })
    }
}

/// Held until dropped; the machine drops it for a process that was killed.
fn lock(place: &Path, part: &str) -> Result<File, Error> {
    let path = place.join("lock");
    let file = File::create(&path).doing(|| format!("create {}", path.display()))?;
    let mut progress = Progress::new(format!("waiting for another process that builds {part}"));
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) => progress.tick(),
            Err(fs::TryLockError::Error(source)) => {
                return Err(Error::Io { doing: format!("lock {}", path.display()), source });
            }
        }
    }
}

fn list_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let doing = || format!("list {}", folder.display());
    for entry in fs::read_dir(folder).doing(doing)? {
        let path = entry.doing(doing)?.path();
        if path.is_dir() { list_files(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// Tells whoever waits why, on standard error and in whole lines, which a CI log keeps.
struct Progress {
    what: String,
    since: Instant,
    next: Duration,
    told: bool,
}

impl Progress {
    const UNTOLD: Duration = Duration::from_secs(2);
    const BETWEEN: Duration = Duration::from_secs(20);

    fn new(what: String) -> Self {
        Self { what, since: Instant::now(), next: Self::UNTOLD, told: false }
    }

    /// Waits a little, and says what for when it is time.
    fn tick(&mut self) {
        thread::sleep(Duration::from_millis(50));
        if self.since.elapsed() >= self.next {
            self.tell("");
            self.next += Self::BETWEEN;
        }
    }

    fn end(mut self, how: &str) {
        if self.told {
            self.tell(&format!(", {how}"));
        }
    }

    fn tell(&mut self, how: &str) {
        self.told = true;
        // Not `eprintln!`: a test's captured output is shown too late, or never.
        let _ = writeln!(io::stderr(), "{}… {} s{how}", self.what, self.since.elapsed().as_secs());
    }
}

#[cfg(test)]
mod tests;
