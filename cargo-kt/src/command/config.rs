//! `cargo kt config`: every option of the program's service, and where its value comes from.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use serde_json::Value;

use super::{CommandError, start, terminal};
use crate::{
    config::{Config, Flags, PlaceKind, Service},
    context::CargoContext,
    place::{cluster::Selection, kubernetes, service},
    plan::{self, CargoOptions, Plan},
    session,
    terminal::{Terminal, text::table},
};

#[derive(Debug, clap::Args)]
pub(super) struct ConfigArgs {
    #[command(flatten)]
    cargo: CargoOptions,
    #[command(flatten)]
    options: Flags,
}

pub(super) fn config(args: ConfigArgs) -> ExitCode {
    let terminal = &terminal(&args.cargo);
    start(terminal, async {
        let context = CargoContext::current()?;
        let plan = plan::plan(&args.cargo, &context)?;
        let mut config = session::config::resolve(&args.options, &plan, &context)?;
        fill(&mut config, &plan);
        if args.cargo.wants_json() {
            return Ok(json(&config, terminal));
        }
        match io::stdout().lock().write_all(human(&config).as_bytes()) {
            // A reader that has seen enough.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CommandError::Io {
                what: "print the options".into(),
                source: error,
            }),
            _ => Ok(ExitCode::SUCCESS),
        }
    })
}

/// What an option that is set nowhere comes to: it depends on the program and the kubeconfig.
fn fill(config: &mut Config, plan: &Plan) {
    let mut known = vec![(
        "name",
        service::of_program(&plan.program.name, &plan.profile.name),
        match &*plan.profile.name {
            service::PLAIN_PROFILE => "the user and the program",
            _ => "the user, the program and the profile",
        },
    )];
    let Service {
        context, namespace, ..
    } = &config.service;
    let selection = Selection {
        context: context.clone(),
        namespace: namespace.clone(),
    };
    // A local service needs no kubeconfig.
    if config.service.place == PlaceKind::Kubernetes
        && let Ok(identity) = kubernetes::identify(&selection)
    {
        known.push(("context", identity.context, "the kubeconfig"));
        known.push(("namespace", identity.namespace, "the kubeconfig"));
    }
    for (option, resolved) in &mut config.options {
        let found = known.iter().find(|(name, ..)| *name == option.name);
        if let (Value::Null, Some((_, value, origin))) = (&resolved.value, found) {
            resolved.value = Value::from(&**value);
            resolved.origin = (*origin).to_owned();
        }
    }
}

fn json(config: &Config, terminal: &Terminal) -> ExitCode {
    for (option, resolved) in &config.options {
        let fields = serde_json::json!({
            "name": option.name, "value": resolved.value, "from": resolved.origin, "help": option.help,
        });
        terminal.json("kt-option", &fields);
    }
    ExitCode::SUCCESS
}

fn human(config: &Config) -> String {
    let mut rows = vec![["OPTION", "VALUE", "FROM"].map(str::to_owned)];
    for (option, resolved) in &config.options {
        let value = match &resolved.value {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other if is_empty(other) => "-".to_owned(),
            other => other.to_string(),
        };
        rows.push([option.name.to_owned(), value, resolved.origin.clone()]);
    }
    table(&rows)
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
        || value.as_object().is_some_and(serde_json::Map::is_empty)
}
