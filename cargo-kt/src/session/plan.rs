//! *plan*: the program that was asked for, once for each build.

use crate::{
    compile::{BuildError, Builder, Console, Planned, Recalled},
    context::CargoContext,
    plan::CargoOptions,
};

/// Takes the plan of an earlier build of the same command if it still holds, else plans the program
/// through cargo.
///
/// # Errors
/// All of [`BuildError`] that planning and locking have.
pub fn plan<'a>(
    options: &'a CargoOptions,
    context: &'a CargoContext,
    console: &'a dyn Console,
) -> Result<Planned<'a>, BuildError> {
    let _span = tracing::debug_span!("plan").entered();
    match Builder::new(options, context, console).recall()? {
        Recalled::Valid(planned) => {
            tracing::debug!("plan of the last build reused");
            Ok(planned)
        }
        Recalled::Stale(builder, reason) => {
            tracing::debug!(reason, "planning with cargo");
            builder.plan(reason)
        }
    }
}
