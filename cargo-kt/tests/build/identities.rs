//! The identity of a crate's types: another with each definition that changed, and with no other edit.

use cargo_kt::compile::How;

use crate::fixture::{Built, KT_MAIN, Workspace};

fn workspace() -> Workspace {
    let workspace = Workspace::new();
    write(&workspace, "u64", "1");
    workspace
}

fn write(workspace: &Workspace, field: &str, body: &str) {
    workspace.write(
        "leaf/src/lib.rs",
        &format!(
            "pub struct Rec {{ pub a: {field} }}\npub fn leaf() -> u32 {{ deep::deep() + {body} }}\n"
        ),
    );
}

/// The identities of `deep`, `leaf` and `app`.
fn identities(built: &Built) -> [String; 3] {
    ["deep", "leaf", "app"].map(|name| {
        let mut all = built.compiled.hot.iter();
        let found = all.find(|it| it.crate_name == name).unwrap();
        found.types.clone().unwrap()
    })
}

#[test]
fn a_changed_definition_gives_its_crate_and_those_above_another_identity() {
    let workspace = workspace();
    let first = identities(&workspace.build());
    write(&workspace, "u64", "2");
    let built = workspace.build();
    assert!(matches!(built.how, How::Replayed { .. }), "{:?}", built.how);
    assert_eq!(identities(&built), first);

    write(&workspace, "String", "2");
    let built = workspace.build();
    assert!(matches!(built.how, How::Replayed { .. }), "{:?}", built.how);
    let second = identities(&built);
    assert_eq!(second[0], first[0]);
    assert_ne!(second[1], first[1]);
    assert_ne!(second[2], first[2]);

    // What is undone is what it was.
    write(&workspace, "u64", "3");
    assert_eq!(identities(&workspace.build()), first);
}

#[test]
fn a_definition_counts_in_whichever_file_it_is_found() {
    let workspace = workspace();
    let first = identities(&workspace.build());
    // It moves to a file that the last compilation did not have, and changes on the way.
    workspace.write(
        "leaf/src/lib.rs",
        "pub mod rec;\npub fn leaf() -> u32 { deep::deep() }\n",
    );
    workspace.write("leaf/src/rec.rs", "pub struct Rec { pub a: String }\n");
    let second = identities(&workspace.build());
    assert_ne!(second[1], first[1]);
    assert_ne!(second[2], first[2]);
}

#[test]
fn code_that_does_not_compile_has_no_say() {
    let workspace = workspace();
    let first = identities(&workspace.build());
    let with = |more: &str| {
        workspace.write(
            "leaf/src/lib.rs",
            &format!(
                "pub struct Rec {{ pub a: u64 }}\n{more}\npub fn leaf() -> u32 {{ deep::deep() }}\n"
            ),
        );
    };
    with("pub struct New { pub a: Strin }");
    workspace.fail();
    with("pub struct New { pub a: String }");
    assert_eq!(identities(&workspace.build()), first);
}

#[test]
fn a_constant_of_a_crate_below_counts_where_a_type_depends_on_it() {
    let workspace = Workspace::new();
    let deep = |width: u8| {
        workspace.write(
            "deep/src/lib.rs",
            &format!("pub const WIDTH: usize = {width};\npub fn deep() -> u32 {{ 1 }}\n"),
        );
    };
    deep(4);
    workspace.write(
        "leaf/src/lib.rs",
        "pub struct Rows { pub all: [u8; deep::WIDTH] }\npub fn leaf() -> u32 { deep::deep() }\n",
    );
    let first = identities(&workspace.build());
    deep(8);
    let second = identities(&workspace.build());
    assert_eq!(second[0], first[0]);
    assert_ne!(second[1], first[1]);
    assert_ne!(second[2], first[2]);
}

#[test]
fn what_rustc_keeps_of_another_identity_is_removed() {
    let workspace = workspace();
    workspace.build();
    for field in ["String", "u8", "u16"] {
        write(&workspace, field, "1");
        workspace.build();
    }
    let sessions = walk(&workspace.path("target"))
        .into_iter()
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.starts_with("leaf-"))
        })
        .filter(|path| {
            path.is_dir()
                && path
                    .parent()
                    .and_then(|it| it.file_name())
                    .is_some_and(|name| name.starts_with("kt-leaf"))
        })
        .count();
    assert_eq!(sessions, 1);
}

fn walk(directory: &camino::Utf8Path) -> Vec<camino::Utf8PathBuf> {
    let mut found = Vec::new();
    for entry in directory.read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        if path.is_dir() {
            found.extend(walk(&path));
        }
        found.push(path);
    }
    found
}

#[test]
fn messages_of_a_run_that_was_stopped_are_not_shown_twice() {
    let workspace = workspace();
    workspace.build();
    workspace.write(
        "app/src/main.rs",
        &format!(
            "{KT_MAIN}struct Row {{ a: u8 }}\nfn main() {{ println!(\"{{}}\", leaf::leaf()) }}\n"
        ),
    );
    workspace.build();
    workspace.write(
        "app/src/main.rs",
        &format!(
            "{KT_MAIN}struct Row {{ a: u16 }}\nfn main() {{ println!(\"{{}}\", leaf::leaf()) }}\n"
        ),
    );
    let (built, heard) = workspace.try_build();
    built.unwrap();
    let diagnostics = heard.diagnostics.lock().unwrap();
    assert_eq!(
        diagnostics.matches("never constructed").count(),
        1,
        "{diagnostics}"
    );
}
