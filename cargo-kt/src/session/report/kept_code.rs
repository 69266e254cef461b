//! States that kept their values and may hold code of an older generation, such as a `Box<dyn
//! Trait>`: an edit does not change that code.

use std::collections::{BTreeSet, HashSet, VecDeque};

use kt::{
    Generation,
    wire::{control::Swapped, manifest::Manifest, state::Outcome},
};

use super::name_of;
use crate::{
    artifacts::HotCrate,
    layout::{Description, Form, Role, StateLayout, Type},
    terminal::Terminal,
};

/// Up to this number each state is named; more share one line, except with `-v`.
const NAMED: usize = 4;

/// What a swap changed, as needed to judge code in states.
pub(super) struct Edit<'a> {
    pub(super) former: Option<&'a (Generation, Manifest)>,
    pub(super) new: &'a Manifest,
    pub(super) hot: &'a [HotCrate],
    pub(super) layouts: &'a [StateLayout],
    /// Keys of the states with the argument `keep`: they hold no type of the workspace.
    pub(super) keeps: HashSet<&'a str>,
}

/// A state, and what in it is code: ``a `dyn app::Handler` ``.
struct Holder<'a> {
    name: &'a str,
    what: String,
}

/// Names the states at each edit that may concern them.
pub(super) fn kept_code(terminal: &Terminal, edit: &Edit<'_>, swapped: &Swapped) {
    let (Some((former, old)), true, None) = (edit.former, swapped.changed, &swapped.replaced)
    else {
        return;
    };
    let edited = edited(old, edit);
    if edited.is_empty() {
        return;
    }
    let holders: Vec<_> = edit
        .layouts
        .iter()
        .filter(|state| !edit.keeps.contains(&*state.key))
        .filter_map(|state| holder(state, kept(swapped, &state.key)?, edit.hot, &edited))
        .collect();
    if let Some(note) = note(&holders, *former, terminal.is_verbose()) {
        terminal.note(note);
    }
}

/// One line for all, and one of help.
fn note(holders: &[Holder<'_>], former: Generation, all: bool) -> Option<String> {
    let kept =
        format!("kept and may hold code of generation {former} or before, which does not change");
    let (line, value, names) = match holders {
        [] => return None,
        [Holder { name, what }] => (
            format!(
                "state `{name}` was kept and may hold code of generation {former} or before ({what}), which does not change"
            ),
            "its value",
            (*name).to_owned(),
        ),
        some if all || some.len() <= NAMED => {
            let list: Vec<_> = some
                .iter()
                .map(|Holder { name, what }| format!("`{name}` ({what})"))
                .collect();
            let names: Vec<_> = some.iter().map(|holder| holder.name).collect();
            (
                format!("{} states were {kept}: {}", some.len(), list.join(", ")),
                "their values",
                names.join(" "),
            )
        }
        [first, more @ ..] => (
            format!(
                "state `{}` and {} more were {kept}; `-v` lists them all",
                first.name,
                more.len()
            ),
            "a value",
            "NAME".to_owned(),
        ),
    };
    Some(format!(
        "{line}\nhelp: call a `#[kt::remote]` function from it, which always enters the newest code, or re-initialize {value} with \
         `cargo kt state clear {names}`"
    ))
}

/// Whether a kept state has a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// A cell that was never used.
    Empty,
    Value,
}

fn kept(swapped: &Swapped, key: &str) -> Option<Kept> {
    let state = swapped.states.iter().find(|state| state.key == key)?;
    match state.outcome {
        Outcome::Kept { empty: true, .. } => Some(Kept::Empty),
        Outcome::Kept { empty: false, .. } => Some(Kept::Value),
        _ => None,
    }
}

/// Indices of the crates whose sources changed.
fn edited(old: &Manifest, edit: &Edit<'_>) -> BTreeSet<usize> {
    let sources = |manifest: &Manifest, krate: &HotCrate| {
        let mut crates = manifest.crates.iter();
        let same = |it: &&kt::wire::manifest::CrateObject| {
            (&it.package, &it.crate_name) == (&krate.package, &krate.crate_name)
        };
        crates.find(same).map(|it| it.sources.clone())
    };
    let differs = |krate: &HotCrate| {
        let was = sources(old, krate);
        was.is_some() && was != sources(edit.new, krate)
    };
    let hot = edit.hot.iter().enumerate();
    hot.filter(|(_, krate)| differs(krate))
        .map(|(index, _)| index)
        .collect()
}

