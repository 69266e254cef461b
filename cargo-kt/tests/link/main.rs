//! *link* with real cargo, real rust-lld, and objects loaded in a child process that the launcher
//! starts.

mod program;

use std::{collections::BTreeSet, process::Command};

use camino::Utf8Path;
use cargo_kt::link::{
    BaseChange, Driver, ExistingLayer, LinkError, LinkEvent, Linked, LinkedCrate, Needed,
    Replacement, debug_object, elf, link, own_libraries,
};
use object::{Object as _, ObjectSection as _};
use program::{HOST, Program, without_states};

const APP: &[(&str, &[usize])] = &[("counter", &[]), ("app", &[0])];

/// Loads objects one after the other in one process and returns what they print.
fn run<'a>(linked: &Linked, objects: impl IntoIterator<Item = &'a Utf8Path>) -> Vec<String> {
    let objects: Vec<_> = objects.into_iter().map(Utf8Path::as_str).collect();
    let ran = Command::new(&linked.launcher.path)
        .env("KT_OBJECTS", objects.join(":"))
        .output()
        .unwrap();
    let printed = String::from_utf8(ran.stdout).unwrap();
    assert!(
        ran.status.success(),
        "{}: {printed}{}",
        ran.status,
        String::from_utf8_lossy(&ran.stderr)
    );
    printed.lines().map(str::to_owned).collect()
}

fn paths(linked: &Linked) -> Vec<&Utf8Path> {
    linked
        .crates
        .iter()
        .map(|krate| krate.file.path.as_path())
        .collect()
}

fn existing(linked: &Linked) -> Vec<ExistingLayer> {
    linked.layers.iter().map(ExistingLayer::from).collect()
}

fn named<'a>(linked: &'a Linked, name: &str) -> &'a LinkedCrate {
    linked
        .crates
        .iter()
        .find(|krate| krate.crate_name == name)
        .unwrap()
}

