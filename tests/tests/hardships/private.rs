//! States that hold a type of the program in private, untyped memory of a third-party crate.

use tests::Project;

use crate::{ask, build, with, write};

/// A `Dispatch` has a private `dyn Subscriber`. Its functions compare a `TypeId` that nobody sees in it.
fn program(ty: &str, value: &str, number: &str, more: &str) -> String {
    format!(
        "use tracing::{{Event, Metadata, Subscriber, span::{{Attributes, Id, Record}}}};
pub struct Item {{ pub a: {ty} }}
impl Subscriber for Item {{
    fn enabled(&self, _: &Metadata<'_>) -> bool {{ false }}
    fn new_span(&self, _: &Attributes<'_>) -> Id {{ Id::from_u64(1) }}
    fn record(&self, _: &Id, _: &Record<'_>) {{}}
    fn record_follows_from(&self, _: &Id, _: &Id) {{}}
    fn event(&self, _: &Event<'_>) {{}}
    fn enter(&self, _: &Id) {{}}
    fn exit(&self, _: &Id) {{}}
    fn clone_span(&self, _: &Id) -> Id {{ Id::from_u64(self.a{number} as u64) }}
}}
#[kt::state]
static ALL: std::sync::Mutex<Vec<tracing::Dispatch>> = std::sync::Mutex::new(Vec::new());
{more}
pub fn answer(words: &[&str]) -> String {{
    let mut all = ALL.lock().unwrap();
    all.push(tracing::Dispatch::new(Item {{ a: {value} }}));
    let number = |it: &tracing::Dispatch| it.clone_span(&Id::from_u64(1)).into_u64();
    let found = all.iter().map(|it| format!(\"{{}} {{}}\", number(it), it.downcast_ref::<Item>().is_some()));
    found.collect::<Vec<_>>().join(\", \")
}}\n"
    )
}

fn edit(project: &Project, ty: &str, value: &str, number: &str, more: &str) {
    write(project, &program(ty, value, number, more));
}

#[test]
fn a_value_in_private_parts_outlives_a_changed_type_and_is_not_taken_for_it() {
    let project = with(&program("[u64; 3]", "[7, 8, 9]", "[0]", ""));
    assert_eq!(ask(&project, "one"), "7 true");
    edit(&project, "String", "\"text\".into()", ".len()", "");
    build(&project)
        .success()
        .says("kept below::COUNT, hardships::states::ALL");
    assert_eq!(ask(&project, "two"), "7 false, 4 true");
    edit(&project, "u32", "1_065_353_216", "", "");
    assert_eq!(ask(&project, "three"), "7 false, 4 false, 1065353216 true");
    edit(&project, "f32", "2.0", "", "");
    assert_eq!(
        ask(&project, "four"),
        "7 false, 4 false, 1065353216 false, 2 true"
    );
}

#[test]
fn it_is_reset_where_the_program_has_unsafe_code() {
    let more = "pub fn first(all: &[u8]) -> u8 { unsafe { *all.get_unchecked(0) } }";
    let project = with(&program("u32", "1", "", more));
    assert_eq!(ask(&project, "one"), "1 true");
    edit(&project, "u32", "2", "", more);
    assert_eq!(ask(&project, "two"), "1 true, 2 true");
    edit(&project, "f32", "3.0", "", more);
    assert_eq!(ask(&project, "three"), "3 true");
    // What no code may cast any more may have been cast before.
    edit(&project, "f32", "4.0", "", "");
    build(&project)
        .success()
        .says("no longer has `unsafe` code");
    assert_eq!(ask(&project, "four"), "4 true");
}
