//! [`shell`]: an interactive shell next to the remote functions, from a program.

use std::{
    env,
    ffi::OsString,
    io,
    process::{Command, ExitStatus},
};

/// Opens a shell where the remote functions run, and returns its exit status when it has ended.
///
/// In a program that `cargo kt run` started this is `cargo kt ssh`: the shell has the environment, the directory and the file
/// system of the warm process, and this program's terminal. Under plain cargo the remote functions run here, and so does the
/// shell: it is `$SHELL`, or `sh`.
///
/// The calling thread waits. In a program with other tasks to run, call it from `tokio::task::spawn_blocking`.
///
/// # Errors
/// If the shell cannot be started, and in a remote function: only the program has a terminal.
///
/// ```no_run
/// let status = kt::shell()?;
/// println!("the shell ended with {status}");
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
    let words = words()?;
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| io::Error::other("cargo kt did not say how to open a shell"))?;
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

/// What to start.
fn words() -> io::Result<Vec<OsString>> {
    #[cfg(any(kt, feature = "host"))]
    if let Some(driver) = crate::driver::current() {
        return Ok(driver.shell().to_vec());
    }
    let shell = env::var_os("SHELL").filter(|shell| !shell.is_empty());
    Ok(vec![shell.unwrap_or_else(|| "sh".into())])
}
