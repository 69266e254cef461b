//! The output of remote functions reaches every driver completely, or the driver prints how much
//! was dropped.

use std::{io::Read, process::Stdio, thread, time::Duration};

use tests::{Fixture, Output, Project, ServiceProcess};

/// In megabytes: more than the worker buffers for one driver.
const FLOOD: u64 = 48;

/// Checks that all lines of a flood arrived in order.
#[track_caller]
fn assert_whole(stdout: &str, megabytes: u64) {
    let mut lines = stdout.lines().filter(|line| line.starts_with("flood 0"));
    for expected in 0..megabytes * 1000 {
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("line {expected} of the flood is missing"));
        assert_eq!(line, format!("flood {expected:0>993}"));
    }
    assert_eq!(lines.next(), None);
}

/// The number of bytes that the output reports as dropped.
fn dropped(output: &Output) -> u64 {
    let notices = output.stdout.lines().filter_map(|line| {
        let (bytes, _) = line
            .strip_prefix("[kt: ")?
            .split_once(" bytes of output dropped")?;
        bytes.parse::<u64>().ok()
    });
    notices.sum()
}

#[test]
fn burst_beyond_the_workers_buffer_arrives_completely() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with(&format!("flood {FLOOD}")).success();
    assert_whole(&output.stdout, FLOOD);
    output.does_not_report("missing");
}

#[test]
fn slow_reader_gets_everything_before_the_program_exits() {
    let project = Project::of(Fixture::CALLS);
    project.run_with("pids").success();
    let mut command = project.cargo();
    command.args(["kt", "run", "--quiet", "--", "flood", "12"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("cargo starts");
    let mut stdout = child.stdout.take().expect("it is piped");
    let (mut text, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        match stdout.read(&mut chunk).expect("it can be read") {
            0 => break,
            read => text.extend(&chunk[..read]),
        }
        // Not a wait: this is how slow the reader is, longer in total than drivers once waited.
        thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("missing"), "{stderr}");
    assert_whole(&String::from_utf8_lossy(&text), 12);
}

#[test]
fn stopped_driver_delays_others_briefly_and_sees_what_it_missed() {
    let project = Project::of(Fixture::CALLS);
    let mut stopped = project.spawn_kt(["run", "--quiet"]);
    stopped.wait_for("ready");
    let pids = stopped.ask("pids");
    let driver = pids.split(' ').nth(1).and_then(|pid| pid.parse().ok());
    let driver = ServiceProcess::open(driver.expect("the answer has it"));
    driver.signal(libc::SIGSTOP);

    let output = project.run_with(&format!("flood {FLOOD}")).success();
    assert_whole(&output.stdout, FLOOD);

    driver.signal(libc::SIGCONT);
    stopped.ask("pids");
    let output = stopped.finish().success();
    let came = output
        .stdout
        .lines()
        .filter(|line| line.starts_with("flood 0"));
    let came: u64 = came.map(|line| line.len() as u64 + 1).sum();
    let (dropped, all) = (dropped(&output), FLOOD * 1_000_000);
    assert!(
        dropped > 0,
        "no dropped bytes were reported: {came} of {all} bytes came"
    );
    // Lines at the edges of a gap are cut, and the first of them gets a line end.
    assert!(
        (all - 4000..=all + 1).contains(&(came + dropped)),
        "{came} + {dropped} of {all}"
    );
}

#[test]
fn output_arrives_after_the_first_callers_runtime_is_dropped() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("runtimes").success();
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(
        lines[..6],
        [
            "from the first",
            "beside the first 0",
            "beside the first 1",
            "from the second",
            "after the first",
            "from the second again"
        ],
        "{output:?}"
    );
    output.does_not_report("missing");
}

#[test]
fn crash_with_many_calls_in_flight_prints_its_stderr_once() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("crash 50").success();
    assert_eq!(output.answer("crash 50: "), "51 died with the worker");
    let lines = output.stderr.matches("stderr before abort").count();
    assert_eq!(lines, 1, "{output:?}");
    output.does_not_report("failed to read the log");
}
