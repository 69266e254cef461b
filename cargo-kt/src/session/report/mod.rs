//! Messages about a build, a launch, a link and a swap.

mod inits;
mod kept_code;
mod launch;
mod reran;
mod shipped;
mod states;
mod statics;

use std::time::Duration;

use kt::wire::{
    control::{Replaced, Swapped},
    manifest::Manifest,
};
use serde::Serialize;

pub(super) use inits::init_refusal;
pub(super) use launch::LaunchReport;
pub(super) use shipped::shipped;
pub(crate) use states::cause;
pub(super) use states::{Differences, not_migrated, refusal};

use super::environment;
use crate::{
    artifacts::{Compiled, Invocation},
    compile::{Built, How},
    context::CargoContext,
    layout::StateLayout,
    link::{BaseChange, LinkEvent, Linked, Replacement},
    place::Connected,
    terminal::{Terminal, text},
};

/// Why cargo was started, where it was (`-v`), with the notices of a new plan.
pub(super) fn built(terminal: &Terminal, context: &CargoContext, built: &Built) {
    if let How::Cargo { reason } = &built.how {
        terminal.detail("Planning", format_args!("through cargo: {reason}"));
        for notice in &built.plan.notices {
            terminal.warning(notice);
        }
        let arguments = &built.compiled.unused_link_arguments;
        if !arguments.is_empty() {
            terminal.warning(format_args!(
                "the program's link arguments are not used, since kt links it itself: {}",
                arguments.join(" ")
            ));
        }
        if is_slow_in_ci(context, built) {
            terminal.note(
                "incremental compilation is off, as cargo has it where `CI` is set: edits take longer\n\
                 help: `CARGO_INCREMENTAL=1` switches it on",
            );
        }
    }
}

/// Whether cargo has switched incremental compilation off because of `CI` (since 1.99). Optimized
/// profiles do not have it anyway.
fn is_slow_in_ci(context: &CargoContext, built: &Built) -> bool {
    let is_set = |name: &str| {
        context
            .variable(name)
            .is_some_and(|value| !value.is_empty())
    };
    let has = |invocation: &Invocation, name: &str| {
        let mut arguments = invocation.arguments.iter();
        arguments.any(|argument| argument.trim_start_matches("-C").starts_with(name))
    };
    let crates = built.compiled.hot.iter();
    let mut invocations = crates.filter_map(|hot| hot.invocation.as_ref());
    is_set("CI")
        && !is_set("CARGO_INCREMENTAL")
        && invocations.any(|it| !has(it, "incremental=") && !has(it, "opt-level="))
}

/// An object that was linked.
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
        LinkEvent::Ignored { arguments } => terminal.warning(format_args!(
            "kt links with lld, which does not know these arguments, and so they are not used: {}",
            arguments.join(" ")
        )),
        LinkEvent::Weakened { object, symbols } => terminal.detail(
            "Linking",
            format_args!(
                "{object} without {}, which no library defines",
                symbols.join(", ")
            ),
        ),
    }
}

/// Why the running worker cannot load the new code.
pub(super) fn reason(connected: &Connected, change: &BaseChange, manifest: &Manifest) -> String {
    let Some((_, current)) = connected.status.current.as_ref() else {
        return replaced_base(change);
    };
    if current.profile != manifest.profile {
        let (new, old) = (&manifest.profile, &current.profile);
        return format!("the profile changed from `{old}` to `{new}`");
    }
    if current.rustc != manifest.rustc {
        return "the toolchain changed".to_owned();
    }
    let (old, new) = (&current.environment.asked, &manifest.environment.asked);
    match change {
        BaseChange::Same | BaseChange::LayerAdded { .. } if old != new => format!(
            "the requested environment changed: {}",
            environment::changes(old, new).join(", ")
        ),
        _ => replaced_base(change),
    }
}

