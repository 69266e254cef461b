//! Both layouts, as cargo 1.95 and its preview of the next layout write them.

use std::fs;

use super::*;

struct Target {
    _folder: tempfile::TempDir,
    profile: Utf8PathBuf,
}

impl Target {
    /// `files` below the profile's directory, each with its own path as content.
    fn with(files: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let profile = Utf8Path::from_path(folder.path()).unwrap().join("debug");
        for file in files {
            let path = profile.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, file).unwrap();
        }
        Self {
            _folder: folder,
            profile,
        }
    }

    fn key(&self, out_dir: &str, stem: &str) -> UnitKey {
        UnitKey {
            out_dir: self.profile.join(out_dir),
            stem: stem.to_owned(),
        }
    }

    fn link(&self, from: &str, to: &str) -> Utf8PathBuf {
        let to = self.profile.join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::hard_link(self.profile.join(from), &to).unwrap();
        to
    }

    /// The file names in a directory.
    fn left(&self, directory: &str) -> Vec<String> {
        let mut names: Vec<_> = entries(&self.profile.join(directory))
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }
}

const HASH: &str = "0123456789abcdef";
const OTHER: &str = "fedcba9876543210";

fn by_kind() -> Target {
    Target::with(&[
        &format!(".fingerprint/my-app-{HASH}/dep-lib-my_app"),
        &format!(".fingerprint/my-app-{HASH}/lib-my_app"),
        &format!(".fingerprint/my-app-{HASH}/lib-my_app.json"),
        &format!(".fingerprint/my-app-{OTHER}/dep-bin-my-app"),
        &format!(".fingerprint/my-app-{OTHER}/bin-my-app"),
        &format!(".fingerprint/my-app-derive-{HASH}/dep-lib-my_app_derive"),
        &format!("deps/my_app-{OTHER}"),
        &format!("deps/my_app-{OTHER}.d"),
        &format!("examples/demo-{HASH}"),
        &format!("build/my-app-{HASH}/build_script_build-{HASH}"),
        &format!("build/my-app-{OTHER}/output"),
    ])
}

fn by_unit() -> Target {
    Target::with(&[
        &format!("build/my-app/{HASH}/fingerprint/dep-lib-my_app"),
        &format!("build/my-app/{HASH}/fingerprint/lib-my_app"),
        &format!("build/my-app/{HASH}/fingerprint/lib-my_app.json"),
        &format!("build/my-app/{HASH}/out/build_script_build-{HASH}"),
        &format!("build/my-app/{OTHER}/fingerprint/dep-bin-my-app"),
        &format!("build/my-app/{OTHER}/fingerprint/bin-my-app"),
        &format!("build/my-app/{OTHER}/out/my_app"),
        &format!("build/my-app/{OTHER}/out/my_app.d"),
        &format!("build/my-app/{OTHER}/run/stdout"),
        &format!("build/my-app/{OTHER}/out/demo"),
    ])
}

#[test]
fn forget_empties_only_this_fingerprint_by_kind() {
    let target = by_kind();
    let key = target.key("deps", &format!("my_app-{HASH}"));
    // Twice: an edit may be replayed again before cargo runs.
    for _ in 0..2 {
        forget(&key, "my-app").unwrap();
        let left = target.left(&format!(".fingerprint/my-app-{HASH}"));
        assert!(left.is_empty(), "{left:?}");
    }
    let left = target.left(&format!(".fingerprint/my-app-{OTHER}"));
    assert_eq!(left, ["bin-my-app", "dep-bin-my-app"]);
}

#[test]
fn forget_empties_only_this_fingerprint_by_unit() {
    let target = by_unit();
    let key = target.key(
        &format!("build/my-app/{HASH}/out"),
        &format!("my_app-{HASH}"),
    );
    for _ in 0..2 {
        forget(&key, "my-app").unwrap();
        let left = target.left(&format!("build/my-app/{HASH}/fingerprint"));
        assert!(left.is_empty(), "{left:?}");
    }
    let left = target.left(&format!("build/my-app/{OTHER}/fingerprint"));
    assert_eq!(left, ["bin-my-app", "dep-bin-my-app"]);
}

#[test]
fn forget_without_a_hash_empties_all_library_fingerprints_of_the_package_by_kind() {
    let target = by_kind();
    for _ in 0..2 {
        forget(&target.key("deps", "my_app"), "my-app").unwrap();
        let left = target.left(&format!(".fingerprint/my-app-{HASH}"));
        assert!(left.is_empty(), "{left:?}");
    }
    let left = target.left(&format!(".fingerprint/my-app-{OTHER}"));
    assert_eq!(left, ["bin-my-app", "dep-bin-my-app"]);
}

