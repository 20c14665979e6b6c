//! The real reader: aws-iam-authenticator's own code, asked in batches.

use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::process::{Child, Command, Stdio};
use std::thread;

use control_plane::parts::{self, Part};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// What one key serves.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Served {
    /// The error that the reader logs.
    pub(crate) error: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) entries: Vec<Entry>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) accounts: Vec<String>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Entry {
    pub(crate) arn: String,
    pub(crate) username: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) groups: Vec<String>,
    pub(crate) userid: String,
    pub(crate) sso: Option<Sso>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sso {
    pub(crate) permission_set_name: String,
    #[serde(rename = "accountID")]
    pub(crate) account_id: String,
    pub(crate) partition: String,
}

/// Go writes a nil slice as null.
fn nullable<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// The program, running.
pub(crate) struct Oracle {
    child: Child,
    replies: BufReader<std::process::ChildStdout>,
}

impl Oracle {
    /// Builds it if need be.
    ///
    /// # Panics
    /// When there is none: a comparison with nothing must not pass.
    pub(crate) fn start() -> Self {
        let program = parts::ensure(Part::AwsAuthReader)
            .expect("the real reader is needed to compare with; it is built with Go (https://go.dev/dl)");
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let replies = BufReader::new(child.stdout.take().expect("its output is piped"));
        Self { child, replies }
    }

    /// One reply for each request, in order.
    pub(crate) fn ask<T: DeserializeOwned>(&mut self, requests: &[Value]) -> Vec<T> {
        let stdin = self.child.stdin.as_mut().expect("its input is piped");
        let replies = &mut self.replies;
        // Written from a thread of its own, or both sides would wait with full pipes.
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut stdin = BufWriter::new(stdin);
                for request in requests {
                    writeln!(stdin, "{request}").expect("the reader takes requests");
                }
                stdin.flush().expect("the reader takes requests");
            });
            let mut answers = Vec::with_capacity(requests.len());
            for request in requests {
                let mut line = String::new();
                let length = replies.read_line(&mut line).expect("the reader replies");
                assert!(length > 0, "the real reader died at {request}");
                answers.push(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line}")));
            }
            answers
        })
    }

    /// What each of the three keys serves for each text.
    pub(crate) fn read(&mut self, texts: &[String]) -> Vec<[Served; 3]> {
        let requests: Vec<Value> = texts.iter().map(|text| json!({ "read": text })).collect();
        self.ask(&requests)
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
