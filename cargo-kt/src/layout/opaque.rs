//! What a description cannot say: memory whose type is only known to the code that put it there.
//!
//! Code finds such memory through a vtable, a function pointer or a cast. Old values bring their old code along, so
//! calling it is sound as long as both sides agree on the types that pass between them; and a cast back to a concrete
//! type is checked by `TypeId`, which stays the same when a field's type changes. A state that reaches such memory is
//! therefore kept only while no type that existed when the value was made has another meaning (`definitions`).

use std::collections::HashSet;

use super::description::{Description, Form, Part, Role, Type};

/// Which crates a developer may edit and which are loaded once.
#[derive(Debug, Clone, Default)]
pub struct Crates {
    /// Names of hot crates.
    pub hot: HashSet<String>,
    /// Names that a hot crate and another have: debug information gives the name only.
    pub ambiguous: HashSet<String>,
    /// Names that two crates of the base have, such as two versions of `rand`.
    pub twice: HashSet<String>,
}

/// libstd's parts. Whatever is erased in there holds values of the type parameters, is behind a `dyn`, or is used by
/// the code that came with it (`Waker`).
const STD: [&str; 3] = ["std", "core", "alloc"];

/// Third-party crates of which the same is known.
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

/// What libstd has in place of a raw pointer or of plain bytes.
const WRAPPERS: [&str; 5] = [
    "NonNull<",
    "Unique<",
    "AtomicPtr<",
    "Atomic<*",
    "MaybeUninit<",
];

/// What of a state has no type that can be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opaque {
    /// Everything opaque that the state reaches, each as "what, at where"; empty if nothing.
    pub what: Vec<String>,
    /// Code finds some of it by a `TypeId`. Under another, nothing of it is ever found again.
    pub by_type_id: bool,
    /// Some of it is behind a pointer that does not say to what, perhaps in C.
    pub by_pointer: bool,
    /// Hot code can get at some of it by more than a third-party crate's own functions: it has no crate's private parts
    /// around it, goes by a `TypeId`, or is beside a hot type by whose traits it may be read.
    pub is_exposed: bool,
    /// Hot code names a type of a crate of which the program has two versions. That is nothing opaque, but which of the
    /// two it is cannot be seen.
    pub of_two_versions: bool,
}

/// Everything opaque that the first type of `description` reaches.
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
        let mut what = format!("memory without a type in {erases}");
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
    /// A type of a third-party crate that has a pointer to memory without a type …
    base_erases: Option<String>,
    /// … matters when some type of a third-party crate is instantiated with a hot one: the memory may hold what that
    /// type's trait implementations name.
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

    /// What matters wherever it is, also deep in types of other crates: there `dyn Any` and `TypeId` lead to hot types.
    fn walk_everything(&mut self) {
        for of in &self.description.types {
            let is_dyn = is_dyn(of);
            if is_dyn {
                self.found.push(format!("`{}`", of.name));
                self.is_exposed |= of.name.contains("core::any::Any");
            } else if of.name == "core::any::TypeId" {
                self.found.push("a map by `TypeId`".to_owned());
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

    /// What matters only where hot code decides what it means: all but the private parts of other crates' types.
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
            self.look_at(of, &path);
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
                if self.is_function(target) && !is_lazy_initialiser(of, part) {
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

    fn look_at(&mut self, of: &Type, path: &str) {
        // Deep in another crate's types it is a panic's payload, or there is a `TypeId` beside it.
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
                "`{}`{}, as two crates have its name",
                of.name,
                at(path)
            ));
            self.is_exposed = true;
        }
    }

    /// Whether a hot crate is named in it, as in `Store<app::Key>` or `dyn Fn(&app::Rec) -> u64`.
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

    /// A raw pointer to bytes, or a place for bytes; through `depth` wrappers of libstd (`Option<Cell<*mut u8>>`).
    fn is_erased(&self, of: &Type, depth: usize) -> bool {
        let raw = of.name.starts_with("*const ") || of.name.starts_with("*mut ");
        let from_core = of.home.as_deref() == Some("core");
        let wrapper = from_core
            && WRAPPERS
                .iter()
                .any(|prefix| last_segment(&of.name).starts_with(prefix));
        let targets = |role: Role| of.parts.iter().filter(move |part| part.role == role);
        if raw {
            // A wide one is a structure whose first field is the thin one.
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

    /// What one points to when one does not say to what.
    fn is_bytes(&self, of: &Type, depth: usize) -> bool {
        const INTEGERS: [&str; 12] = [
            "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
        ];
        match of.form {
            Form::Base => INTEGERS.contains(&of.name.as_str()) || of.size == Some(0),
            // `(*mut c_void)`, and the opaque structs that bindings to C have.
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

/// `LazyLock<T>` is `LazyLock<T, fn() -> T>`, and so is `once_cell`'s `Lazy`. That function runs at most once and all that comes of it is a `T`, which
/// is described.
fn is_lazy_initialiser(of: &Type, part: &Part) -> bool {
    part.role == Role::Parameter && of.is_lazy_cell()
}

impl Type {
    /// A cell that keeps its initializer in the place of its value: std's and `once_cell`'s.
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
