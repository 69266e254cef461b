//! Names that are like another.

/// The most similar of these, if one is similar at all.
pub fn nearest(name: &str, others: impl IntoIterator<Item = String>) -> Option<String> {
    let others = others.into_iter();
    others
        .map(|other| (strsim::levenshtein(name, &other), other))
        .min()
        .filter(|(distance, _)| *distance <= name.len() / 2)
        .map(|(_, other)| other)
}
