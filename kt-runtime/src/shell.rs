//! [`shell`]: opens an interactive shell next to the remote functions, from a program.

use std::{
    env,
    ffi::OsString,
    io,
    process::{Command, ExitStatus},
};

/// Opens an interactive shell next to the remote functions, and returns its exit status.
///
/// In a program that `cargo kt run` started, this is `cargo kt ssh`: the shell has the worker's
/// environment, working directory and file system, and this program's terminal. Under plain cargo
/// the remote functions run in this process, and the shell is `$SHELL`, or `sh`.
///
/// The calling thread blocks. In a program with other tasks, call it from
/// `tokio::task::spawn_blocking`.
///
/// # Errors
/// If the shell cannot be started, and inside a remote function: only the program has a terminal.
///
/// ```no_run
/// let status = kt::shell()?;
/// println!("the shell exited with {status}");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn shell() -> io::Result<ExitStatus> {
    #[cfg(any(kt, feature = "host"))]
    if crate::worker::current().is_some() {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a remote function has no terminal: call `kt::shell()` in the program, or use `cargo kt ssh`",
        ));
    }
    let command = shell_command()?;
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| io::Error::other("the driver has no shell command from `cargo kt`"))?;
    Command::new(program)
        .args(arguments)
        .status()
        .map_err(|error| {
            let program = program.display();
            io::Error::new(
                error.kind(),
                format!("failed to start `{program}`: {error}"),
            )
        })
}

/// The program to start, with its arguments.
fn shell_command() -> io::Result<Vec<OsString>> {
    #[cfg(any(kt, feature = "host"))]
    if let Some(driver) = crate::driver::current() {
        return Ok(driver.shell().to_vec());
    }
    let shell = env::var_os("SHELL").filter(|shell| !shell.is_empty());
    Ok(vec![shell.unwrap_or_else(|| "sh".into())])
}
