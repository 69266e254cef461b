//! A real first stage that receives a real host, as in a pod.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use camino::Utf8PathBuf;
use cargo_kt::{
    context::{Toolchain, Wrappers, find_lld},
    place::{
        Connected,
        kubernetes::stage::{self, HostImage},
    },
};
use kt::{
    host::{HostOptions, Pod},
    wire::limits,
};
use tokio::net::{TcpListener, TcpStream};

use crate::{
    build::id,
    delta::{object, program, reference, ship},
    fixture::User,
};

/// Another target than this machine's, if the kernel runs its programs: `tests/aarch64/run` sets
/// both variables.
const TARGET: &str = "KT_TEST_TARGET";
/// A cargo-kt for that target.
const HOST: &str = "KT_TEST_HOST";

const TOKEN: &[u8] = b"correct horse battery staple";
const TIMEOUT: Duration = Duration::from_secs(60);

/// The target to test, and the cargo-kt that is its host.
fn subject(toolchain: &mut Toolchain) -> PathBuf {
    let Some(target) = std::env::var(TARGET).ok() else {
        return env!("CARGO_BIN_EXE_cargo-kt").into();
    };
    toolchain.target = target;
    std::env::var_os(HOST)
        .expect("KT_TEST_TARGET requires KT_TEST_HOST")
        .into()
}

fn toolchain() -> Toolchain {
    let ask = |arguments: &[&str]| {
        let answer = Command::new("rustc").args(arguments).output().unwrap();
        String::from_utf8(answer.stdout).unwrap().trim().to_owned()
    };
    let version = ask(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.unwrap().to_owned();
    let sysroot = Utf8PathBuf::from(ask(&["--print", "sysroot"]));
    let lld = find_lld(&sysroot, &host, std::env::var_os("PATH").as_deref());
    Toolchain {
        rustc: sysroot.join("bin/rustc"),
        lld: lld.unwrap(),
        sysroot,
        target: host.clone(),
        host,
        version,
        wrappers: Wrappers::default(),
        compiler: None,
    }
}

/// A running first stage, which becomes the host.
struct Stage {
    child: Child,
    port: u16,
}

impl Stage {
    async fn start(user: &User, executable: &[u8]) -> Self {
        let root = user.root();
        let path = root.join("stage");
        fs::write(&path, executable).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let token = root.join("token");
        fs::write(&token, TOKEN).unwrap();
        // The first stage listens on a fixed port.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let child = Command::new(&path)
            .args(["--port", &port.to_string(), "--data"])
            .arg(root)
            .arg("--token")
            .arg(&token)
            .arg("--")
            .args(options(user, &token).arguments())
            .spawn()
            .unwrap();
        Self { child, port }
    }

    async fn connect(&self) -> TcpStream {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            match TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await {
                Ok(stream) => return stream,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn options(user: &User, token: &Path) -> HostOptions {
    HostOptions {
        service: "alice-app".to_owned(),
        directory: directory(user),
        socket: user.root().join("socket"),
        workspace: "/workspace".to_owned(),
        working_directory: user.root().to_owned(),
        inactivity_ttl: Duration::from_secs(600),
        token_file: Some(token.to_owned()),
        body_limit: limits::BODY,
        breakpoint_timeout: limits::BREAKPOINT,
        pod: Some(Pod::default()),
    }
}

fn directory(user: &User) -> PathBuf {
    user.root().join("service")
}

#[tokio::test]
async fn a_first_stage_becomes_the_host_that_it_receives_and_stores_patched_objects() {
    let user = User::new();
    let mut toolchain = toolchain();
    let host = subject(&mut toolchain);
    let image = HostImage::of(&host, &user.dirs).unwrap();
    assert!(toolchain.target.starts_with(&image.architecture));
    let executable = stage::executable(&user.dirs, &toolchain).unwrap();
    let first_stage = Stage::start(&user, &executable).await;

    let mut stream = first_stage.connect().await;
    let refused = stage::enter(&mut stream, b"another token", &image, &mut |_| {}).await;
    assert!(matches!(refused, Err(stage::StageError::Forbidden)));

    let mut stream = first_stage.connect().await;
    let entered = stage::enter(&mut stream, TOKEN, &image, &mut |_| {}).await;
    let entered = entered.unwrap();
    let facts = entered.facts.unwrap();
    assert_eq!(facts.architecture, image.architecture);
    assert_eq!(entered.sent, image.compressed);

    let stream = first_stage.connect().await;
    let connected = Connected::over("alice-app", stream, TOKEN).await;
    let connected = connected.unwrap().unwrap();
    assert_eq!(
        connected.status.platform.architecture, image.architecture,
        "the host reports what it was compiled for"
    );
    let (old, mut new) = (object(1, 1_000_000), object(1, 1_000_000));
    new.splice(400_000..400_010, *b"another string");
    let (first, second) = (program(&user, "one", &old), program(&user, "two", &new));
    let none = Default::default();
    let shipped = ship(&connected.client, &first, &none).await.unwrap();
    assert_eq!((shipped.objects, shipped.patched), (4, 0));
    let references = reference(&new, id(&old), &first.1);
    let shipped = ship(&connected.client, &second, &references).await.unwrap();
    assert_eq!((shipped.objects, shipped.patched), (1, 1));
    assert!(shipped.sent < 200, "{shipped:?}");
    let stored = directory(&user).join("objects").join(id(&new).to_string());
    assert_eq!(fs::read(stored).unwrap(), new);
}
