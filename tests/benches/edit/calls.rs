//! A warm call against tonic's: the same payload over the same kind of socket, measured by the same
//! code.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use serde_json::{Value, json};

use crate::support::{
    milestones::follow,
    numbers::median,
    table,
    workspace::{Tool, Workspace},
};

/// The tonic server, killed when dropped.
struct Server(Child);

impl Server {
    fn start(program: &Path, socket: &Path) -> Self {
        let mut command = Command::new(program);
        let mut child = command
            .arg(socket)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server was built");
        let mut ready = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut ready)
            .expect("the server prints that it listens");
        assert_eq!(ready, "ready\n");
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures in alternating rounds, prints the table and returns the result.
pub fn measure(tool: &Tool, rounds: usize) -> Value {
    let workspace = Workspace::of("bench-calls", "calls");
    println!("\nWarming up (calls)");
    let built = workspace
        .cargo(&["build", "--release", "--package", "over-tonic"])
        .status()
        .expect("cargo runs");
    assert!(built.success(), "over-tonic does not build");
    let release = workspace.target().join("release");
    let socket = tool.private().join("tonic");
    let server = Server::start(&release.join("server"), &socket);

    let over_kt =
        || tool.lend(workspace.cargo(&["kt", "run", "--release", "--package", "over-kt"]));
    let over_tonic = || {
        let mut client = Command::new(release.join("client"));
        client.arg(&socket);
        client
    };
    follow(over_kt(), Instant::now());
    let (mut kt, mut tonic) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        kt.push(follow(over_kt(), Instant::now()).answer);
        tonic.push(follow(over_tonic(), Instant::now()).answer);
    }
    drop(server);

    let number = |run: &Value, field: &str| run[field].as_f64().expect("a number");
    let middle = |runs: &[Value], field| median(runs.iter().map(|run| number(run, field)));
    // Per round: on a shared machine, a later round may be half as fast for both.
    let ratio = |field| {
        let rounds = kt.iter().zip(&tonic);
        median(rounds.map(|(kt, tonic)| number(kt, field) / number(tonic, field)))
    };
    println!("\n## Warm calls of 100 bytes over a Unix socket (medians of {rounds} rounds)\n");
    let mut rows = vec![table::row(["", "kt", "tonic", "kt / tonic"])];
    for (field, title) in [
        ("p50_us", "p50, one after another, µs"),
        ("p99_us", "p99, one after another, µs"),
        ("calls_per_second", "calls/s, 64 in flight"),
    ] {
        rows.push(vec![
            title.into(),
            format!("{:.0}", middle(&kt, field)),
            format!("{:.0}", middle(&tonic, field)),
            format!("{:.2}", ratio(field)),
        ]);
    }
    table::print(&rows);
    json!({ "rounds": rounds, "kt": kt, "tonic": tonic })
}
