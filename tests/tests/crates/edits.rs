//! Typical edits of a workspace, each applied to all of its crates, one after the other.

use tests::Project;

/// One step.
pub struct Edit {
    pub name: &'static str,
    pub apply: fn(&Project),
}

const LIBRARIES: [&str; 6] = ["models", "world", "store", "web", "shapes", "caches"];

fn append_to_all(project: &Project, text: &str) {
    for library in LIBRARIES {
        project.append(&format!("{library}/src/lib.rs"), text);
    }
    project.append("app/src/main.rs", text);
}

pub const EDITS: &[Edit] = &[
    Edit {
        name: "a body",
        apply: bodies,
    },
    Edit {
        name: "a const's value",
        apply: constants,
    },
    Edit {
        name: "a use line",
        apply: |project| append_to_all(project, "\nuse std::collections::VecDeque as _;\n"),
    },
    Edit {
        name: "a new const and a new static",
        apply: |project| {
            append_to_all(
                project,
                "\npub const EXTRA: u64 = 7;\npub static TOTAL: std::sync::atomic::AtomicU64 = \
                 std::sync::atomic::AtomicU64::new(EXTRA);\n",
            );
        },
    },
    Edit {
        name: "a new mod",
        apply: |project| {
            append_to_all(
                project,
                "\npub mod more {\n    pub fn one() -> u32 {\n        1\n    }\n}\n",
            );
        },
    },
    Edit {
        name: "an attribute and an alias",
        apply: attributes,
    },
    Edit {
        name: "an unrelated new type",
        apply: |project| {
            append_to_all(
                project,
                "\n#[derive(Debug, Clone, Default)]\npub struct Unrelated {\n    pub a: String,\n}\n",
            );
        },
    },
    Edit {
        name: "a derive on an unrelated type",
        apply: |project| {
            for file in LIBRARIES.map(|library| format!("{library}/src/lib.rs")) {
                project.edit(
                    &file,
                    "#[derive(Debug, Clone, Default)]",
                    "#[derive(Debug, Clone, Default, PartialEq)]",
                );
            }
        },
    },
    Edit {
        name: "a field of an unrelated type",
        apply: |project| {
            for file in LIBRARIES.map(|library| format!("{library}/src/lib.rs")) {
                project.edit(&file, "    pub a: String,\n", "    pub a: [u64; 3],\n");
            }
        },
    },
    Edit {
        name: "a new implementation",
        apply: implementation,
    },
    Edit {
        name: "a field more in types with serde",
        apply: fields_with_serde,
    },
    Edit {
        name: "a field more in types without serde",
        apply: fields_without_serde,
    },
    Edit {
        name: "cargo add",
        apply: |project| {
            let added = project.plain_cargo(["add", "--package", "models", "arrayref@0.3"]);
            added.success();
        },
    },
];

fn bodies(project: &Project) {
    for (file, from, to) in [
        ("models", "1::<f64>()?[0])", "1::<f64>()?[0] + 1.0)"),
        ("world", "+= STEP;", "+= STEP + 1;"),
        ("store", "i64::from(FEE))", "i64::from(FEE) + 1)"),
        ("web", "FACTOR.into()", "(FACTOR + 1).into()"),
        ("shapes", "(number) * WEIGHT", "(number) * WEIGHT + 1"),
        ("caches", "found.min(LIMIT)", "found.min(LIMIT) + 1"),
    ] {
        project.edit(&format!("{file}/src/lib.rs"), from, to);
    }
    project.edit("app/src/main.rs", "number * 2", "number * 3");
    project.edit("app/src/main.rs", "3 * self.radius", "4 * self.radius");
}

fn constants(project: &Project) {
    for (file, from, to) in [
        ("models", "RATE: f64 = 0.5", "RATE: f64 = 0.25"),
        ("world", "STEP: i32 = 3", "STEP: i32 = 5"),
        ("store", "FEE: u32 = 5", "FEE: u32 = 6"),
        ("web", "FACTOR: i64 = 10", "FACTOR: i64 = 20"),
        ("shapes", "WEIGHT: i64 = 1", "WEIGHT: i64 = 2"),
        ("caches", "LIMIT: u32 = 100", "LIMIT: u32 = 2"),
    ] {
        project.edit(&format!("{file}/src/lib.rs"), from, to);
    }
}

fn attributes(project: &Project) {
    for library in LIBRARIES {
        let file = format!("{library}/src/lib.rs");
        project.append(&file, "\npub type Number = u64;\n");
        project.edit(&file, "    pub fn one()", "    #[inline]\n    pub fn one()");
    }
}

/// Adds a plugin and a shape to the registries, in a new module.
fn implementation(project: &Project) {
    project.write(
        "app/src/more_shapes.rs",
        "use serde::{Deserialize, Serialize};\n\n\
         inventory::submit! { shapes::Plugin { name: \"square\", run: |number| number * number } }\n\n\
         #[derive(Serialize, Deserialize)]\npub struct Strip {\n    pub length: i64,\n}\n\n\
         #[typetag::serde]\nimpl shapes::Shape for Strip {\n    fn area(&self) -> i64 {\n        self.length\n    }\n}\n",
    );
    let main = "app/src/main.rs";
    project.append(main, "\nmod more_shapes;\n");
    project.edit(
        main,
        "\"word_count\":",
        "\"strip\": shapes::area_of(Box::new(more_shapes::Strip { length: 11 })).await?,\n        \"word_count\":",
    );
}

fn fields_with_serde(project: &Project) {
    let store = "store/src/lib.rs";
    project.edit(
        store,
        "    pub paid: bool,\n",
        "    pub paid: bool,\n    #[serde(default)]\n    pub gift: bool,\n",
    );
    project.edit(
        "app/src/main.rs",
        "paid: true,\n",
        "paid: true,\n        gift: true,\n",
    );
    let caches = "caches/src/lib.rs";
    project.edit(
        caches,
        "    times: u32,\n",
        "    times: u32,\n    #[serde(default)]\n    last: u64,\n",
    );
    project.edit(caches, "Count { times: 0 }", "Count { times: 0, last: 0 }");
    project.edit(
        "shapes/src/lib.rs",
        "    side: i64,\n}",
        "    side: i64,\n    #[serde(default)]\n    colors: Vec<String>,\n}",
    );
}

fn fields_without_serde(project: &Project) {
    let models = "models/src/lib.rs";
    project.edit(
        models,
        "    uses: u32,\n}",
        "    uses: u32,\n    name: String,\n}",
    );
    project.edit(
        models,
        "Model { weight, uses: 0 }",
        "Model { weight, uses: 0, name: \"m\".to_owned() }",
    );
    let world = "world/src/lib.rs";
    project.edit(world, "    x: i32,\n}", "    x: i32,\n    y: i64,\n}");
    project.edit(world, "Position { x: from }", "Position { x: from, y: 1 }");
}
