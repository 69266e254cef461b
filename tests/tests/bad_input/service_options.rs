//! Service options: their precedence, and the values that kt refuses before it compiles or creates
//! anything.

use serde_json::{Value, json};
use tests::{Fixture, Output, Project, assert_terminal};

/// A project on a machine without a kubeconfig.
fn project() -> Project {
    let mut project = Project::cold(Fixture::ONE);
    project.environment("KUBECONFIG", project.private().join("none").display());
    project
}

/// Compares a command's stdout and stderr with a snapshot.
fn assert_printed(name: &str, project: &Project, mut output: Output) {
    output.stderr = std::mem::take(&mut output.stdout) + &output.stderr;
    tests::redacted(project, &output, |text| insta::assert_snapshot!(name, text));
}

/// An option's value and where it came from.
#[track_caller]
fn option(output: &Output, name: &str) -> (Value, String) {
    let lines = output.json();
    let found = lines
        .iter()
        .find(|line| line["reason"] == "kt-option" && line["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no option {name}: {output:?}"));
    let from = found["from"].as_str().expect("a text").to_owned();
    (found["value"].clone(), from)
}

const CONFIG: [&str; 3] = ["config", "--message-format", "json"];
const DRY_RUN: [&str; 4] = ["run", "--dry-run=yaml", "--place", "kubernetes"];

#[test]
fn options_closer_to_the_run_take_precedence() {
    let mut project = project();
    let origin = |project: &Project, flags: &[&str]| {
        let output = project.kt(CONFIG.iter().chain(flags).copied()).success();
        let (cpu, from) = option(&output, "cpu");
        let (env, _) = option(&output, "env");
        let number: u64 = cpu.as_str().expect("a text").parse().expect("a number");
        // Each layer gives its number, and adds its own variable.
        let keys = env.as_object().expect("a map").len() as u64;
        assert_eq!(keys, number - 1, "{output:?}");
        assert_eq!(env.get("SHARED").map_or(number, text), number);
        (number, from)
    };
    assert_eq!(origin(&project, &[]), (1, "default".to_owned()));
    project.append(
        "Cargo.toml",
        "\n[workspace.metadata.kt]\ncpu = \"2\"\nenv = { SHARED = \"2\" }\n",
    );
    let from = "Cargo.toml [workspace.metadata.kt]".to_owned();
    assert_eq!(origin(&project, &[]), (2, from));
    project.append(
        "Cargo.toml",
        "\n[package.metadata.kt]\ncpu = \"3\"\nenv = { SHARED = \"3\", PACKAGE = \"\" }\n",
    );
    let from = "Cargo.toml [package.metadata.kt]".to_owned();
    assert_eq!(origin(&project, &[]), (3, from));
    project.edit(
        "src/main.rs",
        "#[tokio::main]",
        "#[kt::service(cpu = \"4\", env = { SHARED = 4, ATTRIBUTE = \"\" })]\n#[tokio::main]",
    );
    assert_eq!(origin(&project, &[]), (4, "src/main.rs:14".to_owned()));
    project.append(
        "src/main.rs",
        "\n#[kt::service]\nconst SERVICE: kt::Service = kt::Service::new()\n    .cpu(\"5\")\n    .env(\"SHARED\", \"5\")\n    .env(\"CONSTANT\", \"\");\n",
    );
    assert_eq!(origin(&project, &[]), (5, "src/main.rs:23".to_owned()));
    project.environment("KT_CPU", "6");
    project.environment("KT_ENV", "SHARED=6,ENVIRONMENT=");
    assert_eq!(origin(&project, &[]), (6, "KT_CPU".to_owned()));
    let flags = ["--cpu", "7", "--env", "SHARED=7", "--env", "FLAG="];
    assert_eq!(origin(&project, &flags), (7, "--cpu".to_owned()));
}

fn text(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.parse().expect("a number"),
        other => other.as_u64().expect("a number"),
    }
}

