//! The effect of a swap on functions with `#[kt::init]`, and starts that one of them failed.

use std::time::Duration;

use kt::wire::control::{InitOutcome, Initialized, SwapRefused};

use super::name_of;
use crate::terminal::{Terminal, text};

/// How many functions are named in one line.
const NAMED: usize = 4;

/// One line for those that ran, and one for each edit that has no effect yet.
pub(super) fn outcomes(terminal: &Terminal, service: &str, inits: &[InitOutcome]) {
    let (mut ran, mut took) = (Vec::new(), Duration::ZERO);
    for InitOutcome { key, outcome } in inits {
        let name = name_of(key);
        match outcome {
            Initialized::Ran { elapsed_us } => {
                let elapsed = Duration::from_micros(*elapsed_us);
                terminal.detail("Initialized", format_args!("{name} in {}", text::duration(elapsed)));
                ran.push(name);
                took += elapsed;
            }
            Initialized::Added => terminal.note(format_args!(
                "init function `{name}` is new and has not run: it runs at the worker's next start\n\
                 help: `cargo kt down {service}` stops it and loses its state"
            )),
            Initialized::Edited => terminal.note(format_args!(
                "init function `{name}` changed after it ran: it runs again at the worker's next start\n\
                 help: `cargo kt down {service}` stops it and loses its state"
            )),
            Initialized::Removed => terminal.note(format_args!(
                "init function `{name}` is no longer defined in the program; what it set up stays until the worker's next start"
            )),
        }
    }
    if !ran.is_empty() {
        let more = match ran.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        ran.truncate(NAMED);
        terminal.status(
            "Initialized",
            format_args!("{}{more} in {}", ran.join(", "), text::duration(took)),
        );
    }
}

/// Why a worker could not be started, if an init function is the cause. `former`: the former worker
/// keeps serving.
pub(in crate::session) fn init_refusal(refused: &SwapRefused, former: bool) -> Option<String> {
    let serves = match former {
        true => "; the former worker keeps serving",
        false => "",
    };
    match refused {
        SwapRefused::Init { key, place, why } => Some(format!(
            "init function `{}` ({place}) {why}{serves}\n\
             help: correct it and run again, no state was lost; `cargo kt logs` shows its output",
            name_of(key)
        )),
        SwapRefused::TimedOut {
            init: Some(key),
            after_ms,
        } => Some(format!(
            "init function `{}` did not return within {}{serves}\n\
             help: calls wait for it: spawn endless work (`tokio::spawn`, `std::thread::spawn`)",
            name_of(key),
            text::duration(Duration::from_millis(*after_ms))
        )),
        _ => None,
    }
}
