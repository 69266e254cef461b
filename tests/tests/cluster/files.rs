//! Files to pods and from them, of images that have tar and of those that have not.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::MetadataExt,
    path::Path,
    process::Command,
    time::Instant,
};

use tests::{
    Fixture, Output, Project, Running,
    cluster::{Namespace, image},
};

/// Bytes of the file that is timed.
const TIMED: usize = 500 << 20;

/// Bytes that neither repeat nor compress.
fn noise(path: &Path, length: usize) {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 32) as u32
    };
    let mut file = File::create(path).expect("/tmp can be written");
    let mut left = length;
    while left > 0 {
        let piece: Vec<u8> = (0..1 << 18).flat_map(|_| next().to_le_bytes()).collect();
        let piece = &piece[..piece.len().min(left)];
        file.write_all(piece).expect("/tmp has room");
        left -= piece.len();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}

#[track_caller]
fn same(one: &Path, other: &Path) {
    let bytes = |path: &Path| fs::read(path).expect("it can be read");
    assert!(bytes(one) == bytes(other), "{} is another", other.display());
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn files_go_to_a_restricted_pod_of_any_image_and_back() {
    for image in [image::distroless(), image::debian()] {
        let namespace = Namespace::restricted();
        let project = namespace.project(Fixture::ONE, &image);
        // A root file system that is read-only, and a small volume.
        let template = "spec: {containers: [{name: kt, securityContext: {readOnlyRootFilesystem: true}, \
            volumeMounts: [{name: small, mountPath: /small}]}], \
            volumes: [{name: small, emptyDir: {medium: Memory, sizeLimit: 16Mi}}]}";
        project.kt(["run", "--pod-template", template]).success();
        let tree = project.private().join("tree");
        fs::create_dir_all(tree.join("inner")).expect("/tmp can be written");
        noise(&tree.join("inner/large"), 30_000_001);
        fs::write(tree.join("small"), "small").expect("/tmp can be written");
        std::os::unix::fs::symlink("small", tree.join("link")).expect("/tmp can be written");
        let sparse = File::create(tree.join("sparse")).expect("/tmp can be written");
        sparse.set_len(1 << 30).expect("it can be large");
        project.kt(["cp", text(&tree), ":/kt/data"]).success();
        let back = project.private().join("back");
        project
            .kt(["cp", ":/kt/data/tree", text(&back)])
            .success()
            .says("Copied 3 files, 2 folders, 1 symlink");
        for name in ["inner/large", "small", "link"] {
            same(&tree.join(name), &back.join(name));
        }
        let data = fs::metadata(back.join("sparse")).expect("it is there");
        assert_eq!((data.len(), data.blocks()), (1 << 30, 0));
        refused(&project, &tree.join("inner/large"), ":/small")
            .says("error: failed to copy `/small")
            .says("needs 30.0 MB, but only 16.8 MB are free");
        refused(&project, &tree.join("small"), ":/etc/small").says("Read-only file system");
        refused(&project, &tree.join("small"), ":/kt/secret/small")
            .says("error: failed to copy `/kt/secret/small` in");
    }
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn openssh_reaches_a_restricted_pod_whose_image_has_neither_shell_nor_sftp() {
    let namespace = Namespace::restricted();
    let project = namespace.project(Fixture::ONE, &image::distroless());
    project.kt(["run", "--env", "KEY=worth"]).success();
    let config = project.private().join("ssh_config");
    let block = project.kt(["ssh", "--config"]).success().stdout;
    let host = block
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("Host "));
    let host = host.expect("the block begins with it").to_owned();
    fs::write(&config, &block).expect("/tmp can be written");
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        tests::clean_environment(&mut command);
        command.arg("-F").arg(&config).args(arguments);
        Running::run_without_input(&mut command)
    };
    // The first sends a busybox.
    for _ in 0..2 {
        let output = run("ssh", &[&host, "echo out $KEY; echo err >&2; exit 7"]).code(7);
        assert_eq!(output.stdout, "out worth\n");
    }
    let file = project.private().join("file");
    noise(&file, 20_000_000);
    let there = format!("{host}:/kt/data/copied");
    let back = project.private().join("back");
    run("scp", &[text(&file), &there]).success();
    run("scp", &[&there, text(&back)]).success();
    same(&file, &back);
    let list = project.private().join("batch");
    fs::write(&list, "ls -l /kt/data/copied\nrm /kt/data/copied\n").expect("/tmp can be written");
    run("sftp", &["-b", text(&list), &host])
        .success()
        .prints("20000000");
    // What the pod's user may not write to.
    refused(&project, &file, ":/etc/file")
        .says("error: failed to copy `/etc/file` in")
        .says("Permission denied")
        .says("help: the service runs as user");
    let again = project.kt(["run", "--env", "KEY=worth"]);
    again.success().prints("visit 2");
}

#[track_caller]
fn refused(project: &Project, source: &Path, target: &str) -> Output {
    project.kt(["cp", text(source), target]).code(101)
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_large_file_takes_so_long_and_so_long_with_kubectl() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    project.run().success();
    let file = project.private().join("file");
    noise(&file, TIMED);
    let pod = namespace.kubectl(&[
        "get",
        "pods",
        "--output",
        "jsonpath={.items[0].metadata.name}",
    ]);
    let there = format!("{pod}:/tmp/by-kubectl");
    let timed = |work: &dyn Fn()| {
        let begun = Instant::now();
        work();
        begun.elapsed().as_secs_f64()
    };
    let (back, other) = (
        project.private().join("back"),
        project.private().join("other"),
    );
    let times = [
        timed(&|| drop(project.kt(["cp", text(&file), ":/tmp/by-kt"]).success())),
        timed(&|| drop(namespace.kubectl(&["cp", text(&file), &there, "--container", "kt"]))),
        timed(&|| drop(project.kt(["cp", ":/tmp/by-kt", text(&back)]).success())),
        timed(&|| drop(namespace.kubectl(&["cp", &there, text(&other), "--container", "kt"]))),
    ];
    same(&file, &back);
    same(&file, &other);
    for (way, [kt, kubectl]) in [("to", [times[0], times[1]]), ("from", [times[2], times[3]])] {
        println!(
            "{} MiB {way} a pod: cargo kt cp {kt:.2} s, kubectl cp {kubectl:.2} s, ratio {:.2}",
            TIMED >> 20,
            kt / kubectl
        );
    }
}
