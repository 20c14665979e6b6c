//! Processes and a folder that are gone when their owner is: dropped, panicked or killed outright.
//!
//! A killed process runs no `Drop`, so none is relied on: the owner holds the writing end of a pipe, which the
//! machine closes however the owner ends, and a small shell script waits for that at the other end.

use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::error::{Doing, Error};

/// Runs "$@" until it ends by itself or the pipe closes. The server gets neither end of the pipe.
const SUPERVISE: &str = r#"
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
{ read -r _ <&3; kill -KILL "$server"; } 2>/dev/null &
watcher=$!
exec 3<&-
wait "$server"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
"#;

/// Removes the folder $1 when the pipe closes. The servers that write there are being killed at the same moment,
/// so the folder may fill again under `rm`.
const SWEEP: &str = r#"
read -r _
for _ in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf -- "$1" 2>/dev/null && exit 0
  sleep 0.2
done
exit 1
"#;

/// A shell script that acts when its pipe closes.
#[derive(Debug)]
struct Watcher {
    script: Child,
    pipe: Option<ChildStdin>,
}

impl Watcher {
    fn start(script: &str, arguments: &[String], output: Stdio, errors: Stdio) -> Result<Self, Error> {
        let mut script = Command::new("sh")
            .args(["-c", script, "sh"])
            .args(arguments)
            // Ctrl-C at a terminal goes to the whole group: the scripts are there to outlive it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .doing(|| "run sh".to_owned())?;
        let pipe = script.stdin.take();
        Ok(Self { script, pipe })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // Only so that what follows finds it done; there is nobody to tell if it failed.
        let _ = self.script.wait();
    }
}

/// A server process. Dropping it kills it and waits until it is gone: what a crash does, and at once.
#[derive(Debug)]
pub struct Server {
    watcher: Watcher,
}

impl Server {
    /// Runs `program`; what it prints is appended to `log`.
    ///
    /// # Errors
    /// When `log` cannot be written, or nothing be run.
    pub fn start(program: &Path, flags: Vec<String>, log: &Path) -> Result<Self, Error> {
        let open = || OpenOptions::new().create(true).append(true).open(log);
        let file: File = open().doing(|| format!("write {}", log.display()))?;
        let again = file.try_clone().doing(|| format!("write {}", log.display()))?;
        let mut arguments = vec![program.to_string_lossy().into_owned()];
        arguments.extend(flags);
        Ok(Self { watcher: Watcher::start(SUPERVISE, &arguments, file.into(), again.into())? })
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.watcher.script.try_wait(), Ok(None))
    }
}

/// A new folder that nobody else can read, removed with all that is in it when it is dropped or its process ends,
/// however that ends: a `static` is never dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _watcher: Watcher,
}

impl Folder {
    /// Makes one among the temporary files.
    ///
    /// # Errors
    /// When it cannot be made, or the watcher that removes it not started.
    pub fn new() -> Result<Self, Error> {
        let folder = tempfile::Builder::new()
            .prefix("control-plane-")
            .tempdir()
            .doing(|| "create a temporary folder".to_owned())?;
        let path = folder.path().to_string_lossy().into_owned();
        let watcher = Watcher::start(SWEEP, &[path], Stdio::null(), Stdio::null())?;
        Ok(Self { path: folder.keep(), _watcher: watcher })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
