//! Where the mutated type is in its state.

use crate::case::{Case, Expected, Module, Shape};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// `OnceLock<T>`.
    Bare,
    /// `Mutex<Option<T>>`.
    Lock,
    /// `Mutex<Vec<T>>`.
    List,
    /// `LazyLock<Mutex<HashMap<String, T>>>`.
    Map,
    /// `RwLock<Option<Box<T>>>`.
    Boxed,
    /// Fields of a struct in a map in a struct, `T` between two others.
    Nested,
    /// `Mutex<Option<Box<dyn Any + Send>>>`, a state of a crate that no mutation edits.
    UneditedCrate,
    /// `LazyLock<Mutex<TypeMap>>`: a third-party crate's map, which goes by `TypeId`.
    TypeMap,
}

impl Container {
    /// The containers that name `T`.
    pub const ALL: [Self; 6] = [
        Self::List,
        Self::Nested,
        Self::Bare,
        Self::Map,
        Self::Boxed,
        Self::Lock,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Lock => "lock",
            Self::List => "list",
            Self::Map => "map",
            Self::Boxed => "boxed",
            Self::Nested => "nested",
            Self::UneditedCrate => "unedited",
            Self::TypeMap => "type_map",
        }
    }

    /// Whether it can hold the shape. A refused value must be removable, which a `OnceLock`
    /// prevents.
    pub fn takes(self, shape: &Shape) -> bool {
        (shape.expected != Expected::Refused || self != Self::Bare)
            && (shape.shared || !matches!(self, Self::Bare | Self::Boxed | Self::TypeMap))
    }

    /// The expected outcome for the shape's value in it. Erased memory may hold any changed type.
    pub fn expected(self, shape: &Shape) -> Expected {
        match self {
            Self::UneditedCrate | Self::TypeMap => Expected::Reset,
            _ => shape.expected,
        }
    }

    /// The static, and the statements that fill, empty and check it.
    fn parts(self) -> [&'static str; 5] {
        match self {
            Self::Bare => [
                "pub static S: OnceLock<T> = OnceLock::new();",
                "let _ = S.set(make(0));",
                "",
                "match S.get() { Some(v) => check(v, 0, &mut wrong), None => wrong.push(\"empty\".into()) }",
                "expect!(wrong, S.get().is_none());",
            ],
            Self::Lock => [
                "pub static S: Mutex<Option<T>> = Mutex::new(None);",
                "*S.lock().unwrap() = Some(make(0));",
                "*S.lock().unwrap() = None;",
                "match &*S.lock().unwrap() { Some(v) => check(v, 0, &mut wrong), None => wrong.push(\"empty\".into()) }",
                "expect!(wrong, S.lock().unwrap().is_none());",
            ],
            Self::List => [
                "pub static S: Mutex<Vec<T>> = Mutex::new(Vec::new());",
                "*S.lock().unwrap() = vec![make(0), make(1), make(2)];",
                "S.lock().unwrap().clear();",
                "let all = S.lock().unwrap(); expect!(wrong, all.len() == 3); for (s, v) in all.iter().enumerate() { check(v, s as u64, &mut wrong) }",
                "expect!(wrong, S.lock().unwrap().is_empty());",
            ],
            Self::Map => [
                "pub static S: LazyLock<Mutex<HashMap<String, T>>> = LazyLock::new(Mutex::default);",
                "*S.lock().unwrap() = (0..3).map(|s| (text(s, 99), make(s))).collect();",
                "S.lock().unwrap().clear();",
                "let all = S.lock().unwrap(); expect!(wrong, all.len() == 3); for s in 0..3 { match all.get(&text(s, 99)) { Some(v) => check(v, s, &mut wrong), None => wrong.push(\"no such key\".into()) } }",
                "expect!(wrong, S.lock().unwrap().is_empty());",
            ],
            Self::Boxed => [
                "pub static S: RwLock<Option<Box<T>>> = RwLock::new(None);",
                "*S.write().unwrap() = Some(Box::new(make(0)));",
                "*S.write().unwrap() = None;",
                "match S.read().unwrap().as_deref() { Some(v) => check(v, 0, &mut wrong), None => wrong.push(\"empty\".into()) }",
                "expect!(wrong, S.read().unwrap().is_none());",
            ],
            Self::Nested => [
                "OUTER pub struct Inner { before: u32, t: T, after: u8 } OUTER pub struct Outer { head: u64, rows: BTreeMap<u64, Inner>, tail: String }
                 pub static S: Mutex<Outer> = Mutex::new(Outer { head: 0, rows: BTreeMap::new(), tail: String::new() });",
                "*S.lock().unwrap() = Outer { head: p64(1, 90), rows: (0..3).map(|s| (p64(s, 91), Inner { before: p32(s, 92), t: make(s), after: p8(s, 3) })).collect(), tail: text(1, 94) };",
                "S.lock().unwrap().rows.clear();",
                "let o = S.lock().unwrap(); expect!(wrong, o.head == p64(1, 90)); expect!(wrong, o.tail == text(1, 94)); expect!(wrong, o.rows.len() == 3);
                 for s in 0..3 { match o.rows.get(&p64(s, 91)) { Some(row) => { expect!(wrong, row.before == p32(s, 92)); expect!(wrong, row.after == p8(s, 3)); check(&row.t, s, &mut wrong) } None => wrong.push(\"no such key\".into()) } }",
                "expect!(wrong, S.lock().unwrap().rows.is_empty());",
            ],
            Self::UneditedCrate => [
                "use unedited::held::LOWER::S;",
                "*S.lock().unwrap() = Some(Box::new(make(0)));",
                "*S.lock().unwrap() = None;",
                "match S.lock().unwrap().as_ref().and_then(|v| v.downcast_ref::<T>()) { Some(v) => check(v, 0, &mut wrong), None => wrong.push(\"empty\".into()) }",
                "expect!(wrong, S.lock().unwrap().is_none());",
            ],
            Self::TypeMap => [
                "pub static S: LazyLock<Mutex<type_map::concurrent::TypeMap>> = LazyLock::new(|| Mutex::new(type_map::concurrent::TypeMap::new()));",
                "S.lock().unwrap().insert(make(0));",
                "S.lock().unwrap().clear();",
                "match S.lock().unwrap().get::<T>() { Some(v) => check(v, 0, &mut wrong), None => wrong.push(\"empty\".into()) }",
                "expect!(wrong, S.lock().unwrap().get::<T>().is_none());",
            ],
        }
    }

    pub fn module(self, shape: &Shape, types: &str, after: bool) -> Module {
        let [state, fill, empty, look, look_empty] = self.parts();
        let checks = match after {
            true => &shape.checks,
            false => &shape.checks_before,
        };
        let mut checks: Vec<String> = checks.clone();
        let same = !after || shape.checks.is_empty();
        if checks.is_empty() {
            checks.push("*v == make(s)".into());
        }
        // The new type cannot express the old value.
        let make = match same {
            true => format!("fn make(s: u64) -> T {{ {} }}", shape.value),
            false => "fn make(s: u64) -> T { panic!(\"filled before\") }".into(),
        };
        let checks: String = checks
            .iter()
            .map(|check| format!("expect!(wrong, {check});\n"))
            .collect();
        // The structs around it have serde where it has.
        let outer = match types.contains('~') && !shape.serde {
            true => "",
            false => "#[derive(Serialize, Deserialize)]",
        };
        let types = types
            .replace(
                '@',
                "#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)] ",
            )
            .replace('~', "#[derive(Debug, Clone, PartialEq)] ");
        let state = state
            .replace("OUTER", outer)
            .replace("LOWER", &Case::name(shape, self))
            .replace("pub static", "#[kt::state] pub static");
        Module {
            items: format!(
                "{types}\n{make}\nfn check(v: &T, s: u64, wrong: &mut Vec<String>) {{\n{checks}}}\n{state}"
            ),
            fill: fill.into(),
            empty: empty.into(),
            look: look.into(),
            look_empty: look_empty.into(),
        }
    }
}
