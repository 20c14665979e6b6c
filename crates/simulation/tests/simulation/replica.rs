//! Operator processes: started, killed at any request, frozen, told to stop, and started again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_auth::settings::Settings;
use aws_auth_operator::{Clock, Replica, TimeScale};
use fastrand::Rng;
use futures::future::{BoxFuture, FutureExt as _};
use tokio::sync::watch::{Receiver, Sender};

use crate::clock;
use crate::network::Cluster;

/// What is done to the processes of one place, from outside.
#[derive(Debug, Clone)]
pub struct Levers {
    /// It is stopped as SIGSTOP does it.
    pub frozen: Sender<bool>,
    /// It is told to end as SIGTERM does it.
    pub stop: Sender<u64>,
    /// It is killed.
    pub kill: Sender<u64>,
}

impl Levers {
    pub fn new() -> Self {
        Self { frozen: Sender::new(false), stop: Sender::new(0), kill: Sender::new(0) }
    }
}

/// Runs one process after another in one place, for ever.
pub async fn keep_running(
    cluster: Arc<Cluster>,
    place: usize,
    settings: Settings,
    scale: TimeScale,
    levers: Levers,
    mut rng: Rng,
) {
    for n in 0.. {
        // Each process has a number of its own: what one knew is lost with it.
        let process = place * 1_000 + n;
        let killed = Sender::new(false);
        let client = cluster.client(process, killed.clone());
        let replica = Replica::new(client, settings.clone(), scale, Clock::new(clock::now));
        cluster.log(&format!("p{process}: started"));
        let stop = told(levers.stop.subscribe());
        let work =
            Freezing { work: replica.work(stop).boxed(), frozen: levers.frozen.subscribe(), thaw: None };
        let mut killed = killed.subscribe();
        let at_a_request = async move {
            let _ = killed.wait_for(|killed| *killed).await;
        };
        tokio::select! {
            biased;
            () = told(levers.kill.subscribe()) => cluster.log(&format!("p{process}: killed from outside")),
            () = at_a_request => {}
            () = work => cluster.log(&format!("p{process}: ended")),
        }
        if !cluster.is_calm() {
            let most = if rng.u8(0..4) == 0 { 40_000 } else { 2_000 };
            tokio::time::sleep(Duration::from_millis(rng.u64(0..=most))).await;
        }
    }
}

/// The next time that a lever is pulled.
async fn told(mut lever: Receiver<u64>) {
    lever.mark_unchanged();
    if lever.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Work that is not gone on with while it is frozen; time passes all the same.
struct Freezing {
    work: BoxFuture<'static, ()>,
    frozen: Receiver<bool>,
    thaw: Option<BoxFuture<'static, ()>>,
}

impl Future for Freezing {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(thaw) = &mut self.thaw {
                if thaw.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                self.thaw = None;
            }
            if !*self.frozen.borrow() {
                break;
            }
            let mut frozen = self.frozen.clone();
            let thaw = async move {
                let _ = frozen.wait_for(|frozen| !frozen).await;
            };
            self.thaw = Some(thaw.boxed());
        }
        self.work.as_mut().poll(context)
    }
}
