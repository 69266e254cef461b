//! What a description cannot express: memory whose type only the code that wrote it knows.
//!
//! Code reaches such memory through a vtable, a function pointer or a cast. Old values keep their
//! old code loaded, so calling it is sound as long as both sides agree on the types that they
//! exchange. A cast back to a concrete type is checked by `TypeId`, which stays the same when a
//! field's type changes. So a state that reaches such memory is kept only while no type that
//! existed when the value was created gets another meaning (`definitions`).

use std::collections::HashSet;

use super::description::{Description, Form, Part, Role, Type};

/// Which crates are hot (the developer may edit them) and which are loaded once.
#[derive(Debug, Clone, Default)]
pub struct Crates {
    /// Names of hot crates.
    pub hot: HashSet<String>,
    /// Names that a hot crate shares with another crate: debug information has only the name.
    pub ambiguous: HashSet<String>,
    /// Names that two base crates share, such as two versions of `rand`.
    pub twice: HashSet<String>,
}

/// libstd's crates. Erased memory in their types holds values of the type parameters, is behind a
/// `dyn`, or is used by the code that came with it (`Waker`).
const STD: [&str; 3] = ["std", "core", "alloc"];

/// Third-party crates with the same property.
const LIKE_STD: [&str; 20] = [
    "arc_swap",
    "arrayvec",
    "bytes",
    "crossbeam_channel",
    "crossbeam_deque",
    "crossbeam_epoch",
    "crossbeam_queue",
    "crossbeam_utils",
    "dashmap",
    "hashbrown",
    "indexmap",
    "kt",
    "lock_api",
    "once_cell",
    "parking_lot",
    "parking_lot_core",
    "slab",
    "smallvec",
    "tokio",
    "triomphe",
];

/// libstd's wrappers of raw pointers and plain bytes.
const WRAPPERS: [&str; 5] = [
    "NonNull<",
    "Unique<",
    "AtomicPtr<",
    "Atomic<*",
    "MaybeUninit<",
];

/// The parts of a state without a visible type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opaque {
    /// Every opaque part that the state reaches, as "what at where".
    pub what: Vec<String>,
    /// Code finds some of it by a `TypeId`. If the `TypeId` changes, that part can never be found
    /// again.
    pub by_type_id: bool,
    /// Some of it is behind an untyped pointer, perhaps in C.
    pub by_pointer: bool,
    /// Hot code can reach some of it by other means than a third-party crate's functions: it is not
    /// private to another crate, is found by a `TypeId`, or is beside a hot type whose traits may
    /// read it.
    pub is_exposed: bool,
    /// Hot code names a type of a crate that the program has in two versions. Nothing is opaque,
    /// but debug information does not show which version it is.
    pub of_two_versions: bool,
}

/// Finds every opaque part that the first type of `description` reaches.
pub fn find(description: &Description, crates: &Crates) -> Opaque {
    let mut finder = Finder {
        description,
        crates,
        found: Vec::new(),
        by_type_id: false,
        by_pointer: false,
        is_exposed: false,
        of_two_versions: false,
        base_erases: None,
        base_holds_hot: None,
    };
    finder.walk_everything();
    finder.walk_exposed();
    if let (Some(erases), Some(holds)) = (&finder.base_erases, &finder.base_holds_hot) {
        let mut what = format!("untyped memory in {erases}");
        if holds != erases {
            what += &format!(", beside {holds}");
        }
        finder.found.push(what);
        finder.by_pointer = true;
        finder.is_exposed = true;
    }
    Opaque {
        what: finder.found,
        by_type_id: finder.by_type_id,
        by_pointer: finder.by_pointer,
        is_exposed: finder.is_exposed,
        of_two_versions: finder.of_two_versions,
    }
}

struct Finder<'a> {
    description: &'a Description,
    crates: &'a Crates,
    found: Vec<String>,
    by_type_id: bool,
    by_pointer: bool,
    is_exposed: bool,
    of_two_versions: bool,
    /// A type of a third-party crate with a pointer to untyped memory. It matters only …
    base_erases: Option<String>,
    /// … if some type of a third-party crate is instantiated with a hot type: the memory may then
    /// hold types that the hot type's trait implementations name.
    base_holds_hot: Option<String>,
}

impl<'a> Finder<'a> {
    fn target(&self, part: &Part) -> Option<(usize, &'a Type)> {
        let index = part.target?;
        Some((index, self.description.types.get(index)?))
    }

    fn is_hot(&self, of: &Type) -> bool {
        of.home
            .as_ref()
            .is_some_and(|home| self.crates.hot.contains(home))
    }