#[test]
fn an_edit_links_what_changed_and_keeps_the_statics_of_the_rest() {
    let program = Program::new("edit");
    let kt_dir = program.kt_dir();
    let compiled = program.compile("app", APP);
    let (v0, linked_names) = program.link(&compiled, &[]);
    assert_eq!(v0.base_change, BaseChange::New);
    assert_eq!(linked_names, ["base", "launcher", "counter", "app"]);
    assert_eq!(named(&v0, "app").functions, ["app/:app::answer"]);
    assert_eq!(named(&v0, "app").states, ["app/:app::CALLS"]);
    assert!(named(&v0, "app").has_main && !named(&v0, "counter").has_main);
    assert!(
        named(&v0, "app")
            .needed
            .contains(&named(&v0, "counter").file.soname)
    );

    // Nothing changed: nothing is linked.
    let (again, linked_names) = program.link(&compiled, &[]);
    assert_eq!((&again, linked_names.as_slice()), (&v0, [].as_slice()));
    // Without the cached result, still nothing is linked.
    std::fs::remove_dir_all(kt_dir.join("links")).unwrap();
    let (again, linked_names) = program.link(&compiled, &existing(&v0));
    assert_eq!(
        (again.base_change, linked_names.as_slice()),
        (BaseChange::Same, [].as_slice())
    );
    assert_eq!(again.crates, v0.crates);

    program.edit("app/src/lib.rs", "app v0", "app v1");
    let (v1, linked_names) = program.link(&program.compile("app", APP), &existing(&v0));
    assert_eq!(v1.base_change, BaseChange::Same);
    assert_eq!(linked_names, ["app"]);
    assert_eq!(named(&v1, "counter"), named(&v0, "counter"));

    program.edit("counter/src/lib.rs", "counter v0", "counter v1");
    let (v2, linked_names) = program.link(&program.compile("app", APP), &existing(&v1));
    assert_eq!(linked_names, ["counter", "app"]);

    let objects = paths(&v0)
        .into_iter()
        .chain([named(&v1, "app").file.path.as_path()])
        .chain(paths(&v2));
    let line = |app: &str, counter: &str, hits: u32| {
        // The SHA-256 of `aaaaaaaa` starts with 1f.
        format!(
            "{app}, {counter}: sum=45 hits={hits} calls=1 panic_caught=true thread=named 2 3600 42 1 1f"
        )
    };
    let expected = [
        line("app v0", "counter v0", 1),
        line("app v1", "counter v0", 2),
        line("app v1", "counter v1", 1),
    ];
    assert_eq!(run(&v2, objects), expected);

    // The same sources linked in another directory give the same bytes under the same names.
    let other_dir = program.kt_dir().with_file_name("other");
    let compiled = program.compile("app", APP);
    let other = link(&compiled, &other_dir, &[], None, &without_states, &|_| {}).unwrap();
    let hashes = |linked: &Linked| {
        let layers = linked.layers.iter().map(|layer| &layer.file);
        let files = layers
            .chain(linked.crates.iter().map(|krate| &krate.file))
            .chain([&linked.launcher]);
        files
            .map(|file| (file.soname.clone(), file.blake3.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(hashes(&other), hashes(&v2));
}

#[test]
fn a_debug_object_has_line_tables_and_identical_addresses() {
    let program = Program::new("debug-object");
    let (linked, _) = program.link(&program.compile("app", APP), &[]);
    // cargo overwrites the rlib. The debug object is built from the rlib that was linked.
    program.edit("app/src/lib.rs", "app v0", "app v1 and longer");
    program.compile("app", APP);
    let object = &named(&linked, "app").file;
    let debug_object = debug_object(&program.kt_dir(), &object.soname).unwrap();
    let (object_data, debug_data) = (
        std::fs::read(&object.path).unwrap(),
        std::fs::read(&debug_object).unwrap(),
    );
    assert_eq!(
        elf::dynamic(&object_data).unwrap(),
        elf::dynamic(&debug_data).unwrap()
    );
    let loaded = |data: &[u8]| {
        let file = object::File::parse(data).unwrap();
        let sections = file.sections().filter(|section| section.address() != 0);
        sections
            .map(|s| {
                (
                    s.name().unwrap().to_owned(),
                    s.address(),
                    s.data().unwrap().to_vec(),
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(loaded(&object_data), loaded(&debug_data));
    let has_lines = |data: &[u8]| {
        object::File::parse(data)
            .unwrap()
            .section_by_name(".debug_line")
            .is_some()
    };
    assert_eq!(
        (has_lines(&object_data), has_lines(&debug_data)),
        (false, true)
    );
}

#[test]
fn an_added_dependency_becomes_one_more_layer() {
    let program = Program::new("layer");
    let (before, _) = program.link(&program.compile("app", APP), &[]);
    program.edit(
        "counter/Cargo.toml",
        "default = []",
        "default = [\"added\"]",
    );
    program.edit(
        "counter/src/lib.rs",
        "\"counter v0\";",
        "\"counter v0\";\npub fn added() -> String { itoa::Buffer::new().format(7u8).to_owned() }",
    );
    program.edit("app/src/lib.rs", "\"app v0, {}:", "\"app {}, {}:");
    program.edit(
        "app/src/lib.rs",
        " counter::version(),",
        " counter::added(), counter::version(),",
    );
    let (after, linked_names) = program.link(&program.compile("app", APP), &existing(&before));
    let BaseChange::LayerAdded { crates } = &after.base_change else {
        panic!("{:?}", after.base_change)
    };
    assert_eq!(
        crates
            .iter()
            .map(|krate| krate.package.as_str())
            .collect::<Vec<_>>(),
        ["itoa"]
    );
    assert_eq!(linked_names, ["base", "counter", "app"]);
    assert_eq!(after.layers[0], before.layers[0]);
    assert_eq!(after.launcher, before.launcher);

    let objects = paths(&before)
        .into_iter()
        .chain([after.layers[1].file.path.as_path()])
        .chain(paths(&after));
    let printed = run(&after, objects);
    assert!(printed[0].starts_with("app v0, counter v0:"), "{printed:?}");
    assert!(printed[1].starts_with("app 7, counter v0:"), "{printed:?}");

    // If the layer's file is missing, it is linked again, to the same bytes.
    std::fs::remove_dir_all(program.kt_dir().join("layers")).unwrap();
    let (again, _) = program.link(&program.compile("app", APP), &existing(&after));
    assert_eq!(
        (&again.layers, &again.base_change),
        (&after.layers, &BaseChange::Same)
    );

    // A crate that was compiled differently cannot be kept.
    let mut other = existing(&before);
    other[0]
        .crates
        .iter_mut()
        .find(|krate| krate.package == "rayon")
        .unwrap()
        .content = "another".to_owned();
    let (replaced, _) = program.link(&program.compile("app", APP), &other);
    let BaseChange::Replaced {
        why: Replacement::CratesChanged(crates),
    } = &replaced.base_change
    else {
        panic!("{:?}", replaced.base_change)
    };
    assert_eq!(crates[0].0, "rayon");
    assert_eq!(replaced.layers.len(), 1);

    // The dependency is removed again: loaded layers stay, and the crate objects are the former
    // ones.
    program.edit(
        "counter/Cargo.toml",
        "default = [\"added\"]",
        "default = []",
    );
    program.edit(
        "counter/src/lib.rs",
        "\npub fn added() -> String { itoa::Buffer::new().format(7u8).to_owned() }",
        "",
    );
    program.edit("app/src/lib.rs", "\"app {}, {}:", "\"app v0, {}:");
    program.edit(
        "app/src/lib.rs",
        " counter::added(), counter::version(),",
        " counter::version(),",
    );
    let (last, _) = program.link(&program.compile("app", APP), &existing(&after));
    assert_eq!(last.base_change, BaseChange::Same);
    assert_eq!(
        named(&last, "counter").file.blake3,
        named(&before, "counter").file.blake3
    );
}

#[test]
fn a_crate_that_uses_only_types_of_an_edited_one_keeps_its_object() {
    let program = Program::new("types");
    program.edit(
        "app/src/lib.rs",
        "pub fn answer() -> String {",
        "pub fn answer() -> String { unused::<()>() }
pub fn unused<T>() -> String {",
    );
    program.edit(
        "app/src/lib.rs",
        "{ unused::<()>() }",
        "{ counter::VERSION.to_owned() }",
    );
    let (v0, _) = program.link(&program.compile("app", APP), &[]);
    program.edit("counter/src/lib.rs", "(0..numbers)", "(1..numbers)");
    let (v1, linked_names) = program.link(&program.compile("app", APP), &existing(&v0));
    assert_eq!(linked_names, ["counter"]);
    assert_eq!(named(&v0, "app"), named(&v1, "app"));
}

#[test]
fn hidden_duplicate_missing_and_shared_c_symbols_are_linked() {
    let program = Program::new("c");
    let compiled = program.compile("app", APP);
    let weakened = std::cell::RefCell::new(Vec::new());
    let linked = link(
        &compiled,
        &program.kt_dir(),
        &[],
        None,
        &without_states,
        &|event| {
            if let LinkEvent::Weakened { symbols, .. } = event {
                weakened.borrow_mut().extend(symbols);
            }
        },
    );
    let linked = linked.unwrap();
    assert_eq!(weakened.into_inner(), ["kt_found_nowhere"]);
    let base = std::fs::read(&linked.layers[0].file.path).unwrap();
    let exports: BTreeSet<_> = elf::exports(&base).unwrap().into_iter().collect();
    assert!(exports.contains(b"kt_first_hidden".as_slice()));
    // The library that a build script requests is needed only by the object that calls it.
    let needs = |name| {
        named(&linked, name)
            .needed
            .iter()
            .any(|soname| soname.starts_with("libresolv"))
    };
    assert!(needs("counter") && !needs("app"));
}

#[test]
fn a_global_allocator_is_replaced_by_libstds_and_reported() {
    let program = Program::new("allocator");
    let (linked, _) = program.link(&program.compile("allocator", &[("allocator", &[])]), &[]);
    assert_eq!(linked.global_allocator.as_deref(), Some("allocator"));
    assert_eq!(run(&linked, paths(&linked)), ["calls=0 seconds=3600"]);
    // Only an attribute requests libresolv. The object has it as DT_NEEDED.
    let needed = &named(&linked, "allocator").needed;
    assert!(
        needed.iter().any(|soname| soname.starts_with("libresolv")),
        "{needed:?}"
    );
}

#[test]
fn a_distributed_slice_over_two_objects_is_refused() {
    let program = Program::new("slices");
    let compiled = program.compile("slices-b", &[("slices-a", &[]), ("slices-b", &[0])]);
    let error = link(
        &compiled,
        &program.kt_dir(),
        &[],
        None,
        &without_states,
        &|_| {},
    )
    .unwrap_err();
    let LinkError::DistributedSlice { slice, objects } = error else {
        panic!("{error}")
    };
    assert_eq!(
        (slice.as_str(), objects),
        (
            "PLUGINS",
            vec!["`slices_a`".to_owned(), "`slices_b`".to_owned()]
        )
    );
}

#[test]
fn third_party_code_that_needs_a_hot_crate_is_an_error_that_names_the_crate() {
    let program = Program::new("patched");
    let compiled = program.compile("app", &[("first", &[]), ("app", &[])]);
    let error = link(
        &compiled,
        &program.kt_dir(),
        &[],
        None,
        &without_states,
        &|_| {},
    )
    .unwrap_err();
    let LinkError::BaseNeedsHot { hot, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(hot, "first");
}

#[test]
fn a_program_without_kt_items_runs_against_the_same_objects() {
    let program = Program::new("plain");
    let compiled = program.compile_executable("app", "plain", &[("counter", &[]), ("app", &[0])]);
    let (linked, linked_names) = program.link(&compiled, &[]);
    assert!(linked_names.contains(&"executable".to_owned()));
    let Driver::Executable(file) = &linked.driver else {
        panic!("{:?}", linked.driver)
    };
    let needed = elf::dynamic(&std::fs::read(&file.path).unwrap())
        .unwrap()
        .needed;
    assert!(
        needed.contains(&linked.layers[0].file.soname)
            && needed.contains(&named(&linked, "counter").file.soname)
    );
    let ran = Command::new(&file.path).output().unwrap();
    let printed = String::from_utf8(ran.stdout).unwrap();
    assert!(
        printed.starts_with("plain: counter v0 2 3600 "),
        "{printed}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert!(
        printed.ends_with(" hits=1\npanic_caught=true\n"),
        "{printed}"
    );
    assert_eq!(ran.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("and main's own error"));
}

#[test]
fn errors_for_a_missing_linker_or_compiler_name_what_to_install() {
    let program = Program::new("missing");
    let mut compiled = program.compile("allocator", &[("allocator", &[])]);
    let lld = std::mem::replace(&mut compiled.toolchain.lld, "/nowhere/lld".into());
    let error = link(
        &compiled,
        &program.kt_dir(),
        &[],
        None,
        &without_states,
        &|_| {},
    )
    .unwrap_err();
    assert!(
        matches!(error, LinkError::NoLld { .. }) && error.to_string().contains("/nowhere/lld"),
        "{error}"
    );

    compiled.toolchain.lld = lld;
    compiled.toolchain.target = "riscv64gc-unknown-linux-gnu".to_owned();
    let error = link(
        &compiled,
        &program.kt_dir(),
        &[],
        None,
        &without_states,
        &|_| {},
    )
    .unwrap_err();
    assert!(
        matches!(error, LinkError::NoCompiler { .. }) && error.to_string().contains("gcc"),
        "{error}"
    );
    assert_eq!(
        HOST,
        program
            .compile("allocator", &[("allocator", &[])])
            .toolchain
            .target
    );
}

/// As in a pod whose image has no file at all.
#[test]
fn a_program_runs_with_libraries_of_its_own_in_an_empty_root() {
    let program = Program::new("own-libraries");
    let compiled = program.compile("app", APP);
    let (linked, _) = program.link(&compiled, &[]);
    let place = |hash: &str| format!("/store/{hash}");
    let (kt_dir, needed) = (program.kt_dir(), Needed::All);
    let own = || own_libraries(&compiled, &kt_dir, &linked, needed, &place, &|_| {}).unwrap();
    let libraries = own();
    assert_eq!(own(), libraries);
    let names: Vec<_> = libraries.libraries.iter().map(|it| &*it.soname).collect();
    assert!(names[0].starts_with("ld-linux"), "{names:?}");
    for name in ["libc.so.6", "libm.so.6", "libgcc_s.so.1"] {
        assert!(names.contains(&name), "{names:?}");
    }

    let root = program.kt_dir().with_file_name("root");
    let (store, view) = (root.join("store"), root.join("view"));
    // `$ORIGIN` is found in /proc.
    for directory in [&store, &view, &root.join("proc")] {
        std::fs::create_dir_all(directory).unwrap();
    }
    let layers = linked.layers.iter().map(|layer| &layer.file);
    let files = libraries
        .libraries
        .iter()
        .chain([&libraries.launcher, &linked.libstd])
        .chain(layers)
        .chain(linked.crates.iter().map(|krate| &krate.file));
    for file in files {
        std::fs::copy(&file.path, store.join(&file.blake3)).unwrap();
        std::fs::hard_link(store.join(&file.blake3), view.join(&file.soname)).unwrap();
    }
    let objects = linked
        .crates
        .iter()
        .map(|krate| format!("/view/{}", krate.file.soname));
    let launcher = format!("/view/{}", libraries.launcher.soname);
    let ran = Command::new("unshare")
        .args([
            "--map-root-user",
            "--mount",
            "--pid",
            "--fork",
            "--mount-proc",
        ])
        .args(["--root", root.as_str(), "--wd", "/", &launcher])
        .env("KT_OBJECTS", objects.collect::<Vec<_>>().join(":"))
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(
        printed.starts_with("app v0, counter v0: sum=45 hits=1 calls=1 panic_caught=true"),
        "{}: {printed}{stderr}",
        ran.status
    );
}
