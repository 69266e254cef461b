//! Which edits of a source can influence a type.

use camino::{Utf8Path, Utf8PathBuf};

use super::{SourcesHash, hash};
use crate::artifacts::HotCrate;

fn crate_of(root: &Utf8Path, name: &str, files: &[(&str, &str)]) -> HotCrate {
    let write = |(file, text): &(&str, &str)| -> Utf8PathBuf {
        let path = root.join(format!("{name}_{file}"));
        std::fs::write(&path, text).expect("the source can be written");
        path
    };
    HotCrate {
        types: None,
        package: name.to_owned(),
        version: "0.1.0".to_owned(),
        crate_name: name.to_owned(),
        rlib: root.join(format!("lib{name}.rlib")),
        dependencies: Vec::new(),
        sources_hash: String::new(),
        variables: Vec::new(),
        sources: files.iter().map(write).collect(),
        invocation: None,
    }
}

fn hashes(crates: &[&[(&str, &str)]]) -> Vec<SourcesHash> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    // Paths count, so each set of sources is hashed with the same relative paths.
    let root = Utf8Path::from_path(directory.path()).expect("its path is text");
    let hot: Vec<_> = crates
        .iter()
        .enumerate()
        .map(|(number, files)| crate_of(root, &format!("c{number}"), files))
        .collect();
    let mut hot = hot;
    for it in &mut hot {
        // The working directory of the test has no such files, and absolute paths would differ
        // between runs.
        it.invocation = Some(crate::artifacts::Invocation {
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: root.to_owned(),
        });
        it.sources = it
            .sources
            .iter()
            .filter_map(|path| path.file_name())
            .map(Utf8PathBuf::from)
            .collect();
    }
    let cold = hash(&hot, &root.join("cache")).expect("the sources can be read");
    let warm = hash(&hot, &root.join("cache")).expect("the sources can be read");
    assert_eq!(cold, warm, "the cache changes the result");
    cold
}

fn types(source: &str) -> String {
    hashes(&[&[("lib.rs", source)]]).remove(0).types
}

const SAME: &[(&str, &str, &str)] = &[
    ("comment", "struct S;", "/* c */ struct S; // d"),
    (
        "doc",
        "struct S { a: u8 }",
        "/// Text.\n#[doc = \"more\"] struct S { /** Field. */ a: u8 }",
    ),
    (
        "inner doc",
        "struct S;",
        "//! Text.\n#![doc = \"more\"]\nstruct S;",
    ),
    (
        "whitespace",
        "struct S{a:u8}",
        "struct S\n{\n    a: u8\n}\n",
    ),
    (
        "body",
        "fn f() -> u8 { 1 }",
        "fn f() -> u8 { let x = 2; x + 1 }",
    ),
    (
        "async body",
        "async fn f() { a().await }",
        "async fn f() { b().await; a().await }",
    ),
    (
        "impl Trait body",
        "fn f() -> impl Fn() { || () }",
        "fn f() -> impl Fn() { let x = 1; move || drop(x) }",
    ),
    (
        "method body",
        "impl S { fn f(&self) {} }",
        "impl S { fn f(&self) { self.g() } }",
    ),
    (
        "trait method body",
        "trait T { fn f(&self) {} }",
        "trait T { fn f(&self) { self.g() } }",
    ),
    (
        "impl of trait body",
        "impl T for S { fn f(&self) {} }",
        "impl T for S { fn f(&self) { g() } }",
    ),
    (
        "new function",
        "struct S;",
        "struct S; fn f(a: u8) -> u8 { a }",
    ),
    (
        "new method",
        "struct S;",
        "struct S; impl S { fn f(&self) {} }",
    ),
    (
        "new remote",
        "struct S;",
        "struct S; #[kt::remote] pub async fn f(a: u8) -> u8 { a }",
    ),
    (
        "in a module",
        "mod m { fn f() {} }",
        "mod m { fn f() { g() } }",
    ),
    ("closure", "fn f() { g(|x| x) }", "fn f() { g(|x| x + 1) }"),
    (
        "well-known macro",
        "fn f() {}",
        "fn f() { println!(\"{}\", vec![1].len()); assert_eq!(1, 1); }",
    ),
    (
        "with path",
        "fn f() {}",
        "fn f() { tracing::info!(a = 1, \"b\"); std::println!(); tokio::select! { _ = a => {} } }",
    ),
    (
        "not equal",
        "fn f() {}",
        "fn f() { assert!(a != b && !c && matches!(a, B)); }",
    ),
    (
        "import in body",
        "fn f() {}",
        "fn f() { use std::io::Write; }",
    ),
    (
        "nested function",
        "fn f() { fn g() {} }",
        "fn f() { fn g() { h() } }",
    ),
    (
        "constant in body",
        "fn f() {}",
        "fn f() { const N: usize = 3; g(N) }",
    ),
    (
        "test module",
        "struct S;",
        "struct S; #[cfg(test)] mod tests { struct A; impl A { fn f() {} } }",
    ),
    (
        "test",
        "struct S;",
        "struct S; #[test] fn f() { struct A; }",
    ),
    (
        "builtin attributes",
        "struct S;",
        "struct S; #[inline] #[allow(dead_code)] #[cfg_attr(a, inline)] #[must_use] fn f() -> u8 { 1 }",
    ),
    (
        "runtime attribute",
        "#[tokio::main] async fn main() {}",
        "#[tokio::main] async fn main() { f() }",
    ),
    (
        "body, name mentioned",
        "const F: fn() = f; fn f() {}",
        "const F: fn() = f; fn f() { g() }",
    ),
];

