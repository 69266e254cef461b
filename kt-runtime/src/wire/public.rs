//! Serializes the crate's public types. They do not implement serde's traits themselves, because
//! plain builds do not have this module, and a program that compiles under `cargo kt` must compile
//! there, too.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Generation;
use crate::{Phase, Run, error};

#[derive(Serialize, Deserialize)]
#[serde(remote = "error::Part")]
pub(super) enum Part {
    Arguments,
    Result,
}

/// A [`Run`], with its phases as parts of tuples.
#[derive(Serialize, Deserialize)]
struct Message {
    service: String,
    place: String,
    generation: Generation,
    cold: bool,
    changed: bool,
    began: SystemTime,
    phases: Vec<(String, Duration, Duration)>,
}

/// For `#[serde(with = "…")]` at a [`Run`].
pub(super) mod run {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        run: &Run,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let phases = run.phases.iter().cloned();
        let message = Message {
            service: run.service.clone(),
            place: run.place.clone(),
            generation: run.generation,
            cold: run.cold,
            changed: run.changed,
            began: run.began,
            phases: phases
                .map(|phase| (phase.name, phase.started, phase.took))
                .collect(),
        };
        message.serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Run, D::Error> {
        let message = Message::deserialize(deserializer)?;
        let phases = message.phases.into_iter();
        Ok(Run {
            service: message.service,
            place: message.place,
            generation: message.generation,
            cold: message.cold,
            changed: message.changed,
            began: message.began,
            phases: phases
                .map(|(name, started, took)| Phase {
                    name,
                    started,
                    took,
                })
                .collect(),
        })
    }
}
