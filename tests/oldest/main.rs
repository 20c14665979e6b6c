//! The oldest API server that the chart takes: what the tests of the CRD and of the chart hold the newest to, it is held to
//! as well. Their own modules run here; only the server is another.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

#[path = "../crd/accepted.rs"]
mod accepted;
#[path = "../chart/admitted.rs"]
mod admitted;
#[allow(dead_code, reason = "the CRD's own tests use the rest")]
#[path = "../crd/cluster.rs"]
mod cluster;
#[allow(dead_code, unused_imports, reason = "other test binaries use the rest")]
#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, reason = "the chart's own tests use the rest")]
#[path = "../chart/helm.rs"]
mod helm;
#[path = "../crd/kubectl.rs"]
mod kubectl;
#[path = "../chart/policies.rs"]
mod policies;
#[path = "../crd/refused.rs"]
mod refused;
#[allow(dead_code, reason = "the chart's own tests use the rest")]
#[path = "../chart/world.rs"]
mod world;

/// What these tests start a cluster with.
fn options() -> control_plane::Options {
    control_plane::Options::default().oldest()
}

#[test]
fn it_is_the_oldest_that_the_chart_takes() {
    let chart = std::fs::read_to_string(helm::chart().join("Chart.yaml")).unwrap();
    let oldest = chart
        .lines()
        .find_map(|line| line.strip_prefix("kubeVersion: \">=")?.strip_suffix(".0-0\""))
        .unwrap();
    let version = cluster::control_plane().kubectl(&["version", "--output=json"], None).unwrap();
    let version: serde_json::Value = serde_json::from_str(&version).unwrap();
    let version = version["serverVersion"]["gitVersion"].as_str().unwrap();
    assert!(version.starts_with(&format!("v{oldest}.")), "{version} is not the {oldest} of Chart.yaml");
}
