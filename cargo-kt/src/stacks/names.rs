//! Maps addresses to functions: of the developer's crates with the line tables of their debug
//! objects, of others with symbol tables.

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
};

use camino::Utf8PathBuf;
use kt::{
    host::Symbols,
    wire::{
        data::{RawFrame, Symbol},
        sample::{Stack, StackFrame},
    },
};

use crate::{
    agent::{Loaded, Symbolizer},
    link,
    terminal::text::count,
};

/// The module of the waker with which a worker finds out what its calls wait for.
const WAKER: &str = "kt::sys::waker::";

/// Prefix of the names of files that kt links.
const OBJECTS: &str = "libkt-";

/// A function on a stack.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Frame {
    /// The path of the function, or object and offset if it has no name.
    pub function: String,
    pub file: Option<String>,
    pub line: Option<u32>,
    /// Whether it is code that the developer can edit.
    pub user: bool,
    /// Whether `function` is a name.
    pub named: bool,
}

/// A stack with names, innermost first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Named {
    pub frames: Vec<Frame>,
    /// Whether the outermost frame is the start of the thread.
    pub whole: bool,
}

/// Resolves and caches the names of a service's functions.
pub struct Names {
    symbolizer: Symbolizer,
    loaded: Loaded,
    kt_dir: Utf8PathBuf,
    /// The file name of the worker's base.
    base: String,
    /// Symbol tables of objects without local line tables.
    symbols: HashMap<String, Option<Symbols>>,
    known: HashMap<(String, u64), Vec<Frame>>,
    /// Objects linked by kt that are missing on this machine.
    missing: BTreeSet<String>,
}

impl Names {
    /// `kt_dir`: the kt directory of the workspace. `base`: the file name of the worker's base.
    pub fn new(kt_dir: Utf8PathBuf, workspace: PathBuf, base: String) -> Self {
        let debug_objects = kt_dir.clone();
        let find = move |object: &str| {
            link::debug_object(&debug_objects, object)
                .ok()
                .map(Into::into)
        };
        Self {
            symbolizer: Symbolizer::new(Box::new(find), workspace),
            loaded: Loaded::default(),
            kt_dir,
            base,
            symbols: HashMap::new(),
            known: HashMap::new(),
            missing: BTreeSet::new(),
        }
    }

    /// A note for the user about unnamed frames of objects that kt linked.
    pub fn note(&self) -> Option<String> {
        let first = self.missing.first()?;
        Some(format!(
            "no symbols for {} ({first}{}) on this machine: built on another machine, or `target` was cleaned since; \
             their frames are shown as offsets",
            count(self.missing.len(), "object"),
            if self.missing.len() > 1 { ", …" } else { "" },
        ))
    }

    /// Names the frames of a thread's stack. `objects`: the objects that its frames refer to.
    pub fn stack(&mut self, stack: &Stack, objects: &[String]) -> Named {
        let frames = stack.frames.iter();
        Named {
            frames: frames
                .flat_map(|frame| self.frame(frame, objects))
                .collect(),
            whole: stack.whole,
        }
    }

    /// Names the frames of the awaits that lead to a future.
    pub fn awaits(&mut self, frames: &[RawFrame]) -> Named {
        let mut frames: Vec<Frame> = frames.iter().flat_map(|frame| self.named(frame)).collect();
        // The innermost frames clone the waker, which recorded the stack.
        let clone = frames.iter().rposition(|it| it.function.starts_with(WAKER));
        frames.drain(..clone.map_or(0, |last| last + 1));
        Named {
            frames,
            whole: true,
        }
    }

    fn frame(&mut self, frame: &StackFrame, objects: &[String]) -> Vec<Frame> {
        let object = frame.object.and_then(|index| objects.get(index as usize));
        let Some(object) = object else {
            return vec![nameless(format!("{:#x}", frame.offset))];
        };
        self.named(&RawFrame {
            object: object.clone(),
            offset: frame.offset,
            symbol: frame.symbol.clone(),
        })
    }

    /// The function of an address, and the functions into which it is inlined.
    fn named(&mut self, frame: &RawFrame) -> Vec<Frame> {
        let key = (frame.object.clone(), frame.offset);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let symbols = self.symbolizer.one(&mut self.loaded, frame);
        let symbols = match symbols.is_empty() {
            true => self.by_symbols(frame),
            false => symbols,
        };
        let mut frames: Vec<Frame> = symbols.into_iter().map(Frame::from).collect();
        if frames.is_empty() {
            frames.push(nameless(format!("{}+{:#x}", frame.object, frame.offset)));
        }
        self.known.insert(key, frames.clone());
        frames
    }

    /// For std and third-party crates: the base and the toolchain's libraries have their symbols.
    fn by_symbols(&mut self, frame: &RawFrame) -> Vec<Symbol> {
        let (kt_dir, base) = (&self.kt_dir, &self.base);
        let symbols = self.symbols.entry(frame.object.clone()).or_insert_with(|| {
            let file = link::debug_file(kt_dir, base, &frame.object)?;
            Symbols::of_file(file.as_std_path()).ok()
        });
        if symbols.is_none() && frame.symbol.is_none() && frame.object.starts_with(OBJECTS) {
            self.missing.insert(frame.object.clone());
        }
        let symbol = symbols.as_ref().and_then(|it| it.name(frame.offset));
        let named = RawFrame {
            symbol: symbol.map(str::to_owned),
            ..frame.clone()
        };
        self.symbolizer.one(&mut self.loaded, &named)
    }
}

impl From<Symbol> for Frame {
    fn from(symbol: Symbol) -> Self {
        Self {
            function: symbol.function,
            file: symbol.file,
            line: symbol.line,
            user: symbol.user,
            named: true,
        }
    }
}

fn nameless(function: String) -> Frame {
    Frame {
        function,
        file: None,
        line: None,
        user: false,
        named: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_a_missing_object_have_offsets_and_a_note() {
        let folder = tempfile::tempdir().unwrap();
        let kt_dir = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let mut names = Names::new(kt_dir, PathBuf::new(), "libkt-base-0.so".into());
        let frame = |object, offset, symbol: Option<&str>| StackFrame {
            object,
            offset,
            symbol: symbol.map(str::to_owned),
        };
        let objects = ["libkt-app-0123456789abcdef.so", "libc.so.6"].map(str::to_owned);
        let stack = Stack {
            frames: vec![
                frame(Some(1), 8, Some("poll")),
                frame(Some(1), 16, None),
                frame(None, 16, None),
            ],
            whole: true,
        };
        let functions = |named: Named| -> Vec<_> {
            let frames = named.frames.into_iter();
            frames.map(|frame| (frame.function, frame.named)).collect()
        };
        let found = functions(names.stack(&stack, &objects));
        let wanted = [("poll", true), ("libc.so.6+0x10", false), ("0x10", false)];
        assert_eq!(found, wanted.map(|(name, named)| (name.to_owned(), named)));
        assert_eq!(names.note(), None, "not for system libraries");
        let stack = Stack {
            frames: vec![frame(Some(0), 16, None)],
            whole: true,
        };
        let found = functions(names.stack(&stack, &objects));
        assert_eq!(found[0].0, "libkt-app-0123456789abcdef.so+0x10");
        let note = names.note().unwrap();
        assert!(
            note.contains("1 object (libkt-app-0123456789abcdef.so)"),
            "{note}"
        );
    }
}
