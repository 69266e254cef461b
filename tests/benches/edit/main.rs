//! How long a developer waits: from an edit to the new code's answer, and for a warm call.
//!
//! ```text
//! cargo bench -p tests --bench edit -- [--runs N] [--release] [--only edits|calls]
//! ```
//! Compares `cargo kt run` with `cargo run` after the same edit of the same program, and a remote
//! call with the same call through tonic. The two alternate, so that other load on the machine
//! affects both.

mod calls;
mod edits;
#[path = "../support/mod.rs"]
mod support;

use clap::{Parser, ValueEnum};
use serde_json::json;

use support::{machine::Machine, workspace::Tool};

#[derive(Debug, Parser)]
struct Options {
    /// Runs of each edit with each command
    #[arg(long, default_value_t = 7)]
    runs: usize,
    /// Edit with --release too
    #[arg(long)]
    release: bool,
    /// Rounds of calls with each: 2,000 sequential calls, and 100,000 with 64 in flight
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Measure only one half
    #[arg(long)]
    only: Option<Half>,
    /// The argument that `cargo bench` passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Half {
    Edits,
    Calls,
}

fn main() {
    let options = Options::parse();
    let machine = Machine::current();
    machine.print();
    let tool = Tool::build();
    let mut result = json!({ "machine": machine });
    if options.only != Some(Half::Calls) {
        let profiles = if options.release {
            &["dev", "release"][..]
        } else {
            &["dev"]
        };
        let measured = profiles
            .iter()
            .map(|profile| edits::measure(&tool, profile, options.runs));
        result["edits"] = json!(measured.collect::<Vec<_>>());
    }
    if options.only != Some(Half::Edits) {
        result["calls"] = calls::measure(&tool, options.rounds);
    }
    support::write("edit", &result);
}
