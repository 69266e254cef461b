//! That a service ended because nobody called it, for whoever starts the next one of its name.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// How the service of a name ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// The root of the workspace that it belonged to.
    pub workspace: String,
    /// How long nobody had called it.
    pub ttl: Duration,
    /// Its worker lived to the end and had states.
    pub had_state: bool,
}

impl Expired {
    /// Leaves it in the service's directory.
    pub(super) fn write(&self, directory: &Path) {
        let text = format!(
            "{} {}\n{}",
            self.ttl.as_millis(),
            self.had_state,
            self.workspace
        );
        // On a full disk the end goes unsaid; that is no reason not to end.
        let _ = fs::write(file(directory), text);
    }

    /// What the host before left in the service's directory. The next one does not find it again.
    pub fn take(directory: &Path) -> Option<Self> {
        let path = file(directory);
        let text = fs::read_to_string(&path).ok()?;
        // Nobody is told twice.
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
    fn it_is_told_once_and_nonsense_never() {
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
