//! `cargo kt ssh --server` and `--config`: access to the service for OpenSSH's clients and rsync.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tests::{Fixture, Output, Project, Running, Screen, ServiceProcess, noise, tcp};

/// How long a connection may be silent.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The ssh host name of the fixture's service.
const HOST: &str = "kt-tester-one";

fn up() -> Project {
    let project = Project::of(Fixture::ONE);
    project.run().success();
    project
}

/// Writes a file for `ssh -F`.
fn write_config(project: &Project, text: &str) -> PathBuf {
    let path = project.private().join("ssh_config");
    fs::write(&path, text).expect("/tmp can be written");
    path
}

/// An ssh configuration that needs no running server.
fn config(project: &Project) -> PathBuf {
    let printed = project.kt(["ssh", "--config"]).success();
    write_config(project, &printed.stdout)
}

/// Starts a server, and returns it with its ssh configuration and its port.
fn serve(project: &Project, options: &[&str]) -> (Running, PathBuf, u16) {
    let options = ["ssh", "--server"].iter().chain(options).copied();
    let server = project.spawn_kt(options);
    // The last line of the block.
    server.wait_for("StrictHostKeyChecking yes");
    let line = server.wait_for_error("Serving");
    let (_, port) = line.split_once("127.0.0.1:").expect("it has the address");
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    let port = port.parse().expect("it is a number");
    let shown = server.so_far().stdout;
    let config = write_config(project, &shown);
    (server, config, port)
}

/// A client, such as `ssh -F FILE`.
fn client(program: &str, config: &Path) -> Command {
    let mut command = Command::new(program);
    tests::clean_environment(&mut command);
    command.arg("-F").arg(config);
    command
}

#[track_caller]
fn ssh(config: &Path, arguments: &[&str]) -> Output {
    let mut command = client("ssh", config);
    Running::run_without_input(command.arg(HOST).args(arguments))
}

/// Writes all of a client's input, and returns its stdout.
#[track_caller]
fn with_input(mut command: Command, input: Vec<u8>) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("OpenSSH's client is installed");
    let mut stdin = child.stdin.take().expect("it is piped");
    let feeding = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("it is our child");
    assert!(output.status.success(), "{}", output.status);
    let fed = feeding.join().expect("the feeder does not panic");
    fed.expect("the client takes all");
    output.stdout
}

#[test]
fn ssh_command_behaves_like_exec() {
    let project = Project::of(Fixture::ONE);
    project.kt(["run", "--env", "KEY=worth"]).success();
    let config = config(&project);
    let output = ssh(&config, &["echo out $KEY; echo err >&2; pwd; exit 7"]);
    let output = output.code(7);
    let root = project.root().display();
    assert_eq!(output.stdout, format!("out worth\n{root}\n"));
    // kt adds no line of its own.
    assert_eq!(output.stderr, "err\n");
    ssh(&config, &["kill -TERM $$"]).code(128 + 15);
    let mut cat = client("ssh", &config);
    cat.args([HOST, "cat; echo end"]);
    let sent = b"a line\nand no end".to_vec();
    assert_eq!(with_input(cat, sent), b"a line\nand no endend\n");
    // The worker is unaffected.
    project.run().success().prints("visit 2");
}

#[test]
fn large_transfers_in_both_directions_do_not_deadlock() {
    let project = up();
    let config = config(&project);
    let sent = noise(20_000_000);
    let mut cat = client("ssh", &config);
    cat.args([HOST, "cat"]);
    let came = with_input(cat, sent.clone());
    assert!(came == sent, "{} of {} bytes", came.len(), sent.len());
    // A command that prints many times what it reads: more than the buffers on the way can hold.
    let (lines, letters) = (600_000, 300);
    let mut sed = client("ssh", &config);
    let script = format!("x=$(printf '%{letters}s' ''); exec sed \"s/.*/$x/\"");
    sed.args([HOST, &script]);
    let input = b"0123456789012345678901234567890\n".repeat(lines);
    let came = with_input(sed, input);
    assert_eq!(came.len(), lines * (letters + 1));
}

