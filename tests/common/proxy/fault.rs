//! What can go wrong, and with which requests it does.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Response, StatusCode, header};
use serde_json::{Value, json};

use super::{Body, Call, full};

/// What becomes of a request.
#[derive(Clone)]
pub enum Fate {
    /// It arrives, and so does its answer.
    PassOn,
    /// It arrives after this time.
    Delay(Duration),
    /// It does not arrive: the connection is cut.
    Drop,
    /// It does not arrive, and nobody says so.
    Stall,
    /// It does not arrive, and this is answered.
    Answer(Answer),
    /// It is carried out, and the connection is cut before the answer.
    LoseAnswer,
    /// It is carried out, and something else is answered.
    AnswerAfter(Answer),
    /// It is carried out, and nobody says so.
    StallAfter,
    /// Half of the answer arrives, and then nothing for ever.
    StallBody,
    /// The answer is another one.
    Rewrite(Arc<dyn Fn(Value) -> Value + Send + Sync>),
    /// Something else is asked for: another query.
    AskFor(Arc<dyn Fn(&str) -> String + Send + Sync>),
    /// It is carried out, then this is done, and then the answer arrives if anybody is still there to hear it.
    Then(Arc<dyn Fn() + Send + Sync>),
    /// It depends.
    Ask(Arc<dyn Fn(&Call) -> Fate + Send + Sync>),
}

/// An answer that is no.
#[derive(Debug, Clone)]
pub struct Answer {
    code: u16,
    message: String,
    retry_after: Option<u64>,
}

type Predicate = Box<dyn Fn(&Call) -> bool + Send + Sync>;

/// What goes wrong with which requests.
pub struct Fault {
    matches: Predicate,
    skip: usize,
    times: usize,
    fate: Fate,
    seen: AtomicUsize,
    met: AtomicUsize,
}

impl Fault {
    /// With every request of this kind.
    pub fn on(verb: &'static str, resource: &'static str, fate: Fate) -> Self {
        Self::when(move |call| call.is(verb, resource), fate)
    }

    /// With every write of aws-auth.
    pub fn on_write(fate: Fate) -> Self {
        Self::when(Call::writes_aws_auth, fate)
    }

    /// With every request of which this is true.
    pub fn when(matches: impl Fn(&Call) -> bool + Send + Sync + 'static, fate: Fate) -> Self {
        let (seen, met) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { matches: Box::new(matches), skip: 0, times: usize::MAX, fate, seen, met }
    }

    /// Not with the first so many.
    pub fn after(self, skip: usize) -> Self {
        Self { skip, ..self }
    }

    /// With so many only.
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// With the first only.
    pub fn once(self) -> Self {
        self.times(1)
    }

    pub(super) fn fate_of(&self, call: &Call) -> Option<Fate> {
        if !(self.matches)(call) {
            return None;
        }
        let seen = self.seen.fetch_add(1, Ordering::Relaxed);
        if seen < self.skip || seen - self.skip >= self.times {
            return None;
        }
        self.met.fetch_add(1, Ordering::Relaxed);
        Some(self.fate.clone())
    }

    pub(super) fn met(&self) -> usize {
        self.met.load(Ordering::Relaxed)
    }
}

impl Fate {
    /// An answer in the API server's place.
    pub fn answer(code: u16, message: &str) -> Self {
        Self::Answer(Answer::of(code, message))
    }

    /// The answer is another one.
    pub fn rewrite(rewrite: impl Fn(Value) -> Value + Send + Sync + 'static) -> Self {
        Self::Rewrite(Arc::new(rewrite))
    }

    /// It depends.
    pub fn ask(ask: impl Fn(&Call) -> Fate + Send + Sync + 'static) -> Self {
        Self::Ask(Arc::new(ask))
    }

    /// This is done after it was carried out.
    pub fn then(then: impl Fn() + Send + Sync + 'static) -> Self {
        Self::Then(Arc::new(then))
    }
}

impl fmt::Debug for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fate")
    }
}

impl Answer {
    /// As the API server spells it.
    pub fn of(code: u16, message: &str) -> Self {
        Self { code, message: message.to_owned(), retry_after: None }
    }

    /// With a wish to be left alone for so many seconds.
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    pub(super) fn response(&self) -> Response<Body> {
        let reason = match self.code {
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "NotFound",
            409 => "Conflict",
            410 => "Expired",
            422 => "Invalid",
            429 => "TooManyRequests",
            500 => "InternalError",
            503 => "ServiceUnavailable",
            504 => "Timeout",
            _ => "Unknown",
        };
        let body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": reason, "code": self.code,
        });
        let mut answer = Response::new(full(body.to_string().into()));
        *answer.status_mut() = StatusCode::from_u16(self.code).unwrap();
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        answer
    }
}
