//! A program's options reach its pod.

use serde_json::{Value, json};
use tests::{
    Fixture,
    cluster::{Namespace, image},
};

const OPTIONS: &str = r#"
[package.metadata.kt]
env = { GREETING = "hello", LEVEL = 3 }
secrets = [{ name = "login", env = true }, { name = "files", mount = "/secret" }]
volumes = [{ name = "scratch", mount = "/scratch", empty_dir = "16Mi" }]
working_dir = "/scratch"
labels = { team = "web" }
annotations = { "example.com/owner" = "web" }
user = 1234
ephemeral_storage = "256Mi"
node_selector = { "kubernetes.io/os" = "linux" }
tolerations = [{ key = "gpu", operator = "Exists" }]

[package.metadata.kt.pod_template.spec]
hostAliases = [{ ip = "10.0.0.1", hostnames = ["database"] }]
terminationGracePeriodSeconds = 12
"#;

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn every_option_reaches_the_pod() {
    let namespace = Namespace::restricted();
    let project = namespace.project(Fixture::POD, &image::distroless());
    project.append("Cargo.toml", OPTIONS);
    let secret = |name: &str, key: &str, value: &str| {
        let literal = format!("--from-literal={key}={value}");
        namespace.kubectl(&["create", "secret", "generic", name, &literal]);
    };
    secret("login", "PASSWORD", "open sesame");
    secret("files", "certificate", "signed");
    let mut driver = project.spawn_kt(["run", "--env", "LEVEL=4"]);
    driver.wait_for("ready");
    for (question, answer) in [
        ("variable GREETING", r#"Some("hello")"#),
        // The command line overrides the manifest, key by key.
        ("variable LEVEL", r#"Some("4")"#),
        ("variable PASSWORD", r#"Some("open sesame")"#),
        ("read /secret/certificate", r#"Ok("signed")"#),
        ("directory", "/scratch"),
        ("write /scratch/file", "written"),
        ("read file", r#"Ok("written by a call")"#),
    ] {
        assert_eq!(driver.ask(question), answer, "{question}");
    }
    assert!(driver.ask("read /etc/hosts").contains("database"));
    // The pod's user may not write to the root file system.
    assert!(
        driver
            .ask("write /etc/file")
            .starts_with("Permission denied")
    );
    let pods = namespace.get(&["pods"]);
    let pod = &pods[0];
    for (path, wanted) in [
        ("/metadata/labels/team", json!("web")),
        ("/metadata/annotations/example.com~1owner", json!("web")),
        ("/spec/securityContext/runAsUser", json!(1234)),
        ("/spec/terminationGracePeriodSeconds", json!(12)),
        ("/spec/nodeSelector/kubernetes.io~1os", json!("linux")),
        (
            "/spec/containers/0/resources/limits/ephemeral-storage",
            json!("256Mi"),
        ),
        ("/spec/containers/0/resources/limits/cpu", json!("500m")),
        ("/spec/containers/0/resources/requests/memory", json!("1Gi")),
    ] {
        assert_eq!(pod.pointer(path), Some(&wanted), "{path} of {pod:#}");
    }
    let tolerations = pod["spec"]["tolerations"].as_array();
    let tolerations = tolerations.expect("a pod has tolerations");
    assert!(tolerations.iter().any(|it| it["key"] == "gpu"), "{pod:#}");
    driver.finish().success();
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn dry_run_prints_what_a_run_creates_and_creates_nothing() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let shown = project.kt(["run", "--dry-run=json"]).success().json();
    assert_eq!(namespace.managed_objects(), [""; 0]);
    project.run().success();
    for object in shown {
        let kind = object["kind"].as_str().expect("it has a kind");
        let name = object["metadata"]["name"].as_str().expect("it has a name");
        let created = namespace.get(&[kind, name]);
        for part in ["spec", "rules", "subjects", "roleRef"] {
            assert_created(
                &created[0][part],
                &object[part],
                &format!("{kind} {name} {part}"),
            );
        }
        assert_eq!(
            created[0]["metadata"]["labels"],
            object["metadata"]["labels"]
        );
    }
}

/// Checks that an object is as the dry run printed it. The cluster adds its defaults and drops
/// empty values.
#[track_caller]
fn assert_created(created: &Value, shown: &Value, place: &str) {
    match (created, shown) {
        (Value::Object(created), Value::Object(shown)) => {
            for (name, shown) in shown {
                let created = created.get(name).unwrap_or(&Value::Null);
                assert_created(created, shown, &format!("{place}.{name}"));
            }
        }
        (Value::Array(created), Value::Array(shown)) => {
            assert_eq!(created.len(), shown.len(), "{place}");
            for (created, shown) in created.iter().zip(shown) {
                assert_created(created, shown, place);
            }
        }
        (Value::Null, Value::Bool(false)) => {}
        (Value::Null, Value::Array(list)) if list.is_empty() => {}
        (Value::Null, Value::Object(map)) if map.is_empty() => {}
        (created, shown) => assert_eq!(created, shown, "{place}"),
    }
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn readiness_probe_reports_whether_the_pod_serves() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let ready = || {
        let pods = namespace.get(&["pods"]);
        let conditions = pods.first()?["status"]["conditions"].as_array()?;
        let ready = conditions.iter().find(|it| it["type"] == "Ready")?;
        Some(ready["status"] == "True")
    };
    // A pod without a program serves nothing, however long its host has been up.
    project.edit("src/main.rs", "#[tokio::main]", "#[tokio::main");
    project.run().code(101);
    namespace.wait_for("refusal of the probe", || {
        let unhealthy = ["events", "--field-selector", "reason=Unhealthy"];
        let events = namespace.get(&unhealthy);
        events
            .iter()
            .any(|it| it["message"].as_str().is_some_and(|it| it.contains("503")))
            .then_some(())
    });
    assert_eq!(ready(), Some(false));
    project.edit("src/main.rs", "#[tokio::main", "#[tokio::main]");
    project.run().success();
    namespace.wait_for("ready pod", || (ready() == Some(true)).then_some(()));
}
