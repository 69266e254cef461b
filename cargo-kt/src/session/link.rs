//! *layout* and *link*: from rlibs to objects and the manifest that describes them.

use std::error::Error;

use kt::wire::manifest::Manifest;

use super::{
    SessionError,
    plan::plan,
    report::{self, Differences},
};
use crate::{
    compile::{Built, Cancellation},
    context::CargoContext,
    layout::StateLayout,
    link::{self, Linked, OwnLibraries, StateKeys},
    place::Connected,
    plan::CargoOptions,
    ship::{self, References},
    terminal::Terminal,
};

/// A program after *link*.
pub(super) struct LinkedProgram {
    pub(super) built: Built,
    pub(super) linked: Linked,
    pub(super) layouts: Vec<StateLayout>,
}

impl LinkedProgram {
    /// Warns about parts of the program that have no effect in a worker.
    ///
    /// # Errors
    /// If the program has no remote function.
    pub(super) fn check(&self, terminal: &Terminal) -> Result<(), SessionError> {
        let program = &self.built.plan.program.name;
        let mut crates = self.linked.crates.iter();
        if crates.all(|krate| krate.functions.is_empty()) {
            return Err(SessionError::NoRemoteFunction {
                program: program.clone(),
            });
        }
        if let Some(crate_name) = &self.linked.global_allocator {
            terminal.warning(format_args!(
                "the `#[global_allocator]` of `{crate_name}` is not used under cargo kt: the program and the worker use std's"
            ));
        }
        if self.linked.registers_here_only {
            terminal.warning(format_args!(
                "the worker does not run what `{program}` registers before `main` (`inventory`, `typetag`, `#[ctor]`): the crate of `main` has no item of kt\n\
                 help: move it to a library crate, or give the crate of `main` a function with `#[kt::remote]`"
            ));
        }
        Ok(())
    }
}

/// A program that is ready to be sent.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) built: Built,
    pub(super) linked: Linked,
    pub(super) layouts: Vec<StateLayout>,
    pub(super) manifest: Manifest,
    /// What workers start with in place of the image's libraries.
    pub(super) own_libraries: Option<OwnLibraries>,
}

impl Code {
    /// Lists the objects of a program, and with `-v` the states whose layout is unknown.
    pub(super) fn of(program: LinkedProgram, terminal: &Terminal) -> Result<Self, SessionError> {
        let LinkedProgram {
            built,
            linked,
            layouts,
        } = program;
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
        let name = &built.plan.program.name;
        let manifest = ship::manifest(name, &built.compiled, &linked, &layouts)
            .map_err(SessionError::Manifest)?;
        Ok(Self {
            built,
            linked,
            layouts,
            manifest,
            own_libraries: None,
        })
    }

    /// How the layouts of states differ from those of the code that serves.
    pub(super) fn differences(&self, connected: &Connected) -> Differences {
        let current = connected.status.current.as_ref();
        Differences::between(
            &self.built.plan.kt_dir(),
            current.map(|(_, current)| current),
            &self.layouts,
            &self.built.plan.packages,
        )
    }

    /// The objects of the code that serves, for patches against them.
    pub(super) fn references(&self, connected: &Connected) -> References {
        let former = connected.status.current.as_ref().map(|(_, former)| former);
        ship::references(former, &self.manifest, &self.built.plan.kt_dir())
    }
}

/// The program for this machine, from the same sources, where its remote functions run on another
/// kind of machine.
#[derive(Debug)]
pub(crate) struct Driver(pub(super) Linked);

impl Driver {
    /// Builds and links it.
    pub(super) fn build(
        options: &CargoOptions,
        context: &CargoContext,
        terminal: &Terminal,
        cancellation: &Cancellation,
    ) -> Result<Self, SessionError> {
        let options = CargoOptions {
            target: None,
            ..options.clone()
        };
        let built = plan(&options, context, terminal)?.compile_unless(cancellation)?;
        let directory = built.plan.kt_dir();
        // Its objects are never swapped, so their names do not depend on layouts.
        let layouts = &|_: &_, _: &[_], _: &[_], _: &[_]| Ok(StateKeys::new());
        let linked = link::link(&built.compiled, &directory, &[], None, layouts, &|event| {
            report::linked(terminal, event);
        })?;
        Ok(Self(linked))
    }
}
