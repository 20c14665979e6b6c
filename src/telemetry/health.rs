//! Whether the operator can do its work, and if not, what stands in the way: one line for each thing, for whoever
//! reads `/readyz`.
//!
//! Not here: what is wrong with aws-auth or a mapping. That is no unreadiness; conditions, Events and metrics say it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The things that must work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// The API server answers, and says which cluster this is.
    ApiServer,
    /// The Lease can be read and written.
    Lease,
    /// What the configuration file says is in force.
    Configuration,
    /// The CRD is there and watched.
    Crd,
    /// `IamMapping`s are listed and watched.
    IamMappings,
    /// aws-auth is read and watched.
    AwsAuth,
    /// aws-auth is written when it has to be.
    Write,
    /// Status is written when it has to be.
    Status,
}

impl Gate {
    fn name(self) -> &'static str {
        match self {
            Self::ApiServer => "API server",
            Self::Lease => "leader election",
            Self::Configuration => "configuration",
            Self::Crd => "CRD",
            Self::IamMappings => "IamMappings",
            Self::AwsAuth => "aws-auth",
            Self::Write => "writing aws-auth",
            Self::Status => "writing status",
        }
    }
}

/// What is not working now. Clones share it.
#[derive(Debug, Clone)]
pub struct Health {
    closed: Arc<Mutex<BTreeMap<Gate, String>>>,
}

impl Default for Health {
    fn default() -> Self {
        let health = Self { closed: Arc::default() };
        health.wait_for(Gate::ApiServer, "not reached yet");
        health.wait_for(Gate::Lease, "not read yet");
        health
    }
}

impl Health {
    /// It works.
    pub fn open(&self, gate: Gate) {
        let was = self.closed.lock().unwrap_or_else(PoisonError::into_inner).remove(&gate);
        if was.is_some() {
            tracing::info!("{}: ready", gate.name());
        }
    }

    /// It does not, and why. Logged when the reason is a new one.
    pub fn close(&self, gate: Gate, why: impl Into<String>) {
        let why = why.into();
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if closed.get(&gate) != Some(&why) {
            tracing::warn!("{}: {why}", gate.name());
            closed.insert(gate, why);
        }
    }

    /// Not there yet, which is nothing to warn of.
    pub fn wait_for(&self, gate: Gate, what: &str) {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        closed.entry(gate).or_insert_with(|| what.to_owned());
    }

    /// Another replica leads: what only a leader does cannot be in the way.
    pub fn stand_by(&self) {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        closed.retain(|gate, _| matches!(gate, Gate::ApiServer | Gate::Lease | Gate::Configuration));
    }

    /// One line for each thing that does not work; empty when the operator is ready.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        closed.iter().map(|(gate, why)| format!("{}: {why}", gate.name())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_operator_is_not_ready_until_it_knows_who_leads() {
        let health = Health::default();
        assert_eq!(health.problems(), ["API server: not reached yet", "leader election: not read yet"]);
        health.open(Gate::ApiServer);
        assert_eq!(health.problems(), ["leader election: not read yet"]);
        health.open(Gate::Lease);
        assert!(health.problems().is_empty());
    }

    #[test]
    fn every_problem_has_a_line_of_its_own_until_it_is_gone() {
        let health = Health::default();
        health.open(Gate::ApiServer);
        health.open(Gate::Lease);
        health.close(Gate::Write, "user x cannot update configmaps");
        health.close(Gate::IamMappings, "no CRD");
        assert_eq!(
            health.problems(),
            ["IamMappings: no CRD", "writing aws-auth: user x cannot update configmaps"]
        );
        health.open(Gate::IamMappings);
        assert_eq!(health.problems().len(), 1);
    }
}
