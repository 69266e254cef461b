//! Disks, directories and clocks.

use std::{
    fs::{self, File},
    time::{Duration, SystemTime},
};

use tests::{Fixture, Project};

use crate::assert_answers;

#[test]
fn full_disk_under_the_store_is_an_error() {
    let project = Project::of(Fixture::ONE);
    let home = project.private().join("home");
    // The base alone has more than this.
    let small = format!(
        "mkdir -p {0} && mount -t tmpfs -o size=1m,mode=700 none {0}",
        home.display()
    );
    let output = project.kt_with_mounts(&small, ["run"]).code(101);
    output.says("no space left on the device");
    project.kt(["down", "--all"]);
    assert_answers(&project, 1);
}

#[test]
fn full_disk_under_the_target_directory_is_an_error() {
    let project = Project::of(Fixture::ONE);
    let kt_dir = project.root().join("target/kt/warm");
    let small = format!(
        "mkdir -p {0} && mount -t tmpfs -o size=1m none {0}",
        kt_dir.display()
    );
    project
        .kt_with_mounts(&small, ["run"])
        .code(101)
        .says("no space left on the device");
    project.kt(["down", "--all"]);
    assert_answers(&project, 1);
}

#[test]
fn read_only_home_prints_a_notice_and_works() {
    let mut project = Project::of(Fixture::ONE);
    let real = |variable: &str, folder: &str| {
        let home = std::env::var("HOME").expect("HOME is set");
        std::env::var(variable).unwrap_or_else(|_| format!("{home}/{folder}"))
    };
    let (cargo, rustup) = (real("CARGO_HOME", ".cargo"), real("RUSTUP_HOME", ".rustup"));
    let home = project.private().join("developer");
    fs::create_dir(&home).unwrap();
    project.environment("CARGO_HOME", cargo);
    project.environment("RUSTUP_HOME", rustup);
    project.environment("HOME", home.display());
    project.environment("KT_HOME", "");
    // The fallback is in /var/tmp: the tmpfs makes it private to this project.
    let mounts = format!(
        "mount --bind {0} {0} && mount -o remount,bind,ro {0} && mount -t tmpfs -o size=500m,mode=1777 none /var/tmp",
        home.display()
    );
    let output = project.kt_with_mounts(&mounts, ["run"]).success();
    assert_eq!(output.stdout, "hello Alice, visit 1\n");
    output.says("cannot be written to").says("is used instead");
}

#[test]
fn too_long_socket_path_names_the_variable_that_shortens_it() {
    let mut project = Project::of(Fixture::ONE);
    let long = project.private().join("x".repeat(100));
    project.environment("KT_RUNTIME_DIR", long.display());
    project
        .run()
        .code(101)
        .says("bytes, but Linux allows 107")
        .says("set KT_RUNTIME_DIR to a shorter directory");
}

#[test]
fn deleted_target_directory_keeps_the_state() {
    let project = Project::of(Fixture::ONE);
    assert_answers(&project, 1);
    fs::remove_dir_all(project.root().join("target")).unwrap();
    assert_answers(&project, 2);
}

#[test]
fn clock_jump_never_runs_old_code() {
    let project = Project::of(Fixture::ONE);
    assert_answers(&project, 1);
    let day = Duration::from_secs(24 * 3600);
    let past = SystemTime::UNIX_EPOCH + 365 * day;
    let mut greeting = "hello".to_owned();
    for (visit, time) in [
        (2, past),
        (3, SystemTime::now() + 365 * day),
        (4, past),
        (5, SystemTime::now() - day),
    ] {
        let next = format!("greeting {visit}");
        project.edit(
            "src/main.rs",
            &format!("\"{greeting} {{name}}"),
            &format!("\"{next} {{name}}"),
        );
        let file = File::options()
            .append(true)
            .open(project.root().join("src/main.rs"))
            .unwrap();
        file.set_modified(time).unwrap();
        let output = project.run().success();
        assert_eq!(
            output.stdout,
            format!("{next} Alice, visit {visit}\n"),
            "{output:?}"
        );
        greeting = next;
    }
}
