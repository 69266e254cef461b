//! Flags of rustc with which crates cannot be linked into kt's shared objects, or not run there.
//! cargo passes them from `RUSTFLAGS`, the keys `rustflags` and the profile; each one would fail
//! later with an error of the linker, or change what the program does.

use std::fmt;

/// A flag that kt refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsupportedFlag {
    /// The flag as it is written, such as `-C relocation-model=static`.
    pub flag: String,
    rule: &'static Rule,
}

/// What is refused, and what the user can do.
#[derive(Debug, PartialEq, Eq)]
struct Rule {
    /// `C` or `Z`.
    kind: char,
    option: &'static str,
    values: Values,
    why: &'static str,
    help: Help,
}

/// The values of an option.
#[derive(Debug, PartialEq, Eq)]
enum Values {
    /// These are refused.
    Refused(&'static [&'static str]),
    /// All others are refused. The empty one is that of an option without a value.
    Accepted(&'static [&'static str]),
}

#[derive(Debug, PartialEq, Eq)]
enum Help {
    Remove,
    /// Remove it, or do this with plain cargo.
    PlainCargo(&'static str),
}

/// rustc's spellings of "no".
const OFF: &[&str] = &["n", "no", "off", "false", "0"];

const RULES: &[Rule] = &[
    Rule {
        kind: 'C',
        option: "panic",
        values: Values::Accepted(&["unwind"]),
        why: "a panic would stop the worker",
        help: Help::Remove,
    },
    Rule {
        kind: 'C',
        option: "relocation-model",
        values: Values::Accepted(&["pic"]),
        why: "kt links crates into shared objects, which need position-independent code",
        help: Help::Remove,
    },
    Rule {
        kind: 'Z',
        option: "tls-model",
        values: Values::Refused(&["local-exec", "initial-exec"]),
        why: "kt loads crates into a running process, where thread-locals have no fixed offset",
        help: Help::Remove,
    },
    Rule {
        kind: 'Z',
        option: "default-visibility",
        values: Values::Refused(&["hidden"]),
        why: "kt links each crate into a shared object, and others must see its symbols",
        help: Help::Remove,
    },
    Rule {
        kind: 'C',
        option: "lto",
        values: Values::Accepted(OFF),
        why: "kt links and swaps each crate separately",
        help: Help::Remove,
    },
    Rule {
        kind: 'C',
        option: "linker-plugin-lto",
        values: Values::Accepted(OFF),
        why: "kt reads the machine code of each crate, and rustc then writes none",
        help: Help::Remove,
    },
    Rule {
        kind: 'C',
        option: "instrument-coverage",
        values: Values::Accepted(OFF),
        why: "its counters are written when a process exits, and code is swapped before",
        help: Help::PlainCargo("measure coverage with `cargo test` or `cargo run`"),
    },
    Rule {
        kind: 'C',
        option: "profile-generate",
        values: Values::Accepted(&[]),
        why: "its counters are written when a process exits, and code is swapped before",
        help: Help::PlainCargo("record the profile with `cargo run`"),
    },
    Rule {
        kind: 'Z',
        option: "sanitizer",
        values: Values::Accepted(&[]),
        why: "its run-time library must be linked into an executable of its own",
        help: Help::PlainCargo("use it with `cargo run` or `cargo test`"),
    },
    Rule {
        kind: 'Z',
        option: "codegen-backend",
        values: Values::Accepted(&["llvm"]),
        why: "kt reads the layouts of states from debug information that only LLVM's has",
        help: Help::Remove,
    },
];

/// The first flag in rustc's arguments that kt refuses. Of several values the last one counts.
pub(crate) fn unsupported(arguments: &[String]) -> Option<UnsupportedFlag> {
    let options: Vec<_> = options(arguments).collect();
    let last = |rule: &Rule| {
        let mut found = options.iter().rev();
        found.find(|(kind, name, _)| *kind == rule.kind && *name == rule.option)
    };
    let refused = RULES.iter().find_map(|rule| {
        let (_, _, value) = last(rule)?;
        let refuses = match rule.values {
            Values::Refused(refused) => refused.contains(&value.unwrap_or_default()),
            Values::Accepted(accepted) => !accepted.contains(&value.unwrap_or_default()),
        };
        let value = value.map_or_else(String::new, |value| format!("={value}"));
        refuses.then(|| UnsupportedFlag {
            flag: format!("-{} {}{value}", rule.kind, rule.option),
            rule,
        })
    });
    refused.or_else(|| static_c_library(&options))
}

/// Whether debug information is written to files of its own.
pub(crate) fn splits_debug_info(arguments: &[String]) -> bool {
    let last = options(arguments)
        .filter(|(kind, name, _)| *kind == 'C' && name == "split-debuginfo")
        .last();
    last.is_some_and(|(_, _, value)| value != Some("off"))
}

/// `-C target-feature=+crt-static`: features add up, and the last one of a name counts.
fn static_c_library(options: &[(char, String, Option<&str>)]) -> Option<UnsupportedFlag> {
    static CRT_STATIC: Rule = Rule {
        kind: 'C',
        option: "target-feature",
        values: Values::Refused(&["+crt-static"]),
        why: "kt loads shared objects at run time, which needs the shared C library",
        help: Help::PlainCargo("build a static program with `cargo build`"),
    };
    let features = options
        .iter()
        .filter(|(kind, name, _)| *kind == 'C' && name == CRT_STATIC.option)
        .flat_map(|(_, _, value)| value.unwrap_or_default().split(','));
    let mut named = features.filter(|feature| matches!(*feature, "+crt-static" | "-crt-static"));
    (named.next_back() == Some("+crt-static")).then(|| UnsupportedFlag {
        flag: "-C target-feature=+crt-static".to_owned(),
        rule: &CRT_STATIC,
    })
}

/// The options after `-C` and `-Z`: kind, name and value. rustc takes underscores for hyphens.
fn options(arguments: &[String]) -> impl Iterator<Item = (char, String, Option<&str>)> {
    let mut rest = arguments.iter();
    std::iter::from_fn(move || {
        loop {
            let argument = rest.next()?;
            let (kind, option) = if let Some(option) = argument.strip_prefix("--codegen=") {
                ('C', option)
            } else if argument == "-C" || argument == "--codegen" {
                ('C', rest.next()?.as_str())
            } else if argument == "-Z" {
                ('Z', rest.next()?.as_str())
            } else if let Some(option) = argument.strip_prefix("-C") {
                ('C', option)
            } else if let Some(option) = argument.strip_prefix("-Z") {
                ('Z', option)
            } else {
                continue;
            };
            let (name, value) = match option.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (option, None),
            };
            return Some((kind, name.replace('_', "-"), value));
        }
    })
}

