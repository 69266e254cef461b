//! The process that gdb starts for its remote protocol: copies bytes between its standard streams
//! and the socket of the session.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    process::ExitCode,
    thread,
};

/// The first argument of this executable that selects this process.
pub const COMMAND: &str = "debug-pipe";

/// Copies bytes until either side closes the connection.
pub fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(socket) = arguments.next() else {
        eprintln!("error: `{COMMAND}` is for gdb only");
        return ExitCode::FAILURE;
    };
    let copied = UnixStream::connect(&socket).and_then(|stream| carry(&stream));
    match copied {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: lost the connection to the service: {error}");
            ExitCode::FAILURE
        }
    }
}

fn carry(stream: &UnixStream) -> io::Result<()> {
    let sending = stream.try_clone()?;
    // Not joined: it ends with this process, when the service closes the connection.
    thread::Builder::new().spawn(move || {
        let _ = copy(&mut io::stdin().lock(), &mut &sending);
        let _ = sending.shutdown(Shutdown::Write);
    })?;
    copy(&mut &*stream, &mut io::stdout().lock())
}

/// Writes each piece immediately: waiting for more would block the peer.
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
