//! The measurements, each on a control plane of its own. The bounds are those of `docs/performance.md`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::hops::{Damage, Hops};
use crate::operator::Operator;
use crate::report::{Bound, Row};
use crate::world::{NAMESPACE, World, until_ready};

/// Samples of each kind.
const SAMPLES: u32 = 20;
/// What connects, compiles or caches something; not counted.
const WARM_UP: u32 = 2;
const IDLE: Duration = Duration::from_mins(1);
/// Between two samples: long enough that everything has gone to sleep.
const PAUSE: Duration = Duration::from_secs(2);
/// The configuration that changes nothing.
pub(crate) const DEFAULTS: &str = "mode: Enforce\n";
/// Mappings beyond those that a world was populated with.
pub(crate) const MORE: u32 = 90_000;

/// The release binary.
pub(crate) fn size_of(binary: &Path) -> anyhow::Result<Row> {
    let bytes = fs::metadata(binary).with_context(|| binary.display().to_string())?.len();
    let mebibytes = f64::from(u32::try_from(bytes >> 10)?) / 1024.0;
    Ok(Row::one("release binary", "MiB", mebibytes, Bound::AtMost(12.0)))
}

/// One apply and one revoke on a small aws-auth, beside the floor.
pub(crate) async fn single(binary: &Path) -> anyhow::Result<Vec<Row>> {
    /// The removal brake lets through ten in ten minutes, where there are so many mappings.
    const MAPPINGS: u32 = 50;
    const WORLDS: u32 = 4;
    let (mut applies, mut revokes, mut floors) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..WORLDS {
        let world = World::start().await?;
        world.create_aws_auth().await?;
        let operator = populated(binary, &world, MAPPINGS).await?;
        let mut hops = Hops::start(&world, PAUSE).await?;
        for n in 0..WARM_UP + SAMPLES / WORLDS {
            let before = hops.floor(MORE + n).await?;
            let apply = hops.apply(MORE + n).await?;
            let between = hops.floor(MORE + n).await?;
            let revoke = hops.revoke(MORE + n).await?;
            if n >= WARM_UP {
                eprintln!("  floor {before:.1} apply {apply:.1} floor {between:.1} revoke {revoke:.1} ms");
                applies.push(apply);
                revokes.push(revoke);
                floors.extend([before, between]);
            }
        }
        operator.stop()?;
    }
    let bound = |samples| Bound::Times { times: 1.25, limit: "floor", samples };
    Ok(vec![
        Row { name: "one apply".into(), unit: "ms", samples: applies, bound: bound(floors.clone()) },
        Row { name: "one revoke".into(), unit: "ms", samples: revokes, bound: bound(floors) },
    ])
}

/// 1,000 mappings created at once, and a quiet minute after.
pub(crate) async fn burst(binary: &Path) -> anyhow::Result<Vec<Row>> {
    const MAPPINGS: u32 = 1_000;
    let world = World::start().await?;
    world.create_aws_auth().await?;
    let operator = Operator::start(binary, &world.plane, DEFAULTS)?;
    let mut aws_auth = world.watch_aws_auth(NAMESPACE).await?;
    let mut mappings = world.watch_mappings().await?;
    // So that the operator is at work when the burst comes.
    world.create(crate::world::GROUP, MORE).await?;
    until_ready(&mut mappings, 1).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    aws_auth.drain()?;

    let created = world.populate(0..MAPPINGS).await?;
    let ready = until_ready(&mut mappings, MAPPINGS as usize).await?;
    let writes = aws_auth.drain()?;
    let written = writes.last().map(|(at, _)| *at).context("nothing was written")?;
    let held = world.held().await?;
    ensure!(held == MAPPINGS as usize + 1, "aws-auth has {held} of the mappings");
    eprintln!("  {} writes, ready after {:.2} s", writes.len(), seconds(created, ready));

    // Then: what is said of the burst besides, as Events, is part of it.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let late = aws_auth.drain()?.len();
    let busy = operator.cpu()?;
    tokio::time::sleep(IDLE).await;
    let busy = operator.cpu()? - busy;
    let idle_writes = aws_auth.drain()?.len();
    let peak = operator.peak_memory()?;
    operator.stop()?;
    Ok(vec![
        Row::one("1,000 at once: writes", "count", count(writes.len() + late)?, Bound::AtMost(10.0)),
        Row::one(
            "1,000 at once: in aws-auth after the last create",
            "s",
            seconds(created, written),
            Bound::AtMost(2.0),
        ),
        Row::one(
            "1,000 at once: Ready after the last create",
            "s",
            seconds(created, ready),
            Bound::AtMost(5.0),
        ),
        Row::one("60 s idle: writes", "count", count(idle_writes)?, Bound::Exactly(0.0)),
        Row::one("60 s idle: CPU a second", "ms", busy / IDLE.as_secs_f64(), Bound::AtMost(1.0)),
        Row::one("peak memory, 1,000 mappings", "MiB", peak, Bound::AtMost(20.0)),
    ])
}

