//! Checks the toolchain: rustc, its linker, and the C compiler.

use std::{
    env,
    io::ErrorKind,
    process::{Command, Stdio},
};

use camino::Utf8Path;

use super::check::{Check, Need};
use crate::context::find_lld;

/// The oldest rustc that kt supports: its own `rust-version`.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

pub(super) fn checks() -> Vec<Check> {
    let rustc = output("rustc", &["-vV"]);
    let mut checks = vec![rustc_check(&rustc), cargo(&output("cargo", &["-V"]))];
    let sysroot = output("rustc", &["--print", "sysroot"]);
    if let (Ok(rustc), Ok(sysroot)) = (&rustc, &sysroot) {
        let host = field(rustc, "host: ").unwrap_or_default();
        checks.push(linker(Utf8Path::new(sysroot.trim()), host));
    }
    checks.push(compiler(&output("cc", &["--version"])));
    checks
}

/// The stdout of a program, or why it failed.
pub(super) fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let first = stderr.lines().next().unwrap_or_default();
            Err(format!("`{program}` failed ({}): {first}", output.status))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(format!("`{program}` not found in PATH"))
        }
        Err(error) => Err(format!("failed to execute `{program}`: {error}")),
    }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))
}

fn rustc_check(output_text: &Result<String, String>) -> Check {
    let (need, name) = (Need::Local, "rustc");
    let output_text = match output_text {
        Ok(output_text) => output_text,
        Err(why) => return Check::error(need, name, why, "install Rust: https://rustup.rs"),
    };
    let release = field(output_text, "release: ").unwrap_or_default();
    let host = field(output_text, "host: ").unwrap_or_default();
    let found = format!("{release} for {host}");
    if version(release) < version(OLDEST) {
        let help = format!("kt requires {OLDEST} or newer: run `rustup update`");
        return Check::error(need, name, found, help);
    }
    match host {
        "x86_64-unknown-linux-gnu" | "aarch64-unknown-linux-gnu" => Check::ok(need, name, found),
        _ => Check::error(
            need,
            name,
            found,
            "local services require x86-64 or aarch64 Linux with glibc",
        ),
    }
}

/// Major and minor.
fn version(text: &str) -> (u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

fn cargo(output_text: &Result<String, String>) -> Check {
    match output_text {
        Ok(output_text) => Check::ok(
            Need::Local,
            "cargo",
            output_text.trim().trim_start_matches("cargo "),
        ),
        Err(why) => Check::error(Need::Local, "cargo", why, "install Rust: https://rustup.rs"),
    }
}

fn linker(sysroot: &Utf8Path, host: &str) -> Check {
    let (need, name) = (Need::Local, "linker");
    let lld = find_lld(sysroot, host, env::var_os("PATH").as_deref());
    let version = match lld {
        Some(lld) => output(lld.as_str(), &["-flavor", "gnu", "--version"]),
        None => Err("lld not found in the Rust toolchain and in PATH".to_owned()),
    };
    match version {
        Ok(version) => Check::ok(need, name, version.lines().next().unwrap_or_default()),
        Err(why) => Check::error(
            need,
            name,
            why,
            "install one: `apt-get install lld` on Debian and Ubuntu, `dnf install lld` on Fedora; \
             toolchains from rustup include it",
        ),
    }
}

fn compiler(output_text: &Result<String, String>) -> Check {
    let (need, name) = (Need::Local, "C compiler");
    match output_text {
        Ok(output_text) => Check::ok(need, name, output_text.lines().next().unwrap_or_default()),
        Err(why) => Check::error(
            need,
            name,
            why,
            "install one: `apt-get install gcc libc6-dev` on Debian and Ubuntu, `dnf install gcc` on Fedora",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Level, *};

    #[test]
    fn an_old_compiler_and_another_platform_are_errors() {
        let check = |release: &str, host: &str| {
            rustc_check(&Ok(format!("rustc\nhost: {host}\nrelease: {release}\n"))).level
        };
        let linux = "x86_64-unknown-linux-gnu";
        assert_eq!(check("1.95.0", linux), Level::Ok);
        assert_eq!(check("2.0.0-nightly", linux), Level::Ok);
        assert_eq!(check("1.94.9", linux), Level::Error);
        assert_eq!(check("1.95.0", "aarch64-apple-darwin"), Level::Error);
        assert_eq!(
            rustc_check(&Err("there is none".into())).level,
            Level::Error
        );
    }

    #[test]
    fn a_missing_program_is_reported() {
        let missing = output("no-such-program-of-kt", &[]).unwrap_err();
        assert_eq!(missing, "`no-such-program-of-kt` not found in PATH");
        assert!(output("false", &[]).unwrap_err().contains("failed"));
    }
}
