//! The sending end of a copy.

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use blake3::Hasher;
use bytes::{Bytes, BytesMut};
use rustix::{
    fs::{SeekFrom, seek},
    io::Errno,
};

use super::{
    Copied, Side, Stopped, Watch, folder,
    partial::{hash, hash_zeros},
    peer::{Peer, Piece},
    source::{Source, Walk, plan},
    system,
};
use crate::wire::files::{FromReceiver, FromSender, Hash, Have, Kind, PIECE, Problem, WINDOW, Why};

/// Sends what these paths name. `follow`: follows those that are symlinks.
///
/// # Errors
/// If the copy stopped early. Other failures are reported to `watch`.
pub fn send(
    paths: &[PathBuf],
    follow: bool,
    peer: Peer<FromReceiver, FromSender>,
    watch: &mut dyn Watch,
) -> Copied {
    let mut sender = Sender {
        peer,
        watch,
        unanswered: VecDeque::new(),
        wanted: VecDeque::new(),
        unconfirmed: VecDeque::new(),
    };
    let mut sources = Vec::new();
    for path in paths {
        match Source::find(path, follow) {
            Ok(source) if sources.iter().any(|it: &Source| it.name == source.name) => {
                let path = path.as_os_str().to_owned();
                let why = Why::SameName;
                sender.problem(Problem { path, why })?;
            }
            Ok(source) => sources.push(source),
            Err(problem) => sender.problem(problem)?,
        }
    }
    sender.send(sources)
}

struct Sender<'a> {
    peer: Peer<FromReceiver, FromSender>,
    watch: &'a mut dyn Watch,
    /// Entries without an answer from the receiver.
    unanswered: VecDeque<Item>,
    /// Files to send, with the receiver's existing data.
    wanted: VecDeque<(Item, Option<Have>)>,
    /// Sent files; the last one may still be in progress.
    unconfirmed: VecDeque<Sent>,
}

#[derive(Debug)]
struct Item {
    path: PathBuf,
    /// Zero for entries that are not files.
    size: u64,
}

#[derive(Debug)]
struct Sent {
    item: Item,
    /// `None` while it is being sent, or if it was cut.
    hash: Option<Hash>,
    cut: bool,
}

/// Why a file is not sent completely.
enum Unsent {
    Stopped(Stopped),
    Cut(Why),
    /// The receiver has given it up.
    Lost,
}

impl From<Stopped> for Unsent {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

impl Sender<'_> {
    fn send(&mut self, sources: Vec<Source>) -> Copied {
        let plan = plan(&sources);
        self.watch.planned(&plan);
        self.peer.send(FromSender::Plan(plan))?;
        let target = match self.peer.message()? {
            FromReceiver::Ready(target) => target,
            FromReceiver::Refused(problem) => return Err(Stopped::Refused(problem)),
            _ => return Err(Stopped::Protocol),
        };
        let mut walk = Walk::outside(sources, target, &folder::boot());
        let mut walked = false;
        loop {
            while let Some(message) = self.peer.poll()? {
                self.handle(message)?;
            }
            let due = self.unanswered.len() + self.wanted.len() + self.unconfirmed.len();
            if let Some((item, have)) = self.wanted.pop_front() {
                self.contents(item, have)?;
            } else if due < WINDOW && !walked {
                match walk.next() {
                    Some(Ok((path, entry))) => {
                        let size = match entry.kind {
                            Kind::File { size, .. } => size,
                            _ => 0,
                        };
                        self.unanswered.push_back(Item { path, size });
                        self.peer.send(FromSender::Entry(entry))?;
                    }
                    Some(Err(problem)) => self.problem(problem)?,
                    None => walked = true,
                }
            } else if due > 0 {
                let message = self.peer.message()?;
                self.handle(message)?;
            } else {
                break;
            }
        }
        self.peer.send(FromSender::Done)?;
        loop {
            match self.peer.message()? {
                FromReceiver::Problem(problem) => self.watch.problem(Side::Target, problem),
                FromReceiver::Done(summary) => return Ok(summary),
                _ => return Err(Stopped::Protocol),
            }
        }
    }

    fn problem(&mut self, problem: Problem) -> Result<(), Stopped> {
        self.watch.problem(Side::Source, problem.clone());
        self.peer.send(FromSender::Problem(problem))
    }

    fn handle(&mut self, message: FromReceiver) -> Result<(), Stopped> {
        match message {
            FromReceiver::Made => drop(self.answered()?),
            FromReceiver::Want(have) => {
                let item = self.answered()?;
                self.wanted.push_back((item, have));
            }
            FromReceiver::Refuse(problem) => {
                let item = self.answered()?;
                self.watch.moved(item.size, false);
                if let Some(problem) = problem {
                    self.watch.problem(Side::Target, problem);
                }
            }
            FromReceiver::Arrived { hash } => {
                let sent = self.confirmed()?;
                if sent.hash != Some(hash) {
                    return Err(Stopped::Protocol);
                }
                let path = sent.item.path.as_os_str();
                self.watch.arrived(path, sent.item.size, &hash);
            }
            FromReceiver::Lost(problem) => {
                // The receiver only repeats the reason.
                if !self.confirmed()?.cut {
                    self.watch.problem(Side::Target, problem);
                }
            }
            _ => return Err(Stopped::Protocol),
        }
        Ok(())
    }

