//! A build from its plan on: without any process if nothing changed, by rustc alone if only sources
//! did, else through cargo.

use camino::{Utf8Path, Utf8PathBuf};

use super::cargo_build::KnownUnits;
use super::inputs::Inputs;
use super::phases::Stopwatch;
use super::plan_cache::{CachedPlan, PlanCache};
use super::records::Records;
use super::{BuildError, BuildLock, Built, Cancellation, Console, How, cargo_build, replay};
use crate::artifacts::Compiled;
use crate::context::CargoContext;
use crate::glibc::CCompiler;
use crate::plan::{self, CargoOptions, Plan};

/// A planned build, which holds the lock of its directory.
pub struct Planned<'a> {
    builder: Builder<'a>,
    plan: Box<Plan>,
    lock: BuildLock,
    strategy: Strategy,
}

enum Strategy {
    /// By rustc alone, if anything has to be compiled.
    Replay(PlanCache, Box<KnownUnits>),
    /// Through cargo, for this reason.
    Cargo(String),
}

/// The plan of an earlier build.
pub enum Recalled<'a> {
    /// It still holds.
    Valid(Planned<'a>),
    /// There is none that holds, for this reason: the program must be planned.
    Stale(Builder<'a>, String),
}

/// One build.
pub struct Builder<'a> {
    options: &'a CargoOptions,
    /// The caller's, without the variables of a C compiler.
    caller: &'a CargoContext,
    /// With the variables of the C compiler that was chosen.
    context: CargoContext,
    console: &'a dyn Console,
    /// Nanoseconds since the epoch.
    started: i128,
    stopwatch: Stopwatch,
    /// The kt directory of a plan that did not hold, still locked: the new plan mostly has the
    /// same.
    lock: Option<(Utf8PathBuf, BuildLock)>,
}

impl<'a> Builder<'a> {
    pub fn new(
        options: &'a CargoOptions,
        context: &'a CargoContext,
        console: &'a dyn Console,
    ) -> Self {
        Self {
            options,
            caller: context,
            context: context.clone(),
            console,
            started: now(),
            stopwatch: Stopwatch::start(),
            lock: None,
        }
    }

    /// Looks for the plan of an earlier build of the same command, and checks whether it still
    /// holds.
    ///
    /// # Errors
    /// If the kt directory cannot be locked.
    pub fn recall(mut self) -> Result<Recalled<'a>, BuildError> {
        // cargo's JSON comes from cargo only.
        let found = match self.options.wants_json() {
            true => None,
            false => PlanCache::find(self.options, self.caller),
        };
        let Some((target_directory, cache)) = found else {
            let reason = "no earlier build of this program is recorded";
            return Ok(Recalled::Stale(self, reason.to_owned()));
        };
        let directory = plan::kt_dir(&target_directory);
        let lock = self.enter(&directory)?;
        Ok(match self.read(&cache) {
            Ok(cached) => {
                let plan = Plan {
                    options: self.options.clone(),
                    ..cached.plan
                };
                Recalled::Valid(Planned {
                    builder: self,
                    plan: Box::new(plan),
                    lock,
                    strategy: Strategy::Replay(cache, Box::new(cached.known)),
                })
            }
            Err(reason) => {
                self.lock = Some((directory, lock));
                Recalled::Stale(self, reason)
            }
        })
    }

    /// Plans the program anew: cargo will compile it, for this reason.
    ///
    /// # Errors
    /// If there is no plan, or the kt directory cannot be locked.
    pub fn plan(mut self, reason: String) -> Result<Planned<'a>, BuildError> {
        let plan = self
            .stopwatch
            .measure("plan", || plan::plan(self.options, &self.context))?;
        let lock = self.enter(&plan.kt_dir())?;
        Ok(Planned {
            builder: self,
            plan: Box::new(plan),
            lock,
            strategy: Strategy::Cargo(reason),
        })
    }

    /// Locks a kt directory, and chooses the C compiler of its build scripts.
    fn enter(&mut self, directory: &Utf8Path) -> Result<BuildLock, BuildError> {
        // Another directory's lock is released first: two at once could wait for each other.
        if let Some((held, lock)) = self.lock.take()
            && held == directory
        {
            return Ok(lock);
        }
        self.context = self.caller.clone();
        // The C code of build scripts is compiled for an older glibc, where an image needs it.
        for compiler in CCompiler::all(directory) {
            self.context.environment.extend(compiler.variables());
        }
        BuildLock::take(directory, self.console)
    }

    /// The cached plan, or why it does not hold.
    fn read(&self, cache: &PlanCache) -> Result<CachedPlan, String> {
        let cached = self.stopwatch.measure("read", || cache.read());
        let cached = cached.ok_or("the plan of the last build cannot be read")?;
        let changed = self
            .stopwatch
            .measure("inputs", || cached.inputs.changed(&self.context));
        match changed {
            Some(reason) => Err(reason),
            None => Ok(cached),
        }
    }
}

