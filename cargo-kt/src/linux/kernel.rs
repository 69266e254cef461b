//! Facts about the kernel: proc_sys(5).

use std::fs;

/// The kernel's release; empty if it is unknown.
pub fn release() -> String {
    setting("kernel/osrelease").unwrap_or_default()
}

/// This machine's name; empty if it is unknown.
pub fn host_name() -> String {
    setting("kernel/hostname").unwrap_or_default()
}

/// A setting by its path in `/proc/sys`; `None` if the kernel does not have it.
pub fn setting(name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/sys/{name}")).ok()?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_the_kernel_lacks_is_unknown() {
        assert!(!release().is_empty());
        assert_eq!(setting("kernel/no_such_setting"), None);
    }
}
