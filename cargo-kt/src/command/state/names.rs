//! Names of states on the command line.

use std::collections::HashMap;

pub(super) use crate::session::report::name_of;

/// The shortest unambiguous names, in the order of the keys.
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

/// The names of these keys, separated by commas.
pub(super) fn listed(keys: &[String]) -> String {
    let names: Vec<&str> = keys.iter().map(|key| name_of(key)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_with_the_same_path_are_distinguished_by_package() {
        assert_eq!(
            shortest(&["a:a::X", "b:a::X", "b:b::X"]),
            ["a:a::X", "b:a::X", "b::X"]
        );
    }
}
