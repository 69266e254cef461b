//! What a pod costs a developer, compared with the same work without kt: a bare pod, a call through
//! a port-forward, a local `cargo run` after the same edit.
//!
//! ```text
//! eval "$(tests/cluster/cluster env)"
//! cargo bench -p tests --bench pod -- [--starts N] [--rounds N] [--runs N] [--looks N] [--only starts|calls|edits|looks]
//! ```
//! Requires a cluster: `KUBECONFIG`, and `kubectl` in `PATH` or in `KUBECTL`. All objects are in a
//! separate namespace, which is deleted at the end. Compared commands alternate, so that other load
//! on the machine affects both.

mod bare;
mod calls;
mod cluster;
mod debug_and_ssh;
mod edits;
mod finding;
mod phases;
mod starts;
#[path = "../support/mod.rs"]
mod support;

use clap::{Parser, ValueEnum};
use serde_json::json;

use cluster::{Cluster, Resources};
use support::machine::Machine;

#[derive(Debug, Parser)]
struct Options {
    /// Cold starts of each
    #[arg(long, default_value_t = 7)]
    starts: usize,
    /// Rounds of 1,000 calls with each
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Runs of the edit with each
    #[arg(long, default_value_t = 9)]
    runs: usize,
    /// Debuggers and shells of each
    #[arg(long, default_value_t = 9)]
    looks: usize,
    /// Measure only one part
    #[arg(long)]
    only: Option<Part>,
    /// CPUs of every pod, with kt or bare; two pods must fit at once
    #[arg(long, default_value = "500m")]
    cpu: String,
    /// Memory of every pod
    #[arg(long, default_value = "1Gi")]
    memory: String,
    /// The argument that `cargo bench` passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Starts,
    Calls,
    Edits,
    Looks,
}

fn main() {
    let options = Options::parse();
    let machine = Machine::current();
    machine.print();
    let wanted = |part| options.only.is_none_or(|only| only == part);
    let cluster = Cluster::new(Resources {
        cpu: options.cpu,
        memory: options.memory,
    });
    let mut findings = Vec::new();
    if wanted(Part::Starts) {
        findings.extend(starts::measure(&cluster, options.starts));
    }
    if wanted(Part::Calls) {
        findings.extend(calls::measure(&cluster, options.rounds));
    }
    if wanted(Part::Edits) {
        findings.extend(edits::measure(&cluster, options.runs));
    }
    if wanted(Part::Looks) {
        findings.extend(debug_and_ssh::measure(&cluster, options.looks));
    }
    let resources = cluster.resources().clone();
    cluster.end();
    finding::print(&findings);
    support::write(
        "pod",
        &json!({ "machine": machine, "pods": resources, "findings": findings }),
    );
}
