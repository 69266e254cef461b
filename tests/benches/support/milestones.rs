//! One run of a command, with the time of each line that it printed.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use serde_json::Value;

/// When each line came, in seconds from the start.
#[derive(Debug)]
pub struct Milestones {
    /// The answer: the program's only line on stdout, as JSON if it parses, else as a string.
    pub answered: f64,
    pub answer: Value,
    /// The messages of `--message-format json`.
    messages: Vec<(Value, f64)>,
    /// The verb of each line on stderr, as in cargo's status lines, and when it came.
    steps: Vec<(String, f64)>,
}

impl Milestones {
    /// When the first line with one of the verbs came.
    pub fn first(&self, verbs: &[&str]) -> Option<f64> {
        self.steps
            .iter()
            .find(|(verb, _)| verbs.contains(&verb.as_str()))
            .map(|(_, at)| *at)
    }

    /// When the last line with one of the verbs came.
    pub fn last(&self, verbs: &[&str]) -> Option<f64> {
        self.steps
            .iter()
            .rfind(|(verb, _)| verbs.contains(&verb.as_str()))
            .map(|(_, at)| *at)
    }

    /// All verbs in order.
    pub fn steps(&self) -> impl Iterator<Item = (&str, f64)> {
        self.steps.iter().map(|(verb, at)| (verb.as_str(), *at))
    }

    /// The messages with a reason, and when each came.
    pub fn messages<'a>(&'a self, reason: &'a str) -> impl Iterator<Item = (&'a Value, f64)> {
        let messages = self.messages.iter().map(|(message, at)| (message, *at));
        messages.filter(move |(message, _)| message["reason"] == reason)
    }
}

/// Runs the command until it exits. Times count from `from`.
///
/// # Panics
/// If it fails, or its program does not print exactly one line.
pub fn follow(mut command: Command, from: Instant) -> Milestones {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cargo runs");
    let errors = BufReader::new(child.stderr.take().expect("it is piped"));
    let errors = thread::spawn(move || {
        let timed = |line: std::io::Result<String>| {
            (line.unwrap_or_default(), from.elapsed().as_secs_f64())
        };
        errors.lines().map(timed).collect::<Vec<_>>()
    });
    let answers = BufReader::new(child.stdout.take().expect("it is piped"));
    let answers: Vec<(String, f64)> = answers
        .lines()
        .map(|line| (line.unwrap_or_default(), from.elapsed().as_secs_f64()))
        .collect();
    let status = child.wait().expect("it is our child");
    let errors = errors.join().expect("the thread only reads");
    let stderr = || {
        errors
            .iter()
            .map(|(line, _)| line.as_str())
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert!(status.success(), "{command:?}: {status}\n{}", stderr());
    let parsed = answers.into_iter().map(|(line, at)| {
        let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
        (value, at)
    });
    let (messages, answers): (Vec<_>, Vec<_>) =
        parsed.partition(|(value, _)| value.get("reason").is_some());
    let [(answer, answered)] = &answers[..] else {
        panic!("{command:?} printed {answers:?}\n{}", stderr())
    };
    let verb = |line: &str| {
        line.split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    Milestones {
        answered: *answered,
        answer: answer.clone(),
        messages,
        steps: errors.iter().map(|(line, at)| (verb(line), *at)).collect(),
    }
}
