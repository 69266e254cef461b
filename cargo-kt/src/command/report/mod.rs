//! What `run` and `build` say about a link and a swap.

mod inits;
mod kept_code;
mod launch;
mod lost;
mod reran;
mod shipped;
mod states;

use std::time::Duration;

use kt::wire::{
    control::{Replaced, Swapped},
    manifest::Manifest,
};
use serde::Serialize;

pub(super) use inits::init_refusal;
pub(super) use kept_code::{Edit, kept_code};
pub(super) use launch::LaunchReport;
pub(super) use lost::lost;
pub(super) use reran::reran;
pub(super) use shipped::shipped;
pub(super) use states::{Differences, cause, not_migrated, refusal};

use super::environment;
use crate::{
    link::{BaseChange, LinkEvent, Replacement},
    place::Connected,
    terminal::{Terminal, text},
};

/// What *link* made.
pub(super) fn linked(terminal: &Terminal, event: LinkEvent) {
    let link = |name: &str, size: u64, elapsed: Duration| {
        terminal.status(
            "Linking",
            format_args!(
                "{name} ({}) in {}",
                text::bytes(size),
                text::duration(elapsed)
            ),
        );
        terminal.json(
            "kt-linked",
            &serde_json::json!({"name": name, "bytes": size, "seconds": elapsed.as_secs_f64()}),
        );
    };
    match event {
        LinkEvent::Base {
            crates,
            file,
            elapsed,
        } => {
            link(
                &format!("base of {}", text::count(crates, "crate")),
                file.size,
                elapsed,
            );
        }
        LinkEvent::Object {
            crate_name,
            file,
            elapsed,
        } => link(&crate_name, file.size, elapsed),
        LinkEvent::Launcher { file, elapsed } => link("launcher", file.size, elapsed),
        LinkEvent::Executable { file, elapsed } => link("executable", file.size, elapsed),
        LinkEvent::Command(command) => terminal.detail("Running", format_args!("`{command}`")),
        LinkEvent::Weakened { object, symbols } => terminal.detail(
            "Linking",
            format_args!(
                "{object} without {}, which no library defines",
                symbols.join(", ")
            ),
        ),
    }
}

/// Why what runs cannot take the new code beside its own.
pub(super) fn reason(connected: &Connected, change: &BaseChange, manifest: &Manifest) -> String {
    let current = connected
        .status
        .current
        .as_ref()
        .map(|(_, current)| current);
    match (change, current) {
        (_, Some(current)) if current.profile != manifest.profile => {
            format!(
                "the profile is `{}` now, and was `{}`",
                manifest.profile, current.profile
            )
        }
        (_, Some(current)) if current.rustc != manifest.rustc => {
            "the toolchain is another one".into()
        }
        (BaseChange::Same | BaseChange::LayerAdded { .. }, Some(current))
            if current.environment.asked != manifest.environment.asked =>
        {
            let (old, new) = (&current.environment.asked, &manifest.environment.asked);
            format!(
                "the environment that was asked for is another one: it has {}",
                environment::changes(old, new).join(", ")
            )
        }
        (
            BaseChange::Replaced {
                why: Replacement::CratesChanged(crates),
            },
            _,
        ) => {
            let crates: Vec<String> = crates
                .iter()
                .map(|(package, from, to)| match from == to {
                    true => format!("{package} (its features or flags)"),
                    false => format!("{package} ({from} → {to})"),
                })
                .collect();
            format!("dependencies changed: {}", crates.join(", "))
        }
        (
            BaseChange::Replaced {
                why: Replacement::CratesGone(crates),
            },
            _,
        ) => {
            let crates: Vec<&str> = crates.iter().map(|it| it.package.as_str()).collect();
            format!("dependencies are gone: {}", crates.join(", "))
        }
        (
            BaseChange::Replaced {
                why: Replacement::StaticTls { bytes },
            },
            _,
        ) => {
            format!(
                "the new dependencies need {bytes} bytes of static thread-local memory, more than a running process can give"
            )
        }
        (
            BaseChange::Replaced {
                why: why @ Replacement::Registry(_),
            },
            _,
        ) => why.to_string(),
        _ => "the base is another one".into(),
    }
}

/// That the service before this one ended because nobody called it.
pub(super) fn expired(terminal: &Terminal, connected: &Connected) {
    let Some(expired) = &connected.expired else {
        return;
    };
    let (service, after) = (&connected.service, text::duration(expired.ttl));
    let ended = format!("{service} ended after {after} without a call");
    match expired.had_state {
        true => terminal.warning(format_args!(
            "{ended}; its state is gone\nhelp: `--inactivity-ttl` sets how long it stays up"
        )),
        false => terminal.note(ended),
    }
}

/// What the swap did, in one line, and a line for each state that lost or may surprise, but for those that were said to be
/// `lost` before.
pub(super) fn swapped(
    terminal: &Terminal,
    connected: &Connected,
    swapped: &Swapped,
    differences: &Differences,
    lost: &[String],
) {
    #[derive(Serialize)]
    struct Message<'a> {
        service: &'a str,
        #[serde(flatten)]
        swapped: &'a Swapped,
    }
    terminal.json(
        "kt-swapped",
        &Message {
            service: &connected.service,
            swapped,
        },
    );
    let service = &connected.service;
    match &swapped.replaced {
        Some(Replaced::Died(death)) => {
            let death = kt::Death::from(death.clone());
            terminal.warning(format_args!(
                "the worker of {service} had died, its state is gone: {death}"
            ));
        }
        Some(Replaced::HostDied) => terminal.warning(format_args!(
            "the host of {service} had been killed, or this machine restarted: its worker and state are gone"
        )),
        // Said before it happened.
        Some(Replaced::Incompatible { .. }) | None => {}
    }
    if !swapped.changed {
        return;
    }
    let mut line = format!(
        "generation {} into {} in {}",
        swapped.generation,
        connected.service,
        text::duration(Duration::from_micros(swapped.load_us))
    );
    if let Some(kept) = states::kept(&swapped.states) {
        line += &format!(", {kept}");
    }
    terminal.status("Swapped", line);
    let told = |key: &str| lost.iter().any(|lost| lost == key);
    let untold = swapped.states.iter().filter(|state| !told(&state.key));
    states::outcomes(terminal, untold, differences);
    inits::outcomes(terminal, service, &swapped.inits);
}

/// `package/bin:module::NAME` → `module::NAME`.
pub(super) fn name_of(key: &str) -> &str {
    key.split_once(':').map_or(key, |(_, name)| name)
}
