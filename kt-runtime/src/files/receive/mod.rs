//! The receiving end of a copy.

mod contents;

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{
        AtFlags, FileType, Mode, OFlags, Stat, fchmod, fstat, futimens, mkdirat, openat, renameat,
        symlinkat, unlinkat, utimensat,
    },
    io::Errno,
};

use self::contents::{Arriving, Found, Wanted, full};
use super::{
    Copied, Side, Stopped, Watch,
    folder::{self, Target},
    partial::{self, Partial, hash, times},
    peer::{Peer, Piece},
    system,
};
use crate::wire::files::{
    Entry, FromReceiver, FromSender, Have, Kind, Plan, Problem, Summary, Time, Why,
};

/// Receives what the other end sends. `path` is the target, as for cp(1).
///
/// # Errors
/// If the copy stopped early. Other failures are reported to `watch`.
pub fn receive(
    path: &Path,
    mut peer: Peer<FromSender, FromReceiver>,
    watch: &mut dyn Watch,
) -> Copied {
    let plan = loop {
        match peer.message()? {
            FromSender::Problem(problem) => watch.problem(Side::Source, problem),
            FromSender::Plan(plan) => break plan,
            _ => return Err(Stopped::Protocol),
        }
    };
    watch.planned(&plan);
    // Without any source, the target does not matter.
    if plan.names.is_empty() {
        return nothing(&mut peer);
    }
    let ready = Target::resolve(path, &plan).and_then(|target| {
        let checked = check_space(&target, &plan).and_then(|()| {
            let identity = target.identity();
            identity.map_err(|error| system("read its metadata", &error))
        });
        let path = || target.shown(Path::new(""));
        match checked {
            Ok(identity) => Ok((target, identity)),
            Err(why) => Err(Problem { path: path(), why }),
        }
    });
    match ready {
        Ok((target, identity)) => {
            peer.send(FromReceiver::Ready(identity))?;
            let mut receiver = Receiver {
                peer,
                watch,
                target,
                wanted: VecDeque::new(),
                arriving: None,
                folders: Vec::new(),
                skipped: None,
                summary: Summary::default(),
            };
            receiver.receive()
        }
        Err(problem) => {
            peer.send(FromReceiver::Refused(problem.clone()))?;
            Err(Stopped::Refused(problem))
        }
    }
}

fn nothing(peer: &mut Peer<FromSender, FromReceiver>) -> Copied {
    peer.send(FromReceiver::Ready(Default::default()))?;
    match peer.message()? {
        FromSender::Done => {}
        _ => return Err(Stopped::Protocol),
    }
    peer.send(FromReceiver::Done(Summary::default()))?;
    Ok(Summary::default())
}

/// Whether everything fits, as far as that is known.
fn check_space(target: &Target, plan: &Plan) -> Result<(), Why> {
    let available = target
        .available()
        .map_err(|error| system("get its free space", &error))?;
    // Existing files may be a part of the copy, or be replaced.
    if plan.allocated <= available
        || plan.allocated <= available.saturating_add(target.taken(&plan.names))
    {
        return Ok(());
    }
    Err(Why::NoRoom {
        needed: plan.allocated,
        available,
    })
}

struct Receiver<'a> {
    peer: Peer<FromSender, FromReceiver>,
    watch: &'a mut dyn Watch,
    target: Target,
    wanted: VecDeque<Wanted>,
    arriving: Option<Arriving>,
    /// Created folders and those whose permissions will change, to be set after their contents.
    folders: Vec<(PathBuf, u32, Time)>,
    /// A folder that failed: its contents are skipped.
    skipped: Option<OsString>,
    summary: Summary,
}

