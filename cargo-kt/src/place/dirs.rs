//! Where things lie on this machine: sockets in the user's runtime directory, objects and logs in the cache.

use std::{
    fmt, fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use super::PlaceError;

/// Longest path of a Unix socket in bytes: `sun_path` less its NUL, unix(7).
pub const SOCKET_PATH: usize = 107;

/// The variables that decide, as they are.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    pub kt_runtime_dir: Option<PathBuf>,
    pub xdg_runtime_dir: Option<PathBuf>,
    pub kt_home: Option<PathBuf>,
    pub xdg_cache_home: Option<PathBuf>,
    pub home: Option<PathBuf>,
    pub uid: u32,
    /// For sockets where nothing else is: `/tmp`.
    pub temporary: PathBuf,
    /// For the cache where the home cannot be written: `/var/tmp`.
    pub persistent: PathBuf,
}

impl Environment {
    /// Those of this process. Empty ones count as not set.
    pub fn current() -> Self {
        let path = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self {
            kt_runtime_dir: path("KT_RUNTIME_DIR"),
            xdg_runtime_dir: path("XDG_RUNTIME_DIR"),
            kt_home: path("KT_HOME"),
            xdg_cache_home: path("XDG_CACHE_HOME"),
            home: path("HOME"),
            uid: rustix::process::geteuid().as_raw(),
            temporary: "/tmp".into(),
            persistent: "/var/tmp".into(),
        }
    }
}

/// Something that the person should be told: another place was taken than expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    CacheElsewhere {
        wanted: PathBuf,
        taken: PathBuf,
        why: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CacheElsewhere { wanted, taken, why } => write!(
                f,
                "{} cannot be written to ({why}): {} is used instead",
                wanted.display(),
                taken.display()
            ),
        }
    }
}

/// The directories of this user. Both exist and can be written to.
#[derive(Debug, Clone)]
pub struct Dirs {
    /// A folder per service with its socket and lock.
    pub runtime: PathBuf,
    /// Shorten this one to shorten `runtime`.
    runtime_variable: &'static str,
    pub cache: PathBuf,
    pub notices: Vec<Notice>,
}

impl Dirs {
    /// Those of this process.
    ///
    /// # Errors
    /// If there is no directory that can be written to, or the one for sockets is open to others.
    pub fn current() -> Result<Self, PlaceError> {
        Self::resolve(&Environment::current())
    }

    /// Those that an environment leads to.
    ///
    /// # Errors
    /// As [`current`](Self::current).
    pub fn resolve(environment: &Environment) -> Result<Self, PlaceError> {
        let (runtime, runtime_variable) = runtime(environment)?;
        let (cache, notices) = cache(environment)?;
        Ok(Self {
            runtime,
            runtime_variable,
            cache,
            notices,
        })
    }

    /// The socket of a service.
    ///
    /// # Errors
    /// If its path would be longer than a socket's may be.
    pub fn socket(&self, service: &str) -> Result<PathBuf, PlaceError> {
        let path = self.runtime.join(service).join("socket");
        let length = path.as_os_str().as_bytes().len();
        if length > SOCKET_PATH {
            return Err(PlaceError::SocketPathTooLong {
                path,
                length,
                limit: SOCKET_PATH,
                variable: self.runtime_variable,
            });
        }
        Ok(path)
    }

    /// The lock that the service's host holds.
    pub fn lock(&self, service: &str) -> PathBuf {
        self.runtime.join(service).join("lock")
    }

    /// Where the service keeps objects and logs.
    pub fn service(&self, service: &str) -> PathBuf {
        self.cache.join("services").join(service)
    }
}

fn runtime(environment: &Environment) -> Result<(PathBuf, &'static str), PlaceError> {
    let uid = environment.uid;
    let (path, variable) = match (&environment.kt_runtime_dir, &environment.xdg_runtime_dir) {
        (Some(path), _) => (path.clone(), "KT_RUNTIME_DIR"),
        // `sudo` and `su` leave the variable of the user before.
        (None, Some(path)) if fs::metadata(path).is_ok_and(|data| data.uid() == uid) => {
            (path.join("kt"), "XDG_RUNTIME_DIR (or KT_RUNTIME_DIR)")
        }
        _ => (
            environment.temporary.join(format!("kt-{uid}")),
            "KT_RUNTIME_DIR",
        ),
    };
    match private(&path, uid) {
        Ok(()) => Ok((path, variable)),
        Err(why) => Err(PlaceError::RuntimeDirectory { path, why }),
    }
}

/// Makes the directory if it is not there, and checks that nobody else can put anything in it.
fn private(path: &Path, uid: u32) -> Result<(), String> {
    if !path.is_absolute() {
        return Err("it is not an absolute path".to_owned());
    }
    create(path).map_err(|error| error.to_string())?;
    let data = fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    if data.file_type().is_symlink() {
        return Err("it is a symbolic link".to_owned());
    }
    if !data.is_dir() {
        return Err("it is not a directory".to_owned());
    }
    if data.uid() != uid {
        return Err(format!("it belongs to user {}", data.uid()));
    }
    let mode = data.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!(
            "its mode is {mode:04o}, so that others can look into it: `chmod 700` it"
        ));
    }
    Ok(())
}

