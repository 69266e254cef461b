//! Serializes [`Error`]: a remote function that calls another may return `Result<_, kt::Error>`.
//!
//! Written by hand, because plain builds have serde without its derive macros. The format is
//! internal: both ends of a call have the same version.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Death, Error, Frame, Panic, Part};
use crate::generation::Generation;

/// The variant's number, then its fields in order. A missing field is empty or zero, because shapes
/// are traced with generated values.
#[derive(Default)]
struct Parts {
    variant: u8,
    texts: Vec<Option<String>>,
    numbers: Vec<Option<u64>>,
    frames: Vec<Place>,
}

/// A frame: its function, its file and line.
type Place = (String, Option<(String, u32)>);

impl Parts {
    fn new(variant: u8) -> Self {
        Self {
            variant,
            ..Self::default()
        }
    }

    fn text(mut self, text: impl Into<Option<String>>) -> Self {
        self.texts.push(text.into());
        self
    }

    fn number(mut self, number: impl Into<Option<u64>>) -> Self {
        self.numbers.push(number.into());
        self
    }

    fn duration(self, duration: Duration) -> Self {
        self.number(duration.as_secs())
            .number(u64::from(duration.subsec_nanos()))
    }
}

impl From<&Error> for Parts {
    fn from(error: &Error) -> Self {
        let named = |variant, function: &String| Self::new(variant).text(function.clone());
        match error {
            Error::UnknownFunction { function, nearest } => {
                named(0, function).text(nearest.clone())
            }
            Error::ShapeMismatch {
                function,
                here,
                there,
                within,
            } => named(1, function)
                .text(here.clone())
                .text(there.clone())
                .number(u64::from(*within)),
            Error::OldGeneration {
                function,
                wanted,
                serving,
            } => named(2, function).number(wanted.0).number(serving.0),
            Error::Panicked(panic) => {
                let parts = named(3, &panic.function).text(panic.message.clone());
                let frames = panic.frames.iter().cloned();
                Self {
                    frames: frames
                        .map(|frame| (frame.function, frame.location))
                        .collect(),
                    ..parts.text(panic.location.clone())
                }
            }
            Error::WorkerDied { function, death } => named(4, function)
                .number(death.code.map(|code| code as u64))
                .number(death.signal.map(|signal| signal as u64))
                .number(death.generation.0)
                .number(death.max_rss)
                .number(u64::from(death.out_of_memory))
                .number(u64::from(death.replaced))
                .duration(death.uptime),
            Error::TimedOut { function, after } => named(5, function).duration(*after),
            Error::TooLarge {
                function,
                what,
                limit,
            } => named(6, function).number(number_of(*what)).number(*limit),
            Error::Codec {
                function,
                what,
                reason,
            } => named(7, function)
                .text(reason.clone())
                .number(number_of(*what)),
            Error::ConnectionLost {
                function,
                sent,
                reason,
            } => named(8, function)
                .text(reason.clone())
                .number(u64::from(*sent)),
            Error::Unavailable { service, reason } => named(9, service).text(reason.clone()),
            Error::Misused { reason } => named(10, reason),
        }
    }
}

impl TryFrom<Parts> for Error {
    /// The number of no variant.
    type Error = u8;

    fn try_from(parts: Parts) -> Result<Self, u8> {
        let mut texts = parts.texts.into_iter();
        let mut optional = || texts.next().flatten();
        let function = optional().unwrap_or_default();
        let mut text = || optional().unwrap_or_default();
        let mut numbers = parts.numbers.into_iter();
        let mut maybe = || numbers.next().flatten();
        Ok(match parts.variant {
            0 => Self::UnknownFunction {
                function,
                nearest: optional(),
            },
            1 => Self::ShapeMismatch {
                function,
                here: text(),
                there: text(),
                within: maybe() == Some(1),
            },
            2 => Self::OldGeneration {
                function,
                wanted: Generation(maybe().unwrap_or_default()),
                serving: Generation(maybe().unwrap_or_default()),
            },
            3 => Self::Panicked(Box::new(Panic {
                function,
                message: text(),
                location: optional(),
                frames: parts.frames.into_iter().map(Frame::from).collect(),
            })),
            4 => Self::WorkerDied {
                function,
                death: Death {
                    code: maybe().map(|code| code as i32),
                    signal: maybe().map(|signal| signal as i32),
                    generation: Generation(maybe().unwrap_or_default()),
                    max_rss: maybe().unwrap_or_default(),
                    out_of_memory: maybe() == Some(1),
                    replaced: maybe() == Some(1),
                    uptime: duration(maybe(), maybe()),
                },
            },
            5 => Self::TimedOut {
                function,
                after: duration(maybe(), maybe()),
            },
            6 => Self::TooLarge {
                function,
                what: part_of(maybe()),
                limit: maybe().unwrap_or_default(),
            },
            7 => Self::Codec {
                function,
                what: part_of(maybe()),
                reason: text(),
            },
            8 => Self::ConnectionLost {
                function,
                sent: maybe() == Some(1),
                reason: text(),
            },
            9 => Self::Unavailable {
                service: function,
                reason: text(),
            },
            10 => Self::Misused { reason: function },
            other => return Err(other),
        })
    }
}

