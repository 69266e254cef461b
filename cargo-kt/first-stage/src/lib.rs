//! The first stage: the first program in a pod, for any Linux image of its CPU architecture. It
//! reports facts about the image, receives the host from a client that knows the token, and
//! executes it. It needs no C library, no allocator and no file of the image.
//!
//! ```text
//! stage --port 9461 --data /kt/data --token /kt/secret/token -- <arguments of the host>
//! ```
//! It executes `<data>/host host <arguments> --listener-fd N [--connection-fd M]`. If the image's
//! glibc is too old for the host or missing, the client sends a newer glibc with it. The first stage then
//! executes the dynamic linker of that glibc, `<data>/lib/ld.so --library-path <data>/lib
//! <data>/host …`, and passes the image's version to the host, `--glibc 2.N` or `--glibc none`. It
//! sets no variable, so that commands use the image's own libraries. After a restart of its container it finds the host in
//! the data directory. It prints only errors.
//!
//! `cargo kt` compiles these files with the user's rustc and `--cfg freestanding` into a static
//! program (`cargo-kt/src/place/kubernetes/stage/compile.rs`). For cargo, clippy and tests the same
//! files are a library.

#![cfg_attr(not(test), no_std)]
#![cfg_attr(freestanding, no_main)]
#![deny(unsafe_code)]
#![expect(
    clippy::large_enum_variant,
    clippy::result_large_err,
    reason = "errors are texts, which cannot be boxed without an allocator"
)]

mod blake3;
mod conversation;
mod facts;
mod files;
mod libraries;
#[expect(
    unsafe_code,
    reason = "system calls, the entry, and the functions of libc"
)]
pub mod sys;
#[cfg(test)]
mod tests;
mod text;
pub mod zstd;

use core::ffi::CStr;

use conversation::Outcome;
use files::Files;
use sys::{Arguments, Fd, Signals, Wakeup};
use text::Text;

/// Longest token, as in the preamble.
const TOKEN: usize = 1024;

/// The command line.
struct Options {
    port: u16,
    data: &'static CStr,
    token: &'static CStr,
    /// Index of the host's first argument.
    rest: usize,
}

impl Options {
    fn parse(arguments: &Arguments) -> Option<Self> {
        let (mut port, mut data, mut token) = (None, None, None);
        let mut at = 1;
        loop {
            let name = arguments.get(at)?.to_bytes();
            if name == b"--" {
                break;
            }
            let value = arguments.get(at + 1)?;
            match name {
                b"--port" => port = core::str::from_utf8(value.to_bytes()).ok()?.parse().ok(),
                b"--data" => data = Some(value),
                b"--token" => token = Some(value),
                _ => return None,
            }
            at += 2;
        }
        Some(Self {
            port: port?,
            data: data?,
            token: token?,
            rest: at + 1,
        })
    }
}

/// The state that all conversations share.
struct Stage<'a> {
    signals: Signals,
    listener: Fd,
    token: &'a [u8],
    files: Files,
    /// Why the last host could not be started.
    problem: Text<512>,
}

/// Why the program stops without a host.
enum Stop {
    /// A signal arrived during a conversation.
    InConversation,
    /// A signal arrived between conversations.
    Idle,
}

/// Runs the program and returns its exit code.
pub fn main(arguments: &Arguments) -> i32 {
    match run(arguments) {
        Ok(Stop::InConversation) => 0,
        // 128 + SIGTERM, as in a shell: the Job controller replaces a pod that was deleted.
        Ok(Stop::Idle) => 143,
        Err(problem) => {
            let mut line = Text::<1024>::new();
            line.add("kt: first stage: ");
            line.add_bytes(problem.bytes());
            line.add("\n");
            sys::print_error(line.bytes());
            1
        }
    }
}

