//! The fixture workspace, copied so that a test can edit it, and its build in the form that *build*
//! produces.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

use camino::{Utf8Path, Utf8PathBuf};
use cargo_kt::{
    artifacts::{BaseCrate, Compiled, CompiledProgram, HotCrate, LinkLine, NativeLibraries},
    context::{Toolchain, Wrappers, find_lld},
    layout::LayoutError,
    link::{ExistingLayer, LinkEvent, Linked, LinkedLayer, StateKeys, link},
};
use cargo_metadata::{CrateType, Message};

pub const HOST: &str = if cfg!(target_arch = "x86_64") {
    "x86_64-unknown-linux-gnu"
} else {
    "aarch64-unknown-linux-gnu"
};

/// Copies of the workspace share a target directory and overwrite each other's rlibs, so tests run
/// one at a time.
static TARGET: Mutex<()> = Mutex::new(());

/// Returns no layouts: the fixture has no states.
pub fn without_states(
    _: &Compiled,
    _: &[LinkedLayer],
    _: &[(usize, Vec<String>)],
    _: &[String],
) -> Result<StateKeys, LayoutError> {
    Ok(StateKeys::new())
}

pub struct Program {
    root: Utf8PathBuf,
    _target: MutexGuard<'static, ()>,
}

impl Program {
    /// Creates a new copy with its own name. All copies share one target directory, so third-party
    /// crates are compiled once.
    pub fn new(name: &str) -> Self {
        let target = TARGET.lock().unwrap_or_else(PoisonError::into_inner);
        let root = Utf8Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("link")
            .join(name);
        let _ = fs::remove_dir_all(&root);
        copy(
            &Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/link/fixture"),
            &root.join("source"),
        );
        Self {
            root,
            _target: target,
        }
    }

    pub fn kt_dir(&self) -> Utf8PathBuf {
        self.root.join("kt")
    }

    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.root.join("source").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// Links. Also returns the names of the files that were linked.
    pub fn link(&self, compiled: &Compiled, existing: &[ExistingLayer]) -> (Linked, Vec<String>) {
        let names = RefCell::new(Vec::new());
        let linked = link(
            compiled,
            &self.kt_dir(),
            existing,
            None,
            &without_states,
            &|event| match event {
                LinkEvent::Base { .. } => names.borrow_mut().push("base".to_owned()),
                LinkEvent::Launcher { .. } => names.borrow_mut().push("launcher".to_owned()),
                LinkEvent::Executable { .. } => names.borrow_mut().push("executable".to_owned()),
                LinkEvent::Object { crate_name, .. } => names.borrow_mut().push(crate_name),
                _ => {}
            },
        );
        (
            linked.unwrap_or_else(|error| panic!("{error}")),
            names.into_inner(),
        )
    }

    /// Builds the library of `package`, with these packages hot (name, indices of hot
    /// dependencies).
    pub fn compile(&self, package: &str, hot: &[(&str, &[usize])]) -> Compiled {
        self.build(
            &["build", "-p", package, "--lib"],
            &[],
            hot,
            CompiledProgram::Library,
        )
    }

