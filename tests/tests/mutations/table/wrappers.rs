//! Wrapped and unwrapped values, generic parameters, types that move.

use super::{migrated, refused, survives};
use crate::case::Shape;

const AB: &str = "@pub struct T { a: u64, b: String }";
const AB_VALUE: &str = "T { a: p64(s, 1), b: text(s, 2) }";
const A: &str = "v.a == p64(s, 1)";
const B: &str = "v.b == text(s, 2)";

pub fn shapes() -> Vec<Shape> {
    vec![
        survives("newtype_wrapped", "@pub struct T { a: u64, b: String }", AB_VALUE, "@pub struct Id(u64); @pub struct T { a: Id, b: String }", &["v.a.0 == p64(s, 1)", B]),
        survives("newtype_unwrapped", "@pub struct Id(u64); @pub struct T { a: Id, b: String }", "T { a: Id(p64(s, 1)), b: text(s, 2) }", AB, &[A, B]),
        survives("newtype_of_the_whole", "@pub struct In { a: u64, b: String } pub type T = In;", "In { a: p64(s, 1), b: text(s, 2) }",
            "@pub struct In { a: u64, b: String } @pub struct T(In);", &["v.0.a == p64(s, 1)", "v.0.b == text(s, 2)"]),
        migrated("transparent_with_a_name", "pub type T = u32;", "p32(s, 1)", "@ #[serde(transparent)] pub struct T { a: u64 }", &["v.a == u64::from(p32(s, 1))"]),
        refused("value_to_struct", "pub type T = u64;", "p64(s, 1)", "@pub struct T { a: u64 }"),
        migrated("boxed", AB, AB_VALUE, "@pub struct T { a: Box<u64>, b: Box<String> }", &["*v.a == p64(s, 1)", "*v.b == text(s, 2)"]),
        migrated("unboxed", "@pub struct T { a: Box<u64>, b: Box<String> }", "T { a: Box::new(p64(s, 1)), b: Box::new(text(s, 2)) }", AB, &[A, B]),
        migrated("put_into_arcs", AB, AB_VALUE, "@pub struct T { a: Arc<u64>, b: Arc<String> }", &["*v.a == p64(s, 1)", "*v.b == text(s, 2)"]),
        migrated("taken_out_of_arcs", "@pub struct T { a: Arc<u64>, b: Arc<str> }", "T { a: Arc::new(p64(s, 1)), b: text(s, 2).into() }", AB, &[A, B]),
        migrated("mutex_inside_to_rwlock", "#[derive(Debug, Serialize, Deserialize)] pub struct T { a: Mutex<u64>, b: String }", "T { a: p64(s, 1).into(), b: text(s, 2) }",
            "#[derive(Debug, Serialize, Deserialize)] pub struct T { a: RwLock<u64>, b: String }", &["*v.a.read().unwrap() == p64(s, 1)", B])
            .before(&["*v.a.lock().unwrap() == p64(s, 1)", B]),
        migrated("number_to_atomic", AB, AB_VALUE, "#[derive(Debug, Serialize, Deserialize)] pub struct T { b: String, a: AtomicU64, c: Option<u8> }", &["v.a.load(Ordering::Relaxed) == p64(s, 1)", B]),
        migrated("atomic_to_number", "#[derive(Debug, Serialize, Deserialize)] pub struct T { a: AtomicU64, b: String }", "T { a: p64(s, 1).into(), b: text(s, 2) }",
            "@pub struct T { b: String, a: u64, c: Option<u8> }", &[A, B]).before(&["v.a.load(Ordering::Relaxed) == p64(s, 1)", B]),
        migrated("generic_parameter_widened", "@pub struct G<X> { x: X, n: u32 } pub type T = G<u32>;", "G { x: p32(s, 1), n: p32(s, 2) }",
            "@pub struct G<X> { x: X, n: u32 } pub type T = G<u64>;", &["v.x == u64::from(p32(s, 1))", "v.n == p32(s, 2)"]),
        refused("generic_parameter_of_another_kind", "@pub struct G<X> { x: X, n: u32 } pub type T = G<u64>;", "G { x: p64(s, 1), n: p32(s, 2) }",
            "@pub struct G<X> { x: X, n: u32 } pub type T = G<String>;"),
        migrated("const_parameter_changed_without_effect", "@pub struct G<const N: usize> { x: u64 } pub type T = G<1>;", "G { x: p64(s, 1) }",
            "@pub struct G<const N: usize> { x: u64 } pub type T = G<2>;", &["v.x == p64(s, 1)"]),
        migrated("phantom_parameter_changed", "@pub struct Km; @pub struct Mile; @pub struct G<U> { x: u64, of: PhantomData<U> } pub type T = G<Km>;", "G { x: p64(s, 1), of: PhantomData }",
            "@pub struct Km; @pub struct Mile; @pub struct G<U> { x: u64, of: PhantomData<U> } pub type T = G<Mile>;", &["v.x == p64(s, 1)"]),
        migrated("phantom_added", "@pub struct T { a: u64, b: String }", AB_VALUE, "@pub struct T { a: u64, b: String, #[serde(default)] of: PhantomData<u8> }", &[A, B]),
        migrated("recursive_type_gains_a_field", "@pub struct T { a: u64, next: Option<Box<T>> }", "T { a: p64(s, 1), next: Some(Box::new(T { a: p64(s, 2), next: None })) }",
            "@pub struct T { #[serde(default)] new: u32, next: Option<Box<T>>, a: u64 }", &[A, "v.next.as_ref().unwrap().a == p64(s, 2)", "v.next.as_ref().unwrap().next.is_none()"]),
        migrated("tree_gains_a_field", "@pub struct T { a: u64, under: Vec<T> }", "T { a: p64(s, 1), under: (2..5).map(|f| T { a: p64(s, f), under: vec![] }).collect() }",
            "@pub struct T { a: u64, under: VecDeque<T>, name: Option<String> }", &[A, "v.under.len() == 3", "(2..5).all(|f| v.under[f as usize - 2].a == p64(s, f))"]),
        migrated("moved_to_another_module", "@pub struct In { pub a: u64, pub b: String } pub type T = In;", "In { a: p64(s, 1), b: text(s, 2) }",
            "pub mod inside { use super::*; @pub struct In { pub a: u64, pub b: String } } pub type T = inside::In;", &[A, B]),
        migrated("moved_to_another_crate", "@pub struct Moved { pub a: u64, pub b: String } pub type T = Moved;", "Moved { a: p64(s, 1), b: text(s, 2) }",
            "pub type T = unedited::Moved;", &[A, B]),
        migrated("moved_from_another_crate", "pub type T = unedited::Moved;", "unedited::Moved { a: p64(s, 1), b: text(s, 2) }",
            "@pub struct Moved { pub a: u64, pub b: String } pub type T = Moved;", &[A, B]),
        migrated("type_renamed", "@pub struct Old { a: u64, b: String } pub type T = Old;", "Old { a: p64(s, 1), b: text(s, 2) }",
            "@pub struct New { a: u64, b: String } pub type T = New;", &[A, B]),
        migrated("cell_inside", "@pub struct T { a: u64, b: String }", AB_VALUE, "@pub struct T { a: Cell<u64>, b: RefCell<String> }", &["v.a.get() == p64(s, 1)", "*v.b.borrow() == text(s, 2)"]).not_shared(),
        migrated("serde_by_hand", "@pub struct T { a: u64, b: String }", AB_VALUE,
            "~pub struct T { a: u64, b: String, c: u64 } impl Serialize for T { fn serialize<S_: Serializer>(&self, to: S_) -> Result<S_::Ok, S_::Error> { (self.a, &self.b, self.c).serialize(to) } }
             impl<'de> Deserialize<'de> for T { fn deserialize<D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
             let mut map = BTreeMap::<String, serde_json::Value>::deserialize(from)?;
             let a = map.remove(\"a\").and_then(|a| a.as_u64()).ok_or_else(|| serde::de::Error::missing_field(\"a\"))?;
             let b = map.remove(\"b\").and_then(|b| b.as_str().map(str::to_owned)).ok_or_else(|| serde::de::Error::missing_field(\"b\"))?; Ok(T { a, b, c: 7 }) } }",
            &[A, B, "v.c == 7"]).with_serde(),
    ]
}
