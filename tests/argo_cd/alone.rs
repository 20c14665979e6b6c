//! A network of its own for a test. Argo CD's controller serves its metrics on every address of the machine and cannot be
//! told otherwise, so each test here is run once more by itself, in a network namespace with nothing but loopback.

use std::env;
use std::process::Command;

use control_plane::parts::{self, Part};

/// Set for the run that is alone.
const ALONE: &str = "AWS_AUTH_OPERATOR_TESTS_ALONE";
/// What a test needs, made while there still is a network.
const PARTS: [Part; 6] =
    [Part::KubeApiserver, Part::Etcd, Part::Kubectl, Part::Helm, Part::ArgoCd, Part::RedisServer];

/// Runs `test`, which is the whole body of the test that calls this, alone.
#[track_caller]
pub fn alone<T: FnOnce()>(test: T) {
    if env::var_os(ALONE).is_some() {
        return test();
    }
    for part in PARTS {
        parts::ensure(part).unwrap();
    }
    let (_, name) = std::any::type_name::<T>().split_once("::").unwrap();
    let name = name.trim_end_matches("::{{closure}}");
    let this = env::current_exe().unwrap();
    let run = namespace()
        .args(["sh", "-c", "ip link set lo up && exec \"$@\"", "sh"])
        .arg(this)
        .args([name, "--exact", "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = [run.stdout, run.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(run.status.success() && said.contains("1 passed"), "{name}, alone:\n{said}");
}

/// What puts a command into a network namespace of its own: root may, and others where users may have namespaces.
#[track_caller]
fn namespace() -> Command {
    let mut complaints = Vec::new();
    for flags in [&["--net"][..], &["--net", "--map-root-user"]] {
        let mut unshare = Command::new("unshare");
        unshare.args(flags);
        let tried = unshare.args(["sh", "-c", "ip link set lo up"]).output();
        match tried {
            Ok(tried) if tried.status.success() => {
                let mut unshare = Command::new("unshare");
                unshare.args(flags);
                return unshare;
            }
            Ok(tried) => complaints.push(String::from_utf8_lossy(&tried.stderr).trim().to_owned()),
            Err(error) => complaints.push(error.to_string()),
        }
    }
    panic!(
        "Argo CD serves its metrics on every address, so its tests run in a network namespace of their own \
         (`unshare --net`, `ip link set lo up`), and this machine does not allow that:\n{}\nRun them as root with \
         CAP_SYS_ADMIN, or as a user who may have namespaces; both programs are in Debian's packages util-linux and \
         iproute2.",
        complaints.join("\n")
    );
}
