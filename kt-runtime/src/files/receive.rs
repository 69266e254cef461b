//! The end of a copy where the files arrive.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use blake3::Hasher;
use bytes::Bytes;
use rustix::{
    fs::{
        AtFlags, FileType, Mode, OFlags, Stat, fchmod, fstat, futimens, mkdirat, openat, renameat,
        symlinkat, unlinkat, utimensat,
    },
    io::Errno,
};

use super::{
    Copied, Side, Stopped, Watch,
    folder::{self, Target},
    partial::{self, Partial, hash, hash_zeros, settle, times},
    peer::{Peer, Piece},
    system,
};
use crate::wire::files::{
    Entry, FromReceiver, FromSender, Hash, Have, Kind, Plan, Problem, Summary, Time, Why,
};

/// Receives what the other end sends. `path` is the target, as cp(1) has it.
///
/// # Errors
/// If the copy ended early. What is not copied for another reason is told to `watch`.
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
    // Without any source there is nothing that a target could be wrong for.
    if plan.names.is_empty() {
        return nothing(&mut peer);
    }
    let ready = Target::resolve(path, &plan).and_then(|target| {
        let checked = room(&target, &plan).and_then(|()| {
            let identity = target.identity();
            identity.map_err(|error| system("look at it", &error))
        });
        let path = || target.shown(Path::new(""));
        match checked {
            Ok(identity) => Ok((target, identity)),
            Err(why) => Err(Problem { path: path(), why }),
        }
    });
    match ready {
        Ok((target, identity)) => {
            peer.say(FromReceiver::Ready(identity))?;
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
            peer.say(FromReceiver::Refused(problem.clone()))?;
            Err(Stopped::Refused(problem))
        }
    }
}

fn nothing(peer: &mut Peer<FromSender, FromReceiver>) -> Copied {
    peer.say(FromReceiver::Ready(Default::default()))?;
    match peer.message()? {
        FromSender::Done => {}
        _ => return Err(Stopped::Protocol),
    }
    peer.say(FromReceiver::Done(Summary::default()))?;
    Ok(Summary::default())
}

/// Whether all of it can arrive, as far as that is known.
fn room(target: &Target, plan: &Plan) -> Result<(), Why> {
    let available = target
        .available()
        .map_err(|error| system("ask for its free room", &error))?;
    // What is there may be a part of it, or be replaced.
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
    /// Those that were made or are to have other permissions, when all is in them.
    folders: Vec<(PathBuf, u32, Time)>,
    /// A folder that is not there: nor is what lies in it.
    skipped: Option<OsString>,
    summary: Summary,
}

/// A file whose contents are to come.
struct Wanted {
    place: PathBuf,
    size: u64,
    sparse: bool,
    mode: u32,
    modified: Time,
    partial: Partial,
    /// What is there, and its hash.
    have: Option<(Found, u64, Hasher)>,
}

enum Found {
    Partial,
    /// A whole file at the place itself.
    Whole(File),
}