#[test]
fn place_follows_the_same_precedence() {
    let mut project = project();
    let place = |project: &Project, flags: &[&str]| {
        option(
            &project.kt(CONFIG.iter().chain(flags).copied()).success(),
            "place",
        )
    };
    assert_eq!(place(&project, &[]), (json!("local"), "default".to_owned()));
    project.append(
        "Cargo.toml",
        "\n[package.metadata.kt]\nplace = \"kubernetes\"\n",
    );
    assert_eq!(place(&project, &[]).0, "kubernetes");
    project.environment("KT_PLACE", "local");
    assert_eq!(
        place(&project, &[]),
        (json!("local"), "KT_PLACE".to_owned())
    );
    let flag = place(&project, &["--place", "kubernetes"]);
    assert_eq!(flag, (json!("kubernetes"), "--place".to_owned()));
}

#[test]
fn config_prints_every_option_with_its_origin() {
    let mut project = project();
    project.append(
        "Cargo.toml",
        "\n[package.metadata.kt]\nimage = \"debian:13-slim\"\nenv = { A = \"1\", B = \"2\" }\n",
    );
    project.edit(
        "src/main.rs",
        "#[tokio::main]",
        "#[kt::service]\nconst SERVICE: kt::Service = kt::Service::new()\n    .gpus(1)\n    .secret_files(\"tls\", \"/etc/tls\");\n\n#[tokio::main]",
    );
    project.environment("KT_INACTIVITY_TTL", "30m");
    project.environment("KT_LAUNCH_TIMEOUT", "2m");
    let output = project
        .kt(["config", "--memory", "4Gi", "--env", "B=3"])
        .success();
    assert_printed("config", &project, output);
}

#[test]
fn dry_run_needs_no_cluster() {
    let project = project();
    let options = [
        "--name",
        "texts",
        "--namespace",
        "dev",
        "--gpus",
        "1",
        "--env",
        "RUST_LOG=info",
        "--secrets",
        "[{name: database, env: true}]",
        "--volumes",
        "[{name: models, mount: /models, claim: models}]",
        "--pod-template",
        "{spec: {hostname: texts}}",
    ];
    let output = project.kt(DRY_RUN.into_iter().chain(options)).success();
    assert_printed("dry_run", &project, output);
}

#[test]
fn dry_run_of_a_local_service_is_an_error() {
    let project = project();
    assert_terminal!(
        "dry_run_local",
        project,
        project.kt(["run", "--dry-run=yaml"]).code(101)
    );
}

#[test]
fn local_service_applies_env_and_warns_about_pod_options() {
    let project = Project::of(Fixture::ONE);
    project.edit(
        "src/main.rs",
        "\"hello {name}, visit {visit}\"",
        "\"hello {name}, visit {visit}, {:?}\", std::env::var(\"MOOD\").ok()",
    );
    project.append("Cargo.toml", "\n[package.metadata.kt]\ngpus = 1\n");
    let output = project
        .kt(["run", "--env", "MOOD=good", "--cpu", "2"])
        .success()
        .prints("visit 1, Some(\"good\")")
        .says("no effect on a local service: `--cpu`\n");
    // No warning about the manifest's `gpus`: a manifest may serve several places.
    output.does_not_report("gpus");
}

#[test]
fn misplaced_service_constant_does_not_compile() {
    const SERVICE: &str =
        "\n#[kt::service]\nconst SERVICE: kt::Service = kt::Service::new().cpu(\"2\");\n";
    let project = Project::of(Fixture::ONE);
    project.write("src/settings.rs", SERVICE);
    project.edit(
        "src/main.rs",
        "#[kt::state]",
        "mod settings;\n\n#[kt::state]",
    );
    project
        .run()
        .code(101)
        .says("only in the file of the program's `main`: move it there")
        .says("src/settings.rs:3:7");
    project.write("src/settings.rs", "");
    project.write("src/lib.rs", SERVICE);
    project
        .run()
        .code(101)
        .says("in a library: put it in the file of the program's `main`")
        .says("src/lib.rs:3:7");
    project.write("src/lib.rs", "");
    project.append("src/main.rs", SERVICE);
    project.run().success().prints("hello Alice, visit 1");
}

/// The failed `cargo kt config` of a project with these lines in `[package.metadata.kt]`.
fn refused_in_manifest(lines: &str) -> (Project, Output) {
    let project = project();
    project.append("Cargo.toml", &format!("\n[package.metadata.kt]\n{lines}\n"));
    let output = project.kt(["config"]).code(101);
    (project, output)
}

