//! A large paste into a terminal.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use crate::{Screen, noise};

/// Pastes ten megabytes into a shell whose terminal is raw. The shell prints their hash and their
/// content.
pub fn paste_ten_megabytes(screen: &mut Screen) {
    let pasted = noise(10_000_000);
    let mut sum = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("coreutils are installed");
    let mut stdin = sum.stdin.take().expect("it is piped");
    stdin.write_all(&pasted).expect("sha256sum reads its input");
    drop(stdin);
    let sum = sum.wait_with_output().expect("it is our child").stdout;
    let sum = String::from_utf8_lossy(&sum[..64]).into_owned();

    let length = pasted.len();
    screen.keys(format!(
        "stty raw -echo; echo $((40 + 2)) ready; head -c {length} | tee /tmp/kt-pasted | sha256sum; cat /tmp/kt-pasted; rm /tmp/kt-pasted; echo $((50 + 5)) done; stty sane\n"
    ));
    screen.wait_for("42 ready\n");
    screen.keys(&pasted);
    screen.wait_for(&sum);
    screen.wait_for_bytes(&pasted);
    screen.wait_for("55 done");
}
