//! The open watches, event by event.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures::StreamExt as _;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use kube::client::Body as KubeBody;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::super::cluster::RUNTIME;
use super::{Body, Cut};

/// What becomes of the events of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Events {
    /// They arrive.
    #[default]
    Flow,
    /// They wait until they flow again.
    AreWithheld,
    /// They never arrive.
    AreLost,
}

#[derive(Default)]
pub(super) struct Watches(Mutex<BTreeMap<String, Resource>>);

struct Resource {
    events: watch::Sender<Events>,
    open: Vec<mpsc::UnboundedSender<Order>>,
}

#[derive(Clone)]
enum Order {
    Cut,
    Hang,
    Tell(Bytes),
}

impl Watches {
    pub(super) fn events(&self, resource: &str, events: Events) {
        self.with(resource, |resource| resource.events.send_replace(events));
    }

    pub(super) fn cut(&self, resource: &str) {
        self.order(resource, &Order::Cut);
    }

    pub(super) fn hang(&self, resource: &str) {
        self.order(resource, &Order::Hang);
    }

    pub(super) fn tell(&self, resource: &str, event: &Value) {
        self.order(resource, &Order::Tell(format!("{event}\n").into()));
    }

    pub(super) fn cut_all(&self) {
        let resources: Vec<String> = self.0.lock().unwrap().keys().cloned().collect();
        for resource in resources {
            self.cut(&resource);
        }
    }

    fn order(&self, resource: &str, order: &Order) {
        self.with(resource, |resource| {
            resource.open.retain(|open| open.send(order.clone()).is_ok());
        });
    }

    fn with<T>(&self, resource: &str, work: impl FnOnce(&mut Resource) -> T) -> T {
        let mut resources = self.0.lock().unwrap();
        work(
            resources
                .entry(resource.to_owned())
                .or_insert_with(|| Resource { events: watch::Sender::new(Events::Flow), open: Vec::new() }),
        )
    }

    /// The answer to a watch, under our control.
    pub(super) fn pass_on(&self, resource: &str, body: KubeBody) -> Body {
        let (order, orders) = mpsc::unbounded_channel();
        let (send, arrive) = mpsc::unbounded_channel();
        let events = self.with(resource, |resource| {
            resource.open.retain(|open| !open.is_closed());
            resource.open.push(order);
            resource.events.subscribe()
        });
        RUNTIME.spawn(tap(body, orders, events, send));
        let frames = futures::stream::unfold(arrive, |mut arrive| async {
            let line: Bytes = arrive.recv().await?;
            Some((Ok::<_, Cut>(Frame::data(line)), arrive))
        });
        StreamBody::new(frames).boxed_unsync()
    }
}

async fn tap(
    body: KubeBody,
    mut orders: mpsc::UnboundedReceiver<Order>,
    mut events: watch::Receiver<Events>,
    send: mpsc::UnboundedSender<Bytes>,
) {
    let mut chunks = body.into_data_stream();
    let (mut begun, mut withheld) = (Vec::new(), Vec::new());
    loop {
        tokio::select! {
            chunk = chunks.next() => {
                let Some(Ok(chunk)) = chunk else { return };
                begun.extend_from_slice(&chunk);
                while let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
                    let rest = begun.split_off(end + 1);
                    let line = Bytes::from(std::mem::replace(&mut begun, rest));
                    match *events.borrow() {
                        Events::Flow => drop(send.send(line)),
                        Events::AreWithheld => withheld.push(line),
                        Events::AreLost => {}
                    }
                }
            }
            order = orders.recv() => match order {
                None | Some(Order::Cut) => return,
                Some(Order::Hang) => return send.closed().await,
                Some(Order::Tell(line)) => drop(send.send(line)),
            },
            Ok(()) = events.changed() => {
                if *events.borrow_and_update() == Events::Flow {
                    withheld.drain(..).for_each(|line| drop(send.send(line)));
                }
            }
            () = send.closed() => return,
        }
    }
}
