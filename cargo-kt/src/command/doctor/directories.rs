//! Checks the directories for sockets and for the cache: access and free space.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use rustix::fs::{StatVfsMountFlags, statvfs};

use super::check::{Check, Need};
use crate::{place::Dirs, terminal::text::bytes};

/// Free bytes below which the next build probably fails: a base of a few hundred crates has 100 MB.
const TOO_LITTLE: u64 = 200_000_000;
/// Free bytes below which a build will fail soon.
const LITTLE: u64 = 2_000_000_000;

pub(super) fn checks() -> Vec<Check> {
    let dirs = match Dirs::current() {
        Ok(dirs) => dirs,
        Err(error) => return vec![Check::failed(Need::Local, "directories", &error)],
    };
    let mut checks = vec![runtime(&dirs.runtime)];
    checks.extend(dirs.notices.iter().map(|notice| {
        let help = "set KT_HOME to a directory that you own";
        Check::warning(Need::Local, "cache", notice.to_string(), help)
    }));
    checks.push(cache(&dirs.cache));
    checks
}

fn runtime(path: &Path) -> Check {
    let (need, name) = (Need::Local, "runtime directory");
    match fs::metadata(path) {
        Ok(data) => {
            let mode = data.permissions().mode() & 0o777;
            Check::ok(need, name, format!("{}, mode {mode:04o}", path.display()))
        }
        Err(error) => Check::error(
            need,
            name,
            format!("{}: {error}", path.display()),
            "set KT_RUNTIME_DIR to a directory that you own",
        ),
    }
}

fn cache(path: &Path) -> Check {
    let (need, name) = (Need::Local, "cache");
    let shown = path.display();
    let system = match statvfs(path) {
        Ok(system) => system,
        Err(error) => {
            let help = "set KT_HOME to a directory that you own";
            return Check::error(need, name, format!("{shown}: {error}"), help);
        }
    };
    if system.f_flag.contains(StatVfsMountFlags::NOEXEC) {
        return Check::error(
            need,
            name,
            format!("{shown} is on a file system that is mounted noexec"),
            "workers are executed from it: set KT_HOME to a directory on another file system",
        );
    }
    free_space(&shown.to_string(), system.f_bavail * system.f_frsize)
}

fn free_space(path: &str, free: u64) -> Check {
    let (need, name) = (Need::Local, "cache");
    let found = format!("{path}, {} free", bytes(free));
    let help = "free disk space, or set KT_HOME to a directory on another file system";
    match free {
        ..TOO_LITTLE => Check::error(need, name, found, help),
        TOO_LITTLE..LITTLE => Check::warning(need, name, found, help),
        _ => Check::ok(need, name, found),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Level, *};

    #[test]
    fn free_space_must_suffice_for_a_build() {
        let level = |free| free_space("/cache", free).level;
        assert_eq!(level(0), Level::Error);
        assert_eq!(level(1_000_000_000), Level::Warning);
        assert_eq!(level(100_000_000_000), Level::Ok);
        assert_eq!(free_space("/cache", 0).found, "/cache, 0 B free");
    }
}
