//! A running command: its output line by line, its input, its exit.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    iter,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Child, Command, ExitStatus, Stdio},
    ptr,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use crate::Output;

/// The time limit of a command: a cold build of the largest fixture on a busy machine.
const LIMIT: Duration = Duration::from_secs(420);
/// The timeout of waiting for a line: a build precedes the first one.
const TIMEOUT: Duration = Duration::from_secs(120);
/// How long output may stay open after the command exited. Then another process holds it.
const CLOSING: Duration = Duration::from_secs(10);

/// A command in its own process group, as a shell starts it. Dropping it kills the group.
pub struct Running {
    command: String,
    child: Child,
    begin: Instant,
    stdout: Stream,
    stderr: Stream,
    /// Its terminal, if it has one. Input is written to it.
    terminal: Option<File>,
}

impl Running {
    /// Starts a command whose stdin and stderr are a terminal, and stdout is not.
    pub(crate) fn start_on_terminal(mut command: Command) -> Self {
        let (ours, theirs) = open_terminal();
        let handle = || theirs.try_clone().expect("a descriptor can be cloned");
        command.stdin(handle()).stderr(handle());
        drop(theirs);
        let screen = ours.try_clone().expect("a descriptor can be cloned");
        command.stdout(Stdio::piped());
        Self::spawn(command, Some(ours), |child| {
            (stdout_of(child), Stream::read(File::from(screen)))
        })
    }

    /// Starts a command whose standard streams are all a terminal of `columns` columns. All output
    /// counts as its stdout.
    pub(crate) fn start_on_screen(mut command: Command, columns: u16) -> Self {
        let (ours, theirs) = open_terminal();
        set_columns(&ours, columns);
        let handle = || theirs.try_clone().expect("a descriptor can be cloned");
        command.stdin(handle()).stdout(handle()).stderr(handle());
        drop(theirs);
        let screen = ours.try_clone().expect("a descriptor can be cloned");
        Self::spawn(command, Some(ours), |_| {
            (Stream::read(File::from(screen)), Stream::read(io::empty()))
        })
    }

