//! A debugger and a shell in a pod, compared with `kubectl debug` and `kubectl exec` on the same
//! pod, and the cost of a stopped call for other calls.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

use tests::{Screen, cluster::image};

use crate::{
    cluster::Cluster,
    finding::{Finding, Goal, Unit},
    support::workspace::Workspace,
};

/// The limit of `cargo kt debug`, to the first backtrace, in seconds.
const DEBUG: f64 = 1.0;
/// The limit of `cargo kt ssh`, to the first prompt, in seconds.
const SHELL: f64 = 0.3;
/// How much a stopped call may add to the p99 of other calls, in µs.
const STOP: f64 = 15_000.0;
/// Sequential calls of a round.
const CALLS: u32 = 1000;

/// Opens debuggers and shells in alternation.
pub fn measure(cluster: &Cluster, looks: usize) -> Vec<Finding> {
    let workspace = Workspace::of("debugger", "debugger");
    println!("Warming up (looks)");
    let mut driver = Driver::start(cluster.kt(&workspace, &["run"]));
    let pod = cluster
        .namespace()
        .kubectl(&["get", "pods", "--output=name"]);
    let pod = pod.trim().trim_start_matches("pod/").to_owned();
    let (mut debug, mut ephemeral) = (Vec::new(), Vec::new());
    let (mut shell, mut exec) = (Vec::new(), Vec::new());
    let (mut stopped, mut calm) = (Vec::new(), Vec::new());
    // The first round ships the tools to the pod, and is not counted.
    for round in 0..=looks {
        let counted = round > 0;
        let backtrace = driver.backtrace(cluster.kt_anywhere(&["debug", "-ex", "bt"]));
        let prompt = prompt(kubectl(cluster, &debug_arguments(&pod)));
        let ssh = self::prompt(cluster.kt_anywhere(&[
            "ssh",
            "--env",
            "SHELL=/bin/sh",
            "--env",
            "PS1=ready> ",
        ]));
        let kubectl_exec = self::prompt(kubectl(cluster, &exec_arguments(&pod)));
        let before = driver.p99();
        let during = driver.p99_during_a_stop(|held| {
            let held = format!("python open('{}').read()", held.display());
            cluster.kt_anywhere(&["debug", "-ex", &held])
        });
        if counted {
            debug.push(backtrace);
            ephemeral.push(prompt);
            shell.push(ssh);
            exec.push(kubectl_exec);
            calm.push(before);
            stopped.push(during);
        }
    }
    driver.end();
    let finding = |name, unit, kt, baseline, goal| Finding {
        name,
        unit,
        kt,
        baseline,
        goal,
        phases: Vec::new(),
    };
    vec![
        finding(
            "`cargo kt debug` to a backtrace (without: `kubectl debug` to a prompt)",
            Unit::Seconds,
            debug,
            ephemeral,
            Goal::Most(DEBUG),
        ),
        finding(
            "`cargo kt ssh` to a prompt (without: `kubectl exec`)",
            Unit::Seconds,
            shell,
            exec,
            Goal::Most(SHELL),
        ),
        finding(
            "p99 of other calls while one is stopped (without: none is)",
            Unit::Micros,
            stopped,
            calm,
            Goal::Difference(STOP),
        ),
    ]
}

fn exec_arguments(pod: &str) -> Vec<String> {
    let arguments = [
        "exec",
        "--stdin",
        "--tty",
        pod,
        "--",
        "env",
        "PS1=ready> ",
        "sh",
    ];
    arguments.map(str::to_owned).to_vec()
}

/// An ephemeral container, as for a pod whose image has no debugger.
fn debug_arguments(pod: &str) -> Vec<String> {
    let image = format!("--image={}", image::debian());
    let arguments = [
        "debug",
        "--quiet",
        "--stdin",
        "--tty",
        pod,
        &image,
        "--profile=general",
        "--",
    ];
    let command = ["env", "PS1=ready> ", "sh"];
    arguments
        .iter()
        .chain(&command)
        .map(|argument| (*argument).to_owned())
        .collect()
}