#[test]
fn forget_without_a_hash_empties_only_this_fingerprint_by_unit() {
    let target = by_unit();
    let key = target.key(&format!("build/my-app/{HASH}/out"), "my_app");
    forget(&key, "my-app").unwrap();
    let left = target.left(&format!("build/my-app/{HASH}/fingerprint"));
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn forget_fails_in_an_unknown_layout() {
    let target = Target::with(&["units/my-app/out/libmy_app.rlib"]);
    for (out_dir, stem) in [
        ("units/my-app/out", "my_app".to_owned()),
        ("deps", format!("my_app-{HASH}")),
        ("deps", "my_app".to_owned()),
    ] {
        let error = forget(&target.key(out_dir, &stem), "my-app").unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("fingerprint of `{stem}`")), "{text}");
        assert!(text.contains("\nhelp: "), "{text}");
    }
}

#[test]
fn finds_a_program_by_the_reported_path_by_kind() {
    let target = by_kind();
    let app = target.link(&format!("deps/my_app-{OTHER}"), "my-app");
    let key = target.key("deps", &format!("my_app-{OTHER}"));
    assert_eq!(program(&app, "my-app", "my_app", Vec::new()), Some(key));
    let demo = target.link(&format!("examples/demo-{HASH}"), "examples/demo");
    let key = target.key("examples", &format!("demo-{HASH}"));
    assert_eq!(program(&demo, "my-app", "demo", Vec::new()), Some(key));
}

#[test]
fn finds_a_program_by_the_reported_path_by_unit() {
    let target = by_unit();
    let out = format!("build/my-app/{OTHER}/out");
    let app = target.link(&format!("{out}/my_app"), "my-app");
    let key = target.key(&out, "my_app");
    assert_eq!(program(&app, "my-app", "my_app", Vec::new()), Some(key));
    let demo = target.link(&format!("{out}/demo"), "examples/demo");
    let key = target.key(&out, "demo");
    assert_eq!(program(&demo, "my-app", "demo", Vec::new()), Some(key));
}

#[test]
fn finds_a_recorded_program_in_any_layout() {
    let target = Target::with(&["units/1/app", "units/2/app"]);
    let app = target.link("units/2/app", "app");
    let recorded = ["units/1", "units/2"].map(|unit| target.key(unit, "app"));
    let found = program(&app, "app", "app", recorded.to_vec());
    assert_eq!(found, Some(recorded[1].clone()));
}

#[test]
fn finds_a_copied_program_by_its_content() {
    let target = by_unit();
    let out = format!("build/my-app/{OTHER}/out");
    let app = target.profile.join("my-app");
    fs::copy(target.profile.join(&out).join("my_app"), &app).unwrap();
    let key = target.key(&out, "my_app");
    assert_eq!(program(&app, "my-app", "my_app", Vec::new()), Some(key));
}

#[test]
fn finds_a_build_script_in_both_layouts() {
    for (target, out) in [
        (by_kind(), format!("build/my-app-{HASH}")),
        (by_unit(), format!("build/my-app/{HASH}/out")),
    ] {
        let stem = format!("build_script_build-{HASH}");
        let script = target.link(
            &format!("{out}/{stem}"),
            &format!("{out}/build-script-build"),
        );
        let key = target.key(&out, &stem);
        assert_eq!(beside(&script, "build_script_build"), Some(key));
    }
    // The preview in cargo 1.97 has only this file, without a hard link.
    let out = format!("build/my-app/{HASH}/out");
    let target = Target::with(&[&format!("{out}/build_script_build")]);
    let script = target.profile.join(&out).join("build_script_build");
    let key = target.key(&out, "build_script_build");
    assert_eq!(beside(&script, "build_script_build"), Some(key));
}

#[test]
fn finds_the_output_of_a_build_script_in_both_layouts() {
    for (target, unit, output) in [
        (by_kind(), format!("build/my-app-{OTHER}"), "output"),
        (by_unit(), format!("build/my-app/{OTHER}"), "run/stdout"),
    ] {
        let unit = target.profile.join(unit);
        assert_eq!(script_output(&unit.join("out")), Some(unit.join(output)));
    }
    let neither = Target::with(&["units/my-app/printed"]);
    assert_eq!(
        script_output(&neither.profile.join("units/my-app/out")),
        None
    );
}
