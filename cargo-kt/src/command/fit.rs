//! Which glibc a program is linked for, and whether what was linked can be loaded in the pod. Nothing that cannot is ever sent.
//!
//! Objects are linked for this machine's glibc until a pod says that its image has an older one than they need. Then they are linked for
//! that one, which is remembered with the image's name. Only if that fails for lack of newer symbols is the C code of build scripts
//! compiled for it too, which is a build of those crates and of what depends on them.

use camino::{Utf8Path, Utf8PathBuf};
use kt::host;

use super::{CommandError, layouts, report};
use crate::{
    compile::{self, Built},
    config::{Config, PlaceKind},
    context::CargoContext,
    glibc::{CCompiler, Glibc, Memory, Stubs},
    layout::StateLayout,
    link::{self, ExistingLayer, LinkError, Linked},
    place::{Connected, Dirs, PlaceName},
    plan::{CargoOptions, Plan},
    terminal::Terminal,
};

/// Links one program so that it fits its service.
#[derive(Debug)]
pub(super) struct Fitting<'a> {
    options: &'a CargoOptions,
    context: &'a CargoContext,
    terminal: &'a Terminal,
    warm: Utf8PathBuf,
    cache: Utf8PathBuf,
    /// Of the service in a cluster.
    image: Option<String>,
    /// Whether a person said it.
    chosen: Option<Glibc>,
    /// To link for; `None`: this machine's.
    glibc: Option<Glibc>,
}

/// What was built, what was linked of it, and how its states are laid out.
pub(super) type Fitted = (Built, Linked, Vec<StateLayout>);

/// What was linked cannot be loaded in the pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    pub what: String,
    pub needed: Glibc,
    pub found: Glibc,
}

impl Misfit {
    /// The one that there is, if any. On this machine there is none: its host may have been started before an upgrade, but workers
    /// are not.
    pub(super) fn between(linked: &Linked, connected: &Connected) -> Option<Self> {
        if connected.place == PlaceName::Local {
            return None;
        }
        Self::of(linked.newest_glibc(), connected.status.platform.glibc)
    }

    /// What a pod cannot tell is no obstacle.
    fn of(needs: Option<(String, Glibc)>, found: Option<Glibc>) -> Option<Self> {
        let ((what, needed), found) = (needs?, found?);
        (needed > found).then_some(Self {
            what,
            needed,
            found,
        })
    }
}

/// What is linked for where this machine has neither the target's C compiler nor heard of the image: Debian 11, Ubuntu 20.04 and
/// all later ones have it.
const CROSS: Glibc = Glibc(2, 31);

impl<'a> Fitting<'a> {
    pub(super) fn new(
        options: &'a CargoOptions,
        context: &'a CargoContext,
        terminal: &'a Terminal,
        (config, plan, dirs): (&Config, &Plan, &Dirs),
    ) -> Self {
        let warm = plan.warm_directory();
        let service = &config.service;
        let image = (service.place == PlaceKind::Kubernetes).then(|| service.image.clone());
        let remembered = image
            .as_deref()
            .and_then(|image| Memory::read(&warm).of(image));
        let glibc = service.glibc.or(remembered);
        let glibc = match (
            plan.toolchain.is_cross(),
            link::has_compiler(&plan.toolchain),
        ) {
            // Whatever is linked for this machine needs no more than this machine has.
            (false, true) => glibc.filter(|glibc| host::glibc().is_none_or(|ours| *glibc < ours)),
            (true, false) => glibc.or(Some(CROSS)),
            _ => glibc,
        };
        Self {
            options,
            context,
            terminal,
            cache: Utf8Path::from_path(&dirs.cache)
                .map_or_else(|| warm.join("cache"), Utf8Path::to_owned),
            warm,
            image,
            chosen: service.glibc,
            glibc,
        }
    }

    /// Before a build for another kind of machine: without its C compiler, zig is the one of build scripts.
    pub(super) fn prepare_cross(&self, plan: &Plan) -> Result<(), CommandError> {
        let toolchain = &plan.toolchain;
        if !toolchain.is_cross() || link::has_compiler(toolchain) {
            return Ok(());
        }
        let known = Memory::read(&self.warm).c.get(&toolchain.target).copied();
        match self.glibc {
            Some(glibc) if known.is_none_or(|known| known > glibc) => {
                self.introduce_compiler(plan, glibc)
            }
            _ => Ok(()),
        }
    }

    fn introduce_compiler(&self, plan: &Plan, glibc: Glibc) -> Result<(), CommandError> {
        let target = &plan.toolchain.target;
        let outputs = plan.cargo_directory().join(target);
        let (warm, cache) = (&self.warm, &self.cache);
        let target = (target.as_str(), glibc);
        Ok(CCompiler::introduce(
            warm,
            target,
            &outputs,
            cache,
            self.context,
        )?)
    }

