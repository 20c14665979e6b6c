//! A real API server, the real Helm, and the operator as the chart would have it run: with the chart's arguments and
//! configuration, as the chart's account. There is no kubelet here, so the process is started by hand.

use std::cell::OnceCell;
use std::fs;
use std::path::Path;

use control_plane::{ControlPlane, Options};
use serde_json::{Value, json};

use crate::common::{EKSCTL_ROLES, EKSCTL_USERS, Process, check, eventually};
use crate::helm::{Helm, NAMESPACE, RELEASE, chart, only};

/// A cluster with an aws-auth such as eksctl leaves it, and a namespace in which pods are restricted.
pub struct World {
    pub plane: ControlPlane,
    helm: OnceCell<Helm>,
}

impl World {
    pub fn start() -> Self {
        Self::start_with(crate::options())
    }

    pub fn start_with(options: Options) -> Self {
        let world = Self { plane: options.start().unwrap(), helm: OnceCell::new() };
        world.apply(&json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": NAMESPACE,
                "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
            },
        }));
        world.apply(&json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "aws-auth", "namespace": "kube-system"},
            "data": {"mapRoles": EKSCTL_ROLES, "mapUsers": EKSCTL_USERS},
        }));
        world
    }

    /// What kubectl prints.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.plane.kubectl(arguments, None).unwrap()
    }

    /// Applies an object, or a list of them.
    #[track_caller]
    pub fn apply(&self, object: &Value) {
        self.plane.kubectl(&["apply", "--filename=-"], Some(&object.to_string())).unwrap();
    }

    /// An object as it is stored.
    #[track_caller]
    pub fn get(&self, arguments: &[&str]) -> Value {
        let arguments = [&["get", "--output=json"], arguments].concat();
        serde_json::from_str(&self.kubectl(&arguments)).unwrap()
    }

    /// Helm against this cluster; what it prints, or what it complains of.
    pub fn try_helm(&self, arguments: &[&str]) -> Result<String, String> {
        self.helm.get_or_init(|| Helm::for_cluster(&self.plane.kubeconfig_path())).run(arguments)
    }

    /// The same where it has to work.
    #[track_caller]
    pub fn helm(&self, arguments: &[&str]) -> String {
        self.try_helm(arguments).unwrap()
    }

    /// Installs the chart.
    #[track_caller]
    pub fn install(&self, more: &[&str]) {
        let chart = chart();
        let arguments = ["install", RELEASE, chart.to_str().unwrap(), "--namespace", NAMESPACE];
        self.helm(&[&arguments[..], more].concat());
        self.until_crd_is_served();
    }

    /// Established is what the API server has decided; its request path follows a moment later.
    #[track_caller]
    pub fn until_crd_is_served(&self) {
        eventually("the CRD is served", || {
            self.plane.kubectl(&["get", "iammappings"], None).map_err(|error| error.to_string())
        });
    }

    /// The operator as the installed Deployment has it, once it is ready.
    #[track_caller]
    pub fn run_operator(&self) -> Process {
        let operator = self.launch_operator();
        eventually("the operator is ready", || {
            check(operator.ready() == 200, || format!("{:#?}", operator.log()))
        });
        operator
    }

    /// The same, and waits for nothing.
    #[track_caller]
    pub fn launch_operator(&self) -> Process {
        let deployment = self.get(&["deployment", RELEASE, "--namespace", NAMESPACE]);
        let volume = &deployment["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"];
        let config = self.get(&["configmap", volume.as_str().unwrap(), "--namespace", NAMESPACE]);
        // The operator reads it again and again, as long as it runs.
        let config_path = self.plane.dir().join("config.yaml");
        fs::write(&config_path, config["data"]["config.yaml"].as_str().unwrap()).unwrap();
        let arguments: Vec<String> = arguments_of(&deployment)
            .into_iter()
            .skip(1)
            // The tests' operators choose a free port, and log where they can be read.
            .filter(|argument| !argument.starts_with("--listen=") && !argument.starts_with("--log-format="))
            .map(|argument| argument.replace("/etc/aws-auth-operator/config.yaml", path(&config_path)))
            // In a pod it would know.
            .chain([format!("--lease-namespace={NAMESPACE}")])
            .collect();
        let account = deployment["spec"]["template"]["spec"]["serviceAccountName"].as_str().unwrap();
        let kubeconfig = self.kubeconfig_of(account);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Process::launch(&kubeconfig, &arguments)
    }

    /// A kubeconfig of an account in the release's namespace.
    #[track_caller]
    pub fn kubeconfig_of(&self, account: &str) -> std::path::PathBuf {
        let token = self.kubectl(&["create", "token", account, "--namespace", NAMESPACE]);
        self.plane.kubeconfig_with_token(account, token.trim()).unwrap()
    }

    /// Applies a mapping of a role to a username of the same name.
    #[track_caller]
    pub fn map(&self, name: &str, groups: &[&str]) {
        self.apply(&mapping(name, &crate::common::role(name, groups)));
    }

    /// Waits until a mapping says this of itself.
    #[track_caller]
    pub fn until(&self, name: &str, reason: &str) {
        eventually(&format!("{name} says {reason}"), || {
            let object = self.get(&["iamm", name]);
            let ready = object["status"]["conditions"].as_array().into_iter().flatten();
            let ready = ready.into_iter().find(|condition| condition["type"] == "Ready");
            check(ready.is_some_and(|ready| ready["reason"] == reason), || object["status"].to_string())
        });
    }

    /// aws-auth's `mapRoles`.
    pub fn map_roles(&self) -> String {
        let aws_auth = self.get(&["configmap", "aws-auth", "--namespace=kube-system"]);
        aws_auth["data"]["mapRoles"].as_str().unwrap().to_owned()
    }
}

/// An IamMapping.
pub fn mapping(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "aws-auth.dev/v1alpha1",
        "kind": "IamMapping",
        "metadata": {"name": name},
        "spec": spec,
    })
}

/// The arguments of the operator's container.
pub fn arguments_of(deployment: &Value) -> Vec<String> {
    serde_json::from_value(deployment["spec"]["template"]["spec"]["containers"][0]["args"].clone()).unwrap()
}

/// The Deployment of a rendering.
pub fn deployment_of(objects: &[Value]) -> &Value {
    only(objects, "Deployment")
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