const DIFFERENT: &[(&str, &str, &str)] = &[
    ("field", "struct S { a: u8 }", "struct S { a: u16 }"),
    (
        "order",
        "struct S { a: u8, b: u8 }",
        "struct S { b: u8, a: u8 }",
    ),
    (
        "attribute",
        "struct S { a: u8 }",
        "#[repr(C)] struct S { a: u8 }",
    ),
    ("derive", "#[derive(A)] struct S;", "#[derive(B)] struct S;"),
    ("variant", "enum E { A }", "enum E { A, B }"),
    ("alias", "type T = u8;", "type T = u16;"),
    ("import", "use a::T;", "use b::T;"),
    (
        "static",
        "static S: T = T::new();",
        "static S: U = T::new();",
    ),
    ("constant", "const N: usize = 1;", "const N: usize = 2;"),
    (
        "const fn",
        "const fn n() -> usize { 1 }",
        "const fn n() -> usize { 2 }",
    ),
    (
        "const method",
        "impl S { const fn n() -> usize { 1 } }",
        "impl S { const fn n() -> usize { 2 } }",
    ),
    (
        "associated type",
        "impl T for S { type A = u8; }",
        "impl T for S { type A = u16; }",
    ),
    (
        "associated const",
        "impl T for S { const A: u8 = 1; }",
        "impl T for S { const A: u8 = 2; }",
    ),
    (
        "trait method",
        "trait T { fn f(&self); }",
        "trait T { fn f(&self); fn g(&self); }",
    ),
    (
        "order of methods",
        "trait T { fn f(&self); fn g(&self) {} }",
        "trait T { fn g(&self) {} fn f(&self); }",
    ),
    (
        "new impl of trait",
        "struct S;",
        "struct S; impl T for S { fn f() {} }",
    ),
    (
        "struct in body",
        "fn f() { struct S(u8); }",
        "fn f() { struct S(u16); }",
    ),
    (
        "impl in body",
        "fn f() { impl T for S { type A = u8; } }",
        "fn f() { impl T for S { type A = u16; } }",
    ),
    (
        "static in body",
        "fn f() { static S: u8 = 1; }",
        "fn f() { static S: u16 = 1; }",
    ),
    (
        "impl in a constant in body",
        "fn f() { const _: () = { impl T for S { type A = u8; } }; }",
        "fn f() { const _: () = { impl T for S { type A = u16; } }; }",
    ),
    (
        "impl in a closure",
        "fn f() { g(|| { impl T for S { type A = u8; } }) }",
        "fn f() { g(|| { impl T for S { type A = u16; } }) }",
    ),
    (
        "impl in an argument type",
        "fn f(_: [u8; { impl T for S { type A = u8; } 1 }]) {}",
        "fn f(_: [u8; { impl T for S { type A = u16; } 1 }]) {}",
    ),
    (
        "in a nested function",
        "fn f() { fn g() { struct S(u8); } }",
        "fn f() { fn g() { struct S(u16); } }",
    ),
    (
        "unknown macro in body",
        "fn f() { make!(u8) }",
        "fn f() { make!(u16) }",
    ),
    (
        "macro of unknown crate",
        "fn f() { odd::println!(u8) }",
        "fn f() { odd::println!(u16) }",
    ),
    (
        "impl in a macro",
        "fn f() { println!(\"{}\", { impl T for S { type A = u8; } 1 }) }",
        "fn f() { println!(\"{}\", { impl T for S { type A = u16; } 1 }) }",
    ),
    (
        "macro in a macro",
        "fn f() { println!(\"{}\", make!(u8)) }",
        "fn f() { println!(\"{}\", make!(u16)) }",
    ),
    (
        "own println",
        "macro_rules! println { () => {} } fn f() { println!(u8) }",
        "macro_rules! println { () => {} } fn f() { println!(u16) }",
    ),
    (
        "imported println",
        "use odd::println; fn f() { println!(u8) }",
        "use odd::println; fn f() { println!(u16) }",
    ),
    (
        "println imported in body",
        "fn f() { use odd::println; println!(u8) }",
        "fn f() { use odd::println; println!(u16) }",
    ),
    (
        "renamed to println",
        "use odd::make as vec; fn f() { vec!(u8) }",
        "use odd::make as vec; fn f() { vec!(u16) }",
    ),
    (
        "macro's definition",
        "macro_rules! m { () => { u8 } }",
        "macro_rules! m { () => { u16 } }",
    ),
    (
        "macro's argument",
        "m! { fn f() { 1 } }",
        "m! { fn f() { 2 } }",
    ),
    (
        "unknown attribute",
        "#[odd] fn f() { 1 }",
        "#[odd] fn f() { 2 }",
    ),
    (
        "conditional attribute",
        "#[cfg_attr(a, odd)] fn f() { 1 }",
        "#[cfg_attr(a, odd)] fn f() { 2 }",
    ),
    (
        "attribute on a module",
        "#[odd] mod m { fn f() { 1 } }",
        "#[odd] mod m { fn f() { 2 } }",
    ),
    (
        "attribute on an impl",
        "#[odd] impl S { fn f() { 1 } }",
        "#[odd] impl S { fn f() { 2 } }",
    ),
    (
        "attribute in a body",
        "fn f() { #[odd] g(1) }",
        "fn f() { #[odd] g(2) }",
    ),
    // A constant depends on the size of an async function's future, as in embassy.
    (
        "mentioned async body",
        "const N: usize = size_of_result(&f); async fn f() { 1 }",
        "const N: usize = size_of_result(&f); async fn f() { 2 }",
    ),
    (
        "mentioned in a length",
        "type T = [u8; size_of_result(&f)]; fn f() -> impl A { 1 }",
        "type T = [u8; size_of_result(&f)]; fn f() -> impl A { 2 }",
    ),
    (
        "mentioned in a macro",
        "size!(f); async fn f() { 1 }",
        "size!(f); async fn f() { 2 }",
    ),
    (
        "mentioned under another name",
        "use f as g; const N: usize = size_of_result(&g); async fn f() { 1 }",
        "use f as g; const N: usize = size_of_result(&g); async fn f() { 2 }",
    ),
    (
        "mentioned signature",
        "const N: usize = size_of_result(&f); fn f() -> u8 { 1 }",
        "const N: usize = size_of_result(&f); fn f() -> u16 { 1 }",
    ),
    (
        "position",
        "const N: u32 = line!();",
        "\n\nconst N: u32 = line!();",
    ),
    (
        "unstable syntax",
        "fn f() { builtin # offset_of(S, a) }",
        "fn f() { builtin # offset_of(S, b) }",
    ),
    ("broken", "fn f() { 1", "fn f() { 2"),
];

