//! States by the names that a person types.

use std::collections::HashMap;

pub(super) use crate::session::report::name_of;

/// The shortest names that are those of one state only, in the order of the keys.
pub(super) fn shortest(keys: &[&str]) -> Vec<String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for key in keys {
        *counts.entry(name_of(key)).or_default() += 1;
    }
    let name = |key: &&str| match counts.get(name_of(key)) {
        Some(1) => name_of(key).to_owned(),
        _ => (*key).to_owned(),
    };
    keys.iter().map(name).collect()
}

/// The names of these keys, in a list.
pub(super) fn listed(keys: &[String]) -> String {
    let names: Vec<&str> = keys.iter().map(|key| name_of(key)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_states_of_one_path_are_told_by_their_packages() {
        assert_eq!(
            shortest(&["a:a::X", "b:a::X", "b:b::X"]),
            ["a:a::X", "b:a::X", "b::X"]
        );
    }
}
