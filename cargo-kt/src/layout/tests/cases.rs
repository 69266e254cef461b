//! The table: types before and after an edit that matters to them.

/// One state in a module of its own, with the name of the case.
pub struct Case {
    pub name: &'static str,
    pub before: &'static str,
    pub after: &'static str,
    /// The state's type.
    pub state: &'static str,
    /// What is to be said of the difference; empty where only the fingerprints can differ, as the difference is in
    /// something opaque.
    pub difference: &'static str,
}

const fn case(
    name: &'static str,
    state: &'static str,
    before: &'static str,
    after: &'static str,
    difference: &'static str,
) -> Case {
    Case {
        name,
        before,
        after,
        state,
        difference,
    }
}

const OLD: &str = "pub struct Item { pub id: u8, pub count: u64 }";
const NEW: &str = "pub struct Item { pub id: u8, pub count: u32 }";
const NARROWED: &str = "field `count` of `fixture::{}::Item`: `u64` → `u32`";

const fn narrowed(name: &'static str, state: &'static str) -> Case {
    case(name, state, OLD, NEW, NARROWED)
}

const fn opaque(
    name: &'static str,
    state: &'static str,
    before: &'static str,
    after: &'static str,
) -> Case {
    case(name, state, before, after, "")
}

pub const CASES: &[Case] = &[
    // A field deep inside of what std and others hold.
    narrowed("item", "Item"),
    narrowed("vec", "Vec<Item>"),
    narrowed("vec_deque", "std::collections::VecDeque<Item>"),
    narrowed("hash_map", "HashMap<String, Item>"),
    narrowed("hash_set", "std::collections::HashSet<Item>"),
    narrowed("btree_map_key", "BTreeMap<Item, u8>"),
    narrowed("btree_map_value", "BTreeMap<u64, Vec<Item>>"),
    narrowed("binary_heap", "std::collections::BinaryHeap<Item>"),
    narrowed("option_box", "Option<Box<Item>>"),
    narrowed("rc", "Rc<Item>"),
    narrowed("arc_mutex", "Arc<Mutex<Item>>"),
    narrowed("weak", "std::sync::Weak<Item>"),
    narrowed("rw_lock", "RwLock<Item>"),
    narrowed("once_lock", "OnceLock<Item>"),
    narrowed("lazy_lock", "LazyLock<Item>"),
    narrowed("cell", "Cell<Item>"),
    narrowed("ref_cell", "RefCell<Option<Item>>"),
    narrowed("slice", "&'static [Item]"),
    narrowed("boxed_slice", "Box<[Item]>"),
    narrowed("array", "[Item; 3]"),
    narrowed("tuple", "(u8, (Item, u16))"),
    narrowed("result", "Result<Item, String>"),
    narrowed("raw_pointer", "*mut Item"),
    narrowed("non_null", "std::ptr::NonNull<Item>"),
    narrowed("atomic_pointer", "std::sync::atomic::AtomicPtr<Item>"),
    narrowed("phantom", "std::marker::PhantomData<Item>"),
    narrowed("manually_drop", "std::mem::ManuallyDrop<Item>"),
    narrowed("sender", "std::sync::mpsc::Sender<Item>"),
    narrowed("function_pointer", "fn(Item) -> u8"),
    narrowed("static_reference", "&'static Item"),
    narrowed("generic_of_dep", "dep::Pair<Item, u8>"),
    narrowed("erased_in_dep", "dep::Erased<Item>"),
    case(
        "of_dep",
        "Vec<dep::Shared>",
        "",
        "",
        "field `width` of `dep::Shared`: `u64` → `u32`",
    ),
    case(
        "cycle",
        "Rc<Node>",
        "pub struct Node { next: RefCell<Vec<std::rc::Weak<Node>>>, value: u64 }",
        "pub struct Node { next: RefCell<Vec<std::rc::Weak<Node>>>, value: i64 }",
        "field `value` of `fixture::cycle::Node`: `u64` → `i64`",
    ),
    case(
        "cycle_of_two",
        "Option<Box<A>>",
        "pub struct A { b: Option<Box<B>> } pub struct B { a: Option<Box<A>>, x: u8 }",
        "pub struct A { b: Option<Box<B>> } pub struct B { a: Option<Box<A>>, y: u8 }",
        "field `x` of `fixture::cycle_of_two::B` → field `y`",
    ),
    // The state's own type.
    case(
        "other_type",
        "T",
        "pub type T = u32;",
        "pub type T = i32;",
        "`u32` → `",
    ),
    case(
        "same_bits_char",
        "T",
        "pub type T = u32;",
        "pub type T = char;",
        "`u32` → `",
    ),
    case(
        "shared_to_raw",
        "T",
        "pub type T = &'static u64;",
        "pub type T = *const u64;",
        "→ `",
    ),
    case(
        "shared_to_box",
        "T",
        "pub type T = &'static u64;",
        "pub type T = Box<u64>;",
        "→ `",
    ),
    case(
        "vec_to_deque",
        "T",
        "pub type T = Vec<u64>;",
        "pub type T = std::collections::VecDeque<u64>;",
        "→ `",
    ),
    case(
        "key_and_value",
        "T",
        "pub type T = BTreeMap<u8, u16>;",
        "pub type T = BTreeMap<u16, u8>;",
        "→ `",
    ),
    case(
        "array_length",
        "[u8; N]",
        "const N: usize = 4;",
        "const N: usize = 5;",
        "an array of `u8`: 4 → 5",
    ),
    // Fields.
    case(
        "renamed_field",
        "S",
        "pub struct S { a: u8 }",
        "pub struct S { b: u8 }",
        "field `a` of `fixture::renamed_field::S` → field `b`",
    ),
    case(
        "reordered_same_typed",
        "S",
        "pub struct S { a: u8, b: u8 }",
        "pub struct S { b: u8, a: u8 }",
        "field `a` of",
    ),
    case(
        "reordered_others",
        "S",
        "pub struct S { a: u8, b: u32 }",
        "pub struct S { b: u32, a: u8 }",
        "field `a` of",
    ),
    case(
        "added_field",
        "S",
        "pub struct S { a: u8 }",
        "pub struct S { a: u8, b: u8 }",
        "field `b` of `fixture::added_field::S`: added",
    ),
    case(
        "removed_field",
        "S",
        "pub struct S { a: u8, b: u8 }",
        "pub struct S { a: u8 }",
        "field `b` of `fixture::removed_field::S`: removed",
    ),
    case(
        "added_empty_field",
        "S",
        "pub struct S { a: u8 }",
        "pub struct S { a: u8, b: () }",
        "added",
    ),
    case(
        "tuple_field",
        "S",
        "pub struct S(u8, i8);",
        "pub struct S(i8, u8);",
        "field `0` of",
    ),
    case(
        "renamed_type",
        "T",
        "pub struct A(u8); pub type T = A;",
        "pub struct B(u8); pub type T = B;",
        "→ `",
    ),
    case(
        "moved_type",
        "T",
        "mod m { pub struct A(u8); } pub type T = m::A;",
        "mod n { pub struct A(u8); } pub type T = n::A;",
        "→ `",
    ),
    case(
        "const_parameter",
        "T",
        "pub struct M<const N: u32>; pub type T = M<1>;",
        "pub struct M<const N: u32>; pub type T = M<2>;",
        "→ `",
    ),
    // Representations.
    case(
        "repr_c",
        "S",
        "pub struct S { a: u8, b: u32, c: u8 }",
        "#[repr(C)] pub struct S { a: u8, b: u32, c: u8 }",
        "`fixture::repr_c::S`",
    ),
    case(
        "repr_packed",
        "S",
        "#[repr(C)] pub struct S { a: u8, b: u32 }",
        "#[repr(C, packed)] pub struct S { a: u8, b: u32 }",
        "`fixture::repr_packed::S`",
    ),
    case(
        "repr_align",
        "S",
        "pub struct S { a: u32 }",
        "#[repr(align(4096))] pub struct S { a: u32 }",
        "`fixture::repr_align::S`",
    ),
    case(
        "repr_align_only",
        "S",
        "#[repr(align(8))] pub struct S { a: [u8; 16] }",
        "#[repr(align(16))] pub struct S { a: [u8; 16] }",
        "`fixture::repr_align_only::S`",
    ),
    case(
        "repr_enum",
        "E",
        "#[repr(u8)] pub enum E { A, B }",
        "#[repr(u16)] pub enum E { A, B }",
        "`u8` → `u16`",
    ),
    case(
        "repr_transparent",
        "S",
        "#[repr(transparent)] pub struct S { a: u32 }",
        "#[repr(transparent)] pub struct S { a: f32 }",
        "`u32` → `f32`",
    ),
    case(
        "union_member",
        "U",
        "pub union U { a: u32, b: f32 }",
        "pub union U { a: u32, b: i32 }",
        "field `b` of",
    ),
    // Enums.
    case(
        "reordered_variants",
        "E",
        "pub enum E { A, B }",
        "pub enum E { B, A }",
        "variant `A` of",
    ),
    case(
        "reordered_dataful",
        "E",
        "pub enum E { A(u8), B(u8) }",
        "pub enum E { B(u8), A(u8) }",
        "variant `A` of",
    ),
    case(
        "renamed_variant",
        "E",
        "pub enum E { A(u8), B }",
        "pub enum E { A(u8), C }",
        "variant `B` of",
    ),
    case(
        "added_variant",
        "E",
        "pub enum E { A(u8), B }",
        "pub enum E { A(u8), B, C }",
        "variant `C` of `fixture::added_variant::E`: added",
    ),
    case(
        "discriminant_value",
        "E",
        "pub enum E { A = 1, B = 2 }",
        "pub enum E { A = 1, B = 3 }",
        "variant `B` of `fixture::discriminant_value::E`: 2 → 3",
    ),
    case(
        "wide_discriminant",
        "E",
        "#[repr(i128)] pub enum E { A(u8) = -1, B = 2 }",
        "#[repr(i128)] pub enum E { A(u8) = -2, B = 2 }",
        "variant `A` of",
    ),
    case(
        "niche_lost",
        "E",
        "pub enum E { A(&'static u8), B }",
        "pub enum E { A(*const u8), B }",
        "E",
    ),
    case(
        "niche_of_non_zero",
        "Option<T>",
        "pub type T = std::num::NonZeroU32;",
        "pub type T = std::num::NonZeroI32;",
        "→ `",
    ),
    case(
        "niche_to_tag",
        "Option<T>",
        "pub type T = bool;",
        "pub type T = u8;",
        "→ `",
    ),
    case(
        "payload",
        "E",
        "pub enum E { A { x: u16, y: u16 }, B }",
        "pub enum E { A { y: u16, x: u16 }, B }",
        "field `x` of",
    ),
    // What a type alias, an implementation or a flag decides.
    case(
        "associated_type",
        "Holder<M>",
        "pub trait Has { type T; } pub struct M; impl Has for M { type T = u64; } pub struct Holder<H: Has>(H::T);",
        "pub trait Has { type T; } pub struct M; impl Has for M { type T = f64; } pub struct Holder<H: Has>(H::T);",
        "field `0` of `fixture::associated_type::Holder<fixture::associated_type::M>`: `u64` → `f64`",
    ),
    case(
        "associated_const",
        "[u8; <M as Has>::N]",
        "pub trait Has { const N: usize; } pub struct M; impl Has for M { const N: usize = 8; }",
        "pub trait Has { const N: usize; } pub struct M; impl Has for M { const N: usize = 9; }",
        "",
    ),
    case(
        "flipped_cfg",
        "S",
        "pub struct S { #[cfg(after)] a: u64, #[cfg(not(after))] a: u32 }",
        "pub struct S { #[cfg(after)] a: u64, #[cfg(not(after))] a: u32 }",
        "field `a` of `fixture::flipped_cfg::S`: `u32` → `u64`",
    ),
    case(
        "local_type",
        "T",
        "pub type T = u8; pub fn f() { pub struct L { a: u8 } #[unsafe(export_name = \"kt:init:local\")] static L: L = L { a: 1 }; }",
        "pub type T = i8; pub fn f() { pub struct L { a: i8 } #[unsafe(export_name = \"kt:init:local\")] static L: L = L { a: 1 }; }",
        "",
    ),
    // Opaque: only the fingerprint differs, as something in the workspace's types did.
    opaque(
        "boxed_trait",
        "Box<dyn Tr>",
        "pub trait Tr { fn a(&self); fn b(&self); }",
        "pub trait Tr { fn b(&self); fn a(&self); }",
    ),
    opaque("boxed_any", "Vec<Box<dyn std::any::Any>>", OLD, NEW),
    opaque(
        "any_in_map",
        "HashMap<std::any::TypeId, Box<dyn std::any::Any>>",
        OLD,
        NEW,
    ),
    opaque("boxed_closure", "Box<dyn Fn(Item) -> u8>", OLD, NEW),
    opaque(
        "boxed_future",
        "std::pin::Pin<Box<dyn Future<Output = Item>>>",
        OLD,
        NEW,
    ),
    opaque("io_error", "std::io::Error", OLD, NEW),
    opaque(
        "erased_pointer",
        "S",
        "pub struct S(*mut u8); pub struct Behind(u8);",
        "pub struct S(*mut u8); pub struct Behind(i8);",
    ),
    opaque(
        "erased_void",
        "S",
        "pub struct S(*mut std::ffi::c_void); pub struct B(u8);",
        "pub struct S(*mut std::ffi::c_void); pub struct B(i8);",
    ),
    opaque("erased_unit", "std::ptr::NonNull<()>", OLD, NEW),
    opaque(
        "erased_atomic",
        "std::sync::atomic::AtomicPtr<()>",
        OLD,
        NEW,
    ),
    opaque(
        "erased_deep",
        "HashMap<u8, Option<std::ptr::NonNull<u8>>>",
        OLD,
        NEW,
    ),
    opaque("erased_inline", "[std::mem::MaybeUninit<u8>; 16]", OLD, NEW),
];

/// States that reach something of which the description cannot tell the type.
pub const OPAQUE: &[&str] = &[
    "boxed_trait",
    "boxed_any",
    "any_in_map",
    "boxed_closure",
    "boxed_future",
    "io_error",
    "erased_pointer",
    "erased_void",
    "erased_unit",
    "erased_atomic",
    "erased_deep",
    "erased_inline",
    "function_pointer",
    "erased_in_dep",
];