#[test]
fn unknown_manifest_key_suggests_the_nearest() {
    let (project, output) = refused_in_manifest("inactivity-tll = \"10m\"");
    assert_terminal!("unknown_key", project, output);
}

#[test]
fn misspelled_variable_suggests_the_option() {
    let mut project = project();
    project.environment("KT_MEMROY", "2Gi");
    assert_terminal!(
        "unknown_variable",
        project,
        project.kt(["config"]).code(101)
    );
}

#[test]
fn invalid_quantity_in_the_environment_is_refused() {
    let mut project = project();
    project.environment("KT_MEMORY", "2GB");
    assert_terminal!("wrong_quantity", project, project.kt(["run"]).code(101));
}

#[test]
fn invalid_flag_values_and_names_are_refused() {
    let project = project();
    assert_terminal!(
        "wrong_flag_value",
        project,
        project.kt(["run", "--gpus", "many"]).code(101)
    );
    assert_terminal!(
        "wrong_flag",
        project,
        project.kt(["run", "--gpu", "1"]).code(2)
    );
}

#[test]
fn more_than_one_replica_is_refused() {
    let (project, output) = refused_in_manifest("replicas = 2");
    assert_terminal!("replicas", project, output);
}

#[test]
fn invalid_or_too_long_name_is_refused() {
    let project = project();
    assert_terminal!(
        "name_no_label",
        project,
        project.kt(["run", "--name", "My_Service"]).code(101)
    );
    let long = "x".repeat(58);
    assert_terminal!(
        "name_too_long",
        project,
        project.kt(["run", "--name", &long]).code(101)
    );
}

#[test]
fn conflicting_mounts_are_refused() {
    let (project, output) = refused_in_manifest(
        "volumes = [{ name = \"cache\", mount = \"/kt/data\", empty_dir = \"1Gi\" }]",
    );
    assert_terminal!("mount_in_kt", project, output);
    let (project, output) = refused_in_manifest(
        "volumes = [\n    { name = \"a\", mount = \"/data\", claim = \"a\" },\n    { name = \"b\", mount = \"/data\", claim = \"b\" },\n]",
    );
    assert_terminal!("two_volumes_at_one_path", project, output);
}

#[test]
fn pod_template_that_breaks_the_container_is_refused() {
    let project = project();
    let patched = |patch: &str| {
        project
            .kt(DRY_RUN.into_iter().chain(["--pod-template", patch]))
            .code(101)
    };
    let command = patched("{spec: {containers: [{name: kt, command: [sleep, infinity]}]}}");
    assert_terminal!("pod_template_command", project, command);
    patched("{spec: {activeDeadlineSeconds: 60}}").says("spec.activeDeadlineSeconds");
    assert_terminal!(
        "pod_template_no_template",
        project,
        patched("{containers: []}")
    );
}

#[test]
fn invalid_options_in_the_source_are_refused_with_their_line() {
    let project = project();
    project.edit(
        "src/main.rs",
        "#[tokio::main]",
        "#[kt::service(cpu = \"2\", memroy = \"1Gi\")]\n#[tokio::main]",
    );
    assert_terminal!(
        "unknown_in_attribute",
        project,
        project.kt(["run"]).code(101)
    );
    project.edit(
        "src/main.rs",
        "(cpu = \"2\", memroy = \"1Gi\")",
        "(cpu = \"many\")",
    );
    assert_terminal!("wrong_in_attribute", project, project.kt(["run"]).code(101));
    let builder = |value: &str| {
        let source = project.read("src/main.rs");
        let (before, _) = source
            .split_once("#[kt::service")
            .expect("the source has it");
        project.write(
            "src/main.rs",
            &format!(
                "{before}#[kt::service]\nconst SERVICE: kt::Service = {value};\n\nfn main() {{}}\n"
            ),
        );
        project.kt(["run"]).code(101)
    };
    assert_terminal!(
        "no_literal_in_builder",
        project,
        builder("kt::Service::new().image(IMAGE)")
    );
    assert_terminal!(
        "wrong_in_builder",
        project,
        builder("kt::Service::new()\n    .inactivity_ttl(\"soon\")")
    );
    project.append(
        "src/main.rs",
        "\n#[kt::service]\nconst OTHER: kt::Service = kt::Service::new();\n",
    );
    assert_terminal!("two_services", project, project.kt(["run"]).code(101));
}
