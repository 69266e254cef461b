//! Directories on this machine: the runtime directory for sockets, the cache for objects and logs.

use std::{
    fmt,
    fs::{self, Permissions},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use super::PlaceError;

/// Longest path of a Unix socket in bytes: `sun_path` without its NUL, unix(7).
pub const SOCKET_PATH: usize = 107;

/// The environment variables and defaults that select the directories.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    pub kt_runtime_dir: Option<PathBuf>,
    pub xdg_runtime_dir: Option<PathBuf>,
    pub kt_home: Option<PathBuf>,
    pub xdg_cache_home: Option<PathBuf>,
    pub home: Option<PathBuf>,
    pub uid: u32,
    /// Fallback for sockets: `/tmp`.
    pub temporary: PathBuf,
    /// Fallback for the cache if the home is not writable: `/var/tmp`.
    pub persistent: PathBuf,
}

impl Environment {
    /// The environment of this process. Empty variables count as not set.
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

/// A notice for the user: another directory is used than expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    CacheFallback {
        wanted: PathBuf,
        taken: PathBuf,
        why: String,
    },
    /// The cache in another user's home, as under `sudo`.
    CacheNotSafe {
        wanted: PathBuf,
        taken: PathBuf,
        why: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CacheFallback { wanted, taken, why } => write!(
                f,
                "{} cannot be written to ({why}): {} is used instead",
                wanted.display(),
                taken.display()
            ),
            Self::CacheNotSafe { wanted, taken, why } => write!(
                f,
                "{} is not safe to use: {why}; {} is used instead",
                wanted.display(),
                taken.display()
            ),
        }
    }
}

/// The directories of this user. Both exist and are writable.
#[derive(Debug, Clone)]
pub struct Dirs {
    /// One folder per service, with its socket and lock.
    pub runtime: PathBuf,
    /// The variable that sets `runtime`, for error messages.
    runtime_variable: &'static str,
    pub cache: PathBuf,
    pub notices: Vec<Notice>,
}

impl Dirs {
    /// The directories for the environment of this process.
    ///
    /// # Errors
    /// If no directory is writable, or other users can write to a directory that was set
    /// explicitly.
    pub fn current() -> Result<Self, PlaceError> {
        Self::resolve(&Environment::current())
    }

    /// The directories for an environment.
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

    /// The path of a service's socket.
    ///
    /// # Errors
    /// If the path is too long for a socket.
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

    /// The lock file that the service's host holds.
    pub fn lock(&self, service: &str) -> PathBuf {
        self.runtime.join(service).join("lock")
    }

    /// The directory for the service's objects and logs.
    pub fn service(&self, service: &str) -> PathBuf {
        self.cache.join("services").join(service)
    }
}

fn runtime(environment: &Environment) -> Result<(PathBuf, &'static str), PlaceError> {
    let uid = environment.uid;
    let (path, variable) = match (&environment.kt_runtime_dir, &environment.xdg_runtime_dir) {
        (Some(path), _) => (path.clone(), "KT_RUNTIME_DIR"),
        // `sudo` and `su` keep the variable of the original user.
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
        Err(Exposed { why, chmod }) => {
            let help = help(&path, chmod, "KT_RUNTIME_DIR");
            Err(PlaceError::RuntimeDirectory { path, why, help })
        }
    }
}

/// Why a directory is not safe to use.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
struct Exposed {
    why: String,
    /// The argument of `chmod` that makes it safe.
    chmod: Option<&'static str>,
}

impl Exposed {
    fn because(why: impl ToString) -> Self {
        Self {
            why: why.to_string(),
            chmod: None,
        }
    }
}

/// The text of the error's `help:` line.
fn help(path: &Path, chmod: Option<&str>, variable: &str) -> String {
    match chmod {
        Some(mode) => format!("run `chmod {mode} {}`", path.display()),
        None => format!("set {variable} to a directory of your own"),
    }
}

