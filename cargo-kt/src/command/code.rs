//! A linked program, with what has to be known of it before it is sent.

use std::error::Error;

use kt::wire::manifest::Manifest;

use super::{CommandError, report};
use crate::{
    build::{self, Built},
    layout::{self, LayoutRequest, StateLayout},
    link::{self, Linked},
    plan::{CargoOptions, Surroundings},
    ship,
    terminal::Terminal,
};

#[derive(Debug)]
pub(super) struct Code {
    pub(super) built: Built,
    pub(super) linked: Linked,
    pub(super) layouts: Vec<StateLayout>,
    pub(super) manifest: Manifest,
}

impl Code {
    /// Finds out how its states are laid out, and lists its objects.
    pub(super) fn of(
        built: Built,
        linked: Linked,
        terminal: &Terminal,
    ) -> Result<Self, CommandError> {
        let layouts = layouts(&built, &linked)?;
        for layout in &layouts {
            if let Err(unknown) = &layout.layout {
                let (mut why, mut cause) = (unknown.to_string(), unknown.source());
                while let Some(error) = cause {
                    why += &format!(": {error}");
                    cause = error.source();
                }
                terminal.detail(
                    "Layout",
                    format_args!("of `{}` is unknown: {why}", report::name_of(&layout.key)),
                );
            }
        }
        let program = &built.plan.program.name;
        let manifest = ship::manifest(program, &built.compiled, &linked, &layouts)
            .map_err(CommandError::Manifest)?;
        Ok(Self {
            built,
            linked,
            layouts,
            manifest,
        })
    }
}

/// A program that runs on this machine while its remote functions run on another kind: built for here, from the same sources.
#[derive(Debug)]
pub(super) struct Driver(pub(super) Linked);

impl Driver {
    /// Builds and links it.
    pub(super) fn build(
        options: &CargoOptions,
        surroundings: &Surroundings,
        terminal: &Terminal,
    ) -> Result<Self, CommandError> {
        let options = CargoOptions {
            target: None,
            ..options.clone()
        };
        let built = build::prepare(&options, surroundings, terminal)?.compile()?;
        let warm = built.plan.warm_directory();
        let linked = link::link(&built.compiled, &warm, &[], None, &|event| {
            report::linked(terminal, event);
        })?;
        Ok(Self(linked))
    }
}

/// The layout of every state in the program.
fn layouts(built: &Built, linked: &Linked) -> Result<Vec<StateLayout>, CommandError> {
    // Both list the same crates in the same order: dependencies first.
    let states: Vec<(usize, Vec<String>)> = linked
        .crates
        .iter()
        .enumerate()
        .filter(|(_, krate)| !krate.states.is_empty())
        .map(|(index, krate)| (index, krate.states.clone()))
        .collect();
    if states.is_empty() {
        return Ok(Vec::new());
    }
    let keeps: Vec<String> = linked
        .crates
        .iter()
        .flat_map(|krate| krate.keeps.iter().cloned())
        .collect();
    let base: String = linked
        .layers
        .iter()
        .map(|layer| layer.file.blake3.as_str())
        .collect();
    let warm = built.plan.warm_directory();
    Ok(layout::fingerprints(LayoutRequest {
        compiled: &built.compiled,
        states: &states,
        keeps: &keeps,
        base_id: &base,
        warm: &warm,
    })?)
}
