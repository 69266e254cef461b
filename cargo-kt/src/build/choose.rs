//! Which way a program is built: not at all, by rustc alone, or through cargo.

use super::inputs::Inputs;
use super::memory::{Memory, Remembered};
use super::phases::Stopwatch;
use super::record::Records;
use super::{BuildError, BuildLock, Built, Compiled, Console, How, replay, through_cargo};
use crate::plan::{self, CargoOptions, Plan, Surroundings};

/// Plans and compiles what was typed: without any process if nothing changed, with rustc alone if only sources did, and
/// through cargo in every other case and whenever in doubt.
///
/// # Errors
/// All of [`BuildError`].
pub fn build(
    options: &CargoOptions,
    surroundings: &Surroundings,
    console: &dyn Console,
) -> Result<Built, BuildError> {
    let build = Build {
        options,
        surroundings,
        console,
        started: now(),
        stopwatch: Stopwatch::start(),
    };
    // cargo's JSON comes from cargo only.
    let found = if options.wants_json() {
        None
    } else {
        Memory::find(options, surroundings)
    };
    let Some((target_directory, memory)) = found else {
        let plan = build.plan()?;
        let lock = BuildLock::take(&plan.warm_directory(), console)?;
        return build.through_cargo(plan, lock, "nothing is known of this program".to_owned());
    };
    let lock = BuildLock::take(&plan::warm_directory(&target_directory), console)?;
    let (plan, reason) = match build.without_cargo(&memory)? {
        Outcome::Done(plan, compiled, how) => return Ok(build.done(*plan, *compiled, how, lock)),
        Outcome::Cargo(plan, reason) => (plan, reason),
    };
    console.verbose(&format!("calling cargo: {reason}"));
    if let Some(plan) = plan {
        return build.through_cargo(*plan, lock, reason);
    }
    let plan = build.plan()?;
    let same = plan.target_directory == target_directory;
    let lock = if same {
        lock
    } else {
        BuildLock::take(&plan.warm_directory(), console)?
    };
    build.through_cargo(plan, lock, reason)
}

/// What came of building without cargo.
enum Outcome {
    Done(Box<Plan>, Box<Compiled>, How),
    /// cargo is needed; the plan still holds if there is one.
    Cargo(Option<Box<Plan>>, String),
}

/// One build under way.
struct Build<'a> {
    options: &'a CargoOptions,
    surroundings: &'a Surroundings,
    console: &'a dyn Console,
    /// Nanoseconds since the epoch.
    started: i128,
    stopwatch: Stopwatch,
}

impl Build<'_> {
    fn plan(&self) -> Result<Plan, BuildError> {
        Ok(self
            .stopwatch
            .measure("plan", || plan::plan(self.options, self.surroundings))?)
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

    fn without_cargo(&self, memory: &Memory) -> Result<Outcome, BuildError> {
        let unusable = |reason: String| Ok(Outcome::Cargo(None, reason));
        let Some(remembered) = self.stopwatch.measure("read", || memory.read()) else {
            return unusable("what is known of this program cannot be read".to_owned());
        };
        let changed = self
            .stopwatch
            .measure("inputs", || remembered.inputs.changed(self.surroundings));
        match changed {
            Some(reason) => unusable(reason),
            None => self.replay(memory, remembered),
        }
    }

    /// Compiles what has changed until nothing has.
    fn replay(&self, memory: &Memory, remembered: Remembered) -> Result<Outcome, BuildError> {
        /// Editors save while rustc runs; who saves more often than this is left to cargo.
        const ROUNDS: usize = 3;
        let Remembered { plan, known, .. } = remembered;
        let plan = Box::new(Plan {
            options: self.options.clone(),
            ..plan
        });
        let records = Records::below(&plan.warm_directory());
        let mut crates: Vec<String> = Vec::new();
        for _ in 0..ROUNDS {
            let (read, stale) = self.stopwatch.measure("check", || {
                let read = known.read(&records);
                let stale = through_cargo::judge(&known.sorted, &read, self.surroundings);
                (read, stale)
            });
            let dirty = match replay::dirty(&plan, &known.sorted, &read, &stale) {
                Ok(dirty) => dirty,
                Err(reason) => return Ok(Outcome::Cargo(Some(plan), reason)),
            };
            if dirty.is_empty() {
                let compiled = through_cargo::assemble(&plan, &known, &read)?;
                let how = if crates.is_empty() {
                    How::Unchanged
                } else {
                    How::Replayed { crates }
                };
                return Ok(Outcome::Done(plan, Box::new(compiled), how));
            }
            let sources = replay::sources_digest(&read);
            if memory.refused().as_ref() == Some(&sources) {
                memory.set_refused(None);
                let reason = "these sources did not compile when replayed";
                return Ok(Outcome::Cargo(Some(plan), reason.to_owned()));
            }
            let replayed = replay::replay(
                &plan,
                &known.sorted,
                &read,
                &dirty,
                self.surroundings,
                self.console,
                &self.stopwatch,
            );
            match replayed {
                Ok(()) => memory.set_refused(None),
                Err(BuildError::Compile { code }) => {
                    memory.set_refused(Some(&sources));
                    return Err(BuildError::Compile { code });
                }
                Err(error) => return Ok(Outcome::Cargo(Some(plan), error.to_string())),
            }
            for index in dirty {
                let name = &known.sorted.hot[index].crate_name;
                if !crates.contains(name) {
                    crates.push(name.clone());
                }
            }
        }
        Ok(Outcome::Cargo(
            Some(plan),
            "sources change faster than they compile".to_owned(),
        ))
    }

    fn through_cargo(
        self,
        plan: Plan,
        lock: BuildLock,
        reason: String,
    ) -> Result<Built, BuildError> {
        let memory = Memory::at(&plan.target_directory, &plan.options, self.surroundings);
        // Should cargo fail half-way, nobody knows what it has changed.
        memory.forget();
        let (known, read) =
            through_cargo::compile(&plan, self.surroundings, self.console, &self.stopwatch)?;
        let compiled = through_cargo::assemble(&plan, &known, &read)?;
        let inputs = self.stopwatch.measure("remember", || {
            Inputs::collect(&plan, &known, &read, self.surroundings, self.started)
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
