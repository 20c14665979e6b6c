//! Keys of YAML mappings on their way to JSON, where every key is a string.

use crate::yaml::Scalar;

/// A mapping's key.
pub(super) struct Name {
    /// What tells it apart from other keys.
    pub(super) identity: Identity,
    /// The JSON name that it becomes. `None`: none, and the conversion fails.
    pub(super) json: Option<Vec<u8>>,
}

/// What tells keys apart in the reader's map.
#[derive(PartialEq, Eq, Hash)]
pub(super) enum Identity {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    /// The bits of a number, and which one it is for those that equal nothing.
    Float(u64, usize),
    Str(Vec<u8>),
}

impl Name {
    pub(super) fn new(scalar: Scalar<'_>, node: usize) -> Self {
        let json = match &scalar {
            Scalar::Null | Scalar::Uint(_) => None,
            Scalar::Bool(value) => Some(value.to_string().into_bytes()),
            Scalar::Int(value) => Some(value.to_string().into_bytes()),
            Scalar::Float(value) => Some(float_name(*value).into_bytes()),
            Scalar::Str(text) => Some(text.as_bytes().to_vec()),
            Scalar::Bytes(bytes) => Some(bytes.clone()),
        };
        let identity = match scalar {
            Scalar::Null => Identity::Null,
            Scalar::Bool(value) => Identity::Bool(value),
            Scalar::Int(value) => Identity::Int(value),
            Scalar::Uint(value) => Identity::Uint(value),
            Scalar::Float(value) if value.is_nan() => Identity::Float(value.to_bits(), node),
            // Both zeros are the same key.
            Scalar::Float(value) => Identity::Float((value + 0.0).to_bits(), 0),
            Scalar::Str(text) => Identity::Str(text.into_owned().into_bytes()),
            Scalar::Bytes(bytes) => Identity::Str(bytes),
        };
        Self { identity, json }
    }
}

/// Go's shortest notation of a number with the precision of 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "the reader rounds to 32 bits as well")]
fn float_name(value: f64) -> String {
    let single = value as f32;
    if single.is_nan() {
        return ".nan".to_owned();
    }
    if single.is_infinite() {
        return if single > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{single:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    format!("{single}")
}
