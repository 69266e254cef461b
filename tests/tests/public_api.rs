//! A program that compiles under `cargo kt run` compiles under plain cargo too: kt-runtime has the same public items, and
//! implements the same traits for them, in both builds.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;
use tests::{checkout, clean_environment};

/// What rustdoc finds public, one line for each item: its kind, its name, its signature.
fn public_api(build: &str, flags: &str) -> BTreeSet<String> {
    let target = checkout().join("target/public-api").join(build);
    let mut command = Command::new("cargo");
    clean_environment(&mut command);
    let output = command
        .args(["rustdoc", "--quiet", "--package", "kt-runtime", "--lib"])
        .arg("--target-dir")
        .arg(&target)
        .args(["--", "-Zunstable-options", "--output-format", "json"])
        .args(flags.split_whitespace())
        // The JSON is not stable, which matters to nobody who compares two of it.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", flags)
        .current_dir(checkout())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = std::fs::read(target.join("doc/kt.json")).expect("rustdoc wrote it");
    let documentation: Value = serde_json::from_slice(&text).expect("it is JSON");
    let items = documentation["index"].as_object().expect("it has items");
    items
        .values()
        .filter(|item| item["crate_id"] == 0)
        // Those of other crates' traits for everything.
        .filter(|item| item["inner"]["impl"]["blanket_impl"].is_null())
        .map(|item| {
            let mut inner = item["inner"].clone();
            without_ids(&mut inner);
            format!("{} {inner}", item["name"])
        })
        .collect()
}

/// Takes out what numbers other items: two builds number differently.
fn without_ids(value: &mut Value) {
    match value {
        Value::Array(values) => {
            values.retain(|value| !value.is_number());
            values.iter_mut().for_each(without_ids);
        }
        Value::Object(fields) => {
            fields.retain(|name, value| !(name == "id" && value.is_number()));
            fields.values_mut().for_each(without_ids);
        }
        _ => {}
    }
}

#[test]
fn kt_runtime_has_the_same_public_api_under_cargo_and_under_cargo_kt() {
    let plain = public_api("plain", "");
    let kt = public_api("kt", "--cfg kt");
    assert!(plain.iter().any(|item| item.starts_with("\"Call\"")));
    let more: Vec<_> = kt.difference(&plain).collect();
    let less: Vec<_> = plain.difference(&kt).collect();
    assert!(
        more.is_empty() && less.is_empty(),
        "only under cargo kt: {more:#?}\nonly under cargo: {less:#?}"
    );
}
