//! Opens a shell in the service: it sees the same files and variables as the remote functions.
//!
//! ```text
//! cargo kt run --example ssh_into_pod
//! $ cat $NOTES                                  # written by a remote function
//! $ echo from the shell >> $NOTES               # read by the next one
//! $ exit
//! ```

use std::{env, fs, io::Write, process};

use tokio::task;

#[kt::service]
const SERVICE: kt::Service = kt::Service::new().env("NOTES", "/tmp/kt-notes.txt");

fn path() -> String {
    env::var("NOTES").unwrap_or_else(|_| "kt-notes.txt".to_owned())
}

/// Writes a line with the pid of the worker process.
#[kt::remote]
fn begin_notes() -> Result<(), String> {
    let line = format!("process {} was here\n", process::id());
    let file = fs::File::create(path()).and_then(|mut file| file.write_all(line.as_bytes()));
    file.map_err(|error| format!("{}: {error}", path()))
}

#[kt::remote]
fn notes() -> Result<String, String> {
    fs::read_to_string(path()).map_err(|error| format!("{}: {error}", path()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    begin_notes().await??;
    println!("Starting a shell in the service. Type `exit` to return.");
    let status = task::spawn_blocking(kt::shell).await??;
    println!("The shell exited with {status}. The notes are now:");
    print!("{}", notes().await??);
    Ok(())
}
