//! What the watches tell, taken in: rows, versions, readiness, and whether a plan is due.

use futures::{FutureExt as _, StreamExt as _};
use kube::Resource as _;
use kube::runtime::watcher::{self, Event};
use tokio::time::Instant;

use super::Engine;
use crate::api::convert;
use crate::client::chain;
use crate::controller::mappings::{Effect, Row};
use crate::controller::requests;
use crate::controller::sources::{AwsAuthMetadata, GuardedMapping, Turn};
use crate::controller::status_writer::Address;
use crate::telemetry::health::Gate;

/// A change that has arrived is heard of after so many looks at the latest.
const LISTENS: u32 = 2;

impl Engine {
    pub(super) fn mapping(&mut self, turn: Turn<GuardedMapping>) {
        let health = &self.parts.telemetry.health;
        let effect = match turn {
            Err(error) => {
                health.close(Gate::IamMappings, why(&error));
                return;
            }
            Ok(Event::Init) => {
                self.mappings.list_begins();
                return;
            }
            Ok(Event::InitApply(object)) => {
                let row = self.seen(&object);
                self.mappings.listed(row);
                return;
            }
            Ok(Event::InitDone) => {
                health.open(Gate::IamMappings);
                let effect = self.mappings.list_ends();
                self.statuses.keep_only(&self.mappings);
                tracing::info!(mappings = self.mappings.len(), "IamMappings listed");
                effect
            }
            Ok(Event::Apply(object)) => {
                let row = self.seen(&object);
                self.mappings.applied(row)
            }
            Ok(Event::Delete(object)) => {
                let row = row(&object);
                self.statuses.gone(row.mapping.uid);
                let version = object.meta().resource_version.as_deref();
                self.mappings.deleted(&row.mapping.name, row.mapping.uid, version)
            }
        };
        if effect == Effect::Changed {
            self.pacer.changed(Instant::now());
        }
    }

    /// Takes in what has arrived already: a plan made between two changes would write what is no more.
    pub(super) async fn hear_the_rest(&mut self) {
        let mut silent = 0;
        while silent < LISTENS {
            silent += 1;
            // What is on its way through the connection's own task comes out of it.
            tokio::task::yield_now().await;
            while let Some(Some(turn)) = self.mapping_turns.next().now_or_never() {
                self.mapping(turn);
                silent = 0;
            }
            while let Some(Some(turn)) = self.target_turns.next().now_or_never() {
                self.target(turn);
                silent = 0;
            }
        }
    }

    /// Takes in what an object says of itself, and prunes it.
    fn seen(&mut self, object: &GuardedMapping) -> Row {
        let row = row(object);
        let status = object.0.as_ref().ok().and_then(|object| object.status.as_ref());
        self.statuses.seen(Address { name: row.mapping.name.clone(), uid: row.mapping.uid }, status);
        row
    }

    pub(super) fn target(&mut self, turn: Turn<AwsAuthMetadata>) {
        let news = match turn {
            Err(error) => {
                self.parts.telemetry.health.close(Gate::AwsAuth, why(&error));
                false
            }
            Ok(Event::Init) => {
                self.target.list_begins();
                self.listed_version = None;
                false
            }
            Ok(Event::InitApply(object)) => {
                self.listed_version = object.metadata.resource_version;
                false
            }
            Ok(Event::InitDone) => {
                self.target.listed(self.listed_version.take());
                self.target.live().is_none()
            }
            Ok(Event::Apply(object) | Event::Delete(object)) => {
                object.metadata.resource_version.is_some_and(|version| self.target.heard(version))
            }
        };
        if news {
            self.pacer.changed(Instant::now());
        }
    }
}

fn row(object: &GuardedMapping) -> Row {
    Row { mapping: convert::guarded(object), generation: object.meta().generation.unwrap_or_default() }
}

/// What is wrong with a watch, for the person who must act.
pub(super) fn why(error: &watcher::Error) -> String {
    let (watcher::Error::InitialListFailed(cause)
    | watcher::Error::WatchStartFailed(cause)
    | watcher::Error::WatchFailed(cause)) = error
    else {
        return chain(error);
    };
    match cause {
        kube::Error::Api(status) if status.code == 404 => format!(
            "the CRD {} is not installed; apply it with: aws-auth-operator crd | kubectl apply -f -",
            requests::CRD
        ),
        kube::Error::Api(status) => format!("{} (HTTP {})", status.message, status.code),
        error => chain(error),
    }
}
