//! Watches over the operator's shoulder: every committed version of aws-auth is recorded, and so is every request that
//! could change it.

mod journal;
mod ledger;
mod reading;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_auth_operator::api::IamMapping;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ApiResource, DynamicObject};
use serde_json::Value;

use crate::common::{Cluster, ONLY_AWS_AUTH, Proxy, Record, Recording, check, eventually};
use journal::Wish;
pub use journal::condition;
pub use ledger::{APPROVE, Audit};
use ledger::{Material, Sent};
pub use reading::Item;

/// For so long after a change what it replaced may still be written: it was on its way.
const GRACE: Duration = Duration::from_secs(2);

/// An auditor; it begins with what is there.
pub struct Auditor {
    aws_auth: Recording<ConfigMap>,
    mappings: Recording<DynamicObject>,
    /// ARNs that may have privileged values, in lower case.
    privileged: BTreeSet<String>,
    everything_is_ours: bool,
}

impl Auditor {
    pub fn start(cluster: &Cluster, privileged: &[String]) -> Self {
        let mappings = Api::all_with(cluster.client(), &ApiResource::erase::<IamMapping>(&()));
        Self {
            aws_auth: Recording::start(Api::namespaced(cluster.client(), "kube-system"), ONLY_AWS_AUTH),
            mappings: Recording::start(mappings, ""),
            privileged: privileged.iter().map(|arn| arn.to_lowercase()).collect(),
            everything_is_ours: false,
        }
    }

    /// Where the operator does not go through the proxy, and nobody else writes.
    pub fn takes_everything_for_ours(&mut self) {
        self.everything_is_ours = true;
    }

    /// Everything until now.
    #[track_caller]
    pub fn audit(&self, proxy: &Proxy) -> Audit {
        let (seen, records) = eventually("no write is on its way", || {
            let before = proxy.records();
            let seen = self.aws_auth.all();
            let records = proxy.records();
            let writes = |records: &[Record]| {
                records.iter().filter(|record| record.call.writes_aws_auth()).cloned().collect::<Vec<_>>()
            };
            let (before, now) = (writes(&before), writes(&records));
            let same = before.len() == now.len() && before.iter().chain(&now).all(|record| !record.pending);
            check(same, || format!("{} and {} writes", before.len(), now.len()))?;
            Ok((seen, records))
        });
        let sent: Vec<Sent> =
            records.iter().filter(|record| record.call.writes_aws_auth()).map(Sent::of).collect();
        Audit::of(Material {
            aws_auth: seen,
            mappings: &self.mappings.all(),
            sent: &sent,
            privileged: &self.privileged,
            everything_is_ours: self.everything_is_ours,
            stood: &|wish: &Wish, number: u64, at: Instant| wish.stood(number, at, GRACE),
            known: &|_| u64::MAX,
        })
    }
}

impl Sent {
    fn of(record: &Record) -> Self {
        Self {
            verb: record.call.verb,
            query: record.call.query.clone(),
            body: serde_json::from_slice(&record.call.body).unwrap_or_default(),
            version: record.version,
        }
    }
}

/// What an object asks for.
pub fn wish(object: &Value) -> Option<Wish> {
    Wish::of(object, 0)
}
