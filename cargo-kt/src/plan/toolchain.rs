//! Finds the toolchain that cargo would use, with the user's wrappers of rustc.

use std::{
    ffi::{OsStr, OsString},
    process::Stdio,
};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Configuration, PlanError, Setting, configuration};
use crate::context::{CargoContext, Toolchain, Wrappers, find_lld};

/// The compiler that cargo would call: `RUSTC`, `build.rustc`, or the one in `PATH`.
///
/// # Errors
/// If there is no compiler, or no linker.
pub(super) fn toolchain(
    configuration: &Configuration,
    context: &CargoContext,
) -> Result<Toolchain, PlanError> {
    let tool = |name: &str| tool(name, configuration, context);
    let rustc = tool("rustc").unwrap_or_else(|| "rustc".into());
    let version = rustc_says(context, &rustc, &["-vV"])?;
    let sysroot = Utf8PathBuf::from(rustc_says(context, &rustc, &["--print", "sysroot"])?.trim());
    let Some(host) = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
    else {
        return Err(PlanError::Output {
            command: "rustc -vV",
            detail: "it has no line `host:`".to_owned(),
        });
    };
    if !host.ends_with("-linux-gnu") {
        return Err(PlanError::UnsupportedHost { host });
    }
    let path = context.environment.get(OsStr::new("PATH"));
    let Some(lld) = find_lld(&sysroot, &host, path.map(OsString::as_os_str)) else {
        return Err(PlanError::NoLinker { sysroot });
    };
    let real = sysroot.join("bin/rustc");
    Ok(Toolchain {
        // rustup's proxy selects a toolchain by directory at each call. The sysroot's rustc is
        // fixed.
        rustc: if real.is_file() { real } else { rustc },
        sysroot,
        target: host.clone(),
        host,
        lld,
        version,
        wrappers: Wrappers {
            every: tool("rustc-wrapper"),
            members: tool("rustc-workspace-wrapper"),
        },
        compiler: None,
    })
}

/// The linker that is configured for a target (`target.TARGET.linker` or its variable), if it is a C
/// compiler: only these know where the C library is.
pub(super) fn compiler(
    target: &str,
    configuration: &Configuration,
    context: &CargoContext,
) -> Option<Utf8PathBuf> {
    let name = target.to_uppercase().replace('-', "_");
    let keys = ["target", target, "linker"];
    let linker = program(
        configuration.setting(&keys, &format!("CARGO_TARGET_{name}_LINKER"), context)?,
        context,
    )?;
    let name = linker.file_name()?;
    let is_linker =
        name.starts_with("ld") || ["lld", "mold", "wild"].iter().any(|it| name.contains(it));
    (!is_linker).then_some(linker)
}

/// A program in cargo's table `build`. Its own variable, such as `RUSTC_WRAPPER`, precedes even
/// `--config`; `CARGO_BUILD_RUSTC_WRAPPER` is that of the key.
fn tool(name: &str, configuration: &Configuration, context: &CargoContext) -> Option<Utf8PathBuf> {
    let variable = name.to_uppercase().replace('-', "_");
    let own = context.variable(&variable).map(Setting::Variable);
    let of_key = || {
        let variable = format!("CARGO_BUILD_{variable}");
        configuration.setting(&["build", name], &variable, context)
    };
    program(own.or_else(of_key)?, context)
}

/// The program that a setting names. An empty value is none.
fn program(setting: Setting<'_>, context: &CargoContext) -> Option<Utf8PathBuf> {
    let base = match setting {
        Setting::Variable(_) => &context.directory,
        Setting::Written(file, _) => configuration::base(file),
    };
    match setting.as_str()? {
        "" => None,
        // It is searched in PATH.
        bare if !bare.contains('/') => Some(bare.into()),
        path => Some(base.join(path)),
    }
}

fn rustc_says(
    context: &CargoContext,
    rustc: &Utf8Path,
    arguments: &[&str],
) -> Result<String, PlanError> {
    let output = context
        .command(rustc)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|_| PlanError::RustcMissing {
            rustc: rustc.to_owned(),
        })?;
    if !output.status.success() {
        return Err(PlanError::Output {
            command: "rustc -vV",
            detail: output.status.to_string(),
        });
    }
    String::from_utf8(output.stdout).map_err(|error| PlanError::Output {
        command: "rustc -vV",
        detail: error.to_string(),
    })
}
