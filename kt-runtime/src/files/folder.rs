//! The target of a copy. Every folder is opened relative to its parent and never through a symlink,
//! even if other processes change the tree meanwhile: openat(2) with `O_NOFOLLOW`.

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

/// Flags to open a folder as a base for relative paths.
const ENTER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The target of a copy.
#[derive(Debug)]
pub struct Target {
    base: OwnedFd,
    /// For messages.
    path: PathBuf,
    /// The name of the only source at the target; `None`: the source's own name.
    name: Option<OsString>,
    /// The latest opened folder, and its path below `base`.
    entered: Option<(PathBuf, OwnedFd)>,
}

impl Target {
    /// Interprets a path as the target of a copy, like cp(1).
    pub fn resolve(path: &Path, plan: &Plan) -> Result<Self, Problem> {
        let problem = |why| Problem {
            path: path.as_os_str().to_owned(),
            why,
        };
        let several = plan.names.len() > 1;
        let slash = path.as_os_str().as_bytes().ends_with(b"/");
        let exists = match fs::metadata(path) {
            Ok(data) if data.is_dir() => {
                let base = open(path, ENTER, Mode::empty())
                    .map_err(|error| problem(system("open it", &error.into())))?;
                return Ok(Self::new(base, path, None));
            }
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(problem(Why::NotAFolder));
            }
            Err(error) => return Err(problem(system("read its metadata", &error))),
        };
        match (exists, several || slash) {
            (true, true) => return Err(problem(Why::NotAFolder)),
            (true, false) if plan.folder => return Err(problem(Why::NotAFolder)),
            // A new folder's name may end with `/`.
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
            error => problem(system("open its parent folder", &error.into())),
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

    /// Free bytes for this user.
    pub fn available(&self) -> io::Result<u64> {
        let data = fstatvfs(&self.base)?;
        // A file system without a size, such as proc, rejects writes itself.
        if data.f_blocks == 0 {
            return Ok(u64::MAX);
        }
        Ok(data.f_bavail.saturating_mul(data.f_frsize))
    }

    /// Bytes that existing files at the targets of these sources occupy.
    pub fn taken(&self, names: &[OsString]) -> u64 {
        let places = names.iter().filter_map(|name| self.place(name).ok());
        places.map(|place| taken(&self.path.join(place))).sum()
    }

    /// A target path for messages.
    pub fn shown(&self, place: &Path) -> OsString {
        self.path.join(place).into_os_string()
    }

    /// The path of an entry below the target, which it never leaves. Empty for the target itself.
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

    /// The parent folder of a target path.
    pub fn parent(&mut self, place: &Path) -> Result<&OwnedFd, Why> {
        let parent = place.parent().unwrap_or(Path::new(""));
        let folder = match self.entered.take() {
            Some((at, folder)) if at == parent => folder,
            _ => {
                let base = self.base.try_clone();
                let mut folder = base.map_err(|error| system("open a folder", &error))?;
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

/// Opens a subfolder. Refuses a symlink.
pub fn enter(folder: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Why> {
    use rustix::io::Errno;
    match openat(folder, name, ENTER | OFlags::NOFOLLOW, Mode::empty()) {
        Ok(inner) => Ok(inner),
        Err(Errno::LOOP | Errno::NOTDIR) => Err(match look(folder, name)? {
            Some(data) if is(&data, FileType::Symlink) => Why::LinkInTheWay,
            _ => Why::NotAFolder,
        }),
        Err(error) => Err(system("open a folder", &error.into())),
    }
}

/// The metadata of a name, without following a symlink.
pub fn look(folder: &OwnedFd, name: &OsStr) -> Result<Option<Stat>, Why> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(data) => Ok(Some(data)),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(system("read its metadata", &error.into())),
    }
}

pub fn is(data: &Stat, kind: FileType) -> bool {
    FileType::from_raw_mode(data.st_mode) == kind
}

/// Identifies the running kernel, since its boot.
pub fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map_or_else(|_| String::new(), |id| id.trim_end().to_owned())
}

/// Total size of the files at this path and below.
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
