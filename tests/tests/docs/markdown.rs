//! As much of Markdown as the project's pages use: headings, links and code spans outside of code
//! blocks.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// A page, read.
#[derive(Debug, Default)]
pub struct Page {
    /// The anchors of its headings.
    pub anchors: BTreeSet<String>,
    /// Targets of links and images, with their lines.
    pub links: Vec<(usize, String)>,
    /// The text of code spans, with their lines.
    pub code: Vec<(usize, String)>,
}

impl Page {
    pub fn parse(text: &str) -> Self {
        let mut page = Self::default();
        let mut seen = BTreeMap::<String, usize>::new();
        let mut fence = None;
        for (number, line) in (1..).zip(text.lines()) {
            let start = line.trim_start();
            let marker = ["```", "~~~"]
                .into_iter()
                .find(|marker| start.starts_with(marker));
            match (fence, marker) {
                (None, Some(_)) => fence = marker,
                (Some(open), Some(close)) if open == close => fence = None,
                (Some(_), _) => {}
                (None, None) => page.line(number, line, &mut seen),
            }
        }
        page
    }

    fn line(&mut self, number: usize, line: &str, seen: &mut BTreeMap<String, usize>) {
        let level = line.bytes().take_while(|&byte| byte == b'#').count();
        if let Some(title) = line[level..].strip_prefix(' ').filter(|_| level > 0) {
            let anchor = anchor(title);
            let before = seen.entry(anchor.clone()).or_default();
            self.anchors.insert(match *before {
                0 => anchor,
                again => format!("{anchor}-{again}"),
            });
            *before += 1;
        }
        // Every second part is a code span.
        let mut prose = String::new();
        for (index, part) in line.split('`').enumerate() {
            match index % 2 {
                0 => prose.push_str(part),
                _ => self.code.push((number, part.to_owned())),
            }
        }
        for (at, _) in prose.match_indices("](") {
            let target = &prose[at + 2..];
            if let Some(end) = target.find(')') {
                self.links.push((number, target[..end].to_owned()));
            }
        }
        if let Some((_, target)) = prose.split_once("]: ").filter(|_| prose.starts_with('[')) {
            self.links.push((number, target.trim().to_owned()));
        }
    }
}

/// The anchor of a heading, as GitHub and mdBook make it.
pub fn anchor(title: &str) -> String {
    let title = title.trim().to_lowercase();
    let kept = title.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        _ => letter.is_alphanumeric().then_some(letter),
    });
    kept.collect()
}

/// All pages of the checkout, without build output and fixtures.
pub fn pages(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let skipped = name.starts_with('.') || matches!(&*name, "target" | "fixtures");
            if path.is_dir() && !skipped {
                pending.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    Ok(pages)
}

#[test]
fn links_and_code_are_found_where_markdown_has_them() {
    let page = Page::parse(
        "# A `b` & C_d\n[x](one.md#two) `[y](no.md)` ![z](three.svg)\n```sh\n# not a heading [n](no.md)\n```\n# A b & C_d\n",
    );
    assert_eq!(
        page.links,
        [(2, "one.md#two".into()), (2, "three.svg".into())]
    );
    assert_eq!(page.code, [(1, "b".into()), (2, "[y](no.md)".into())]);
    let anchors: Vec<_> = page.anchors.iter().map(String::as_str).collect();
    assert_eq!(anchors, ["a-b--c_d", "a-b--c_d-1"]);
}