#[test]
fn edits_that_cannot_change_a_type_keep_the_hash() {
    let wrong: Vec<_> = SAME
        .iter()
        .filter(|(_, before, after)| types(before) != types(after))
        .map(|(name, ..)| name)
        .collect();
    assert!(wrong.is_empty(), "changed by {wrong:?}");
}

#[test]
fn edits_that_may_change_a_type_change_the_hash() {
    let wrong: Vec<_> = DIFFERENT
        .iter()
        .filter(|(_, before, after)| types(before) == types(after))
        .map(|(name, ..)| name)
        .collect();
    assert!(wrong.is_empty(), "unnoticed: {wrong:?}");
}

#[test]
fn a_constant_of_one_crate_makes_functions_of_another_count() {
    let below = |body| format!("pub async fn f() {{ {body} }}");
    let above = "const N: usize = size_of_result(&below::f);";
    let hashes_of = |body, above| {
        hashes(&[&[("lib.rs", &below(body))], &[("lib.rs", above)]])
            .remove(0)
            .types
    };
    assert_ne!(hashes_of("1", above), hashes_of("2", above));
    assert_eq!(hashes_of("1", "struct S;"), hashes_of("2", "struct S;"));
}

#[test]
fn sources_that_are_not_rust_count_byte_for_byte() {
    let with = |text| {
        hashes(&[&[("lib.rs", "struct S;"), ("query.sql", text)]])
            .remove(0)
            .types
    };
    assert_ne!(with("select 1"), with("select  1"));
    assert_eq!(with("select 1"), with("select 1"));
}

#[test]
fn a_source_that_is_also_data_counts_byte_for_byte() {
    let lib = "const N: usize = include_str!(\"c0_other.rs\").len();";
    let with = |lib, other| {
        hashes(&[&[("lib.rs", lib), ("other.rs", other)]])
            .remove(0)
            .types
    };
    assert_ne!(with(lib, "fn f() {}"), with(lib, "fn f() { 1 }"));
    assert_eq!(
        with("const N: &str = include_str!(\"a.sql\");", "fn f() {}"),
        with("const N: &str = include_str!(\"a.sql\");", "fn f() { 1 }")
    );
}

#[test]
fn the_contents_hash_covers_every_byte() {
    let contents = |source| hashes(&[&[("lib.rs", source)]]).remove(0).contents;
    assert_ne!(contents("fn f() {}"), contents("fn f() { }"));
}
