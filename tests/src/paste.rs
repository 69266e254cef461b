//! Much at once through a terminal.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use crate::{Screen, noise};

/// Pastes all of it to a shell on a terminal without modes, which says what arrived and prints it again.
pub fn paste_ten_megabytes(screen: &mut Screen) {
    let pasted = noise(10_000_000);
    let mut sum = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("coreutils are there");
    let mut stdin = sum.stdin.take().expect("it is piped");
    stdin.write_all(&pasted).expect("sha256sum takes it");
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
