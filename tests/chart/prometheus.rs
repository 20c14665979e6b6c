//! A real Prometheus, with the rules that the chart renders, scrapes the operator: what it is told it understands, and
//! every panel of the dashboard has something to show.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use control_plane::Server;
use control_plane::parts::{self, Part};
use serde_json::{Value, json};

use crate::alerts::{alerts, rule, text};
use crate::common::{check, eventually, get};
use crate::helm::{NAMESPACE, RELEASE, chart};
use crate::world::World;

/// A running Prometheus that scrapes one operator, as the chart's `ServiceMonitor` would have it labelled.
struct Prometheus {
    address: SocketAddr,
    log: PathBuf,
    _server: Server,
}

impl Prometheus {
    fn start(dir: &Path, operator: SocketAddr) -> Self {
        fs::create_dir(dir).unwrap();
        fs::write(dir.join("rules.yaml"), rule()["spec"].to_string()).unwrap();
        let config = json!({
            "global": {"scrape_interval": "500ms", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [{
                "job_name": RELEASE,
                "static_configs": [{"targets": [operator], "labels": {"namespace": NAMESPACE}}],
            }],
        });
        fs::write(dir.join("prometheus.yaml"), config.to_string()).unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let flags = [
            format!("--config.file={}", dir.join("prometheus.yaml").display()),
            format!("--storage.tsdb.path={}", dir.join("data").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ];
        let log = dir.join("log");
        let program = parts::ensure(Part::Prometheus).unwrap();
        let server = Server::start(&program, flags.to_vec(), &log).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        eventually("Prometheus runs", || {
            let ready = get(address, "/-/ready").map_err(|error| format!("{error}\n{}", read(&log)))?;
            check(ready.code == 200, || ready.body)
        });
        Self { address, log, _server: server }
    }

    /// What an expression gives now.
    fn query(&self, expression: &str) -> Vec<Value> {
        let promtool = parts::ensure(Part::Promtool).unwrap();
        let output = Command::new(promtool)
            .args(["query", "instant", "--format=json", &format!("http://{}", self.address), expression])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{expression}: {said}\n{}", read(&self.log));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Every query of the dashboard with its panel, as Grafana sends it.
fn queries() -> Vec<(String, String)> {
    let dashboard = fs::read_to_string(chart().join("files/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let fill = |query: &str| {
        query.replace("$namespace", NAMESPACE).replace("$job", RELEASE).replace("$__rate_interval", "5m")
    };
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let queries = panels.flat_map(|panel| {
        let targets = panel["targets"].as_array().unwrap().iter();
        targets.map(|target| (text(panel, "title").to_owned(), fill(text(target, "expr"))))
    });
    // What the choices at the top are made of: label_values(METRIC, LABEL).
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    let variables = variables.filter(|variable| variable["type"] == "query").map(|variable| {
        let (metric, label) = text(variable, "query")
            .strip_prefix("label_values(")
            .and_then(|rest| rest.strip_suffix(')')?.rsplit_once(", "))
            .unwrap();
        (format!("variable {label}"), fill(&format!("count by ({label}) ({metric})")))
    });
    queries.chain(variables).collect()
}

#[test]
fn every_query_of_the_dashboard_returns_series_and_no_alert_fires() {
    let world = World::start();
    world.install(&[]);
    let operator = world.run_operator();
    let prometheus = Prometheus::start(&world.plane.dir().join("prometheus"), operator.address());
    eventually("Prometheus scrapes the operator", || {
        let up = prometheus.query("up == 1");
        check(!up.is_empty(), || format!("{:?}", prometheus.query("up")))
    });
    // Of what is counted, something has to happen while it looks.
    world.map("dev", &["developers"]);
    world.until("dev", "Applied");
    let queries = queries();
    assert!(queries.len() > 20, "{queries:?}");
    for (panel, query) in queries {
        eventually(&format!("{panel} shows something"), || {
            let series = prometheus.query(&query);
            // No number of seconds is known before something took one.
            let number = |one: &Value| one["value"][1].as_str().is_some_and(|value| value != "NaN");
            check(series.iter().any(number), || format!("{query}: {series:?}"))
        });
    }

    let wanted = alerts(&rule()).len();
    eventually("every alert has been evaluated", || {
        let rules: Value = serde_json::from_str(&get(prometheus.address, "/api/v1/rules")?.body).unwrap();
        let groups = rules["data"]["groups"].as_array().unwrap().iter();
        let rules: Vec<&Value> = groups.flat_map(|group| group["rules"].as_array().unwrap()).collect();
        check(rules.len() == wanted && rules.iter().all(|rule| rule["health"] == "ok"), || {
            format!("{rules:#?}")
        })
    });
    let firing = prometheus.query("ALERTS{alertstate=\"firing\"}");
    assert_eq!(firing, Vec::<Value>::new());
    operator.terminate();
}

#[test]
fn promtool_finds_nothing_to_say_of_the_live_metrics() {
    let world = World::start();
    world.install(&[]);
    let operator = world.run_operator();
    world.map("dev", &["developers"]);
    world.until("dev", "Applied");
    let mut promtool = Command::new(parts::ensure(Part::Promtool).unwrap())
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(operator.plain_metrics().as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(output.status.success() && said.is_empty(), "{said}");
    operator.terminate();
}
