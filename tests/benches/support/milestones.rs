//! One run of a command, with the time of everything that it said.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use serde_json::Value;

/// When what was seen, in seconds from the start.
#[derive(Debug)]
pub struct Milestones {
    /// The answer, which is the one line of the program's own on stdout; as a text where it is no JSON.
    pub answered: f64,
    pub answer: Value,
    /// What `--message-format json` has printed around it.
    messages: Vec<(Value, f64)>,
    /// The verb of each line on stderr in cargo's manner, and when it came.
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

    /// All of them, in their order.
    pub fn steps(&self) -> impl Iterator<Item = (&str, f64)> {
        self.steps.iter().map(|(verb, at)| (verb.as_str(), *at))
    }

    /// The messages of a reason, with when each came.
    pub fn messages<'a>(&'a self, reason: &'a str) -> impl Iterator<Item = (&'a Value, f64)> {
        let messages = self.messages.iter().map(|(message, at)| (message, *at));
        messages.filter(move |(message, _)| message["reason"] == reason)
    }
}

/// Runs the command to its end, its clock started at `from`.
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
    let said = || {
        errors
            .iter()
            .map(|(line, _)| line.as_str())
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert!(status.success(), "{command:?}: {status}\n{}", said());
    let parsed = answers.into_iter().map(|(line, at)| {
        let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
        (value, at)
    });
    let (messages, answers): (Vec<_>, Vec<_>) =
        parsed.partition(|(value, _)| value.get("reason").is_some());
    let [(answer, answered)] = &answers[..] else {
        panic!("{command:?} printed {answers:?}\n{}", said())
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
