//! What every test here begins with: Argo CD has synced the operator and some mappings, and both are well.

use serde_json::{Value, json};

use crate::argo_cd::{ArgoCd, application};
use crate::common::{Process, check, eventually};
use crate::helm::{NAMESPACE, RELEASE};
use crate::repository::Repository;
use crate::world::World;

/// The Application of the mappings.
pub const MAPPINGS: &str = "access";
const IN_ARGO_CD: &str = "--namespace=argocd";

pub struct Stage {
    pub operator: Process,
    pub argo_cd: ArgoCd,
    pub repository: Repository,
    pub world: World,
}

impl Stage {
    /// Argo CD syncs the chart, the operator runs as the chart has it, and Argo CD syncs `mappings`.
    pub fn set(mappings: &[Value]) -> Self {
        let world = World::start();
        let repository = Repository::new(&world.plane.dir().join("repository"));
        let argo_cd = ArgoCd::start(&world);
        world.apply(&application("operator.yaml", &repository.url()));
        eventually("Argo CD has installed the chart", || {
            let arguments = ["get", "deployment", RELEASE, "--namespace", NAMESPACE];
            world.plane.kubectl(&arguments, None).map_err(|error| {
                let said = world.plane.kubectl(&["get", "application", RELEASE, IN_ARGO_CD, "-o=yaml"], None);
                format!("{error}\n{said:?}")
            })
        });
        world.until_crd_is_served();
        let operator = world.run_operator();
        let stage = Self { operator, argo_cd, repository, world };
        stage.play_the_controllers();
        stage.until_synced(RELEASE);
        stage.until_health(RELEASE, "Healthy");
        stage.repository.commit_mappings(mappings);
        stage.world.apply(&application("mappings.yaml", &stage.repository.url()));
        stage.until_synced(MAPPINGS);
        stage.until_health(MAPPINGS, "Healthy");
        stage
    }

    /// There is no controller manager and no kubelet here: what they would say of the pods is written for them.
    fn play_the_controllers(&self) {
        let deployment = json!({"status": {
            "observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
        }});
        let budget = json!({"status": {
            "observedGeneration": 1, "expectedPods": 2, "currentHealthy": 2, "desiredHealthy": 1, "disruptionsAllowed": 1,
            "conditions": [{
                "type": "DisruptionAllowed", "status": "True", "reason": "SufficientPods", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }],
        }});
        for (kind, status) in [("deployment", deployment), ("poddisruptionbudget", budget)] {
            let patch = format!("--patch={status}");
            let patch = ["patch", kind, RELEASE, "--subresource=status", "--type=merge", &patch];
            eventually(&format!("the {kind} is there"), || {
                let arguments = [&patch[..], &["--namespace", NAMESPACE]].concat();
                self.world.plane.kubectl(&arguments, None).map_err(|error| error.to_string())
            });
        }
    }

    /// An Application as Argo CD sees it now.
    pub fn application(&self, name: &str) -> Value {
        self.world.get(&["application", name, IN_ARGO_CD])
    }

    /// Commits these mappings in place of all others, and tells Argo CD to look.
    pub fn commit(&self, mappings: &[Value]) {
        self.repository.commit_mappings(mappings);
        self.refresh(MAPPINGS);
    }

    /// Has Argo CD compare everything with the newest commit, and waits until it has.
    #[track_caller]
    pub fn refresh(&self, name: &str) {
        let refresh = "argocd.argoproj.io/refresh";
        self.world.kubectl(&["annotate", "application", name, IN_ARGO_CD, &format!("{refresh}=hard")]);
        eventually("Argo CD has looked", || {
            let application = self.application(name);
            check(application["metadata"]["annotations"][refresh].is_null(), || {
                application["status"].to_string()
            })
        });
    }

    /// Waits until the newest commit is synced.
    #[track_caller]
    pub fn until_synced(&self, name: &str) {
        let head = self.repository.head();
        eventually(&format!("{name} is synced"), || {
            let status = self.application(name)["status"].clone();
            let operation = &status["operationState"];
            let done = operation["phase"] == "Succeeded"
                && operation["syncResult"]["revision"] == head.as_str()
                && status["sync"]["status"] == "Synced"
                && status["sync"]["revision"] == head.as_str();
            check(done, || format!("{status:#}"))
        });
    }

    /// Waits until an Application's health is `health`.
    #[track_caller]
    pub fn until_health(&self, name: &str, health: &str) {
        eventually(&format!("{name} is {health}"), || {
            let status = self.application(name)["status"].clone();
            check(status["health"]["status"] == health, || format!("{status:#}"))
        });
    }

    /// What Argo CD says of one mapping: its health, and the message beside it.
    pub fn health_of(&self, mapping: &str) -> (String, String) {
        let application = self.application(MAPPINGS);
        let mut resources = application["status"]["resources"].as_array().unwrap().iter();
        let resource = resources.find(|resource| resource["name"] == mapping);
        let health = &resource.unwrap_or_else(|| panic!("{mapping} is not in {application:#}"))["health"];
        let text = |key: &str| health[key].as_str().unwrap_or_default().to_owned();
        (text("status"), text("message"))
    }
}
