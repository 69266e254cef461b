//! Which way a program is built: not at all, by rustc alone, or through cargo.

use super::inputs::Inputs;
use super::memory::Memory;
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
    let started = now();
    let found = if options.wants_json() {
        None
    } else {
        Memory::find(options, surroundings)
    };
    let Some((target_directory, memory)) = found else {
        let plan = plan::plan(options, surroundings)?;
        let lock = BuildLock::take(&plan.warm_directory(), console)?;
        return through_cargo(
            plan,
            lock,
            "nothing is known of this program".to_owned(),
            started,
            surroundings,
            console,
        );
    };
    let lock = BuildLock::take(&crate::plan::warm_directory(&target_directory), console)?;
    let (plan, reason) = match without_cargo(&memory, options, surroundings, console)? {
        Outcome::Done(plan, compiled, how) => {
            return Ok(Built {
                plan: *plan,
                compiled: *compiled,
                how,
                lock,
            });
        }
        Outcome::Cargo(plan, reason) => (plan, reason),
    };
    console.verbose(&format!("calling cargo: {reason}"));
    match plan {
        Some(plan) => through_cargo(*plan, lock, reason, started, surroundings, console),
        None => {
            let plan = plan::plan(options, surroundings)?;
            let same = plan.target_directory == target_directory;
            let lock = if same {
                lock
            } else {
                BuildLock::take(&plan.warm_directory(), console)?
            };
            through_cargo(plan, lock, reason, started, surroundings, console)
        }
    }
}

/// What came of building without cargo.
enum Outcome {
    Done(Box<Plan>, Box<Compiled>, How),
    /// cargo is needed; the plan still holds if there is one.
    Cargo(Option<Box<Plan>>, String),
}

fn without_cargo(
    memory: &Memory,
    options: &CargoOptions,
    surroundings: &Surroundings,
    console: &dyn Console,
) -> Result<Outcome, BuildError> {
    /// Editors save while rustc runs; who saves more often than this is told so.
    const ROUNDS: usize = 3;
    let Some(remembered) = memory.read() else {
        return Ok(Outcome::Cargo(
            None,
            "what is known of this program cannot be read".to_owned(),
        ));
    };
    if let Some(reason) = remembered.inputs.changed(surroundings) {
        return Ok(Outcome::Cargo(None, reason));
    }
    let plan = Box::new(Plan {
        options: options.clone(),
        ..remembered.plan
    });
    let known = remembered.known;
    let records = Records::below(&plan.warm_directory());
    let mut crates = Vec::new();
    for _ in 0..ROUNDS {
        let read = known.read(&records);
        let stale = through_cargo::judge(&known.sorted, &read, surroundings);
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
            return Ok(Outcome::Cargo(
                Some(plan),
                "these sources did not compile when replayed".to_owned(),
            ));
        }
        match replay::replay(&plan, &known.sorted, &read, &dirty, surroundings, console) {
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
    plan: Plan,
    lock: BuildLock,
    reason: String,
    started: i128,
    surroundings: &Surroundings,
    console: &dyn Console,
) -> Result<Built, BuildError> {
    let memory = Memory::at(&plan.target_directory, &plan.options, surroundings);
    // Should cargo fail half-way, nobody knows what it has changed.
    memory.forget();
    let (known, read) = through_cargo::compile(&plan, surroundings, console)?;
    let compiled = through_cargo::assemble(&plan, &known, &read)?;
    match Inputs::collect(&plan, &known, &read, surroundings, started) {
        Some(inputs) => {
            if let Err(error) = memory.write(plan.clone(), known, inputs) {
                console.verbose(&format!("the next build will call cargo too: {error}"));
            }
        }
        None => {
            console.verbose("the next build will call cargo too: its inputs changed meanwhile");
        }
    }
    Ok(Built {
        plan,
        compiled,
        how: How::Cargo { reason },
        lock,
    })
}

/// Nanoseconds since the epoch.
fn now() -> i128 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    i128::try_from(since.as_nanos()).unwrap_or(i128::MAX)
}
