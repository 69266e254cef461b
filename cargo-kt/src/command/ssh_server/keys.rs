//! The SSH keys of a service: the host key of its server, and the only client key that it accepts.
//! Both are generated on first use and stored on this machine.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use russh::keys::{
    Algorithm, PrivateKey,
    key::safe_rng,
    ssh_key::{self, LineEnding},
};

use crate::command::SshServerError;
use crate::place::Dirs;

const HOST: &str = "host_key";
const CLIENT: &str = "client_key";
const KNOWN: &str = "known_hosts";

/// The keys and their directory.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) host: PrivateKey,
    pub(super) client: PrivateKey,
    folder: PathBuf,
}

impl Keys {
    /// Reads the keys of a service, or generates them. `alias`: the host name that clients use.
    ///
    /// # Errors
    /// If they cannot be generated, or other users can read them.
    pub(super) fn of(dirs: &Dirs, service: &str, alias: &str) -> Result<Self, SshServerError> {
        let all = dirs.cache.join("ssh");
        let folder = all.join(service);
        if !folder.exists() {
            let failed = |source| SshServerError::Generate {
                path: folder.clone(),
                source,
            };
            generate(&all, &folder, alias).map_err(failed)?;
        }
        private(&folder)?;
        Ok(Self {
            host: read(&folder.join(HOST))?,
            client: read(&folder.join(CLIENT))?,
            folder,
        })
    }

    pub(super) fn client_file(&self) -> PathBuf {
        self.folder.join(CLIENT)
    }

    pub(super) fn known_hosts(&self) -> PathBuf {
        self.folder.join(KNOWN)
    }
}

/// Creates the directory with its contents atomically: if two processes do so concurrently, both
/// use the first.
fn generate(all: &Path, folder: &Path, alias: &str) -> io::Result<()> {
    let mut private = DirBuilder::new();
    private.mode(0o700).recursive(true).create(all)?;
    let unfinished = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(all)?;
    let host = key()?;
    let public = host.public_key().to_openssh().map_err(io::Error::other)?;
    write(&unfinished.path().join(HOST), &text(&host)?)?;
    write(&unfinished.path().join(CLIENT), &text(&key()?)?)?;
    write(
        &unfinished.path().join(KNOWN),
        &format!("{alias} {public}\n"),
    )?;
    match fs::rename(unfinished.path(), folder) {
        Err(_) if folder.exists() => Ok(()),
        done => done,
    }
}

fn key() -> io::Result<PrivateKey> {
    PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).map_err(io::Error::other)
}

fn text(key: &PrivateKey) -> io::Result<String> {
    let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
    Ok(text.to_string())
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

fn read(path: &Path) -> Result<PrivateKey, SshServerError> {
    private(path)?;
    let key = fs::read_to_string(path).map_err(|error| error.to_string());
    let key = key.and_then(|text| {
        PrivateKey::from_openssh(text).map_err(|error: ssh_key::Error| error.to_string())
    });
    key.map_err(|why| SshServerError::Key {
        path: path.to_owned(),
        why,
    })
}

fn private(path: &Path) -> Result<(), SshServerError> {
    let data = fs::metadata(path).map_err(|error| SshServerError::Key {
        path: path.to_owned(),
        why: error.to_string(),
    })?;
    let own = data.uid() == rustix::process::geteuid().as_raw();
    if own && data.mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(SshServerError::Exposed {
        path: path.to_owned(),
        mode: data.mode() & 0o7777,
    })
}
