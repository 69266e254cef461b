//! The table of mutations: types before and after, and their containers.

mod collections;
mod enums;
mod fields;
mod numbers;
mod opaque;
mod statics;
mod unchanged;
mod wrappers;

use crate::{
    case::{Case, Expected, Shape},
    container::Container,
};

/// How many containers each shape gets, in rotation.
const CONTAINERS: usize = 1;

/// Every fourth shape is in a third-party type map too: the map treats all types alike.
const MAPPED: usize = 4;

pub fn cases() -> Vec<Case> {
    let shapes = [
        fields::shapes(),
        numbers::shapes(),
        enums::shapes(),
        collections::shapes(),
        wrappers::shapes(),
        unchanged::shapes(),
        opaque::shapes(),
    ]
    .concat();
    let mut cases = Vec::new();
    let mut turns = Container::ALL.into_iter().cycle();
    for shape in &shapes {
        let mut put = 0;
        while put < CONTAINERS {
            let container = turns.next().expect("it goes round");
            if container.takes(shape) {
                cases.push(Case::of(shape, container));
                put += 1;
            }
        }
    }
    // All of them again, in states of an unedited crate.
    let unedited = |shape| Case::of(shape, Container::UneditedCrate);
    cases.extend(shapes.iter().map(unedited));
    let mapped = shapes
        .iter()
        .filter(|shape| Container::TypeMap.takes(shape));
    let mapped = mapped.step_by(MAPPED);
    cases.extend(mapped.map(|shape| Case::of(shape, Container::TypeMap)));
    cases.extend(statics::cases());
    cases
}

fn kept(name: &str, before: &str, value: &str, after: &str) -> Shape {
    Shape::new(Expected::Kept, name, before, value, after, &[])
}

/// The value survives in a type whose layout may be that of the old one.
fn survives(name: &str, before: &str, value: &str, after: &str, checks: &[&str]) -> Shape {
    Shape::new(Expected::Survives, name, before, value, after, checks)
}

fn migrated(name: &str, before: &str, value: &str, after: &str, checks: &[&str]) -> Shape {
    Shape::new(Expected::Migrated, name, before, value, after, checks)
}

fn reset(name: &str, before: &str, value: &str, after: &str) -> Shape {
    Shape::new(Expected::Reset, name, before, value, after, &["true"])
}

fn refused(name: &str, before: &str, value: &str, after: &str) -> Shape {
    Shape::new(Expected::Refused, name, before, value, after, &["true"])
}
