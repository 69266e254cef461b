//! Builds `cargo-kt` from this checkout.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// The root of this repository.
pub fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is in its workspace")
}

/// The directory of `cargo-kt`, built as the alias in `.cargo/config.toml` builds it. cargo's lock
/// synchronizes test binaries, and every call but the first finds the executable up to date.
pub fn cargo_kt() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let mut build = Command::new("cargo");
        build.args([
            "build",
            "--quiet",
            "--package",
            "kt-cli",
            "--bin",
            "cargo-kt",
        ]);
        build.arg("--message-format=json-render-diagnostics");
        clean_environment(&mut build);
        let output = build
            .current_dir(checkout())
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "cargo-kt does not build");
        let executable = executables(&output.stdout)
            .pop()
            .expect("cargo names the executable");
        executable
            .parent()
            .expect("an executable is in a directory")
            .to_owned()
    })
}

fn executables(messages: &[u8]) -> Vec<PathBuf> {
    let messages = serde_json::Deserializer::from_slice(messages).into_iter::<serde_json::Value>();
    let executables = messages.filter_map(|message| {
        let message = message.expect("cargo writes JSON");
        message["executable"].as_str().map(PathBuf::from)
    });
    executables.collect()
}

/// Removes variables of `cargo test` and of the developer's shell, so that commands see a fresh
/// shell's environment.
pub fn clean_environment(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let ours = text.starts_with("CARGO")
            && !matches!(&*text, "CARGO_HOME" | "CARGO_TARGET_DIR")
            || text.starts_with("KT_")
            || text.starts_with("RUST_")
            || matches!(
                &*text,
                "RUSTC" | "RUSTFLAGS" | "LD_LIBRARY_PATH" | "INSTA_UPDATE" | "CI"
            );
        if ours {
            command.env_remove(&name);
        }
    }
    command.env("CARGO_TERM_COLOR", "never");
}
