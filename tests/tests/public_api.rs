//! A program that compiles under `cargo kt run` compiles under plain cargo too: kt-runtime has the
//! same public items, and implements the same traits for them, in both builds.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;
use tests::{checkout, clean_environment};

/// The public items according to rustdoc, one line each: kind, name, signature.
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
        // The JSON format is unstable, which does not matter between outputs of one rustdoc.
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
    let documentation = Documentation(serde_json::from_slice(&text).expect("it is JSON"));
    let reached = documentation.reached();
    let lines = reached
        .iter()
        .filter_map(|id| documentation.line(id, &reached));
    lines.collect()
}

/// rustdoc's JSON: items by number.
struct Documentation(Value);

impl Documentation {
    fn item(&self, id: &str) -> Option<&Value> {
        self.0["index"].get(id)
    }

    /// The items reachable from the crate's root, with their implementations, without hidden ones.
    fn reached(&self) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut pending = vec![self.0["root"].to_string()];
        while let Some(id) = pending.pop() {
            let Some(item) = self.item(&id).filter(|item| item["crate_id"] == 0) else {
                continue;
            };
            if !reached.insert(id) {
                continue;
            }
            let inner = item["inner"].as_object().into_iter().flatten();
            for (kind, inner) in inner {
                if kind == "use" {
                    pending.push(inner["id"].to_string());
                }
                let kinds = [
                    &inner["kind"],
                    &inner["kind"]["plain"],
                    &inner["kind"]["struct"],
                ];
                let lists = ["items", "impls", "variants"].map(|list| &inner[list]);
                let fields = kinds.map(|kind| &kind["fields"]);
                let tuples = [&inner["kind"]["tuple"]];
                let lists = lists.into_iter().chain(fields).chain(tuples);
                pending.extend(
                    lists
                        .filter_map(Value::as_array)
                        .flatten()
                        .map(Value::to_string),
                );
            }
        }
        reached
    }

    /// One item's kind, name and signature. `None` for blanket implementations, and for traits with
    /// types that no other crate can name.
    fn line(&self, id: &str, reached: &BTreeSet<String>) -> Option<String> {
        let item = self.item(id)?;
        let implementation = &item["inner"]["impl"];
        let mut arguments = Vec::new();
        ids(&implementation["trait"]["args"], &mut arguments);
        let is_ours = |id: &String| self.item(id).is_some_and(|item| item["crate_id"] == 0);
        let is_internal = arguments
            .iter()
            .any(|id| is_ours(id) && !reached.contains(id));
        if !implementation["blanket_impl"].is_null() || is_internal {
            return None;
        }
        let mut inner = item["inner"].clone();
        without_ids(&mut inner);
        Some(format!("{} {inner}", item["name"]))
    }
}

/// The ids of all types in a value.
fn ids(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| ids(value, found)),
        Value::Object(fields) => {
            found.extend(fields.get("id").map(Value::to_string));
            fields.values().for_each(|value| ids(value, found));
        }
        _ => {}
    }
}

/// Removes the ids of other items, which differ between builds.
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
