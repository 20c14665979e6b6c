//! One request and its decoded answer within a deadline of our own, with errors that say what is known of the outcome.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use kube::core::Status;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Messages are for people: longer ones are cut.
const LONGEST_MESSAGE: usize = 1024;

/// Why a call brought nothing back.
#[derive(Debug, Error)]
pub enum CallError {
    /// The API server answered, and the answer is no.
    #[error("{message} (HTTP {code})")]
    Refused {
        /// The HTTP status.
        code: StatusCode,
        /// The API server's own sentence.
        message: String,
        /// The object that does not exist, where that is the answer.
        missing: Option<String>,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// Nobody knows what became of the request: no connection, no answer in time, a fault on the server's side.
    #[error("{0}")]
    Unknown(String),
    /// It was done, but the answer makes no sense.
    #[error("the API server's answer does not decode: {0}")]
    Undecodable(#[from] serde_json::Error),
}

impl CallError {
    /// The status of an answer that is no.
    #[must_use]
    pub fn code(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Unknown(_) | Self::Undecodable(_) => None,
        }
    }

    /// Whether the API server says that exactly the object of this name does not exist. A bare 404, as for a kind that
    /// is not installed or from something on the way, is no such answer.
    #[must_use]
    pub fn is_missing(&self, name: &str) -> bool {
        matches!(self, Self::Refused { missing: Some(missing), .. } if missing == name)
    }

    /// Whether somebody else was faster.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(StatusCode::CONFLICT)
    }

    /// How long the API server asks us to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Unknown(_) | Self::Undecodable(_) => None,
        }
    }

    fn from_answer(code: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let (message, missing) = match serde_json::from_slice::<Status>(body) {
            Ok(status) if !status.message.is_empty() => {
                let missing = code == StatusCode::NOT_FOUND && status.reason == "NotFound";
                let name =
                    status.details.map(|details| details.name).filter(|name| missing && !name.is_empty());
                (status.message, name)
            }
            _ => (String::from_utf8_lossy(body).trim().to_owned(), None),
        };
        let message: String = message.chars().take(LONGEST_MESSAGE).collect();
        let retry_after = headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|seconds| seconds.parse().ok())
            .map(Duration::from_secs);
        // A 5xx may come from anything between us and etcd, after the write as well as before it.
        if code.is_server_error() && retry_after.is_none() {
            return Self::Unknown(format!("{message} (HTTP {})", code.as_u16()));
        }
        Self::Refused { code, message, missing, retry_after }
    }
}

/// Sends `request` and decodes what comes back, all within `deadline`.
///
/// Not `Client::request`, which logs a body that does not decode: that could be all of aws-auth.
///
/// # Errors
/// When the answer is no, does not decode, or there is none in time.
pub async fn call<T: DeserializeOwned>(
    client: &Client,
    request: Request<Vec<u8>>,
    deadline: Duration,
) -> Result<T, CallError> {
    let exchange = async {
        let answer =
            client.send(request.map(Body::from)).await.map_err(|error| CallError::Unknown(chain(&error)))?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| CallError::Unknown(chain(&error)))?.to_bytes();
        if head.status.is_success() {
            Ok(serde_json::from_slice(&body)?)
        } else {
            Err(CallError::from_answer(head.status, &head.headers, &body))
        }
    };
    match tokio::time::timeout(deadline, exchange).await {
        Ok(outcome) => outcome,
        Err(_) => Err(CallError::Unknown(format!("no answer within {deadline:?}"))),
    }
}

/// An error with its causes: kube's own texts stop at "client error (Connect)".
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = next.source();
    }
    text.chars().take(LONGEST_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: u16, retry_after: Option<&'static str>, body: &str) -> CallError {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, http::HeaderValue::from_static(value));
        }
        CallError::from_answer(StatusCode::from_u16(code).unwrap(), &headers, body.as_bytes())
    }

    #[test]
    fn the_api_servers_own_sentence_is_kept() {
        let error = answered(403, None, r#"{"kind":"Status","message":"user x cannot list","code":403}"#);
        assert_eq!(error.to_string(), "user x cannot list (HTTP 403 Forbidden)");
    }

    #[test]
    fn the_outcome_of_a_server_fault_is_unknown() {
        assert!(matches!(answered(504, None, "timeout"), CallError::Unknown(_)));
        assert!(matches!(answered(409, None, "{}"), CallError::Refused { .. }));
    }

    #[test]
    fn only_the_api_servers_word_for_this_very_object_counts_as_missing() {
        let missing =
            r#"{"kind":"Status","reason":"NotFound","message":"not found","details":{"name":"aws-auth"}}"#;
        assert!(answered(404, None, missing).is_missing("aws-auth"));
        assert!(!answered(404, None, missing).is_missing("jane"));
        let no_kind = r#"{"kind":"Status","reason":"NotFound","message":"could not find the requested resource","details":{}}"#;
        assert!(!answered(404, None, no_kind).is_missing("aws-auth"));
        assert!(!answered(404, None, "404 page not found").is_missing("aws-auth"));
    }

    #[test]
    fn a_wish_to_be_left_alone_is_kept() {
        assert_eq!(answered(429, Some("7"), "").retry_after(), Some(Duration::from_secs(7)));
        assert_eq!(answered(429, Some("Fri, 31 Dec 2027"), "").retry_after(), None);
    }
}
