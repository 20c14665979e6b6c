//! The API: what an `IamMapping` is, the rules that the API server enforces for it, and the way from an object to
//! the core's types and from the core's verdict to a status.
//!
//! Not here: talking to the API server (`controller`), deciding anything (the core's `plan`).

pub mod convert;
mod crd;
mod iam_mapping;
mod rules;
pub mod status;

pub use crd::crd_yaml;
pub(crate) use crd::dropped_fields;
pub use iam_mapping::{
    Adoption, AppliedEntry, EntryKey, IamMapping, IamMappingSpec, IamMappingStatus, MappingType,
};
