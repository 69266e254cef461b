//! Every relative link resolves to a file, every `#anchor` to a heading, every path in a code span
//! exists, and the table of contents has every page.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

use tests::checkout;

use crate::markdown::{Page, pages};

fn read() -> BTreeMap<PathBuf, Page> {
    let pages = pages(checkout())
        .expect("the checkout can be read")
        .into_iter();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("the page can be read");
        let relative = path
            .strip_prefix(checkout())
            .expect("it is in the checkout");
        (relative.to_owned(), Page::parse(&text))
    };
    pages.map(read).collect()
}

/// `a/b/../c` is `a/c`.
fn normalized(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if parts.pop() => {}
            other => parts.push(other),
        }
    }
    parts
}

fn check(problems: &[String]) {
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn links_lead_to_files_and_headings() {
    let pages = read();
    let mut problems = Vec::new();
    for (path, page) in &pages {
        let folder = path.parent().unwrap_or(Path::new(""));
        for (line, link) in &page.links {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                _ => normalized(&folder.join(file)),
            };
            let mut problem = |what: &str| {
                problems.push(format!("{}:{line}: {link}: {what}", path.display()));
            };
            if !checkout().join(&target).exists() {
                problem("no such file");
            } else if path.starts_with("docs") && !target.starts_with("docs") {
                problem("outside of the book, where readers of its HTML cannot follow");
            } else if !anchor.is_empty() {
                let found = pages
                    .get(&target)
                    .is_some_and(|page| page.anchors.contains(anchor));
                if !found {
                    problem("no such heading");
                }
            }
        }
    }
    check(&problems);
}

/// The folders of the checkout that pages name files of.
const FOLDERS: [&str; 7] = [
    "cargo-kt/",
    "docs/",
    "examples/",
    "fuzz/",
    "kt-macros/",
    "kt-runtime/",
    "tests/",
];

#[test]
fn paths_in_code_spans_exist() {
    let mut problems = Vec::new();
    for (path, page) in read() {
        // A changelog names files as they were.
        if path == Path::new("CHANGELOG.md") {
            continue;
        }
        for (line, code) in page.code {
            let is_path = FOLDERS.iter().any(|folder| code.starts_with(folder))
                && !code
                    .contains(|letter: char| letter.is_whitespace() || "…*<:,{".contains(letter));
            if is_path && !checkout().join(&code).exists() {
                problems.push(format!(
                    "{}:{line}: `{code}` does not exist",
                    path.display()
                ));
            }
        }
    }
    check(&problems);
}

#[test]
fn the_table_of_contents_has_every_page_of_the_book() {
    let pages = read();
    let summary = &pages[Path::new("docs/SUMMARY.md")];
    let listed = summary
        .links
        .iter()
        .map(|(_, link)| Path::new("docs").join(link));
    let listed: BTreeSet<_> = listed.collect();
    let missing = pages.keys().filter(|path| {
        path.starts_with("docs") && *path != Path::new("docs/SUMMARY.md") && !listed.contains(*path)
    });
    let problems: Vec<_> = missing
        .map(|path| format!("{} is not in docs/SUMMARY.md", path.display()))
        .collect();
    check(&problems);
}
