//! Generates blocks for `~/.ssh/config`.

use std::{
    env,
    ffi::OsStr,
    fmt::Write,
    path::{Path, PathBuf},
};

use super::keys::Keys;

/// Variables that select where to find services; programs not started from a shell may lack them.
const VARIABLES: [&str; 10] = [
    "KT_HOME",
    "KT_RUNTIME_DIR",
    "XDG_RUNTIME_DIR",
    "XDG_CACHE_HOME",
    "KUBECONFIG",
    "HTTPS_PROXY",
    "NO_PROXY",
    "KT_PLACE",
    "KT_CONTEXT",
    "KT_NAMESPACE",
];

/// How a client connects.
pub(super) enum Endpoint {
    /// A server listens on this port.
    Port(u16),
    /// The client starts its own server, as a ProxyCommand.
    Command {
        program: PathBuf,
        /// Options that locate the service.
        options: Vec<String>,
    },
}

/// The host name of a service for clients.
pub(super) fn alias(service: &str) -> String {
    format!("kt-{service}")
}

/// A `Host` block. It never prompts: the host's key is known, and only kt's key is offered.
pub(super) fn block(service: &str, keys: &Keys, endpoint: &Endpoint) -> String {
    let alias = alias(service);
    let mut block = format!("Host {alias}\n");
    let mut line = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(block, "  {name} {value}");
    };
    match endpoint {
        Endpoint::Port(port) => {
            line("HostName", "127.0.0.1");
            line("Port", &port.to_string());
        }
        Endpoint::Command { program, options } => {
            line("ProxyCommand", &command(service, program, options));
        }
    }
    line("User", "kt");
    line("IdentityFile", &file(&keys.client_file()));
    line("IdentitiesOnly", "yes");
    line("IdentityAgent", "none");
    line("HostKeyAlias", &alias);
    line("UserKnownHostsFile", &file(&keys.known_hosts()));
    line("GlobalKnownHostsFile", "/dev/null");
    line("StrictHostKeyChecking", "yes");
    block
}

/// A command line for the user's shell, in which ssh expands `%`.
fn command(service: &str, program: &Path, options: &[String]) -> String {
    let set = VARIABLES
        .iter()
        .filter_map(|name| Some((name, env::var_os(name)?)))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", quoted(&value)));
    let mut arguments: Vec<String> = std::iter::once("env".to_owned()).chain(set).collect();
    arguments.push(quoted(program.as_os_str()));
    arguments.push("kt ssh --stdio".to_owned());
    arguments.extend(options.iter().map(|option| quoted(OsStr::new(option))));
    arguments.push(quoted(OsStr::new(service)));
    arguments.join(" ").replace('%', "%%")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-=:,@".contains(letter);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.into_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

fn file(path: &Path) -> String {
    format!("\"{}\"", path.display()).replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_for_the_shell() {
        let program = Path::new("/with space/50%/it's");
        let options = ["--context".to_owned(), "a b".to_owned()];
        let command = command("app", program, &options);
        assert!(command.starts_with("env "), "{command}");
        let end = "'/with space/50%%/it'\\''s' kt ssh --stdio --context 'a b' app";
        assert!(command.ends_with(end), "{command}");
    }
}
