//! `cargo kt ls`: lists the running services.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use kt::wire::control::Status;

use super::{CommandError, OutputArgs, places::PlaceArgs, start};
use crate::{
    place::{Service, State},
    terminal::text::{bytes, duration, table},
};

const HEADER: [&str; 7] = [
    "NAME",
    "PLACE",
    "GENERATION",
    "UPTIME",
    "TTL LEFT",
    "CALLS",
    "RSS",
];

#[derive(Debug, clap::Args)]
pub(super) struct LsArgs {
    /// Also list other users' services in the cluster
    #[arg(long)]
    all_users: bool,
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Prints a line per service.
pub(super) fn ls(args: LsArgs) -> ExitCode {
    let terminal = args.output.terminal();
    start(&terminal, async {
        let services = args.places.places()?.list(args.all_users).await?;
        if args.output.is_json() {
            services
                .iter()
                .for_each(|service| terminal.json("kt-service", &json(service)));
            return Ok(ExitCode::SUCCESS);
        }
        match print(&services, &mut io::stdout().lock()) {
            // The reader closed the pipe.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CommandError::Io {
                what: "print the services".into(),
                source: error,
            }),
            _ => Ok(ExitCode::SUCCESS),
        }
    })
}

/// A service as JSON: the columns in base units.
fn json(service: &Service) -> serde_json::Value {
    let mut fields = serde_json::json!({"name": service.name, "place": service.place.to_string()});
    let more = match &service.state {
        State::Unreachable(why) => serde_json::json!({"unreachable": why}),
        State::Live(status) => serde_json::json!({
            "workspace": status.workspace,
            "host_pid": status.host_pid,
            "generation": status.current.as_ref().map(|(generation, _)| generation),
            "uptime_ms": status.uptime_ms,
            "ttl_ms": status.ttl_ms,
            "ttl_left_ms": status.ttl_left_ms,
            "worker": status.worker.as_ref().map(|worker| serde_json::json!({
                "pid": worker.id.pid,
                "instance": worker.id.instance,
                "uptime_ms": worker.uptime_ms,
                "calls": worker.calls,
                "rss": worker.rss,
            })),
        }),
    };
    if let (Some(fields), serde_json::Value::Object(more)) = (fields.as_object_mut(), more) {
        fields.extend(more);
    }
    fields
}

fn print(services: &[Service], out: &mut dyn Write) -> io::Result<()> {
    if services.is_empty() {
        return writeln!(out, "no services; start one with `cargo kt run`");
    }
    let mut rows = vec![HEADER.map(str::to_owned)];
    rows.extend(services.iter().map(row));
    out.write_all(table(&rows).as_bytes())?;
    for service in services {
        if let State::Unreachable(why) = &service.state {
            writeln!(out, "\n{}: {why}", service.name)?;
        }
    }
    Ok(())
}

fn row(service: &Service) -> [String; HEADER.len()] {
    let [generation, uptime, left, calls, rss] = match &service.state {
        State::Live(status) => cells(status),
        State::Unreachable(_) => ["?"; 5].map(str::to_owned),
    };
    let (name, place) = (service.name.clone(), service.place.to_string());
    [name, place, generation, uptime, left, calls, rss]
}

fn cells(status: &Status) -> [String; 5] {
    let none = || "-".to_owned();
    let worker = status.worker.as_ref();
    let generation = status.current.as_ref();
    [
        generation.map_or_else(none, |(generation, _)| generation.to_string()),
        duration(Duration::from_millis(status.uptime_ms)),
        duration(Duration::from_millis(status.ttl_left_ms)),
        worker.map_or_else(none, |worker| match worker.calls {
            Some(calls) => calls.to_string(),
            None => "busy".to_owned(),
        }),
        worker.map_or_else(none, |worker| bytes(worker.rss)),
    ]
}

#[cfg(test)]
mod tests {
    use kt::wire::{
        WorkerId,
        control::WorkerStatus,
        manifest::Environment,
        platform::{ImageGlibc, Platform},
    };

    use super::*;
    use crate::place::PlaceName;

    #[test]
    fn columns_are_aligned_and_unreachable_services_have_a_reason() {
        let status = Status {
            service: "alice-app".into(),
            kt_version: "0.1.0".into(),
            workspace: "/src/app".into(),
            host_pid: 1,
            platform: Platform {
                architecture: "x86_64".into(),
                glibc: ImageGlibc::Unknown,
            },
            uptime_ms: 3_725_000,
            ttl_ms: 600_000,
            ttl_left_ms: 599_999,
            worker: Some(WorkerStatus {
                migrating: None,
                environment: Environment::default(),
                id: WorkerId {
                    pid: 2,
                    instance: 1,
                },
                uptime_ms: 1,
                rss: 25_000_000,
                calls: Some(3),
            }),
            current: None,
            last_death: None,
        };
        let services = [
            Service {
                name: "alice-app".into(),
                place: PlaceName::Local,
                user: String::new(),
                state: State::Live(Box::new(status)),
            },
            Service {
                name: "b".into(),
                place: PlaceName::Kubernetes {
                    context: "dev".into(),
                    namespace: "web".into(),
                },
                user: String::new(),
                state: State::Unreachable("it does not answer".into()),
            },
        ];
        let mut out = Vec::new();
        print(&services, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\
NAME       PLACE    GENERATION  UPTIME  TTL LEFT  CALLS  RSS
alice-app  local    -           1h 02m  9m 59s    3      25.0 MB
b          dev/web  ?           ?       ?         ?      ?

b: it does not answer
"
        );
    }
}
