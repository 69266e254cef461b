//! Checks whether the kernel lets the host's children trace each other.

use std::{fs, io};

use crate::{sys::process, wire::debug::Forbidden};

/// `CAP_SYS_PTRACE` of capabilities(7).
const CAP_SYS_PTRACE: u32 = 19;

/// # Errors
/// The restriction that forbids it.
pub fn check() -> Result<(), Forbidden> {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    let scope = scope.ok().and_then(|text| text.trim().parse().ok());
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    verdict(scope, capable(&status), process::ptrace_error())
}

/// `scope` is Yama's, `None` without Yama: Documentation/admin-guide/LSM/Yama.rst of Linux. `probe`
/// is the error of ptrace(2) for a process that does not exist: ESRCH, unless a filter rejects the
/// call first.
fn verdict(scope: Option<u8>, capable: bool, probe: io::Error) -> Result<(), Forbidden> {
    if probe.raw_os_error() != Some(libc::ESRCH) {
        return Err(Forbidden::Seccomp);
    }
    match scope {
        // With scope 1 a worker permits its host's children to trace it.
        None | Some(0 | 1) => Ok(()),
        Some(2) if capable => Ok(()),
        Some(scope) => Err(Forbidden::Yama(scope)),
    }
}

/// Whether the effective capabilities in a status of proc(5) include `CAP_SYS_PTRACE`.
fn capable(status: &str) -> bool {
    let field = |line: &str| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok();
    let set = status.lines().find_map(field).unwrap_or(0);
    set & (1 << CAP_SYS_PTRACE) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(number: i32) -> io::Error {
        io::Error::from_raw_os_error(number)
    }

    #[test]
    fn yama_forbids_scope_2_without_the_capability_and_scope_3_always() {
        for (scope, capable, expected) in [
            (None, false, Ok(())),
            (Some(0), false, Ok(())),
            (Some(1), false, Ok(())),
            (Some(2), true, Ok(())),
            (Some(2), false, Err(Forbidden::Yama(2))),
            (Some(3), true, Err(Forbidden::Yama(3))),
        ] {
            assert_eq!(verdict(scope, capable, error(libc::ESRCH)), expected);
        }
    }

    #[test]
    fn a_filter_is_detected_by_an_error_other_than_esrch() {
        for refused in [libc::EPERM, libc::ENOSYS, libc::EACCES] {
            assert_eq!(verdict(None, true, error(refused)), Err(Forbidden::Seccomp));
        }
        assert_eq!(process::ptrace_error().raw_os_error(), Some(libc::ESRCH));
    }

    #[test]
    fn the_capability_is_parsed_from_a_status() {
        assert!(capable("Name:\tx\nCapEff:\t0000000000080000\n"));
        assert!(!capable("CapEff:\t0000000000000000\n"));
        assert!(!capable(""));
    }
}
