//! Service names.

use super::PlaceError;

/// Longest name. A Kubernetes label has at most 63 bytes, and Kubernetes appends to pod names.
const LENGTH: usize = 40;
/// Hash digits that distinguish truncated names.
const CUT: usize = 6;
/// Hash digits that distinguish workspaces.
const WORKSPACE: usize = 4;

/// The profile whose name is not part of the service name.
pub const PLAIN_PROFILE: &str = "dev";

/// The default service name of this user's program. One worker cannot hold code of two profiles:
/// with one service for both, each profile change would lose the states that have no serde.
pub fn of_program(program: &str, profile: &str) -> String {
    match profile {
        PLAIN_PROFILE => name(&user(), program),
        _ => name(&user(), &format!("{program}-{profile}")),
    }
}

/// The name of a program's service: the user's and the program's names as a DNS label.
pub fn name(user: &str, program: &str) -> String {
    let label = label(&format!("{user}-{program}"));
    if label.is_empty() {
        // No character is valid in a label.
        return format!("kt-{}", hash(&format!("{user}-{program}"), CUT));
    }
    if label.len() <= LENGTH {
        return label;
    }
    let kept = label[..LENGTH - CUT - 1].trim_end_matches('-');
    format!("{kept}-{}", hash(&label, CUT))
}

/// The name for a program of the same name in another workspace.
pub fn name_in(name: &str, workspace: &str) -> String {
    let length = name.len().min(LENGTH - WORKSPACE - 1);
    let kept = name[..length].trim_end_matches('-');
    format!("{kept}-{}", hash(workspace, WORKSPACE))
}

/// Checks a name given by the user; it becomes the name of a directory.
///
/// # Errors
/// If it is not a DNS label.
pub fn check(name: &str) -> Result<(), PlaceError> {
    if !name.is_empty() && name.len() <= 63 && label(name) == name {
        return Ok(());
    }
    let name = name.to_owned();
    Err(PlaceError::BadName { name })
}

/// The name of the current user. Used in service names only, not for authentication.
pub fn user() -> String {
    ["USER", "LOGNAME"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|user| !label(user).is_empty())
        .unwrap_or_else(|| format!("u{}", rustix::process::geteuid().as_raw()))
}

/// Converts text to lowercase letters, digits and single `-` between them.
pub fn label(text: &str) -> String {
    let mut label = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => label.push(c),
            _ if label.ends_with('-') || label.is_empty() => {}
            _ => label.push('-'),
        }
    }
    label.truncate(label.trim_end_matches('-').len());
    label
}

fn hash(text: &str, digits: usize) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..digits].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        assert_eq!(
            name("alice", "state_persistence"),
            "alice-state-persistence"
        );
        assert_eq!(name("Alice.B@corp", "__app__"), "alice-b-corp-app");
        assert_eq!(name("", "app"), "app");
        assert_eq!(name("ähm", "日本"), "hm");
        check(&name("日", "本")).unwrap();
    }

    #[test]
    fn long_names_are_distinct() {
        let long = "a-program-whose-name-goes-on-and-on-and-on";
        let (one, other) = (
            name("alice", &format!("{long}1")),
            name("alice", &format!("{long}2")),
        );
        assert!(one.len() <= LENGTH && other.len() <= LENGTH);
        assert_ne!(one, other);
        check(&one).unwrap();
    }

    #[test]
    fn each_profile_has_its_own_service() {
        let all = ["dev", "release", "prof"].map(|profile| of_program("app", profile));
        assert_eq!(all[0], name(&user(), "app"));
        assert_eq!(all[1], format!("{}-release", all[0]));
        assert_eq!(all[2], format!("{}-prof", all[0]));
        // Also if truncation removes the profile.
        let long = "x".repeat(100);
        let all = ["dev", "release", "prof"].map(|profile| of_program(&long, profile));
        assert!(all.iter().all(|name| name.len() <= LENGTH), "{all:?}");
        assert!(
            all[0] != all[1] && all[1] != all[2] && all[0] != all[2],
            "{all:?}"
        );
    }

    #[test]
    fn each_workspace_has_its_own_name() {
        let plain = name("alice", "app");
        let (one, other) = (name_in(&plain, "/one"), name_in(&plain, "/other"));
        assert_ne!(one, other);
        assert_eq!(one, name_in(&plain, "/one"));
        assert!(one.starts_with("alice-app-") && one.len() == plain.len() + 5);
        let longest = name("alice", &"x".repeat(100));
        assert!(name_in(&longest, "/one").len() <= LENGTH);
    }

    #[test]
    fn names_that_are_paths_are_rejected() {
        for bad in ["", "..", "a/b", "A", "a--b", "-a", "a_b", &"x".repeat(64)] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
