use std::{collections::BTreeMap, path::Path};

use serde_json::json;

use super::*;

fn written(name: &str, value: Value, origin: &str) -> Written {
    Written {
        name: name.to_owned(),
        value,
        origin: origin.to_owned(),
    }
}

fn resolve(layers: &[(&str, &str, Value)]) -> Result<Config, ConfigError> {
    Config::resolve(
        layers
            .iter()
            .map(|(origin, name, value)| vec![written(name, value.clone(), origin)]),
    )
}

/// A file of the workspace. `None` in the published package, which does not contain it.
pub(super) fn workspace_file(path: &str) -> Option<String> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    // cargo adds this file to every package.
    let is_published = package.join("Cargo.toml.orig").exists();
    (!is_published).then(|| std::fs::read_to_string(package.join("..").join(path)).unwrap())
}

fn origin<'a>(config: &'a Config, name: &str) -> &'a str {
    let found = config
        .options
        .iter()
        .find(|(option, _)| option.name == name);
    &found.unwrap().1.origin
}

#[test]
fn every_default_is_valid() {
    let config = resolve(&[]).unwrap();
    for (option, resolved) in &config.options {
        if !resolved.value.is_null() {
            value::check(option, &resolved.value, "default").unwrap();
        }
    }
    assert_eq!(config.service.place, PlaceKind::Local);
    assert_eq!(config.service.inactivity_ttl.as_secs(), 8 * 3600);
    assert_eq!(config.service.launch_timeout.as_secs(), 60);
    assert_eq!(config.service.user, Some(65532));
    assert!(!config.is_set("cpu"));
}

#[test]
fn later_layers_override_and_maps_are_merged() {
    let config = resolve(&[
        ("workspace", "cpu", json!("1")),
        ("workspace", "env", json!({"A": "1", "B": "1"})),
        ("package", "cpu", json!(2)),
        ("--env", "env", json!({"B": "2"})),
    ])
    .unwrap();
    assert_eq!(
        (&*config.service.cpu, origin(&config, "cpu")),
        ("2", "package")
    );
    assert_eq!(config.service.env["A"], "1");
    assert_eq!(config.service.env["B"], "2");
    assert_eq!(origin(&config, "env"), "workspace, --env");
    assert!(config.is_set("env"));
}

#[test]
fn lists_are_replaced_and_yaml_in_files_is_parsed() {
    let config = resolve(&[
        ("package", "tolerations", json!([{"key": "a"}])),
        ("attribute", "tolerations", json!("[{key: b}, {key: c}]")),
        ("attribute", "pod_template", json!("spec: {hostname: x}")),
    ])
    .unwrap();
    assert_eq!(
        config.service.tolerations,
        [json!({"key": "b"}), json!({"key": "c"})]
    );
    assert_eq!(config.service.pod_template["spec"]["hostname"], "x");
}

#[test]
fn unknown_options_have_a_suggestion() {
    let error = resolve(&[("Cargo.toml", "inactivty_ttl", json!("1m"))])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("did you mean `inactivity_ttl`?") && error.contains("Cargo.toml"),
        "{error}"
    );
    let error = resolve(&[("Cargo.toml", "zzz", json!(1))])
        .unwrap_err()
        .to_string();
    assert!(!error.contains("did you mean"), "{error}");
}

#[test]
fn invalid_values_list_what_is_expected() {
    for (name, value, expected) in [
        ("cpu", json!("two"), "a quantity above zero"),
        ("memory", json!("2GB"), "a quantity above zero"),
        ("replicas", json!(2), "1 (the only supported value)"),
        ("gpus", json!(-1), "an integer from 0"),
        ("place", json!("aws"), "`local` or `kubernetes`"),
        ("inactivity_ttl", json!("soon"), "a duration such as"),
        ("inactivity_ttl", json!("0s"), "greater than zero"),
        ("name", json!("Not a label"), "up to 63 of a-z"),
        ("name", json!("x".repeat(58)), "the maximum is 57"),
        ("name", json!("x".repeat(64)), "up to 63 of"),
        ("keep", json!("yes"), "`true` or `false`"),
        ("user", json!("bob"), "a user ID"),
        ("working_dir", json!("src"), "an absolute path"),
        ("secrets", json!([{"name": "db"}]), "does not use `db`"),
        (
            "labels",
            json!({"app.kubernetes.io/name": "web"}),
            "kt uses to find its pods",
        ),
        (
            "secrets",
            json!([{"name": "db", "evn": true}]),
            "unknown field `evn`",
        ),
        (
            "volumes",
            json!([{"name": "a", "mount": "/kt/data", "claim": "c"}]),
            "/kt is for kt",
        ),
        (
            "volumes",
            json!([{"name": "a", "mount": "data", "claim": "c"}]),
            "must be absolute",
        ),
        (
            "volumes",
            json!([{"name": "a", "mount": "//kt/./data", "claim": "c"}]),
            "/kt is for kt",
        ),
        (
            "volumes",
            json!([{"name": "a", "mount": "/", "claim": "c"}]),
            "invalid mount path `/`",
        ),
        (
            "volumes",
            json!([{"name": "a", "mount": "/a", "claim": "c"}, {"name": "b", "mount": "/a/", "claim": "c"}]),
            "mounts `b` at /a/, which `a` already uses",
        ),
        (
            "volumes",
            json!([{"name": "a", "mount": "/a", "claim": "c"}, {"name": "a", "mount": "/b", "claim": "c"}]),
            "two volumes named `a`",
        ),
        (
            "volumes",
            json!([{"name": "kt-data", "mount": "/a", "claim": "c"}]),
            "are for kt",
        ),
        (
            "volumes",
            json!([{"name": "A", "mount": "/a", "claim": "c"}]),
            "invalid volume name `A`",
        ),
        (
            "secrets",
            json!([{"name": "a", "mount": "/a"}, {"name": "b", "mount": "/a"}]),
            "mounts `b` at /a, which `a` already uses",
        ),
        (
            "node_selector",
            json!({"kubernetes.io/arch": "arm64"}),
            "--target",
        ),
        ("env", json!({"A=B": "c"}), "invalid variable name"),
        ("affinity", json!("nodes"), "an object; YAML"),
        (
            "volumes",
            json!([{"name": "a", "mount": "/a"}]),
            "one of `claim`",
        ),
        (
            "volumes",
            json!([{"name": "a", "mount": "/a", "empty_dir": "much"}]),
            "invalid size `much`",
        ),
    ] {
        let error = resolve(&[("here", name, value.clone())])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(expected) && error.contains("here"),
            "{name} = {value}: {error}"
        );
    }
}