/// Creates the directory if it does not exist, and checks that no other user can read it or write
/// to it.
fn private(path: &Path, uid: u32) -> Result<(), Exposed> {
    if !path.is_absolute() {
        return Err(Exposed::because("it is not an absolute path"));
    }
    create(path).map_err(Exposed::because)?;
    let data = fs::symlink_metadata(path).map_err(Exposed::because)?;
    if data.file_type().is_symlink() {
        return Err(Exposed::because("it is a symbolic link"));
    }
    if !data.is_dir() {
        return Err(Exposed::because("it is not a directory"));
    }
    if data.uid() != uid {
        return Err(Exposed::because(format!(
            "it belongs to user {}",
            data.uid()
        )));
    }
    let mode = data.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Exposed {
            why: format!("its mode is {mode:04o}, so other users can access it"),
            chmod: Some("700"),
        });
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
        // The host runs in another working directory.
        .map(|path| std::path::absolute(&path).unwrap_or(path));
    let uid = environment.uid;
    let fall_back = |path: PathBuf, why: Option<(PathBuf, Unusable)>| {
        let checked = usable(&fallback)
            .and_then(|()| private(&fallback, uid).map_err(io::Error::other))
            .and_then(|()| services(&fallback, uid).map_err(io::Error::other));
        match checked {
            Ok(()) => {
                let taken = fallback.clone();
                let notice = why.map(|(wanted, why)| why.notice(wanted, taken));
                Ok((fallback.clone(), notice.into_iter().collect()))
            }
            Err(source) => Err(PlaceError::NoCache {
                path,
                fallback: fallback.clone(),
                source,
            }),
        }
    };
    let Some(wanted) = wanted else {
        return fall_back("$HOME (not set)".into(), None);
    };
    let checked = usable(&wanted)
        .map_err(Unusable::NotWritable)
        .and_then(|()| check_owner(&wanted, uid).map_err(Unusable::NotSafe))
        .and_then(|()| services(&wanted, uid).map_err(Unusable::NotSafe));
    match checked {
        Ok(()) => Ok((wanted, Vec::new())),
        // It was set explicitly: do not silently use another one.
        Err(Unusable::NotSafe(Exposed { why, chmod })) if environment.kt_home.is_some() => {
            let help = help(&wanted, chmod, "KT_HOME");
            Err(PlaceError::CacheDirectory {
                path: wanted,
                why,
                help,
            })
        }
        Err(why) => fall_back(wanted.clone(), Some((wanted, why))),
    }
}

/// Why a directory is not used as the cache.
enum Unusable {
    NotWritable(io::Error),
    NotSafe(Exposed),
}

impl Unusable {
    fn notice(self, wanted: PathBuf, taken: PathBuf) -> Notice {
        match self {
            Self::NotWritable(error) => Notice::CacheFallback {
                wanted,
                taken,
                why: error.to_string(),
            },
            Self::NotSafe(Exposed { why, .. }) => Notice::CacheNotSafe { wanted, taken, why },
        }
    }
}

/// Checks that no other user can write to a directory, which other users may read.
fn check_owner(path: &Path, uid: u32) -> Result<(), Exposed> {
    let data = fs::metadata(path).map_err(Exposed::because)?;
    if data.uid() != uid {
        return Err(Exposed::because(format!(
            "it belongs to user {}",
            data.uid()
        )));
    }
    let mode = data.mode() & 0o777;
    if mode & 0o022 != 0 {
        return Err(Exposed {
            why: format!("its mode is {mode:04o}, so other users can write to it"),
            chmod: Some("go-w"),
        });
    }
    Ok(())
}

