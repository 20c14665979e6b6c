//! A cluster as EKS puts it together: API server, aws-iam-authenticator as its token webhook, and the operator with no
//! more permissions than it needs.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::thread;

use aws_auth_operator::api::crd_yaml;
use aws_auth_operator::client::Cluster as Connection;
use aws_auth_operator::{Operator, Options, TimeScale};
use control_plane::ControlPlane;
use control_plane::parts::{self, Part};
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, UserInfo};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::aws::{Aws, Caller};
use crate::common::{check, eventually, permissions};

/// What the group `developers` may do.
const DEVELOPERS: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: developers
rules:
- apiGroups: ['']
  resources: [pods]
  verbs: [list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: developers
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: developers}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: developers}
";

/// Where clients live. Tests wait for it in their own threads.
pub static RUNTIME: LazyLock<Handle> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    handle
});

/// Who the API server takes somebody for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    pub username: String,
    /// Without `system:authenticated`, which everybody is in.
    pub groups: Vec<String>,
}

/// The cluster. As a `static` it ends with the process.
pub struct World {
    aws: Aws,
    plane: ControlPlane,
    /// Whoever may do anything.
    admin: Client,
    /// Nobody, but for the token that a request brings.
    anybody: Client,
}

impl World {
    /// Starts one with this operator's configuration, whose API server remembers tokens for so long (`0s`, `2m`). The
    /// role `creator` has made the cluster.
    pub fn start(configuration: &str, token_cache: &str, creator: Option<&str>) -> Self {
        Self::start_at(TimeScale::default(), configuration, token_cache, creator)
    }

    /// The same with an operator whose durations are shortened.
    pub fn start_at(
        time_scale: TimeScale,
        configuration: &str,
        token_cache: &str,
        creator: Option<&str>,
    ) -> Self {
        let aws = Aws::start();
        let plane = control_plane::Options::default()
            .user("operator", &[])
            .authenticator(aws.authenticator(creator))
            .apiserver_flag(format!("--authentication-token-webhook-cache-ttl={token_cache}"))
            .start()
            .unwrap();
        let client = |token| client(&plane, token);
        let (admin, anybody) = (client(Some(plane.admin_token())), client(None));
        let world = Self { aws, plane, admin, anybody };
        let granted = json!({"apiVersion": "v1", "kind": "List", "items": permissions::manifests()});
        for manifests in [&crd_yaml().unwrap(), &granted.to_string(), DEVELOPERS] {
            world.kubectl_apply(manifests).unwrap();
        }
        world.kubectl(&["wait", "--for=condition=Established", "crd/iammappings.aws-auth.dev"]);
        world.start_operator(configuration, time_scale);
        world
    }

