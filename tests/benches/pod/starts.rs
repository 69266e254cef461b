//! A cold start: there is no service, but the binaries are built and the image is on the node.

use std::time::Instant;

use serde_json::Value;

use crate::{
    bare::BarePod,
    cluster::Cluster,
    finding::{Finding, Goal, Unit},
    phases,
    support::{
        milestones::{Milestones, follow},
        workspace::Workspace,
    },
};

/// How much longer than the bare pod a start may take, in seconds.
const GOAL: f64 = 2.0;

/// A program, and a check of its answer.
struct Program {
    name: &'static str,
    workspace: Workspace,
    package: &'static str,
    is_right: fn(&Value) -> bool,
}

impl Program {
    fn all() -> [Self; 2] {
        let small = Self {
            name: "cold start of a small program",
            workspace: Workspace::of("one", "pod-one"),
            package: "one",
            is_right: |answer| answer == "hello Alice, visit 1",
        };
        let large = Self {
            name: "cold start of a program with tokio, reqwest, axum, rayon and more",
            workspace: Workspace::of("bench", "edit-kt"),
            package: "app",
            is_right: |answer| answer["requests"] == 50 && answer["days"] == 1,
        };
        [small, large]
    }

    fn start(&self, cluster: &Cluster) -> Milestones {
        let arguments = ["run", "--package", self.package];
        let run = follow(cluster.kt(&self.workspace, &arguments), Instant::now());
        assert!((self.is_right)(&run.answer), "{}", run.answer);
        let created = run.last(&["Created"]).is_some();
        assert!(created, "the pod existed before");
        cluster.down();
        run
    }
}

/// Starts each program and a bare pod in alternation.
pub fn measure(cluster: &Cluster, starts: usize) -> Vec<Finding> {
    let programs = Program::all();
    println!("Warming up (starts)");
    for program in &programs {
        program.start(cluster);
    }
    let mut bare = Vec::new();
    let mut runs = programs.each_ref().map(|_| Vec::new());
    for _ in 0..starts {
        bare.push(BarePod::start(cluster).ready.as_secs_f64());
        for (program, runs) in programs.iter().zip(&mut runs) {
            runs.push(program.start(cluster));
        }
    }
    let findings = programs.iter().zip(&runs).map(|(program, runs)| Finding {
        name: program.name,
        unit: Unit::Seconds,
        kt: runs.iter().map(|run| run.answered).collect(),
        baseline: bare.clone(),
        goal: Goal::Difference(GOAL),
        phases: phases::together(runs),
    });
    findings.collect()
}