#[test]
fn flags_and_variables_are_parsed_by_type() {
    let parse = |name: &str, text: &str| {
        let option = option::find(name, "here").unwrap();
        value::parse(option, text, "here")
    };
    assert_eq!(
        parse("env", "A=b,C=d=e").unwrap(),
        json!({"A": "b", "C": "d=e"})
    );
    assert_eq!(parse("env", "{A: b}").unwrap(), json!({"A": "b"}));
    assert_eq!(
        parse("image_pull_secrets", "one, two").unwrap(),
        json!(["one", "two"])
    );
    assert_eq!(
        parse("tolerations", "[{key: gpu, operator: Exists}]").unwrap(),
        json!([{"key": "gpu", "operator": "Exists"}])
    );
    assert_eq!(parse("user", "1000").unwrap(), json!(1000));
    assert_eq!(parse("user", "image").unwrap(), json!("image"));
    let version = |text: &str| {
        let option = option::find("glibc", "here").unwrap();
        value::check(option, &json!(text), "here")
    };
    version("2.31").unwrap();
    let error = version("2.31.1").unwrap_err().to_string();
    assert!(error.contains("\"2.31\""), "{error}");
    assert!(parse("gpus", "many").is_err());
    assert!(
        parse("affinity", "@/nowhere")
            .unwrap_err()
            .to_string()
            .contains("/nowhere")
    );
}

#[test]
fn pod_flags_have_no_effect_locally() {
    let cpu = ("--cpu", "cpu", json!("2"));
    let env = ("--env", "env", json!({"A": "b"}));
    let package = ("Cargo.toml", "gpus", json!(1));
    let local = resolve(&[cpu.clone(), env, package]).unwrap();
    assert_eq!(local.without_effect(), ["--cpu"]);
    let pod = resolve(&[("KT_PLACE", "place", json!("kubernetes")), cpu]).unwrap();
    assert_eq!(pod.without_effect(), [""; 0]);
}

#[test]
fn a_manifest_without_the_table_is_an_empty_layer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("Cargo.toml");
    std::fs::write(&path, "[package]\nname = \"kt\"\n").unwrap();
    assert_eq!(manifest(&path, "Cargo.toml", "package").unwrap(), []);
    std::fs::write(
        &path,
        "[package.metadata.kt]\ncpu = 2\nenv = { A = \"b\" }\n",
    )
    .unwrap();
    let layer = manifest(&path, "Cargo.toml", "package").unwrap();
    assert_eq!(layer.len(), 2);
    assert!(
        layer[0]
            .origin
            .ends_with("Cargo.toml [package.metadata.kt]")
    );
    assert_eq!(manifest(&path, "Cargo.toml", "workspace").unwrap(), []);
}

#[test]
fn a_misspelled_variable_is_an_error() {
    let layer = |name: &str| environment(&BTreeMap::from([(name.into(), "1".into())]));
    let error = layer("KT_MEMROY").unwrap_err().to_string();
    assert!(error.contains("did you mean `KT_MEMORY`?"), "{error}");
    for other in [
        "KT_HOME",
        "KT_STATE_TIMEOUT",
        "KT_GPUZ",
        "KT_SOMETHING_ELSE",
    ] {
        assert_eq!(layer(other).unwrap(), [], "{other}");
    }
    assert_eq!(layer("KT_CPU").unwrap()[0].origin, "KT_CPU");
}

/// Checks the tables of `docs/options.md`. To regenerate them, run `KT_WRITE_DOCS=1 cargo test -p
/// kt-cli --lib options_page`.
#[test]
fn the_options_page_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/options.md");
    let Some(page) = workspace_file("docs/options.md") else {
        return;
    };
    let mut written = page.clone();
    for group in [Group::Service, Group::Pod, Group::Cluster] {
        let mut table =
            String::from("| option | value | default | description |\n|---|---|---|---|\n");
        for option in OPTIONS.iter().filter(|it| it.group == group) {
            let default = match (option.local_default(), option.default) {
                (_, "") => String::new(),
                (None, default) => format!("`{default}`"),
                (Some(local), default) => {
                    format!("`{local}` locally, `{default}` in a cluster")
                }
            };
            let row = format!(
                "| `{}` | {} | {default} | {} |\n",
                option.name,
                value::expected(option),
                option.help
            );
            table.push_str(&row);
        }
        let (begin, end) = (
            format!("<!-- {group:?} -->\n"),
            format!("<!-- end of {group:?} -->"),
        );
        let (before, rest) = written.split_once(&begin).unwrap();
        let (_, after) = rest.split_once(&end).unwrap();
        written = format!("{before}{begin}{table}{end}{after}");
    }
    if std::env::var_os("KT_WRITE_DOCS").is_some() {
        std::fs::write(path, &written).unwrap();
        return;
    }
    assert_eq!(
        page, written,
        "docs/options.md is outdated: run with KT_WRITE_DOCS=1"
    );
}
