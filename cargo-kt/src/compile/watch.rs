//! What build scripts want to be run again for: as it was when each ran, and whether cargo would run it now
//! (<https://doc.rust-lang.org/cargo/reference/build-scripts.html#change-detection>).

use camino::{Utf8Path, Utf8PathBuf};

use super::directory;
use super::file::{self, Stamp};
use super::record::Origin;
use super::script::Reruns;
use super::tree::Tree;
use crate::context::CargoContext;
use crate::plan::Plan;

/// One run of a build script, and the files that it named.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Watch {
    pub(super) out_dir: Utf8PathBuf,
    pub(super) package: Origin,
    /// The package lies in a directory of the user's.
    pub(super) has_path_source: bool,
    /// Of cargo's copy of its output, which each run writes anew.
    output: Option<Stamp>,
    paths: Vec<Watched>,
}

/// A file or directory, as it was.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Watched {
    path: Utf8PathBuf,
    /// The package's own files, apart from those in this target directory; else all below the path.
    package_without: Option<Utf8PathBuf>,
    /// `None` where there is nothing.
    digest: Option<String>,
    /// The newest mtime.
    modified: Option<i128>,
}

impl Watch {
    /// The script of a package with this `OUT_DIR`, by what it printed the last time it ran, and the variables that it named.
    ///
    /// # Errors
    /// When what it printed cannot be read.
    pub(super) fn of(
        plan: &Plan,
        package: usize,
        out_dir: &Utf8Path,
        context: &CargoContext,
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
        // cargo takes what it has downloaded for unchangeable (`find_stale_file` in its fingerprints).
        let home = context.cargo_home();
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

    /// Whether the script has run since, or what it printed is gone.
    pub(super) fn is_of_another_build(&self) -> bool {
        output(&self.out_dir) != self.output
    }

    /// The newest ctime of all that is watched.
    pub(super) fn last_change(&self) -> Option<i128> {
        let trees = self.paths.iter().filter_map(Watched::tree);
        trees.map(|tree| tree.changed).max()
    }

    /// The first path that is not as it was, whether or not cargo sees it.
    pub(super) fn changed(&self) -> Option<&Utf8Path> {
        let changed = self.paths.iter().find(|watched| {
            let tree = watched.tree();
            // Of a package's files cargo takes the newest, and it leaves out those that git ignores: a program's log there
            // must not run the script again.
            let is_left_to_cargo = watched.package_without.is_some()
                && tree.as_ref().map(|tree| tree.modified) > watched.modified;
            tree.map(|tree| tree.digest) != watched.digest && !is_left_to_cargo
        });
        changed.map(|watched| watched.path.as_path())
    }

    /// The same run, of which is not known for what state of its files it was made.
    pub(super) fn uncertain(mut self) -> Self {
        for watched in &mut self.paths {
            // No tree has this digest.
            watched.digest = Some(String::new());
            watched.modified = Some(i128::MAX);
        }
        self
    }

    /// Why cargo would run the script again.
    pub(super) fn reason(&self) -> Option<String> {
        // cargo gives its copy of the output the time at which the script was started, and runs it again for what is newer.
        let output = directory::script_output(&self.out_dir);
        let started = output.and_then(|path| file::modified_at(&path));
        self.paths.iter().find_map(|watched| {
            let path = &watched.path;
            let Some(tree) = watched.tree() else {
                return Some(format!(
                    "`{path}`, for which a build script of `{}` wants to be run again, does not exist",
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
