//! The configuration file changes while the operator runs: a good one takes effect, a wrong one changes nothing.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use crate::common::{Cluster, Process, arn, check, eventually, file, role};

fn start(cluster: &Cluster, config: &Path) -> Process {
    Process::start(cluster, &["--config", config.to_str().unwrap()])
}

/// Allows `name` whatever it wants.
fn privileged(name: &str) -> String {
    format!("policy:\n  privileged:\n    - {}\n", arn(name))
}

fn ready_message(object: &Value) -> &str {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    conditions.iter().find(|condition| condition["type"] == "Ready").unwrap()["message"].as_str().unwrap()
}

fn reloads(operator: &Process, result: &str) -> usize {
    operator.metrics().get(&format!("config_reloads_total{{result=\"{result}\"}}"))
}

#[test]
fn a_configuration_that_changes_takes_effect_without_a_restart() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let config = file("mode: Observe\n");
    let operator = start(&cluster, config.path());
    cluster.apply("dev", &role("dev", &["developers"]));
    cluster.apply("root", &role("root", &["system:masters"]));
    cluster.until("dev", "Observe");

    fs::write(config.path(), "mode: Enforce\n").unwrap();
    cluster.until("dev", "Applied");
    cluster.until("root", "PrivilegedValue");
    assert!(cluster.role(&arn("dev")).is_some());

    fs::write(config.path(), privileged("root")).unwrap();
    cluster.until("root", "Applied");
    assert_eq!((reloads(&operator, "ok"), reloads(&operator, "refused")), (2, 0));
    assert_eq!(operator.metrics().get("config_valid"), 1);
    operator.terminate();
}

#[test]
fn a_configuration_that_is_wrong_changes_nothing_and_is_said_where_people_look() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let config = file("mode: Enforce\n");
    let operator = start(&cluster, config.path());
    cluster.apply("root", &role("root", &["system:masters"]));
    cluster.until("root", "PrivilegedValue");

    fs::write(config.path(), privileged("root").replace("privileged", "priviledged")).unwrap();
    let place = format!("{}:2:3: ", config.path().display());
    operator.until_unready(&["configuration: ", "the one from before is in force", &place, "privileged"]);
    cluster.until_event("aws-auth", &["Warning ConfigStale", &place]);
    eventually("the mapping that waits for it says so", || {
        let object = cluster.mapping("root");
        check(ready_message(&object).contains(&place), || object["status"].to_string())
    });
    assert!(operator.log().iter().any(|line| line.contains("WARN") && line.contains(&place)));
    assert_eq!((operator.metrics().get("config_valid"), reloads(&operator, "refused")), (0, 1));
    // The one from before is in force.
    cluster.apply("dev", &role("dev", &["developers"]));
    let object = cluster.until("dev", "Applied");
    assert!(!object["status"].to_string().contains(&place), "{}", object["status"]);

    fs::write(config.path(), privileged("root")).unwrap();
    cluster.until("root", "Applied");
    operator.until_ready();
    assert_eq!(operator.metrics().get("config_valid"), 1);
    operator.terminate();
}

#[test]
fn a_configuration_file_that_goes_away_changes_nothing_either() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let config = file(&privileged("root"));
    let operator = start(&cluster, config.path());
    let text = fs::read(config.path()).unwrap();

    fs::remove_file(config.path()).unwrap();
    operator.until_unready(&["configuration: ", "cannot be read", "No such file"]);
    cluster.apply("root", &role("root", &["system:masters"]));
    cluster.until("root", "Applied");

    fs::write(config.path(), text).unwrap();
    operator.until_ready();
    operator.terminate();
}

#[test]
fn a_config_map_that_is_mounted_is_read_again_when_kubelet_swaps_its_symlink() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let mount = tempfile::tempdir().unwrap();
    let version = |name: &str, text: &str| {
        fs::create_dir(mount.path().join(name)).unwrap();
        fs::write(mount.path().join(name).join("config.yaml"), text).unwrap();
    };
    version("..2026_01_01", "mode: Observe\n");
    symlink("..2026_01_01", mount.path().join("..data")).unwrap();
    symlink("..data/config.yaml", mount.path().join("config.yaml")).unwrap();
    let operator = start(&cluster, &mount.path().join("config.yaml"));
    cluster.apply("dev", &role("dev", &["developers"]));
    cluster.until("dev", "Observe");

    version("..2026_01_02", "mode: Enforce\n");
    symlink("..2026_01_02", mount.path().join("..data_tmp")).unwrap();
    fs::rename(mount.path().join("..data_tmp"), mount.path().join("..data")).unwrap();
    fs::remove_dir_all(mount.path().join("..2026_01_01")).unwrap();
    cluster.until("dev", "Applied");
    operator.terminate();
}
