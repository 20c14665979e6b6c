//! How the operator grows: one more apply, beside the limits, and what it asks of the API server, at each size.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use control_plane::Carried;

use crate::hops::Hops;
use crate::measure::{DEFAULTS, MORE, count, populated, until_quiet};
use crate::operator::Operator;
use crate::report::{Bound, Row, Size};
use crate::world::{NAMESPACE, World};

/// Samples of each kind.
const SAMPLES: u32 = 30;
/// What connects, compiles or caches something; not counted.
const WARM_UP: u32 = 2;
/// Shorter than where single changes are measured: there are many samples of three kinds.
const PAUSE: Duration = Duration::from_secs(1);
/// For which bytes and requests are counted, with as many applies and with none.
const WINDOW: Duration = Duration::from_secs(12);
const APPLIES: u32 = 3;

/// Everything at one size.
pub(crate) async fn size(binary: &Path, mappings: u32) -> anyhow::Result<(Size, Vec<Row>)> {
    let world = World::start().await?;
    let mut aws_auth = world.watch_aws_auth(NAMESPACE).await?;
    let operator = populated(binary, &world, mappings).await?;
    let start_writes = count(aws_auth.drain()?.len())?;
    let (mut applies, mut floors, mut puts) = (Vec::new(), Vec::new(), Vec::new());
    let mut hops = Hops::start(&world, PAUSE).await?;
    for n in 0..WARM_UP + SAMPLES {
        let put = hops.limit().await?;
        let floor = hops.floor(MORE + n).await?;
        let apply = hops.apply(MORE + n).await?;
        if n >= WARM_UP {
            eprintln!("  one PUT {put:.1} floor {floor:.1} apply {apply:.1} ms");
            applies.push(apply);
            floors.push(floor);
            puts.push(put);
        }
    }
    drop(hops);
    let peak = operator.peak_memory()?;
    operator.stop()?;
    let asked = asked(binary, &world, MORE + WARM_UP + SAMPLES).await?;

    let name = format!("{mappings} mappings");
    // Up to a hundred the two hops are what takes the time, above that the size of aws-auth.
    let bound = if mappings <= 100 {
        Bound::Times { times: 1.25, limit: "floor", samples: floors.clone() }
    } else {
        Bound::Times { times: 2.5, limit: "one PUT", samples: puts.clone() }
    };
    let most_memory = if mappings <= 1_000 { 20.0 } else { 32.0 };
    let rows = vec![
        Row { name: format!("one more apply at {mappings}"), unit: "ms", samples: applies.clone(), bound },
        Row::one(format!("peak memory, {name}"), "MiB", peak, Bound::AtMost(most_memory)),
        Row::one(format!("cold start, {name}: writes"), "count", start_writes, Bound::Exactly(1.0)),
        Row::one(format!("one apply at {mappings}: requests"), "count", asked.requests, Bound::AtMost(4.0)),
        Row::one(format!("idle at {mappings}: requests"), "count", asked.idle_requests, Bound::Exactly(0.0)),
    ];
    let kilobytes = asked.kilobytes;
    Ok((
        Size { mappings, applies, floors, puts, peak, start_writes, requests: asked.requests, kilobytes },
        rows,
    ))
}

/// What one apply asks of the API server.
struct Asked {
    /// But for those that renew the Lease and those that watch.
    requests: f64,
    /// There and back, in kilobytes, with all that TLS adds.
    kilobytes: (f64, f64),
    /// In as long a time without an apply.
    idle_requests: f64,
}

/// Counts on a wire of its own, so that it lengthens nothing that is timed.
async fn asked(binary: &Path, world: &World, first: u32) -> anyhow::Result<Asked> {
    let wire = world.plane.wire(&world.plane.kubeconfig_path())?;
    let mut news = world.watch_mappings().await?;
    let operator = Operator::start_over(binary, &world.plane, DEFAULTS, wire.kubeconfig())?;
    operator.until_ready().await?;
    until_quiet(&mut news).await?;
    // The first apply wakes what has slept since the start.
    world.create(crate::world::GROUP, first).await?;
    until_quiet(&mut news).await?;
    tokio::time::sleep(WINDOW).await;

    let (requests, carried) = (operator.requests()?, wire.carried());
    tokio::time::sleep(WINDOW).await;
    let (idle_requests, idle) = (operator.requests()? - requests, since(carried, wire.carried()));

    let (requests, carried) = (operator.requests()?, wire.carried());
    for n in 1..=APPLIES {
        world.create(crate::world::GROUP, first + n).await?;
        tokio::time::sleep(WINDOW / APPLIES).await;
    }
    let (requests, busy) = (operator.requests()? - requests, since(carried, wire.carried()));
    for n in 0..=APPLIES {
        ensure!(world.holds(first + n).await?, "aws-auth does not hold mapping {}", first + n);
    }
    operator.stop()?;
    // What goes over the wire all the time is taken off.
    let each = |busy: u64, idle: u64| -> anyhow::Result<f64> {
        let bytes = u32::try_from(busy.saturating_sub(idle)).context("far too many bytes")?;
        Ok(f64::from(bytes / APPLIES) / 1000.0)
    };
    Ok(Asked {
        requests: count(requests)? / f64::from(APPLIES),
        kilobytes: (each(busy.there, idle.there)?, each(busy.back, idle.back)?),
        idle_requests: count(idle_requests)?,
    })
}

fn since(before: Carried, now: Carried) -> Carried {
    Carried { there: now.there - before.there, back: now.back - before.back }
}