    fn start_operator(&self, configuration: &str, time_scale: TimeScale) {
        let token = self.plane.token_of("operator").unwrap();
        let kubeconfig = self.plane.kubeconfig_with_token("operator", token).unwrap();
        let file = self.plane.dir().join("configuration.yaml");
        std::fs::write(&file, configuration).unwrap();
        let options = Options {
            cluster: Connection { kubeconfig: Some(kubeconfig), ..Connection::default() },
            configuration: Some(file),
            lease_namespace: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            time_scale,
        };
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let operator = Operator::bind(options).await.unwrap();
                operator.run(std::future::pending()).await.unwrap();
            });
        });
    }

    /// AWS.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// A client of somebody who may do anything.
    pub fn admin(&self) -> Client {
        self.admin.clone()
    }

    /// What kubectl prints.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.plane.kubectl(arguments, None).unwrap()
    }

    /// What kubectl prints for somebody who has only AWS credentials: the real client makes the token.
    pub fn kubectl_as(&self, caller: &Caller, arguments: &[&str]) -> Result<String, String> {
        self.aws.know(caller);
        let path = self.plane.kubeconfig_with_token("exec", "").unwrap();
        let mut kubeconfig: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let own = [("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_REGION", "us-east-1")];
        let environment = caller.environment().into_iter().chain(own);
        kubeconfig["users"][0]["user"] = json!({"exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": parts::ensure(Part::AwsIamAuthenticator).unwrap(),
            "args": ["token", "-i", control_plane::Authenticator::CLUSTER_ID],
            "env": environment.map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>(),
            "interactiveMode": "Never",
        }});
        std::fs::write(&path, kubeconfig.to_string()).unwrap();
        let kubeconfig = format!("--kubeconfig={}", path.display());
        let arguments: Vec<&str> = arguments.iter().copied().chain([&*kubeconfig]).collect();
        self.plane.kubectl(&arguments, None).map_err(|error| error.to_string())
    }

    /// `kubectl apply`.
    pub fn kubectl_apply(&self, manifests: &str) -> Result<(), String> {
        self.plane
            .kubectl(&["apply", "--filename=-"], Some(manifests))
            .map(drop)
            .map_err(|error| error.to_string())
    }

    /// `kubectl patch` of aws-auth by some client; a key that is null goes.
    #[track_caller]
    pub fn patch_aws_auth(&self, client: &str, data: &Value) {
        let patch = json!({"data": data}).to_string();
        let client = format!("--field-manager={client}");
        self.kubectl(&[
            "patch",
            "configmap",
            "aws-auth",
            "-nkube-system",
            "--type=merge",
            &client,
            "-p",
            &patch,
        ]);
    }

    /// `kubectl apply` of a mapping, and `kubectl wait` until it is in aws-auth.
    #[track_caller]
    pub fn map(&self, name: &str, spec: &Value) {
        self.try_map(name, spec).unwrap();
        self.kubectl(&["wait", "--for=condition=Ready", &format!("iamm/{name}"), "--timeout=60s"]);
    }

    /// `kubectl apply` of a mapping.
    pub fn try_map(&self, name: &str, spec: &Value) -> Result<(), String> {
        let metadata = json!({"name": name});
        let object = json!({"apiVersion": "aws-auth.dev/v1alpha1", "kind": "IamMapping", "metadata": metadata, "spec": spec});
        self.kubectl_apply(&object.to_string())
    }

    /// Who the API server takes a caller for, with a token that it has not seen before; why not, where it turns the
    /// caller away.
    pub fn whoami(&self, caller: &Caller) -> Result<Who, String> {
        self.aws.know(caller);
        self.whoami_with(&caller.token())
    }

    /// The same with a token that it may have seen before.
    pub fn whoami_with(&self, token: &str) -> Result<Who, String> {
        let review: SelfSubjectReview = self.post(
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            token,
            &SelfSubjectReview::default(),
        )?;
        let user: UserInfo = review.status.and_then(|status| status.user_info).unwrap_or_default();
        let mut groups = user.groups.unwrap_or_default();
        groups.retain(|group| group != "system:authenticated");
        Ok(Who { username: user.username.unwrap_or_default(), groups })
    }

    /// Waits until a caller is somebody with these groups. The authenticator hears of aws-auth by a watch of its own.
    #[track_caller]
    pub fn enters(&self, caller: &Caller, username: &str, groups: &[&str]) {
        let wanted = who(username, groups);
        eventually(&format!("{} enters", caller.arn()), || {
            let seen = self.whoami(caller);
            check(seen.as_ref() == Ok(&wanted), || format!("{seen:?}, not {wanted:?}"))
        });
    }

    /// A caller is turned away, by the authenticator and not for want of permissions.
    #[track_caller]
    pub fn is_turned_away(&self, caller: &Caller) {
        let seen = self.whoami(caller);
        assert!(
            seen.as_ref().is_err_and(|error| error.contains("Unauthorized")),
            "{}: {seen:?}",
            caller.arn()
        );
    }

    /// Whether a caller may do something.
    pub fn can_i(&self, caller: &Caller, verb: &str, resource: &str) -> bool {
        self.aws.know(caller);
        let attributes = ResourceAttributes {
            verb: Some(verb.to_owned()),
            resource: Some(resource.to_owned()),
            namespace: Some("default".to_owned()),
            ..ResourceAttributes::default()
        };
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(attributes),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let review: SelfSubjectAccessReview = self.post(path, &caller.token(), &review).unwrap();
        review.status.unwrap().allowed
    }

    fn post<T: Serialize + DeserializeOwned>(
        &self,
        path: &str,
        token: &str,
        object: &T,
    ) -> Result<T, String> {
        let request = http::Request::post(path)
            .header(http::header::AUTHORIZATION, format!("Bearer {token}"))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(object).unwrap())
            .unwrap();
        RUNTIME.block_on(self.anybody.request(request)).map_err(|error| error.to_string())
    }

    /// What the authenticator has logged.
    pub fn authenticator_log(&self) -> String {
        std::fs::read_to_string(self.plane.dir().join("aws-iam-authenticator").join("log")).unwrap()
    }
}

fn client(plane: &ControlPlane, token: Option<&str>) -> Client {
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig_path()).unwrap();
    RUNTIME.block_on(async {
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        config.auth_info.token = token.map(|token| token.to_owned().into());
        Client::try_from(config).unwrap()
    })
}

/// Somebody.
pub fn who(username: &str, groups: &[&str]) -> Who {
    Who { username: username.to_owned(), groups: groups.iter().map(|&group| group.to_owned()).collect() }
}
