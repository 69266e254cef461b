//! The first stage: what runs first in a pod, in any Linux image of its CPU architecture. It says what it finds there, takes
//! the host from a client that knows the token, and makes way for it. Needs no C library, no allocator, no file of the image.
//!
//! ```text
//! stage --port 9461 --data /kt/data --token /kt/secret/token -- <arguments of the host>
//! ```
//! It becomes `<data>/host host <arguments> --listener-fd N [--connection-fd M]`. Where the image's glibc is too old for it, the
//! host has brought one along: then that one's dynamic linker is executed, `<data>/lib/ld.so --library-path <data>/lib <data>/host
//! …`, and the host is told the image's version, `--glibc 2.N`. No variable is set, so workers know nothing of it and get the
//! image's own libraries. A restarted container finds the host in its data directory. Nothing is printed but what ends it.

#![no_std]
#![no_main]

mod blake3;
mod conversation;
mod facts;
mod files;
mod libraries;
mod sys;
mod text;
mod zstd;

use core::ffi::CStr;

use conversation::Outcome;
use files::Files;
use sys::{Arguments, Fd, Signals, Woken};
use text::Text;

/// Longest token, as in the preamble.
const TOKEN: usize = 1024;

/// What it was told.
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

/// Everything that the conversation needs.
struct Stage<'a> {
    signals: Signals,
    listener: Fd,
    token: &'a [u8],
    files: Files,
    /// Why the last host could not be started, in words.
    problem: Text<512>,
}

fn main(arguments: &Arguments) -> i32 {
    match run(arguments) {
        Ok(Ended::Asked) => 0,
        // 128 and SIGTERM, as a shell has it: a Job's pod that somebody ends is made again.
        Ok(Ended::BySignal) => 143,
        Err(why) => {
            let mut line = Text::<1024>::new();
            line.add("kt: the first stage cannot go on: ");
            line.add_bytes(why.bytes());
            line.add("\n");
            sys::complain(line.bytes());
            1
        }
    }
}

/// Why there is nothing left to do.
enum Ended {
    Asked,
    BySignal,
}

/// Returns when it is to end.
fn run(arguments: &Arguments) -> Result<Ended, Text<512>> {
    let options = Options::parse(arguments)
        .ok_or_else(|| Text::of("its arguments are not those that cargo kt gives"))?;
    let mut token = [0; TOKEN + 1];
    let token = read_token(options.token, &mut token)?;
    let signals =
        Signals::take().map_err(|error| Text::of("failed to handle signals: ").and(error))?;
    let listener = sys::listen(options.port).map_err(|error| {
        let mut why = Text::of("failed to listen on 127.0.0.1:");
        why.add_number(options.port.into());
        why.add(": ");
        why.and(error)
    })?;
    let files = Files::new(options.data)
        .ok_or_else(|| Text::of("the data directory's path is too long"))?;
    let mut stage = Stage {
        signals,
        listener,
        token,
        files,
        problem: Text::new(),
    };
    if stage.files.is_host_whole() {
        stage.become_host(arguments, options.rest, None);
    }
    loop {
        match sys::wait(&stage.listener, &stage.signals, None) {
            Woken::Signal => return Ok(Ended::BySignal),
            Woken::TimedOut => continue,
            Woken::Readable => {}
        }
        // Whoever came may be gone again.
        let Ok(connection) = sys::accept(&stage.listener) else {
            continue;
        };
        loop {
            match stage.converse(&connection) {
                Outcome::Closed => break,
                Outcome::Asked => return Ok(Ended::Asked),
                // If it comes back the same client is told why.
                Outcome::HostIsHere => {
                    stage.become_host(arguments, options.rest, Some(&connection));
                }
            }
        }
    }
}

impl Stage<'_> {
    /// Makes way for the host. Returns only if that fails: then there is none any more, and `problem` says why.
    fn become_host(&mut self, arguments: &Arguments, rest: usize, connection: Option<&Fd>) {
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
            let _ = sys::keep_open(connection, true);
        }
        let handed = [
            c"--listener-fd",
            numbers[0].c_str(),
            c"--connection-fd",
            numbers[1].c_str(),
        ];
        let handed = &handed[..if connection.is_some() { 4 } else { 2 }];
        let host = self.files.host();
        let loader = self.files.libraries(libraries::LOADER);
        let directory = self.files.libraries("");
        let mut version = Text::<32>::of("2.");
        version.add_number(facts::glibc().unwrap_or(0));
        // The image's cache of libraries is of no use to another dynamic linker.
        let before = [
            loader.c_str(),
            c"--inhibit-cache",
            c"--library-path",
            directory.c_str(),
        ];
        let told = [c"--glibc", version.c_str()];
        let (program, before, told) = match with_libraries {
            true => (loader.c_str(), &before[..], &told[..]),
            false => (host.c_str(), &[][..], &[][..]),
        };
        let given = (rest..).map_while(|at| arguments.get(at));
        let all = before
            .iter()
            .copied()
            .chain([host.c_str(), c"host"])
            .chain(given)
            .chain(told.iter().copied())
            .chain(handed.iter().copied());
        self.signals.give_back();
        let error = sys::execute(program, all, arguments);
        if let Ok(signals) = Signals::take() {
            self.signals = signals;
        }
        if let Some(connection) = connection {
            let _ = sys::keep_open(connection, false);
        }
        self.files.remove_host();
        self.problem = Text::of("failed to execute the host: ").and(error);
        if error == sys::Errno::NOT_FOUND {
            self.problem
                .add(" (the image has no dynamic linker for it)");
        }
    }
}

/// The file's content without the line's end that an editor leaves.
fn read_token<'a>(path: &CStr, into: &'a mut [u8; TOKEN + 1]) -> Result<&'a [u8], Text<512>> {
    let failed = |error| {
        let mut why = Text::of("failed to read the token from ");
        why.add_bytes(path.to_bytes());
        why.add(": ");
        why.and(error)
    };
    let file = sys::open(path, sys::Open::Read).map_err(failed)?;
    let length = sys::read_full(&file, into).map_err(failed)?;
    let token = into[..length].trim_ascii_end();
    if token.is_empty() || token.len() > TOKEN {
        return Err(Text::of("the token is empty or too long"));
    }
    Ok(token)
}
