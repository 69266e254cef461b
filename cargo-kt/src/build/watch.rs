//! The inputs of each build script at its last run, and whether cargo would rerun the script
//! (<https://doc.rust-lang.org/cargo/reference/build-scripts.html#change-detection>).

use camino::{Utf8Path, Utf8PathBuf};

use super::directory;
use super::file::{self, Stamp};
use super::record::Origin;
use super::script::Reruns;
use super::tree::Tree;
use crate::plan::{Plan, Surroundings};

/// One run of a build script, and the files that it named.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Watch {
    pub(super) out_dir: Utf8PathBuf,
    pub(super) package: Origin,
    /// The package is a path dependency or a member.
    pub(super) has_path_source: bool,
    /// The stamp of cargo's copy of the output, which each run replaces.
    output: Option<Stamp>,
    paths: Vec<Watched>,
}

/// The state of a file or directory at that time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Watched {
    path: Utf8PathBuf,
    /// If set, only the package's own files count, without those in this target directory. Else all
    /// files below the path count.
    package_without: Option<Utf8PathBuf>,
    /// `None` if the path does not exist.
    digest: Option<String>,
    /// The newest mtime.
    modified: Option<i128>,
}

impl Watch {
    /// Reads the last output of the script with this `OUT_DIR`. Also returns the variables that it
    /// names.
    ///
    /// # Errors
    /// If the output cannot be read.
    pub(super) fn of(
        plan: &Plan,
        package: usize,
        out_dir: &Utf8Path,
        surroundings: &Surroundings,
    ) -> std::io::Result<(Self, Vec<String>)> {
        let package = &plan.packages[package];
        let reruns = Reruns::read(out_dir, package.directory())?;
        let mut paths = Vec::new();
        if package.has_path_source && reruns.is_unspecific() {
            paths.push(Watched::now(
                package.directory().to_owned(),
                Some(plan.target_directory.clone()),
            ));
        }
        // cargo treats downloaded files as immutable (`find_stale_file` in its fingerprints).
        let home = surroundings.cargo_home();
        let downloaded: Vec<_> = ["registry", "git"]
            .iter()
            .filter_map(|name| Some(home.as_ref()?.join(name)))
            .collect();
        let named = reruns.paths.into_iter();
        paths.extend(
            named
                .filter(|path| !downloaded.iter().any(|home| path.starts_with(home)))
                .map(|path| Watched::now(path, None)),
        );
        let watch = Self {
            out_dir: out_dir.to_owned(),
            package: Origin::of(package),
            has_path_source: package.has_path_source,
            output: output(out_dir),
            paths,
        };
        Ok((watch, reruns.variables))
    }

    /// Whether the script ran since, or its output was removed.
    pub(super) fn is_of_another_build(&self) -> bool {
        output(&self.out_dir) != self.output
    }

    /// The newest ctime of all watched files.
    pub(super) fn last_change(&self) -> Option<i128> {
        let trees = self.paths.iter().filter_map(Watched::tree);
        trees.map(|tree| tree.changed).max()
    }

    /// The first path that changed, whether or not cargo detects it.
    pub(super) fn changed(&self) -> Option<&Utf8Path> {
        let changed = self.paths.iter().find(|watched| {
            let tree = watched.tree();
            // cargo compares the newest file of a package that git does not ignore. An ignored
            // file, such as a program's log, must not rerun the script.
            let is_left_to_cargo = watched.package_without.is_some()
                && tree.as_ref().map(|tree| tree.modified) > watched.modified;
            tree.map(|tree| tree.digest) != watched.digest && !is_left_to_cargo
        });
        changed.map(|watched| watched.path.as_path())
    }

    /// The same run, if the content of its inputs at that time is unknown.
    pub(super) fn uncertain(mut self) -> Self {
        for watched in &mut self.paths {
            // No tree has this digest.
            watched.digest = Some(String::new());
            watched.modified = Some(i128::MAX);
        }
        self
    }

    /// Why cargo would rerun the script.
    pub(super) fn reason(&self) -> Option<String> {
        // cargo sets the mtime of its copy of the output to the start of the script, and reruns the
        // script for newer files.
        let output = directory::script_output(&self.out_dir);
        let started = output.and_then(|path| file::modified_at(&path));
        self.paths.iter().find_map(|watched| {
            let path = &watched.path;
            let Some(tree) = watched.tree() else {
                return Some(format!(
                    "`{path}`, which the build script of `{}` watches, does not exist",
                    self.package.name
                ));
            };
            let is_newer = watched.package_without.is_none()
                && started.is_none_or(|started| tree.modified > started);
            let is_other = watched.digest.as_ref() != Some(&tree.digest);
            (is_newer || is_other).then(|| format!("`{path}` has changed"))
        })
    }
}

fn output(out_dir: &Utf8Path) -> Option<Stamp> {
    Stamp::of(&directory::script_output(out_dir)?)
}

impl Watched {
    fn now(path: Utf8PathBuf, package_without: Option<Utf8PathBuf>) -> Self {
        let mut watched = Self {
            path,
            package_without,
            digest: None,
            modified: None,
        };
        let tree = watched.tree();
        watched.modified = tree.as_ref().map(|tree| tree.modified);
        watched.digest = tree.map(|tree| tree.digest);
        watched
    }

    fn tree(&self) -> Option<Tree> {
        match &self.package_without {
            Some(target_directory) => Tree::package(&self.path, target_directory),
            None => Tree::whole(&self.path),
        }
    }
}
