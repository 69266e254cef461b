//! Which glibc a program is linked for, and which one its worker starts with.
//!
//! Objects are linked for this machine's glibc. If a pod's image has an older one or none, the
//! worker gets libraries of this machine. Only the option `glibc`, and another CPU without a C
//! compiler for it, link for another version.

use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use kt::{
    host::{self, object_path},
    wire::platform::ImageGlibc,
};

use super::{
    SessionError, Target,
    glibc_mismatch::GlibcMismatch,
    layouts,
    link::{Code, LinkedProgram},
    plan::plan,
    report,
};
use crate::{
    compile::Built,
    context::CargoContext,
    glibc::{CCompiler, CompiledCode, Glibc, Stubs},
    layout::StateLayout,
    link::{self, ExistingLayer, LinkError, Linked, Needed},
    place::{Connected, kubernetes},
    plan::{CargoOptions, Plan},
    ship,
    terminal::Terminal,
};

/// Links one program for the glibc of its service.
#[derive(Debug)]
pub(super) struct GlibcLinker<'a> {
    options: &'a CargoOptions,
    context: &'a CargoContext,
    terminal: &'a Terminal,
    kt_dir: Utf8PathBuf,
    cache: Utf8PathBuf,
    /// The option `glibc`.
    chosen: Option<Glibc>,
    /// To link for; `None`: this machine's.
    glibc: Option<Glibc>,
}

/// The default where this machine has no C compiler for the target and does not know the image:
/// Debian 11, Ubuntu 20.04 and later have it.
const CROSS: Glibc = Glibc(2, 31);

impl<'a> GlibcLinker<'a> {
    pub(super) fn new(
        options: &'a CargoOptions,
        context: &'a CargoContext,
        terminal: &'a Terminal,
        (target, plan): (&Target, &Plan),
    ) -> Self {
        let kt_dir = plan.kt_dir();
        let chosen = target.config.service.glibc;
        let glibc = match (
            plan.toolchain.is_cross(),
            link::has_compiler(&plan.toolchain),
        ) {
            // A program for this machine needs at most this machine's.
            (false, true) => chosen.filter(|glibc| host::glibc().is_none_or(|ours| *glibc < ours)),
            (true, false) => chosen.or(Some(CROSS)),
            _ => chosen,
        };
        Self {
            options,
            context,
            terminal,
            cache: Utf8Path::from_path(&target.dirs.cache)
                .map_or_else(|| kt_dir.join("cache"), Utf8Path::to_owned),
            kt_dir,
            chosen,
            glibc,
        }
    }

    /// Prepares a build for another kind of machine: without a C compiler for it, build scripts get
    /// zig.
    pub(super) fn prepare_cross(&self, plan: &Plan) -> Result<(), SessionError> {
        let toolchain = &plan.toolchain;
        if !toolchain.is_cross() || link::has_compiler(toolchain) {
            return Ok(());
        }
        let known = CompiledCode::read(&self.kt_dir).glibc(&toolchain.target);
        match self.glibc {
            Some(glibc) if known.is_none_or(|known| known > glibc) => {
                self.introduce_compiler(plan, glibc)
            }
            _ => Ok(()),
        }
    }

    fn introduce_compiler(&self, plan: &Plan, glibc: Glibc) -> Result<(), SessionError> {
        let target = &plan.toolchain.target;
        let outputs = plan.cargo_directory().join(target);
        let (directory, cache) = (&self.kt_dir, &self.cache);
        let target = (target.as_str(), glibc);
        Ok(CCompiler::introduce(
            directory,
            target,
            &outputs,
            cache,
            self.context,
        )?)
    }

