//! The user's wrappers of rustc, `build.rustc-wrapper` and `build.rustc-workspace-wrapper` of
//! cargo.
//!
//! kt is cargo's wrapper in their place, and calls them itself. They are passed to kt's processes
//! below cargo in variables.

use std::process::Command;

use camino::Utf8PathBuf;

/// The user's wrapper of every compilation.
const EVERY: &str = "KT_RUSTC_WRAPPER";
/// The user's wrapper of compilations of workspace members.
const MEMBERS: &str = "KT_RUSTC_WORKSPACE_WRAPPER";

/// The variables in which [`Wrappers`] are passed.
pub(crate) const VARIABLES: [&str; 2] = [EVERY, MEMBERS];

/// Programs that run rustc, which is their first argument.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Wrappers {
    /// Of every compilation, such as sccache.
    pub every: Option<Utf8PathBuf>,
    /// Of workspace members, such as `clippy-driver`; the other wrapper runs it.
    pub members: Option<Utf8PathBuf>,
}

impl Wrappers {
    /// Those that [`pass_to`](Self::pass_to) passed to this process.
    pub(crate) fn passed() -> Self {
        let variable = |name| std::env::var(name).ok().map(Utf8PathBuf::from);
        Self {
            every: variable(EVERY),
            members: variable(MEMBERS),
        }
    }

    /// Passes them to kt's processes below `cargo`.
    pub(crate) fn pass_to(&self, cargo: &mut Command) {
        for (name, wrapper) in [(EVERY, &self.every), (MEMBERS, &self.members)] {
            match wrapper {
                Some(wrapper) => cargo.env(name, wrapper),
                None => cargo.env_remove(name),
            };
        }
    }

    /// A command that compiles a third-party crate with `rustc`.
    pub(crate) fn command(&self, rustc: &str) -> Command {
        wrapped(self.every.iter(), rustc)
    }

    /// A command that compiles a workspace member with `rustc`.
    pub(crate) fn member_command(&self, rustc: &str) -> Command {
        wrapped(self.every.iter().chain(&self.members), rustc)
    }
}

fn wrapped<'a>(mut wrappers: impl Iterator<Item = &'a Utf8PathBuf>, rustc: &str) -> Command {
    let Some(first) = wrappers.next() else {
        return Command::new(rustc);
    };
    let mut command = Command::new(first);
    command.args(wrappers).arg(rustc);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(command: &Command) -> String {
        let arguments = command.get_args().map(|it| it.to_string_lossy());
        let program = command.get_program().to_string_lossy();
        std::iter::once(program)
            .chain(arguments)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn wrappers_run_in_cargos_order() {
        let none = Wrappers::default();
        assert_eq!(line(&none.member_command("rustc")), "rustc");
        let both = Wrappers {
            every: Some("sccache".into()),
            members: Some("clippy-driver".into()),
        };
        assert_eq!(line(&both.command("rustc")), "sccache rustc");
        let member = both.member_command("rustc");
        assert_eq!(line(&member), "sccache clippy-driver rustc");
        let members = Wrappers {
            every: None,
            ..both
        };
        assert_eq!(line(&members.command("rustc")), "rustc");
        assert_eq!(
            line(&members.member_command("rustc")),
            "clippy-driver rustc"
        );
    }
}
