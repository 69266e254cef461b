//! `cargo kt cp`: files and folders between this machine and a service.

use std::{
    fs::{self, File, Permissions},
    io::Write,
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use tests::{Fixture, Project, Running, noise};

fn up() -> Project {
    let project = Project::of(Fixture::ONE);
    project.run().success();
    project
}

/// A folder of the test's own, which the service sees too.
fn folder(project: &Project, name: &str) -> PathBuf {
    let folder = project.private().join(name);
    fs::create_dir(&folder).expect("/tmp can be written");
    folder
}

#[track_caller]
fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("it can be made");
    fs::write(path, bytes).expect("it can be written");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}

/// `:PATH`.
fn there(path: &Path) -> String {
    format!(":{}", path.display())
}

fn names(folder: &Path) -> Vec<String> {
    let inner = fs::read_dir(folder).expect("it can be listed");
    let name = |it: Result<fs::DirEntry, _>| it.expect("it can be listed").file_name();
    let mut names: Vec<_> = inner
        .map(|it| name(it).to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Contents, kinds, permissions and times.
#[track_caller]
fn assert_same(one: &Path, other: &Path) {
    let data = |path: &Path| fs::symlink_metadata(path).expect("it is there");
    let facts = |path: &Path| {
        (
            data(path).mode(),
            data(path).mtime(),
            data(path).mtime_nsec(),
        )
    };
    assert_eq!(facts(one), facts(other), "{}", one.display());
    if data(one).is_symlink() {
        let target = |path: &Path| fs::read_link(path).expect("it is a symlink");
        assert_eq!(target(one), target(other));
    } else if data(one).is_dir() {
        assert_eq!(names(one), names(other));
        for name in names(one) {
            assert_same(&one.join(&name), &other.join(&name));
        }
    } else {
        let bytes = |path: &Path| fs::read(path).expect("it can be read");
        assert!(bytes(one) == bytes(other), "{}", one.display());
    }
}

/// A tree with everything that arrives.
fn tree(at: &Path) {
    write(&at.join("large"), noise(9_000_017));
    write(&at.join("inner/deep/small"), "small");
    write(&at.join("inner/empty"), "");
    symlink("large", at.join("link")).expect("it can be made");
    symlink("/no/such", at.join("dangling")).expect("it can be made");
    for (name, mode) in [("large", 0o751), ("inner/empty", 0o400), ("inner", 0o770)] {
        fs::set_permissions(at.join(name), Permissions::from_mode(mode)).expect("it is ours");
    }
    let sparse = File::create(at.join("sparse")).expect("it can be made");
    sparse
        .write_all_at(b"middle", 8 << 20)
        .expect("it takes it");
    sparse.set_len(256 << 20).expect("it can be large");
}

#[test]
fn a_tree_goes_to_a_service_and_comes_back_as_it_was() {
    let project = up();
    let (source, target) = (folder(&project, "source"), folder(&project, "target"));
    tree(&source.join("tree"));
    let from = source.join("tree");
    let output = project.kt(["cp", text(&from), &there(&target)]).success();
    output.says("Copied 4 files, 3 folders, 2 symlinks");
    assert_same(&from, &target.join("tree"));
    let blocks = fs::metadata(target.join("tree/sparse"))
        .expect("it is there")
        .blocks();
    assert!(
        blocks * 512 < 1 << 20,
        "{blocks} blocks of a file with 6 bytes"
    );
    // Back, under another name; `-r` is no other copy.
    let back = source.join("back");
    project
        .kt(["cp", "-r", &there(&target.join("tree")), text(&back)])
        .success();
    assert_same(&from, &back);
    // Again: all of it is there.
    let again = project.kt([
        "cp",
        "--message-format",
        "json",
        text(&from),
        &there(&target),
    ]);
    let lines = again.success().json();
    let end = lines.last().expect("it has an end");
    assert_eq!(end["reason"], "kt-copied");
    assert_eq!(end["files"], 4);
    assert_eq!(end["found"], end["bytes"]);
    let files = lines.iter().filter(|it| it["reason"] == "kt-file-copied");
    let hashes: Vec<_> = files
        .map(|it| it["blake3"].as_str().map(str::len))
        .collect();
    assert_eq!(hashes, [Some(64); 4]);
    // The service is none the worse.
    project.run().success().prints("visit 2");
}

#[test]
fn paths_there_are_those_of_the_workers_directory_and_several_go_into_a_folder() {
    let project = up();
    project.write("one", "first");
    project.write("two", "second");
    project.write("into/kept", "kept");
    project.kt(["cp", "one", ":copy"]).success();
    assert_eq!(project.read("copy"), "first");
    project
        .kt(["cp", "one", "two", "tester-one:into"])
        .success();
    assert_eq!(project.read("into/two"), "second");
    project.kt(["cp", ":one", ":into", "src"]).success();
    assert_eq!(project.read("src/into/one"), "first");
    assert_eq!(project.read("src/into/kept"), "kept");
    // A source that is a symlink stays one, unless it is to be followed.
    symlink("one", project.root().join("link")).expect("it can be made");
    project.kt(["cp", "link", ":into"]).success();
    project.kt(["cp", "-H", "link", ":followed"]).success();
    let kind =
        |name: &str| fs::symlink_metadata(project.root().join(name)).map(|it| it.is_symlink());
    assert!(kind("into/link").expect("it is there"));
    assert!(!kind("followed").expect("it is there"));
    assert_eq!(project.read("followed"), "first");
}

/// Waits until a copy under way has written so much to a file beside its place. The file.
#[track_caller]
fn partial(folder: &Path, copy: &Running, length: u64) -> PathBuf {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        for name in names(folder) {
            let path = folder.join(name);
            if fs::metadata(&path).is_ok_and(|data| data.len() >= length) {
                assert!(
                    path.to_string_lossy().ends_with(".partial"),
                    "{path:?} arrived"
                );
                return path;
            }
        }
        thread::yield_now();
    }
    panic!(
        "process {} wrote nothing to {}",
        copy.id(),
        folder.display()
    );
}

#[test]
fn a_copy_that_was_killed_goes_on_and_trusts_nothing_that_it_finds() {
    let project = up();
    let (source, target) = (folder(&project, "source"), folder(&project, "target"));
    let file = source.join("file");
    write(&file, noise(400_000_000));
    let (here, at) = (text(&file), there(&target));
    let back = [there(&file), text(&target).to_owned()];
    for arguments in [[here, &at], [&back[0], &back[1]]] {
        let copy = project.spawn_kt(["cp", arguments[0], arguments[1]]);
        partial(&target, &copy, 5_000_000);
        // Killed.
        drop(copy);
        let again = project.kt(["cp", "--message-format", "json", arguments[0], arguments[1]]);
        let end = again.success().json().pop().expect("it has an end");
        let found = end["found"].as_u64().expect("it is a number");
        assert!(found >= 5_000_000, "{end}");
        assert_same(&file, &target.join("file"));
        assert_eq!(names(&target), ["file"]);
        fs::remove_file(target.join("file")).expect("it is there");

        let copy = project.spawn_kt(["cp", arguments[0], arguments[1]]);
        let left = partial(&target, &copy, 5_000_000);
        copy.interrupt();
        copy.finish()
            .code(101)
            .says("error: interrupted: the copy is incomplete")
            .says("help: run the same command again");
        let left = File::options().write(true).open(left).expect("it stays");
        left.write_all_at(b"other", 4_000_000).expect("it takes it");
        let again = project.kt(["cp", "--message-format", "json", arguments[0], arguments[1]]);
        let end = again.success().json().pop().expect("it has an end");
        assert_eq!(end["found"], 0);
        assert_same(&file, &target.join("file"));
        fs::remove_file(target.join("file")).expect("it is there");
    }
}

#[test]
fn a_service_that_ends_breaks_the_copy_and_says_so() {
    let project = up();
    let (source, target) = (folder(&project, "source"), folder(&project, "target"));
    let file = source.join("file");
    write(&file, noise(400_000_000));
    let copy = project.spawn_kt(["cp", &there(&file), text(&target)]);
    partial(&target, &copy, 1_000_000);
    project.kt(["down", "--all"]).success();
    copy.finish()
        .code(101)
        .says("error: lost the connection to tester-one: the copy is incomplete")
        .says("help: run the same command again");
}

#[test]
fn bytes_that_flow_keep_the_service() {
    let project = Project::of(Fixture::ONE);
    project.kt(["run", "--inactivity-ttl", "1s"]).success();
    let (source, target) = (folder(&project, "source"), folder(&project, "target"));
    let file = source.join("file");
    // Zeros, and no hole: it takes several times the service's time to copy them.
    let mut zeros = File::create(&file).expect("it can be made");
    for _ in 0..1500 {
        zeros.write_all(&[0; 1 << 20]).expect("/tmp has room");
    }
    project.kt(["run", "--inactivity-ttl", "1s"]).success();
    let copy = project.kt(["cp", text(&file), &there(&target)]).success();
    assert!(
        copy.took > Duration::from_secs(1),
        "it shows nothing: {copy:?}"
    );
    let size = fs::metadata(target.join("file"))
        .expect("it is there")
        .len();
    assert_eq!(size, 1500 << 20);
}

#[test]
fn targets_that_cannot_be_written_to_are_errors_that_say_why() {
    let project = Project::of(Fixture::ONE);
    let (small, fixed) = (folder(&project, "small"), folder(&project, "fixed"));
    let mounts = format!(
        "mount -t tmpfs -o size=8m tmpfs {} && mount -t tmpfs -o ro tmpfs {}",
        small.display(),
        fixed.display()
    );
    // The service alone sees these.
    project.kt_with_mounts(&mounts, ["run"]).success();
    let files = folder(&project, "files");
    write(&files.join("large"), noise(20_000_000));
    write(&files.join("tree/file"), noise(1_000_000));
    write(&files.join("tree/other"), noise(9_000_000));
    let (large, tree) = (files.join("large"), files.join("tree"));
    let up = |source: &Path, target: &str| project.kt(["cp", text(source), target]).code(101);
    // Too little room is said before a byte is sent, and leaves nothing there.
    for source in [&large, &tree] {
        up(source, &there(&small))
            .says(&format!("error: failed to copy `{}", small.display()))
            .says("in tester-one: needs")
            .says("help: free space");
        let left = project
            .kt(["exec", "--", "ls", "-A", text(&small)])
            .success();
        assert_eq!(left.stdout, "");
    }
    project
        .kt(["cp", text(&tree.join("file")), &there(&small)])
        .success();
    up(&large, &there(&fixed.join("large")))
        .says("Read-only file system")
        .says("help: it is on a read-only file system");
    // Not even root may write there.
    up(&large, ":/proc/large")
        .says("error: failed to copy `/proc/large` in tester-one: failed to write to its folder");
    up(&large, ":/no/such/large")
        .says("error: failed to copy `/no/such/large` in tester-one: the folder that it would lie in does not exist")
        .says("help: create it first: `cargo kt exec -- mkdir -p /no/such`");
    up(&large, &there(&large.join("inner"))).says("a folder is needed there, and it is not one");
    up(&tree, &there(&large)).says("a folder is needed there, and it is not one");
    up(&files.join("missing"), ":/tmp").says(&format!(
        "error: failed to copy `{}/missing`: it does not exist",
        files.display()
    ));
    project
        .kt(["cp", text(&large), text(&tree), ":/no-folder"])
        .code(101)
        .says("error: failed to copy `/no-folder` in tester-one: there is no such folder");
    // The other way round.
    project
        .kt(["cp", ":/no/such/file", text(&files)])
        .code(101)
        .says("error: failed to copy `/no/such/file` in tester-one: it does not exist");
    project
        .kt(["cp", &there(&large), "/proc/large"])
        .code(101)
        .says("error: failed to copy `/proc/large`: failed to write to its folder");
    // One that cannot be copied does not keep the others from it.
    let output = project.kt([
        "cp",
        text(&tree),
        text(&files.join("missing")),
        text(&files.join("gone")),
        &there(&files.join("tree")),
    ]);
    output
        .code(101)
        .says("a folder cannot be copied into itself")
        .says("error: failed to copy 3 of the files and folders");
}

#[test]
fn this_machines_own_full_disk_is_said_before_half_is_written() {
    let project = up();
    let (small, files) = (folder(&project, "small"), folder(&project, "files"));
    write(&files.join("large"), noise(20_000_000));
    let mount = format!("mount -t tmpfs -o size=8m tmpfs {}", small.display());
    let from = there(&files.join("large"));
    project
        .kt_with_mounts(&mount, ["cp", &from, text(&small)])
        .code(101)
        .says(&format!("error: failed to copy `{}", small.display()))
        .says("needs 20.0 MB, but only 8.4 MB are free");
}

#[test]
fn paths_that_lead_nowhere_are_errors_that_say_how_to_write_them() {
    let project = up();
    project
        .kt(["cp", "Cargo.toml", "copy"])
        .code(101)
        .says("error: no path names a service")
        .says("help: `cargo kt cp FILE :/tmp/`");
    project
        .kt(["cp", "one:a", "two:b"])
        .code(101)
        .says("error: cannot copy between two services");
    project
        .kt(["cp", "Cargo.toml", "no-such-service:a"])
        .code(101)
        .says("error: no service named `no-such-service`");
    project.kt(["cp", "Cargo.toml"]).code(2);
}
