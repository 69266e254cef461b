//! Which glibc a program is linked for.
//!
//! Objects are linked for this machine's glibc until an image turns out to have an older one than
//! they need. Then they are linked for that one, and its version is cached with the image's name.
//! If that fails for lack of newer symbols, the C code of build scripts is compiled for it too.

use camino::{Utf8Path, Utf8PathBuf};
use kt::host;

use super::{
    SessionError, Target, glibc_mismatch::GlibcMismatch, layouts, link::LinkedProgram, plan::plan,
    report,
};
use crate::{
    compile::Built,
    config::PlaceKind,
    context::CargoContext,
    glibc::{CCompiler, Glibc, ImageGlibcCache, Stubs},
    layout::StateLayout,
    link::{self, ExistingLayer, LinkError, Linked},
    place::Connected,
    plan::{CargoOptions, Plan},
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
    /// Of a service in a cluster.
    image: Option<String>,
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
        let service = &target.config.service;
        let image = (service.place == PlaceKind::Kubernetes).then(|| service.image.clone());
        let remembered = image
            .as_deref()
            .and_then(|image| ImageGlibcCache::read(&kt_dir).of(image));
        let glibc = service.glibc.or(remembered);
        let glibc = match (
            plan.toolchain.is_cross(),
            link::has_compiler(&plan.toolchain),
        ) {
            // A program for this machine needs at most this machine's.
            (false, true) => glibc.filter(|glibc| host::glibc().is_none_or(|ours| *glibc < ours)),
            (true, false) => glibc.or(Some(CROSS)),
            _ => glibc,
        };
        Self {
            options,
            context,
            terminal,
            cache: Utf8Path::from_path(&target.dirs.cache)
                .map_or_else(|| kt_dir.join("cache"), Utf8Path::to_owned),
            kt_dir,
            image,
            chosen: service.glibc,
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
        let known = ImageGlibcCache::read(&self.kt_dir)
            .c
            .get(&toolchain.target)
            .copied();
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
        let memory = ImageGlibcCache::read(&self.kt_dir);
        memory.c.get(target).is_some_and(|c| *c <= glibc)
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

    /// Whether the program must be linked again: the next [`link`](Self::link) is then for the
    /// service's glibc.
    ///
    /// # Errors
    /// If the service cannot run the program whatever it is linked for.
    pub(super) fn adopt_glibc_of(
        &mut self,
        connected: &Connected,
        linked: &Linked,
        target: &str,
    ) -> Result<bool, SessionError> {
        let platform = &connected.status.platform;
        let ours = target.split('-').next().unwrap_or(target);
        if platform.architecture != ours {
            return Err(SessionError::OtherArchitecture {
                service: connected.service.clone(),
                theirs: platform.architecture.clone(),
                ours: ours.to_owned(),
            });
        }
        let Some(mismatch) = GlibcMismatch::between(linked, connected) else {
            return Ok(false);
        };
        let GlibcMismatch { needed, found, .. } = mismatch;
        if self.chosen.is_some() || self.glibc.is_some_and(|glibc| glibc <= found) {
            return Err(SessionError::NewerGlibc {
                service: connected.service.clone(),
                mismatch,
                chosen: self.chosen,
            });
        }
        self.terminal.status(
            "Linking",
            format_args!(
                "for glibc {found} of {}: {} needs {needed}",
                self.image.as_deref().unwrap_or(&connected.service),
                mismatch.what
            ),
        );
        self.glibc = Some(found);
        if let Some(image) = &self.image {
            let mut memory = ImageGlibcCache::read(&self.kt_dir);
            memory.set(image, found);
            memory.write();
        }
        Ok(true)
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