#[test]
fn ssh_shell_has_the_terminals_size_keys_and_exit_status() {
    let project = up();
    let config = config(&project);
    let mut command = client("ssh", &config);
    command.args(["-tt", HOST, "PS1='kt> ' ENV= exec /bin/sh -i"]);
    let mut screen = Screen::start(command, 80, 24);
    screen.wait_for("kt> ");
    screen.keys("stty size; echo $TERM.\n");
    screen.wait_for("24 80");
    screen.resize(101, 33);
    screen.keys("until [ \"$(stty size)\" = '33 101' ]; do :; done; echo $((40 + 2)) rows\n");
    screen.wait_for("42 rows");
    screen.keys("sh -c 'echo $((100 + 1)) begins; exec sleep 1000'\n");
    screen.wait_for("101 begins");
    screen.keys("\x03");
    screen.wait_for("kt> ");
    screen.keys("exit 7\n");
    let (status, shown) = screen.finish();
    assert_eq!(status.code(), Some(7), "{shown}");
}

#[test]
fn idle_prompt_does_not_keep_the_service() {
    let project = Project::of(Fixture::ONE);
    project.kt(["run", "--inactivity-ttl", "2s"]).success();
    let (server, config, _) = serve(&project, &[]);
    let mut command = client("ssh", &config);
    command.args(["-tt", HOST]);
    let screen = Screen::start(command, 80, 24);
    server
        .finish()
        .code(101)
        .says("error: service `tester-one` stopped, and the connections with it");
    let (status, shown) = screen.finish();
    assert_eq!(status.code(), Some(255), "{shown}");
}

#[test]
fn killed_client_stops_its_command_even_if_it_never_reads() {
    let project = up();
    let (server, config, _) = serve(&project, &[]);
    let zeros = || Stdio::from(File::open("/dev/zero").expect("it exists"));
    for input in [Stdio::null(), zeros()] {
        let mut command = client("ssh", &config);
        command.args([HOST, "echo $$; exec sleep 1000"]);
        command.stdin(input).stdout(Stdio::piped());
        let mut child = command.spawn().expect("OpenSSH's client is installed");
        let mut stdout = child.stdout.take().expect("it is piped");
        let mut pid = String::new();
        loop {
            let mut byte = [0];
            stdout.read_exact(&mut byte).expect("it prints a line");
            match byte[0] {
                b'\n' => break,
                digit => pid.push(char::from(digit)),
            }
        }
        let left = ServiceProcess::open(pid.parse().expect("it is a number"));
        child.kill().expect("it is our child");
        child.wait().expect("it is our child");
        left.assert_exits();
    }
    server.wait_for_error("Disconnected");
    project.run().success().prints("visit 2");
}

#[test]
fn output_of_a_command_that_never_reads_arrives_after_the_input_is_full() {
    let project = up();
    let config = config(&project);
    let go = project.private().join("go");
    let mut command = client("ssh", &config);
    let script = format!(
        "while [ ! -e {} ]; do sleep 0.05; done; for n in 1 2 3; do echo late $n; done; exit 7",
        go.display()
    );
    command.args([HOST, &script]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("OpenSSH's client is installed");
    let mut stdin = child.stdin.take().expect("it is piped");
    let written = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&written);
    // Until the client exits.
    let writing = thread::spawn(move || {
        while stdin.write_all(&[0; 1 << 15]).is_ok() {
            counter.fetch_add(1 << 15, Ordering::Relaxed);
        }
    });
    // All buffers on the way are full.
    let mut last = (0, Instant::now());
    while last.0 == 0 || last.1.elapsed() < Duration::from_secs(1) {
        let now = written.load(Ordering::Relaxed);
        if now != last.0 {
            last = (now, Instant::now());
        }
        thread::yield_now();
    }
    fs::write(&go, "").expect("/tmp can be written");
    let output = child.wait_with_output().expect("it is our child");
    assert_eq!(output.stdout, b"late 1\nlate 2\nlate 3\n");
    assert_eq!(output.status.code(), Some(7));
    writing.join().expect("it does not panic");
}

