//! kt never takes stale code for current, whatever the clock and the mtimes are.

use crate::fixture::{Workspace, rebuilt, versions};

#[test]
fn edit_rebuilds_only_affected_crates() {
    let workspace = Workspace::new();
    let before = versions(&workspace.build());
    assert_eq!(rebuilt(&before, &workspace.build()), [""; 0]);
    workspace.write(
        "app/src/main.rs",
        &format!(
            "{}fn main() {{ println!(\"{{}}\", leaf::leaf() + 1) }}\n",
            crate::fixture::KT_MAIN
        ),
    );
    assert_eq!(rebuilt(&before, &workspace.build()), ["app"]);
    let before = versions(&workspace.build());
    workspace.write(
        "leaf/src/lib.rs",
        "pub fn leaf() -> u32 { deep::deep() + 2 }\n",
    );
    assert_eq!(rebuilt(&before, &workspace.build()), ["leaf", "app"]);
}

#[test]
fn edit_with_unchanged_mtime_is_detected() {
    let workspace = Workspace::new();
    let first = workspace.build();
    let before = versions(&first);
    workspace.write_keeping_mtime("deep/src/lib.rs", "pub fn deep() -> u32 { 2 }\n");
    let second = workspace.build();
    assert_eq!(rebuilt(&before, &second), ["deep", "leaf", "app"]);
    assert_ne!(
        first.compiled.hot[0].sources_hash,
        second.compiled.hot[0].sources_hash
    );
}

#[test]
fn file_restored_with_its_old_mtime_is_recompiled() {
    let workspace = Workspace::new();
    let old = std::fs::read_to_string(workspace.path("deep/src/lib.rs")).unwrap();
    let first = workspace.build();
    let modified = std::fs::metadata(workspace.path("deep/src/lib.rs"))
        .unwrap()
        .modified()
        .unwrap();
    workspace.write("deep/src/lib.rs", "pub fn deep() -> u32 { 2 }\n");
    let second = versions(&workspace.build());
    workspace.write("deep/src/lib.rs", &old);
    let file = std::fs::File::options()
        .write(true)
        .open(workspace.path("deep/src/lib.rs"))
        .unwrap();
    file.set_modified(modified).unwrap();
    let third = workspace.build();
    assert_eq!(rebuilt(&second, &third), ["deep", "leaf", "app"]);
    assert_eq!(
        first.compiled.hot[0].sources_hash,
        third.compiled.hot[0].sources_hash
    );
}

#[test]
fn edit_outside_the_workspace_with_unchanged_mtime_is_detected() {
    let workspace = Workspace::new();
    workspace.package("../outside", "");
    workspace.write("../outside/src/lib.rs", "pub fn outside() -> u32 { 7 }\n");
    workspace.package("deep", "outside = { path = \"../../outside\" }\n");
    workspace.write(
        "deep/src/lib.rs",
        "pub fn deep() -> u32 { outside::outside() }\n",
    );
    let before = versions(&workspace.build());
    workspace.write_keeping_mtime("../outside/src/lib.rs", "pub fn outside() -> u32 { 8 }\n");
    assert_eq!(
        rebuilt(&before, &workspace.build()),
        ["outside", "deep", "leaf", "app"]
    );
}

#[test]
fn deleted_target_directory_is_rebuilt() {
    let workspace = Workspace::new();
    let first = workspace.build();
    std::fs::remove_dir_all(workspace.path("target")).unwrap();
    let second = workspace.build();
    assert_eq!(
        first.compiled.hot[0].sources_hash,
        second.compiled.hot[0].sources_hash
    );
}

#[test]
fn lost_records_recompile_only_hot_crates() {
    let workspace = Workspace::new();
    let before = versions(&workspace.build());
    std::fs::remove_dir_all(workspace.path("target/kt/warm/records")).unwrap();
    assert_eq!(
        rebuilt(&before, &workspace.build()),
        ["deep", "leaf", "app"]
    );
}