fn kubectl(cluster: &Cluster, arguments: &[String]) -> Command {
    let kubectl = std::env::var("KUBECTL").unwrap_or_else(|_| "kubectl".to_owned());
    let mut command = Command::new(kubectl);
    command
        .args(["--namespace", cluster.namespace().name()])
        .args(arguments);
    command
}

/// Seconds to the first prompt of a shell, which then exits.
fn prompt(command: Command) -> f64 {
    let begun = Instant::now();
    let mut screen = Screen::start(command, 80, 24);
    screen.wait_for("ready> ");
    let took = begun.elapsed().as_secs_f64();
    screen.keys("exit\n");
    screen.finish();
    took
}

/// The program. Its calls stop on request.
struct Driver {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
}

impl Driver {
    fn start(mut command: Command) -> Self {
        let streams = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = streams.spawn().expect("cargo runs");
        let mut driver = Self {
            stdin: child.stdin.take().expect("it is piped"),
            stdout: BufReader::new(child.stdout.take().expect("it is piped")),
            stderr: BufReader::new(child.stderr.take().expect("it is piped")),
            child,
        };
        // Status lines of compiling and shipping come first, then the program prints that it waits.
        until(&mut driver.stdout, "ready");
        driver
    }

    fn send(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").expect("the program reads its input");
    }

    /// Seconds from the start of a debugger to the first line of a backtrace.
    fn backtrace(&mut self, command: Command) -> f64 {
        self.send("greet hello 2");
        until(&mut self.stderr, "breakpoint reached");
        let begun = Instant::now();
        let mut debugger = spawn(command);
        until(
            &mut BufReader::new(debugger.stdout.take().expect("it is piped")),
            "#0 ",
        );
        let took = begun.elapsed().as_secs_f64();
        debugger.wait().expect("it is our child");
        until(&mut self.stdout, "greet hello 2: ");
        took
    }

    /// The 99th percentile of a round of calls, in µs.
    fn p99(&mut self) -> f64 {
        self.send(&format!("echoes {CALLS}"));
        let line = until(&mut self.stdout, "echoes ");
        // `echoes N: [p50, p99]`
        let p99 = line
            .rsplit([' ', '['])
            .next()
            .and_then(|word| word.trim_end_matches(']').parse().ok());
        p99.unwrap_or_else(|| panic!("{line}"))
    }

    /// The same, while a debugger stops another call: it reads a FIFO that stays empty until the
    /// round is over.
    fn p99_during_a_stop(&mut self, command: impl FnOnce(&Path) -> Command) -> f64 {
        let folder = tempfile::tempdir().expect("/tmp can be written");
        let held = folder.path().join("held");
        let made = Command::new("mkfifo").arg(&held).status();
        assert!(made.expect("coreutils are installed").success());
        self.send("greet hello 2");
        until(&mut self.stderr, "breakpoint reached");
        let mut debugger = spawn(command(&held));
        let mut shown = BufReader::new(debugger.stdout.take().expect("it is piped"));
        until(&mut shown, "SIGTRAP");
        let p99 = self.p99();
        let stopped = debugger.try_wait().expect("it is our child").is_none();
        assert!(stopped, "the debugger exited early");
        std::fs::write(&held, "over").expect("the debugger reads it");
        std::io::copy(&mut shown, &mut std::io::sink()).expect("it can be read");
        debugger.wait().expect("it is our child");
        until(&mut self.stdout, "greet hello 2: ");
        p99
    }

    fn end(mut self) {
        drop(self.stdin);
        self.child.wait().expect("it is our child");
    }
}

fn spawn(mut command: Command) -> Child {
    let streams = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    streams.spawn().expect("cargo runs")
}

/// The first line that contains this text.
fn until(lines: &mut impl BufRead, text: &str) -> String {
    loop {
        let mut line = String::new();
        let read = lines.read_line(&mut line).expect("it is text");
        assert!(read > 0, "the output ended without {text:?}");
        if line.contains(text) {
            return line.trim_end().to_owned();
        }
    }
}