/// Only states of an edited crate and of its dependents are named: a crate rarely holds code of its
/// dependents.
fn holder<'a>(
    state: &'a StateLayout,
    kept: Kept,
    hot: &[HotCrate],
    edited: &BTreeSet<usize>,
) -> Option<Holder<'a>> {
    let krate = hot.get(state.hot)?;
    let concerned = edited.contains(&state.hot)
        || krate
            .dependencies
            .iter()
            .any(|below| edited.contains(below));
    let layout = state.layout.as_ref().ok().filter(|_| concerned)?;
    let names: HashSet<&str> = hot.iter().map(|krate| &*krate.crate_name).collect();
    Some(Holder {
        name: name_of(&state.key),
        what: match kept {
            Kept::Empty => initializer_of(&layout.description)?,
            Kept::Value => code_in(&layout.description, &names)?,
        },
    })
}

/// A lazy cell without a value holds its initializer.
fn initializer_of(description: &Description) -> Option<String> {
    let first = description.types.first();
    // What `#[kt::state]` wraps a value in.
    let inside = first.and_then(|first| description.types.get(first.parts.first()?.target?));
    let mut outermost = first.into_iter().chain(inside);
    outermost
        .any(Type::is_lazy_cell)
        .then(|| "its initializer".to_owned())
}