/// The file whose contents come.
struct Arriving {
    wanted: Wanted,
    at: u64,
    hasher: Hasher,
    /// The sender knows that it is lost.
    lost: bool,
    /// Bytes that were there already.
    found: u64,
    /// It is at its place already, if the hash agrees.
    whole: Option<File>,
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
        self.peer.say(FromReceiver::Done(self.summary))?;
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
            return self.peer.say(FromReceiver::Refuse(None));
        }
        let is_folder = entry.kind == Kind::Folder;
        let name = entry.path.clone();
        let made = match self.target.place(&entry.path) {
            Ok(place) => {
                let shown = self.target.shown(&place);
                self.make(place, entry).map_err(|why| (shown, why))
            }
            Err(why) => Err((name.clone(), why)),
        };
        match made {
            Ok(answer) => self.peer.say(answer),
            Err((path, why)) => {
                if is_folder {
                    self.skipped = Some(name);
                }
                let problem = Problem { path, why };
                self.watch.moved(size, false);
                self.watch.problem(Side::Target, problem.clone());
                self.peer.say(FromReceiver::Refuse(Some(problem)))
            }
        }
    }

    fn make(&mut self, place: PathBuf, entry: Entry) -> Result<FromReceiver, Why> {
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
            // The target itself, which is there.
            return Ok(FromReceiver::Made);
        };
        let parent = self.target.parent(&place)?;
        // Until all is in it, this user has to write to it.
        let first = Mode::from_raw_mode(mode & 0o777) | Mode::RWXU;
        match mkdirat(parent, name, first) {
            Ok(()) => {}
            // Only a folder is entered.
            Err(Errno::EXIST) => drop(folder::enter(parent, name)?),
            Err(error) => return Err(system("make a folder", &error.into())),
        }
        self.folders.push((place, mode, modified));
        self.summary.folders += 1;
        Ok(FromReceiver::Made)
    }

    fn link(&mut self, place: &Path, to: &OsString, modified: Time) -> Result<FromReceiver, Why> {
        let name = place.file_name().ok_or(Why::BadPath)?;
        let parent = self.target.parent(place)?;
        refuse_folder(parent, name)?;
        let failed = |error: Errno| system("make a symlink", &error.into());
        let mut unfinished = partial::name_of(name);
        unfinished.push("-link");
        match unlinkat(parent, &unfinished, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(failed(error)),
        }
        symlinkat(to, parent, &unfinished).map_err(failed)?;
        // A symlink's time matters to nobody enough to fail for it, and not every file system has one.
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

    /// Prepares a file, and looks at what is there of it.
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
        let there = refuse_folder(parent, name)?;
        let partial = Partial::open(parent, name)?;
        let failed = |error: io::Error| system("read what is there of it", &error);
        let left = partial.length().map_err(failed)?.min(size);
        let watch = &mut *self.watch;
        let mut have = None;
        if left > 0 {
            let hasher = hash(partial.file(), left, |_| watch.checking()).map_err(failed)?;
            have = hasher.map(|hasher| (Found::Partial, left, hasher));
        } else if size > 0 && there.is_some_and(|it| it.st_size.cast_unsigned() == size) {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            // One that cannot be read is replaced.
            if let Ok(file) = openat(parent, name, flags, Mode::empty()) {
                let file = File::from(file);
                let hasher = hash(&file, size, |_| watch.checking()).unwrap_or(None);
                have = hasher.map(|hasher| (Found::Whole(file), size, hasher));
            }
        }
        let sparse = allocated < size;
        // A whole file needs no more room if it is the same.
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

    fn begin(&mut self, from: u64) -> Result<(), Stopped> {
        if self.arriving.is_some() {
            return Err(Stopped::Protocol);
        }
        let mut wanted = self.wanted.pop_front().ok_or(Stopped::Protocol)?;
        let (mut hasher, mut whole) = (Hasher::new(), None);
        let have = wanted.have.take();
        if from > 0 {
            match have {
                Some((found, length, known)) if length == from => {
                    hasher = known;
                    if let Found::Whole(file) = found {
                        whole = Some(file);
                    }
                }
                _ => return Err(Stopped::Protocol),
            }
        }
        self.watch.moved(from, false);
        let prepared = match &whole {
            Some(_) => Ok(()),
            None => wanted
                .partial
                .keep(from)
                .and_then(|()| match wanted.sparse {
                    true => Ok(()),
                    false => wanted.partial.reserve(wanted.size),
                }),
        };
        let left = wanted.size - from;
        self.arriving = Some(Arriving {
            wanted,
            at: from,
            hasher,
            lost: false,
            found: from,
            whole,
        });
        match prepared {
            Ok(()) => Ok(()),
            Err(error) => {
                let why = full(&self.target, error, left);
                self.lose(why)
            }
        }
    }

    fn bytes(&mut self, bytes: &Bytes) -> Result<(), Stopped> {
        let length = bytes.len() as u64;
        self.watch.moved(length, true);
        let arriving = self.arriving.as_mut().ok_or(Stopped::Protocol)?;
        if arriving.lost {
            return Ok(());
        }
        let at = arriving.at;
        arriving.forward(length)?;
        arriving.hasher.update(bytes);
        match arriving.wanted.partial.write(bytes, at) {
            Ok(()) => Ok(()),
            Err(error) => {
                let left = arriving.wanted.size - at;
                let why = full(&self.target, error, left);
                self.lose(why)
            }
        }
    }

    fn hole(&mut self, length: u64) -> Result<(), Stopped> {
        self.watch.moved(length, false);
        let arriving = self.arriving.as_mut().ok_or(Stopped::Protocol)?;
        arriving.forward(length)?;
        hash_zeros(&mut arriving.hasher, length);
        Ok(())
    }

    /// Gives the file up that arrives. What arrived of it stays: more room may be made for it.
    fn lose(&mut self, why: Why) -> Result<(), Stopped> {
        let Some(arriving) = &mut self.arriving else {
            return Ok(());
        };
        arriving.lost = true;
        let problem = Problem {
            path: self.target.shown(&arriving.wanted.place),
            why,
        };
        self.watch.problem(Side::Target, problem.clone());
        self.peer.say(FromReceiver::Lost(problem))
    }

    fn end(&mut self, sent: Hash, changed: bool) -> Result<(), Stopped> {
        let arriving = self.arriving.take().ok_or(Stopped::Protocol)?;
        if arriving.lost {
            return Ok(());
        }
        let size = arriving.wanted.size;
        if arriving.at != size {
            return Err(Stopped::Protocol);
        }
        let path = self.target.shown(&arriving.wanted.place);
        let found = arriving.found;
        let hash = *arriving.hasher.finalize().as_bytes();
        match finish(arriving, hash == sent) {
            Ok(()) => {
                self.summary.files += 1;
                self.summary.bytes += size;
                self.summary.found += found;
                if changed {
                    let why = Why::Changed;
                    let path = path.clone();
                    self.watch.problem(Side::Source, Problem { path, why });
                }
                self.watch.arrived(&path, size, &hash);
                self.peer.say(FromReceiver::Arrived { hash })
            }
            Err(why) => {
                let problem = Problem { path, why };
                self.watch.problem(Side::Target, problem.clone());
                self.peer.say(FromReceiver::Lost(problem))
            }
        }
    }

    /// A file that its sender cannot read to the end.
    fn cut(&mut self, problem: Problem) -> Result<(), Stopped> {
        let wanted = match self.arriving.take() {
            Some(arriving) if arriving.lost => return Ok(()),
            Some(arriving) => arriving.wanted,
            None => self.wanted.pop_front().ok_or(Stopped::Protocol)?,
        };
        wanted.partial.discard();
        self.watch.problem(Side::Source, problem.clone());
        self.peer.say(FromReceiver::Lost(problem))
    }

    /// Folders get their permissions and times when nothing more is put into them, inner ones first.
    fn settle_folders(&mut self) -> Result<(), Stopped> {
        for (place, mode, modified) in std::mem::take(&mut self.folders).into_iter().rev() {
            if let Err(why) = settle_folder(&mut self.target, &place, mode, modified) {
                let path = self.target.shown(&place);
                let problem = Problem { path, why };
                self.watch.problem(Side::Target, problem.clone());
                self.peer.say(FromReceiver::Problem(problem))?;
            }
        }
        Ok(())
    }
}

