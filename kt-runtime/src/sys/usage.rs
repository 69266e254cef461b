//! Resource usage and limits of a process, from `/proc` and its control group.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// Limits of a control group. `None`: no limit, or the kernel does not report it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLimits {
    pub memory_bytes: Option<u64>,
    /// Thousandths of a processor.
    pub cpu_milli: Option<u64>,
    pub processes: Option<u64>,
}

/// Resource usage of a process: `/proc/PID/stat`, `statm`, `fd`, `limits`, proc(5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time since its start, in user and system mode.
    pub cpu_ms: u64,
    pub rss: u64,
    pub threads: u64,
    pub open_files: u64,
    /// `RLIMIT_NOFILE`, its soft limit.
    pub open_files_limit: Option<u64>,
}

/// Resource usage of a process; `None` if it no longer exists. Values that the kernel hides are 0:
/// counting open files requires permission to trace the process, proc(5).
pub fn of(pid: u32) -> Option<Usage> {
    let directory = PathBuf::from(format!("/proc/{pid}"));
    let (cpu_ms, threads) = parse_stat(&fs::read_to_string(directory.join("stat")).ok()?)?;
    let open_files = fs::read_dir(directory.join("fd")).map_or(0, Iterator::count);
    let limits = fs::read_to_string(directory.join("limits")).unwrap_or_default();
    Some(Usage {
        cpu_ms,
        rss: super::process::resident(pid).unwrap_or(0),
        threads,
        open_files: open_files as u64,
        open_files_limit: parse_open_files(&limits),
    })
}

/// CPU time in milliseconds, and the number of threads, from `/proc/PID/stat`. The program's name
/// is in parentheses and may contain any character, so fields are counted from the last
/// parenthesis.
fn parse_stat(stat: &str) -> Option<(u64, u64)> {
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
    // proc(5) counts from 1, and the first of these fields, the state, is the third.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let ticks = field(14)? + field(15)?;
    // SAFETY: sysconf touches no memory.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    let per_second = u64::try_from(per_second).ok().filter(|ticks| *ticks > 0)?;
    Some((ticks * 1000 / per_second, field(20)?))
}

fn parse_open_files(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The limits of this process's control group: the tightest of the group and its ancestors.
pub fn group_limits() -> GroupLimits {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    group_limits_in(Path::new("/sys/fs/cgroup"), &groups)
}

fn group_limits_in(root: &Path, groups: &str) -> GroupLimits {
    // Version 2 has one hierarchy, with number 0 and no controller names: cgroups(7).
    let Some(path) = groups.lines().find_map(|line| line.strip_prefix("0::")) else {
        return GroupLimits::default();
    };
    let group = root.join(path.trim_start_matches('/'));
    let within = group.ancestors().take_while(|path| path.starts_with(root));
    let mut limits = GroupLimits::default();
    let tighten = |limit: &mut Option<u64>, found: Option<u64>| {
        *limit = match (*limit, found) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    };
    for group in within {
        let read = |name: &str| fs::read_to_string(group.join(name)).unwrap_or_default();
        let number = |name: &str| read(name).trim().parse().ok();
        tighten(&mut limits.memory_bytes, number("memory.max"));
        tighten(&mut limits.processes, number("pids.max"));
        tighten(&mut limits.cpu_milli, parse_cpu(&read("cpu.max")));
    }
    limits
}

/// `200000 100000`: quota and period, in microseconds.
fn parse_cpu(text: &str) -> Option<u64> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (u64, u64) = (quota.parse().ok()?, period.parse().ok()?);
    (quota * 1000).checked_div(period)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    #[test]
    fn a_name_with_parentheses_and_spaces_is_not_a_field() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 12 0 1 1 1";
        assert_eq!(parse_stat(stat), Some((2000, 12)));
        assert_eq!(parse_stat("7 (a"), None);
        assert_eq!(parse_stat("7 (a) S 1"), None);
    }

    #[test]
    fn the_usage_of_this_process_is_reported() {
        let usage = of(std::process::id()).unwrap();
        assert!(usage.rss > 0 && usage.threads > 0 && usage.open_files > 2);
        assert!(
            usage
                .open_files_limit
                .is_none_or(|limit| limit >= usage.open_files)
        );
        assert_eq!(of(u32::MAX), None);
    }

    #[test]
    fn the_tightest_limit_of_a_group_and_its_ancestors_applies() {
        let root = Scratch::new("cgroup");
        let inner = root.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        fs::write(root.path().join("a/memory.max"), "1000\n").unwrap();
        fs::write(inner.join("memory.max"), "max\n").unwrap();
        fs::write(inner.join("cpu.max"), "150000 100000\n").unwrap();
        fs::write(root.path().join("a/cpu.max"), "max 100000\n").unwrap();
        let limits = group_limits_in(root.path(), "1:name=systemd:/x\n0::/a/b\n");
        let expected = GroupLimits {
            memory_bytes: Some(1000),
            cpu_milli: Some(1500),
            processes: None,
        };
        assert_eq!(limits, expected);
        assert_eq!(
            group_limits_in(root.path(), "4:memory:/x\n"),
            GroupLimits::default()
        );
    }
}
