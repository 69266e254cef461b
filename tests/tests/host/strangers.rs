//! Other users of the machine.

use std::{
    env, fs,
    io::{self, Read, Write},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::UnixStream,
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

use tests::{Fixture, Project};

use crate::assert_greets;

/// Nobody's number on every Linux.
const STRANGER: u32 = 65534;
/// Names the socket for the process that [`client`] is.
const SOCKET: &str = "TEST_SOCKET";
const SAYS: &str = "the client says: ";

/// Connects to a host for each purpose, and tells what came of it. Any answer is one: what it says is for those who may.
#[test]
#[ignore = "not a test: the process that others start as another user"]
fn client() {
    let socket = env::var_os(SOCKET).expect("started by a test");
    for purpose in [b'c', b'd'] {
        // Magic, a protocol of another version, purpose, no token.
        let hello = [b'K', b'T', 0xff, 0xff, purpose, 0, 0];
        let asked = UnixStream::connect(&socket).map(|mut stream| {
            let mut answer = Vec::new();
            // A reset is as good as an end.
            let _ = stream.write_all(&hello);
            let _ = stream.read_to_end(&mut answer);
            answer
        });
        let result = match asked {
            Err(error) => format!("{:?}", error.kind()),
            Ok(answer) if answer.is_empty() => "hung up".into(),
            Ok(_) => "answered".into(),
        };
        println!("\n{SAYS}{result}");
    }
}

/// What the client tells that runs as this user, or as ours.
#[track_caller]
fn ask(client: &Path, user: Option<u32>, socket: &Path) -> [String; 2] {
    let mut command = Command::new(client);
    command
        .args(["--ignored", "--exact", "strangers::client", "--nocapture"])
        .env(SOCKET, socket)
        .current_dir("/");
    if let Some(user) = user {
        // With it go the groups, and the capabilities that ignore modes: capabilities(7).
        command.uid(user).gid(user);
    }
    let output = command.output().expect("the client runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    let said = text.lines().filter_map(|line| line.strip_prefix(SAYS));
    let said: Vec<String> = said.map(str::to_owned).collect();
    said.try_into().expect("it has two purposes")
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A way to the socket of the project's service, from the outside in, with the modes that each must have.
fn way(project: &Project) -> [(PathBuf, u32); 3] {
    let run = project.private().join("run");
    let service = run.join("tester-one");
    let socket = service.join("socket");
    [(run, 0o700), (service, 0o700), (socket, 0o600)]
}

#[test]
fn another_user_is_kept_out_by_modes_and_without_them_by_the_host() {
    let project = Project::of(Fixture::ONE);
    assert_greets(&project, "hello", 1);
    let way = way(&project);
    for (path, mode) in &way {
        let found = fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(found, *mode, "{}", path.display());
    }
    let socket = &way[2].0;
    let client = project.private().join("client");
    fs::copy(env::current_exe().unwrap(), &client).unwrap();
    assert_eq!(ask(&client, None, socket), ["answered", "answered"]);

    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        // Not through a macro, whose output is kept from whoever runs a test that passes.
        let _ = writeln!(
            io::stderr(),
            "only the modes were checked: to be another user as well, this test needs root"
        );
        return;
    }
    set_mode(project.private(), 0o755);
    for (path, _) in &way {
        let refused = ask(&client, Some(STRANGER), socket);
        assert_eq!(refused, ["PermissionDenied"; 2], "at {}", path.display());
        set_mode(path, 0o777);
    }
    assert_eq!(ask(&client, Some(STRANGER), socket), ["hung up"; 2]);
    assert_eq!(ask(&client, None, socket), ["answered"; 2]);

    for (path, mode) in &way {
        set_mode(path, *mode);
    }
    assert_greets(&project, "hello", 2);
}