impl fmt::Display for UnsupportedFlag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flag, rule } = self;
        write!(
            formatter,
            "rustc's flag `{flag}` is not supported: {}\nhelp: remove it from RUSTFLAGS, `rustflags` of the configuration or \
             the profile",
            rule.why
        )?;
        match rule.help {
            Help::Remove => Ok(()),
            Help::PlainCargo(how) => write!(formatter, "; {how}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> Option<String> {
        let arguments: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        unsupported(&arguments).map(|found| found.flag)
    }

    #[test]
    fn flags_that_cannot_work_are_found_in_every_spelling() {
        for line in [
            "-C relocation-model=static",
            "-Crelocation-model=static",
            "-C relocation_model=static",
            "--codegen relocation-model=static",
            "--codegen=relocation-model=static",
            "-C relocation-model=pic --crate-name x -C relocation-model=static",
        ] {
            assert_eq!(
                refused(line).unwrap(),
                "-C relocation-model=static",
                "{line}"
            );
        }
        for flag in [
            "-C panic=abort",
            "-C panic=immediate-abort",
            "-C relocation-model=pie",
            "-Z tls-model=local-exec",
            "-Z default-visibility=hidden",
            "-C lto",
            "-C lto=thin",
            "-C linker-plugin-lto",
            "-C instrument-coverage",
            "-C profile-generate=/tmp",
            "-Z sanitizer=address",
            "-Z codegen-backend=cranelift",
            "-C target-feature=+crt-static",
        ] {
            assert_eq!(refused(flag).unwrap(), flag);
        }
        let features = "-C target-feature=+avx2,+crt-static -C target-feature=+bmi1";
        assert_eq!(refused(features).unwrap(), "-C target-feature=+crt-static");
    }

    #[test]
    fn their_harmless_values_and_other_flags_are_not_refused() {
        for line in [
            "-C panic=unwind -C relocation-model=pic -C code-model=large -Z tls-model=local-dynamic",
            "-Z default-visibility=protected -C lto=off -C lto=no -C linker-plugin-lto=no",
            "-C instrument-coverage=off -Z codegen-backend=llvm -C opt-level=3 -g --cfg lto",
            "-C relocation-model=static -C relocation-model=pic",
            "-C target-feature=+crt-static,+avx2 -C target-feature=-crt-static",
            "--cfg panic=\"abort\" -Zthreads=2",
        ] {
            assert_eq!(refused(line), None, "{line}");
        }
    }

    #[test]
    fn the_error_says_why_and_what_to_do() {
        let error = unsupported(&["-Zsanitizer=address".to_owned()]).unwrap();
        let expected = "rustc's flag `-Z sanitizer=address` is not supported: its run-time library must be linked into an \
                        executable of its own\n\
                        help: remove it from RUSTFLAGS, `rustflags` of the configuration or the profile; use it with \
                        `cargo run` or `cargo test`";
        assert_eq!(error.to_string(), expected);
    }
}
