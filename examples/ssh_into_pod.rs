//! Opens a shell in the running environment: it sees the files and the variables that the remote functions see.
//!
//! ```text
//! cargo kt run --example ssh_into_pod
//! $ cat $NOTES                                  # what a remote function has written
//! $ echo from the shell >> $NOTES               # what the next one reads
//! $ exit
//! ```

use std::{env, fs, io::Write, process};

use tokio::task;

#[kt::service]
const SERVICE: kt::Service = kt::Service::new().env("NOTES", "/tmp/kt-notes.txt");

fn path() -> String {
    env::var("NOTES").unwrap_or_else(|_| "kt-notes.txt".to_owned())
}

/// Its line has the number of the warm process.
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
    println!("Here is a shell where the functions run. `exit` comes back.");
    let status = task::spawn_blocking(kt::shell).await??;
    println!("The shell ended with {status}. The notes are now:");
    print!("{}", notes().await??);
    Ok(())
}
