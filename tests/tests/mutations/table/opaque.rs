//! Changed types without serde: their states are reset, and kt reports it.

use super::reset;
use crate::case::Shape;

pub fn shapes() -> Vec<Shape> {
    let changed = |name: &str, before: &str, value: &str, after: &str| {
        reset(&format!("plain_{name}"), before, value, after)
    };
    vec![
        changed("field_added", "~pub struct T { a: u64 }", "T { a: p64(s, 1) }", "~pub struct T { a: u64, b: u64 }"),
        changed("field_removed", "~pub struct T { a: u64, b: u64 }", "T { a: p64(s, 1), b: p64(s, 2) }", "~pub struct T { b: u64 }"),
        changed("field_renamed", "~pub struct T { a: u64, b: u64 }", "T { a: p64(s, 1), b: p64(s, 2) }", "~pub struct T { a: u64, c: u64 }"),
        changed("fields_of_one_type_exchanged", "~pub struct T { a: u64, b: u64 }", "T { a: p64(s, 1), b: p64(s, 2) }", "~pub struct T { b: u64, a: u64 }"),
        changed("number_of_the_same_size", "~pub struct T { a: u64 }", "T { a: p64(s, 1) }", "~pub struct T { a: i64 }"),
        changed("number_to_float", "~pub struct T { a: u64 }", "T { a: p64(s, 1) }", "~pub struct T { a: f64 }"),
        changed("narrowed", "~pub struct T { a: u64, b: u8 }", "T { a: p64(s, 1), b: p8(s, 2) }", "~pub struct T { a: u32, b: u8 }"),
        changed("variants_reordered", "~pub enum T { A(u64), B(u64) }", "T::A(p64(s, 1))", "~pub enum T { B(u64), A(u64) }"),
        changed("variant_added", "~pub enum T { A, B }", "T::B", "~pub enum T { New, A, B }"),
        changed("discriminants_changed", "~pub enum T { A = 1, B = 2 }", "T::A", "~pub enum T { A = 2, B = 1 }"),
        changed("repr_changed", "~ #[repr(C)] pub struct T { a: u8, b: u64, c: u8 }", "T { a: p8(s, 1), b: p64(s, 2), c: p8(s, 3) }", "~pub struct T { a: u8, b: u64, c: u8 }"),
        changed("align_changed", "~pub struct T { a: u64 }", "T { a: p64(s, 1) }", "~ #[repr(align(32))] pub struct T { a: u64 }"),
        changed("array_length", "~pub struct T { a: [u64; 4] }", "T { a: [p64(s, 1); 4] }", "~pub struct T { a: [u64; 2] }"),
        changed("constant_of_an_array", "const N: usize = 4; ~pub struct T { a: Vec<[u64; N]> }", "T { a: vec![[p64(s, 1); 4]; 2] }", "const N: usize = 8; ~pub struct T { a: Vec<[u64; N]> }"),
        changed("behind_a_pointer", "~pub struct In { a: u64, b: u64 } ~pub struct T { i: Vec<Box<In>> }", "T { i: vec![Box::new(In { a: p64(s, 1), b: p64(s, 2) })] }",
            "~pub struct In { b: u64, a: u64 } ~pub struct T { i: Vec<Box<In>> }"),
        changed("behind_two_maps", "~pub enum In { A(u32), B } ~pub struct T { i: HashMap<String, BTreeMap<u8, In>> }", "T { i: [(text(s, 1), [(p8(s, 2), In::A(p32(s, 3)))].into())].into() }",
            "~pub enum In { B, A(u32) } ~pub struct T { i: HashMap<String, BTreeMap<u8, In>> }"),
        changed("generic_parameter", "~pub struct G<X> { x: X } pub type T = G<u64>;", "G { x: p64(s, 1) }", "~pub struct G<X> { x: X } pub type T = G<usize>;"),
        changed("phantom_parameter", "~pub struct G<U> { x: u64, u: PhantomData<U> } pub type T = G<u8>;", "G { x: p64(s, 1), u: PhantomData }", "~pub struct G<U> { x: u64, u: PhantomData<U> } pub type T = G<u16>;"),
        changed("moved_to_another_crate", "~pub struct MovedPlain { pub a: u64, pub b: String } pub type T = MovedPlain;", "MovedPlain { a: p64(s, 1), b: text(s, 2) }", "/* ~ */ pub type T = unedited::MovedPlain;"),
        changed("serde_gained_by_another_layout", "~pub struct T { a: u64 }", "T { a: p64(s, 1) }", "@pub struct T { a: u64, #[serde(default)] b: u64 }"),
        changed("serde_lost_by_another_layout", "@pub struct T { a: u64 }", "T { a: p64(s, 1) }", "~pub struct T { a: u64, b: u64 }"),
        changed("trait_methods_reordered", "pub trait Speak: Send + Sync { fn one(&self) -> u64; fn two(&self) -> u64; } ~pub struct D(u64); impl Speak for D { fn one(&self) -> u64 { self.0 } fn two(&self) -> u64 { !self.0 } } pub type T = Box<dyn Speak>;",
            "Box::new(D(p64(s, 1)))",
            "pub trait Speak: Send + Sync { fn two(&self) -> u64; fn one(&self) -> u64; } ~pub struct D(u64); impl Speak for D { fn one(&self) -> u64 { self.0 } fn two(&self) -> u64 { !self.0 } } pub type T = Box<dyn Speak>;")
            .before(&["v.one() == p64(s, 1) && v.two() == !p64(s, 1)"]),
        changed("behind_a_trait_object", "pub trait Speak: Send + Sync { fn one(&self) -> u64; } ~pub struct D { a: u64, b: u64 } impl Speak for D { fn one(&self) -> u64 { self.a } } pub type T = Arc<dyn Speak>;",
            "Arc::new(D { a: p64(s, 1), b: p64(s, 2) })",
            "pub trait Speak: Send + Sync { fn one(&self) -> u64; } ~pub struct D { b: u64, a: u64 } impl Speak for D { fn one(&self) -> u64 { self.a } } pub type T = Arc<dyn Speak>;")
            .before(&["v.one() == p64(s, 1)"]),
        changed("any", "~pub struct D { a: u64, b: u64 } pub type T = Box<dyn std::any::Any + Send + Sync>;", "Box::new(D { a: p64(s, 1), b: p64(s, 2) })",
            "~pub struct D { b: u64, a: u64 } pub type T = Box<dyn std::any::Any + Send + Sync>;")
            .before(&["v.downcast_ref::<D>() == Some(&D { a: p64(s, 1), b: p64(s, 2) })"]),
        changed("function_pointer", "~pub struct D { a: u64, b: u64 } pub type T = fn(D) -> u64;", "|d| d.a", "~pub struct D { b: u64, a: u64 } pub type T = fn(D) -> u64;")
            .before(&["v(D { a: p64(s, 1), b: p64(s, 2) }) == p64(s, 1)"]),
        changed("closure_in_a_box", "~pub struct D(u64); pub type T = Box<dyn Fn() -> D + Send + Sync>;", "Box::new(move || D(p64(s, 1)))", "~pub struct D(u64, u64); pub type T = Box<dyn Fn() -> D + Send + Sync>;")
            .before(&["v() == D(p64(s, 1))"]),
    ]
}
