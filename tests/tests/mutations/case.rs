//! One mutation: a state before and after it, and the expected outcome for its value.

use crate::container::Container;

/// The expected outcome for a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expected {
    /// Same memory.
    Kept,
    Migrated,
    /// Kept or migrated: the compiler may lay the new type out like the old one.
    Survives,
    /// Initial value, announced.
    Reset,
    /// No swap at all, and a message that names the state.
    Refused,
}

/// A type `T` before and after, to be put into containers.
#[derive(Debug, Clone)]
pub struct Shape {
    pub name: String,
    /// Items, among them `T`. `@` stands for a derive with serde, `~` for one without.
    pub before: String,
    pub after: String,
    /// An expression of `T` as it was: `s` is the element's number.
    pub value: String,
    /// What must be true of `v: &T` after the mutation, for element `s`. Empty: it equals `value`.
    pub checks: Vec<String>,
    /// What must be true of `v: &T` before it, instead of equality with `value`.
    pub checks_before: Vec<String>,
    pub expected: Expected,
    /// Whether it is `Sync`. If not, only a `Mutex` can hold it.
    pub shared: bool,
    /// Whether it implements serde without a derive.
    pub serde: bool,
}

impl Shape {
    pub fn new(
        expected: Expected,
        name: &str,
        before: &str,
        value: &str,
        after: &str,
        checks: &[&str],
    ) -> Self {
        let owned = |checks: &[&str]| checks.iter().map(|&check| check.to_owned()).collect();
        Self {
            name: name.into(),
            before: before.into(),
            after: after.into(),
            value: value.into(),
            checks: owned(checks),
            checks_before: Vec::new(),
            expected,
            shared: true,
            serde: false,
        }
    }

    pub fn not_shared(mut self) -> Self {
        self.shared = false;
        self
    }

    pub fn with_serde(mut self) -> Self {
        self.serde = true;
        self
    }

    /// For values that are not equal to themselves.
    pub fn before(mut self, checks: &[&str]) -> Self {
        self.checks_before = checks.iter().map(|&check| check.to_owned()).collect();
        self
    }
}

/// One side of a mutation: the contents of its module.
#[derive(Debug, Clone)]
pub struct Module {
    /// Types and the static `S`.
    pub items: String,
    /// Statements.
    pub fill: String,
    pub empty: String,
    /// Statements that push to `wrong`.
    pub look: String,
    /// The same for an empty or reset state.
    pub look_empty: String,
}

/// A mutation of one state.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    pub before: Module,
    pub after: Module,
    pub expected: Expected,
    /// Whether the state is in a crate that no mutation edits.
    pub in_unedited_crate: bool,
}

impl Case {
    pub fn of(shape: &Shape, container: Container) -> Self {
        Self {
            name: Self::name(shape, container),
            before: container.module(shape, &shape.before, false),
            after: container.module(shape, &shape.after, true),
            expected: container.expected(shape),
            in_unedited_crate: container == Container::UneditedCrate,
        }
    }

    pub fn name(shape: &Shape, container: Container) -> String {
        format!("{}_{}", shape.name, container.name())
    }

    /// A mutation of the static itself.
    pub fn of_static(expected: Expected, name: &str, before: [&str; 3], after: [&str; 3]) -> Self {
        let module = |[items, fill, look]: [&str; 3]| Module {
            items: items.into(),
            fill: fill.into(),
            empty: String::new(),
            look: look
                .split(';')
                .map(str::trim)
                .filter(|check| !check.is_empty())
                .map(|check| format!("expect!(wrong, {check});"))
                .collect(),
            look_empty: String::new(),
        };
        let (before, mut after) = (module(before), module(after));
        // The given `look` checks a reset state too.
        after.look_empty.clone_from(&after.look);
        Self {
            name: name.into(),
            before,
            after,
            expected,
            in_unedited_crate: false,
        }
    }
}
