//! What the user sees in the terminal.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    sync::mpsc,
    thread,
    time::Duration,
};

use tests::{Fixture, Project, assert_terminal};

#[test]
fn each_step_prints_one_line_like_cargo() {
    let project = Project::of(Fixture::ONE);
    assert_terminal!("first_run", project, project.run().success());
    assert_terminal!("unchanged_run", project, project.run().success());

    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    assert_terminal!(
        "edit",
        project,
        project.run().success().prints("good day Alice, visit 3")
    );

    project.edit("src/main.rs", "\"good day {name}", "\"good day {absent}");
    assert_terminal!("broken_code", project, project.run().code(101));
    project.edit("src/main.rs", "{absent}", "{name}");

    project.edit(
        "src/main.rs",
        "static VISITS: AtomicU64 = AtomicU64::new(0)",
        "static VISITS: AtomicU32 = AtomicU32::new(0)",
    );
    project.edit(
        "src/main.rs",
        "{AtomicU64, Ordering}",
        "{AtomicU32, Ordering}",
    );
    assert_terminal!(
        "migrated_state",
        project,
        project.run().success().prints("good day Alice, visit 4")
    );

    project.edit("src/main.rs", "AtomicU32::new(0)", "AtomicU32::new(40)");
    assert_terminal!(
        "edited_initializer",
        project,
        project.run().success().prints("good day Alice, visit 5")
    );

    // Without serde the value cannot be migrated.
    project.edit(
        "src/main.rs",
        "static VISITS: AtomicU32 = AtomicU32::new(40)",
        "static VISITS: Visits = Visits(AtomicU32::new(0))",
    );
    project.edit("src/main.rs", "VISITS.fetch_add", "VISITS.0.fetch_add");
    project.edit(
        "src/main.rs",
        "#[kt::remote]",
        "struct Visits(AtomicU32);\n\n#[kt::remote]",
    );
    assert_terminal!(
        "reset_state",
        project,
        project.run().success().prints("good day Alice, visit 1")
    );

    assert_terminal!("build", project, project.kt(["build"]).success());
}

/// Adds plain statics beside the state, one of them in a new module, and a function that counts in
/// them.
fn add_plain_statics(project: &Project, more: &str) {
    project.write(
        "src/cache.rs",
        "use super::*;\n\npub static HITS: AtomicU64 = AtomicU64::new(0);\npub static NAMES: [&str; 1] = [\"hit\"];\n",
    );
    let plain = format!(
        "mod cache;\n\nthread_local! {{\n    static SEEN: std::cell::Cell<u64> = const {{ std::cell::Cell::new(0) }};\n}}\n{more}\n\
         fn plain() -> String {{\n    SEEN.set(SEEN.get() + 1);\n    \
         format!(\", {{}} {{}}\", cache::NAMES[0], cache::HITS.fetch_add(1, Ordering::Relaxed) + 1)\n}}\n\n#[kt::state]"
    );
    project.edit("src/main.rs", "#[kt::state]", &plain);
    project.edit(
        "src/main.rs",
        "visit {visit}\")",
        "visit {visit}\") + &plain()",
    );
}

#[test]
fn only_reset_plain_statics_are_named() {
    let project = Project::of(Fixture::ONE);
    add_plain_statics(&project, "");
    let quiet = |text: &str| {
        project
            .run()
            .success()
            .prints(text)
            .does_not_report("note:")
    };
    quiet("hello Alice, visit 1, hit 1");
    quiet("hello Alice, visit 2, hit 2");
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    assert_terminal!(
        "lost_statics",
        project,
        project
            .run()
            .success()
            .prints("good day Alice, visit 3, hit 1")
    );
    quiet("good day Alice, visit 4, hit 2");
    // The object of the first code is still loaded, with its values.
    project.edit("src/main.rs", "\"good day {name}", "\"hello {name}");
    assert_terminal!(
        "statics_found_again",
        project,
        project
            .run()
            .success()
            .prints("hello Alice, visit 5, hit 3")
    );
    // A removed static is not reported.
    project.edit("src/cache.rs", "HITS", "FOUND");
    project.edit("src/main.rs", "HITS", "FOUND");
    project
        .run()
        .success()
        .prints("visit 6, hit 1")
        .says("SEEN")
        .does_not_report("HITS");
}

#[test]
fn more_than_four_statics_share_a_line_unless_verbose() {
    let project = Project::of(Fixture::ONE);
    let many: Vec<String> = ('A'..='L')
        .map(|letter| format!("pub static COUNT_{letter}: AtomicU64 = AtomicU64::new(0);"))
        .collect();
    add_plain_statics(&project, &many.join("\n"));
    project.run().success();
    project.edit("src/main.rs", "\"hello {name}", "\"hi {name}");
    assert_terminal!("many_lost_statics", project, project.run().success());
    project.edit("src/main.rs", "\"hi {name}", "\"dear {name}");
    let all = project.kt(["run", "--verbose"]).success();
    assert_eq!(
        all.stderr.matches("was reset because").count(),
        14,
        "{all:?}"
    );
    project.edit("src/main.rs", "\"dear {name}", "\"you, {name}");
    project.edit("src/main.rs", "println!(\"{}\", ", "drop(");
    let messages = project
        .kt(["run", "--message-format", "json"])
        .success()
        .json();
    let mut statics = messages.iter().filter(|it| it["reason"] == "kt-statics");
    let lost = statics.next().expect("a message names them")["lost"].clone();
    assert_eq!(lost.as_array().map(Vec::len), Some(14), "{lost:#}");
    let first = serde_json::json!({
        "crate": "one", "path": "one::COUNT_A", "thread_local": false,
        "place": {"file": "src/main.rs", "line": 10}, "again": false, "by_macro": false,
    });
    assert_eq!(lost[0], first);
}