impl Receiver<'_> {
    fn receive(&mut self) -> Copied {
        loop {
            match self.peer.next()? {
                Piece::Bytes(bytes) => self.bytes(&bytes)?,
                Piece::Message(FromSender::Entry(entry)) => self.entry(entry)?,
                Piece::Message(FromSender::Contents { from }) => self.begin(from)?,
                Piece::Message(FromSender::Bytes { .. }) => {}
                Piece::Message(FromSender::Hole { length }) => self.hole(length)?,
                Piece::Message(FromSender::End { hash, changed }) => self.end(hash, changed)?,
                Piece::Message(FromSender::Cut(problem)) => self.cut(problem)?,
                Piece::Message(FromSender::Problem(problem)) => {
                    self.watch.problem(Side::Source, problem);
                }
                Piece::Message(FromSender::Done) => break,
                Piece::Message(FromSender::Plan(_)) => return Err(Stopped::Protocol),
            }
        }
        if self.arriving.is_some() || !self.wanted.is_empty() {
            return Err(Stopped::Protocol);
        }
        self.settle_folders()?;
        self.peer.send(FromReceiver::Done(self.summary))?;
        Ok(self.summary)
    }

    fn entry(&mut self, entry: Entry) -> Result<(), Stopped> {
        let size = match entry.kind {
            Kind::File { size, .. } => size,
            _ => 0,
        };
        if self
            .skipped
            .as_ref()
            .is_some_and(|it| Path::new(&entry.path).starts_with(it))
        {
            self.watch.moved(size, false);
            return self.peer.send(FromReceiver::Refuse(None));
        }
        let is_folder = entry.kind == Kind::Folder;
        let name = entry.path.clone();
        let created = match self.target.place(&entry.path) {
            Ok(place) => {
                let shown = self.target.shown(&place);
                self.create(place, entry).map_err(|why| (shown, why))
            }
            Err(why) => Err((name.clone(), why)),
        };
        match created {
            Ok(answer) => self.peer.send(answer),
            Err((path, why)) => {
                if is_folder {
                    self.skipped = Some(name);
                }
                let problem = Problem { path, why };
                self.watch.moved(size, false);
                self.watch.problem(Side::Target, problem.clone());
                self.peer.send(FromReceiver::Refuse(Some(problem)))
            }
        }
    }

    fn create(&mut self, place: PathBuf, entry: Entry) -> Result<FromReceiver, Why> {
        match entry.kind {
            Kind::Folder => self.folder(place, entry.mode, entry.modified),
            Kind::Link { target } => self.link(&place, &target, entry.modified),
            Kind::File { size, allocated } => {
                let wanted = self.file(place, size, allocated, entry.mode, entry.modified)?;
                let have = wanted.have.as_ref().map(|(_, length, hasher)| Have {
                    length: *length,
                    hash: *hasher.finalize().as_bytes(),
                });
                self.wanted.push_back(wanted);
                Ok(FromReceiver::Want(have))
            }
        }
    }

    fn folder(&mut self, place: PathBuf, mode: u32, modified: Time) -> Result<FromReceiver, Why> {
        let Some(name) = place.file_name() else {
            // The target itself, which exists.
            return Ok(FromReceiver::Made);
        };
        let parent = self.target.parent(&place)?;
        // This user must be able to write to it until it is complete.
        let first = Mode::from_raw_mode(mode & 0o777) | Mode::RWXU;
        match mkdirat(parent, name, first) {
            Ok(()) => {}
            // Only a folder can be entered.
            Err(Errno::EXIST) => drop(folder::enter(parent, name)?),
            Err(error) => return Err(system("create a folder", &error.into())),
        }
        self.folders.push((place, mode, modified));
        self.summary.folders += 1;
        Ok(FromReceiver::Made)
    }

    fn link(&mut self, place: &Path, to: &OsString, modified: Time) -> Result<FromReceiver, Why> {
        let name = place.file_name().ok_or(Why::BadPath)?;
        let parent = self.target.parent(place)?;
        refuse_folder(parent, name)?;
        let failed = |error: Errno| system("create a symlink", &error.into());
        let mut unfinished = partial::name_of(name);
        unfinished.push("-link");
        match unlinkat(parent, &unfinished, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(failed(error)),
        }
        symlinkat(to, parent, &unfinished).map_err(failed)?;
        // Ignore errors: a symlink's time is not important, and not every file system stores it.
        let _ = utimensat(
            parent,
            &unfinished,
            &times(modified),
            AtFlags::SYMLINK_NOFOLLOW,
        );
        renameat(parent, &unfinished, parent, name).map_err(failed)?;
        self.summary.links += 1;
        Ok(FromReceiver::Made)
    }

    /// Prepares a file, and checks existing data.
    fn file(
        &mut self,
        place: PathBuf,
        size: u64,
        allocated: u64,
        mode: u32,
        modified: Time,
    ) -> Result<Wanted, Why> {
        let name = place.file_name().ok_or(Why::BadPath)?;
        let parent = self.target.parent(&place)?;
        let existing = refuse_folder(parent, name)?;
        let partial = Partial::open(parent, name)?;
        let failed = |error: io::Error| system("read the existing file", &error);
        let left = partial.length().map_err(failed)?.min(size);
        let watch = &mut *self.watch;
        let mut have = None;
        if left > 0 {
            let hasher = hash(partial.file(), left, |_| watch.checking()).map_err(failed)?;
            have = hasher.map(|hasher| (Found::Partial, left, hasher));
        } else if size > 0 && existing.is_some_and(|it| it.st_size.cast_unsigned() == size) {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            // An unreadable file is replaced.
            if let Ok(file) = openat(parent, name, flags, Mode::empty()) {
                let file = File::from(file);
                let hasher = hash(&file, size, |_| watch.checking()).unwrap_or(None);
                have = hasher.map(|hasher| (Found::Whole(file), size, hasher));
            }
        }
        let sparse = allocated < size;
        // An identical existing file needs no more space.
        if !sparse && !matches!(have, Some((Found::Whole(_), ..))) {
            self.reserve(&partial, size, left)?;
        }
        Ok(Wanted {
            place,
            size,
            sparse,
            mode,
            modified,
            partial,
            have,
        })
    }

    fn reserve(&self, partial: &Partial, size: u64, have: u64) -> Result<(), Why> {
        partial
            .reserve(size)
            .map_err(|error| full(&self.target, error, size - have))
    }

    /// Sets permissions and times of folders once their contents are complete, inner folders first.
    fn settle_folders(&mut self) -> Result<(), Stopped> {
        for (place, mode, modified) in std::mem::take(&mut self.folders).into_iter().rev() {
            if let Err(why) = settle_folder(&mut self.target, &place, mode, modified) {
                let path = self.target.shown(&place);
                let problem = Problem { path, why };
                self.watch.problem(Side::Target, problem.clone());
                self.peer.send(FromReceiver::Problem(problem))?;
            }
        }
        Ok(())
    }
}

/// The existing file at a target for a file or symlink; fails for a folder.
fn refuse_folder(parent: &OwnedFd, name: &OsStr) -> Result<Option<Stat>, Why> {
    match folder::look(parent, name)? {
        Some(data) if folder::is(&data, FileType::Directory) => Err(Why::IsAFolder),
        existing => Ok(existing.filter(|it| folder::is(it, FileType::RegularFile))),
    }
}

fn settle_folder(target: &mut Target, place: &Path, mode: u32, modified: Time) -> Result<(), Why> {
    let name = place.file_name().ok_or(Why::BadPath)?;
    let parent = target.parent(place)?;
    let failed = |error: Errno| system("set its permissions and time", &error.into());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(parent, name, flags, Mode::empty()).map_err(failed)?;
    // Set-group-ID on folders is inherited from their parents: keep it.
    let special = fstat(&folder).map_err(failed)?.st_mode & 0o7000;
    fchmod(&folder, Mode::from_raw_mode(special | mode & 0o777)).map_err(failed)?;
    futimens(&folder, &times(modified)).map_err(failed)
}
