//! Which edits give an existing definition another meaning.

use camino::Utf8Path;

use super::{
    Collected, Crate, FileDefinitions, Lineage, SourceFacts, program::Definitions, read, remember,
};

/// A program of `app`, which has these files, and `lib`, which it depends on.
fn program(app: &[(&str, &str)], lib: &str) -> Definitions {
    collected(app, lib).definitions().clone()
}

fn collected(app: &[(&str, &str)], lib: &str) -> Collected<'static> {
    let krate = |name: &str| Crate {
        package: name.to_owned(),
        name: name.to_owned(),
        settings: Vec::new(),
        externs: vec!["third".to_owned(), "fourth".to_owned()],
        is_of_2015: false,
    };
    let source = |hot: usize, path: &str, text: &str| SourceFacts {
        hot,
        path: path.into(),
        content: blake3::hash(text.as_bytes()).to_hex().to_string(),
        definitions: match syn::parse_file(text) {
            Ok(file) if path.ends_with(".rs") => FileDefinitions::of(&file),
            _ => FileDefinitions::raw(),
        },
    };
    let mut files = vec![source(0, "lib.rs", lib)];
    files.extend(app.iter().map(|(path, text)| source(1, path, text)));
    Collected::of(vec![krate("lib"), krate("app")], files)
}

fn app(text: &str) -> Definitions {
    program(&[("main.rs", text)], LIB)
}

fn collected_app(text: &str) -> Collected<'static> {
    collected(&[("main.rs", text)], LIB)
}

const LIB: &str = "pub struct Shared { pub a: u64 } pub const WIDTH: usize = 4; pub trait Acts { fn act(&self); }";

