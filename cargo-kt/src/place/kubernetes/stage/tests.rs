//! The compiled first stage as a process, and the decisions by its facts.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use camino::Utf8PathBuf;
use kt::wire::platform::Glibc;
use tokio::{net::TcpStream, runtime};

use super::{Facts, HostImage, StageError, compile, enter, executable};
use crate::{
    context::{Toolchain, Wrappers, find_lld},
    place::{Dirs, dirs::Environment},
};

fn image() -> HostImage {
    let hash = [0_u8; 32];
    serde_json::from_value(serde_json::json!({
        "format": 1, "path": PathBuf::from("/h"), "hash": hash, "length": 1000, "compressed": 100,
        "architecture": "x86_64", "glibc": [2, 34], "executable": "/e",
    }))
    .unwrap()
}

#[test]
fn facts_say_why_a_host_cannot_run_in_an_image() {
    let good = "stage=1\narch=x86_64\nglibc=2.36\nkernel=6.1\nuid=65532\npage=4096\nfree=5000\n\
                exec=yes\nnew=1\n";
    let facts = Facts::parse(good);
    assert_eq!((facts.glibc, facts.user), (Some(Glibc(2, 36)), Some(65532)));
    facts.check(&image()).unwrap();

    let check = |from: &str, to: &str| {
        let facts = Facts::parse(&good.replace(from, to));
        facts.check(&image()).unwrap_err()
    };
    for none in ["glibc=none", "glibc=none\nloader=musl", "glibc=2.12"] {
        let facts = Facts::parse(&good.replace("glibc=2.36", none));
        facts.check(&image()).unwrap();
        assert!(facts.is_too_old_for(&image()), "{none}");
    }
    let error = check("glibc=2.36", "glibc=none\nloader=aarch64");
    assert!(matches!(error, StageError::OtherImage { theirs, .. } if theirs == "aarch64"));
    assert!(matches!(
        check("arch=x86_64", "arch=aarch64"),
        StageError::OtherMachine { .. }
    ));
    assert!(matches!(
        check("exec=yes", "exec=no"),
        StageError::NotExecutable
    ));
    assert!(matches!(
        check("free=5000", "free=1099"),
        StageError::NoSpace {
            free: 1099,
            needed: 1100
        }
    ));
}

#[test]
fn libraries_are_sent_to_images_with_an_older_glibc_than_the_hosts() {
    let too_old = |glibc: &str| Facts::parse(glibc).is_too_old_for(&image());
    assert!(too_old("glibc=2.31\n"));
    assert!(!too_old("glibc=2.34\n"));
    assert!(!too_old("glibc=2.41\n"));
}

#[test]
fn a_host_for_another_architecture_is_found_next_to_this_executable() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("cargo-kt");
    let error = image().beside(&own, "aarch64").unwrap_err().to_string();
    let expected = folder.path().join("cargo-kt-aarch64-unknown-linux-gnu");
    assert!(error.contains("--target aarch64"), "{error}");
    // The pod's facts are compared with the file's own architecture, not with its name.
    std::fs::copy("/proc/self/exe", &expected).unwrap();
    let mut image = image();
    image.path = folder.path().join("cache/host.zst");
    let found = image.beside(&own, "aarch64").unwrap();
    assert_eq!(found.architecture, std::env::consts::ARCH);
    let facts = Facts::parse("arch=aarch64\nglibc=2.36\nfree=50000000000\n");
    assert!(matches!(
        facts.check(&found),
        Err(StageError::OtherMachine { .. })
    ));
}

#[test]
fn all_files_of_the_first_stage_are_embedded() {
    fn add(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            match entry.file_type().unwrap().is_dir() {
                true => add(&entry.path(), &format!("{name}/"), found),
                false => _ = found.insert(name),
            }
        }
    }
    let mut found = BTreeSet::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("first-stage/src");
    add(&sources, "", &mut found);
    found.remove("tests.rs");
    let embedded = compile::SOURCES.iter().map(|(name, _)| (*name).to_owned());
    assert_eq!(found, embedded.collect());
}

