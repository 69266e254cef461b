//! The tool itself, built from this checkout.

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
        .expect("the package lies in its workspace")
}

/// The directory that holds `cargo-kt`, built as the alias in `.cargo/config.toml` builds it. cargo's own lock keeps several
/// test binaries apart, and its freshness makes every call but the first a short one.
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
            .expect("an executable lies in a directory")
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

/// Takes out what `cargo test` and a developer's shell have put in, so that commands see what they would in a fresh shell.
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
