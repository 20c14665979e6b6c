//! A cluster of its own for each test, and the requests that people and their tools make.
//!
//! A control plane takes three seconds and 310 MB, so tests hand them on: what a test leaves behind is removed before
//! the next one starts. One that failed takes its control plane with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, LazyLock, Mutex};
use std::thread;

use aws_auth::aws_auth::{AwsAuth, Source};
use aws_auth::mapping::Uid;
use aws_auth::{Entry, Key};
use aws_auth_operator::api::{IamMapping, crd_yaml};
use control_plane::ControlPlane;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::recording::number;
use super::versions::entries;
use super::{EKSCTL_ROLES, EKSCTL_USERS, check, eventually};

/// The operator's user, who has no permission but those of `permissions`.
pub const OPERATOR: &str = "operator";
/// However many cores there are: memory for more is not everybody's.
const MOST_AT_ONCE: usize = 4;

/// Where clients and recordings live. Tests wait for it in their own threads.
pub static RUNTIME: LazyLock<Handle> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    handle
});

static POOL: Mutex<Pool> = Mutex::new(Pool { free: Vec::new(), taken: 0 });
static RETURNED: Condvar = Condvar::new();

struct Pool {
    free: Vec<ControlPlane>,
    taken: usize,
}

/// A cluster with the CRD, without aws-auth and without any mapping.
pub struct Cluster {
    client: Client,
    seat: Seat,
}

/// A place in the pool with its control plane, which go back when it is dropped.
struct Seat(Option<ControlPlane>);

/// Waits for a request.
pub fn wait<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

impl Cluster {
    /// One that nobody else uses.
    pub fn take() -> Self {
        let mut seat = Seat::take();
        let used = seat.0.is_some();
        let plane = seat
            .0
            .get_or_insert_with(|| control_plane::Options::default().user(OPERATOR, &[]).start().unwrap());
        let cluster = Self { client: client(&plane.kubeconfig_path()), seat };
        if used {
            cluster.clear();
        } else {
            cluster.grant_everything();
            cluster.install_crd();
        }
        cluster
    }

    fn clear(&self) {
        let (delete, all) = (DeleteParams::default(), ListParams::default());
        wait(self.mappings().delete_collection(&delete, &all)).unwrap();
        for namespace in ["default", "kube-system"] {
            let events: Api<Event> = Api::namespaced(self.client(), namespace);
            wait(events.delete_collection(&delete, &all)).unwrap();
        }
        wait(self.leases().delete_collection(&delete, &all)).unwrap();
        let ours = wait(self.config_maps().list(&all)).unwrap().items.into_iter();
        let ours = ours.filter_map(|object| object.metadata.name).filter(|name| name.starts_with("aws-auth"));
        for name in ours {
            wait(self.config_maps().delete(&name, &delete)).unwrap();
        }
    }

    /// The control plane itself, to start and stop its servers.
    pub fn plane(&mut self) -> &mut ControlPlane {
        self.seat.0.as_mut().unwrap()
    }

    /// A client of a user who may do anything.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// A client of the operator's user.
    pub fn client_of_operator(&self) -> Client {
        client(&self.operator_kubeconfig())
    }

    /// A kubeconfig of a user who may do anything.
    pub fn admin_kubeconfig(&self) -> PathBuf {
        self.seat.0.as_ref().unwrap().kubeconfig_path()
    }

    /// A kubeconfig of the operator's user.
    pub fn operator_kubeconfig(&self) -> PathBuf {
        let plane = self.seat.0.as_ref().unwrap();
        plane.kubeconfig_with_token(OPERATOR, plane.token_of(OPERATOR).unwrap()).unwrap()
    }

