//! The machine of a result.

use std::{fs, process::Command};

use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_gib: u64,
    pub kernel: String,
    pub rustc: String,
    /// The load average of the last minute. If it exceeds the number of cores, other processes
    /// affect the numbers.
    pub load: f64,
}

impl Machine {
    pub fn current() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':'))
                .map(|(_, value)| value.trim().to_owned())
                .unwrap_or_default()
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kib: u64 = memory
            .split(' ')
            .next()
            .and_then(|kib| kib.parse().ok())
            .unwrap_or_default();
        let rustc = Command::new("rustc")
            .arg("--version")
            .output()
            .expect("rustc runs");
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, Into::into),
            memory_gib: kib.div_ceil(1 << 20),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            rustc: String::from_utf8_lossy(&rustc.stdout).trim().to_owned(),
            load: read("/proc/loadavg")
                .split(' ')
                .next()
                .and_then(|load| load.parse().ok())
                .unwrap_or_default(),
        }
    }

    pub fn print(&self) {
        let Self {
            processor,
            cores,
            memory_gib,
            kernel,
            rustc,
            load,
        } = self;
        println!(
            "{processor}, {cores} cores, {memory_gib} GiB, Linux {kernel}, {rustc}, load {load}\n"
        );
        if *load > *cores as f64 {
            println!("The machine is busy with other processes: only the ratios are meaningful.\n");
        }
    }
}
