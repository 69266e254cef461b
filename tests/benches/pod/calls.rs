//! A warm call, compared with the same payload through `kubectl port-forward` to an HTTP/2 echo in
//! a similar pod.

use std::{path::PathBuf, process::Command, time::Instant};

use serde_json::Value;

use crate::{
    bare::BarePod,
    cluster::Cluster,
    finding::{Finding, Goal, Unit},
    phases::Phase,
    support::{milestones::follow, workspace::Workspace},
};

/// Kt's median relative to the baseline's.
const GOAL: f64 = 1.5;
/// Sequential calls of a round.
const CALLS: &str = "1000";

/// Measures in alternating rounds.
pub fn measure(cluster: &Cluster, rounds: usize) -> Vec<Finding> {
    let workspace = Workspace::of("bench-calls", "calls");
    println!("Warming up (calls)");
    let (server, client) = build(cluster, &workspace);
    let bare = BarePod::start(cluster);
    let _server = bare.run(&server);
    let (_forward, port) = bare.forward();

    let call = ["run", "--release", "--package", "over-kt"];
    let over_kt = || round(cluster.kt(&workspace, &call));
    let over_forward = || {
        let mut command = Command::new(&client);
        command.arg(port.to_string());
        round(command)
    };
    let here = || round(cluster.kt_local(&workspace, &call));
    over_kt();
    here();
    let (mut kt, mut forward, mut local) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        kt.push(over_kt());
        forward.push(over_forward());
        local.push(here());
    }
    let micros = |runs: &[Value], field: &str| -> Vec<f64> {
        let numbers = runs.iter().map(|run| run[field].as_f64());
        numbers
            .map(|number| number.expect("a number of microseconds"))
            .collect()
    };
    let p50 = |runs: &[Value]| micros(runs, "p50_us");
    let (in_pod, through, at_home) = (p50(&kt), p50(&forward), p50(&local));
    let rounds = (0..rounds).map(|round| in_pod[round] - through[round] - at_home[round]);
    let phases = [
        (
            "a port-forward and HTTP/2: the baseline's call",
            through.clone(),
        ),
        (
            "driver and worker: the call to a service on this machine",
            at_home.clone(),
        ),
        (
            "the rest: the tunnel's process, and its streams in the host",
            rounds.collect(),
        ),
    ];
    let finding = |name, field, goal| Finding {
        name,
        unit: Unit::Micros,
        kt: micros(&kt, field),
        baseline: micros(&forward, field),
        goal,
        phases: Vec::new(),
    };
    let phases = phases.map(|(name, micros): (_, Vec<f64>)| Phase {
        name: name.into(),
        seconds: micros.iter().map(|micros| micros / 1e6).collect(),
    });
    vec![
        Finding {
            phases: phases.into(),
            ..finding("warm call of 100 bytes, p50", "p50_us", Goal::Ratio(GOAL))
        },
        finding("warm call of 100 bytes, p99", "p99_us", Goal::None),
    ]
}

fn round(mut command: Command) -> Value {
    // Another benchmark measures rates.
    command
        .env("BENCH_SEQUENTIAL", CALLS)
        .env("BENCH_CONCURRENT", "0");
    follow(command, Instant::now()).answer
}

/// Builds the baseline's programs. The server is static, so that any image can run it.
fn build(cluster: &Cluster, workspace: &Workspace) -> (PathBuf, PathBuf) {
    for (program, flags) in [
        (
            "forward-server",
            &["--", "--codegen", "target-feature=+crt-static"][..],
        ),
        ("forward-client", &[]),
    ] {
        let rustc = [
            "rustc",
            "--release",
            "--package",
            "over-forward",
            "--bin",
            program,
        ];
        // cargo's own options precede rustc's.
        let mut command = cluster.cargo(workspace, &rustc);
        let built = command.args(flags).status().expect("cargo runs");
        assert!(built.success(), "{program} does not build");
    }
    let release = workspace.target().join("release");
    (
        release.join("forward-server"),
        release.join("forward-client"),
    )
}
