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

fn origin<'a>(config: &'a Config, name: &str) -> &'a str {
    let found = config
        .options
        .iter()
        .find(|(option, _)| option.name == name);
    &found.unwrap().1.origin
}

#[test]
fn every_default_is_what_its_option_takes() {
    let config = resolve(&[]).unwrap();
    for (option, resolved) in &config.options {
        if !resolved.value.is_null() {
            value::check(option, &resolved.value, "default").unwrap();
        }
    }
    assert_eq!(config.service.place, PlaceKind::Local);
    assert_eq!(config.service.inactivity_ttl.as_secs(), 600);
    assert_eq!(config.service.launch_timeout.as_secs(), 60);
    assert_eq!(config.service.user, Some(65532));
    assert!(!config.is_set("cpu"));
}

#[test]
fn later_layers_stand_and_maps_grow() {
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
fn what_is_unknown_is_answered_with_the_nearest() {
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
fn values_out_of_range_say_what_the_option_takes() {
    for (name, value, says) in [
        ("cpu", json!("two"), "an amount above zero"),
        ("memory", json!("2GB"), "an amount above zero"),
        ("replicas", json!(2), "nothing but 1 for now"),
        ("gpus", json!(-1), "a whole number from 0"),
        ("place", json!("aws"), "local, or kubernetes"),
        ("inactivity_ttl", json!("soon"), "a time such as"),
        ("inactivity_ttl", json!("0s"), "more than nothing"),
        ("name", json!("Not a label"), "letters a-z"),
        ("name", json!("x".repeat(58)), "57 at most"),
        ("name", json!("x".repeat(64)), "up to 63"),
        ("keep", json!("yes"), "true or false"),
        ("user", json!("bob"), "a user's number"),
        ("secrets", json!([{"name": "db"}]), "what `db` is for"),
        (
            "secrets",
            json!([{"name": "db", "evn": true}]),
            "unknown field `evn`",
        ),
        (
            "volumes",
            json!([{"name": "a", "mount": "/kt/data", "claim": "c"}]),
            "/kt is ours",
        ),
        (
            "volumes",
            json!([{"name": "a", "mount": "data", "claim": "c"}]),
            "no absolute path",
        ),
        (
            "volumes",
            json!([{"name": "a", "mount": "/a"}]),
            "one of `claim`",
        ),
        (
            "volumes",
            json!([{"name": "a", "mount": "/a", "empty_dir": "much"}]),
            "no amount",
        ),
    ] {
        let error = resolve(&[("here", name, value.clone())])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(says) && error.contains("here"),
            "{name} = {value}: {error}"
        );
    }
}

#[test]
fn flags_and_variables_are_read_by_what_their_options_take() {
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
fn a_manifest_without_the_table_is_an_empty_layer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("Cargo.toml");
    std::fs::write(&path, "[package]\nname = \"kt\"\n").unwrap();
    assert_eq!(manifest(&path, "package").unwrap(), []);
    std::fs::write(
        &path,
        "[package.metadata.kt]\ncpu = 2\nenv = { A = \"b\" }\n",
    )
    .unwrap();
    let layer = manifest(&path, "package").unwrap();
    assert_eq!(layer.len(), 2);
    assert!(
        layer[0]
            .origin
            .ends_with("Cargo.toml [package.metadata.kt]")
    );
    assert_eq!(manifest(&path, "workspace").unwrap(), []);
}
