//! A version of aws-auth as compressed bytes: small enough to be kept in memory and in a `ConfigMap`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use aws_auth::approval;
use aws_auth::aws_auth::{AwsAuth, Source};
use aws_auth::mapping::Uid;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use twox_hash::XxHash3_128;

/// More than a `ConfigMap` can hold was never packed.
const LARGEST: u64 = 4 * 1024 * 1024;

type Texts = BTreeMap<String, String>;

/// What is kept of a version.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State<'a> {
    /// `data`.
    pub data: Cow<'a, Texts>,
    /// `metadata.annotations`, ownership record included.
    pub annotations: Cow<'a, Texts>,
    /// `metadata.labels`.
    pub labels: Cow<'a, Texts>,
}

/// The compressed bytes, shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    bytes: Arc<[u8]>,
    digest: Arc<str>,
}

/// Why bytes are no version of aws-auth.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unpackable {
    /// No base64.
    #[error("its content is no base64")]
    Base64,
    /// No gzip, cut off, or too large.
    #[error("its content does not unpack: {0}")]
    Gzip(String),
    /// Something else was packed.
    #[error("its content is no version of aws-auth: {0}")]
    Json(String),
    /// Not what the header says.
    #[error("its content is not what its header says")]
    Digest,
}

impl<'a> State<'a> {
    /// What is kept of aws-auth.
    #[must_use]
    pub fn of(aws_auth: &'a AwsAuth, labels: &'a Texts) -> Self {
        let source = aws_auth.source();
        Self {
            data: Cow::Borrowed(&source.data),
            annotations: Cow::Borrowed(&source.annotations),
            labels: Cow::Borrowed(labels),
        }
    }

    /// aws-auth as it was.
    #[must_use]
    pub fn read(self, cluster: Uid) -> AwsAuth {
        let source = Source {
            data: self.data.into_owned(),
            annotations: self.annotations.into_owned(),
            unwritable: None,
        };
        AwsAuth::read(source, cluster)
    }
}

impl Packed {
    /// Packs. What is held, and its approval, are no part of a version.
    ///
    /// # Errors
    /// Never in practice: memory can always be written to.
    pub fn of(state: &State<'_>) -> std::io::Result<Self> {
        let mut annotations = state.annotations.clone();
        if [approval::HELD, approval::APPROVE].iter().any(|name| annotations.contains_key(*name)) {
            annotations.to_mut().remove(approval::HELD);
            annotations.to_mut().remove(approval::APPROVE);
        }
        let state =
            State { annotations, data: Cow::Borrowed(&*state.data), labels: Cow::Borrowed(&*state.labels) };
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        serde_json::to_writer(&mut encoder, &state)?;
        Ok(Self::from_bytes(encoder.finish()?))
    }

    pub(super) fn from_base64(text: &str) -> Result<Self, Unpackable> {
        let packed = Self::from_bytes(STANDARD.decode(text).map_err(|_| Unpackable::Base64)?);
        packed.unpack()?;
        Ok(packed)
    }

    fn from_bytes(bytes: Vec<u8>) -> Self {
        let digest = format!("{:032x}", XxHash3_128::oneshot(&bytes)).into();
        Self { bytes: bytes.into(), digest }
    }

    pub(super) fn to_base64(&self) -> String {
        STANDARD.encode(&self.bytes)
    }

    /// Tells two versions apart.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Unpacks.
    ///
    /// # Errors
    /// When the bytes are damaged.
    pub fn unpack(&self) -> Result<State<'static>, Unpackable> {
        let mut text = Vec::new();
        let mut decoder = GzDecoder::new(&*self.bytes).take(LARGEST);
        decoder.read_to_end(&mut text).map_err(|error| Unpackable::Gzip(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| Unpackable::Json(error.to_string()))
    }
}
