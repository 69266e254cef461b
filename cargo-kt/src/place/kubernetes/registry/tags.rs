//! The tags of a repository, for a person who mistyped one.

use serde::Deserialize;

use super::{
    client::{Client, json},
    error::Unanswered,
    reference::is_tag,
};

/// Tags of one page.
const PAGE: usize = 1000;
/// Pages that are read at most.
const PAGES: usize = 5;
/// Maximum size of a page. A registry may ignore the requested number.
const LIMIT: usize = 4 << 20;
/// Tags that are shown at most.
const SHOWN: usize = 8;

/// Some tags of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    /// The most similar ones first.
    pub shown: Vec<String>,
    /// How many others there are at least.
    pub others: usize,
    /// The one that was probably meant.
    pub nearest: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    /// `null` in an empty repository of some registries.
    tags: Option<Vec<String>>,
}

/// The tags of a repository that does not have the tag `wanted`. Empty if the registry does not list
/// them.
pub async fn list(client: &mut Client<'_>, wanted: &str) -> Tags {
    let mut tags = Vec::new();
    let mut next = None;
    for _ in 0..PAGES {
        match page(client, next.as_deref()).await {
            Ok((found, following)) => {
                tags.extend(found);
                next = following;
            }
            Err(why) => {
                tracing::debug!(%why, "the registry did not list the tags");
                break;
            }
        }
        if next.is_none() {
            break;
        }
    }
    similar(wanted, tags)
}

async fn page(
    client: &mut Client<'_>,
    next: Option<&str>,
) -> Result<(Vec<String>, Option<String>), Unanswered> {
    let answer = match next {
        None => {
            let path = format!("tags/list?n={PAGE}");
            client.get(&path, "application/json", LIMIT).await?
        }
        Some(next) => client.get_next(next, LIMIT).await?,
    };
    if !answer.status.is_success() {
        return Err(Unanswered::Status(answer.status.as_u16()));
    }
    let page: Page = json(&answer.body, "list of tags")?;
    Ok((page.tags.unwrap_or_default(), answer.next))
}

fn similar(wanted: &str, mut tags: Vec<String>) -> Tags {
    tags.retain(|tag| is_tag(tag));
    let distance = |tag: &str| strsim::damerau_levenshtein(wanted, tag);
    tags.sort_by_cached_key(|tag| (distance(tag), tag.clone()));
    tags.dedup();
    let nearest = tags.first().filter(|tag| distance(tag) <= wanted.len() / 2);
    Tags {
        nearest: nearest.cloned(),
        others: tags.len().saturating_sub(SHOWN),
        shown: tags.into_iter().take(SHOWN).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|&tag| tag.to_owned()).collect()
    }

    #[test]
    fn similar_tags_are_first() {
        let found = similar(
            "12-slm",
            tags(&["latest", "12", "12-slim", "11-slim", "bookworm"]),
        );
        assert_eq!(found.shown[..3], ["12-slim", "11-slim", "12"]);
        assert_eq!(found.nearest.as_deref(), Some("12-slim"));
        assert_eq!(similar("nowhere", tags(&["12"])).nearest, None);
        assert_eq!(similar("1", tags(&[])), Tags::default());
    }

    #[test]
    fn the_number_of_tags_is_limited() {
        let many = (0..5000).map(|number| format!("v{number}")).collect();
        let found = similar("v123x", many);
        assert_eq!((found.shown.len(), found.others), (8, 4992));
        assert_eq!(found.shown[0], "v123");
    }

    #[test]
    fn what_is_no_tag_is_not_shown() {
        let found = similar("1", tags(&["1\u{1b}[2J", "a b", "", "-x", "ok"]));
        assert_eq!(found.shown, ["ok"]);
    }
}