fn cache(environment: &Environment) -> Result<(PathBuf, Vec<Notice>), PlaceError> {
    let fallback = environment
        .persistent
        .join(format!("kt-{}", environment.uid));
    let home = || environment.home.as_ref().map(|home| home.join(".cache/kt"));
    let wanted = environment
        .kt_home
        .clone()
        .or_else(|| {
            environment
                .xdg_cache_home
                .as_ref()
                .map(|cache| cache.join("kt"))
        })
        .or_else(home)
        // The host does not run where we do.
        .map(|path| std::path::absolute(&path).unwrap_or(path));
    let Some(wanted) = wanted else {
        return match usable(&fallback).and_then(|()| owned(&fallback, environment.uid)) {
            Ok(()) => Ok((fallback, Vec::new())),
            Err(source) => Err(PlaceError::NoCache {
                path: "$HOME (not set)".into(),
                fallback,
                source,
            }),
        };
    };
    let Err(error) = usable(&wanted) else {
        return Ok((wanted, Vec::new()));
    };
    match usable(&fallback).and_then(|()| owned(&fallback, environment.uid)) {
        Ok(()) => {
            let notice = Notice::CacheElsewhere {
                wanted,
                taken: fallback.clone(),
                why: error.to_string(),
            };
            Ok((fallback, vec![notice]))
        }
        Err(source) => Err(PlaceError::NoCache {
            path: wanted,
            fallback,
            source,
        }),
    }
}

/// Makes the directory and a file in it: permission bits tell nothing about read-only file systems.
fn usable(path: &Path) -> io::Result<()> {
    create(path)?;
    tempfile::tempfile_in(path).map(drop)
}

/// In a directory that all can write to, somebody else may have been first.
fn owned(path: &Path, uid: u32) -> io::Result<()> {
    private(path, uid).map_err(io::Error::other)
}

fn create(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn environment(root: &Path) -> Environment {
        for name in ["run", "home", "tmp", "var"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        Environment {
            xdg_runtime_dir: Some(root.join("run")),
            home: Some(root.join("home")),
            uid: rustix::process::geteuid().as_raw(),
            temporary: root.join("tmp"),
            persistent: root.join("var"),
            ..Environment::default()
        }
    }

    #[test]
    fn directories_come_from_the_first_variable_that_is_set() {
        let root = tempfile::tempdir().unwrap();
        let mut environment = environment(root.path());
        let dirs = Dirs::resolve(&environment).unwrap();
        assert_eq!(dirs.runtime, root.path().join("run/kt"));
        assert_eq!(dirs.cache, root.path().join("home/.cache/kt"));
        environment.xdg_cache_home = Some(root.path().join("xdg"));
        environment.xdg_runtime_dir = None;
        let dirs = Dirs::resolve(&environment).unwrap();
        let uid = environment.uid;
        assert_eq!(dirs.runtime, root.path().join(format!("tmp/kt-{uid}")));
        assert_eq!(dirs.cache, root.path().join("xdg/kt"));
        environment.kt_home = Some(root.path().join("own"));
        environment.kt_runtime_dir = Some(root.path().join("sockets"));
        let dirs = Dirs::resolve(&environment).unwrap();
        assert_eq!(dirs.runtime, root.path().join("sockets"));
        assert_eq!(dirs.cache, root.path().join("own"));
        assert_eq!(dirs.notices, []);
    }

    #[test]
    fn a_directory_for_sockets_that_others_can_reach_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let environment = environment(root.path());
        let kt = root.path().join("run/kt");
        let refused = || match Dirs::resolve(&environment).unwrap_err() {
            PlaceError::RuntimeDirectory { why, .. } => why,
            other => panic!("{other}"),
        };
        symlink(root.path().join("tmp"), &kt).unwrap();
        assert_eq!(refused(), "it is a symbolic link");
        fs::remove_file(&kt).unwrap();
        fs::write(&kt, "").unwrap();
        assert!(refused().contains("exists"), "{}", refused());
        fs::remove_file(&kt).unwrap();
        fs::create_dir(&kt).unwrap();
        fs::set_permissions(&kt, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(refused().contains("0750"));
        fs::set_permissions(&kt, fs::Permissions::from_mode(0o700)).unwrap();
        Dirs::resolve(&environment).unwrap();
    }

    #[test]
    fn a_read_only_home_is_replaced_with_a_notice() {
        let root = tempfile::tempdir().unwrap();
        let mut environment = environment(root.path());
        // Nobody can make a directory in /proc, root included.
        environment.home = Some("/proc".into());
        let dirs = Dirs::resolve(&environment).unwrap();
        let fallback = root.path().join(format!("var/kt-{}", environment.uid));
        assert_eq!(dirs.cache, fallback);
        let notice = dirs.notices[0].to_string();
        assert!(notice.starts_with("/proc/.cache/kt cannot be written to"));
        assert!(notice.contains(fallback.to_str().unwrap()));

        environment.persistent = "/proc".into();
        let error = Dirs::resolve(&environment).unwrap_err().to_string();
        assert!(error.contains("set KT_HOME"), "{error}");
    }

    #[test]
    fn a_path_too_long_for_a_socket_names_the_variable() {
        let root = tempfile::tempdir().unwrap();
        let mut environment = environment(root.path());
        let long = root.path().join("x".repeat(100));
        environment.kt_runtime_dir = Some(long);
        let dirs = Dirs::resolve(&environment).unwrap();
        match dirs.socket("alice-app").unwrap_err() {
            error @ PlaceError::SocketPathTooLong { .. } => {
                let text = error.to_string();
                assert!(
                    text.contains("107") && text.contains("KT_RUNTIME_DIR"),
                    "{text}"
                );
            }
            other => panic!("{other}"),
        }
    }
}
