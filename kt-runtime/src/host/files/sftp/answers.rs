//! The implementation of each request.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs::{self, File, FileTimes, OpenOptions, Permissions, ReadDir},
    io,
    os::unix::fs::{
        DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt, chown, fchown, symlink,
    },
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use rustix::{
    fs::{AtFlags, CWD, RenameFlags, StatVfs, renameat_with, statvfs},
    io::Errno,
};

use super::{
    listing,
    packet::{Attributes, Fields, HEAD, Malformed, PACKET, Packet},
    paths,
};

mod request {
    pub const INIT: u8 = 1;
    pub const OPEN: u8 = 3;
    pub const CLOSE: u8 = 4;
    pub const READ: u8 = 5;
    pub const WRITE: u8 = 6;
    pub const LSTAT: u8 = 7;
    pub const FSTAT: u8 = 8;
    pub const SETSTAT: u8 = 9;
    pub const FSETSTAT: u8 = 10;
    pub const OPENDIR: u8 = 11;
    pub const READDIR: u8 = 12;
    pub const REMOVE: u8 = 13;
    pub const MKDIR: u8 = 14;
    pub const RMDIR: u8 = 15;
    pub const REALPATH: u8 = 16;
    pub const STAT: u8 = 17;
    pub const RENAME: u8 = 18;
    pub const READLINK: u8 = 19;
    pub const SYMLINK: u8 = 20;
    pub const EXTENDED: u8 = 200;
}

mod reply {
    pub const VERSION: u8 = 2;
    pub const STATUS: u8 = 101;
    pub const HANDLE: u8 = 102;
    pub const DATA: u8 = 103;
    pub const NAME: u8 = 104;
    pub const ATTRS: u8 = 105;
    pub const EXTENDED: u8 = 201;
}

/// The flags of an open request.
mod flag {
    pub const READ: u32 = 0x01;
    pub const WRITE: u32 = 0x02;
    pub const APPEND: u32 = 0x04;
    pub const CREATE: u32 = 0x08;
    pub const TRUNCATE: u32 = 0x10;
    pub const EXCLUSIVE: u32 = 0x20;
}

const OK: u32 = 0;
const EOF: u32 = 1;
const NO_SUCH_FILE: u32 = 2;
const PERMISSION_DENIED: u32 = 3;
const FAILURE: u32 = 4;
const BAD_MESSAGE: u32 = 5;
const UNSUPPORTED: u32 = 8;

/// Limit of open files and folders per client.
const OPEN_AT_ONCE: usize = 1024;
/// Limit of names in one answer.
const NAMES: usize = 256;

const EXTENSIONS: [(&str, &str); 5] = [
    ("posix-rename@openssh.com", "1"),
    ("hardlink@openssh.com", "1"),
    ("fsync@openssh.com", "1"),
    ("statvfs@openssh.com", "2"),
    ("limits@openssh.com", "1"),
];

/// One client's open files.
#[derive(Debug)]
pub struct Server {
    directory: PathBuf,
    open: HashMap<u32, Open>,
    next: u32,
}

#[derive(Debug)]
enum Open {
    File { file: File, append: bool },
    Folder { path: PathBuf, entries: ReadDir },
}

/// Why a request failed.
enum Refused {
    Status(u32, String),
    Malformed,
}

impl From<Malformed> for Refused {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::NotFound => NO_SUCH_FILE,
            io::ErrorKind::PermissionDenied => PERMISSION_DENIED,
            _ => FAILURE,
        };
        Self::Status(code, error.to_string())
    }
}

impl From<Errno> for Refused {
    fn from(error: Errno) -> Self {
        io::Error::from(error).into()
    }
}

