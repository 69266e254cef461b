//! Programs that store credentials: `docker-credential-NAME get`.
//!
//! Source of the protocol: <https://github.com/docker/docker-credential-helpers>.

use std::{process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
    time::timeout,
};

use super::{credentials::Credentials, error::Unanswered};

/// Timeout of the program. Some ask a cloud for a token.
const TIMEOUT: Duration = Duration::from_secs(4);
/// Maximum size of its answer.
const LIMIT: u64 = 64 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks a program for the credentials of a server. A program that has none fails.
///
/// # Errors
/// If it cannot be started or does not answer in time. It is killed then.
pub async fn credentials(name: &str, server: &str) -> Result<Credentials, Unanswered> {
    // The program is found in PATH alone, as by Docker.
    if name.contains('/') {
        return Err(Unanswered::Helper);
    }
    let mut program = Command::new(format!("docker-credential-{name}"));
    program.arg("get");
    ask(program, server, TIMEOUT).await
}

async fn ask(
    mut program: Command,
    server: &str,
    limit: Duration,
) -> Result<Credentials, Unanswered> {
    let started = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // It must not ask on the terminal of a command that did not ask for credentials.
        .env_remove("GPG_TTY")
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let mut child = started.map_err(|_| Unanswered::Helper)?;
    let mut group = Group::of(&child);
    let answered = timeout(limit, answer(&mut child, server)).await;
    let answered = answered.map_err(|_| Unanswered::Timeout)?;
    // It has exited: its number may be another process's from now on.
    group.0 = None;
    Ok(match answered.ok_or(Unanswered::Helper)? {
        None => Credentials::None,
        Some(Answer { username, secret }) => match &*username {
            "<token>" => Credentials::IdentityToken(secret),
            _ => Credentials::Password {
                user: username,
                password: secret,
            },
        },
    })
}

/// The program's answer; `Some(None)` if it has no credentials.
async fn answer(child: &mut Child, server: &str) -> Option<Option<Answer>> {
    let (mut input, output) = (child.stdin.take()?, child.stdout.take()?);
    // A program that needs no input may have closed it.
    let _ = input.write_all(server.as_bytes()).await;
    drop(input);
    let mut answer = Vec::new();
    output.take(LIMIT).read_to_end(&mut answer).await.ok()?;
    let status = child.wait().await.ok()?;
    if !status.success() {
        return Some(None);
    }
    serde_json::from_slice(&answer).ok().map(Some)
}

/// Kills the program and what it started, unless it has exited.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(id.cast_signed())))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have exited in this moment.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read as _};

    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

    async fn answer_of(script: &str) -> Result<Credentials, Unanswered> {
        ask(shell(script), "reg.test", Duration::MAX).await
    }

    #[tokio::test]
    async fn the_program_receives_the_server_and_answers_with_credentials() {
        let script = r#"printf '{"ServerURL":"s","Username":"alice","Secret":"%s"}' "$(cat)""#;
        let expected = Credentials::Password {
            user: "alice".to_owned(),
            password: "reg.test".to_owned(),
        };
        assert_eq!(answer_of(script).await.unwrap(), expected);
        let script = r#"echo '{"Username":"<token>","Secret":"t"}'"#;
        let token = Credentials::IdentityToken("t".to_owned());
        assert_eq!(answer_of(script).await.unwrap(), token);
    }

    #[tokio::test]
    async fn a_program_without_credentials_leaves_the_request_anonymous() {
        let none = answer_of("echo credentials not found; exit 1").await;
        assert_eq!(none.unwrap(), Credentials::None);
        let invalid = answer_of("echo hello").await;
        assert!(matches!(invalid, Err(Unanswered::Helper)));
        let endless = answer_of("exec yes").await;
        assert!(endless.is_ok_and(|it| it == Credentials::None));
        let outside = credentials("../../bin/true", "reg.test").await;
        assert!(matches!(outside, Err(Unanswered::Helper)));
    }

    #[tokio::test]
    async fn a_program_that_does_not_answer_is_killed_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        let mut program = shell(r#"exec 3>"$0"; sleep 600 & wait"#);
        program.arg(&fifo);
        let asking = tokio::spawn(async { ask(program, "reg.test", Duration::MAX).await });
        // Opens once the program has opened it too.
        let opened = tokio::task::spawn_blocking(|| File::open(fifo));
        let mut opened = opened.await.unwrap().unwrap();
        asking.abort();
        assert!(asking.await.is_err());
        // Ends once the last process that holds it has exited.
        let ended = tokio::task::spawn_blocking(move || opened.read_to_end(&mut Vec::new()));
        assert_eq!(ended.await.unwrap().unwrap(), 0);
    }
}