/// Creates the directory for the code, logs and states of services. Objects in it are executed, so
/// no other user may read or write it. If others could only read it, it becomes private. If others
/// could write to it, it may contain their files, so it is rejected.
fn services(cache: &Path, uid: u32) -> Result<(), Exposed> {
    let path = cache.join("services");
    create(&path).map_err(Exposed::because)?;
    let data = fs::symlink_metadata(&path).map_err(Exposed::because)?;
    if data.is_dir() && data.uid() == uid && data.mode() & 0o022 == 0 {
        fs::set_permissions(&path, Permissions::from_mode(0o700)).map_err(Exposed::because)?;
    }
    private(&path, uid).map_err(|Exposed { why, .. }| {
        Exposed::because(format!(
            "`services` in it may hold code of other users: {why}"
        ))
    })
}

/// Creates the directory and a file in it: permission bits do not show read-only file systems.
fn usable(path: &Path) -> io::Result<()> {
    create(path)?;
    tempfile::tempfile_in(path).map(drop)
}

fn create(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

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
    fn the_first_variable_that_is_set_wins() {
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
    fn an_accessible_runtime_directory_is_rejected() {
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
        let error = Dirs::resolve(&environment).unwrap_err().to_string();
        let help = format!("help: run `chmod 700 {}`", kt.display());
        assert!(error.ends_with(&help), "{error}");
        fs::set_permissions(&kt, fs::Permissions::from_mode(0o700)).unwrap();
        Dirs::resolve(&environment).unwrap();
    }

    #[test]
    fn a_read_only_home_falls_back_with_a_notice() {
        let root = tempfile::tempdir().unwrap();
        let mut environment = environment(root.path());
        // Not even root can create a directory in /proc.
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

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn an_explicit_cache_that_others_can_write_to_is_rejected() {
        let root = tempfile::tempdir().unwrap();
        let mut environment = environment(root.path());
        let own = root.path().join("own");
        environment.kt_home = Some(own.clone());
        Dirs::resolve(&environment).unwrap();
        let refused = |environment: &Environment| cache(environment).unwrap_err().to_string();

        set_mode(&own, 0o777);
        let error = refused(&environment);
        assert!(
            error.contains("0777") && error.contains("help: run `chmod go-w /"),
            "{error}"
        );
        set_mode(&own, 0o755);
        set_mode(&own.join("services"), 0o770);
        let error = refused(&environment);
        assert!(
            error.contains("`services`") && error.contains("0770"),
            "{error}"
        );

        // A cache of another user.
        environment.uid += 1;
        let error = refused(&environment);
        let owner = environment.uid - 1;
        assert!(
            error.contains(&format!("belongs to user {owner}")),
            "{error}"
        );
    }

    #[test]
    fn services_are_private_in_a_cache_that_others_can_read() {
        let root = tempfile::tempdir().unwrap();
        let mut environment = environment(root.path());
        let cache = root.path().join("xdg");
        environment.xdg_cache_home = Some(cache.clone());
        let services = cache.join("kt/services");
        fs::create_dir_all(&services).unwrap();
        for path in [&cache, &cache.join("kt"), &services] {
            set_mode(path, 0o755);
        }
        let dirs = Dirs::resolve(&environment).unwrap();
        assert_eq!((dirs.cache, dirs.notices), (cache.join("kt"), Vec::new()));
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&services), 0o700);
    }

    #[test]
    fn a_default_cache_that_others_can_write_to_falls_back_with_a_notice() {
        let root = tempfile::tempdir().unwrap();
        let environment = environment(root.path());
        let cache = root.path().join("home/.cache/kt");
        fs::create_dir_all(&cache).unwrap();
        set_mode(&cache, 0o777);
        let dirs = Dirs::resolve(&environment).unwrap();
        assert_eq!(
            dirs.cache,
            root.path().join(format!("var/kt-{}", environment.uid))
        );
        let notice = dirs.notices[0].to_string();
        assert!(
            notice.contains("0777") && notice.contains("is used instead"),
            "{notice}"
        );
    }

    #[test]
    fn the_error_for_a_long_socket_path_names_the_variable() {
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
