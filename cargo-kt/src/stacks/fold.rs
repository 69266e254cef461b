//! Aggregates stacks by the names of their functions.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{Frame, Named};

/// The root frame of stacks without a function of the program.
const RUNTIME: &str = "[without code of the program]";

/// Counts of stacks by their functions, outermost first. Functions with the same name are merged
/// across generations.
#[derive(Debug, Default)]
pub struct Folded {
    stacks: BTreeMap<Vec<String>, u64>,
    /// Names of the program's functions.
    program: BTreeSet<String>,
    pub counts: Counts,
}

/// Statistics of the stacks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    pub samples: u64,
    pub frames: u64,
    /// Frames without a name.
    pub nameless_frames: u64,
    /// Stacks whose outer frames are unknown.
    pub cut_stacks: u64,
}

/// The number of samples of a function.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Weight {
    pub function: String,
    /// Samples with the function anywhere on the stack.
    pub total: u64,
    /// Samples with the function at the top of the stack.
    pub own: u64,
}

impl Folded {
    /// Counts a stack of a thread. Omits the frames around the program's, unless `all`.
    pub fn add(&mut self, thread: &str, stack: &Named, count: u64, all: bool) {
        let frames = &stack.frames;
        let nameless = frames.iter().filter(|frame| !frame.named).count();
        self.counts.samples += count;
        self.counts.frames += frames.len() as u64 * count;
        self.counts.nameless_frames += nameless as u64 * count;
        self.counts.cut_stacks += if stack.whole { 0 } else { count };
        let outermost = frames.iter().rposition(|frame| frame.user);
        let (root, frames) = match (all, outermost) {
            (true, _) => (Some(thread), &frames[..]),
            (false, Some(outermost)) => (None, &frames[..=outermost]),
            (false, None) => (Some(RUNTIME), &frames[..]),
        };
        let program = frames.iter().filter(|frame| frame.user).map(name);
        self.program.extend(program);
        let root = root.map(plain);
        let names = root.into_iter().chain(frames.iter().rev().map(name));
        *self.stacks.entry(names.collect()).or_default() += count;
    }

    /// Lines in the folded format of flame graph tools: functions, outermost first, and a count.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let stacks = self.stacks.iter();
        stacks.map(|(functions, count)| format!("{} {count}", functions.join(";")))
    }

    /// The `most` functions of the program with the most samples; functions of libraries if it has
    /// none.
    pub fn heaviest(&self, most: usize) -> Vec<Weight> {
        let mut weights: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (functions, count) in &self.stacks {
            let mut different: Vec<&str> = functions.iter().map(String::as_str).collect();
            if let Some(top) = different.last() {
                weights.entry(top).or_default().1 += count;
            }
            // Counts recursive functions once.
            different.sort_unstable();
            different.dedup();
            for function in different {
                weights.entry(function).or_default().0 += count;
            }
        }
        let weights = weights.into_iter();
        let mut weights: Vec<Weight> = weights
            .map(|(function, (total, own))| Weight {
                function: function.to_owned(),
                total,
                own,
            })
            .collect();
        if !self.program.is_empty() {
            weights.retain(|it| self.program.contains(&it.function));
        }
        weights.sort_by_key(|it| Reverse((it.total, it.own)));
        weights.truncate(most);
        weights
    }
}

/// Unnamed frames of one object are merged. Inlined functions often have no path, so their file is
/// added.
fn name(frame: &Frame) -> String {
    match (frame.named, frame.function.split_once("+0x")) {
        (true, _) => match &frame.file {
            Some(file) if frame.user && !frame.function.contains("::") => {
                plain(&format!("{} ({file})", frame.function))
            }
            _ => plain(&frame.function),
        },
        (false, Some((object, _))) => format!("[{}]", plain(object)),
        (false, None) => "[unknown]".to_owned(),
    }
}

/// Replaces semicolons, which separate frames in the folded format.
fn plain(name: &str) -> String {
    name.replace(';', ",")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `*f` is user code, and `lib+0x1` has no name.
    fn stack(functions: &[&str]) -> Named {
        let frame = |function: &&str| Frame {
            function: function.trim_start_matches('*').to_owned(),
            file: None,
            line: None,
            user: function.starts_with('*'),
            named: !function.contains("+0x"),
        };
        Named {
            frames: functions.iter().map(frame).collect(),
            whole: true,
        }
    }

    fn lines(stacks: &[(&[&str], u64)], all: bool) -> Vec<String> {
        let mut folded = Folded::default();
        for (functions, count) in stacks {
            folded.add("kt-call", &stack(functions), *count, all);
        }
        folded.lines().collect()
    }

    #[test]
    fn a_stack_starts_at_the_outermost_function_of_the_program() {
        let stacks: &[(&[&str], u64)] = &[
            (
                &[
                    "memcpy",
                    "*app::copy",
                    "core::fold",
                    "*app::run",
                    "tokio::poll",
                ],
                2,
            ),
            (&["epoll_wait", "tokio::park"], 1),
        ];
        assert_eq!(
            lines(stacks, false),
            [
                "[without code of the program];tokio::park;epoll_wait 1",
                "app::run;core::fold;app::copy;memcpy 2",
            ]
        );
        assert_eq!(
            lines(stacks, true)[1],
            "kt-call;tokio::poll;app::run;core::fold;app::copy;memcpy 2"
        );
    }

    #[test]
    fn frames_are_merged_by_name_and_unnamed_ones_by_object() {
        let stacks: &[(&[&str], u64)] = &[
            (&["lib.so+0x10", "*<[u8; 4] as app::Sum>::sum"], 1),
            (&["lib.so+0x20", "*<[u8; 4] as app::Sum>::sum"], 2),
        ];
        assert_eq!(
            lines(stacks, false),
            ["<[u8, 4] as app::Sum>::sum;[lib.so] 3"]
        );
    }

    #[test]
    fn an_inlined_function_without_a_path_has_its_file() {
        let mut one = stack(&["*new"]);
        one.frames[0].file = Some("src/table.rs".into());
        let mut folded = Folded::default();
        folded.add("t", &one, 1, false);
        assert_eq!(folded.lines().collect::<Vec<_>>(), ["new (src/table.rs) 1"]);
    }

    #[test]
    fn the_heaviest_functions_come_first_and_recursion_counts_once() {
        let mut folded = Folded::default();
        folded.add("t", &stack(&["*b", "core::fold", "*a", "*a"]), 3, false);
        folded.add("t", &stack(&["*a"]), 1, false);
        let found = folded.heaviest(10);
        let found: Vec<_> = found
            .iter()
            .map(|it| (&*it.function, it.total, it.own))
            .collect();
        assert_eq!(found, [("a", 4, 1), ("b", 3, 3)]);
        assert_eq!((folded.counts.samples, folded.counts.frames), (4, 13));
    }
}
