//! One API server with the CRD, for every test of this binary, and requests as `kubectl apply` would make them.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use aws_auth_operator::api::{IamMapping, crd_yaml};
use control_plane::ControlPlane;
use kube::api::{Api, PostParams, Request};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

const URL: &str = "/apis/aws-auth.dev/v1alpha1/iammappings";

/// The control plane, with the CRD served. Its servers end with this process.
pub(crate) fn control_plane() -> &'static ControlPlane {
    static CONTROL_PLANE: OnceLock<ControlPlane> = OnceLock::new();
    CONTROL_PLANE.get_or_init(|| {
        let plane = crate::options().start().expect("a control plane");
        plane.kubectl(&["create", "--filename=-"], Some(&crd_yaml().unwrap())).expect("the CRD is accepted");
        plane
            .kubectl(&["wait", "--for=condition=Established", "crd/iammappings.aws-auth.dev"], None)
            .expect("the CRD is established");
        // Established is what the API server has decided; its request path follows a moment later.
        let deadline = Instant::now() + Duration::from_secs(30);
        while plane.kubectl(&["get", "iammappings"], None).is_err() {
            assert!(Instant::now() < deadline, "the CRD is established and not served");
        }
        plane
    })
}

/// A client of its own for each test, because a client lives as long as its test's runtime.
pub(crate) async fn client() -> Client {
    let kubeconfig = Kubeconfig::read_from(control_plane().kubeconfig_path()).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

/// The typed API.
pub(crate) async fn api() -> Api<IamMapping> {
    Api::all(client().await)
}

/// An object as it would stand in a file.
pub(crate) fn object(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "aws-auth.dev/v1alpha1",
        "kind": "IamMapping",
        "metadata": {"name": name},
        "spec": spec,
    })
}

/// Creates without keeping, unknown fields refused; the error is the API server's sentence.
pub(crate) async fn dry_create(client: &Client, object: &Value) -> Result<Value, String> {
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let mut request = Request::new(URL).create(&params, serde_json::to_vec(object).unwrap()).unwrap();
    *request.uri_mut() = format!("{}&fieldValidation=Strict", request.uri()).parse().unwrap();
    sentence(client.request(request).await)
}

/// What the API server answered; any other failure is one of the test's own.
pub(crate) fn sentence<T>(answer: kube::Result<T>) -> Result<T, String> {
    match answer {
        Ok(object) => Ok(object),
        Err(kube::Error::Api(status)) => Err(status.message),
        Err(error) => panic!("no answer: {error}"),
    }
}