/// Returns if a signal stops the program.
fn run(arguments: &Arguments) -> Result<Stop, Text<512>> {
    let options = Options::parse(arguments)
        .ok_or_else(|| Text::of("the arguments are invalid; `cargo kt` starts this program"))?;
    let mut token = [0; TOKEN + 1];
    let token = read_token(options.token, &mut token)?;
    let signals =
        Signals::block().map_err(|error| Text::of("failed to handle signals: ").and(error))?;
    let listener = sys::listen(options.port).map_err(|error| {
        let mut problem = Text::of("failed to listen on 127.0.0.1:");
        problem.add_number(options.port.into());
        problem.add(": ");
        problem.and(error)
    })?;
    let files = Files::new(options.data)
        .ok_or_else(|| Text::of("the path of the data directory is too long"))?;
    let mut stage = Stage {
        signals,
        listener,
        token,
        files,
        problem: Text::new(),
    };
    if stage.files.is_host_complete() {
        stage.execute_host(arguments, options.rest, None);
    }
    loop {
        match sys::wait(&stage.listener, &stage.signals, None) {
            Wakeup::Signal => return Ok(Stop::Idle),
            Wakeup::Timeout => continue,
            Wakeup::Readable => {}
        }
        // The client may have closed the connection already.
        let Ok(connection) = sys::accept(&stage.listener) else {
            continue;
        };
        loop {
            match stage.converse(&connection) {
                Outcome::Closed => break,
                Outcome::Signal => return Ok(Stop::InConversation),
                // If the host cannot be executed, the same client gets the reason.
                Outcome::HostReceived => {
                    stage.execute_host(arguments, options.rest, Some(&connection));
                }
            }
        }
    }
}

impl Stage<'_> {
    /// Replaces this program by the host. Returns only on failure: the host is then removed, and
    /// `problem` has the reason.
    fn execute_host(&mut self, arguments: &Arguments, rest: usize, connection: Option<&Fd>) {
        let with_libraries = match libraries::unpack(&self.files) {
            Ok(with_libraries) => with_libraries,
            Err(error) => {
                self.files.remove_host();
                self.problem = Text::of("failed to unpack the host's libraries: ").and(error);
                return;
            }
        };
        let mut numbers = [Text::<16>::new(), Text::new()];
        numbers[0].add_number(self.listener.number() as u64);
        if let Some(connection) = connection {
            numbers[1].add_number(connection.number() as u64);
            let _ = sys::set_inherited(connection, true);
        }
        let descriptors = [
            c"--listener-fd",
            numbers[0].c_str(),
            c"--connection-fd",
            numbers[1].c_str(),
        ];
        let descriptors = &descriptors[..if connection.is_some() { 4 } else { 2 }];
        let host = self.files.host();
        let loader = self.files.libraries(libraries::LOADER);
        let directory = self.files.libraries("");
        let version = match facts::glibc() {
            None => Text::<32>::of("none"),
            Some(minor) => {
                let mut version = Text::of("2.");
                version.add_number(minor);
                version
            }
        };
        // Another glibc's dynamic linker cannot use the image's `/etc/ld.so.cache`.
        let before = [
            loader.c_str(),
            c"--inhibit-cache",
            c"--library-path",
            directory.c_str(),
        ];
        let glibc = [c"--glibc", version.c_str()];
        let (program, before, glibc) = match with_libraries {
            true => (loader.c_str(), &before[..], &glibc[..]),
            false => (host.c_str(), &[][..], &[][..]),
        };
        let passed_through = (rest..).map_while(|at| arguments.get(at));
        let all = before
            .iter()
            .copied()
            .chain([host.c_str(), c"host"])
            .chain(passed_through)
            .chain(glibc.iter().copied())
            .chain(descriptors.iter().copied());
        self.signals.unblock();
        let error = sys::execute(program, all, arguments);
        if let Ok(signals) = Signals::block() {
            self.signals = signals;
        }
        if let Some(connection) = connection {
            let _ = sys::set_inherited(connection, false);
        }
        self.files.remove_host();
        self.problem = Text::of("failed to execute the host: ").and(error);
        if error == sys::Errno::NOT_FOUND {
            self.problem
                .add(" (the image has no dynamic linker for it)");
        }
    }
}

/// The file's content without the newline that editors append.
fn read_token<'a>(path: &CStr, buffer: &'a mut [u8; TOKEN + 1]) -> Result<&'a [u8], Text<512>> {
    let failed = |error| {
        let mut problem = Text::of("failed to read the token from ");
        problem.add_bytes(path.to_bytes());
        problem.add(": ");
        problem.and(error)
    };
    let file = sys::open(path, sys::Open::Read).map_err(failed)?;
    let length = sys::read_full(&file, buffer).map_err(failed)?;
    let token = buffer[..length].trim_ascii_end();
    if token.is_empty() || token.len() > TOKEN {
        return Err(Text::of("the token is empty or too long"));
    }
    Ok(token)
}