impl Planned<'_> {
    /// What will be compiled.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Compiles it: without any process if nothing changed, with rustc alone if only sources did,
    /// and through cargo in every other case and whenever in doubt.
    ///
    /// # Errors
    /// All of [`BuildError`].
    pub fn compile(self) -> Result<Built, BuildError> {
        self.compile_unless(&Cancellation::default())
    }

    /// As [`compile`](Self::compile), until `cancellation`.
    ///
    /// # Errors
    /// All of [`BuildError`].
    pub fn compile_unless(self, cancellation: &Cancellation) -> Result<Built, BuildError> {
        let Self {
            builder,
            plan,
            lock,
            strategy,
        } = self;
        let reason = match strategy {
            Strategy::Cargo(reason) => reason,
            Strategy::Replay(cache, known) => match builder.replay(&cache, &plan, &known)? {
                Outcome::Done(compiled, how) => {
                    return Ok(builder.done(*plan, *compiled, how, lock));
                }
                Outcome::Cargo(reason) => reason,
            },
        };
        builder.console.verbose(&format!("calling cargo: {reason}"));
        tracing::debug!(reason, "compiling with cargo");
        builder.build_with_cargo(*plan, lock, reason, cancellation)
    }
}

/// The result of a build without cargo.
enum Outcome {
    Done(Box<Compiled>, How),
    /// cargo is needed; why.
    Cargo(String),
}

impl Builder<'_> {
    fn done(self, plan: Plan, compiled: Compiled, how: How, lock: BuildLock) -> Built {
        Built {
            plan,
            compiled,
            how,
            lock,
            phases: self.stopwatch.phases(),
        }
    }

    /// Compiles what has changed until nothing has.
    fn replay(
        &self,
        cache: &PlanCache,
        plan: &Plan,
        known: &KnownUnits,
    ) -> Result<Outcome, BuildError> {
        /// Editors save while rustc runs: after so many rounds cargo decides.
        const ROUNDS: usize = 3;
        if replay::jobs(plan).is_none() {
            let reason = "the number of jobs is invalid, and cargo says why";
            return Ok(Outcome::Cargo(reason.to_owned()));
        }
        let records = Records::below(&plan.kt_dir(), &plan.workspace_root);
        let mut crates: Vec<String> = Vec::new();
        for _ in 0..ROUNDS {
            let (read, stale) = self.stopwatch.measure("check", || {
                let read = known.read(&records);
                let stale = cargo_build::judge(&known.sorted, &read, &self.context, records.warm());
                (read, stale)
            });
            if let Some(reason) = known.compiled_otherwise(&read) {
                return Ok(Outcome::Cargo(reason));
            }
            let dirty = match replay::dirty(plan, &known.sorted, &read, &stale) {
                Ok(dirty) => dirty,
                Err(reason) => return Ok(Outcome::Cargo(reason)),
            };
            if dirty.is_empty() {
                let compiled = cargo_build::assemble(plan, known, &read)?;
                let how = if crates.is_empty() {
                    How::Unchanged
                } else {
                    How::Replayed { crates }
                };
                return Ok(Outcome::Done(Box::new(compiled), how));
            }
            if plan.judges_warnings {
                let reason = "`build.warnings` is set, which only cargo applies";
                return Ok(Outcome::Cargo(reason.to_owned()));
            }
            let sources = replay::sources_digest(&read);
            if cache.refused().as_ref() == Some(&sources) {
                cache.set_refused(None);
                let reason = "these sources did not compile when replayed";
                return Ok(Outcome::Cargo(reason.to_owned()));
            }
            let replayed = replay::replay(
                plan,
                &known.sorted,
                &read,
                &dirty,
                &self.context,
                self.console,
                &self.stopwatch,
            );
            match replayed {
                Ok(()) => cache.set_refused(None),
                Err(BuildError::Compile { code }) => {
                    cache.set_refused(Some(&sources));
                    return Err(BuildError::Compile { code });
                }
                Err(error) => return Ok(Outcome::Cargo(error.to_string())),
            }
            for index in dirty {
                let name = &known.sorted.hot[index].crate_name;
                if !crates.contains(name) {
                    crates.push(name.clone());
                }
            }
        }
        Ok(Outcome::Cargo(
            "sources change faster than they compile".to_owned(),
        ))
    }

    fn build_with_cargo(
        self,
        plan: Plan,
        lock: BuildLock,
        reason: String,
        cancellation: &Cancellation,
    ) -> Result<Built, BuildError> {
        if cancellation.is_canceled() {
            return Err(BuildError::Canceled);
        }
        let cache = PlanCache::at(&plan.target_directory, &plan.options, &self.context);
        // If cargo fails half-way, it is unknown what it changed.
        cache.remove();
        let (known, read) = cargo_build::compile(
            &plan,
            &self.context,
            self.console,
            &self.stopwatch,
            cancellation,
        )?;
        let compiled = cargo_build::assemble(&plan, &known, &read)?;
        let inputs = self.stopwatch.measure("remember", || {
            Inputs::collect(&plan, &known, &read, &self.context, self.started)
        });
        let remembered = match inputs {
            Some(inputs) => cache
                .write(plan.clone(), known, inputs)
                .map_err(|error| error.to_string()),
            None => Err("its inputs changed meanwhile".to_owned()),
        };
        if let Err(reason) = remembered {
            self.console
                .verbose(&format!("the next build will call cargo too: {reason}"));
        }
        Ok(self.done(plan, compiled, How::Cargo { reason }, lock))
    }
}

/// Nanoseconds since the epoch.
fn now() -> i128 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    i128::try_from(since.as_nanos()).unwrap_or(i128::MAX)
}
