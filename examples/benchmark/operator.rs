//! The operator as a process of its own, and what the kernel says of it.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use control_plane::ControlPlane;
use serde_json::Value;

/// In `/proc/PID/stat`, on every Linux that this runs on.
const MILLISECONDS_PER_TICK: f64 = 10.0;

/// Far beyond what a start takes.
const DEADLINE: Duration = Duration::from_mins(1);

/// A running operator; dropping it kills it.
pub(crate) struct Operator {
    process: Child,
    log: PathBuf,
}

impl Operator {
    /// Starts the operator; `configuration` is the text of its file.
    pub(crate) fn start(binary: &Path, plane: &ControlPlane, configuration: &str) -> anyhow::Result<Self> {
        Self::start_over(binary, plane, configuration, &plane.kubeconfig_path())
    }

    /// The same by another way to the API server.
    pub(crate) fn start_over(
        binary: &Path,
        plane: &ControlPlane,
        configuration: &str,
        kubeconfig: &Path,
    ) -> anyhow::Result<Self> {
        let (file, log) = (plane.dir().join("configuration.yaml"), plane.dir().join("operator.log"));
        fs::write(&file, configuration)?;
        let output = File::options().create(true).append(true).open(&log)?;
        let process = Command::new(binary)
            .args(["run", "--listen", "127.0.0.1:0", "--kubeconfig"])
            .arg(kubeconfig)
            .arg("--config")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("run {}", binary.display()))?;
        Ok(Self { process, log })
    }

    /// Ends it as a cluster does, and waits until it is gone.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").arg(self.process.id().to_string()).status().context("run kill")?;
        let ended = self.process.wait()?;
        let log = fs::read_to_string(&self.log)?;
        ensure!(ended.success(), "the operator ended with {ended}:\n{log}");
        // A figure means little where something was wrong.
        for line in log.lines().filter(|line| line.contains(r#""WARN""#) || line.contains(r#""ERROR""#)) {
            eprintln!("  {line}");
        }
        Ok(())
    }

    /// CPU time until now, in milliseconds.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        let stat = self.proc("stat")?;
        // After the name, which is in parentheses: utime and stime are the 12th and 13th of what follows.
        let numbers = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: Vec<f64> = numbers.skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
        Ok(ticks.iter().sum::<f64>() * MILLISECONDS_PER_TICK)
    }

    /// The most memory that it ever held, in MiB.
    pub(crate) fn peak_memory(&self) -> anyhow::Result<f64> {
        let status = self.proc("status")?;
        let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let kibibytes: f64 = kibibytes.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes / 1024.0)
    }

    /// Waits until it is ready.
    pub(crate) async fn until_ready(&self) -> anyhow::Result<()> {
        let since = Instant::now();
        // Until it listens nobody answers.
        while !self.get("/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            ensure!(since.elapsed() < DEADLINE, "the operator is not ready");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Requests to the API server until now, but for those that renew the Lease and those that watch.
    pub(crate) fn requests(&self) -> anyhow::Result<usize> {
        let metrics = self.get("/metrics")?;
        let requests = metrics.lines().filter_map(|line| {
            let labels = line.strip_prefix("aws_auth_operator_api_requests_total")?;
            let counted = !labels.contains(r#"verb="watch""#) && !labels.contains(r#"resource="leases""#);
            counted.then(|| labels.rsplit(' ').next().and_then(|count| count.parse::<usize>().ok()))
        });
        requests.sum::<Option<usize>>().context("a count that is none")
    }

    /// What its HTTP server answers, head and all.
    fn get(&self, path: &str) -> anyhow::Result<String> {
        let log = fs::read_to_string(&self.log)?;
        let address = log.lines().rev().find_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            line["address"].as_str().map(str::to_owned)
        });
        let mut stream = TcpStream::connect(address.context("it does not listen yet")?)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: benchmark\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn proc(&self, file: &str) -> io::Result<String> {
        fs::read_to_string(format!("/proc/{}/{file}", self.process.id()))
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // Both fail only where it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
