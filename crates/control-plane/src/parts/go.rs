//! Programs that are built from their Go modules: one module a tool under `go`, so that none drags another's
//! dependencies along. Not a download of anybody's binaries.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::workshop::{Key, Workshop, lock, run};
use crate::error::{Doing, Error, end_of};

/// How one program is built.
pub(super) struct Recipe {
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
    /// Files of the module that are wanted beside the program.
    brings: &'static [&'static str],
}

impl Recipe {
    /// From the module in a folder under `go`.
    pub(super) fn new(program: &'static str, folder: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("go").join(folder);
        Self { program, folder, package: ".", module: ".", takes: "a moment", told: None, brings: &[] }
    }

    pub(super) fn package(self, package: &'static str, module: &'static str) -> Self {
        Self { package, module, ..self }
    }

    pub(super) fn takes(self, takes: &'static str) -> Self {
        Self { takes, ..self }
    }

    pub(super) fn told(self, package: &'static str) -> Self {
        Self { told: Some(package), ..self }
    }

    pub(super) fn brings(self, files: &'static [&'static str]) -> Self {
        Self { brings: files, ..self }
    }

    /// From another folder.
    #[cfg(test)]
    pub(super) fn folder(self, folder: PathBuf) -> Self {
        Self { folder, ..self }
    }

    /// What its go.mod says about it.
    pub(super) fn wants(&self) -> Result<Wants, Error> {
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
        let mut key = Key::default();
        key.add(go_version.as_bytes());
        key.add(self.package.as_bytes());
        for flag in flags {
            key.add(flag.as_bytes());
        }
        for file in self.brings {
            key.add(file.as_bytes());
        }
        for file in files {
            key.add(file.strip_prefix(&self.folder).unwrap_or(&file).as_os_str().as_encoded_bytes());
            key.add(&fs::read(&file).doing(|| format!("read {}", file.display()))?);
        }
        Ok(key.end())
    }
}

/// What a go.mod says about the program.
pub(super) struct Wants {
    /// The program with its version, as people call it.
    pub(super) part: String,
    /// The oldest Go that can build it.
    go: String,
    /// The version alone.
    version: Option<String>,
}

impl Workshop {
    pub(super) fn build(&self, recipe: &Recipe) -> Result<PathBuf, Error> {
        self.cache()?;
        let wants = recipe.wants()?;
        let go_version = self.go_version(recipe, &wants)?;
        let flags = recipe.flags(wants.version.as_deref());
        let place = self.place(recipe.program, &recipe.key(&go_version, &flags)?)?;
        let program = place.join(recipe.program);
        if program.is_file() {
            return Ok(program);
        }
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
        // Before the program, which says that all is there.
        for file in recipe.brings {
            self.fetch(recipe, file, &place)?;
        }
        fs::rename(&unfinished_program, &program).doing(|| format!("create {}", program.display()))?;
        Ok(program)
    }

    /// Copies a file of the recipe's module to `place`. The module was downloaded when the program was built.
    fn fetch(&self, recipe: &Recipe, file: &str, place: &Path) -> Result<(), Error> {
        let mut list = self.go(recipe);
        let listed = list.args(["list", "-m", "-f", "{{.Dir}}", recipe.module]).output();
        let listed = listed.doing(|| "run go list".to_owned())?;
        let from = Path::new(String::from_utf8_lossy(&listed.stdout).trim()).join(file);
        let to = place.join(from.file_name().unwrap_or_default());
        fs::copy(&from, &to).map(drop).doing(|| format!("copy {} to {}", from.display(), to.display()))
    }

    fn go(&self, recipe: &Recipe) -> Command {
        let mut go = self.command("go");
        go.current_dir(&recipe.folder)
            .env("GOWORK", "off")
            .env("GOFLAGS", "")
            // Without a C compiler, and the same on every machine.
            .env("CGO_ENABLED", "0");
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
        let mut build = self.go(recipe);
        build.args(flags).arg("-o").args([program.as_os_str(), OsStr::new(recipe.package)]);
        let what = format!("building {} (once, about {})", wants.part, recipe.takes);
        if run(&mut build, what, log)?.success() {
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

fn list_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let doing = || format!("list {}", folder.display());
    for entry in fs::read_dir(folder).doing(doing)? {
        let path = entry.doing(doing)?.path();
        if path.is_dir() { list_files(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
