//! IAM ARNs.
