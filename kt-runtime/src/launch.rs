//! The target of the launcher's `main`: the only file that starts both a worker and a driver.

use std::{env, path::PathBuf, process::ExitCode};

use crate::{driver, sys::dl, worker};

/// Called by the launcher's `main`, which links only against libstd and the base.
#[unsafe(no_mangle)]
fn __kt_launch() -> ExitCode {
    if env::var_os(crate::wire::worker::ENV).is_some() {
        return worker::main();
    }
    let Some(driver) = driver::start() else {
        eprintln!("kt: this program can only be started by `cargo kt`");
        return ExitCode::FAILURE;
    };
    match load(driver.objects()) {
        Ok(main) => main(),
        Err(error) => {
            eprintln!("kt: failed to load the program: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Loads the driver's objects and finds the last one's `main`.
fn load(objects: &[PathBuf]) -> Result<fn() -> ExitCode, String> {
    let mut last = None;
    for path in objects {
        // SAFETY: `cargo kt` linked these objects for this base, and lists dependencies first.
        last = Some(unsafe { dl::Object::open(path) }?);
    }
    let main = last
        .and_then(|program| program.symbol("kt:main"))
        .ok_or("missing symbol `kt:main`")?;
    // SAFETY: the macros export a `fn() -> ExitCode` under this name.
    Ok(unsafe { std::mem::transmute::<*const (), fn() -> ExitCode>(main) })
}