    /// What kubectl prints.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.seat.0.as_ref().unwrap().kubectl(arguments, None).unwrap()
    }

    /// Applies manifests.
    pub fn kubectl_apply(&self, manifests: &str) {
        self.seat.0.as_ref().unwrap().kubectl(&["apply", "--filename=-"], Some(manifests)).unwrap();
    }

    /// Deletes manifests.
    pub fn kubectl_delete(&self, manifests: &str) {
        self.seat.0.as_ref().unwrap().kubectl(&["delete", "--filename=-"], Some(manifests)).unwrap();
    }

    /// Installs the CRD and waits until it is served.
    pub fn install_crd(&self) {
        self.kubectl_apply(&crd_yaml().unwrap());
        eventually("the CRD is served as it is", || {
            self.dry_create(&role_of_two_kinds()).map_or_else(
                |error| check(error.contains("exclude each other"), || error),
                |()| Err("its rules do not hold yet".to_owned()),
            )
        });
    }

    /// Puts a CRD without any rule in the place of the real one, and waits until it is served.
    pub fn install_crd_without_rules(&self) {
        let mut crd: Value = serde_json::to_value(<IamMapping as kube::CustomResourceExt>::crd()).unwrap();
        let version = &mut crd["spec"]["versions"][0];
        version["schema"] =
            json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        version.as_object_mut().unwrap().remove("selectableFields");
        self.kubectl_apply(&crd.to_string());
        eventually("the CRD without rules is served", || self.dry_create(&role_of_two_kinds()));
    }

    /// Puts a CRD that does not know `field` of a spec in the place of the real one, and waits until it drops it from
    /// `example`.
    pub fn install_crd_without(&self, field: &str, example: &Value) {
        assert!(example.get(field).is_some(), "{example}");
        let mut crd: Value = serde_json::to_value(<IamMapping as kube::CustomResourceExt>::crd()).unwrap();
        let spec = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        assert!(spec["properties"].as_object_mut().unwrap().remove(field).is_some(), "{spec}");
        self.kubectl_apply(&crd.to_string());
        eventually("the field is dropped", || {
            let object: DynamicObject = serde_json::from_value(object("dry-run", example)).unwrap();
            let params = PostParams { dry_run: true, ..PostParams::default() };
            let stored = wait(self.mappings().create(&params, &object)).unwrap();
            check(stored.data["spec"].get(field).is_none(), || stored.data.to_string())
        });
    }

    fn dry_create(&self, spec: &Value) -> Result<(), String> {
        let object: DynamicObject = serde_json::from_value(object("dry-run", spec)).unwrap();
        let params = PostParams { dry_run: true, ..PostParams::default() };
        wait(self.mappings().create(&params, &object)).map(drop).map_err(|error| error.to_string())
    }

    /// Creates or changes a mapping.
    #[track_caller]
    pub fn apply(&self, name: &str, spec: &Value) {
        self.try_apply(name, spec).unwrap();
    }

    /// The same where it may be refused.
    pub fn try_apply(&self, name: &str, spec: &Value) -> Result<(), String> {
        let params = PatchParams::apply("tests").force();
        wait(self.mappings().patch(name, &params, &Patch::Apply(object(name, spec))))
            .map(drop)
            .map_err(|error| error.to_string())
    }

    /// Creates a mapping as clients do that know nothing of the schema: what that does not know is dropped.
    #[track_caller]
    pub fn create(&self, name: &str, spec: &Value) {
        let object: DynamicObject = serde_json::from_value(object(name, spec)).unwrap();
        wait(self.mappings().create(&PostParams::default(), &object)).unwrap();
    }

    /// Creates or changes many, in no order.
    pub fn apply_all(&self, objects: &[(String, Value)]) {
        let (mappings, params) = (self.mappings(), PatchParams::apply("tests").force());
        let applied = objects.iter().map(|(name, spec)| {
            let (mappings, params, patch) = (&mappings, &params, Patch::Apply(object(name, spec)));
            async move { mappings.patch(name, params, &patch).await.map(drop) }
        });
        let applied = futures::stream::iter(applied).buffer_unordered(8);
        wait(applied.try_collect::<()>()).unwrap();
    }

    /// Deletes every mapping.
    pub fn delete_all(&self) {
        wait(self.mappings().delete_collection(&DeleteParams::default(), &ListParams::default())).unwrap();
    }

    /// Deletes a mapping.
    #[track_caller]
    pub fn delete(&self, name: &str) {
        wait(self.mappings().delete(name, &DeleteParams::default())).unwrap();
    }

    /// A mapping as it is stored.
    #[track_caller]
    pub fn mapping(&self, name: &str) -> Value {
        serde_json::to_value(wait(self.mappings().get(name)).unwrap()).unwrap()
    }

    /// Every mapping as it is stored.
    pub fn all_mappings(&self) -> Vec<Value> {
        let list = wait(self.mappings().list(&ListParams::default())).unwrap();
        list.items.into_iter().map(|object| serde_json::to_value(object).unwrap()).collect()
    }

    /// Waits until a mapping's status is about its newest generation and its `Ready` carries `reason`; returns it.
    #[track_caller]
    pub fn until(&self, name: &str, reason: &str) -> Value {
        eventually(&format!("{name} says {reason}"), || {
            let object = self.mapping(name);
            check(says(&object, reason), || object["status"].to_string())?;
            Ok(object)
        })
    }

    /// How many mappings are `Applied`.
    pub fn applied(&self) -> usize {
        self.all_mappings().iter().filter(|object| says(object, "Applied")).count()
    }

    /// Waits until each of these is `Applied`.
    #[track_caller]
    pub fn until_all_applied(&self, count: usize) {
        eventually(&format!("{count} mappings are Applied"), || {
            let applied = self.applied();
            check(applied == count, || format!("{applied} are"))
        });
    }

    /// What `kubectl get iamm NAME` prints, word by word, without the age.
    pub fn row(&self, name: &str) -> Vec<String> {
        let table = self.kubectl(&["get", "iamm", name]);
        let mut lines = table.lines();
        let columns: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
        assert_eq!(columns, ["NAME", "PRINCIPAL", "USERNAME", "GROUPS", "READY", "REASON", "AGE"]);
        let mut words: Vec<String> = lines.next().unwrap().split_whitespace().map(str::to_owned).collect();
        words.pop();
        words
    }

    /// Writes aws-auth as eksctl leaves it.
    pub fn create_eksctl_aws_auth(&self) {
        self.create_aws_auth(&[("mapRoles", EKSCTL_ROLES), ("mapUsers", EKSCTL_USERS)]);
    }

    /// Writes aws-auth for the first time.
    pub fn create_aws_auth(&self, data: &[(&str, &str)]) {
        let data: BTreeMap<String, String> =
            data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let object = ConfigMap {
            metadata: kube::core::ObjectMeta { name: Some("aws-auth".to_owned()), ..Default::default() },
            data: Some(data),
            ..ConfigMap::default()
        };
        let params = PostParams { field_manager: Some("eksctl".to_owned()), ..PostParams::default() };
        wait(self.config_maps().create(&params, &object)).unwrap();
    }

    /// aws-auth as it is stored.
    pub fn aws_auth(&self) -> Option<ConfigMap> {
        wait(self.config_maps().get_opt("aws-auth")).unwrap()
    }

    /// aws-auth's newest version.
    pub fn version(&self) -> u64 {
        number(&self.aws_auth().unwrap())
    }

    /// Changes aws-auth in any way at all, as `client`; returns the version that it made.
    pub fn change_aws_auth(&self, client: &str, change: impl Fn(&mut ConfigMap)) -> u64 {
        let params = PostParams { field_manager: Some(client.to_owned()), ..PostParams::default() };
        loop {
            let mut object = wait(self.config_maps().get("aws-auth")).unwrap();
            change(&mut object);
            match wait(self.config_maps().replace("aws-auth", &params, &object)) {
                Ok(object) => return number(&object),
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Writes aws-auth's data over whatever stands there, as careless clients do.
    pub fn overwrite_aws_auth(&self, client: &str, data: &BTreeMap<String, String>) {
        let params = PatchParams { field_manager: Some(client.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({"data": data}));
        wait(self.config_maps().patch("aws-auth", &params, &patch)).unwrap();
    }

    /// Deletes aws-auth.
    pub fn delete_aws_auth(&self) {
        wait(self.config_maps().delete("aws-auth", &DeleteParams::default())).unwrap();
    }

    /// Deletes the Lease, as somebody might who wants another leader: once there is one, because a leader notices only
    /// at its next renewal that its Lease is gone.
    pub fn delete_lease(&self) {
        eventually("there is a Lease to be deleted", || {
            wait(self.leases().delete("aws-auth-operator", &DeleteParams::default()))
                .map_err(|error| error.to_string())
        });
    }

    /// The Leases beside aws-auth.
    pub fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.client(), "kube-system")
    }

    /// The text of a key; empty where there is none.
    pub fn text(&self, key: Key) -> String {
        let data = self.aws_auth().and_then(|object| object.data).unwrap_or_default();
        data.get(key.as_str()).cloned().unwrap_or_default()
    }

    /// The entries of a key as the authenticator reads them.
    pub fn entries(&self, key: Key) -> Vec<Entry> {
        entries(&read(self.aws_auth().as_ref(), Uid::default()), key)
    }

    /// The entry of a role.
    pub fn role(&self, arn: &str) -> Option<Entry> {
        self.entries(Key::MapRoles).into_iter().find(|entry| entry.arn == arn)
    }

    /// Reads aws-auth, changes its data and writes it back over the version that was read, over and over until nobody
    /// was faster. Returns the version that it made.
    pub fn edit_aws_auth(&self, client: &str, edit: impl Fn(&mut BTreeMap<String, String>)) -> u64 {
        edit_aws_auth(self.client(), client, edit)
    }

    /// Everything that was said about an object, as `TYPE REASON: note`.
    pub fn events(&self, about: &str) -> Vec<String> {
        let events: Api<Event> = Api::all(self.client());
        let list = wait(events.list(&ListParams::default())).unwrap();
        let about_it = list.items.into_iter().filter(|event| {
            event.regarding.as_ref().and_then(|object| object.name.as_deref()) == Some(about)
        });
        about_it
            .map(|event| {
                let [kind, reason, note] =
                    [event.type_, event.reason, event.note].map(Option::unwrap_or_default);
                format!("{kind} {reason}: {note}")
            })
            .collect()
    }

    /// Waits until something is said about an object that has all of `words`.
    #[track_caller]
    pub fn until_event(&self, about: &str, words: &[&str]) {
        eventually(&format!("an Event about {about} has {words:?}"), || {
            let events = self.events(about);
            let said = events.iter().any(|event| words.iter().all(|word| event.contains(word)));
            check(said, || format!("{events:#?}"))
        });
    }

    /// Who holds the Lease, if anybody does.
    pub fn leader(&self) -> Option<String> {
        let lease = wait(self.leases().get_opt("aws-auth-operator")).unwrap();
        lease?.spec?.holder_identity.filter(|holder| !holder.is_empty())
    }

    /// What the operator knows this cluster by.
    pub fn uid(&self) -> Uid {
        let namespaces: Api<Namespace> = Api::all(self.client());
        Uid::parse(&wait(namespaces.get("kube-system")).unwrap().metadata.uid.unwrap()).unwrap()
    }

    fn mappings(&self) -> Api<DynamicObject> {
        Api::all_with(self.client(), &ApiResource::erase::<IamMapping>(&()))
    }

    /// `ConfigMaps` beside aws-auth, and itself.
    pub fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client(), "kube-system")
    }
}

