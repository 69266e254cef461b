//! The workspaces in `fixtures/` and how they are copied.

use std::{fs, io, path::Path, process::Command};

use crate::{
    cargo_kt::{cargo_kt, checkout, clean_environment},
    copy,
};

/// A workspace to copy and edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fixture {
    name: &'static str,
    /// Fixtures with the same dependencies share their compiled artifacts.
    pub(crate) slot: &'static str,
    /// The cargo command that compiles the dependencies beforehand.
    pub(crate) build: &'static [&'static str],
    pub(crate) packages: &'static [&'static str],
    /// Variables of every command in the fixture.
    pub(crate) environment: &'static [(&'static str, &'static str)],
}

impl Fixture {
    /// One remote function and one state.
    pub const ONE: Self = Self {
        name: "one",
        slot: "small",
        build: &["build"],
        packages: &["one"],
        environment: &[],
    };
    /// A driver with a command for every kind of call.
    pub const CALLS: Self = Self {
        name: "calls",
        packages: &["calls"],
        ..Self::ONE
    };
    /// A driver that queries its pod.
    pub const POD: Self = Self {
        name: "pod",
        packages: &["pod"],
        ..Self::ONE
    };
    /// Calls that stop at breakpoints.
    pub const DEBUGGER: Self = Self {
        name: "debugger",
        packages: &["debugger", "below"],
        ..Self::ONE
    };
    /// Calls that compute, park their thread, or wait.
    pub const STACKS: Self = Self {
        name: "stacks",
        packages: &["stacks"],
        ..Self::ONE
    };
    /// States of every kind.
    pub const STATE: Self = Self {
        name: "state",
        slot: "state",
        packages: &["state"],
        ..Self::ONE
    };
    /// States in cells of other crates.
    pub const CELLS: Self = Self {
        name: "cells",
        slot: "cells",
        packages: &["cells"],
        ..Self::ONE
    };
    /// Ten libraries and a binary.
    pub const WORKSPACE: Self = Self {
        name: "workspace",
        slot: "workspace",
        build: &["build"],
        packages: &[
            "report",
            "units",
            "derive-name",
            "checksum",
            "shapes",
            "ledger",
            "crowd",
            "ticker",
            "limits",
            "catalog",
            "shop",
        ],
        environment: &[],
    };
    /// The same in cargo's newer layout of the build directory, and with rlibs without metadata.
    /// cargo before 1.100 has them on request only, and a stable toolchain requires the first
    /// variable. The last two are one setting under its names before and since cargo 1.98.
    pub const WORKSPACE_BY_UNIT: Self = Self {
        slot: "workspace-by-unit",
        environment: &[
            ("RUSTC_BOOTSTRAP", "1"),
            ("CARGO_UNSTABLE_BUILD_DIR_NEW_LAYOUT", "true"),
            ("CARGO_UNSTABLE_NO_EMBED_METADATA", "true"),
            ("CARGO_UNSTABLE_EMBED_METADATA", "false"),
        ],
        ..Self::WORKSPACE
    };
    /// The same, compiled with `--release`.
    pub const WORKSPACE_BY_UNIT_RELEASE: Self = Self {
        slot: "workspace-by-unit-release",
        build: &["build", "--release"],
        ..Self::WORKSPACE_BY_UNIT
    };
    /// The same, compiled with `--release`.
    pub const WORKSPACE_RELEASE: Self = Self {
        slot: "workspace-release",
        build: &["build", "--release"],
        ..Self::WORKSPACE
    };
    /// A program for the suite of mutations, which generates most of it.
    pub const MUTATIONS: Self = Self {
        name: "mutations",
        slot: "mutations",
        build: &["build"],
        packages: &["app", "unedited"],
        environment: &[],
    };
    /// The same, compiled with `--release`.
    pub const MUTATIONS_RELEASE: Self = Self {
        slot: "mutations-release",
        build: &["build", "--release"],
        ..Self::MUTATIONS
    };
    /// Crates that register items with each other when they are loaded.
    pub const REGISTRIES: Self = Self {
        name: "registries",
        slot: "registries",
        build: &["build"],
        packages: &["app", "more", "plugs"],
        environment: &[],
    };
    /// The same, compiled with `--release`.
    pub const REGISTRIES_RELEASE: Self = Self {
        slot: "registries-release",
        build: &["build", "--release"],
        ..Self::REGISTRIES
    };
    /// A program whose states each test defines.
    pub const EDGE_CASES: Self = Self {
        name: "edge_cases",
        packages: &["edge_cases", "below"],
        ..Self::ONE
    };
    /// States with memory of a type that only code in other crates knows.
    pub const ERASED: Self = Self {
        name: "erased",
        slot: "erased",
        packages: &["erased"],
        ..Self::ONE
    };
    /// A workspace with real dependencies: tensors, an ECS, a database, a web server, registries,
    /// caches.
    pub const CRATES: Self = Self {
        name: "crates",
        slot: "crates",
        build: &["build"],
        packages: &["models", "world", "store", "web", "shapes", "caches", "app"],
        environment: &[],
    };
    /// Functions that run at the worker's start, with dependencies that are set up once per
    /// process.
    pub const START: Self = Self {
        name: "start",
        slot: "start",
        packages: &["app", "below"],
        ..Self::ONE
    };
    /// The demos in `examples/`, in a separate workspace.
    pub const DEMOS: Self = Self {
        name: "examples",
        slot: "demos",
        build: &["build", "--example", "hot_reload"],
        packages: &["examples"],
        environment: &[],
    };

    /// Copies the sources to `to`, with paths to this checkout's kt-runtime.
    pub(crate) fn sources(self, to: &Path) {
        let runtime = checkout().join("kt-runtime").display().to_string();
        let rewrite =
            |path: &Path, text: String| match path.file_name().and_then(|name| name.to_str()) {
                Some("Cargo.toml") => text.replace("../../../kt-runtime", &runtime),
                _ => text,
            };
        let copied = if self == Self::DEMOS {
            demos(to)
        } else {
            copy::refresh(
                &checkout().join("tests/fixtures").join(self.name),
                to,
                &rewrite,
            )
        };
        copied
            .unwrap_or_else(|error| panic!("the fixture {} cannot be copied: {error}", self.name));
    }
}

/// Copies `examples/` into a workspace with that single member.
fn demos(to: &Path) -> io::Result<()> {
    let whole = fs::read_to_string(checkout().join("Cargo.toml"))?;
    let (head, rest) = whole
        .split_once("members = [")
        .expect("the workspace has members");
    let (_, rest) = rest.split_once(']').expect("the list ends");
    let checkout_path = checkout().display();
    let manifest = format!("{head}members = [\"examples\"]{rest}")
        .replace("path = \"", &format!("path = \"{checkout_path}/"));
    fs::create_dir_all(to)?;
    fs::write(to.join("Cargo.toml"), manifest)?;
    fs::copy(checkout().join("Cargo.lock"), to.join("Cargo.lock"))?;
    copy::refresh(
        &checkout().join("examples"),
        &to.join("examples"),
        &|_, text| text,
    )
}

/// A cargo command in a project, with the directories of its services in `private`.
pub(crate) fn command(project: &Path, private: &Path) -> Command {
    let mut command = Command::new("cargo");
    clean_environment(&mut command);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", cargo_kt().display()));
    command
        .env("KT_RUNTIME_DIR", private.join("run"))
        .env("KT_HOME", private.join("home"))
        .env("USER", "tester");
    command.env_remove("CARGO_TARGET_DIR").current_dir(project);
    command
}
