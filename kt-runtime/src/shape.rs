//! The shape of a function's argument and result types, as serde sees them. Two programs with equal
//! shapes interpret the same bytes in the same way.
//!
//! A format without field names, such as bincode, decodes a changed type to garbage without an
//! error. So if a driver and a generation were not built together, the shapes of the called
//! function are compared before the call is accepted. The shape is found by running each type's
//! `Deserialize` on a [`Tracer`], which answers every request with some value and records the
//! request: names, fields, variants, lengths. A type whose implementation rejects these values has
//! no shape, and can only be called by the program that was built with it.
//!
//! The requests also form a [`Graph`], which values are checked against when they are encoded
//! without names.

mod tracer;

use std::{
    any::type_name,
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use serde::de::DeserializeOwned;

use crate::{
    codec::{
        Types,
        graph::{Builder, Graph},
    },
    error::Part,
    fault,
};
use tracer::{Found, Tracer, Values, Variants};

/// Maximum number of passes over a type; each pass explores one more variant of each enum in it.
const PASSES: usize = 4096;
/// Maximum number of additional passes with other values.
const PROBES: usize = 32;
/// Maximum number of requests by one type in all passes.
const QUESTIONS: usize = 1 << 22;

/// Collects the shape of a signature.
#[derive(Default)]
pub struct Shape {
    hasher: DefaultHasher,
    incomplete: bool,
    arguments: Vec<Option<Graph>>,
    output: Option<Graph>,
}

/// The types of a function.
#[derive(Debug)]
pub(crate) struct Signature {
    /// The shape, or `None` if a type could not be traced completely.
    pub(crate) shape: Option<u64>,
    pub(crate) arguments: Types,
    pub(crate) output: Types,
}

impl Shape {
    /// Adds the type of the next argument.
    pub fn argument<T: DeserializeOwned>(&mut self) {
        let graph = self.add::<T>("argument");
        self.arguments.push(graph);
    }

    /// Adds the result's type.
    pub fn output<T: DeserializeOwned>(&mut self) {
        self.output = self.add::<T>("output");
    }

    pub(crate) fn finish(self) -> Signature {
        let arguments = self.arguments.into_iter().collect();
        let output = self.output.map(|graph| vec![graph]);
        Signature {
            shape: (!self.incomplete).then(|| self.hasher.finish()),
            arguments: Types::new(Part::Arguments, arguments),
            output: Types::new(Part::Result, output),
        }
    }

    fn add<T: DeserializeOwned>(&mut self, role: &str) -> Option<Graph> {
        (role, type_name::<T>()).hash(&mut self.hasher);
        let hasher = &mut self.hasher;
        // It runs on artificial values: treat a panic like an error.
        let found = fault::catch(move || trace::<T>(hasher));
        match found.ok().flatten() {
            Some(graph) => graph.finish(),
            None => {
                self.incomplete = true;
                None
            }
        }
    }
}

/// Traces a type until every variant of each enum in it was seen.
fn trace<T: DeserializeOwned>(log: &mut DefaultHasher) -> Option<Builder> {
    let mut enums: HashMap<&'static str, Variants> = HashMap::new();
    let mut graph = Builder::default();
    let (mut explored, mut idle, mut left) = (0, 0, QUESTIONS);
    for _ in 0..PASSES {
        let found = Found {
            log: &mut *log,
            enums: &mut enums,
            graph: &mut graph,
            left: &mut left,
        };
        T::deserialize(Tracer::new(found, Values::First)).ok()?;
        if enums.values().all(Variants::complete) {
            probe::<T>(&mut enums, &mut graph, &mut left);
            return Some(graph);
        }
        let begun = enums.values().map(Variants::begun).sum();
        // Each pass tries another known variant, until one leads to something new.
        idle = if begun == explored { idle + 1 } else { 0 };
        explored = begun;
        if idle > explored {
            break;
        }
    }
    None
}

/// Checks whether other values lead to other requests. A type may reject them, which proves
/// nothing.
fn probe<T: DeserializeOwned>(
    enums: &mut HashMap<&'static str, Variants>,
    graph: &mut Builder,
    left: &mut usize,
) {
    let most = enums.values().map(Variants::count).max().unwrap_or(1);
    for _ in 0..most.clamp(1, PROBES) {
        for values in [Values::Second, Values::Empty] {
            let found = Found {
                log: &mut DefaultHasher::new(),
                enums,
                graph,
                left,
            };
            let _ = T::deserialize(Tracer::new(found, values));
        }
        if graph.contradicted() {
            return;
        }
    }
    if *left == 0 {
        graph.contradict();
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, num::NonZeroU8};

    use serde::{Deserialize, Serialize};

    use super::*;

    fn of<T: DeserializeOwned>() -> Option<u64> {
        let mut shape = Shape::default();
        shape.output::<T>();
        shape.finish().shape
    }

    mod before {
        use super::*;

        #[derive(Serialize, Deserialize)]
        pub struct Plain {
            a: u64,
            b: u64,
        }
        #[derive(Serialize, Deserialize)]
        pub enum Tree {
            Node(Box<Tree>, Box<Tree>),
            Leaf { value: Option<Plain> },
            Nil,
        }
        #[derive(Serialize, Deserialize)]
        pub struct List {
            next: Option<Box<List>>,
            items: Vec<List>,
        }
    }

    mod after {
        use super::*;

        #[derive(Serialize, Deserialize)]
        pub struct Plain {
            b: u64,
            a: u64,
        }
        #[derive(Serialize, Deserialize)]
        pub enum Tree {
            Node(Box<Tree>, Box<Tree>),
            Leaf { value: Option<Plain> },
            Nil,
        }
        #[derive(Serialize, Deserialize)]
        pub struct List {
            next: Option<Box<List>>,
            items: Vec<List>,
            more: u8,
        }
    }

    /// In this test a type's name contains its module; real shapes are compared across builds of
    /// one module.
    fn trace<T: DeserializeOwned>() -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        super::trace::<T>(&mut hasher).map(|_| hasher.finish())
    }

    #[test]
    fn recursive_types_and_enums_have_a_shape() {
        assert!(of::<before::Tree>().is_some());
        assert!(of::<before::List>().is_some());
        assert!(of::<Result<BTreeMap<String, [u8; 32]>, (NonZeroU8, char, f32, i128)>>().is_some());
        assert_eq!(of::<before::Tree>(), of::<before::Tree>());
    }

    #[test]
    fn changes_that_bytes_do_not_show_change_the_shape() {
        assert_ne!(
            trace::<before::Plain>(),
            trace::<after::Plain>(),
            "fields of the same type are swapped"
        );
        assert_ne!(
            trace::<before::Tree>(),
            trace::<after::Tree>(),
            "deep inside a variant"
        );
        assert_ne!(
            trace::<before::List>(),
            trace::<after::List>(),
            "an additional field"
        );
        assert_ne!(trace::<u32>(), trace::<u64>());
        assert_ne!(trace::<Vec<u32>>(), trace::<Option<u32>>());
    }

    #[test]
    fn an_enum_inside_any_variant_of_another_is_explored() {
        #[derive(Serialize, Deserialize)]
        enum Outer {
            Text(String),
            Number(u8),
            Inner(Inner),
        }
        #[derive(Serialize, Deserialize)]
        enum Inner {
            A,
            B,
            C(Option<bool>),
        }
        assert!(of::<Outer>().is_some());
        assert!(of::<Vec<(Outer, Inner)>>().is_some());
    }

    #[test]
    fn a_type_that_requires_a_certain_string_has_no_shape() {
        #[derive(Debug)]
        struct Color;
        impl<'de> Deserialize<'de> for Color {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                if text == "red" {
                    Ok(Self)
                } else {
                    Err(serde::de::Error::custom("no such color"))
                }
            }
        }
        assert_eq!(of::<Color>(), None);
        assert_eq!(of::<Vec<Color>>(), None);
    }
}