fn replaced_base(change: &BaseChange) -> String {
    let BaseChange::Replaced { why } = change else {
        return "the base changed".to_owned();
    };
    match why {
        Replacement::CratesChanged(crates) => {
            let crates: Vec<String> = crates
                .iter()
                .map(|(package, from, to)| match from == to {
                    true => format!("{package} (its features or flags)"),
                    false => format!("{package} ({from} → {to})"),
                })
                .collect();
            format!("dependencies changed: {}", crates.join(", "))
        }
        Replacement::CratesGone(crates) => {
            let crates: Vec<&str> = crates.iter().map(|it| it.package.as_str()).collect();
            format!("dependencies were removed: {}", crates.join(", "))
        }
        Replacement::StaticTls { bytes } => format!(
            "the new dependencies need {bytes} bytes of static thread-local storage, more than a running process has left"
        ),
        why @ Replacement::Registry(_) => why.to_string(),
        _ => "the base changed".to_owned(),
    }
}

/// Reports that the former service stopped after its inactivity TTL.
pub(super) fn expired(terminal: &Terminal, connected: &Connected) {
    let Some(expired) = &connected.expired else {
        return;
    };
    let (service, after) = (&connected.service, text::duration(expired.ttl));
    let stopped = format!("{service} stopped after {after} without a call");
    match expired.had_state {
        true => terminal.warning(format_args!(
            "{stopped}, and its state is lost\nhelp: `--inactivity-ttl` sets how long a service stays up"
        )),
        false => terminal.note(stopped),
    }
}

/// What is known of a swap once it is done.
pub(super) struct Facts<'a> {
    pub(super) terminal: &'a Terminal,
    pub(super) connected: &'a Connected,
    pub(super) program: &'a Compiled,
    pub(super) linked: &'a Linked,
    pub(super) layouts: &'a [StateLayout],
    pub(super) manifest: &'a Manifest,
    pub(super) swapped: &'a Swapped,
    pub(super) differences: &'a Differences,
}

/// Reports a swap: one line, and one for each state or static that was reset or may surprise.
/// States that were reported as `lost` before are left out.
pub(super) fn all(facts: &Facts<'_>, lost: &[String]) {
    let Facts {
        terminal,
        connected,
        linked,
        manifest,
        swapped,
        ..
    } = facts;
    worker(facts);
    if swapped.changed {
        outcomes(facts, lost);
    }
    statics::reset(terminal, connected, manifest, swapped);
    let edit = kept_code::Edit {
        former: connected.status.current.as_ref(),
        new: manifest,
        hot: &facts.program.hot,
        layouts: facts.layouts,
        keeps: linked
            .crates
            .iter()
            .flat_map(|krate| &krate.keeps)
            .map(String::as_str)
            .collect(),
    };
    kept_code::kept_code(terminal, &edit, swapped);
    reran::reran(terminal, connected, linked, swapped);
}

/// The swap for tools, and why the worker is a new one.
fn worker(facts: &Facts<'_>) {
    #[derive(Serialize)]
    struct Message<'a> {
        service: &'a str,
        #[serde(flatten)]
        swapped: &'a Swapped,
    }
    let (terminal, service) = (facts.terminal, &facts.connected.service);
    let swapped = facts.swapped;
    terminal.json("kt-swapped", &Message { service, swapped });
    match &swapped.replaced {
        Some(Replaced::Died(death)) => {
            let death = kt::Death::from(death.clone());
            terminal.warning(format_args!(
                "the worker of {service} died and its state is lost: {death}"
            ));
        }
        Some(Replaced::HostDied) => terminal.warning(format_args!(
            "the host of {service} was killed, or this machine restarted: the worker's state is lost"
        )),
        // Reported before it happened.
        Some(Replaced::Incompatible { .. }) | None => {}
    }
}

fn outcomes(facts: &Facts<'_>, lost: &[String]) {
    let (terminal, service) = (facts.terminal, &facts.connected.service);
    let swapped = facts.swapped;
    let mut line = format!(
        "generation {} into {service} in {}",
        swapped.generation,
        text::duration(Duration::from_micros(swapped.load_us))
    );
    if let Some(kept) = states::kept(&swapped.states) {
        line += &format!(", {kept}");
    }
    terminal.status("Swapped", line);
    let is_reported = |key: &str| lost.iter().any(|lost| lost == key);
    let unreported = swapped
        .states
        .iter()
        .filter(|state| !is_reported(&state.key));
    states::outcomes(terminal, unreported, facts.differences);
    inits::outcomes(terminal, service, &swapped.inits);
}

/// `package/bin:module::NAME` → `module::NAME`.
pub(crate) fn name_of(key: &str) -> &str {
    key.split_once(':').map_or(key, |(_, name)| name)
}
