//! Types whose own code is not to be trusted.

use crate::{ask, build, driver, with, write};

/// Two states beside the one that misbehaves: nothing may become of them when it does.
fn program(items: &str, ty: &str, initial: &str, answer: &str) -> String {
    format!(
        r#"
use std::sync::Mutex;
use serde::{{Deserialize, Serialize, Deserializer, Serializer, de::Error as _, ser::Error as _}};

#[kt::state]
static A_FIRST: Mutex<NUMBER> = Mutex::new(0);
#[kt::state]
static SUBJECT: Mutex<{ty}> = Mutex::new({initial});
#[kt::state]
static Z_LAST: Mutex<NUMBER> = Mutex::new(0);

{items}

pub fn answer(words: &[&str]) -> String {{
    if let ["fill"] = words {{
        *A_FIRST.lock().unwrap() = 1;
        *Z_LAST.lock().unwrap() = 2;
    }}
    let subject = {{ {answer} }};
    format!("{{}} {{subject}} {{}}", A_FIRST.lock().unwrap(), Z_LAST.lock().unwrap())
}}
"#
    )
}

/// A type that fails on its way refuses the whole swap with this reason, and leaves everything as it was.
#[track_caller]
fn refuses(items: &str, reason: &str) {
    let answer =
        r#"if let ["fill"] = words { SUBJECT.lock().unwrap().0 = 3; } SUBJECT.lock().unwrap().0"#;
    let program = program(items, "Liar", "Liar(0)", answer);
    let project = with(&program.replace("NUMBER", "u32"));
    let mut old = driver(&project);
    assert_eq!(old.ask("fill"), "1 3 2");
    let new = program
        .replace("NUMBER", "u64")
        .replace("Liar(u64)", "Liar(u64, [u8; 0], u8)")
        .replace("Liar(0)", "Liar(0, [], 0)");
    write(&project, &new);
    for _ in 0..2 {
        build(&project)
            .code(101)
            .says("state `hardships::states::SUBJECT` could not be migrated")
            .says(reason);
        assert_eq!(old.ask("look"), "1 3 2");
    }
    old.finish().success();
}

#[test]
fn what_is_encoded_and_cannot_be_decoded_refuses() {
    refuses(
        "pub struct Liar(u64);
         impl Serialize for Liar { fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> { to.serialize_str(\"three\") } }
         impl<'de> Deserialize<'de> for Liar { fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> { u64::deserialize(from)?; Err(D::Error::custom(\"never\")) } }",
        "invalid type: string \"three\", expected u64",
    );
}

#[test]
fn a_panic_in_serialize_refuses() {
    refuses(
        "pub struct Liar(u64);
         impl Serialize for Liar { fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> { panic!(\"not today\") } }
         impl<'de> Deserialize<'de> for Liar { fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> { Err(D::Error::custom(\"never\")) } }",
        "its `Serialize` panicked: not today",
    );
}

#[test]
fn a_panic_in_deserialize_refuses() {
    refuses(
        "pub struct Liar(u64);
         impl Serialize for Liar { fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> { to.serialize_u64(self.0) } }
         impl<'de> Deserialize<'de> for Liar { fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> { u64::deserialize(from)?; panic!(\"not today\") } }",
        "its `Deserialize` panicked: not today",
    );
}

#[test]
fn a_deserialize_that_reads_nothing_refuses() {
    refuses(
        "pub struct Liar(u64);
         impl Serialize for Liar { fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> { to.serialize_u64(self.0) } }
         impl<'de> Deserialize<'de> for Liar { fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> { panic_free() } }
         fn panic_free<T, E>() -> Result<T, E> where E: serde::de::Error, T: Empty { Ok(T::empty()) }
         pub trait Empty { fn empty() -> Self; } impl Empty for Liar { fn empty() -> Self { Liar(0) } }",
        "does not read everything that its `Serialize` wrote",
    );
}

#[test]
fn a_serialize_that_says_more_than_it_writes_refuses() {
    refuses(
        "pub struct Liar(u64);
         impl Serialize for Liar { fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> { use serde::ser::SerializeSeq; let mut to = to.serialize_seq(Some(1 << 60))?; to.serialize_element(&1)?; to.end() } }
         impl<'de> Deserialize<'de> for Liar { fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> { <[u64; 2]>::deserialize(from)?; Err(D::Error::custom(\"never\")) } }",
        "invalid length 1, expected an array of length 2",
    );
}

const FUSE: &str = "#[derive(Serialize, Deserialize)] pub struct Fuse { of: u64 }
    impl Drop for Fuse { fn drop(&mut self) { if self.of > 0 { panic!(\"dropped {}\", self.of) } } }
    #[kt::state] static B_FUSES: Mutex<Vec<Fuse>> = Mutex::new(Vec::new());
    #[kt::state] static C_FUSES: Mutex<Vec<Fuse>> = Mutex::new(Vec::new());";
const LIT: &str = r#"
    if let ["fill"] = words {
        for fuses in [&B_FUSES, &C_FUSES] { fuses.lock().unwrap().push(Fuse { of: 7 }) }
        *SUBJECT.lock().unwrap() = 5;
    }
    let all = |fuses: &Mutex<Vec<Fuse>>| fuses.lock().unwrap_or_else(|it| it.into_inner()).iter().map(|fuse| fuse.of).sum::<u64>();
    format!("{} {} {}", all(&B_FUSES), all(&C_FUSES), SUBJECT.lock().unwrap())"#;

#[test]
fn a_drop_that_panics_is_of_no_consequence_to_a_migration() {
    let program = program(FUSE, "u64", "0", LIT).replace("NUMBER", "u64");
    let project = with(&program);
    let mut old = driver(&project);
    assert_eq!(old.ask("fill"), "1 7 7 5 2");
    let (_, worker) = project.processes();
    write(
        &project,
        &program
            .replace(
                "Fuse { of: u64 }",
                "Fuse { #[serde(default)] name: String, of: u64 }",
            )
            .replace("Fuse { of: 7 }", "Fuse { name: String::new(), of: 7 }"),
    );
    build(&project)
        .success()
        .says("Migrated hardships::states::B_FUSES")
        .says("Migrated hardships::states::C_FUSES");
    assert_eq!(ask(&project, "look"), "1 7 7 5 2");
    assert_eq!(project.processes().1.pid, worker.pid);
    old.finish().success();
}

#[test]
fn a_drop_that_panics_is_of_no_consequence_to_a_refusal() {
    let program = program(FUSE, "u64", "0", LIT).replace("NUMBER", "u64");
    let project = with(&program);
    let mut old = driver(&project);
    assert_eq!(old.ask("fill"), "1 7 7 5 2");
    let (_, worker) = project.processes();
    // Both are migrated already when the subject is refused, and their new values are dropped.
    let new = program
        .replace(
            "Fuse { of: u64 }",
            "Fuse { #[serde(default)] name: String, of: u64 }",
        )
        .replace("Fuse { of: 7 }", "Fuse { name: String::new(), of: 7 }");
    write(
        &project,
        &new.replace(
            "SUBJECT: Mutex<u64> = Mutex::new(0)",
            "SUBJECT: Mutex<bool> = Mutex::new(false)",
        )
        .replace(
            "*SUBJECT.lock().unwrap() = 5",
            "*SUBJECT.lock().unwrap() = true",
        ),
    );
    build(&project)
        .code(101)
        .says("state `hardships::states::SUBJECT` could not be migrated")
        .says("invalid type: integer `5`, expected a boolean");
    assert_eq!(old.ask("look"), "1 7 7 5 2");
    assert_eq!(project.processes().1.pid, worker.pid);
    old.finish().success();
}