#[test]
fn quiet_prints_nothing_of_kt() {
    let project = Project::of(Fixture::ONE);
    for visit in 1..=2 {
        let output = project.kt(["run", "--quiet"]).success();
        assert_eq!(
            (&*output.stderr, &*output.stdout),
            ("", &*format!("hello Alice, visit {visit}\n"))
        );
    }
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    let output = project.kt(["run", "-q"]).success();
    assert_eq!(
        (&*output.stderr, &*output.stdout),
        ("", "good day Alice, visit 3\n")
    );

    project.write(".cargo/config.toml", "[term]\nquiet = true\n");
    let output = project.run().success();
    assert_eq!(output.stderr, "");
    let verbose = project.kt(["run", "-v"]).success();
    verbose.says("Running `one`");
    let typed = [
        "run",
        "--config",
        "term.quiet=false",
        "--config",
        "term.verbose=true",
    ];
    project.kt(typed).success().says("Planning through cargo");
}

#[test]
fn json_messages_include_cargos_own() {
    let project = Project::of(Fixture::ONE);
    project.write(
        "src/main.rs",
        &project
            .read("src/main.rs")
            .replace("println!(\"{}\", ", "drop("),
    );
    let reasons = || {
        let output = project.kt(["run", "--message-format", "json"]).success();
        let reason = |line: serde_json::Value| {
            line["reason"]
                .as_str()
                .expect("each line has a reason")
                .to_owned()
        };
        output.json().into_iter().map(reason).collect::<Vec<_>>()
    };
    let first = reasons();
    for expected in [
        "compiler-artifact",
        "build-finished",
        "kt-linked",
        "kt-shipped",
        "kt-swapped",
    ] {
        assert!(
            first.iter().any(|reason| reason == expected),
            "no {expected} in {first:?}"
        );
    }
}

#[test]
fn services_are_listed_and_stopped() {
    let project = Project::of(Fixture::ONE);
    assert!(project.services().is_empty());
    project.kt(["ls"]).success();
    project.run().success();
    let service = project.services().remove(0);
    let name = service["name"].as_str().expect("a service has a name");
    assert_eq!(name, "tester-one");
    let workspace = project.root().display().to_string();
    assert_eq!(
        (
            &service["reason"],
            &service["generation"],
            &service["workspace"]
        ),
        (&"kt-service".into(), &1.into(), &workspace.into()),
    );
    assert_eq!(service["worker"]["calls"], 0, "{service:#}");
    assert!(
        service["ttl_left_ms"].as_u64() <= service["ttl_ms"].as_u64(),
        "{service:#}"
    );
    let listed = project.kt(["ls"]).success();
    let line = listed.stdout.lines().nth(1).expect("a header and a line");
    assert!(line.starts_with(name), "{listed:?}");

    project.kt(["down", name]).success();
    assert!(project.services().is_empty());
    let missing = project.kt(["down", name]);
    assert!(!missing.status.success(), "{missing:?}");
    assert_terminal!("down_without_service", project, missing);
}

#[test]
fn colors_follow_cargos_settings() {
    let mut project = Project::of(Fixture::ONE);
    let colored = "\u{1b}[1m\u{1b}[32m     Running\u{1b}[0m `one`";
    project.run().success().does_not_report("\u{1b}");
    project
        .kt(["run", "--color", "always"])
        .success()
        .says(colored);
    project.environment("CARGO_TERM_COLOR", "always");
    project.run().success().says(colored);
    project
        .kt(["run", "--color", "never"])
        .success()
        .does_not_report("\u{1b}");
    project
        .kt(["run", "--config", "term.color=\"never\""])
        .success()
        .does_not_report("\u{1b}");
}

/// The API server answers when the build script runs, which never ends.
#[test]
fn launch_that_fails_stops_the_compilation() {
    let mut project = Project::of(Fixture::ONE);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let kubeconfig = project.private().join("kubeconfig");
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: c,
        contexts: [{{name: c, context: {{cluster: c, user: u}}}}], users: [{{name: u, user: {{}}}}],
        clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]}}"
    );
    fs::write(&kubeconfig, text).expect("/tmp can be written");
    project.environment("KUBECONFIG", kubeconfig.display());
    let script = "
        fn main() {
            std::net::TcpStream::connect(\"127.0.0.1:PORT\").unwrap();
            loop { std::thread::park(); }
        }";
    let started = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = started.local_addr().expect("it is bound");
    let script = script.replace("127.0.0.1:PORT", &address.to_string());
    project.write("build.rs", &script);

    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let (script, _) = started.accept().expect("the build script connects");
        sender.send(script).expect("the test waits");
        for request in listener.incoming() {
            let mut request = request.expect("it is a connection");
            let _ = request.read(&mut [0; 4096]);
            let _ = request.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let output = project.kt(["run", "--place", "kubernetes"]).code(101);
    let error = output.error();
    assert!(error.contains("the cluster refused"), "{output:?}");
    let mut script = receiver.try_recv().expect("the build script ran");
    script
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("it is a socket");
    // Its end was closed when it was killed.
    assert_eq!(script.read(&mut [0]).ok(), Some(0), "{output:?}");
}