    /// Links a program. If its C code is too new for the glibc, it is compiled and linked again.
    pub(super) fn link(
        &self,
        built: Built,
        existing: &[ExistingLayer],
    ) -> Result<LinkedProgram, SessionError> {
        let Some(glibc) = self.glibc else {
            let linked = self.link_for(&built, existing, None)?;
            return Ok(program(built, linked));
        };
        let target = built.plan.toolchain.target.clone();
        let environment = &self.context.environment;
        let stubs = Stubs::make(&self.cache, &target, glibc, environment)?;
        match self.link_for(&built, existing, Some(&stubs)) {
            Err(LinkError::NewerGlibc { what, symbols, .. })
                if !self.compiles_c_for(&target, glibc) =>
            {
                self.terminal.status(
                    "Rebuilding",
                    format_args!(
                        "C code of build scripts and its dependents for glibc {glibc}: {what} needs {} of this machine's",
                        symbols.join(", ")
                    ),
                );
                let built = self.rebuild_c(built, glibc)?;
                let linked = self.link_for(&built, existing, Some(&stubs))?;
                Ok(program(built, linked))
            }
            linked => Ok(program(built, linked?)),
        }
    }

    /// Whether build scripts compile C code for this glibc already, or for an older one.
    fn compiles_c_for(&self, target: &str, glibc: Glibc) -> bool {
        let known = CompiledCode::read(&self.kt_dir).glibc(target);
        known.is_some_and(|known| known <= glibc)
    }

    /// Compiles the program again, the C code of its build scripts for a glibc.
    fn rebuild_c(&self, built: Built, glibc: Glibc) -> Result<Built, SessionError> {
        self.introduce_compiler(&built.plan, glibc)?;
        // The next build would wait for its lock.
        drop(built);
        Ok(plan(self.options, self.context, self.terminal)?.compile()?)
    }

    fn link_for(
        &self,
        built: &Built,
        existing: &[ExistingLayer],
        stubs: Option<&Stubs>,
    ) -> Result<(Linked, Vec<StateLayout>), LinkError> {
        layouts::link(&built.compiled, &self.kt_dir, existing, stubs, &|event| {
            report::linked(self.terminal, event);
        })
    }

    /// Makes the workers of a program start with libraries of this machine, if the image's glibc is
    /// too old for it or missing. Nothing has been sent yet.
    ///
    /// # Errors
    /// If the service cannot run the program.
    pub(super) fn adapt_to_image(
        &self,
        code: &mut Code,
        connected: &Connected,
    ) -> Result<(), SessionError> {
        let toolchain = &code.built.plan.toolchain;
        let platform = &connected.status.platform;
        let ours = toolchain.target.split('-').next().unwrap_or_default();
        if platform.architecture != ours {
            return Err(SessionError::OtherArchitecture {
                service: connected.service.clone(),
                theirs: platform.architecture.clone(),
                ours: ours.to_owned(),
            });
        }
        let Some(mismatch) = GlibcMismatch::between(&code.linked, connected) else {
            return Ok(());
        };
        let is_missing = mismatch.found == ImageGlibc::Missing;
        // The libraries must fit to the glibc that the program was linked for.
        let has_libraries = link::has_compiler(toolchain);
        if !has_libraries || (self.chosen.is_some() && !is_missing) {
            return Err(SessionError::NewerGlibc {
                service: connected.service.clone(),
                mismatch,
                chosen: self.chosen,
            });
        }
        let needed = match is_missing {
            true => Needed::All,
            false => Needed::Glibc,
        };
        let directory = Path::new(kubernetes::HOST_DIRECTORY);
        let place = |hash: &str| object_path(directory, hash).to_string_lossy().into_owned();
        let own = link::own_libraries(
            &code.built.compiled,
            &self.kt_dir,
            &code.linked,
            needed,
            &place,
            &|event| report::linked(self.terminal, event),
        )?;
        ship::start_with(&mut code.manifest, &own).map_err(SessionError::Manifest)?;
        let count = own.libraries.len();
        self.terminal.detail(
            "Adding",
            format_args!("{count} libraries of this machine: {mismatch}"),
        );
        code.own_libraries = Some(own);
        Ok(())
    }
}

/// A program as it was linked: linking may have made some third-party crates hot.
fn program(mut built: Built, (mut linked, layouts): (Linked, Vec<StateLayout>)) -> LinkedProgram {
    if let Some(compiled) = linked.promoted.take() {
        built.compiled = *compiled;
    }
    LinkedProgram {
        built,
        linked,
        layouts,
    }
}
