//! The file of a profile.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use inferno::flamegraph::{self, Options, Palette, color::MultiPalette};
use tempfile::NamedTempFile;

use crate::stacks::{Folded, SampleError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// A flame graph, to be opened in a browser
    Svg,
    /// A line for each stack, for other tools
    Folded,
}

impl Format {
    pub(super) fn of(path: &Path) -> Self {
        match path.extension() {
            Some(end) if end == "folded" || end == "txt" => Self::Folded,
            _ => Self::Svg,
        }
    }
}

/// A file that takes its place once it is whole.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    format: Format,
    file: NamedTempFile,
}

impl Output {
    /// # Errors
    /// If no file can be made there.
    pub(super) fn open(path: &Path, format: Option<Format>) -> Result<Self, SampleError> {
        if path.is_dir() {
            return Err(failed(path, io::ErrorKind::IsADirectory.into()));
        }
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        let file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
        Ok(Self {
            path: path.to_owned(),
            format: format.unwrap_or_else(|| Format::of(path)),
            file: file.map_err(|error| failed(path, error))?,
        })
    }

    /// # Errors
    /// If it cannot be written: then the file that was there is as before.
    pub(super) fn write(mut self, folded: &Folded, service: &str) -> Result<(), SampleError> {
        let lines: Vec<String> = folded.lines().collect();
        let mut writer = BufWriter::new(self.file.as_file_mut());
        let written = match self.format {
            Format::Svg => graph(&lines, service, &mut writer),
            Format::Folded => lines.iter().try_for_each(|line| writeln!(writer, "{line}")),
        };
        let written = written.and_then(|()| writer.flush());
        drop(writer);
        let path = self.path;
        written.map_err(|error| failed(&path, error))?;
        let kept = self.file.persist(&path);
        kept.map_err(|error| failed(&path, error.error)).map(drop)
    }
}

fn graph(lines: &[String], service: &str, writer: impl Write) -> io::Result<()> {
    let mut options = Options::default();
    options.title = service.to_owned();
    options.colors = Palette::Multi(MultiPalette::Rust);
    // One profile is one file, whenever it is drawn.
    options.deterministic = true;
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), writer)
}

fn failed(path: &Path, source: io::Error) -> SampleError {
    SampleError::Write {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stacks::{Frame, Named};

    fn folded() -> Folded {
        let frame = Frame {
            function: "app::<T>::work".into(),
            file: None,
            line: None,
            user: true,
            named: true,
        };
        let stack = Named {
            frames: vec![frame],
            whole: true,
        };
        let mut folded = Folded::default();
        folded.add("kt-call", &stack, 7, false);
        folded
    }

    #[test]
    fn a_flame_graph_names_functions_and_a_folded_file_has_a_line_for_each_stack() {
        let folder = tempfile::tempdir().unwrap();
        let (svg, lines) = (folder.path().join("a.svg"), folder.path().join("a.folded"));
        for path in [&svg, &lines] {
            let output = Output::open(path, None).unwrap();
            output.write(&folded(), "alice-app").unwrap();
        }
        let drawn = std::fs::read_to_string(svg).unwrap();
        assert!(
            drawn.contains("app::&lt;T&gt;::work (7 samples, 100.00%)"),
            "{drawn}"
        );
        let lines = std::fs::read_to_string(lines).unwrap();
        assert_eq!(lines, "app::<T>::work 7\n");
        // Nothing else is left there.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_place_that_cannot_be_written_to_is_an_error_at_once() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Output::open(folder.path(), None).is_err());
        assert!(Output::open(&folder.path().join("missing/a.svg"), None).is_err());
    }
}
