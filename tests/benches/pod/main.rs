//! What a pod costs a developer, against what it would cost without kt: the same pod bare, the same call through a port-forward,
//! the same edit with `cargo run` here.
//!
//! ```text
//! eval "$(tests/cluster/cluster env)"
//! cargo bench -p tests --bench pod -- [--starts N] [--rounds N] [--runs N] [--looks N] [--only starts|calls|edits|looks]
//! ```
//! Needs a cluster: `KUBECONFIG`, and `kubectl` in the path or in `KUBECTL`. Everything is made in a namespace of its own, which is
//! deleted at the end. What is compared takes turns, so that whatever else the machine does falls on both.

mod bare;
mod calls;
mod cluster;
mod edits;
mod finding;
mod looks;
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
    /// Leave the others out
    #[arg(long)]
    only: Option<Part>,
    /// CPUs of every pod, ours and the bare one; two fit at once
    #[arg(long, default_value = "500m")]
    cpu: String,
    /// Memory of every pod
    #[arg(long, default_value = "1Gi")]
    memory: String,
    /// What `cargo bench` passes to every benchmark
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
    let machine = Machine::here();
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
        findings.extend(looks::measure(&cluster, options.looks));
    }
    let resources = cluster.resources().clone();
    cluster.end();
    finding::print(&findings);
    support::write(
        "pod",
        &json!({ "machine": machine, "pods": resources, "findings": findings }),
    );
}
