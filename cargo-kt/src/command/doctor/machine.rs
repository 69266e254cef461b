//! Checks what debuggers and profilers need from the kernel.

use super::{
    check::{Check, Need},
    toolchain::output,
};
use crate::linux::setting;

pub(super) fn checks() -> Vec<Check> {
    let root = rustix::process::geteuid().is_root();
    let scope = setting("kernel/yama/ptrace_scope");
    let paranoid = setting("kernel/perf_event_paranoid");
    vec![
        debugger(&output("gdb", &["--version"])),
        attaching(scope.as_deref(), root),
        profiling(paranoid.as_deref(), root),
    ]
}

fn debugger(output_of_gdb: &Result<String, String>) -> Check {
    let (need, name) = (Need::Tools, "gdb");
    match output_of_gdb {
        Ok(output_of_gdb) => {
            Check::ok(need, name, output_of_gdb.lines().next().unwrap_or_default())
        }
        Err(why) => Check::warning(
            need,
            name,
            why,
            "only `cargo kt debug` needs it: `apt-get install gdb`",
        ),
    }
}

/// Whether a debugger may attach to a worker, which is not its child: the kernel's
/// `Documentation/admin-guide/LSM/Yama.rst`.
fn attaching(scope: Option<&str>, root: bool) -> Check {
    let (need, name) = (Need::Tools, "ptrace_scope");
    let Some(scope) = scope else {
        return Check::ok(
            need,
            name,
            "the kernel has no Yama: a user may trace their own processes",
        );
    };
    let scope = scope.trim();
    match (scope, root) {
        ("0", _) => Check::ok(need, name, "0: a user may trace their own processes"),
        ("1" | "2", true) => Check::ok(need, name, format!("{scope}: root may trace")),
        ("1", false) => Check::warning(
            need,
            name,
            "1: only a parent may trace, and a debugger is not the parent of the worker",
            "run `sudo sysctl kernel.yama.ptrace_scope=0` (until the next reboot), or run the debugger with sudo",
        ),
        ("2", false) => Check::warning(
            need,
            name,
            "2: only root may trace",
            "run the debugger with sudo",
        ),
        _ => Check::warning(
            need,
            name,
            format!("{scope}: no process may trace"),
            "this setting cannot be changed before a reboot",
        ),
    }
}

/// Whether `perf` may sample processes of this user: the kernel's
/// `Documentation/admin-guide/sysctl/kernel.rst`.
fn profiling(paranoid: Option<&str>, root: bool) -> Check {
    let (need, name) = (Need::Tools, "perf_event_paranoid");
    let level: Option<i32> = paranoid.and_then(|text| text.trim().parse().ok());
    match level {
        None => Check::ok(need, name, "the kernel has no perf events"),
        Some(level) if level <= 2 || root => Check::ok(need, name, level.to_string()),
        Some(level) => Check::warning(
            need,
            name,
            format!("{level}: `perf` may not sample your processes"),
            "run `sudo sysctl kernel.perf_event_paranoid=2` (until the next reboot)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Level, *};

    #[test]
    fn ptrace_scope_decides_who_may_trace() {
        let level = |scope: &str, root| attaching(Some(scope), root).level;
        assert_eq!(level("0\n", false), Level::Ok);
        assert_eq!(level("1\n", false), Level::Warning);
        assert_eq!(level("1\n", true), Level::Ok);
        assert_eq!(level("3\n", true), Level::Warning);
        assert_eq!(attaching(None, false).level, Level::Ok);
    }

    #[test]
    fn perf_needs_a_level_of_two() {
        let level = |text: &str, root| profiling(Some(text), root).level;
        assert_eq!(level("-1\n", false), Level::Ok);
        assert_eq!(level("2\n", false), Level::Ok);
        assert_eq!(level("4\n", false), Level::Warning);
        assert_eq!(level("4\n", true), Level::Ok);
    }
}