/// One apply while at least 3,000 statuses are unsent, beside the same when all are sent.
pub(crate) async fn statuses(binary: &Path) -> anyhow::Result<Vec<Row>> {
    const MAPPINGS: u32 = 4_000;
    const UNSENT: usize = 3_000;
    const ROUNDS: u32 = 5;
    /// Of each kind in each round: the token bucket has five.
    const IN_A_ROUND: u32 = 4;
    let world = World::start().await?;
    world.create_aws_auth().await?;
    let mut operator = populated(binary, &world, MAPPINGS).await?;
    let mut hops = Hops::start(&world, PAUSE).await?;
    let (mut calm, mut storm) = (Vec::new(), Vec::new());
    let mut n = MORE;
    for round in 0..ROUNDS {
        // Every status says whether access entries outrank aws-auth: with the other answer each has to be sent again,
        // and aws-auth stays as it is.
        let mode = if round % 2 == 0 { "Both" } else { "ConfigMap" };
        operator.stop()?;
        let mut mappings = world.watch_mappings().await?;
        operator = Operator::start(binary, &world.plane, &format!("authenticationMode: {mode}\n"))?;
        mappings.next().await.context("no status is sent")?;
        let (mut sent, mut sampled) = (1, 0);
        let all = (MAPPINGS + n - MORE) as usize;
        while sampled < IN_A_ROUND {
            tokio::time::sleep(Duration::from_millis(150)).await;
            sent += mappings.drain()?.len();
            if all - sent < UNSENT {
                break;
            }
            storm.push(hops.apply_now(n).await?);
            n += 1;
            sampled += 1;
        }
        eprintln!("  {sampled} samples until {sent} of {all} were sent");
        ensure!(sampled > 0, "the statuses were sent before anything could be measured");
        until_quiet(&mut mappings).await?;
        for _ in 0..IN_A_ROUND {
            calm.push(hops.apply(n).await?);
            n += 1;
        }
    }
    operator.stop()?;
    let bound = Bound::Times { times: 3.0, limit: "usually", samples: calm };
    Ok(vec![Row { name: "one apply, 3,000 statuses unsent".into(), unit: "ms", samples: storm, bound }])
}

/// aws-auth broken, deleted and emptied until it is whole again, beside one PUT of it.
pub(crate) async fn restores(binary: &Path) -> anyhow::Result<Vec<Row>> {
    const MAPPINGS: u32 = 50;
    // One that is deleted or emptied may be about to be made again: for a second nobody does anything.
    const DAMAGES: [(Damage, &str, f64); 3] = [
        (Damage::Malformed, "malformed, whole again", 1_000.0),
        (Damage::Deleted, "deleted, whole again", 2_000.0),
        (Damage::Emptied, "emptied, whole again", 2_000.0),
    ];
    let world = World::start().await?;
    world.create_aws_auth().await?;
    let operator = populated(binary, &world, MAPPINGS).await?;
    let mut hops = Hops::start(&world, PAUSE).await?;
    let (mut taken, mut limits) = (DAMAGES.map(|_| Vec::new()), Vec::new());
    for n in 0..WARM_UP + SAMPLES {
        let limit = hops.limit().await?;
        let mut round = Vec::new();
        for (damage, ..) in DAMAGES {
            round.push(hops.restore(damage, &format!("careless-{n}-{damage:?}")).await?);
        }
        eprintln!("  limit {limit:.1} malformed, deleted, emptied {round:.1?} ms");
        if n >= WARM_UP {
            taken.iter_mut().zip(round).for_each(|(samples, sample)| samples.push(sample));
            limits.push(limit);
        }
    }
    operator.stop()?;
    let row = |((_, name, most), samples): ((Damage, &str, f64), Vec<f64>)| {
        let bound = Bound::NoneAbove { most, limit: "one PUT", samples: limits.clone() };
        Row { name: name.into(), unit: "ms", samples, bound }
    };
    Ok(DAMAGES.into_iter().zip(taken).map(row).collect())
}

/// Starts an operator on so many mappings and waits until each is ready and all is quiet.
pub(crate) async fn populated(binary: &Path, world: &World, mappings: u32) -> anyhow::Result<Operator> {
    world.populate(0..mappings).await?;
    let mut news = world.watch_mappings().await?;
    let begun = Instant::now();
    let operator = Operator::start(binary, &world.plane, DEFAULTS)?;
    until_ready(&mut news, mappings as usize).await?;
    eprintln!("  {mappings} ready {:.1} s after the start", begun.elapsed().as_secs_f64());
    until_quiet(&mut news).await?;
    // Events go after statuses.
    tokio::time::sleep(Duration::from_secs(10)).await;
    Ok(operator)
}

/// Waits until nothing is heard for two seconds.
pub(crate) async fn until_quiet<T: Send + 'static>(watch: &mut crate::watch::Watch<T>) -> anyhow::Result<()> {
    loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        if watch.drain()?.is_empty() {
            return Ok(());
        }
    }
}

/// From `begin` to `end`; nothing when it was the other way round.
fn seconds(begin: Instant, end: Instant) -> f64 {
    end.saturating_duration_since(begin).as_secs_f64()
}

pub(crate) fn count(number: usize) -> anyhow::Result<f64> {
    Ok(f64::from(u32::try_from(number)?))
}