    /// Finds what matters at any depth, also inside types of other crates: there, `dyn Any` and
    /// `TypeId` lead to hot types.
    fn walk_everything(&mut self) {
        for of in &self.description.types {
            let is_dyn = is_dyn(of);
            if is_dyn {
                self.found.push(format!("`{}`", of.name));
                self.is_exposed |= of.name.contains("core::any::Any");
            } else if of.name == "core::any::TypeId" {
                self.found.push("a map keyed by `TypeId`".to_owned());
                self.by_type_id = true;
                self.is_exposed = true;
            }
            let third_party = of.home.as_deref().filter(|home| {
                !STD.contains(home) && !LIKE_STD.contains(home) && !self.crates.hot.contains(*home)
            });
            if third_party.is_some() || is_dyn || self.is_function(of) {
                self.is_exposed |= self.names_hot(of);
            }
            if third_party.is_some() && self.base_erases.is_none() {
                let mut fields = of.parts.iter().filter(|part| part.role == Role::Field);
                if fields.any(|part| {
                    self.target(part)
                        .is_some_and(|(_, target)| self.is_erased(target, 4))
                }) {
                    self.base_erases = Some(format!("`{}`", of.name));
                }
            }
        }
    }

    /// Finds what matters only where hot code decides its meaning: everywhere but in the private
    /// parts of other crates' types.
    fn walk_exposed(&mut self) {
        let mut seen = HashSet::from([0]);
        let mut paths = vec![(0, String::new())];
        let mut next = 0;
        while next < paths.len() {
            let (index, path) = paths[next].clone();
            next += 1;
            let Some(of) = self.description.types.get(index) else {
                continue;
            };
            self.check_type(of, &path);
            let foreign = of.home.is_some() && !self.is_hot(of);
            for part in &of.parts {
                if foreign && !matches!(part.role, Role::Parameter | Role::Variant) {
                    continue;
                }
                let Some((target_index, target)) = self.target(part) else {
                    continue;
                };
                if part.role == Role::Parameter
                    && foreign
                    && self.is_hot(target)
                    && !is_like_std(of)
                {
                    self.base_holds_hot
                        .get_or_insert_with(|| format!("`{}`", of.name));
                }
                if self.is_function(target) && !is_lazy_initializer(of, part) {
                    self.found.push(format!("`{}`{}", target.name, at(&path)));
                    self.is_exposed = true;
                }
                if seen.insert(target_index) {
                    let step = match part.role {
                        Role::Field | Role::Variant => {
                            format!("{path}.{}", part.name.trim_start_matches("__"))
                        }
                        _ => path.clone(),
                    };
                    paths.push((target_index, step));
                }
            }
        }
    }

    fn check_type(&mut self, of: &Type, path: &str) {
        // Deep inside another crate's types, a `dyn Any` is a panic's payload or has a `TypeId`
        // beside it.
        let is_dyn = is_dyn(of);
        self.is_exposed |= is_dyn;
        self.by_type_id |= is_dyn && of.name.contains("core::any::Any");
        if self.is_erased(of, 0) {
            self.found.push(format!("`{}`{}", of.name, at(path)));
            self.by_pointer = true;
            self.is_exposed = true;
        }
        let is_in =
            |names: &HashSet<String>| of.home.as_ref().is_some_and(|home| names.contains(home));
        self.of_two_versions |= is_in(&self.crates.twice);
        if is_in(&self.crates.ambiguous) {
            self.found.push(format!(
                "`{}`{}, whose crate name is not unique",
                of.name,
                at(path)
            ));
            self.is_exposed = true;
        }
    }

    /// Whether its name contains a hot crate, as in `Store<app::Key>` or `dyn Fn(&app::Rec) ->
    /// u64`.
    fn names_hot(&self, of: &Type) -> bool {
        let is_word = |it: char| it.is_alphanumeric() || it == '_';
        of.name.match_indices("::").any(|(end, _)| {
            let before = &of.name[..end];
            let start = before.rfind(|it| !is_word(it)).map_or(0, |at| {
                at + before[at..].chars().next().map_or(1, char::len_utf8)
            });
            let is_first = !before[..start].ends_with("::");
            is_first && self.crates.hot.contains(&before[start..])
        })
    }

    fn is_function(&self, of: &Type) -> bool {
        of.form == Form::Pointer
            && of.parts.iter().any(|part| {
                self.target(part)
                    .is_some_and(|(_, it)| it.form == Form::Subroutine)
            })
    }

