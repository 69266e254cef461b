//! A linked program, with what has to be known of it before it is sent.

use std::error::Error;

use kt::wire::manifest::Manifest;

use super::{CommandError, fit::Fitted, report};
use crate::{
    compile::{self, Built},
    context::CargoContext,
    layout::StateLayout,
    link::{self, Linked, StateKeys},
    plan::CargoOptions,
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
    /// Says of which states the layout is unknown, and lists its objects.
    pub(super) fn of(
        (built, linked, layouts): Fitted,
        terminal: &Terminal,
    ) -> Result<Self, CommandError> {
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
        context: &CargoContext,
        terminal: &Terminal,
    ) -> Result<Self, CommandError> {
        let options = CargoOptions {
            target: None,
            ..options.clone()
        };
        let built = compile::prepare(&options, context, terminal)?.compile()?;
        let warm = built.plan.warm_directory();
        // Its objects are never swapped, so their names need not tell layouts apart.
        let layouts = &|_: &_, _: &[_], _: &[_], _: &[_]| Ok(StateKeys::new());
        let linked = link::link(&built.compiled, &warm, &[], None, layouts, &|event| {
            report::linked(terminal, event);
        })?;
        Ok(Self(linked))
    }
}
