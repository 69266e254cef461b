//! A person at a terminal: a command with the terminal as its only input and output, keys, and the
//! content of the screen.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::{fd::AsRawFd, unix::process::CommandExt},
    process::{Child, Command, ExitStatus},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use crate::process::open_terminal;

/// The timeout of waiting for text.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A command in its own session, on its own terminal. Killed when dropped.
pub struct Screen {
    child: Child,
    /// `None` after it is closed.
    terminal: Option<File>,
    shown: Arc<(Mutex<Shown>, Condvar)>,
    /// The bytes that were already waited for.
    seen: usize,
}

#[derive(Default)]
struct Shown {
    bytes: Vec<u8>,
    closed: bool,
}

impl Screen {
    /// Starts a command on a terminal of this size.
    pub fn start(mut command: Command, columns: u16, rows: u16) -> Self {
        let (ours, theirs) = open_terminal();
        let terminal = File::from(ours);
        set_size(&terminal, columns, rows);
        let handle = || theirs.try_clone().expect("a descriptor can be cloned");
        command.stdin(handle()).stdout(handle()).stderr(handle());
        drop(theirs);
        let own = || {
            // SAFETY: both may be called between fork and exec, and touch no memory.
            let done = unsafe { libc::setsid() != -1 && libc::ioctl(0, libc::TIOCSCTTY, 0) != -1 };
            done.then_some(()).ok_or_else(io::Error::last_os_error)
        };
        // SAFETY: the closure makes system calls only.
        unsafe { command.pre_exec(own) };
        let child = command.spawn().expect("the command starts");
        drop(command);
        let shown = Arc::<(Mutex<Shown>, Condvar)>::default();
        let writer = Arc::clone(&shown);
        let mut screen = terminal.try_clone().expect("a descriptor can be cloned");
        thread::spawn(move || {
            let mut piece = vec![0; 64 << 10];
            loop {
                // A closed terminal is reported as an error.
                let read = screen.read(&mut piece).unwrap_or(0);
                let mut shown = writer
                    .0
                    .lock()
                    .expect("no thread panics while holding the lock");
                shown.bytes.extend_from_slice(&piece[..read]);
                shown.closed = read == 0;
                writer.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Self {
            child,
            terminal: Some(terminal),
            shown,
            seen: 0,
        }
    }

    /// Types keys; `\n` is the return key.
    #[track_caller]
    pub fn keys(&mut self, keys: impl AsRef<[u8]>) {
        let terminal = self.terminal.as_mut().expect("the terminal is open");
        terminal
            .write_all(keys.as_ref())
            .expect("the terminal accepts keys");
    }

    /// Waits until this text appears after everything that was waited for before.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) {
        self.wait_for_bytes(text.as_bytes());
    }

    /// Same as [`wait_for`](Self::wait_for), for bytes that are not text.
    #[track_caller]
    pub fn wait_for_bytes(&mut self, bytes: &[u8]) {
        let found = self.wait(|new| find(new, bytes).map(|place| (place + bytes.len(), ())));
        if let Err(shown) = found {
            let wanted = String::from_utf8_lossy(&bytes[..bytes.len().min(100)]);
            panic!("{wanted:?} does not appear on {shown:?}");
        }
    }

    /// The byte after everything that was waited for before.
    #[track_caller]
    pub fn next_byte(&mut self) -> u8 {
        let found = self.wait(|new| Some((1, *new.first()?)));
        found.unwrap_or_else(|shown| panic!("nothing more appears on {shown:?}"))
    }

    /// Waits until `look` finds a value in the new bytes, and skips the length that it returns. The
    /// error is the end of the screen.
    fn wait<T>(&mut self, look: impl Fn(&[u8]) -> Option<(usize, T)>) -> Result<T, String> {
        let (shown, changed) = &*self.shown;
        let mut shown = shown
            .lock()
            .expect("no thread panics while holding the lock");
        let end = Instant::now() + TIMEOUT;
        loop {
            if let Some((length, found)) = look(&shown.bytes[self.seen..]) {
                self.seen += length;
                return Ok(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if shown.closed || left.is_zero() {
                let last = &shown.bytes[shown.bytes.len().saturating_sub(4000)..];
                return Err(String::from_utf8_lossy(last).into_owned());
            }
            (shown, _) = changed
                .wait_timeout(shown, left)
                .expect("no thread panics while holding the lock");
        }
    }

    /// Resizes the terminal, as dragging a window's corner does.
    pub fn resize(&self, columns: u16, rows: u16) {
        let terminal = self.terminal.as_ref().expect("the terminal is open");
        set_size(terminal, columns, rows);
    }

    /// The process that was started.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the command with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is our child");
    }

    /// Closes the window: sends SIGHUP to its session.
    pub fn close(&mut self) {
        // The reader thread has a copy of the descriptor, so the terminal stays open. The kernel
        // would send this signal.
        self.terminal = None;
        // SAFETY: no memory is involved; the child leads its session and group, and was not waited
        // for.
        unsafe { libc::kill(-(self.child.id() as i32), libc::SIGHUP) };
    }

    /// Waits until the command exits, and returns the whole screen.
    #[track_caller]
    pub fn finish(mut self) -> (ExitStatus, String) {
        let end = Instant::now() + TIMEOUT;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            assert!(Instant::now() < end, "it does not exit: {:?}", self.text());
            // `try_wait` has no timeout, so poll. The interval limits the precision.
            thread::sleep(Duration::from_millis(5));
        };
        let text = self.text();
        (status, text)
    }

    fn text(&self) -> String {
        let shown = self
            .shown
            .0
            .lock()
            .expect("no thread panics while holding the lock");
        String::from_utf8_lossy(&shown.bytes).into_owned()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn set_size(terminal: &File, columns: u16, rows: u16) {
    let size = libc::winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: it reads only `size`.
    let set = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
}

/// The position of `wanted`. Searches its first byte first: a screen may hold megabytes.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(place) = bytes[from..].iter().position(|&byte| byte == first) {
        if bytes[from + place..].starts_with(wanted) {
            return Some(from + place);
        }
        from += place + 1;
    }
    None
}