    /// A raw pointer to bytes, or storage for bytes, through up to `depth` wrappers of libstd
    /// (`Option<Cell<*mut u8>>`).
    fn is_erased(&self, of: &Type, depth: usize) -> bool {
        let raw = of.name.starts_with("*const ") || of.name.starts_with("*mut ");
        let from_core = of.home.as_deref() == Some("core");
        let wrapper = from_core
            && WRAPPERS
                .iter()
                .any(|prefix| last_segment(&of.name).starts_with(prefix));
        let targets = |role: Role| of.parts.iter().filter(move |part| part.role == role);
        if raw {
            // A wide pointer is a structure whose first field is the thin pointer.
            return of
                .parts
                .iter()
                .filter(|part| matches!(part.role, Role::Pointee | Role::Field))
                .any(|part| {
                    let Some((_, target)) = self.target(part) else {
                        return part.role == Role::Pointee;
                    };
                    let is_thin_pointer = part.role == Role::Field && target.form == Form::Pointer;
                    let inner = if is_thin_pointer {
                        target.parts.first().and_then(|it| self.target(it))
                    } else {
                        None
                    };
                    match (part.role, inner) {
                        (Role::Pointee, _) => self.is_bytes(target, 4),
                        (_, Some((_, pointee))) => self.is_bytes(pointee, 4),
                        _ => false,
                    }
                });
        }
        if wrapper {
            let mut parameters = targets(Role::Parameter);
            return parameters.any(|part| {
                self.target(part).is_some_and(|(_, target)| {
                    self.is_bytes(target, 4) || self.is_erased(target, 1)
                })
            });
        }
        depth > 0
            && of.home.as_deref().is_some_and(|home| STD.contains(&home))
            && of
                .parts
                .iter()
                .filter(|part| matches!(part.role, Role::Parameter | Role::Variant))
                .any(|part| {
                    self.target(part)
                        .is_some_and(|(_, target)| self.is_erased(target, depth - 1))
                })
    }

    /// The pointee types of untyped pointers.
    fn is_bytes(&self, of: &Type, depth: usize) -> bool {
        const INTEGERS: [&str; 12] = [
            "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
        ];
        match of.form {
            Form::Base => INTEGERS.contains(&of.name.as_str()) || of.size == Some(0),
            // `c_void`, and the opaque structs of C bindings.
            _ if of.size == Some(0) || last_segment(&of.name) == "c_void" => true,
            Form::Array => depth > 0 && self.parts_are_bytes(of, Role::Element, depth),
            _ if last_segment(&of.name).starts_with("MaybeUninit<") => {
                depth > 0 && self.parts_are_bytes(of, Role::Parameter, depth)
            }
            _ => false,
        }
    }

    fn parts_are_bytes(&self, of: &Type, role: Role, depth: usize) -> bool {
        let mut parts = of.parts.iter().filter(|part| part.role == role);
        parts.any(|part| {
            self.target(part)
                .is_some_and(|(_, target)| self.is_bytes(target, depth - 1))
        })
    }
}

/// `LazyLock<T>` is `LazyLock<T, fn() -> T>`, and so is `once_cell`'s `Lazy`. The function runs at
/// most once and produces only a `T`, which the description has.
fn is_lazy_initializer(of: &Type, part: &Part) -> bool {
    part.role == Role::Parameter && of.is_lazy_cell()
}

impl Type {
    /// A cell that stores its initializer in the memory of its value: std's and `once_cell`'s.
    pub fn is_lazy_cell(&self) -> bool {
        let name = last_segment(&self.name);
        match self.home.as_deref() {
            Some("once_cell") => name.starts_with("Lazy<"),
            Some(home) => {
                STD.contains(&home)
                    && (name.starts_with("LazyLock<") || name.starts_with("LazyCell<"))
            }
            None => false,
        }
    }
}

fn is_dyn(of: &Type) -> bool {
    of.name.starts_with("dyn ") || of.name.starts_with("(dyn ")
}

fn is_like_std(of: &Type) -> bool {
    of.home
        .as_deref()
        .is_some_and(|home| STD.contains(&home) || LIKE_STD.contains(&home))
}

/// The name without its path: `Vec<a::B>` of `alloc::vec::Vec<a::B>`.
fn last_segment(name: &str) -> &str {
    let path_end = name.find(['<', '(', '[']).unwrap_or(name.len());
    let start = name[..path_end]
        .rfind("::")
        .map_or(0, |position| position + 2);
    &name[start..]
}

fn at(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!(" at `{path}`")
    }
}
