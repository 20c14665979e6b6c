//! Programs that Debian packages and that nobody would want to build: a browser, for one. What is on `PATH` is used,
//! whatever brought it; else, as root, the package is installed for the whole machine. Nothing that a package would start
//! by itself is started: Debian's own images forbid it, and elsewhere it is forbidden meanwhile.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::workshop::{Workshop, lock, run};
use crate::error::{Doing, Error, end_of};

/// Debian's packages ask this one whether they may start what they brought.
const POLICY: &str = "/usr/sbin/policy-rc.d";
const START_NOTHING: &str = "#!/bin/sh\n# aws-auth-operator's tests are installing a package.\nexit 101\n";

impl Workshop {
    pub(super) fn install(&self, program: &'static str, package: &'static str) -> Result<PathBuf, Error> {
        let failed = |why: String| Error::Install { program, package, why };
        if self.on_path("apt-get").is_none() {
            return Err(failed("there is no apt-get to install it with".to_owned()));
        }
        if !self.is_root()? {
            return Err(failed("only root can".to_owned()));
        }
        // One lock for all packages, since apt has one.
        let place = self.place("debian", "packages")?;
        let _lock = lock(&place, &format!("Debian's package {package}"))?;
        // Whoever held the lock may have installed it.
        if let Some(path) = self.on_path(program) {
            return Ok(path);
        }
        let _policy = Policy::set(Path::new(POLICY))?;
        let log = tempfile::NamedTempFile::new().doing(|| "create a temporary file".to_owned())?;
        let steps: [&[&str]; 2] = [&["update"], &["install", "--yes", "--no-install-recommends", package]];
        for step in steps {
            let mut apt = self.command("apt-get");
            // Somebody else may be installing too.
            apt.args(["--quiet", "--option", "DPkg::Lock::Timeout=600"]).args(step);
            apt.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C");
            let what = format!("installing Debian's package {package} (once): apt-get {}", step[0]);
            if !run(&mut apt, what, log.path())?.success() {
                return Err(failed(format!("apt-get {} said:\n{}\n", step[0], end_of(log.path()))));
            }
        }
        self.on_path(program).ok_or_else(|| failed("the package has it in no folder of PATH".to_owned()))
    }

    fn is_root(&self) -> Result<bool, Error> {
        let id = self.command("id").arg("-u").output().doing(|| "run id".to_owned())?;
        Ok(id.stdout.trim_ascii() == b"0")
    }
}

/// Says no to whatever would be started, until it is dropped.
pub(super) struct Policy<'a>(Option<&'a Path>);

impl<'a> Policy<'a> {
    pub(super) fn set(path: &'a Path) -> Result<Self, Error> {
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(path);
        match made {
            // The machine has a policy, which is not ours to change.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(Self(None)),
            made => {
                let doing = || format!("create {}", path.display());
                made.and_then(|mut file| file.write_all(START_NOTHING.as_bytes())).doing(doing)?;
                Ok(Self(Some(path)))
            }
        }
    }
}

impl Drop for Policy<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.0 {
            // Nobody is there to be told; the file says itself whose it is.
            _ = fs::remove_file(path);
        }
    }
}
