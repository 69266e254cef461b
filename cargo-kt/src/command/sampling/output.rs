//! Writes the file of a profile.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use inferno::flamegraph::{self, Options, Palette, color::MultiPalette};
use tempfile::NamedTempFile;

use crate::stacks::{Folded, SampleError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// A flame graph, for a browser
    Svg,
    /// One line per stack, for other tools
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

/// A file that is renamed to its path once it is complete.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    format: Format,
    file: NamedTempFile,
}

impl Output {
    /// # Errors
    /// If the file cannot be created.
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
    /// If it cannot be written: an existing file stays unchanged.
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
        let persisted = self.file.persist(&path);
        persisted
            .map_err(|error| failed(&path, error.error))
            .map(drop)
    }
}

fn graph(lines: &[String], service: &str, writer: impl Write) -> io::Result<()> {
    let mut options = Options::default();
    options.title = service.to_owned();
    options.colors = Palette::Multi(MultiPalette::Rust);
    // The same profile gives the same file.
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
        // No temporary file is left.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn an_unwritable_path_is_an_error_before_sampling() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Output::open(folder.path(), None).is_err());
        assert!(Output::open(&folder.path().join("missing/a.svg"), None).is_err());
    }
}