#[test]
fn scp_sftp_and_rsync_preserve_files_modes_and_times() {
    let project = up();
    let config = config(&project);
    let from = project.private().join("from");
    fs::create_dir_all(from.join("inner")).expect("/tmp can be written");
    fs::write(from.join("inner/large"), noise(20_000_000)).expect("/tmp can be written");
    fs::write(from.join("small"), "small").expect("/tmp can be written");
    let mode = fs::Permissions::from_mode(0o741);
    fs::set_permissions(from.join("small"), mode).expect("it is ours");
    symlink("small", from.join("link")).expect("/tmp can be written");
    let to = |name: &str| project.private().join(name);
    let text = |path: &Path| path.to_str().expect("it is UTF-8").to_owned();
    let there = |path: &Path| format!("{HOST}:{}", path.display());
    let run = |command: &mut Command| Running::run_without_input(command);

    let mut scp = client("scp", &config);
    run(scp.args(["-r", "-p", &text(&from), &there(&to("scp"))])).success();
    let mut scp = client("scp", &config);
    run(scp.args(["-r", "-p", &there(&to("scp")), &text(&to("scp-back"))])).success();
    let remote_shell = format!("ssh -F {}", config.display());
    let mut rsync = Command::new("rsync");
    tests::clean_environment(&mut rsync);
    rsync.args(["-a", "-e", &remote_shell]);
    run(rsync.args([&format!("{}/", text(&from)), &there(&to("rsync"))])).success();
    for copy in ["scp", "scp-back", "rsync"] {
        let copy = to(copy);
        for name in ["inner/large", "small"] {
            let data = |folder: &Path| fs::metadata(folder.join(name)).expect("it exists");
            let facts = |folder: &Path| (data(folder).mode(), data(folder).mtime());
            assert_eq!(facts(&copy), facts(&from), "{name} of {}", copy.display());
            let bytes = |folder: &Path| fs::read(folder.join(name)).expect("it can be read");
            assert!(bytes(&copy) == bytes(&from), "{name} of {}", copy.display());
        }
    }
    let link = fs::read_link(to("rsync").join("link")).expect("it is a symlink");
    assert_eq!(link, Path::new("small"));

    let mut sftp = client("sftp", &config);
    sftp.args(["-b", "-", HOST]);
    let (folder, large) = (to("sftp"), from.join("inner/large"));
    let script = format!(
        "mkdir {folder}\ncd {folder}\npwd\nput -p {large} one\nrename one two\nsymlink two link\nchmod 640 two\n\
         ls -l\ndf\nget two {back}\nrm link\nmkdir inner\nrmdir inner\n-rm missing\nbye\n",
        folder = folder.display(),
        large = large.display(),
        back = to("got").display()
    );
    let printed = String::from_utf8(with_input(sftp, script.into())).expect("it is text");
    assert!(printed.contains(&format!("Remote working directory: {}", folder.display())));
    assert!(printed.contains("-rw-r-----"), "{printed}");
    assert!(fs::read(to("got")).expect("it came") == fs::read(large).expect("it exists"));
    let left: Vec<_> = fs::read_dir(&folder)
        .expect("it exists")
        .flatten()
        .collect();
    assert_eq!(left.len(), 1);
    project.run().success().prints("visit 2");
}

fn free_port() -> u16 {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    free.local_addr().expect("it has an address").port()
}