/// The program that the edits below change.
const BASE: &str = "
    use std::collections::HashMap; use std::sync::OnceLock; use lib::Shared;
    const LR: f64 = 0.05; const N: usize = 3;
    type Row = [u8; N];
    struct Rec { a: u64, row: Row, map: HashMap<String, Shared> }
    struct Unrelated { line: u32 }
    enum Kind { One(u8), Two }
    trait Speaks { fn speak(&self, rec: &Rec) -> u8; fn twice(&self) -> u8 { 2 } }
    impl Iterator for Unrelated { type Item = u8; fn next(&mut self) -> Option<u8> { None } }
    const fn five() -> usize { 5 }
    macro_rules! show { ($x:expr) => { println!(\"{}\", $x) }; }
    macro_rules! id { ($name:ident, $of:ty) => { pub struct $name($of); }; }
    id!(UserId, u64);
    static PLAIN: std::sync::Mutex<u8> = std::sync::Mutex::new(0);
    fn body() -> u8 { show!(1); 1 }
    fn main() { struct Local { a: u8 } let _ = Local { a: 1 }; }
";

/// A text in [`BASE`] and its replacement. No existing definition changes its meaning.
const COMPATIBLE: &[(&str, &str, &str)] = &[
    (
        "a use line",
        "use std::sync::OnceLock;",
        "use std::sync::{Arc, OnceLock}; use std::collections::BTreeMap;",
    ),
    ("a use line less", "use std::sync::OnceLock;", ""),
    ("a constant's number", "LR: f64 = 0.05", "LR: f64 = 0.04"),
    ("a new constant", "const LR", "const NEW: u64 = 5; const LR"),
    (
        "a new static",
        "static PLAIN",
        "static NEW: std::sync::Mutex<Vec<u8>> = std::sync::Mutex::new(Vec::new()); static PLAIN",
    ),
    (
        "a static's type",
        "std::sync::Mutex<u8> = std::sync::Mutex::new(0)",
        "std::sync::Mutex<u16> = std::sync::Mutex::new(0)",
    ),
    (
        "a new state",
        "static PLAIN",
        "#[kt::state] static NEW: std::sync::Mutex<Vec<u8>> = std::sync::Mutex::new(Vec::new()); static PLAIN",
    ),
    (
        "a new struct",
        "struct Unrelated",
        "struct New { a: Rec } struct Unrelated",
    ),
    (
        "a derive",
        "struct Unrelated",
        "#[derive(Debug, Clone, serde::Serialize)] struct Unrelated",
    ),
    (
        "a trait implementation",
        "struct Unrelated",
        "impl std::fmt::Display for Unrelated { } struct Unrelated",
    ),
    (
        "one with an associated type",
        "struct Unrelated",
        "impl std::ops::Deref for Unrelated { type Target = u8; } struct Unrelated",
    ),
    ("a type alias", "type Row", "type New = Vec<Rec>; type Row"),
    (
        "a module",
        "struct Unrelated",
        "mod new { pub struct Other; } mod outside; struct Unrelated",
    ),
    (
        "a macro",
        "macro_rules! show",
        "macro_rules! other { () => { struct Made; } } macro_rules! show",
    ),
    (
        "an attribute of a function",
        "fn body",
        "#[inline] #[must_use] fn body",
    ),
    (
        "a remote function",
        "fn body",
        "#[kt::remote] fn more() {} fn body",
    ),
    (
        "a generic function",
        "fn body",
        "fn new<T: Clone>(t: T) -> T { t.clone() } fn body",
    ),
    (
        "a macro of the program in a body",
        "show!(1); 1",
        "show!(2 + 2); 1",
    ),
    (
        "another macro of libstd in a body",
        "show!(1); 1",
        "println!(\"{:?}\", vec![1]); 1",
    ),
    (
        "a struct in a body",
        "fn body() -> u8 { ",
        "fn body() -> u8 { struct New { a: u8 } ",
    ),
    (
        "a use line in a body",
        "fn body() -> u8 { ",
        "fn body() -> u8 { use std::rc::Rc as HashMap; ",
    ),
    (
        "a thread-local in a body",
        "fn body() -> u8 { ",
        "fn body() -> u8 { thread_local! { static N: u8 = const { 1 }; } ",
    ),
    ("a default method's body", "{ 2 }", "{ 3 }"),
    (
        "a method",
        "fn next",
        "fn size_hint(&self) -> (usize, Option<usize>) { (0, None) } fn next",
    ),
    ("an unused function", "{ 5 }", "{ 6 }"),
    (
        "a call of a macro that makes items",
        "id!(UserId",
        "id!(OrderId, u64); id!(UserId",
    ),
    ("a type less", "enum Kind {", "enum Renamed {"),
    (
        "a comment in a type",
        "{ a: u64,",
        "{ /// The first.\n a: u64,",
    ),
];

/// As above, but an existing definition changes its meaning.
const CONFLICTING: &[(&str, &str, &str, &str)] = &[
    (
        "a field's type",
        "{ a: u64,",
        "{ a: String,",
        "`a` of `Rec`: `u64` → `String`",
    ),
    (
        "a field",
        "{ a: u64,",
        "{ a: u64, b: u8,",
        "`b` of `Rec` added",
    ),
    ("a variant", "Two", "Two, Three", "`Three` of `Kind` added"),
    (
        "a repr",
        "struct Rec",
        "#[repr(C)] struct Rec",
        "type `Rec` changed",
    ),
    (
        "a derive that may make types",
        "struct Rec",
        "#[derive(Builder)] struct Rec",
        "type `Rec` changed",
    ),
    ("an alias", "[u8; N]", "[u16; N]", "type `Row`"),
    (
        "a constant in an alias",
        "N: usize = 3",
        "N: usize = 4",
        "type `Row` depends on constant `N`",
    ),
    (
        "a constant that a function makes",
        "N: usize = 3",
        "N: usize = five()",
        "constant `N`",
    ),
    (
        "a method's signature",
        "rec: &Rec) -> u8;",
        "rec: &Rec) -> u16;",
        "`speak` of `Speaks`",
    ),
    (
        "a method",
        "fn twice",
        "fn thrice(&self); fn twice",
        "`thrice` of `Speaks` added",
    ),
    (
        "an associated type",
        "type Item = u8",
        "type Item = u16",
        "`Item` of",
    ),
    (
        "an import of a field's type",
        "use std::collections::HashMap;",
        "use std::collections::BTreeMap as HashMap;",
        "`use` of `HashMap`",
    ),
    (
        "a type that hides another",
        "struct Unrelated",
        "struct HashMap<K, V>(K, V); struct Unrelated",
        "type `HashMap`",
    ),
    (
        "a type that hides one of the prelude",
        "struct Unrelated",
        "struct String(u8); struct Unrelated",
        "type `String`",
    ),
    (
        "a type in a body",
        "Local { a: u8 }",
        "Local { a: u16 }",
        "`a` of `Local`: `u8` → `u16`",
    ),
    (
        "what a macro is given",
        "UserId, u64",
        "UserId, String",
        "the expansion of `id`",
    ),
    (
        "the rules of such a macro",
        "struct $name($of)",
        "struct $name(u8, $of)",
        "macro `id`",
    ),
];

#[test]
fn new_definitions_do_not_change_existing_ones() {
    let before = app(BASE);
    let mut wrong = Vec::new();
    for (name, old, new) in COMPATIBLE {
        assert!(BASE.contains(old), "{name}: {old}");
        let after = app(&BASE.replace(old, new));
        wrong.extend(
            before
                .difference(&after)
                .map(|difference| format!("{name}: {difference}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_definition_with_another_meaning_is_named() {
    let before = app(BASE);
    let mut wrong = Vec::new();
    for (name, old, new, expected) in CONFLICTING {
        assert!(BASE.contains(old), "{name}: {old}");
        let difference = before.difference(&app(&BASE.replace(old, new)));
        if !difference.as_ref().is_some_and(|it| it.contains(expected)) {
            wrong.push(format!("{name}: {difference:?} in place of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[track_caller]
fn conflict(before: &[(&str, &str)], after: &[(&str, &str)]) {
    assert!(
        program(before, LIB)
            .difference(&program(after, LIB))
            .is_some()
    );
}

#[track_caller]
fn agreement(before: &[(&str, &str)], after: &[(&str, &str)]) {
    assert_eq!(program(before, LIB).difference(&program(after, LIB)), None);
}

#[test]
fn names_are_followed_through_files_and_crates() {
    let uses = (
        "main.rs",
        "mod a; mod b; use a::Foo; struct S { foo: Foo, other: crate::b::Bar }",
    );
    let a = ("a.rs", "pub use third::Foo;");
    conflict(&[uses, a], &[uses, ("a.rs", "pub use fourth::Foo;")]);
    let b = ("b.rs", "pub use third::Bar;");
    conflict(
        &[uses, a, b],
        &[uses, a, ("b.rs", "pub use third::Baz as Bar;")],
    );
    agreement(
        &[uses, a, b],
        &[
            uses,
            a,
            (
                "b.rs",
                "pub use third::Bar; use third::More; use crate::a::Foo;",
            ),
        ],
    );

    let main = [("main.rs", "struct S { row: [u8; lib::WIDTH] }")];
    let old = program(&main, LIB);
    let new = program(&main, &LIB.replace("usize = 4", "usize = 5"));
    assert!(
        old.difference(&new)
            .is_some_and(|it| it.contains("constant `WIDTH`"))
    );
    // A constant that no type depends on does not count.
    assert_eq!(
        app("struct S;").difference(&program(
            &[("main.rs", "struct S;")],
            &LIB.replace("usize = 4", "usize = 5")
        )),
        None
    );
}

#[test]
fn globs_count_where_a_name_may_come_from_one() {
    let with =
        |imports: &str, field: &str| [("main.rs", format!("{imports} struct S {{ a: {field} }}"))];
    let check = |before: (&str, &str), after: (&str, &str)| {
        let [before, after] = [before, after].map(|(imports, field)| with(imports, field));
        let of = |files: &[(&str, String); 1]| program(&[(files[0].0, &files[0].1)], LIB);
        of(&before).difference(&of(&after)).is_some()
    };
    assert!(check(
        ("use third::*;", "Thing"),
        ("use fourth::*;", "Thing")
    ));
    assert!(check(("", "Vec<u8>"), ("use third::*;", "Vec<u8>")));
    assert!(!check(
        ("use third::Thing;", "Thing"),
        ("use third::Thing; use fourth::*;", "Thing")
    ));
    assert!(!check(("", "u64"), ("use third::*;", "u64")));
    assert!(!check(
        ("", "std::vec::Vec<u8>"),
        ("use std::collections::BTreeMap;", "std::vec::Vec<u8>")
    ));
}

#[test]
fn two_of_one_name_are_distinguished_by_their_place() {
    let main = ("main.rs", "mod a; mod b;");
    let (one, two) = (
        "pub struct Config { x: u8 }",
        "pub struct Config { x: String }",
    );
    let before = [main, ("a.rs", one), ("b.rs", two)];
    conflict(&before, &[main, ("a.rs", two), ("b.rs", one)]);
    agreement(&[main, ("a.rs", one)], &before);
    // A moved type is the same type to a cast.
    agreement(&[main, ("a.rs", one)], &[main, ("b.rs", one)]);
    conflict(&[main, ("a.rs", one)], &[main, ("b.rs", two)]);
}

#[test]
fn the_content_of_a_file_counts_where_a_type_depends_on_it() {
    let text = "const T: &str = include_str!(\"t.txt\"); struct S { a: u8 } struct R { a: u8 }";
    agreement(
        &[("main.rs", text), ("t.txt", "one")],
        &[("main.rs", text), ("t.txt", "two")],
    );
    let text = "const T: usize = include_str!(\"t.txt\").len(); struct S { a: [u8; T] }";
    conflict(
        &[("main.rs", text), ("t.txt", "one")],
        &[("main.rs", text), ("t.txt", "four")],
    );
    let text = "include!(\"t.in\");";
    conflict(
        &[("main.rs", text), ("t.in", "struct A(u8);")],
        &[("main.rs", text), ("t.in", "struct A(u16);")],
    );
    // Beside an `include!` of another file, which is Rust.
    let text = "include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\")); fn f() -> &'static str { include_str!(\"t.txt\") } struct S(u8);";
    agreement(
        &[
            ("main.rs", text),
            ("made.rs", "struct A(u8);"),
            ("t.txt", "one"),
        ],
        &[
            ("main.rs", text),
            ("made.rs", "struct A(u8);"),
            ("t.txt", "two"),
        ],
    );
    // The path is unknown, except that it is built from literals.
    let text = "include!(concat!(\"t\", stringify!(xt)));";
    conflict(
        &[("main.rs", text), ("dir/at.txt", "struct A(u8);")],
        &[("main.rs", text), ("dir/at.txt", "struct A(u16);")],
    );
    // Files that cannot be parsed.
    conflict(
        &[("main.rs", "this is not Rust")],
        &[("main.rs", "this is not Rust either")],
    );
}

#[test]
fn definitions_that_changed_for_one_reason_are_counted_by_name() {
    let difference = |before: &[(&str, &str)], after: &[(&str, &str)]| {
        let difference = program(before, LIB).difference(&program(after, LIB));
        difference.expect("they differ")
    };
    // Each of the three depends on its position.
    let text = "third! { struct A([u8; line!()]); } third! { struct B([u8; line!()]); } fourth! { struct C([u8; line!()]); }";
    let other = ("types/../error.rs", "fn f() {}");
    let edited = ("types/../error.rs", "fn f() { 1 }");
    assert_eq!(
        difference(&[("main.rs", text), other], &[("main.rs", text), edited],),
        "the expansion of `fourth` and one other definition depend on the content of `error.rs`, which changed"
    );
    let both =
        |width: &str| format!("struct A({width}); struct B({width}); struct C {{ c: {width} }}");
    assert_eq!(
        difference(&[("main.rs", &both("u8"))], &[("main.rs", &both("u16"))],),
        "`0` of `A`: `u8` → `u16`, and 2 other definitions"
    );
}

#[test]
fn a_variable_that_is_read_counts_with_its_value() {
    let with = |settings: &[(&str, &str)]| {
        let settings = settings
            .iter()
            .map(|(what, value)| ((*what).to_owned(), (*value).to_owned()))
            .collect();
        let krate = Crate {
            package: "app".into(),
            name: "app".into(),
            settings,
            externs: Vec::new(),
            is_of_2015: false,
        };
        Definitions::of(&[krate], &[])
    };
    let old = with(&[("the variable `N`", "2")]);
    assert_eq!(
        old.difference(&with(&[
            ("the variable `N`", "2"),
            ("the variable `M`", "1")
        ])),
        None
    );
    let difference = old.difference(&with(&[("the variable `N`", "4")]));
    assert_eq!(
        difference.as_deref(),
        Some("the variable `N` of `app` changed")
    );
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn path(directory: &tempfile::TempDir) -> &Utf8Path {
    Utf8Path::from_path(directory.path()).expect("its path is text")
}

#[test]
fn a_lineage_continues_while_no_definition_has_two_meanings() {
    let directory = directory();
    let id = |text: &str| Lineage::id_of(path(&directory), &collected_app(text));
    let first = id("struct A { a: u8 }");
    assert_eq!(id("struct A { a: u8 } struct B { b: u8 }"), first);
    assert_eq!(id("struct A { a: u8 }"), first);
    // `B` was removed, and an old value may still hold one.
    let second = id("struct A { a: u8 } struct B { b: u16 }");
    assert_ne!(second, first);
    // After an undo, the former lineage continues: running code may still be of it.
    assert_eq!(id("struct A { a: u8 } struct B { b: u8 }"), first);
    assert_eq!(id("struct A { a: u8 } struct B { b: u16 }"), second);
    let lineages =
        [&first, &second].map(|id| read(path(&directory), id).expect("it is remembered"));
    let difference = lineages[0].difference(&lineages[1]);
    assert_eq!(difference.as_deref(), Some("`b` of `B`: `u8` → `u16`"));
}

#[test]
fn the_newest_lineage_that_agrees_continues_even_if_an_older_one_agrees_too() {
    let directory = directory();
    let id = |text: &str| Lineage::id_of(path(&directory), &collected_app(text));
    let first = id("struct A { a: u8 }");
    assert_eq!(id("struct A { a: u8 } struct B { b: u8 }"), first);
    let second = id("struct A { a: u8 } struct B { b: u16 }");
    assert_ne!(second, first);
    // The values in the worker are of the second.
    assert_eq!(id("struct A { a: u8 }"), second);
    assert_eq!(id("struct A { a: u8 } fn body() { 1; }"), second);
}

#[test]
fn other_facts_have_another_digest() {
    let base = collected(&[("main.rs", BASE), ("text", "one")], LIB).digest();
    let digest = |app: &[(&str, &str)], lib: &str| collected(app, lib).digest();
    let body = BASE.replace("show!(1); 1", "show!(1); 2");
    assert_eq!(digest(&[("main.rs", &body), ("text", "one")], LIB), base);
    let conflicting = CONFLICTING
        .iter()
        .map(|(what, from, to, _)| (what, from, to));
    let compatible = COMPATIBLE.iter().map(|(what, from, to)| (what, from, to));
    for (what, from, to) in conflicting.chain(compatible) {
        let edited = BASE.replace(from, to);
        let differs = collected_app(BASE).digest() != collected_app(&edited).digest();
        assert!(differs || app(BASE) == app(&edited), "{what}");
    }
    // A file that is not Rust counts byte for byte.
    assert_ne!(digest(&[("main.rs", BASE), ("text", "two")], LIB), base);
    assert_ne!(digest(&[("main.rs", BASE), ("other", "one")], LIB), base);
    let lib = LIB.replace("u64", "u32");
    assert_ne!(digest(&[("main.rs", BASE), ("text", "one")], &lib), base);
}

#[test]
fn each_directory_has_its_own_lineages() {
    let (one, two) = (directory(), directory());
    let definitions = collected_app("struct A { a: u8 }");
    assert_ne!(
        Lineage::id_of(path(&one), &definitions),
        Lineage::id_of(path(&two), &definitions)
    );
    // A lineage that cannot be stored is never continued.
    let file = path(&one).join("file");
    std::fs::write(&file, "").expect("the file can be written");
    assert_ne!(
        Lineage::id_of(&file, &definitions),
        Lineage::id_of(&file, &definitions)
    );
}

#[test]
fn unsafe_code_is_distinguished_from_marker_impls_and_attributes() {
    let has =
        |text: &str| FileDefinitions::of(&syn::parse_file(text).expect("it is Rust")).has_unsafe;
    for text in [
        "fn f() { unsafe { g() } }",
        "unsafe fn f() {}",
        "unsafe impl bytemuck::Pod for S {}",
        "unsafe extern \"C\" { fn f(); }",
        "macro_rules! m { () => { unsafe { f() } }; }",
        "m! { unsafe { f() } }",
    ] {
        assert!(has(text), "{text}");
    }
    for text in [
        "unsafe impl<T> Send for S<T> {} unsafe impl Sync for S<u8> {}",
        "#[unsafe(no_mangle)] pub fn f() {}",
        "/// unsafe { }\nfn f() { g(\"unsafe {}\") }",
    ] {
        assert!(!has(text), "{text}");
    }
}

/// The types that an unknown macro defines are unknown, but they depend on its input.
#[test]
fn the_input_of_an_unknown_macro_counts() {
    for (before, after) in [
        (
            "#[third::model] struct A { a: u8 }",
            "#[third::model] struct A { a: u16 }",
        ),
        (
            "#[third::model(1)] struct A { a: u8 }",
            "#[third::model(2)] struct A { a: u8 }",
        ),
        (
            "#[derive(third::Rows)] struct A { a: u8 }",
            "#[derive(third::Rows)] struct A { a: u16 }",
        ),
        (
            "third::rows! { A { a: u8 } }",
            "third::rows! { A { a: u16 } }",
        ),
    ] {
        conflict(&[("main.rs", before)], &[("main.rs", after)]);
        agreement(&[("main.rs", before)], &[("main.rs", before)]);
    }
}

#[test]
fn a_removed_lineage_is_not_created_again() {
    let directory = directory();
    let definitions = collected_app("struct A { a: u8 }");
    let id = Lineage::id_of(path(&directory), &definitions);
    std::fs::remove_file(path(&directory).join(format!("{id}.json"))).expect("it is there");
    assert!(remember(path(&directory), &id, true, &definitions).is_err());
    assert_ne!(Lineage::id_of(path(&directory), &definitions), id);
}

#[test]
fn an_import_without_a_name_gives_no_name_a_meaning() {
    let types = "const N: usize = { let _ = 1; 3 }; struct S { a: [u8; N] }";
    let more = format!("use std::fmt::Write as _; {types}");
    agreement(&[("main.rs", types)], &[("main.rs", &more)]);
}
