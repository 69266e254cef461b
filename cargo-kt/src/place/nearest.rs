//! Suggestions for misspelled names.

/// The name closest to `name`, if one differs in at most half of its characters.
pub fn nearest(name: &str, others: impl IntoIterator<Item = String>) -> Option<String> {
    let others = others.into_iter();
    others
        .map(|other| (strsim::levenshtein(name, &other), other))
        .min()
        .filter(|(distance, _)| *distance <= name.len() / 2)
        .map(|(_, other)| other)
}