impl Server {
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            open: HashMap::new(),
            next: 0,
        }
    }

    /// Answers one packet.
    ///
    /// # Errors
    /// If it has no request id to answer to.
    pub fn answer(&mut self, packet: Bytes) -> Result<Bytes, Malformed> {
        let mut fields = Fields(packet);
        let kind = fields.byte()?;
        if kind == request::INIT {
            let mut version = Packet::new(reply::VERSION).number(3);
            for (name, value) in EXTENSIONS {
                version = version.bytes(name.as_bytes()).bytes(value.as_bytes());
            }
            return Ok(version.finish());
        }
        let id = fields.number()?;
        let answer = match self.act(kind, id, &mut fields) {
            Ok(answer) => answer,
            Err(Refused::Status(code, message)) => status(id, code, &message),
            Err(Refused::Malformed) => status(id, BAD_MESSAGE, "malformed request"),
        };
        Ok(answer.finish())
    }

    fn act(&mut self, kind: u8, id: u32, fields: &mut Fields) -> Result<Packet, Refused> {
        match kind {
            request::OPEN => return self.open(id, fields),
            request::OPENDIR => {
                let path = self.path(fields)?;
                let entries = fs::read_dir(&path)?;
                return self.handle(id, Open::Folder { path, entries });
            }
            request::READ => return self.read(id, fields),
            request::READDIR => return self.list(id, fields),
            request::LSTAT => {
                let data = fs::symlink_metadata(self.path(fields)?)?;
                return Ok(Packet::new(reply::ATTRS).number(id).attributes(&data));
            }
            request::STAT => {
                let data = fs::metadata(self.path(fields)?)?;
                return Ok(Packet::new(reply::ATTRS).number(id).attributes(&data));
            }
            request::FSTAT => {
                let data = match self.opened(fields)? {
                    Open::File { file, .. } => file.metadata()?,
                    Open::Folder { path, .. } => fs::metadata(path)?,
                };
                return Ok(Packet::new(reply::ATTRS).number(id).attributes(&data));
            }
            request::REALPATH => {
                return Ok(name(id, paths::real(&self.path(fields)?)?.as_os_str()));
            }
            request::READLINK => {
                return Ok(name(id, fs::read_link(self.path(fields)?)?.as_os_str()));
            }
            request::EXTENDED => return self.extended(id, fields),
            request::CLOSE => {
                let number = Self::number(fields)?;
                self.open.remove(&number).ok_or_else(unknown)?;
            }
            request::WRITE => self.write(fields)?,
            request::SETSTAT => {
                let path = self.path(fields)?;
                set(&path, &fields.attributes()?)?;
            }
            request::FSETSTAT => match self.opened(fields)? {
                Open::File { file, .. } => {
                    let file = file.try_clone()?;
                    set_file(&file, &fields.attributes()?)?;
                }
                Open::Folder { path, .. } => {
                    let path = path.clone();
                    set(&path, &fields.attributes()?)?;
                }
            },
            request::REMOVE => fs::remove_file(self.path(fields)?)?,
            request::MKDIR => {
                let path = self.path(fields)?;
                let mode = fields.attributes()?.mode.unwrap_or(0o777) & 0o7777;
                fs::DirBuilder::new().mode(mode).create(path)?;
            }
            request::RMDIR => fs::remove_dir(self.path(fields)?)?,
            request::RENAME => {
                let (from, to) = (self.path(fields)?, self.path(fields)?);
                // In this version of the protocol a rename never replaces a file.
                match renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE) {
                    // Not every file system supports the flag.
                    Err(Errno::INVAL | Errno::NOSYS) if fs::symlink_metadata(&to).is_err() => {
                        fs::rename(from, to)?;
                    }
                    done => done?,
                }
            }
            request::SYMLINK => {
                // OpenSSH swaps the arguments compared with the draft, and all clients follow it.
                let target = fields.path()?;
                symlink(target, self.path(fields)?)?;
            }
            _ => return Ok(status(id, UNSUPPORTED, "unsupported request")),
        }
        Ok(status(id, OK, ""))
    }

    fn open(&mut self, id: u32, fields: &mut Fields) -> Result<Packet, Refused> {
        let path = self.path(fields)?;
        let flags = fields.number()?;
        let attributes = fields.attributes()?;
        let has = |flag: u32| flags & flag != 0;
        let create = has(flag::CREATE);
        let mut options = OpenOptions::new();
        options
            .read(has(flag::READ))
            .write(has(flag::WRITE))
            .truncate(has(flag::TRUNCATE) && has(flag::WRITE))
            .create(create && !has(flag::EXCLUSIVE))
            .create_new(create && has(flag::EXCLUSIVE))
            .mode(attributes.mode.unwrap_or(0o666) & 0o7777)
            // Do not block on a FIFO without a peer.
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        let file = options.open(path)?;
        if file.metadata()?.is_dir() {
            return Err(Refused::Status(FAILURE, "is a directory".to_owned()));
        }
        let append = has(flag::APPEND);
        self.handle(id, Open::File { file, append })
    }

    fn handle(&mut self, id: u32, open: Open) -> Result<Packet, Refused> {
        if self.open.len() >= OPEN_AT_ONCE {
            let message = format!("{OPEN_AT_ONCE} files are already open");
            return Err(Refused::Status(FAILURE, message));
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.open.insert(number, open);
        Ok(Packet::new(reply::HANDLE)
            .number(id)
            .bytes(&number.to_be_bytes()))
    }

    fn read(&mut self, id: u32, fields: &mut Fields) -> Result<Packet, Refused> {
        let Open::File { file, .. } = self.opened(fields)? else {
            return Err(unknown());
        };
        let offset = fields.long()?;
        let length = (fields.number()? as usize).min(PACKET - HEAD);
        let mut bytes = vec![0; length];
        let read = file.read_at(&mut bytes, offset)?;
        match read {
            0 if length > 0 => Ok(status(id, EOF, "end of file")),
            read => Ok(Packet::new(reply::DATA).number(id).bytes(&bytes[..read])),
        }
    }

    fn write(&mut self, fields: &mut Fields) -> Result<(), Refused> {
        let Open::File { file, append } = self.opened(fields)? else {
            return Err(unknown());
        };
        let offset = fields.long()?;
        let bytes = fields.bytes()?;
        let offset = match append {
            true => file.metadata()?.len(),
            false => offset,
        };
        Ok(file.write_all_at(&bytes, offset)?)
    }

    fn list(&mut self, id: u32, fields: &mut Fields) -> Result<Packet, Refused> {
        let Open::Folder { path, entries } = self.opened(fields)? else {
            return Err(unknown());
        };
        let mut names = Packet::new(reply::NAME);
        let mut count = 0;
        while (count as usize) < NAMES && names.len() < PACKET / 2 {
            let Some(entry) = entries.next() else { break };
            let name = entry?.file_name();
            // Skip a file that was removed meanwhile.
            let Ok(data) = fs::symlink_metadata(path.join(&name)) else {
                continue;
            };
            names = names
                .path(&name)
                .bytes(&listing::line(&name, &data))
                .attributes(&data);
            count += 1;
        }
        match count {
            0 => Ok(status(id, EOF, "end of directory")),
            count => Ok(Packet::new(reply::NAME)
                .number(id)
                .number(count)
                .append(&names)),
        }
    }

    fn extended(&mut self, id: u32, fields: &mut Fields) -> Result<Packet, Refused> {
        let name = fields.bytes()?;
        match &name[..] {
            b"posix-rename@openssh.com" => {
                let (from, to) = (self.path(fields)?, self.path(fields)?);
                fs::rename(from, to)?;
            }
            b"hardlink@openssh.com" => {
                let (from, to) = (self.path(fields)?, self.path(fields)?);
                fs::hard_link(from, to)?;
            }
            b"fsync@openssh.com" => match self.opened(fields)? {
                Open::File { file, .. } => file.sync_all()?,
                Open::Folder { .. } => return Err(unknown()),
            },
            b"statvfs@openssh.com" => {
                let data = statvfs(self.path(fields)?)?;
                return Ok(file_system(id, &data));
            }
            b"limits@openssh.com" => {
                let data = (PACKET - HEAD) as u64;
                return Ok(Packet::new(reply::EXTENDED)
                    .number(id)
                    .long(PACKET as u64)
                    .long(data)
                    .long(data)
                    .long(OPEN_AT_ONCE as u64));
            }
            _ => return Ok(status(id, UNSUPPORTED, "unsupported extension")),
        }
        Ok(status(id, OK, ""))
    }

    fn path(&self, fields: &mut Fields) -> Result<PathBuf, Refused> {
        let path: OsString = fields.path()?;
        Ok(self.directory.join(Path::new(&path)))
    }

    fn number(fields: &mut Fields) -> Result<u32, Refused> {
        let handle = fields.bytes()?;
        let number = handle[..].try_into().map_err(|_| unknown())?;
        Ok(u32::from_be_bytes(number))
    }

    fn opened(&mut self, fields: &mut Fields) -> Result<&mut Open, Refused> {
        let number = Self::number(fields)?;
        self.open.get_mut(&number).ok_or_else(unknown)
    }
}

