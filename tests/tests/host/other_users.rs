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

/// The kernel's default overflow uid, in `/proc/sys/kernel/overflowuid`.
const OTHER_USER: u32 = 65534;
/// The variable that names the socket to [`client`].
const SOCKET: &str = "TEST_SOCKET";
const RESULT: &str = "client result: ";

/// Connects to a host for each purpose, and prints the outcome. Any bytes count as an answer.
#[test]
#[ignore = "not a test: other tests run it as another user"]
fn client() {
    let socket = env::var_os(SOCKET).expect("started by a test");
    for purpose in [b'c', b'd'] {
        // Magic, a protocol of another version, purpose, no token.
        let hello = [b'K', b'T', 0xff, 0xff, purpose, 0, 0];
        let asked = UnixStream::connect(&socket).map(|mut stream| {
            let mut answer = Vec::new();
            // A reset counts as end of file.
            let _ = stream.write_all(&hello);
            let _ = stream.read_to_end(&mut answer);
            answer
        });
        let result = match asked {
            Err(error) => format!("{:?}", error.kind()),
            Ok(answer) if answer.is_empty() => "hung up".into(),
            Ok(_) => "answered".into(),
        };
        println!("\n{RESULT}{result}");
    }
}

/// The outcomes of a client that runs as this user, or as the current one.
#[track_caller]
fn ask(client: &Path, user: Option<u32>, socket: &Path) -> [String; 2] {
    let mut command = Command::new(client);
    command
        .args(["--ignored", "--exact", "other_users::client", "--nocapture"])
        .env(SOCKET, socket)
        .current_dir("/");
    if let Some(user) = user {
        // It drops the groups too, and the capabilities that bypass modes: capabilities(7).
        command.uid(user).gid(user);
    }
    let output = command.output().expect("the client runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    let results = text.lines().filter_map(|line| line.strip_prefix(RESULT));
    let results: Vec<String> = results.map(str::to_owned).collect();
    results.try_into().expect("it has two purposes")
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The directories and the socket of the project's service, with the mode that each must have.
fn socket_path(project: &Project) -> [(PathBuf, u32); 3] {
    let run = project.private().join("run");
    let service = run.join("tester-one");
    let socket = service.join("socket");
    [(run, 0o700), (service, 0o700), (socket, 0o600)]
}

#[test]
fn other_users_are_refused_by_modes_and_by_the_host() {
    let project = Project::of(Fixture::ONE);
    assert_greets(&project, "hello", 1);
    let socket_path = socket_path(&project);
    for (path, mode) in &socket_path {
        let found = fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(found, *mode, "{}", path.display());
    }
    let socket = &socket_path[2].0;
    let client = project.private().join("client");
    fs::copy(env::current_exe().unwrap(), &client).unwrap();
    assert_eq!(ask(&client, None, socket), ["answered", "answered"]);

    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        // Not `eprintln!`, whose output libtest hides for passing tests.
        let _ = writeln!(
            io::stderr(),
            "only the modes were checked: running as another user requires root"
        );
        return;
    }
    set_mode(project.private(), 0o755);
    for (path, _) in &socket_path {
        let refused = ask(&client, Some(OTHER_USER), socket);
        assert_eq!(refused, ["PermissionDenied"; 2], "at {}", path.display());
        set_mode(path, 0o777);
    }
    assert_eq!(ask(&client, Some(OTHER_USER), socket), ["hung up"; 2]);
    assert_eq!(ask(&client, None, socket), ["answered"; 2]);

    for (path, mode) in &socket_path {
        set_mode(path, *mode);
    }
    assert_greets(&project, "hello", 2);
}
