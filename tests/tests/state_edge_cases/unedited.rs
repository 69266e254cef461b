//! States of unedited crates that hold values of edited types.

use tests::Project;

use crate::{ask, with, write};

const ITEM: &str = "#[derive(Debug)] pub struct Item { pub a: TYPE }\npub fn make() -> Item { Item { a: VALUE } }\n";

fn item(ty: &str, value: &str) -> String {
    ITEM.replace("TYPE", ty).replace("VALUE", value)
}

/// A program that increments a state of the crate `below`.
fn program(ty: &str, value: &str) -> String {
    format!(
        "{}\npub fn answer(arguments: &[&str]) -> String {{
    *below::COUNT.lock().unwrap() += 1;
    let mut all = below::ANY.lock().unwrap();
    all.push(Box::new(make()));
    let seen: Vec<String> = all.iter().map(|it| format!(\"{{:?}}\", it.downcast_ref::<Item>().map(|it| &it.a))).collect();
    format!(\"{{}} {{}}\", below::COUNT.lock().unwrap(), seen.join(\" \"))
}}\n",
        item(ty, value)
    )
}

fn erased() -> Project {
    let project = with(&program("[u64; 3]", "[7, 8, 9]"));
    project.append(
        "below/src/lib.rs",
        "\n#[kt::state]\npub static ANY: Mutex<Vec<Box<dyn std::any::Any + Send>>> = Mutex::new(Vec::new());\n",
    );
    project
}

#[test]
fn erased_value_is_never_read_as_its_changed_type() {
    let project = erased();
    assert_eq!(ask(&project, "one"), "1 Some([7, 8, 9])");
    assert_eq!(ask(&project, "two"), "2 Some([7, 8, 9]) Some([7, 8, 9])");
    // A pointer in place of numbers, back, then floats of the same size: the first values are not
    // found again.
    write(&project, &program("String", "\"text\".into()"));
    assert_eq!(ask(&project, "three"), "3 Some(\"text\")");
    write(&project, &program("[u64; 3]", "[1, 2, 3]"));
    assert_eq!(ask(&project, "four"), "4 Some([1, 2, 3])");
    write(&project, &program("[f64; 3]", "[0.5, 0.5, 0.5]"));
    assert_eq!(ask(&project, "five"), "5 Some([0.5, 0.5, 0.5])");
    // With unchanged types the value stays.
    write(&project, &program("[f64; 3]", "[1.5, 1.5, 1.5]"));
    assert_eq!(
        ask(&project, "six"),
        "6 Some([0.5, 0.5, 0.5]) Some([1.5, 1.5, 1.5])"
    );
}

#[test]
fn running_call_of_old_code_keeps_its_value() {
    let project = erased();
    let slow = |ty: &str, value: &str| {
        program(ty, value).replace(
            "    *below::COUNT",
            "    if arguments == [\"wait\"] {
        below::ANY.lock().unwrap().push(Box::new(make()));
        below::WAITS.wait();
        below::WAITS.wait();
        return format!(\"{:?}\", below::ANY.lock().unwrap()[0].downcast_ref::<Item>().map(|it| &it.a));
    }
    if arguments == [\"meet\"] {
        below::WAITS.wait();
        return \"met\".into();
    }
    *below::COUNT",
        )
    };
    project.append(
        "below/src/lib.rs",
        "\n#[kt::state]\npub static WAITS: std::sync::LazyLock<std::sync::Barrier> = std::sync::LazyLock::new(|| std::sync::Barrier::new(2));\n",
    );
    write(&project, &slow("[u64; 3]", "[7, 8, 9]"));
    let mut first = crate::driver(&project);
    first.send("wait");
    assert_eq!(ask(&project, "meet"), "met");
    write(&project, &slow("String", "\"text\".into()"));
    assert_eq!(ask(&project, "one"), "1 Some(\"text\")");
    assert_eq!(ask(&project, "meet"), "met");
    assert_eq!(first.wait_for("wait: "), "wait: Some([7, 8, 9])");
    first.finish().success();
}

#[test]
fn reference_to_a_changed_type_in_an_unedited_crate_is_reset() {
    let project = with(
        "pub fn answer(arguments: &[&str]) -> String {
    let mut last = between::LAST.lock().unwrap();
    let seen = format!(\"{:?}\", last.map(|it| &it.a));
    *last = Some(Box::leak(Box::new(below::make())));
    seen
}\n",
    );
    let below = project.read("below/src/lib.rs");
    let of = |ty: &str, value: &str| format!("{below}\n{}", item(ty, value));
    project.write("below/src/lib.rs", &of("[u64; 3]", "[7, 8, 9]"));
    project.write(
        "between/Cargo.toml",
        "[package]\nname = \"between\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\nbelow = { path = \"../below\" }\nkt-runtime.workspace = true\n",
    );
    project.write(
        "between/src/lib.rs",
        "#[kt::state]\npub static LAST: std::sync::Mutex<Option<&'static below::Item>> = std::sync::Mutex::new(None);\n",
    );
    project.edit(
        "Cargo.toml",
        "below = {",
        "between = { path = \"between\" }\nbelow = {",
    );
    assert_eq!(ask(&project, "one"), "None");
    assert_eq!(ask(&project, "two"), "Some([7, 8, 9])");
    project.write("below/src/lib.rs", &of("String", "\"text\".into()"));
    assert_eq!(ask(&project, "three"), "None");
    assert_eq!(ask(&project, "four"), "Some(\"text\")");
}

/// A program that puts its type into a map by `TypeId`. The map is not a `#[kt::state]`, and its
/// crate is not edited.
fn by_type_id(map: &str, ty: &str, value: &str) -> String {
    format!(
        "{}\npub fn answer(arguments: &[&str]) -> String {{\n{map}}}\n",
        item(ty, value)
    )
}

/// Returns the value under the type and the number of entries, and inserts a value if there is
/// none.
const IN_A_STATIC: &str = "
    let mut all = below::REG.lock().unwrap();
    let found = all.get(&std::any::TypeId::of::<Item>()).and_then(|it| it.downcast_ref::<Item>());
    let found = found.map(|it| format!(\"{:?}\", it.a));
    all.entry(std::any::TypeId::of::<Item>()).or_insert_with(|| Box::new(make()));
    format!(\"{found:?} of {}\", all.len())
";

/// The same in the extensions of a span, in a subscriber that a third-party crate's static holds.
const IN_THE_BASE: &str = "
    use tracing_subscriber::{Registry, registry::LookupSpan};
    if tracing::dispatcher::has_been_set() == false {
        tracing::subscriber::set_global_default(Registry::default()).unwrap();
    }
    let id = *below::SPAN.get_or_init(|| {
        let span = tracing::error_span!(\"kept\");
        let id = span.id().unwrap().into_u64();
        std::mem::forget(span);
        id
    });
    tracing::dispatcher::get_default(|dispatch| {
        let registry = dispatch.downcast_ref::<Registry>().unwrap();
        let span = registry.span(&tracing::span::Id::from_u64(id)).unwrap();
        let found = span.extensions().get::<Item>().map(|it| format!(\"{:?}\", it.a));
        if found.is_none() {
            span.extensions_mut().insert(make());
        }
        format!(\"{found:?}\")
    })
";

/// Edits the type and asks for the map's value under it: code finds its own values, and never those
/// of code with another type.
#[track_caller]
fn never_found_as_another_type(below: &str, map: &str, answers: [&str; 5]) {
    let project = with(&by_type_id(map, "[u64; 3]", "[7, 8, 9]"));
    project.append("below/src/lib.rs", below);
    let look = |arguments: &str, ty: &str, value: &str| {
        write(&project, &by_type_id(map, ty, value));
        ask(&project, arguments)
    };
    let seen = [
        look("one", "[u64; 3]", "[7, 8, 9]"),
        // Another body does not change the type.
        look("two", "[u64; 3]", "[1, 1, 1]"),
        // A pointer in place of numbers, and of one size a float in place of an integer.
        look("three", "String", "\"text\".into()"),
        look("four", "u32", "1_065_353_216"),
        look("five", "f32", "0.5"),
    ];
    assert_eq!(seen, answers);
}

#[test]
fn static_of_an_unedited_crate_never_returns_a_changed_type() {
    never_found_as_another_type(
        "\npub static REG: Mutex<std::collections::BTreeMap<std::any::TypeId, Box<dyn std::any::Any + Send>>> = Mutex::new(std::collections::BTreeMap::new());\n",
        IN_A_STATIC,
        [
            "None of 1",
            "Some(\"[7, 8, 9]\") of 1",
            "None of 2",
            "None of 3",
            "None of 4",
        ],
    );
}

#[test]
fn third_party_type_map_never_returns_a_changed_type() {
    never_found_as_another_type(
        "\n#[kt::state]\npub static SPAN: std::sync::OnceLock<u64> = std::sync::OnceLock::new();\n",
        IN_THE_BASE,
        ["None", "Some(\"[7, 8, 9]\")", "None", "None", "None"],
    );
}
