use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    builder::{ADDING, setters},
    *,
};
use crate::config::{Config, OPTIONS, tests::workspace_file};

fn read(text: &str) -> Result<[Layer; 2], ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("main.rs");
    fs::write(&path, text).unwrap();
    source(&path, "src/main.rs")
}

fn refused(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

fn values(layer: &Layer) -> Vec<(&str, Value)> {
    layer
        .iter()
        .map(|it| (&*it.name, it.value.clone()))
        .collect()
}

#[test]
fn options_of_the_attribute_have_their_lines() {
    let [layer, constant] = read(
        "use kt::remote;\n\n#[kt::service(\n    image = \"debian:12\",\n    gpus = 1, keep = true,\n    \
         env = { RUST_LOG = \"info\", \"a.b\" = 2 },\n    image_pull_secrets = [\"one\"],\n)]\n#[tokio::main]\nasync fn main() {}\n",
    )
    .unwrap();
    assert_eq!(
        values(&layer),
        [
            ("image", json!("debian:12")),
            ("gpus", json!(1)),
            ("keep", json!(true)),
            ("env", json!({"RUST_LOG": "info", "a.b": 2})),
            ("image_pull_secrets", json!(["one"])),
        ]
    );
    assert_eq!(layer[0].origin, "src/main.rs:4");
    assert_eq!(constant, []);
}

#[test]
fn an_attribute_of_a_renamed_crate_needs_the_crate_argument() {
    let [layer, _] =
        read("#[prelude::warm::service(crate = prelude::warm, gpus = 1)]\nfn main() {}\n").unwrap();
    assert_eq!(values(&layer), [("gpus", json!(1))]);
    let [layer, _] = read("#[tower::service(gpus = 1)]\nfn main() {}\n").unwrap();
    assert_eq!(layer, []);
    let [_, constant] = read(
        "fn main() {}\n#[warm::service(crate = warm)]\nconst S: warm::Service = warm::Service::new().gpus(2);\n",
    )
    .unwrap();
    assert_eq!(values(&constant), [("gpus", json!(2))]);
    let error =
        refused("fn main() {}\nmod inner { #[warm::service(crate = warm)] fn main() {} }\n");
    assert!(
        error.contains("is only valid on the program's `fn main`"),
        "{error}"
    );
}

#[test]
fn options_of_the_constant_have_their_lines() {
    let [attribute, layer] = read(
        "fn main() {}\n\n#[kt::service]\npub const SERVICE: kt::Service = kt::Service::new()\n    .image(\"debian:12\").gpus(1)\n    \
         .env(\"A\", \"1\")\n    .keep(true)\n    .image_user()\n    .env(\"B\", \"2\")\n    .secret_env(\"db\")\n    \
         .secret_files(\"tls\", \"/etc/tls\")\n    .volume_empty_dir(\"tmp\", \"/tmp\", \"1Gi\")\n    \
         .toleration(\"{key: gpu, operator: Exists}\")\n    .image_pull_secret(\"one\").image_pull_secret(\"two\");\n",
    )
    .unwrap();
    assert_eq!(attribute, []);
    assert_eq!(
        values(&layer),
        [
            ("image", json!("debian:12")),
            ("gpus", json!(1)),
            ("env", json!({"A": "1", "B": "2"})),
            ("keep", json!(true)),
            ("user", json!("image")),
            (
                "secrets",
                json!([{"name": "db", "env": true}, {"name": "tls", "mount": "/etc/tls"}])
            ),
            (
                "volumes",
                json!([{"name": "tmp", "mount": "/tmp", "empty_dir": "1Gi"}])
            ),
            ("tolerations", json!([{"key": "gpu", "operator": "Exists"}])),
            ("image_pull_secrets", json!(["one", "two"])),
        ]
    );
    let lines: Vec<_> = layer.iter().map(|it| &*it.origin).collect();
    assert_eq!(lines[0], "src/main.rs:5");
    assert_eq!(lines[2], "src/main.rs:6");
    assert!(Config::resolve([layer]).is_ok());
}

#[test]
fn other_attributes_and_broken_sources_have_none() {
    for text in [
        "fn main() {}",
        "#[other::service(a = 1)] fn main() {}",
        "#[kt::service(cpu = 1)] fn main( {",
        "#[service] fn main() {}",
        "#[service] trait World {} fn main() {}",
        "#[service] const A: other::Thing = other::Thing::new(); fn main() {}",
        "// #[kt::service] would be possible here.\nfn main() {}",
    ] {
        assert_eq!(read(text).unwrap(), [vec![], vec![]], "{text}");
    }
}

#[test]
fn attributes_that_would_be_ignored_are_rejected() {
    const SERVICE: &str =
        "#[kt::service]\nconst SERVICE: kt::Service = kt::Service::new().cpu(\"1\");\n";
    for (text, expected, line) in [
        (
            "#[cfg_attr(unix, kt::service(cpu = 1))]\nfn main() {}".to_owned(),
            "is conditional",
            1,
        ),
        (
            format!("fn main() {{}}\n#[cfg(unix)]\n{SERVICE}"),
            "is conditional",
            2,
        ),
        (
            "#[::kt::service(cpu = 1)] fn helper() {} fn main() {}".to_owned(),
            "is only valid on",
            1,
        ),
        (
            "#[kt::service(cpu = 1)] fn helper() {} fn main() {}".to_owned(),
            "is only valid on",
            1,
        ),
        (format!("fn main() {{\n{SERVICE}}}"), "is only valid on", 2),
        (
            format!("mod settings {{\n{SERVICE}}}\nfn main() {{}}"),
            "is only valid on",
            2,
        ),
        (
            format!("{SERVICE}{}fn main() {{}}", SERVICE.replace("E:", "E2:")),
            "is on both `SERVICE` and `SERVICE2`",
            4,
        ),
        (
            SERVICE.replace("\"1\"", "CPUS") + "fn main() {}",
            "accepts only literals",
            2,
        ),
        (
            SERVICE.replace("kt::Service::new()", "COMMON") + "fn main() {}",
            "must start with `kt::Service::new()`",
            2,
        ),
        (
            SERVICE.replace("cpu(", "cpus(") + "fn main() {}",
            "did you mean `cpu`?",
            2,
        ),
        (
            SERVICE.replace("cpu(", "env(") + "fn main() {}",
            "has no setter `env` with these arguments",
            2,
        ),
        (
            SERVICE.replace("new()", "new().cpu(\"2\")") + "fn main() {}",
            "sets `cpu` twice",
            2,
        ),
        (
            SERVICE.replace("cpu(\"1\")", "toleration(\"gpu\")") + "fn main() {}",
            "invalid value \"gpu\" for `tolerations`",
            2,
        ),
        (
            "#[kt::service(image = IMAGE)]\nfn main() {}".to_owned(),
            "expected a literal",
            1,
        ),
    ] {
        let error = refused(&text);
        let place = format!("src/main.rs:{line}");
        assert!(
            error.contains(expected) && error.contains(&place),
            "{text}\n{error}"
        );
    }
}

/// The strings after `name` in a source, up to the end of the list.
fn list<'a>(source: &'a str, name: &str) -> Vec<&'a str> {
    let (_, list) = source.split_once(name).unwrap();
    let (list, _) = list.split_once("];").unwrap();
    list.split('"').skip(1).step_by(2).collect()
}

