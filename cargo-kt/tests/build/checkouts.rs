//! Checkouts of one workspace that share a target directory, as git worktrees do.

use cargo_kt::compile::How;

use crate::fixture::{KT_MAIN, Workspace};

/// Two workspaces with the same packages at the same paths, and one target directory. `leaf()`
/// differs.
fn pair() -> Workspace {
    let mut workspace = Workspace::empty();
    let target = workspace.root.parent().unwrap().join("target");
    workspace.set("CARGO_TARGET_DIR", target.as_str());
    for name in ["one", "two"] {
        workspace.enter(&format!("../{name}"));
        workspace.write(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"leaf\"]\n",
        );
        workspace.package(
            "app",
            "leaf = { path = \"../leaf\" }\nkt-runtime = { path = \"../../kt-runtime\" }\n",
        );
        workspace.package("leaf", "");
        workspace.program("leaf::leaf()");
        leaf(&workspace, name);
    }
    workspace
}

fn leaf(workspace: &Workspace, answer: &str) {
    workspace.restore(
        "leaf/src/lib.rs",
        &format!("pub fn leaf() -> &'static str {{ {answer:?} }}\n"),
    );
}

#[test]
fn each_checkout_runs_its_own_code() {
    let mut workspace = pair();
    for name in ["one", "two", "one", "two"] {
        workspace.enter(&format!("../{name}"));
        assert_eq!(workspace.kt(), name);
        assert_eq!(workspace.build().how, How::Unchanged);
    }
}

#[test]
fn each_checkout_detects_its_own_edits() {
    let mut workspace = pair();
    for round in ["a", "b"] {
        for name in ["one", "two"] {
            workspace.enter(&format!("../{name}"));
            workspace.kt();
            let answer = format!("{name} {round}");
            workspace.write(
                "leaf/src/lib.rs",
                &format!("pub fn leaf() -> &'static str {{ {answer:?} }}\n"),
            );
            assert_eq!(workspace.kt(), answer);
        }
    }
    workspace.enter("../one");
    assert_eq!(workspace.kt(), "one b");
}

#[test]
fn checkout_does_not_compile_against_the_other() {
    let mut workspace = pair();
    workspace.enter("../one");
    assert_eq!(workspace.kt(), "one");
    // The second checkout is older, and its code uses an item that the first does not have.
    workspace.enter("../two");
    workspace.restore(
        "leaf/src/lib.rs",
        "pub fn other() -> &'static str { \"two\" }\n",
    );
    workspace.restore(
        "app/src/main.rs",
        &format!("{KT_MAIN}fn main() {{ println!(\"{{}}\", leaf::other()) }}\n"),
    );
    assert_eq!(workspace.kt(), "two");
    workspace.enter("../one");
    assert_eq!(workspace.kt(), "one");
}

#[test]
fn build_scripts_run_for_each_checkout() {
    let mut workspace = pair();
    for name in ["one", "two"] {
        workspace.enter(&format!("../{name}"));
        workspace.write("leaf/build.rs", "fn main() { println!(\"cargo:rerun-if-changed=level\"); println!(\"cargo:rustc-env=LEVEL={}\", std::fs::read_to_string(\"level\").unwrap()); }\n");
        workspace.date("leaf/build.rs", -100_000);
        workspace.restore("leaf/level", name);
        workspace.restore(
            "leaf/src/lib.rs",
            "pub fn leaf() -> &'static str { env!(\"LEVEL\") }\n",
        );
    }
    for name in ["one", "two", "one"] {
        workspace.enter(&format!("../{name}"));
        assert_eq!(workspace.kt(), name);
        assert_eq!(workspace.build().how, How::Unchanged);
    }
}

#[test]
fn moved_checkout_is_another_checkout() {
    let mut workspace = pair();
    workspace.enter("../one");
    assert_eq!(workspace.kt(), "one");
    // Another checkout with older files replaces it.
    let above = workspace.root.parent().unwrap();
    std::fs::rename(above.join("one"), above.join("gone")).unwrap();
    std::fs::rename(above.join("two"), above.join("one")).unwrap();
    assert_eq!(workspace.kt(), "two");
    workspace.enter("../gone");
    assert_eq!(workspace.kt(), "one");
}

#[test]
fn workspaces_with_equal_names_do_not_affect_each_other() {
    let mut workspace = pair();
    workspace.enter("../two");
    // The package has another path in its workspace, so cargo gives its units other names.
    std::fs::rename(workspace.path("leaf"), workspace.path("other")).unwrap();
    for file in ["Cargo.toml", "app/Cargo.toml"] {
        let text = std::fs::read_to_string(workspace.path(file)).unwrap();
        let text = text
            .replace("\"leaf\"]", "\"other\"]")
            .replace("../leaf", "../other");
        workspace.write(file, &text);
    }
    assert_eq!(workspace.kt(), "two");
    workspace.enter("../one");
    let before = crate::fixture::versions(&workspace.build());
    workspace.enter("../two");
    workspace.write(
        "app/Cargo.toml",
        &(std::fs::read_to_string(workspace.path("app/Cargo.toml")).unwrap() + "\n"),
    );
    assert_eq!(workspace.kt(), "two");
    workspace.enter("../one");
    workspace.write(
        "app/Cargo.toml",
        &(std::fs::read_to_string(workspace.path("app/Cargo.toml")).unwrap() + "\n"),
    );
    let after = workspace.build();
    assert!(
        !crate::fixture::rebuilt(&before, &after).contains(&"leaf".to_owned()),
        "the leaf of this workspace was still fresh"
    );
}
