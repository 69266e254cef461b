//! Which way a program is built: not at all, by rustc alone, or through cargo.

use camino::Utf8Path;

use super::inputs::Inputs;
use super::memory::{Memory, Remembered};
use super::phases::Stopwatch;
use super::records::Records;
use super::through_cargo::Known;
use super::{BuildError, BuildLock, Built, Console, How, replay, through_cargo};
use crate::artifacts::Compiled;
use crate::context::CargoContext;
use crate::glibc::CCompiler;
use crate::plan::{self, CargoOptions, Plan};

/// What is about to be compiled, and how.
pub struct Prepared<'a> {
    build: Build<'a>,
    plan: Box<Plan>,
    lock: BuildLock,
    way: Way,
}

enum Way {
    /// With rustc alone, if at all.
    Replay(Memory, Box<Known>),
    /// Through cargo; why.
    Cargo(String),
}

/// Plans what was typed, with what is remembered if that holds.
///
/// # Errors
/// All of [`BuildError`].
pub fn prepare<'a>(
    options: &'a CargoOptions,
    context: &'a CargoContext,
    console: &'a dyn Console,
) -> Result<Prepared<'a>, BuildError> {
    let mut build = Build {
        options,
        context: context.clone(),
        console,
        started: now(),
        stopwatch: Stopwatch::start(),
    };
    // cargo's JSON comes from cargo only.
    let found = if options.wants_json() {
        None
    } else {
        Memory::find(options, context)
    };
    let Some((target_directory, memory)) = found else {
        let plan = Box::new(build.plan()?);
        build.take_c_compiler(&plan.warm_directory());
        let lock = BuildLock::take(&plan.warm_directory(), console)?;
        let way = Way::Cargo("nothing is known of this program".to_owned());
        return Ok(Prepared {
            build,
            plan,
            lock,
            way,
        });
    };
    let warm = plan::warm_directory(&target_directory);
    build.take_c_compiler(&warm);
    let lock = BuildLock::take(&warm, console)?;
    let reason = match build.recall(&memory) {
        Ok(remembered) => {
            let plan = Box::new(Plan {
                options: options.clone(),
                ..remembered.plan
            });
            let way = Way::Replay(memory, Box::new(remembered.known));
            return Ok(Prepared {
                build,
                plan,
                lock,
                way,
            });
        }
        Err(reason) => reason,
    };
    let plan = Box::new(build.plan()?);
    let same = plan.target_directory == target_directory;
    let lock = if same {
        lock
    } else {
        build.context = context.clone();
        build.take_c_compiler(&plan.warm_directory());
        BuildLock::take(&plan.warm_directory(), console)?
    };
    let way = Way::Cargo(reason);
    Ok(Prepared {
        build,
        plan,
        lock,
        way,
    })
}

impl Prepared<'_> {
    /// What will be compiled.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Compiles it: without any process if nothing changed, with rustc alone if only sources did, and through cargo in every
    /// other case and whenever in doubt.
    ///
    /// # Errors
    /// All of [`BuildError`].
    pub fn compile(self) -> Result<Built, BuildError> {
        let Self {
            build,
            plan,
            lock,
            way,
        } = self;
        let reason = match way {
            Way::Cargo(reason) => reason,
            Way::Replay(memory, known) => match build.replay(&memory, &plan, &known)? {
                Outcome::Done(compiled, how) => return Ok(build.done(*plan, *compiled, how, lock)),
                Outcome::Cargo(reason) => reason,
            },
        };
        build.console.verbose(&format!("calling cargo: {reason}"));
        build.through_cargo(*plan, lock, reason)
    }
}

/// What came of building without cargo.
enum Outcome {
    Done(Box<Compiled>, How),
    /// cargo is needed; why.
    Cargo(String),
}

/// One build under way.
struct Build<'a> {
    options: &'a CargoOptions,
    /// With the variables of the C compiler that was chosen.
    context: CargoContext,
    console: &'a dyn Console,
    /// Nanoseconds since the epoch.
    started: i128,
    stopwatch: Stopwatch,
}

impl Build<'_> {
    /// The C code of build scripts is compiled for an older glibc, if any was found that needs it.
    fn take_c_compiler(&mut self, warm: &Utf8Path) {
        for compiler in CCompiler::all(warm) {
            self.context.environment.extend(compiler.variables());
        }
    }

    fn plan(&self) -> Result<Plan, BuildError> {
        Ok(self
            .stopwatch
            .measure("plan", || plan::plan(self.options, &self.context))?)
    }

    fn done(self, plan: Plan, compiled: Compiled, how: How, lock: BuildLock) -> Built {
        Built {
            plan,
            compiled,
            how,
            lock,
            phases: self.stopwatch.phases(),
        }
    }

    /// What is remembered of this program, or why it does not hold.
    fn recall(&self, memory: &Memory) -> Result<Remembered, String> {
        let remembered = self.stopwatch.measure("read", || memory.read());
        let remembered =
            remembered.ok_or("what is known of this program cannot be read".to_owned())?;
        let changed = self
            .stopwatch
            .measure("inputs", || remembered.inputs.changed(&self.context));
        match changed {
            Some(reason) => Err(reason),
            None => Ok(remembered),
        }
    }

    /// Compiles what has changed until nothing has.
    fn replay(&self, memory: &Memory, plan: &Plan, known: &Known) -> Result<Outcome, BuildError> {
        /// Editors save while rustc runs; who saves more often than this is left to cargo.
        const ROUNDS: usize = 3;
        let records = Records::below(&plan.warm_directory(), &plan.workspace_root);
        let mut crates: Vec<String> = Vec::new();
        for _ in 0..ROUNDS {
            let (read, stale) = self.stopwatch.measure("check", || {
                let read = known.read(&records);
                let stale =
                    through_cargo::judge(&known.sorted, &read, &self.context, records.warm());
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
                let compiled = through_cargo::assemble(plan, known, &read)?;
                let how = if crates.is_empty() {
                    How::Unchanged
                } else {
                    How::Replayed { crates }
                };
                return Ok(Outcome::Done(Box::new(compiled), how));
            }
            let sources = replay::sources_digest(&read);
            if memory.refused().as_ref() == Some(&sources) {
                memory.set_refused(None);
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
                Ok(()) => memory.set_refused(None),
                Err(BuildError::Compile { code }) => {
                    memory.set_refused(Some(&sources));
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

    fn through_cargo(
        self,
        plan: Plan,
        lock: BuildLock,
        reason: String,
    ) -> Result<Built, BuildError> {
        let memory = Memory::at(&plan.target_directory, &plan.options, &self.context);
        // Should cargo fail half-way, nobody knows what it has changed.
        memory.forget();
        let (known, read) =
            through_cargo::compile(&plan, &self.context, self.console, &self.stopwatch)?;
        let compiled = through_cargo::assemble(&plan, &known, &read)?;
        let inputs = self.stopwatch.measure("remember", || {
            Inputs::collect(&plan, &known, &read, &self.context, self.started)
        });
        let remembered = match inputs {
            Some(inputs) => memory
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
