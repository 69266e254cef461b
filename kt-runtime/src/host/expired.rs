//! A record that a service expired for lack of calls, for the next service of this name.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// How the previous service of this name ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// The root of the workspace that it belonged to.
    pub workspace: String,
    /// How long it had no calls.
    pub ttl: Duration,
    /// Its worker was running when it expired, and had states.
    pub had_state: bool,
}

impl Expired {
    /// Writes the record to the service's directory.
    pub(super) fn write(&self, directory: &Path) {
        let text = format!(
            "{} {}\n{}",
            self.ttl.as_millis(),
            self.had_state,
            self.workspace
        );
        // On a full disk the record is lost; the service still stops.
        let _ = fs::write(file(directory), text);
    }

    /// Reads and removes the record that the previous host left in the service's directory.
    pub fn take(directory: &Path) -> Option<Self> {
        let path = file(directory);
        let text = fs::read_to_string(&path).ok()?;
        // Removed first, so that it is reported only once.
        fs::remove_file(&path).ok()?;
        let (numbers, workspace) = text.split_once('\n')?;
        let (ttl, had_state) = numbers.split_once(' ')?;
        Some(Self {
            workspace: workspace.to_owned(),
            ttl: Duration::from_millis(ttl.parse().ok()?),
            had_state: had_state.parse().ok()?,
        })
    }
}

fn file(directory: &Path) -> PathBuf {
    directory.join("expired")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    #[test]
    fn a_record_is_reported_once_and_nonsense_never() {
        let directory = Scratch::new("expired");
        let expired = Expired {
            workspace: "/home/alice/two\nlines".to_owned(),
            ttl: Duration::from_secs(8 * 3600),
            had_state: true,
        };
        expired.write(directory.path());
        assert_eq!(Expired::take(directory.path()), Some(expired));
        assert_eq!(Expired::take(directory.path()), None);
        for nonsense in ["", "1", "1 true", "x true\n/", "1 x\n/"] {
            fs::write(file(directory.path()), nonsense).unwrap();
            assert_eq!(Expired::take(directory.path()), None, "{nonsense:?}");
        }
    }
}