fn toolchain() -> Toolchain {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let print = |argument: &str| {
        let output = Command::new(&rustc).arg(argument).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let target = print("--print=host-tuple");
    let sysroot = Utf8PathBuf::from(print("--print=sysroot"));
    let path = std::env::var_os("PATH");
    Toolchain {
        lld: find_lld(&sysroot, &target, path.as_deref()).unwrap(),
        sysroot,
        host: target.clone(),
        target,
        version: print("-vV"),
        rustc: rustc.into(),
        wrappers: Wrappers::default(),
        compiler: None,
    }
}

/// A first stage that runs on this machine.
struct Running {
    process: Child,
    port: u16,
}

impl Running {
    fn start(folder: &Path, program: &Path) -> Self {
        let (token, data) = (folder.join("token"), folder.join("data"));
        fs::write(&token, "secret\n").unwrap();
        fs::create_dir_all(&data).unwrap();
        let process = Command::new(program)
            .args(["--port", "0"])
            .arg("--data")
            .arg(data)
            .arg("--token")
            .arg(token)
            .args(["--", "--argument"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let port = loop {
            match listening_port(process.id()) {
                Some(port) => break port,
                None => assert!(Instant::now() < deadline, "it does not listen"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        Self { process, port }
    }

    async fn enter(&self, token: &[u8], host: &HostImage) -> StageError {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        enter(&mut stream, token, host, &mut |_| ())
            .await
            .unwrap_err()
    }
}

/// The port that the kernel chose for a process's listener: `proc_pid_net(5)`.
fn listening_port(process: u32) -> Option<u16> {
    const LISTEN: &str = "0A";
    let files = fs::read_dir(format!("/proc/{process}/fd")).ok()?;
    let links: Vec<_> = files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok())
        .collect();
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    table.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let socket = PathBuf::from(format!("socket:[{inode}]"));
        let is_listener = *state == LISTEN && links.contains(&socket);
        let (_, port) = local.split_once(':').filter(|_| is_listener)?;
        u16::from_str_radix(port, 16).ok()
    })
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The host is a script that exits. The cluster's tests send the real one, which is `cargo-kt`.
#[test]
fn bare_rustc_compiles_a_program_that_receives_a_host_and_executes_it() {
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment {
        kt_runtime_dir: Some(folder.path().join("run")),
        kt_home: Some(folder.path().join("home")),
        uid: rustix::process::geteuid().as_raw(),
        ..Environment::default()
    };
    let dirs = Dirs::resolve(&environment).unwrap();
    let toolchain = toolchain();
    let compiled = executable(&dirs, &toolchain).unwrap();
    // A ConfigMap holds 1 MiB.
    assert!(compiled.len() < 100_000, "{} bytes", compiled.len());
    let cached = Toolchain {
        rustc: "/does/not/exist".into(),
        ..toolchain
    };
    assert_eq!(executable(&dirs, &cached).unwrap(), compiled);
    let mut files = fs::read_dir(dirs.cache.join("stage")).unwrap();
    let cached_file = files.next().unwrap().unwrap().path();

    let content = b"#!/bin/sh\necho \"$0 $*\" >&2\nexit 1\n";
    let compressed = zstd::bulk::compress(content, 3).unwrap();
    let mut host = image();
    host.path = folder.path().join("host.zst");
    host.hash = blake3::hash(content).into();
    (host.length, host.compressed) = (content.len() as u64, compressed.len() as u64);
    host.architecture = std::env::consts::ARCH.to_owned();
    host.glibc = None;
    fs::write(&host.path, compressed).unwrap();

    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let running = Running::start(folder.path(), &cached_file);
    let error = runtime.block_on(running.enter(b"guess", &host));
    assert!(matches!(error, StageError::Forbidden), "{error}");
    let mut corrupt = host.clone();
    corrupt.hash = [7; 32];
    let error = runtime.block_on(running.enter(b"secret", &corrupt));
    assert!(error.to_string().contains("its hash differs"), "{error}");
    let error = runtime.block_on(running.enter(b"secret", &host));
    assert!(matches!(error, StageError::HostStart { .. }), "{error}");
    let data = folder.path().join("data");
    let id = fs::read_to_string(data.join("host.id")).unwrap();
    assert_eq!(id, blake3::hash(content).to_hex().as_str());
    let mut running = running;
    let mut stderr = running.process.stderr.take().unwrap();
    let printed = std::io::read_to_string(&mut stderr).unwrap();
    let host = data.join("host");
    let expected = format!("{} host --argument --listener-fd ", host.display());
    assert!(printed.starts_with(&expected), "{printed}");
    assert!(printed.contains(" --connection-fd "), "{printed}");
}