    /// Starts a command and reads its output continuously.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::spawn(command, None, |child| {
            let stderr = child.stderr.take().expect("it is piped");
            (stdout_of(child), Stream::read(stderr))
        })
    }

    /// Runs a command without input until it exits.
    #[track_caller]
    pub fn run_without_input(command: &mut Command) -> Output {
        let mut command = std::mem::replace(command, Command::new(""));
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let running = Self::spawn(command, None, |child| {
            let stderr = child.stderr.take().expect("it is piped");
            (stdout_of(child), Stream::read(stderr))
        });
        running.finish()
    }

    fn spawn(
        mut command: Command,
        terminal: Option<OwnedFd>,
        streams: impl FnOnce(&mut Child) -> (Stream, Stream),
    ) -> Self {
        let arguments = iter::once(command.get_program()).chain(command.get_args());
        let arguments: Vec<_> = arguments
            .map(|argument| argument.to_string_lossy())
            .collect();
        let text = arguments.join(" ");
        command.process_group(0);
        // A suite started in the background ignores SIGINT, and its children inherit that:
        // signal(7).
        // SAFETY: signal(2) may be called between fork and exec: signal-safety(7).
        unsafe {
            command.pre_exec(|| {
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                Ok(())
            });
        }
        let begin = Instant::now();
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{text} does not start: {error}"));
        // Close its descriptors: the terminal closes with the last of them.
        drop(command);
        let (stdout, stderr) = streams(&mut child);
        Self {
            command: text,
            child,
            begin,
            stdout,
            stderr,
            terminal: terminal.map(File::from),
        }
    }

    /// The process id of the command and of its group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line to the command's standard input.
    #[track_caller]
    pub fn send(&mut self, line: &str) {
        let written = match &mut self.terminal {
            Some(terminal) => writeln!(terminal, "{line}"),
            None => {
                let stdin = self.child.stdin.as_mut().expect("its input is open");
                writeln!(stdin, "{line}")
            }
        };
        if let Err(error) = written {
            panic!("{error} while {line:?} was written to {:?}", self.so_far());
        }
    }

    /// Waits until stdout has a line with `text`, and returns the line.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        let found = self.stdout.wait_for(text, TIMEOUT);
        found.unwrap_or_else(|| panic!("no {text:?} on stdout of {:?}", self.so_far()))
    }

    /// Waits until stderr has a line with `text`, and returns the line.
    #[track_caller]
    pub fn wait_for_error(&self, text: &str) -> String {
        let found = self.stderr.wait_for(text, LIMIT);
        found.unwrap_or_else(|| panic!("no {text:?} on stderr of {:?}", self.so_far()))
    }

    /// Sends a line, and waits for an answer that starts with the same text.
    #[track_caller]
    pub fn ask(&mut self, line: &str) -> String {
        let seen = self.stdout.len();
        self.send(line);
        let start = format!("{line}: ");
        let found = self
            .stdout
            .wait(seen, |answer| answer.starts_with(&start), TIMEOUT);
        let answer =
            found.unwrap_or_else(|| panic!("no answer to {line:?} from {:?}", self.so_far()));
        answer[start.len()..].to_owned()
    }

    /// Sends SIGINT to the process group, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(libc::SIGINT);
    }

    /// Kills the process group, without a chance to clean up.
    pub fn kill(&self) {
        self.signal(libc::SIGKILL);
    }

    /// Closes the input and waits until the command exits.
    #[track_caller]
    pub fn finish(mut self) -> Output {
        drop(self.child.stdin.take());
        let status = self.wait();
        for stream in [&self.stdout, &self.stderr] {
            assert!(
                stream.closed(CLOSING),
                "a background process keeps the output of {:?} open",
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
        // The limit starts at this call: the test may have run other commands before.
        let asked = Instant::now();
        while asked.elapsed() < LIMIT {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            // `try_wait` has no timeout, so poll. The interval limits the precision.
            thread::sleep(Duration::from_millis(5));
        }
        self.signal(libc::SIGKILL);
        panic!("{:?} did not exit within {LIMIT:?}", self.so_far());
    }

    fn signal(&self, signal: i32) {
        let group = self.child.id() as i32;
        // SAFETY: no memory is involved; the group is that of our child, which was not waited for.
        unsafe { libc::kill(-group, signal) };
    }

    /// The output so far.
    pub fn so_far(&self) -> Output {
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

fn stdout_of(child: &mut Child) -> Stream {
    Stream::read(child.stdout.take().expect("it is piped"))
}

/// Sets the width of a terminal: TIOCSWINSZ(2const).
fn set_columns(terminal: &OwnedFd, columns: u16) {
    let size = libc::winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: it reads only the structure at the pointer.
    let set = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
}

/// Opens a new terminal: our side, and the command's side.
pub(crate) fn open_terminal() -> (OwnedFd, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    let (name, settings, size) = (ptr::null_mut(), ptr::null(), ptr::null());
    // SAFETY: it writes to the two integers; null pointers select defaults: openpty(3).
    let opened = unsafe { libc::openpty(&raw mut ours, &raw mut theirs, name, settings, size) };
    assert_eq!(opened, 0, "no terminal: {}", io::Error::last_os_error());
    // SAFETY: both descriptors are new and have no other owner.
    let pair = unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) };
    for descriptor in [&pair.0, &pair.1] {
        // SAFETY: no memory is involved. Commands started concurrently must not inherit it.
        let set = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
        assert_eq!(set, 0, "{}", io::Error::last_os_error());
    }
    pair
}

/// Reads to the end of a line, or to a carriage return that makes a terminal overwrite it.
fn read_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        let buffer = source.fill_buf()?;
        let end = buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let taken = end.map_or(buffer.len(), |end| end + 1);
        let is_over = end.is_some() || buffer.is_empty();
        line.extend_from_slice(&buffer[..taken]);
        source.consume(taken);
        if is_over {
            return Ok(line.len());
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
                // A closed terminal is reported as an error.
                let read = read_line(&mut source, &mut line).unwrap_or(0);
                let (state, changed) = &*writer;
                let mut state = state
                    .lock()
                    .expect("no thread panics while holding the lock");
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
        self.0
            .0
            .lock()
            .expect("no thread panics while holding the lock")
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

    /// The first line after `from` for which `wanted` holds.
    fn wait(&self, from: usize, wanted: impl Fn(&str) -> bool, limit: Duration) -> Option<String> {
        let find = |state: &State| {
            state.lines[from..]
                .iter()
                .find(|line| wanted(line))
                .cloned()
        };
        let pending = |state: &mut State| find(state).is_none() && !state.closed;
        let waited = self.0.1.wait_timeout_while(self.lock(), limit, pending);
        let (state, _) = waited.expect("no thread panics while holding the lock");
        find(&state).map(|line| line.trim_end().to_owned())
    }

    fn closed(&self, limit: Duration) -> bool {
        let waited = self
            .0
            .1
            .wait_timeout_while(self.lock(), limit, |state| !state.closed);
        waited
            .expect("no thread panics while holding the lock")
            .0
            .closed
    }
}
