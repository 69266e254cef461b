//! A shell for images without one: a static busybox from this machine.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
};

use camino::Utf8PathBuf;
use kt::wire::{ObjectId, manifest::Object};
use object::{
    Object as _, ObjectSegment as _,
    elf::PT_INTERP,
    read::elf::{ElfFile64, ProgramHeader as _},
};

use crate::command::ExecError;
use crate::{command::CommandError, place::Connected, ship};

/// Searched after `PATH`.
const FOLDERS: [&str; 3] = ["/bin", "/usr/bin", "/usr/lib/busybox"];
/// File names: the second is used by Fedora's and Arch's static builds.
const NAMES: [&str; 2] = ["busybox", "busybox.static"];

/// Finds a busybox that runs in any image of an architecture.
///
/// # Errors
/// If none is installed.
pub(super) fn find(architecture: &str) -> Result<PathBuf, ExecError> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
    folders
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|path| is_static(path, architecture))
        .ok_or_else(|| ExecError::NoShell {
            architecture: architecture.to_owned(),
        })
}

fn is_static(path: &Path, architecture: &str) -> bool {
    let Ok(bytes) = fs::read(path) else {
        return false;
    };
    let Ok(file) = ElfFile64::<object::Endianness>::parse(&*bytes) else {
        return false;
    };
    let machine = match file.architecture() {
        object::Architecture::X86_64 => "x86_64",
        object::Architecture::Aarch64 => "aarch64",
        _ => return false,
    };
    let endian = file.endian();
    let headers = file.elf_program_headers();
    machine == architecture
        && file.segments().any(|segment| segment.size() > 0)
        && !headers
            .iter()
            .any(|header| header.p_type(endian) == PT_INTERP)
}

/// Ships it, unless the store has it. Returns its id and the number of bytes sent.
///
/// # Errors
/// If it cannot be read or sent.
pub(super) async fn send(
    connected: &Connected,
    path: &Path,
) -> Result<(ObjectId, u64), CommandError> {
    let read = |source| CommandError::Io {
        what: format!("read {}", path.display()),
        source,
    };
    let bytes = fs::read(path).map_err(read)?;
    let id = ObjectId(*blake3::hash(&bytes).as_bytes());
    let file = Utf8PathBuf::from_path_buf(path.to_owned())
        .map_err(|_| read(std::io::Error::other("its path is not UTF-8")))?;
    let object = Object {
        name: "busybox".to_owned(),
        id,
        size: bytes.len() as u64,
        build_id: String::new(),
    };
    let files = HashMap::from([(id, file)]);
    let objects = [object];
    let sending = ship::ship_objects(&connected.client, &objects, &files, connected.transport());
    let shipped = connected.fail_if_unresponsive(sending).await?;
    let shipped = shipped.map_err(|source| CommandError::Ship {
        service: connected.service.clone(),
        source,
    })?;
    Ok((id, shipped.sent))
}
