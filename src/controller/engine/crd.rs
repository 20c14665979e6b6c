//! The CRD, taken in: what its watch tells, and the schema, which is read once for each version of it.

use std::time::Duration;

use futures::FutureExt as _;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::runtime::watcher::Event;
use tokio::time::Instant;

use super::hear::why;
use super::{Engine, Trouble};
use crate::client::call;
use crate::controller::crd::Read;
use crate::controller::requests;
use crate::controller::sources::{self, CrdMetadata, Turn};
use crate::telemetry::health::Gate;

pub(super) type SchemaOutcome = Result<CustomResourceDefinition, Trouble>;

impl Engine {
    pub(super) fn crd_turn(&mut self, turn: Turn<CrdMetadata>) {
        let before = self.crd.uid();
        let read = match turn {
            Err(error) => {
                self.crd.lost();
                self.parts.telemetry.health.close(Gate::Crd, why(&error));
                // What it keeps can be known all the same.
                if !self.crd.known() && self.schema.is_none() {
                    self.read_schema(Duration::ZERO);
                }
                return;
            }
            Ok(Event::Init) => {
                self.crd.lost();
                return;
            }
            Ok(Event::InitApply(crd)) => {
                self.crd.listed(crd);
                return;
            }
            Ok(Event::InitDone) => self.crd.list_ends(),
            Ok(Event::Apply(crd)) => self.crd.now(Some(crd.metadata)),
            Ok(Event::Delete(_)) => self.crd.now(None),
        };
        if before.is_some() && before != self.crd.uid() {
            // The mappings that are known were those of the one before, whatever their watch has told.
            self.mapping_turns = sources::mappings(self.parts.client.clone(), &self.parts.durations);
            self.mappings.list_begins();
        }
        if read == Read::Again {
            self.read_schema(Duration::ZERO);
        }
        self.crd.tell(&self.parts.telemetry.health);
    }

    pub(super) fn schema(&mut self, outcome: SchemaOutcome) {
        let before = self.crd.known().then(|| self.crd.outdated());
        match outcome {
            Ok(crd) => match self.crd.read(crd) {
                Read::Done => self.schema_setbacks.succeeded(),
                Read::Again => {
                    let pause = self.schema_setbacks.next_pause();
                    self.read_schema(pause);
                }
            },
            Err(error) => {
                self.crd.unreadable(error.to_string());
                let pause = self.schema_setbacks.next_pause().max(error.retry_after().unwrap_or_default());
                self.read_schema(pause);
            }
        }
        self.crd.tell(&self.parts.telemetry.health);
        if before != Some(self.crd.outdated()) {
            self.pacer.changed(Instant::now());
        }
    }

    pub(super) fn read_schema(&mut self, pause: Duration) {
        let (client, deadline) = (self.parts.client.clone(), self.parts.durations.read);
        let read = async move {
            tokio::time::sleep(pause).await;
            Ok(call(&client, requests::get_whole_crd()?, deadline).await?)
        };
        self.schema = Some(read.boxed());
    }
}
