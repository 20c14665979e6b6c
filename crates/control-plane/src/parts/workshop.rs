//! Where this machine keeps what parts are made with and go to, and what making any of them has in common: one makes it
//! and the others wait, with progress shown.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::{Origin, Part};
use crate::error::{Doing, Error};

/// Where this machine keeps what the parts are made with and go to.
pub(super) struct Workshop {
    pub(super) cache: Option<PathBuf>,
    /// A folder as setup-envtest lays it out.
    pub(super) assets: Option<PathBuf>,
    pub(super) path: OsString,
}

impl Workshop {
    pub(super) fn of_this_machine() -> Self {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = set("AWS_AUTH_OPERATOR_CACHE")
            .or_else(|| Some(set("XDG_CACHE_HOME")?.join("aws-auth-operator")))
            .or_else(|| Some(set("HOME")?.join(".cache").join("aws-auth-operator")));
        let path = env::var_os("PATH").unwrap_or_default();
        Self { cache, assets: set("KUBEBUILDER_ASSETS"), path }
    }

    /// The part, if somebody else has put it on this machine.
    pub(super) fn ready_made(&self, part: Part) -> Option<PathBuf> {
        let in_assets = match part {
            Part::KubeApiserver | Part::Etcd | Part::Kubectl => self.assets.as_ref(),
            _ => None,
        };
        let any_version_will_do = part == Part::Kubectl || matches!(part.origin(), Origin::Debian { .. });
        let in_assets = in_assets.map(|folder| folder.join(part.program())).filter(|path| path.is_file());
        in_assets.or_else(|| any_version_will_do.then(|| self.on_path(part.program())).flatten())
    }

    /// The program, if it is on `PATH`.
    pub(super) fn on_path(&self, program: &str) -> Option<PathBuf> {
        env::split_paths(&self.path).map(|folder| folder.join(program)).find(|path| path.is_file())
    }

    /// A command of this machine.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("PATH", &self.path).stdin(Stdio::null());
        command
    }

    /// Where the part called `name` belongs that was made from `ingredients`.
    pub(super) fn place(&self, name: &str, key: &str) -> Result<PathBuf, Error> {
        let place = self.cache()?.join("parts").join(format!("{name}-{key}"));
        fs::create_dir_all(&place).doing(|| format!("create {}", place.display()))?;
        Ok(place)
    }

    pub(super) fn cache(&self) -> Result<&Path, Error> {
        self.cache.as_deref().ok_or(Error::NoCache)
    }
}

/// A hash of everything that a part is made from.
#[derive(Default)]
pub(super) struct Key(Sha256);

impl Key {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        // With its length before it, no piece can pass for a part of its neighbour.
        self.0.update(bytes.len().to_le_bytes());
        self.0.update(bytes);
    }

    pub(super) fn end(self) -> String {
        let key = self.0.finalize().iter().take(8).fold(0_u64, |key, &byte| key << 8 | u64::from(byte));
        format!("{key:016x}")
    }
}

/// Runs `command` to its end and tells whoever waits `what` for; what it prints goes to the end of `log`.
pub(super) fn run(command: &mut Command, what: String, log: &Path) -> Result<ExitStatus, Error> {
    let doing = || format!("write {}", log.display());
    let file = File::options().create(true).append(true).open(log).doing(doing)?;
    let again = file.try_clone().doing(doing)?;
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command.stdout(file).stderr(again).spawn().doing(|| format!("run {program}"))?;
    let mut progress = Progress::new(what);
    let status = loop {
        if let Some(status) = child.try_wait().doing(|| format!("wait for {program}"))? {
            break status;
        }
        progress.tick();
    };
    progress.end(if status.success() { "done" } else { "failed" });
    Ok(status)
}

/// Held until dropped; the machine drops it for a process that was killed.
pub(super) fn lock(place: &Path, part: &str) -> Result<File, Error> {
    let path = place.join("lock");
    let file = File::create(&path).doing(|| format!("create {}", path.display()))?;
    let mut progress = Progress::new(format!("waiting for another process that makes {part}"));
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