/// The first part of a value that may be code of the workspace: a `dyn` of one of its traits
/// anywhere, or another `dyn` or a function pointer that no third-party type holds. Those mostly
/// hold their own code.
fn code_in(description: &Description, hot: &HashSet<&str>) -> Option<String> {
    const STD: [&str; 3] = ["std", "core", "alloc"];
    let third_party = |home: &Option<String>| {
        let home = home.as_deref();
        home.is_some_and(|home| !STD.contains(&home) && !hot.contains(home))
    };
    let mut next = VecDeque::from([(0, false)]);
    let mut seen = HashSet::new();
    while let Some((index, inside)) = next.pop_front() {
        let Some(of) = description
            .types
            .get(index)
            .filter(|_| seen.insert((index, inside)))
        else {
            continue;
        };
        let object = of.name.trim_start_matches('(').strip_prefix("dyn ");
        let of_hot = object.is_some_and(|path| {
            let home = path.split("::").next();
            home.is_some_and(|home| hot.contains(home))
        });
        if of_hot || (object.is_some() && !inside) {
            return Some(format!("a `{}`", of.name));
        }
        if of.form == Form::Subroutine && !inside {
            return Some("a function pointer".to_owned());
        }
        let within = inside || third_party(&of.home);
        let held = of.parts.iter().filter(|part| {
            matches!(
                part.role,
                Role::Field | Role::Variant | Role::Pointee | Role::Element | Role::Parameter
            )
        });
        if of.is_lazy_cell() {
            // Its value is of its first parameter. The second is the initializer, which does not
            // run again.
            let value = held.clone().find(|part| part.role == Role::Parameter);
            next.extend(value.and_then(|part| Some((part.target?, inside))));
            continue;
        }
        // A type parameter belongs to the code that names the type: that of a third-party field is
        // third-party too.
        next.extend(held.filter_map(|part| match part.role {
            Role::Parameter => Some((part.target?, inside)),
            _ => Some((part.target?, within)),
        }));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Part;

    fn part(role: Role, target: usize) -> Part {
        Part {
            role,
            name: String::new(),
            offset: None,
            value: None,
            target: Some(target),
        }
    }

    fn of(form: Form, name: &str, home: Option<&str>, parts: Vec<Part>) -> Type {
        Type {
            form,
            name: name.into(),
            home: home.map(str::to_owned),
            size: None,
            align: None,
            encoding: None,
            parts,
        }
    }

    /// The second type is held by the first, which is of this crate.
    fn found(home: &str, held: Type) -> Option<String> {
        let outer = of(
            Form::Structure,
            "Outer",
            Some(home),
            vec![part(Role::Field, 1)],
        );
        let types = vec![outer, held];
        code_in(&Description { types }, &HashSet::from(["app"]))
    }

    #[test]
    fn code_of_the_workspace_is_found_and_what_third_party_crates_hold_of_their_own_is_not() {
        let object = |name: &str| of(Form::Structure, name, None, Vec::new());
        assert_eq!(
            found("alloc", object("dyn app::Handler")).as_deref(),
            Some("a `dyn app::Handler`")
        );
        assert!(found("core", object("(dyn core::any::Any + core::marker::Send)")).is_some());
        assert!(found("dashmap", object("(dyn app::Handler + core::marker::Send)")).is_some());
        assert_eq!(found("regex", object("dyn regex_automata::Strategy")), None);
        let function = || of(Form::Subroutine, "fn()", None, Vec::new());
        assert_eq!(
            found("app", function()).as_deref(),
            Some("a function pointer")
        );
        assert_eq!(found("regex", function()), None);
        assert_eq!(found("app", of(Form::Base, "u8", None, Vec::new())), None);
    }

    /// `LazyLock<T, fn() -> T>`, which has both in a union too.
    #[test]
    fn a_lazy_cells_initializer_is_no_code_that_goes_on_and_what_its_value_holds_is() {
        let lazy = |home: &str, name: &str, value: Type| {
            let cell = of(
                Form::Structure,
                name,
                Some(home),
                vec![
                    part(Role::Field, 1),
                    part(Role::Parameter, 2),
                    part(Role::Parameter, 3),
                ],
            );
            let data = of(
                Form::Union,
                "Data",
                Some(home),
                vec![part(Role::Field, 2), part(Role::Field, 3)],
            );
            let function = of(Form::Subroutine, "fn()", None, Vec::new());
            let types = vec![cell, data, value, function];
            code_in(&Description { types }, &HashSet::from(["app"]))
        };
        let number = || of(Form::Base, "u8", None, Vec::new());
        let object = || of(Form::Structure, "dyn app::Handler", None, Vec::new());
        for (home, name) in [
            ("std", "std::sync::lazy_lock::LazyLock<u8, fn() -> u8>"),
            ("core", "core::cell::lazy::LazyCell<u8, fn() -> u8>"),
            ("once_cell", "once_cell::sync::Lazy<u8, fn() -> u8>"),
        ] {
            assert_eq!(lazy(home, name, number()), None, "{name}");
            assert!(lazy(home, name, object()).is_some(), "{name}");
        }
        // A type of the program's own with this name, which runs its function at each use.
        assert!(lazy("app", "app::LazyLock<u8, fn() -> u8>", number()).is_some());
    }

    #[test]
    fn states_share_a_line_and_its_help() {
        let holders = |count: usize| -> Vec<_> {
            ["app::A", "app::B", "app::C", "app::D", "app::E"][..count]
                .iter()
                .map(|name| Holder {
                    name,
                    what: "a function pointer".into(),
                })
                .collect()
        };
        let note = |count, all| note(&holders(count), Generation(3), all).unwrap_or_default();
        assert_eq!(note(0, false), "");
        assert_eq!(
            note(1, false),
            "state `app::A` was kept and may hold code of generation 3 or before (a function pointer), which does not change\n\
             help: call a `#[kt::remote]` function from it, which always enters the newest code, or re-initialize its value with \
             `cargo kt state clear app::A`"
        );
        assert_eq!(
            note(2, false),
            "2 states were kept and may hold code of generation 3 or before, which does not change: `app::A` (a function pointer), \
             `app::B` (a function pointer)\n\
             help: call a `#[kt::remote]` function from it, which always enters the newest code, or re-initialize their values with \
             `cargo kt state clear app::A app::B`"
        );
        assert!(note(5, false).starts_with("state `app::A` and 4 more were kept"));
        assert!(note(5, false).contains("`-v` lists them all\nhelp: "));
        assert_eq!(note(5, true).lines().count(), 2);
        assert!(note(5, true).ends_with("app::A app::B app::C app::D app::E`"));
    }

    /// As the wakers in a `tokio::sync::OnceCell<u8>`, and the values in a `DashMap<u8, fn()>`.
    #[test]
    fn a_parameter_belongs_to_who_names_the_type() {
        let named = |first: Role| {
            let outer = of(
                Form::Structure,
                "Outer",
                Some("tokio"),
                vec![part(first, 1)],
            );
            let cell = of(
                Form::Structure,
                "Cell<fn()>",
                Some("core"),
                vec![part(Role::Parameter, 2)],
            );
            let function = of(Form::Subroutine, "fn()", None, Vec::new());
            let types = vec![outer, cell, function];
            code_in(&Description { types }, &HashSet::from(["app"]))
        };
        assert_eq!(named(Role::Field), None);
        assert_eq!(
            named(Role::Parameter).as_deref(),
            Some("a function pointer")
        );
    }
}
