//! Small programs in the form that *build* produces, compiled by the rustc that compiles kt.

use std::fmt::Write as _;
use std::process::Command;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};

use crate::artifacts::{
    BaseCrate, Compiled, CompiledProgram, HotCrate, Invocation, NativeLibraries,
};
use crate::context::{Toolchain, Wrappers};
use crate::layout::{LayoutRequest, StateLayout, begin};

/// A program of two hot crates: `fixture`, which has the states, and its dependency `dep`.
pub struct Fixture {
    pub directory: tempfile::TempDir,
    pub compiled: Compiled,
    pub keys: Vec<String>,
}

fn rustc() -> String {
    std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned())
}

fn rustc_version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let output = Command::new(rustc())
            .arg("-vV")
            .output()
            .expect("rustc runs");
        String::from_utf8(output.stdout).expect("rustc's version is text")
    })
}

impl Fixture {
    /// `states` are the keys of the states in `fixture`.
    pub fn new(fixture: &str, dep: &str, states: &[&str]) -> Self {
        Self::in_profile("", fixture, dep, states)
    }

    /// `profile` are arguments that cargo would add for all crates.
    pub fn in_profile(profile: &str, fixture: &str, dep: &str, states: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = Utf8Path::from_path(directory.path())
            .expect("its path is text")
            .to_owned();
        let hot = vec![
            crate_at(&root, "dep", profile, dep, &[]),
            crate_at(&root, "fixture", profile, fixture, &["dep"]),
        ];
        let compiled = Compiled {
            toolchain: Toolchain {
                rustc: rustc().into(),
                sysroot: "/".into(),
                target: "x86_64-unknown-linux-gnu".to_owned(),
                host: "x86_64-unknown-linux-gnu".to_owned(),
                lld: "/".into(),
                version: rustc_version().to_owned(),
                wrappers: Wrappers::default(),
                compiler: None,
            },
            profile: "dev".to_owned(),
            base: Vec::new(),
            hot,
            script_environment: Vec::new(),
            shared_libraries: Vec::new(),
            unused_link_arguments: Vec::new(),
            native: NativeLibraries::default(),
            program: CompiledProgram::Library,
        };
        let fixture = Self {
            directory,
            compiled,
            keys: states.iter().map(|key| (*key).to_owned()).collect(),
        };
        fixture.compile(0);
        fixture
    }

    /// Compiles the crate's rlib, as cargo would.
    pub fn compile(&self, hot: usize) {
        let invocation = self.compiled.hot[hot]
            .invocation
            .as_ref()
            .expect("a fixture's crate has an invocation");
        let output = Command::new(&invocation.arguments[0])
            .args(&invocation.arguments[1..])
            .current_dir(&invocation.directory)
            .output()
            .expect("rustc runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    pub fn source(&self, hot: usize) -> Utf8PathBuf {
        self.compiled.hot[hot].sources[0].clone()
    }

    pub fn edit(&self, hot: usize, edit: impl FnOnce(String) -> String) {
        let path = self.source(hot);
        let text = std::fs::read_to_string(&path).expect("the source can be read");
        std::fs::write(&path, edit(text)).expect("the source can be written");
    }

    pub fn add_argument(&mut self, argument: &str) {
        let invocation = self.compiled.hot[1]
            .invocation
            .as_mut()
            .expect("a fixture's crate has an invocation");
        invocation
            .arguments
            .extend(argument.split(' ').map(str::to_owned));
    }

    pub fn add_base(&mut self, names: &[&str]) {
        self.compiled
            .base
            .extend(names.iter().enumerate().map(|(number, name)| BaseCrate {
                package: (*name).to_owned(),
                version: format!("{number}.0.0"),
                rlib: format!("/base/lib{name}-{number:016x}.rlib").into(),
            }));
    }

    /// `dep` becomes a base crate, and rustc gives the types of each generation their own identity.
    pub fn with_dep_in_the_base(mut self) -> Self {
        self.compiled.hot.remove(0);
        self.compiled.hot[0].dependencies.clear();
        self.compiled.hot[0].types = Some("first".to_owned());
        self.add_base(&["dep"]);
        self
    }

    /// The layouts of all states, and whether a type probe was needed.
    pub fn layouts(&self) -> (Vec<StateLayout>, bool) {
        let states = [(self.compiled.hot.len() - 1, self.keys.clone())];
        let kt_dir = Utf8Path::from_path(self.directory.path())
            .expect("its path is text")
            .join("kt_dir");
        let request = LayoutRequest {
            compiled: &self.compiled,
            states: &states,
            keeps: &[],
            base_id: "base",
            kt_dir: &kt_dir,
        };
        let pending = begin(request).expect("the sources can be read");
        let has_type_probes = pending.has_type_probes();
        (pending.finish(), has_type_probes)
    }
}

fn crate_at(
    root: &Utf8Path,
    name: &str,
    profile: &str,
    source: &str,
    dependencies: &[&str],
) -> HotCrate {
    let path = root.join(format!("{name}.rs"));
    std::fs::write(&path, source).expect("the source can be written");
    let mut arguments = format!(
        "{} --crate-name {name} --edition=2024 {path} --error-format=json --crate-type lib \
         --emit=dep-info,metadata,link -C embed-bitcode=no -C debuginfo=line-tables-only -C metadata=feed \
         -C extra-filename=-feed --out-dir {root} -C incremental={root}/incremental -L dependency={root} {profile}",
        rustc()
    );
    for dependency in dependencies {
        write!(
            arguments,
            " --extern {dependency}={root}/lib{dependency}-feed.rmeta"
        )
        .expect("a string takes it");
    }
    HotCrate {
        types: None,
        package: name.to_owned(),
        version: "0.1.0".to_owned(),
        crate_name: name.to_owned(),
        rlib: root.join(format!("lib{name}-feed.rlib")),
        dependencies: if dependencies.is_empty() {
            Vec::new()
        } else {
            vec![0]
        },
        sources_hash: String::new(),
        variables: Vec::new(),
        sources: vec![path],
        invocation: Some(Invocation {
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
            environment: vec![("CARGO_PKG_NAME".to_owned(), name.to_owned())],
            directory: root.to_owned(),
        }),
    }
}
