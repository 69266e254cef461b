//! A command under way: its output line by line, its input, its end.

use std::{
    io::{BufRead, BufReader, Read, Write},
    iter,
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use crate::Output;

/// How long anything may take: a cold build of the largest fixture with a busy machine.
const LIMIT: Duration = Duration::from_secs(420);
/// How long a line may be waited for: a build comes before the first one.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long output may stay open after the command's end before somebody else holds it.
const CLOSING: Duration = Duration::from_secs(10);

/// A command in a process group of its own, as a shell starts it. Ended with everything in the group when dropped.
pub struct Running {
    command: String,
    child: Child,
    begin: Instant,
    stdout: Stream,
    stderr: Stream,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let words = iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
        let text = words.join(" ");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let begin = Instant::now();
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{text} does not start: {error}"));
        let stdout = Stream::read(child.stdout.take().expect("it is piped"));
        let stderr = Stream::read(child.stderr.take().expect("it is piped"));
        Self {
            command: text,
            child,
            begin,
            stdout,
            stderr,
        }
    }

    /// The process id of the command and of its group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line to the command's standard input.
    #[track_caller]
    pub fn send(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("its input is open");
        if let Err(error) = writeln!(stdin, "{line}") {
            panic!("{error} while {line:?} was written to {:?}", self.so_far());
        }
    }

    /// Waits until stdout has a line with `text`, and returns the line.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        let found = self.stdout.wait_for(text, PATIENCE);
        found.unwrap_or_else(|| panic!("no {text:?} came on stdout of {:?}", self.so_far()))
    }

    /// Waits until stderr has a line with `text`, and returns the line.
    #[track_caller]
    pub fn wait_for_error(&self, text: &str) -> String {
        let found = self.stderr.wait_for(text, LIMIT);
        found.unwrap_or_else(|| panic!("no {text:?} came on stderr of {:?}", self.so_far()))
    }

    /// Sends a line, and waits for the line of the answer that begins as it does.
    #[track_caller]
    pub fn ask(&mut self, line: &str) -> String {
        let seen = self.stdout.len();
        self.send(line);
        let start = format!("{line}: ");
        let found = self
            .stdout
            .wait(seen, |answer| answer.starts_with(&start), PATIENCE);
        let answer =
            found.unwrap_or_else(|| panic!("no answer to {line:?} from {:?}", self.so_far()));
        answer[start.len()..].to_owned()
    }

    /// What Ctrl-C does: a signal to everything in the foreground.
    pub fn interrupt(&self) {
        self.signal(libc::SIGINT);
    }

    /// Closes the input and waits for the end.
    #[track_caller]
    pub fn finish(mut self) -> Output {
        drop(self.child.stdin.take());
        let status = self.wait();
        for stream in [&self.stdout, &self.stderr] {
            assert!(
                stream.closed(CLOSING),
                "a process in the background holds the output of {:?}",
                self.so_far()
            );
        }
        Output {
            status,
            ..self.so_far()
        }
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        while self.begin.elapsed() < LIMIT {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            // No notification comes with a limit in time; this only sets how fine the time is measured.
            thread::sleep(Duration::from_millis(5));
        }
        self.signal(libc::SIGKILL);
        panic!("{:?} did not end in {LIMIT:?}", self.so_far());
    }

    fn signal(&self, signal: i32) {
        let group = self.child.id() as i32;
        // SAFETY: no memory is involved; the group is that of our child, which has not been waited for.
        unsafe { libc::kill(-group, signal) };
    }

    fn so_far(&self) -> Output {
        Output {
            command: self.command.clone(),
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
            status: ExitStatus::default(),
            took: self.begin.elapsed(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(libc::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

/// One of the command's outputs, read by a thread.
struct Stream(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    lines: Vec<String>,
    closed: bool,
}

impl Stream {
    fn read(source: impl Read + Send + 'static) -> Self {
        let shared = Arc::<(Mutex<State>, Condvar)>::default();
        let writer = Arc::clone(&shared);
        thread::spawn(move || {
            let mut source = BufReader::new(source);
            loop {
                let mut line = Vec::new();
                let read = source.read_until(b'\n', &mut line).unwrap_or(0);
                let (state, changed) = &*writer;
                let mut state = state.lock().expect("nobody panics with the lock");
                if read == 0 {
                    state.closed = true;
                } else {
                    state
                        .lines
                        .push(String::from_utf8_lossy(&line).into_owned());
                }
                changed.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Self(shared)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().expect("nobody panics with the lock")
    }

    fn len(&self) -> usize {
        self.lock().lines.len()
    }

    fn text(&self) -> String {
        self.lock().lines.concat()
    }

    fn wait_for(&self, text: &str, limit: Duration) -> Option<String> {
        self.wait(0, |line| line.contains(text), limit)
    }

    /// The first line after `from` that is `wanted`.
    fn wait(&self, from: usize, wanted: impl Fn(&str) -> bool, limit: Duration) -> Option<String> {
        let find = |state: &State| {
            state.lines[from..]
                .iter()
                .find(|line| wanted(line))
                .cloned()
        };
        let pending = |state: &mut State| find(state).is_none() && !state.closed;
        let waited = self.0.1.wait_timeout_while(self.lock(), limit, pending);
        let (state, _) = waited.expect("nobody panics with the lock");
        find(&state).map(|line| line.trim_end().to_owned())
    }

    fn closed(&self, limit: Duration) -> bool {
        let waited = self
            .0
            .1
            .wait_timeout_while(self.lock(), limit, |state| !state.closed);
        waited.expect("nobody panics with the lock").0.closed
    }
}