    /// Links what was built. Where its C code is too new, it is built again for the same glibc.
    pub(super) fn link(
        &self,
        built: Built,
        existing: &[ExistingLayer],
    ) -> Result<Fitted, CommandError> {
        let (mut built, mut linked, layouts) = self.link_as_built(built, existing)?;
        if let Some(compiled) = linked.promoted.take() {
            built.compiled = *compiled;
        }
        Ok((built, linked, layouts))
    }

    fn link_as_built(
        &self,
        built: Built,
        existing: &[ExistingLayer],
    ) -> Result<Fitted, CommandError> {
        let Some(glibc) = self.glibc else {
            let (linked, layouts) = self.link_for(&built, existing, None)?;
            return Ok((built, linked, layouts));
        };
        let target = built.plan.toolchain.target.clone();
        let environment = &self.context.environment;
        let stubs = Stubs::make(&self.cache, &target, glibc, environment)?;
        let (what, symbols) = match self.link_for(&built, existing, Some(&stubs)) {
            Err(LinkError::NewerGlibc { what, symbols, .. })
                if Memory::read(&self.warm)
                    .c
                    .get(&target)
                    .is_none_or(|c| *c > glibc) =>
            {
                (what, symbols)
            }
            linked => {
                let (linked, layouts) = linked?;
                return Ok((built, linked, layouts));
            }
        };
        self.terminal.status(
            "Rebuilding",
            format_args!(
                "the C code of build scripts, and what depends on it, for glibc {glibc}: {what} needs {} of this machine's",
                symbols.join(", ")
            ),
        );
        self.introduce_compiler(&built.plan, glibc)?;
        // Its lock would keep the next one waiting.
        drop(built);
        let built = compile::prepare(self.options, self.context, self.terminal)?.compile()?;
        let (linked, layouts) = self.link_for(&built, existing, Some(&stubs))?;
        Ok((built, linked, layouts))
    }

    fn link_for(
        &self,
        built: &Built,
        existing: &[ExistingLayer],
        stubs: Option<&Stubs>,
    ) -> Result<(Linked, Vec<StateLayout>), LinkError> {
        layouts::link(&built.compiled, &self.warm, existing, stubs, &|event| {
            report::linked(self.terminal, event);
        })
    }

    /// Whether the pod can load it. If not, the next [`link`](Self::link) is for the pod's glibc.
    ///
    /// # Errors
    /// If that cannot help.
    pub(super) fn adapt(
        &mut self,
        linked: &Linked,
        target: &str,
        connected: &Connected,
    ) -> Result<bool, CommandError> {
        let platform = &connected.status.platform;
        let ours = target.split('-').next().unwrap_or(target);
        if platform.architecture != ours {
            return Err(CommandError::OtherArchitecture {
                service: connected.service.clone(),
                theirs: platform.architecture.clone(),
                ours: ours.to_owned(),
            });
        }
        let Some(misfit) = Misfit::between(linked, connected) else {
            return Ok(false);
        };
        let Misfit { needed, found, .. } = misfit;
        if self.chosen.is_some() || self.glibc.is_some_and(|glibc| glibc <= found) {
            return Err(CommandError::NewerGlibc {
                service: connected.service.clone(),
                misfit,
                chosen: self.chosen,
            });
        }
        self.terminal.status(
            "Linking",
            format_args!(
                "for glibc {found} of {}: {} needs {needed}",
                self.image.as_deref().unwrap_or(&connected.service),
                misfit.what
            ),
        );
        self.glibc = Some(found);
        if let Some(image) = &self.image {
            let mut memory = Memory::read(&self.warm);
            memory.set(image, found);
            memory.write();
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_more_than_the_pod_has_does_not_fit() {
        let needs = |minor| Some(("the crate `app`".to_owned(), Glibc(2, minor)));
        let misfit = Misfit::of(needs(34), Some(Glibc(2, 31))).unwrap();
        assert_eq!((misfit.needed, misfit.found), (Glibc(2, 34), Glibc(2, 31)));
        // 2.4 is older than 2.31, which no comparison of texts would say.
        assert_eq!(Misfit::of(needs(4), Some(Glibc(2, 31))), None);
        assert_eq!(Misfit::of(needs(31), Some(Glibc(2, 31))), None);
        assert_eq!(Misfit::of(needs(34), None), None);
        assert_eq!(Misfit::of(None, Some(Glibc(2, 31))), None);
    }
}
