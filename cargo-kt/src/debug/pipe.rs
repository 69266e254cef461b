//! What gdb starts as its end of the remote protocol: it carries bytes between its standard streams and the socket of the session.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    process::ExitCode,
    thread,
};

/// The first argument of this executable that makes it one.
pub const COMMAND: &str = "debug-pipe";

/// Carries bytes until either end is gone.
pub fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(socket) = arguments.next() else {
        eprintln!("error: `{COMMAND}` is started by gdb, not by hand");
        return ExitCode::FAILURE;
    };
    let carried = UnixStream::connect(&socket).and_then(|stream| carry(&stream));
    match carried {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: the connection to the service broke: {error}");
            ExitCode::FAILURE
        }
    }
}

fn carry(stream: &UnixStream) -> io::Result<()> {
    let sending = stream.try_clone()?;
    // Not waited for: it ends with this process, when the service has hung up.
    thread::Builder::new().spawn(move || {
        let _ = copy(&mut io::stdin().lock(), &mut &sending);
        let _ = sending.shutdown(Shutdown::Write);
    })?;
    copy(&mut &*stream, &mut io::stdout().lock())
}

/// Each piece goes on at once: who waits for more would hold up the other side.
fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut piece = vec![0; 64 << 10];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => to.write_all(&piece[..read]).and_then(|()| to.flush())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
