//! What is timed: one change by the operator, and beside it the hops that no operator can do without.
//!
//! The hops are made on a twin: a kind and a `ConfigMap` of the same shape and size that the operator does not know.
//! So both are measured in turns, on the same API server, each after the same pause.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::{TryFutureExt as _, try_join};
use http::Method;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};

use crate::watch::Watch;
use crate::world::{GROUP, TWIN_GROUP, TWIN_NAMESPACE, World, aws_auth_path, config_maps};

/// What somebody does to aws-auth.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Damage {
    /// A key does not parse any more.
    Malformed,
    /// It is gone.
    Deleted,
    /// No key has an entry.
    Emptied,
}

impl Damage {
    /// aws-auth with it; `None` where there is none left.
    fn of(self, whole: &ConfigMap) -> Option<ConfigMap> {
        let mut damaged = whole.clone();
        let texts = damaged.data.iter_mut().flat_map(|data| data.values_mut());
        match self {
            Self::Malformed => texts.for_each(|text| text.push_str("  - broken: [\n")),
            Self::Emptied => texts.for_each(|text| "[]\n".clone_into(text)),
            Self::Deleted => return None,
        }
        Some(damaged)
    }
}

/// A world with the watches that its hops are timed by.
pub(crate) struct Hops<'a> {
    world: &'a World,
    aws_auth: Watch<String>,
    twins: Watch<()>,
    twin_aws_auth: Watch<String>,
    twin: Value,
    writes: u32,
    pause: Duration,
}

impl<'a> Hops<'a> {
    /// Makes a twin of aws-auth as it stands. The pause is between two samples.
    pub(crate) async fn start(world: &'a World, pause: Duration) -> anyhow::Result<Self> {
        let ConfigMap { metadata, data, .. } = world.aws_auth().await?;
        let annotations = metadata.annotations;
        let metadata = json!({ "name": "aws-auth", "namespace": TWIN_NAMESPACE, "annotations": annotations });
        let mut twin = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data });
        let aws_auth = world.watch_aws_auth(crate::world::NAMESPACE).await?;
        let mut twin_aws_auth = world.watch_aws_auth(TWIN_NAMESPACE).await?;
        world.send(Method::POST, &config_maps(TWIN_NAMESPACE), &twin).await?;
        twin["metadata"]["resourceVersion"] = twin_aws_auth.next().await?.1.into();
        Ok(Self { world, aws_auth, twins: world.watch_twins().await?, twin_aws_auth, twin, writes: 0, pause })
    }

    /// A mapping is created until aws-auth, changed by the operator, is heard of. In milliseconds, like all of these.
    pub(crate) async fn apply(&mut self, n: u32) -> anyhow::Result<f64> {
        self.quiet().await?;
        self.apply_now(n).await
    }

    /// The same without a pause before it.
    pub(crate) async fn apply_now(&mut self, n: u32) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let ((), (heard, _)) = try_join!(self.world.create(GROUP, n), self.aws_auth.next())?;
        ensure!(self.world.holds(n).await?, "aws-auth changed without taking mapping {n} in");
        Ok(milliseconds(heard - begun))
    }

    /// A mapping is deleted until aws-auth, changed by the operator, is heard of.
    pub(crate) async fn revoke(&mut self, n: u32) -> anyhow::Result<f64> {
        self.quiet().await?;
        let begun = Instant::now();
        let ((), (heard, _)) = try_join!(self.world.delete(GROUP, n), self.aws_auth.next())?;
        ensure!(!self.world.holds(n).await?, "aws-auth changed without letting mapping {n} go");
        Ok(milliseconds(heard - begun))
    }

    /// The floor of one change: an object is created until it is heard of, then aws-auth is written until it is.
    pub(crate) async fn floor(&mut self, n: u32) -> anyhow::Result<f64> {
        let body = self.next_body()?;
        self.quiet().await?;
        let begun = Instant::now();
        // The write goes when the object is heard of, as an operator's would, not when its creation was answered.
        let (twins, twin_aws_auth, world) = (&mut self.twins, &mut self.twin_aws_auth, self.world);
        let second = twins.next().and_then(|_| async { write_twin(world, twin_aws_auth, body).await });
        let ((), (heard, version)) = try_join!(self.world.create(TWIN_GROUP, n), second)?;
        self.twin["metadata"]["resourceVersion"] = version.into();
        self.world.delete(TWIN_GROUP, n).await?;
        Ok(milliseconds(heard - begun))
    }

    /// The limit at this size: aws-auth is written until that is heard of.
    pub(crate) async fn limit(&mut self) -> anyhow::Result<f64> {
        let body = self.next_body()?;
        self.quiet().await?;
        let begun = Instant::now();
        let (heard, version) = write_twin(self.world, &mut self.twin_aws_auth, body).await?;
        self.twin["metadata"]["resourceVersion"] = version.into();
        Ok(milliseconds(heard - begun))
    }

    /// aws-auth is damaged until it is heard of with all that it said before, to the byte.
    pub(crate) async fn restore(&mut self, damage: Damage, client: &str) -> anyhow::Result<f64> {
        self.quiet().await?;
        let whole = self.world.aws_auth().await?;
        let path = aws_auth_path(crate::world::NAMESPACE);
        let begun = Instant::now();
        match damage.of(&whole) {
            Some(damaged) => {
                // Whoever breaks it again and again would be fought more slowly.
                let path = format!("{path}?fieldManager={client}");
                self.world.send(Method::PUT, &path, &serde_json::to_value(damaged)?).await?;
            }
            None => self.world.send(Method::DELETE, &path, &json!({})).await?,
        }
        loop {
            let (heard, version) = self.aws_auth.next().await?;
            let now = self.world.aws_auth_if_any().await?;
            let is_whole = |now: &ConfigMap| {
                now.metadata.resource_version.as_ref() == Some(&version) && now.data == whole.data
            };
            if now.as_ref().is_some_and(is_whole) {
                return Ok(milliseconds(heard - begun));
            }
        }
    }

    /// A change of the twin, encoded.
    fn next_body(&mut self) -> anyhow::Result<Vec<u8>> {
        self.writes += 1;
        self.twin["metadata"]["labels"] = json!({ "writes": self.writes.to_string() });
        serde_json::to_vec(&self.twin).context("encode the twin of aws-auth")
    }

    /// Waits for the pause to be over. Nothing may come of the sample before it any more.
    async fn quiet(&mut self) -> anyhow::Result<()> {
        tokio::time::sleep(self.pause).await;
        self.twins.drain()?;
        let late = self.aws_auth.drain()?.len() + self.twin_aws_auth.drain()?.len();
        ensure!(late == 0, "aws-auth was written {late} times more than a change needs");
        Ok(())
    }
}

async fn write_twin(
    world: &World,
    watch: &mut Watch<String>,
    body: Vec<u8>,
) -> anyhow::Result<(Instant, String)> {
    let path = aws_auth_path(TWIN_NAMESPACE);
    let ((), heard) = try_join!(world.send_bytes(Method::PUT, &path, body), watch.next())?;
    Ok(heard)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