    /// Builds a bin. Its linker records the link line and copies the objects, which rustc would
    /// delete.
    pub fn compile_executable(
        &self,
        package: &str,
        bin: &str,
        hot: &[(&str, &[usize])],
    ) -> Compiled {
        let recorded = self.root.join("recorded");
        fs::create_dir_all(&recorded).unwrap();
        let linker = recorded.join("linker");
        let script = format!(
            "#!/bin/sh\nout=\nlast=\n: > {recorded}/arguments\nfor a; do\n  case $a in *.o) cp $a {recorded}/;; esac\n  \
             printf '%s\\n' \"$a\" >> {recorded}/arguments\n  [ \"$last\" = -o ] && : > \"$a\"\n  last=$a\ndone\n"
        );
        fs::write(&linker, script).unwrap();
        fs::set_permissions(&linker, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut compiled = self.build(
            &["rustc", "-p", package, "--bin", bin],
            &["--", &format!("-Clinker={linker}")],
            hot,
            CompiledProgram::Library,
        );
        let arguments = fs::read_to_string(recorded.join("arguments")).unwrap();
        let (objects, arguments): (Vec<_>, Vec<_>) = arguments
            .lines()
            .partition(|argument| argument.ends_with(".o"));
        compiled.program = CompiledProgram::Executable {
            link_line: LinkLine {
                objects: objects
                    .iter()
                    .map(|object| recorded.join(Utf8Path::new(object).file_name().unwrap()))
                    .collect(),
                arguments: arguments.into_iter().map(str::to_owned).collect(),
            },
        };
        compiled
    }

    fn build(
        &self,
        command: &[&str],
        after: &[&str],
        hot: &[(&str, &[usize])],
        program: CompiledProgram,
    ) -> Compiled {
        let toolchain = toolchain();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(command).args([
            "--locked",
            "--target",
            &toolchain.target,
            "--message-format=json-render-diagnostics",
        ]);
        cargo
            .arg("--target-dir")
            .arg(Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("link/target"))
            .args(after);
        cargo
            .env("CARGO_PROFILE_DEV_PANIC", "unwind")
            .env_remove("RUSTFLAGS")
            .current_dir(self.root.join("source"));
        let built = cargo.output().unwrap();
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );

        let mut native = NativeLibraries::default();
        let mut rlibs = BTreeMap::new();
        for message in Message::parse_stream(built.stdout.as_slice()) {
            match message.unwrap() {
                Message::CompilerArtifact(artifact) => {
                    let is_library = artifact
                        .target
                        .crate_types
                        .iter()
                        .any(|kind| matches!(kind, CrateType::Lib | CrateType::RLib));
                    let rlib = artifact
                        .filenames
                        .iter()
                        .find(|file| file.extension() == Some("rlib"));
                    let Some(rlib) =
                        rlib.filter(|rlib| is_library && rlib.as_str().contains(&toolchain.target))
                    else {
                        continue;
                    };
                    let (package, version) = parse_id(&artifact.package_id.repr);
                    rlibs.insert(
                        (package, version, rlib.clone()),
                        artifact.target.name.replace('-', "_"),
                    );
                }
                Message::BuildScriptExecuted(script)
                    if script.out_dir.as_str().contains(&toolchain.target) =>
                {
                    native
                        .libraries
                        .extend(script.linked_libs.iter().map(Utf8PathBuf::to_string));
                    native
                        .search_paths
                        .extend(script.linked_paths.iter().map(Utf8PathBuf::to_string));
                }
                _ => {}
            }
        }
        let is_hot = |package: &str| hot.iter().any(|(name, _)| *name == package);
        let base = rlibs.keys().filter(|(package, ..)| !is_hot(package));
        let base = base.map(|(package, version, rlib)| BaseCrate {
            package: package.clone(),
            version: version.clone(),
            rlib: rlib.clone(),
        });
        let hot_crate = |(name, dependencies): &(&str, &[usize])| {
            let ((package, version, rlib), crate_name) = rlibs
                .iter()
                .find(|((package, ..), _)| package == name)
                .unwrap();
            HotCrate {
                types: None,
                package: package.clone(),
                version: version.clone(),
                crate_name: crate_name.clone(),
                rlib: rlib.clone(),
                dependencies: dependencies.to_vec(),
                sources_hash: String::new(),
                variables: Vec::new(),
                sources: Vec::new(),
                invocation: None,
            }
        };
        Compiled {
            profile: "dev".to_owned(),
            base: base.collect(),
            hot: hot.iter().map(hot_crate).collect(),
            script_environment: Vec::new(),
            shared_libraries: Vec::new(),
            unused_link_arguments: Vec::new(),
            native,
            program,
            toolchain,
        }
    }
}

/// `path+file:///x/app#0.1.0`, `registry+https://…#itoa@1.0.0` → package and version (the Cargo
/// book, package ID specifications).
fn parse_id(id: &str) -> (String, String) {
    let (source, fragment) = id.rsplit_once('#').unwrap();
    match fragment.split_once('@') {
        Some((name, version)) => (name.to_owned(), version.to_owned()),
        None => (
            source.rsplit('/').next().unwrap().to_owned(),
            fragment.to_owned(),
        ),
    }
}

fn toolchain() -> Toolchain {
    let ask = |arguments: &[&str]| {
        let answer = Command::new("rustc").args(arguments).output().unwrap();
        String::from_utf8(answer.stdout).unwrap().trim().to_owned()
    };
    let sysroot = Utf8PathBuf::from(ask(&["--print=sysroot"]));
    let path = std::env::var_os("PATH");
    Toolchain {
        rustc: sysroot.join("bin/rustc"),
        lld: find_lld(&sysroot, HOST, path.as_deref()).unwrap(),
        sysroot,
        target: HOST.to_owned(),
        host: HOST.to_owned(),
        version: ask(&["-vV"]),
        wrappers: Wrappers::default(),
        compiler: None,
    }
}

fn copy(from: &Utf8Path, to: &Utf8Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}