impl From<Place> for Frame {
    fn from((function, location): Place) -> Self {
        Self { function, location }
    }
}

fn number_of(part: Part) -> u64 {
    match part {
        Part::Arguments => 0,
        Part::Result => 1,
    }
}

fn part_of(number: Option<u64>) -> Part {
    match number {
        Some(1) => Part::Result,
        _ => Part::Arguments,
    }
}

fn duration(seconds: Option<u64>, nanoseconds: Option<u64>) -> Duration {
    let nanoseconds = Duration::from_nanos(nanoseconds.unwrap_or_default());
    Duration::from_secs(seconds.unwrap_or_default()).saturating_add(nanoseconds)
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Parts {
            variant,
            texts,
            numbers,
            frames,
        } = self.into();
        (variant, texts, numbers, frames).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Error {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (variant, texts, numbers, frames) = Deserialize::deserialize(deserializer)?;
        let parts = Parts {
            variant,
            texts,
            numbers,
            frames,
        };
        Self::try_from(parts).map_err(|variant| {
            serde::de::Error::custom(format_args!("kt::Error has no variant {variant}"))
        })
    }
}

#[cfg(all(test, feature = "host"))]
mod tests {
    use super::*;
    use crate::{codec, shape::Shape};

    fn all() -> Vec<Error> {
        let function = || "app::f".to_owned();
        let reason = || "because".to_owned();
        let death = |code, signal| Death {
            code,
            signal,
            generation: Generation(7),
            max_rss: 1 << 40,
            out_of_memory: signal.is_some(),
            replaced: code.is_none() && signal.is_none(),
            uptime: Duration::new(5, 999_999_999),
        };
        vec![
            Error::UnknownFunction {
                function: function(),
                nearest: None,
            },
            Error::UnknownFunction {
                function: function(),
                nearest: Some("g".into()),
            },
            Error::ShapeMismatch {
                function: function(),
                here: "h".into(),
                there: "t".into(),
                within: false,
            },
            Error::ShapeMismatch {
                function: function(),
                here: "h".into(),
                there: "t".into(),
                within: true,
            },
            Error::OldGeneration {
                function: function(),
                wanted: Generation(2),
                serving: Generation(1),
            },
            Error::Panicked(Box::new(Panic {
                function: function(),
                message: "m".into(),
                location: Some("src/lib.rs:1:2".into()),
                frames: vec![
                    Frame {
                        function: "f".into(),
                        location: Some(("src/lib.rs".into(), 7)),
                    },
                    Frame {
                        function: "g".into(),
                        location: None,
                    },
                ],
            })),
            Error::WorkerDied {
                function: function(),
                death: death(None, Some(11)),
            },
            Error::WorkerDied {
                function: function(),
                death: death(Some(-1), None),
            },
            Error::TimedOut {
                function: function(),
                after: Duration::from_micros(3),
            },
            Error::TooLarge {
                function: function(),
                what: Part::Result,
                limit: 5,
            },
            Error::Codec {
                function: function(),
                what: Part::Arguments,
                reason: reason(),
            },
            Error::ConnectionLost {
                function: function(),
                sent: true,
                reason: reason(),
            },
            Error::Unavailable {
                service: "s".into(),
                reason: reason(),
            },
            Error::Misused { reason: reason() },
        ]
    }

    #[test]
    fn every_error_arrives_as_it_was() {
        for error in all() {
            let bytes = codec::encode(&error, 1000).unwrap();
            let arrived: Error = codec::decode(&bytes).unwrap();
            assert_eq!(format!("{arrived:?}"), format!("{error:?}"));
            let json = serde_json::to_string(&error).unwrap();
            let arrived: Error = serde_json::from_str(&json).unwrap();
            assert_eq!(format!("{arrived:?}"), format!("{error:?}"));
        }
    }

    #[test]
    fn a_function_that_returns_it_has_a_shape() {
        let mut shape = Shape::default();
        shape.output::<Result<u32, Error>>();
        assert!(shape.finish().shape.is_some());
    }
}