impl Seat {
    fn take() -> Self {
        let mut pool = POOL.lock().unwrap();
        while pool.free.is_empty() && pool.taken == MOST_AT_ONCE {
            pool = RETURNED.wait(pool).unwrap();
        }
        pool.taken += 1;
        Self(pool.free.pop())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let plane = self.0.take().filter(|_| !thread::panicking());
        let mut pool = POOL.lock().unwrap();
        pool.taken -= 1;
        pool.free.extend(plane);
        RETURNED.notify_one();
    }
}

fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    wait(async {
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        // A test may give the API server another certificate, and wants to know how it answers at once.
        config.accept_invalid_certs = true;
        config.default_retry = false;
        Client::try_from(config).unwrap()
    })
}

/// [`Cluster::edit_aws_auth`] for whoever has only a client.
pub fn edit_aws_auth(client: Client, name: &str, edit: impl Fn(&mut BTreeMap<String, String>)) -> u64 {
    let api: Api<ConfigMap> = Api::namespaced(client, "kube-system");
    let params = PostParams { field_manager: Some(name.to_owned()), ..PostParams::default() };
    loop {
        let mut object = wait(api.get("aws-auth")).unwrap();
        edit(object.data.as_mut().unwrap());
        match wait(api.replace("aws-auth", &params, &object)) {
            Ok(object) => return number(&object),
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn object(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "aws-auth.dev/v1alpha1", "kind": "IamMapping", "metadata": {"name": name}, "spec": spec})
}

/// What any rule refuses.
fn role_of_two_kinds() -> Value {
    json!({"arn": super::arn("dry-run"), "accountId": "111122223333"})
}

fn says(object: &Value, reason: &str) -> bool {
    let ready = object["status"]["conditions"]
        .as_array()
        .and_then(|conditions| conditions.iter().find(|condition| condition["type"] == "Ready"));
    object["status"]["observedGeneration"] == object["metadata"]["generation"]
        && ready.is_some_and(|ready| ready["reason"] == reason)
}

/// aws-auth as the core reads it.
pub fn read(object: Option<&ConfigMap>, cluster: Uid) -> AwsAuth {
    let Some(object) = object else { return AwsAuth::missing() };
    let source = Source {
        data: object.data.clone().unwrap_or_default(),
        annotations: object.metadata.annotations.clone().unwrap_or_default(),
        unwritable: None,
    };
    AwsAuth::read(source, cluster)
}
