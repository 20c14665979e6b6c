//! Programs that `PyPI` has, each in a Python environment of its own, with every package at one version and hash: what is
//! installed is what was looked at, also years later. Not what `PATH` has, whose version is anybody's guess.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::workshop::{Key, Workshop, lock, run};
use crate::error::{Doing, Error, end_of};

/// The list of packages in a folder under `python`.
pub(super) fn requirements(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(folder).join("requirements.txt")
}

impl Workshop {
    pub(super) fn environment(&self, program: &'static str, requirements: &Path) -> Result<PathBuf, Error> {
        let text = fs::read(requirements).doing(|| format!("read {}", requirements.display()))?;
        let mut key = Key::default();
        key.add(&text);
        key.add(&self.python_version(program)?);
        let place = self.place(program, &key.end())?;
        // An environment knows its own path, so it cannot be made elsewhere and moved: this says that it is whole.
        let (environment, whole) = (place.join("environment"), place.join("whole"));
        let path = environment.join("bin").join(program);
        if whole.is_file() {
            return Ok(path);
        }
        let _lock = lock(&place, program)?;
        // Whoever held the lock may have made it.
        if whole.is_file() {
            return Ok(path);
        }
        let log = place.join("log");
        let mut make = self.command("python3");
        make.args(["-m", "venv", "--clear"]).arg(&environment);
        let mut fill = self.command(environment.join("bin").join("python"));
        fill.args(["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--require-hashes"]);
        // Nothing of a package runs before its hash is right, and no compiler is needed.
        fill.args(["--only-binary", ":all:", "--requirement"]).arg(requirements);
        for mut step in [make, fill] {
            let what = format!("installing {program} into a Python environment (once)");
            if !run(&mut step, what, &log)?.success() {
                return Err(Error::Python { program, output: end_of(&log) });
            }
        }
        if !path.is_file() {
            let output = format!("{} brings no program {program}", requirements.display());
            return Err(Error::Python { program, output });
        }
        fs::write(&whole, "").doing(|| format!("create {}", whole.display()))?;
        Ok(path)
    }

    fn python_version(&self, program: &'static str) -> Result<Vec<u8>, Error> {
        let mut python = self.command("python3");
        match python.args(["-c", "import sys; print(sys.prefix, sys.version)"]).output() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::PythonMissing { program }),
            asked => Ok(asked.doing(|| "run python3".to_owned())?.stdout),
        }
    }
}