#[test]
fn the_macro_knows_the_same_options() {
    let Some(source) = workspace_file("kt-macros/src/service/options.rs") else {
        return;
    };
    let ours: Vec<&str> = OPTIONS.iter().map(|option| option.name).collect();
    assert_eq!(list(&source, "const NAMES"), ours);
}

#[test]
fn the_macro_knows_the_same_repeatable_setters() {
    let Some(source) = workspace_file("kt-macros/src/service/builder.rs") else {
        return;
    };
    let ours: Vec<&str> = ADDING.iter().map(|(setter, ..)| *setter).collect();
    assert_eq!(list(&source, "const REPEATED"), ours);
}

#[test]
fn kt_service_has_exactly_one_setter_per_option() {
    let Some(source) = workspace_file("kt-runtime/src/service.rs") else {
        return;
    };
    let (_, written) = source.split_once("\nsetters! {").unwrap();
    let written: BTreeSet<&str> = written
        .lines()
        .filter(|line| line.ends_with(");"))
        .filter_map(|line| line.trim().split('(').next())
        .collect();
    assert_eq!(written, BTreeSet::from_iter(setters()));
    for option in OPTIONS {
        let adding = ADDING.iter().any(|(_, name, _)| *name == option.name);
        assert!(
            adding || setters().contains(&option.name),
            "{}",
            option.name
        );
    }
}
