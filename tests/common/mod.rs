//! What the tests that need a real API server share: a cluster with the CRD, operators in this process or as
//! processes of their own, every version of aws-auth, and waiting for a condition with a deadline.

mod cluster;
mod metrics;
mod operator;
pub mod permissions;
mod proxy;
mod recording;
mod seen;
mod versions;

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use cluster::{Cluster, edit_aws_auth, read, wait};
pub use metrics::Metrics;
pub use operator::{InProcess, Process, ended, file, get, send_signal};
pub use proxy::{Answer, Call, Events, Fate, Fault, Injected, Proxy, Record};
pub use recording::{Recording, number};
pub use seen::Seen;
pub use versions::{ONLY_AWS_AUTH, Version, Versions};

/// Far beyond what anything takes on two busy cores: a wait that ends here has failed.
pub const DEADLINE: Duration = Duration::from_mins(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(15);

/// aws-auth's `mapRoles` as eksctl and then people leave it: an order of fields that is not ours, a comment, odd spaces.
pub const EKSCTL_ROLES: &str = "- groups:
  - system:bootstrappers
  - system:nodes
  rolearn: arn:aws:iam::111122223333:role/eksctl-prod-nodegroup-ng-1-NodeInstanceRole-1A2B3C4D5E6F
  username: system:node:{{EC2PrivateDNSName}}
# break glass: see OPS-12
- rolearn:   arn:aws:iam::111122223333:role/break-glass
  username: break-glass
  groups: [ \"system:masters\" ]   # keep
";
/// The same for `mapUsers`.
pub const EKSCTL_USERS: &str = "[]\n";

/// The ARN of a role.
pub fn arn(role: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{role}")
}

/// The spec of a mapping of a role to a username of the same name.
pub fn role(name: &str, groups: &[&str]) -> Value {
    json!({"arn": arn(name), "username": name, "groups": groups})
}

/// Waits until `look` finds something. When it does not, the failure says what was waited for and what was seen last.
#[track_caller]
pub fn eventually<T>(what: &str, look: impl FnMut() -> Result<T, String>) -> T {
    within(DEADLINE, what, look)
}

/// The same with a deadline that was promised to users.
#[track_caller]
pub fn within<T>(deadline: Duration, what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let since = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => assert!(since.elapsed() < deadline, "not within {deadline:?}: {what}; seen: {seen}"),
        }
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// `Ok` where it holds, else what was seen: for [`eventually`].
pub fn check(holds: bool, seen: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(seen()) }
}