    fn answered(&mut self) -> Result<Item, Stopped> {
        self.unanswered.pop_front().ok_or(Stopped::Protocol)
    }

    fn confirmed(&mut self) -> Result<Sent, Stopped> {
        self.unconfirmed.pop_front().ok_or(Stopped::Protocol)
    }

    /// Sends a file.
    fn contents(&mut self, item: Item, have: Option<Have>) -> Result<(), Stopped> {
        let (path, size) = (item.path.clone(), item.size);
        self.unconfirmed.push_back(Sent {
            item,
            hash: None,
            cut: false,
        });
        let shown = |why| Problem {
            path: path.as_os_str().to_owned(),
            why,
        };
        match self.read(&path, size, have) {
            Ok((hash, changed)) => {
                if let Some(sent) = self.unconfirmed.back_mut() {
                    sent.hash = Some(hash);
                }
                if changed {
                    self.watch.problem(Side::Source, shown(Why::Changed));
                }
                self.peer.send(FromSender::End { hash, changed })
            }
            Err(Unsent::Cut(why)) => {
                if let Some(sent) = self.unconfirmed.back_mut() {
                    sent.cut = true;
                }
                let problem = shown(why);
                self.watch.problem(Side::Source, problem.clone());
                self.peer.send(FromSender::Cut(problem))
            }
            // The receiver expects an end in any case.
            Err(Unsent::Lost) => self.peer.send(FromSender::Cut(shown(Why::Missing))),
            Err(Unsent::Stopped(stopped)) => Err(stopped),
        }
    }

    /// Reads and sends a file. Returns its hash, and whether it changed meanwhile.
    fn read(&mut self, path: &Path, size: u64, have: Option<Have>) -> Result<(Hash, bool), Unsent> {
        let cut = |doing: &str| {
            let doing = doing.to_owned();
            move |error: io::Error| Unsent::Cut(system(&doing, &error))
        };
        // Refuses a symlink or FIFO that replaced the file meanwhile.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
        let file = file.map_err(cut("open it"))?;
        let before = file.metadata().map_err(cut("read it"))?;
        if !before.is_file() {
            return Err(Unsent::Cut(Why::Changed));
        }
        let (mut hasher, mut at) = (Hasher::new(), 0);
        if let Some(have) = have.filter(|have| have.length <= size) {
            let watch = &mut *self.watch;
            let same = hash(&file, have.length, |_| watch.checking());
            if let Some(same) = same.map_err(cut("read it"))?
                && same.finalize() == have.hash
            {
                (hasher, at) = (same, have.length);
                self.watch.moved(at, false);
            }
        }
        self.peer.send(FromSender::Contents { from: at })?;
        // Search for holes only if the file has any.
        let mut data_until = match before.blocks().saturating_mul(512) < before.len() {
            true => at,
            false => size,
        };
        while at < size {
            if at >= data_until {
                let (start, end) = data(&file, at, size);
                if start > at {
                    hash_zeros(&mut hasher, start - at);
                    self.peer.send(FromSender::Hole { length: start - at })?;
                    self.watch.moved(start - at, false);
                    at = start;
                }
                data_until = end;
                continue;
            }
            let wanted = (data_until - at).min(PIECE as u64) as usize;
            let bytes = piece(&file, at, wanted).map_err(cut("read it"))?;
            if bytes.is_empty() {
                return Err(Unsent::Cut(Why::Shorter));
            }
            hasher.update(&bytes);
            at += bytes.len() as u64;
            let length = bytes.len() as u32;
            self.peer.send(FromSender::Bytes { length })?;
            self.peer.pass(Piece::Bytes(bytes))?;
            self.watch.moved(length.into(), true);
            while let Some(message) = self.peer.poll()? {
                self.handle(message)?;
            }
            // The current file is the last of these.
            if self.unconfirmed.is_empty() {
                return Err(Unsent::Lost);
            }
        }
        let after = file.metadata().map_err(cut("read it"))?;
        let version = |it: &std::fs::Metadata| (it.mtime(), it.mtime_nsec(), it.len());
        let changed = version(&before) != version(&after) || after.len() != size;
        Ok((*hasher.finalize().as_bytes(), changed))
    }
}

/// The next data of a file from an offset on: its start and its end.
fn data(file: &File, at: u64, size: u64) -> (u64, u64) {
    let start = match seek(file, SeekFrom::Data(at)) {
        Ok(start) => start.min(size),
        // Only a hole is left.
        Err(Errno::NXIO) => return (size, size),
        // A file system without support for it.
        Err(_) => return (at, size),
    };
    let end = seek(file, SeekFrom::Hole(start)).map_or(size, |end| end.min(size));
    (start, end)
}

fn piece(file: &File, at: u64, length: usize) -> io::Result<Bytes> {
    let mut bytes = BytesMut::zeroed(length);
    loop {
        match file.read_at(&mut bytes, at) {
            Ok(read) => {
                bytes.truncate(read);
                return Ok(bytes.freeze());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