fn unknown() -> Refused {
    Refused::Status(FAILURE, "invalid handle".to_owned())
}

fn status(id: u32, code: u32, message: &str) -> Packet {
    Packet::new(reply::STATUS)
        .number(id)
        .number(code)
        .bytes(message.as_bytes())
        .bytes(b"en")
}

fn name(id: u32, path: &OsStr) -> Packet {
    Packet::new(reply::NAME)
        .number(id)
        .number(1)
        .path(path)
        .path(path)
        .no_attributes()
}

fn file_system(id: u32, data: &StatVfs) -> Packet {
    Packet::new(reply::EXTENDED)
        .number(id)
        .long(data.f_bsize)
        .long(data.f_frsize)
        .long(data.f_blocks)
        .long(data.f_bfree)
        .long(data.f_bavail)
        .long(data.f_files)
        .long(data.f_ffree)
        .long(data.f_favail)
        .long(data.f_fsid)
        .long(data.f_flag.bits())
        .long(data.f_namemax)
}

fn times((accessed, modified): (u32, u32)) -> FileTimes {
    let since = |seconds: u32| UNIX_EPOCH + Duration::from_secs(seconds.into());
    FileTimes::new()
        .set_accessed(since(accessed))
        .set_modified(since(modified))
}

fn set_file(file: &File, attributes: &Attributes) -> io::Result<()> {
    if let Some(size) = attributes.size {
        file.set_len(size)?;
    }
    if let Some((user, group)) = attributes.owner {
        fchown(file, Some(user), Some(group))?;
    }
    if let Some(mode) = attributes.mode {
        file.set_permissions(Permissions::from_mode(mode & 0o7777))?;
    }
    if let Some(at) = attributes.times {
        file.set_times(times(at))?;
    }
    Ok(())
}

fn set(path: &Path, attributes: &Attributes) -> Result<(), Refused> {
    if let Some(size) = attributes.size {
        OpenOptions::new().write(true).open(path)?.set_len(size)?;
    }
    if let Some((user, group)) = attributes.owner {
        chown(path, Some(user), Some(group))?;
    }
    if let Some(mode) = attributes.mode {
        fs::set_permissions(path, Permissions::from_mode(mode & 0o7777))?;
    }
    if let Some((accessed, modified)) = attributes.times {
        let at = |seconds: u32| rustix::fs::Timespec {
            tv_sec: seconds.into(),
            tv_nsec: 0,
        };
        let times = rustix::fs::Timestamps {
            last_access: at(accessed),
            last_modification: at(modified),
        };
        // By its path: this user may not be able to open it.
        rustix::fs::utimensat(CWD, path, &times, AtFlags::empty())?;
    }
    Ok(())
}
