//! What is done on the side, when no write of aws-auth is due: statuses, and Events once there are no statuses left.

use futures::FutureExt as _;
use http::StatusCode;
use tokio::time::Instant;

use super::{Engine, Trouble};
use crate::checkpoints::{Header, Packed};
use crate::client::call;
use crate::controller::checkpoints::RingError;
use crate::controller::events::{Notice, Taken, Weight};
use crate::controller::requests::{self, Object};
use crate::controller::status_writer::Sending;
use crate::telemetry::Telemetry;
use crate::telemetry::health::Gate;
use crate::telemetry::metrics::EventResult;

/// Statuses on their way at once: more make a storm no shorter, and a write in the middle of it slower.
const STATUSES_AT_ONCE: usize = 2;

/// Something done on the side, and how it went.
pub(super) enum Errand {
    Status(Box<Sending>, Result<(), Trouble>),
    Event(Result<(), Trouble>),
    Checkpoint(Box<(Header, Packed)>, Result<(), RingError>),
}

impl Engine {
    /// Sends statuses, and Events once there are none left. Returns when to look again.
    pub(super) fn start_errands(&mut self, now: Instant) -> Option<Instant> {
        if let Some(blocked) = self.timers.statuses_blocked.filter(|blocked| *blocked > now) {
            return Some(blocked);
        }
        let free = self.errands.len() < STATUSES_AT_ONCE;
        let blocked = self.timers.checkpoints_blocked.filter(|blocked| *blocked > now);
        if free && blocked.is_none() && self.parts.tenure.outlasts(now, self.parts.durations.write) {
            self.start_keeping();
        }
        let surroundings = self.parts.configuration.borrow().surroundings();
        let (deadline, time) = (self.parts.durations.write, self.parts.clock.seconds());
        while self.errands.len() < STATUSES_AT_ONCE && self.parts.tenure.outlasts(now, deadline) {
            let Some(sending) = self.statuses.next(&self.mappings, time, &surroundings) else {
                break;
            };
            let client = self.parts.client.clone();
            self.errands.push(
                async move {
                    let outcome = async {
                        let request = requests::patch_status(&sending.to.name, &sending.body, deadline)?;
                        call::<Object>(&client, request, deadline).await?;
                        Ok(())
                    };
                    let outcome = outcome.await;
                    Errand::Status(Box::new(sending), outcome)
                }
                .boxed(),
            );
        }
        if self.errands.is_empty() && !self.events.is_empty() {
            let Some(letter) = self.events.next(self.parts.clock.now()) else { return blocked };
            let client = self.parts.client.clone();
            self.errands.push(
                async move {
                    let outcome = async {
                        let request = requests::create_event(letter.namespace, &letter.body, deadline)?;
                        call::<Object>(&client, request, deadline).await?;
                        Ok(())
                    };
                    Errand::Event(outcome.await)
                }
                .boxed(),
            );
        }
        blocked
    }

    pub(super) fn errand(&mut self, errand: Errand) {
        let now = Instant::now();
        let Telemetry { metrics, health } = &self.parts.telemetry;
        match errand {
            Errand::Status(sending, Ok(())) => {
                health.open(Gate::Status);
                self.status_setbacks.succeeded();
                self.statuses.sent(*sending);
            }
            Errand::Status(sending, Err(error)) => match error.code() {
                // Gone or replaced: the watch tells.
                Some(StatusCode::NOT_FOUND | StatusCode::CONFLICT) => self.statuses.parked(&sending.to),
                // What is wrong with one object (stored before a rule that it breaks) is no unreadiness.
                Some(StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST) => {
                    tracing::warn!("the status of IamMapping {} is refused: {error}", sending.to.name);
                    self.statuses.parked(&sending.to);
                }
                _ => {
                    health.close(Gate::Status, error.to_string());
                    let pause =
                        self.status_setbacks.next_pause().max(error.retry_after().unwrap_or_default());
                    self.timers.statuses_blocked = Some(now + pause);
                    self.statuses.failed(sending.to);
                }
            },
            Errand::Checkpoint(kept, outcome) => {
                let (header, content) = *kept;
                self.kept(header, content, outcome);
                return;
            }
            Errand::Event(Ok(())) => metrics.event(EventResult::sent),
            // The same was said lately.
            Errand::Event(Err(error)) if error.code() == Some(StatusCode::CONFLICT) => {
                metrics.event(EventResult::sent);
            }
            Errand::Event(Err(error)) => {
                tracing::warn!("an Event could not be sent: {error}");
                metrics.event(EventResult::failed);
            }
        }
        metrics.pending_statuses(self.statuses.waiting());
    }

    pub(super) fn say(&mut self, notice: Notice, now: Instant) {
        let (reason, note, warning) = (notice.reason, notice.note.clone(), notice.weight == Weight::Warning);
        match self.events.say(notice, now) {
            Taken::Queued if warning => tracing::warn!(reason, "{note}"),
            Taken::Queued | Taken::SaidBefore => {}
            Taken::Dropped => self.parts.telemetry.metrics.event(EventResult::dropped),
        }
    }
}
