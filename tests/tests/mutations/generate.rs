//! Generates sources from the table.

use tests::Project;

use crate::case::{Case, Expected, Module};

/// Which side of the mutations a generation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Before,
    /// The same types; every function has another body.
    Edited,
    After,
}

/// Writes every subject's module and the list of them.
pub fn write(project: &Project, cases: &[Case], side: Side) {
    let mut all = String::from("//! Written by the suite.\n\nuse crate::prelude::Subject;\n\n");
    let mut list = String::new();
    for case in cases {
        let name = &case.name;
        project.write(&format!("app/src/subjects/{name}.rs"), &source(case, side));
        all += &format!("mod {name};\n");
        list += &format!(
            "        Subject {{ name: \"{name}\", fill: {name}::fill, empty: {name}::empty, look: {name}::look }},\n"
        );
    }
    all += &format!("\npub fn all() -> Vec<Subject> {{\n    vec![\n{list}    ]\n}}\n");
    project.write("app/src/subjects/mod.rs", &all);
}

/// Writes the states of the crate that no mutation edits.
pub fn write_unedited(project: &Project, cases: &[Case]) {
    let mut text = String::from(
        "//! Written by the suite.\n\nuse std::{any::Any, sync::Mutex};\n\npub type Held = Mutex<Option<Box<dyn Any + Send>>>;\n",
    );
    for case in cases.iter().filter(|case| case.in_unedited_crate) {
        let (module, state) = (&case.name, case.name.to_uppercase());
        text += &format!(
            "\npub mod {module} {{\n    #[kt::state]\n    pub static {state}: super::Held = super::Held::new(None);\n}}\n"
        );
    }
    project.write("unedited/src/held.rs", &text);
}

fn source(case: &Case, side: Side) -> String {
    let module = match side {
        Side::After => &case.after,
        Side::Before | Side::Edited => &case.before,
    };
    let Module {
        items,
        fill,
        empty,
        look,
        look_empty,
    } = module;
    let unrelated = match side {
        Side::Edited => "let unrelated = [1_u8, 2, 3]; assert!(unrelated.len() == 3);",
        Side::Before | Side::After => "",
    };
    // A refused mutation's value is removed before the final swap.
    let look = match (side, case.expected) {
        (Side::After, Expected::Reset | Expected::Refused) => look_empty,
        _ => look,
    };
    let name = case.name.to_uppercase();
    // The terminal shows the state's name, so each state has its own.
    let named = |text: &str| rename(text, &name);
    format!(
        "//! Written by the suite.\n\nuse crate::prelude::*;\n\n{}\n\npub fn fill() {{\n    {unrelated}\n    {}\n}}\n\npub fn empty() {{\n    {}\n}}\n\n\
         pub fn look() -> (usize, Vec<String>) {{\n    let mut wrong: Vec<String> = Vec::new();\n    {{\n        {}\n    }}\n    (ptr::from_ref(&*{name}) as usize, wrong)\n}}\n",
        named(items),
        named(fill),
        named(empty),
        named(look),
    )
}

/// Replaces each `S` that is a whole identifier by the state's name.
fn rename(text: &str, name: &str) -> String {
    let word = |at: Option<char>| at.is_some_and(|at| at.is_alphanumeric() || at == '_');
    let mut renamed = String::with_capacity(text.len());
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(at) = rest.next() {
        let next = rest.peek().copied();
        let alone = at == 'S' && !word(before) && !word(next);
        match alone {
            true => renamed += name,
            false => renamed.push(at),
        }
        before = Some(at);
    }
    renamed
}