impl Arriving {
    /// So much more is there, and not more than was announced.
    fn forward(&mut self, length: u64) -> Result<(), Stopped> {
        let at = self.at.checked_add(length);
        self.at = at
            .filter(|&at| at <= self.wanted.size)
            .ok_or(Stopped::Protocol)?;
        Ok(())
    }
}

/// Puts a file that is whole in its place.
fn finish(arriving: Arriving, verified: bool) -> Result<(), Why> {
    let Wanted {
        place,
        size,
        mode,
        modified,
        partial,
        ..
    } = arriving.wanted;
    if !verified {
        partial.discard();
        return Err(Why::WrongHash);
    }
    match arriving.whole {
        Some(file) => {
            partial.discard();
            settle(&file, mode, modified)
                .map_err(|error| system("set its permissions and time", &error.into()))
        }
        None => {
            let name = place.file_name().ok_or(Why::BadPath)?;
            partial.finish(name, size, mode, modified)
        }
    }
}

/// What is at a place where a file or symlink is to be.
fn refuse_folder(parent: &OwnedFd, name: &OsStr) -> Result<Option<Stat>, Why> {
    match folder::look(parent, name)? {
        Some(there) if folder::is(&there, FileType::Directory) => Err(Why::IsAFolder),
        there => Ok(there.filter(|it| folder::is(it, FileType::RegularFile))),
    }
}

fn settle_folder(target: &mut Target, place: &Path, mode: u32, modified: Time) -> Result<(), Why> {
    let name = place.file_name().ok_or(Why::BadPath)?;
    let parent = target.parent(place)?;
    let failed = |error: Errno| system("set its permissions and time", &error.into());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(parent, name, flags, Mode::empty()).map_err(failed)?;
    // Set-group-ID has a meaning of its own on folders, which those above it decide.
    let special = fstat(&folder).map_err(failed)?.st_mode & 0o7000;
    fchmod(&folder, Mode::from_raw_mode(special | mode & 0o777)).map_err(failed)?;
    futimens(&folder, &times(modified)).map_err(failed)
}

/// Why a file does not find room.
fn full(target: &Target, error: io::Error, needed: u64) -> Why {
    match error.raw_os_error() {
        Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) => Why::NoRoom {
            needed,
            available: target.available().unwrap_or(0),
        },
        _ => system("write it", &error),
    }
}