#[test]
fn ports_are_forwarded_both_ways() {
    let project = up();
    let (server, config, _) = serve(&project, &[]);
    let target = tcp::server();
    for option in ["-L", "-R"] {
        let port = free_port();
        let mut command = client("ssh", &config);
        let forward = format!("{port}:127.0.0.1:{target}");
        // It prints a line once the ports are forwarded, and keeps running.
        command.args(["-o", "ExitOnForwardFailure=yes", option, &forward, HOST]);
        command.arg("echo forwarded; exec sleep 1000");
        let forwarding = Running::start(command);
        forwarding.wait_for("forwarded");
        for length in [0, 1, 5_000_000] {
            tcp::converse(port, length);
        }
        let many: Vec<_> = (0..50)
            .map(|number| thread::spawn(move || tcp::converse(port, number * 1000)))
            .collect();
        for one in many {
            one.join().expect("each is answered");
        }
    }
    // A connection to an unused port is closed and reported.
    let (port, unused) = (free_port(), free_port());
    let mut command = client("ssh", &config);
    command.args(["-L", &format!("{port}:127.0.0.1:{unused}"), HOST]);
    command.arg("echo forwarded; exec sleep 1000");
    let forwarding = Running::start(command);
    forwarding.wait_for("forwarded");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("ssh listens");
    stream
        .set_read_timeout(Some(TIMEOUT))
        .expect("it can be set");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty());
    server.wait_for_error(&format!(
        "failed to connect to 127.0.0.1:{unused} of tester-one"
    ));
    server.interrupt();
    server.finish().success();
}

#[test]
fn only_the_services_client_key_and_host_key_are_accepted() {
    let project = up();
    let (server, config, port) = serve(&project, &[]);
    ssh(&config, &["true"]).success();
    server.wait_for_error("Connected a client from 127.0.0.1:");
    // Its keys are private.
    let folder = project.private().join("home/ssh/tester-one");
    let mode = |path: &Path| fs::metadata(path).expect("it exists").mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for name in ["host_key", "client_key", "known_hosts"] {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
    // Another key, and none at all.
    let other = project.private().join("other_key");
    let mut keygen = Command::new("ssh-keygen");
    keygen
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&other);
    assert!(keygen.status().expect("it is installed").success());
    let text = fs::read_to_string(&config).expect("it was written");
    let own = folder.join("client_key");
    let wrong = text.replace(&own.display().to_string(), &other.display().to_string());
    assert_ne!(wrong, text);
    let wrong = write_config(&project, &wrong);
    ssh(&wrong, &["true"])
        .code(255)
        .says("Permission denied (publickey)");
    ssh(&wrong, &["-o", "PubkeyAuthentication=no", "true"]).code(255);
    server.wait_for_error("it did not authenticate with the service's key");
    // The client refuses another server on that port.
    server.interrupt();
    server.finish().success();
    let known = folder.join("known_hosts");
    let public = fs::read_to_string(other.with_extension("pub")).expect("ssh-keygen wrote it");
    fs::write(&known, format!("{HOST} {public}")).expect("it is ours");
    let (server, config, _) = serve(&project, &[&port.to_string()]);
    ssh(&config, &["true"])
        .code(255)
        .says("REMOTE HOST IDENTIFICATION HAS CHANGED");
    server.interrupt();
    server.finish().success();
    // Keys that others can read are not used.
    fs::set_permissions(&own, fs::Permissions::from_mode(0o644)).expect("it is ours");
    project
        .kt(["ssh", "--config"])
        .code(101)
        .says("error: insecure permissions")
        .says("help: remove its directory");
}

#[test]
fn port_in_use_wrong_options_and_stopped_service_are_errors() {
    let project = up();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = taken.local_addr().expect("it has an address").port();
    project
        .kt(["ssh", "--server", &port.to_string()])
        .code(101)
        .says(&format!(
            "error: failed to listen on local port {port}: port is in use"
        ))
        .says("help: use a free port with `cargo kt ssh --server`");
    project.kt(["ssh", "--server", "--config"]).code(2);
    project.kt(["ssh", "--server", "0", "--", "true"]).code(2);
    let json = project.kt(["ssh", "--config", "--message-format", "json"]);
    let lines = json.success().json();
    assert_eq!(lines[0]["reason"], "kt-ssh-config");
    assert_eq!(lines[0]["host"], HOST);
    let (server, _, _) = serve(&project, &["0"]);
    project.kt(["down", "--all"]).success();
    server
        .finish()
        .code(101)
        .says("error: service `tester-one` stopped, and the connections with it");
}
