//! Where a copy arrives. Every folder is entered from the one above it and none through a symlink, whatever others put there
//! meanwhile: openat(2) with `O_NOFOLLOW`.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStrExt, fs::MetadataExt},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, fstatvfs, open, openat, statat};

use super::system;
use crate::wire::files::{Identity, NAME, PATH, Plan, Problem, Why};

/// A folder, to reach what lies in it.
const ENTER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The target of a copy.
#[derive(Debug)]
pub struct Target {
    base: OwnedFd,
    /// For messages.
    path: PathBuf,
    /// What the only source is called there; `None`: its own name.
    name: Option<OsString>,
    /// The folder that was entered last, and its path below `base`.
    entered: Option<(PathBuf, OwnedFd)>,
}

impl Target {
    /// Finds out what a path means as the target of such a copy, as cp(1) does.
    pub fn resolve(path: &Path, plan: &Plan) -> Result<Self, Problem> {
        let problem = |why| Problem {
            path: path.as_os_str().to_owned(),
            why,
        };
        let several = plan.names.len() > 1;
        let slash = path.as_os_str().as_bytes().ends_with(b"/");
        let there = match fs::metadata(path) {
            Ok(there) if there.is_dir() => {
                let base = open(path, ENTER, Mode::empty())
                    .map_err(|error| problem(system("open it", &error.into())))?;
                return Ok(Self::new(base, path, None));
            }
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(problem(Why::NotAFolder));
            }
            Err(error) => return Err(problem(system("look at it", &error))),
        };
        match (there, several || slash) {
            (true, true) => return Err(problem(Why::NotAFolder)),
            (true, false) if plan.folder => return Err(problem(Why::NotAFolder)),
            // A folder may get a name with `/` behind it.
            (false, true) if several || !plan.folder => return Err(problem(Why::NoFolder)),
            _ => {}
        }
        let name = path.file_name().ok_or_else(|| problem(Why::BadPath))?;
        let parent = path.parent().ok_or_else(|| problem(Why::BadPath))?;
        let folder = match parent.as_os_str().is_empty() {
            true => Path::new("."),
            false => parent,
        };
        let base = open(folder, ENTER, Mode::empty()).map_err(|error| match error {
            rustix::io::Errno::NOENT => problem(Why::NoParent),
            error => problem(system("open the folder that it lies in", &error.into())),
        })?;
        Ok(Self::new(base, parent, Some(name.to_owned())))
    }

    fn new(base: OwnedFd, path: &Path, name: Option<OsString>) -> Self {
        Self {
            base,
            path: path.to_owned(),
            name,
            entered: None,
        }
    }

    pub fn identity(&self) -> io::Result<Identity> {
        let data = fstat(&self.base)?;
        Ok(Identity {
            boot: boot(),
            device: data.st_dev,
            inode: data.st_ino,
        })
    }

    /// Bytes that are free for this user.
    pub fn available(&self) -> io::Result<u64> {
        let data = fstatvfs(&self.base)?;
        // A file system without a size, such as proc, tells by refusing.
        if data.f_blocks == 0 {
            return Ok(u64::MAX);
        }
        Ok(data.f_bavail.saturating_mul(data.f_frsize))
    }

    /// Bytes that the places take already where these sources arrive.
    pub fn taken(&self, names: &[OsString]) -> u64 {
        let places = names.iter().filter_map(|name| self.place(name).ok());
        places.map(|place| taken(&self.path.join(place))).sum()
    }

    /// A place as messages have it.
    pub fn shown(&self, place: &Path) -> OsString {
        self.path.join(place).into_os_string()
    }

    /// Where an entry arrives: a path below the target, which it does not leave. It is empty for the target itself.
    pub fn place(&self, path: &OsStr) -> Result<PathBuf, Why> {
        let bytes = path.as_bytes();
        if bytes.len() > PATH || bytes.contains(&0) {
            return Err(Why::BadPath);
        }
        let mut place = PathBuf::new();
        for (index, part) in bytes.split(|&byte| byte == b'/').enumerate() {
            match (index, part, &self.name) {
                (_, b"" | b"..", _) => return Err(Why::BadPath),
                (0, _, Some(name)) => place.push(name),
                (0, b".", None) => {}
                (_, b".", _) => return Err(Why::BadPath),
                _ if part.len() > NAME => return Err(Why::BadPath),
                _ => place.push(OsStr::from_bytes(part)),
            }
        }
        Ok(place)
    }

    /// The folder that a place lies in.
    pub fn parent(&mut self, place: &Path) -> Result<&OwnedFd, Why> {
        let parent = place.parent().unwrap_or(Path::new(""));
        let folder = match self.entered.take() {
            Some((at, folder)) if at == parent => folder,
            _ => {
                let again = self.base.try_clone();
                let mut folder = again.map_err(|error| system("open a folder", &error))?;
                for part in parent {
                    folder = enter(&folder, part)?;
                }
                folder
            }
        };
        let (_, folder) = self.entered.insert((parent.to_owned(), folder));
        Ok(folder)
    }
}

/// A folder's folder. A symlink is none.
pub fn enter(folder: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Why> {
    use rustix::io::Errno;
    match openat(folder, name, ENTER | OFlags::NOFOLLOW, Mode::empty()) {
        Ok(inner) => Ok(inner),
        Err(Errno::LOOP | Errno::NOTDIR) => Err(match look(folder, name)? {
            Some(there) if is(&there, FileType::Symlink) => Why::LinkInTheWay,
            _ => Why::NotAFolder,
        }),
        Err(error) => Err(system("open a folder", &error.into())),
    }
}

/// What is at a name; a symlink is not followed.
pub fn look(folder: &OwnedFd, name: &OsStr) -> Result<Option<Stat>, Why> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(data) => Ok(Some(data)),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(system("look at it", &error.into())),
    }
}

pub fn is(data: &Stat, kind: FileType) -> bool {
    FileType::from_raw_mode(data.st_mode) == kind
}

/// Names the kernel that runs, since its start.
pub fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map_or_else(|_| String::new(), |id| id.trim_end().to_owned())
}

/// Bytes of the files here and below.
fn taken(path: &Path) -> u64 {
    let Ok(data) = fs::symlink_metadata(path) else {
        return 0;
    };
    let mut bytes = data.blocks().saturating_mul(512);
    if data.is_dir()
        && let Ok(inner) = fs::read_dir(path)
    {
        bytes += inner.flatten().map(|it| taken(&it.path())).sum::<u64>();
    }
    bytes
}
