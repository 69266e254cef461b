//! Mutations of the static itself: locks, empty cells, atomics, versions, migration functions.

use crate::case::{
    Case,
    Expected::{self, Kept, Migrated, Reset, Survives},
};

/// The static with its attribute, type and initializer; how it is filled; what is then true of it.
type Side = [&'static str; 3];

fn case(expected: Expected, name: &str, before: Side, after: Side) -> Case {
    Case::of_static(expected, name, before, after)
}

const LOCKED: Side = [
    "#[kt::state] pub static S: Mutex<u64> = Mutex::new(7);",
    "*S.lock().unwrap() = p64(1, 1);",
    "*S.lock().unwrap() == p64(1, 1)",
];
const AB: &str =
    "#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)] pub struct Ab { a: u64, b: u64 }";

pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        case(
            Migrated,
            "mutex_to_rwlock",
            LOCKED,
            [
                "#[kt::state] pub static S: RwLock<u64> = RwLock::new(7);",
                "",
                "*S.read().unwrap() == p64(1, 1)",
            ],
        ),
        case(
            Migrated,
            "rwlock_to_mutex",
            [
                "#[kt::state] pub static S: RwLock<u64> = RwLock::new(7);",
                "*S.write().unwrap() = p64(1, 1);",
                "*S.read().unwrap() == p64(1, 1)",
            ],
            LOCKED,
        ),
        case(
            Migrated,
            "mutex_widened",
            [
                "#[kt::state] pub static S: Mutex<u32> = Mutex::new(7);",
                "*S.lock().unwrap() = p32(1, 1);",
                "*S.lock().unwrap() == p32(1, 1)",
            ],
            [
                "#[kt::state] pub static S: Mutex<u64> = Mutex::new(7);",
                "",
                "*S.lock().unwrap() == u64::from(p32(1, 1))",
            ],
        ),
        case(
            Migrated,
            "mutex_to_tokio",
            LOCKED,
            [
                "#[kt::state] pub static S: tokio::sync::Mutex<u64> = tokio::sync::Mutex::const_new(7);",
                "",
                "*S.try_lock().unwrap() == p64(1, 1)",
            ],
        ),
        case(
            Migrated,
            "mutex_to_tokio_rwlock",
            LOCKED,
            [
                "#[kt::state] pub static S: tokio::sync::RwLock<u64> = tokio::sync::RwLock::const_new(7);",
                "",
                "*S.try_read().unwrap() == p64(1, 1)",
            ],
        ),
        case(
            Migrated,
            "tokio_mutex_widened",
            [
                "#[kt::state] pub static S: tokio::sync::Mutex<u32> = tokio::sync::Mutex::const_new(7);",
                "*S.try_lock().unwrap() = p32(1, 1);",
                "*S.try_lock().unwrap() == p32(1, 1)",
            ],
            [
                "#[kt::state] pub static S: tokio::sync::Mutex<u64> = tokio::sync::Mutex::const_new(7);",
                "",
                "*S.try_lock().unwrap() == u64::from(p32(1, 1))",
            ],
        ),
        case(
            Migrated,
            "tokio_rwlock_widened",
            [
                "#[kt::state] pub static S: tokio::sync::RwLock<u32> = tokio::sync::RwLock::const_new(7);",
                "*S.try_write().unwrap() = p32(1, 1);",
                "*S.try_read().unwrap() == p32(1, 1)",
            ],
            [
                "#[kt::state] pub static S: tokio::sync::RwLock<u64> = tokio::sync::RwLock::const_new(7);",
                "",
                "*S.try_read().unwrap() == u64::from(p32(1, 1))",
            ],
        ),
        case(
            Migrated,
            "tokio_once_full",
            [
                "#[kt::state] pub static S: tokio::sync::OnceCell<u32> = tokio::sync::OnceCell::const_new();",
                "let _ = S.set(p32(1, 1));",
                "S.get() == Some(&p32(1, 1))",
            ],
            [
                "#[kt::state] pub static S: tokio::sync::OnceCell<u64> = tokio::sync::OnceCell::const_new();",
                "",
                "S.get() == Some(&u64::from(p32(1, 1)))",
            ],
        ),
        case(
            Migrated,
            "tokio_once_empty",
            [
                "#[kt::state] pub static S: tokio::sync::OnceCell<u32> = tokio::sync::OnceCell::const_new();",
                "",
                "S.get().is_none()",
            ],
            [
                "#[kt::state] pub static S: tokio::sync::OnceCell<u64> = tokio::sync::OnceCell::const_new();",
                "",
                "S.get().is_none() && S.set(1).is_ok()",
            ],
        ),
        case(
            Migrated,
            "once_empty",
            [
                "#[kt::state] pub static S: OnceLock<u32> = OnceLock::new();",
                "",
                "S.get().is_none()",
            ],
            [
                "#[kt::state] pub static S: OnceLock<u64> = OnceLock::new();",
                "",
                "S.get().is_none() && S.set(1).is_ok()",
            ],
        ),
        case(
            Migrated,
            "once_to_mutex_full",
            [
                "#[kt::state] pub static S: OnceLock<u64> = OnceLock::new();",
                "let _ = S.set(p64(1, 1));",
                "S.get() == Some(&p64(1, 1))",
            ],
            [
                "#[kt::state] pub static S: Mutex<u64> = Mutex::new(7);",
                "",
                "*S.lock().unwrap() == p64(1, 1)",
            ],
        ),
        case(
            Migrated,
            "once_to_mutex_empty",
            [
                "#[kt::state] pub static S: OnceLock<u64> = OnceLock::new();",
                "",
                "S.get().is_none()",
            ],
            [
                "#[kt::state] pub static S: Mutex<u64> = Mutex::new(7);",
                "",
                "*S.lock().unwrap() == 7",
            ],
        ),
        case(
            Migrated,
            "once_of_a_lock_to_the_lock",
            [
                "#[kt::state] pub static S: OnceLock<Mutex<u64>> = OnceLock::new();",
                "let _ = S.set(p64(1, 1).into());",
                "*S.get().unwrap().lock().unwrap() == p64(1, 1)",
            ],
            LOCKED,
        ),
        case(
            Migrated,
            "lazy_touched",
            [
                "#[kt::state] pub static S: LazyLock<Mutex<u32>> = LazyLock::new(|| Mutex::new(7));",
                "*S.lock().unwrap() = p32(1, 1);",
                "*S.lock().unwrap() == p32(1, 1)",
            ],
            [
                "#[kt::state] pub static S: LazyLock<Mutex<u64>> = LazyLock::new(|| Mutex::new(8));",
                "",
                "*S.lock().unwrap() == u64::from(p32(1, 1))",
            ],
        ),
        case(
            Migrated,
            "lazy_untouched",
            [
                "#[kt::state] pub static S: LazyLock<Mutex<u32>> = LazyLock::new(|| Mutex::new(7));",
                "",
                "true",
            ],
            [
                "#[kt::state] pub static S: LazyLock<Mutex<u64>> = LazyLock::new(|| Mutex::new(8));",
                "",
                "*S.lock().unwrap() == 8",
            ],
        ),
        case(
            Kept,
            "lazy_touched_and_kept",
            [
                "#[kt::state] pub static S: LazyLock<Mutex<Vec<u64>>> = LazyLock::new(Mutex::default);",
                "*S.lock().unwrap() = list(1, 1);",
                "*S.lock().unwrap() == list(1, 1)",
            ],
            [
                "#[kt::state] pub static S: LazyLock<Mutex<Vec<u64>>> = LazyLock::new(|| Mutex::new(vec![1]));",
                "",
                "*S.lock().unwrap() == list(1, 1)",
            ],
        ),
        case(
            Kept,
            "initializer_edited",
            LOCKED,
            [
                "#[kt::state] pub static S: Mutex<u64> = Mutex::new(8);",
                "",
                "*S.lock().unwrap() == p64(1, 1)",
            ],
        ),
        case(
            Migrated,
            "atomic_widened",
            [
                "#[kt::state] pub static S: AtomicU32 = AtomicU32::new(7);",
                "S.store(p32(1, 1), Ordering::Relaxed);",
                "S.load(Ordering::Relaxed) == p32(1, 1)",
            ],
            [
                "#[kt::state] pub static S: AtomicU64 = AtomicU64::new(7);",
                "",
                "S.load(Ordering::Relaxed) == u64::from(p32(1, 1))",
            ],
        ),
        case(
            Migrated,
            "atomic_to_mutex",
            [
                "#[kt::state] pub static S: AtomicU64 = AtomicU64::new(7);",
                "S.store(p64(1, 1), Ordering::Relaxed);",
                "S.load(Ordering::Relaxed) == p64(1, 1)",
            ],
            LOCKED,
        ),
        case(
            Migrated,
            "mutex_to_atomic",
            LOCKED,
            [
                "#[kt::state] pub static S: AtomicU64 = AtomicU64::new(7);",
                "",
                "S.load(Ordering::Relaxed) == p64(1, 1)",
            ],
        ),
        case(
            Migrated,
            "atomic_changes_its_sign",
            [
                "#[kt::state] pub static S: AtomicU64 = AtomicU64::new(7);",
                "S.store(u64::from(p32(1, 1)), Ordering::Relaxed);",
                "S.load(Ordering::Relaxed) == u64::from(p32(1, 1))",
            ],
            [
                "#[kt::state] pub static S: AtomicI64 = AtomicI64::new(7);",
                "",
                "S.load(Ordering::Relaxed) == i64::from(p32(1, 1))",
            ],
        ),
        case(
            Kept,
            "atomic_unchanged",
            [
                "#[kt::state] pub static S: AtomicBool = AtomicBool::new(false);",
                "S.store(true, Ordering::Relaxed);",
                "S.load(Ordering::Relaxed)",
            ],
            [
                "/// Documented.\n#[kt::state] pub static S: AtomicBool = AtomicBool::new(false);",
                "",
                "S.load(Ordering::Relaxed)",
            ],
        ),
        case(
            Migrated,
            "version_bumped",
            LOCKED,
            [
                "#[kt::state(version = 2)] pub static S: Mutex<u64> = Mutex::new(7);",
                "",
                "*S.lock().unwrap() == p64(1, 1)",
            ],
        ),
        case(
            Kept,
            "version_stays",
            [
                "#[kt::state(version = 2)] pub static S: Mutex<u64> = Mutex::new(7);",
                "*S.lock().unwrap() = p64(1, 1);",
                "*S.lock().unwrap() == p64(1, 1)",
            ],
            [
                "#[kt::state(version = 2)] pub static S: Mutex<u64> = Mutex::new(9);",
                "",
                "*S.lock().unwrap() == p64(1, 1)",
            ],
        ),
        case(
            Migrated,
            "version_bumped_and_migrated",
            LOCKED,
            [
                "fn up(old: u64) -> u64 { old / 2 } #[kt::state(version = 2, migrate = up)] pub static S: Mutex<u64> = Mutex::new(7);",
                "",
                "*S.lock().unwrap() == p64(1, 1) / 2",
            ],
        ),
        case(
            Kept,
            "migrate_without_a_change",
            LOCKED,
            [
                "fn up(old: u64) -> u64 { old / 2 } #[kt::state(migrate = up)] pub static S: Mutex<u64> = Mutex::new(7);",
                "",
                "*S.lock().unwrap() == p64(1, 1)",
            ],
        ),
        case(
            Migrated,
            "version_taken_back",
            [
                "#[kt::state(version = 2)] pub static S: Mutex<u64> = Mutex::new(7);",
                "*S.lock().unwrap() = p64(1, 1);",
                "*S.lock().unwrap() == p64(1, 1)",
            ],
            LOCKED,
        ),
        case(
            Reset,
            "version_bumped_without_serde",
            [
                "pub struct P(u64); #[kt::state] pub static S: Mutex<P> = Mutex::new(P(7));",
                "S.lock().unwrap().0 = p64(1, 1);",
                "S.lock().unwrap().0 == p64(1, 1)",
            ],
            [
                "pub struct P(u64); #[kt::state(version = 2)] pub static S: Mutex<P> = Mutex::new(P(7));",
                "",
                "S.lock().unwrap().0 == 7",
            ],
        ),
        case(
            Reset,
            "mutex_to_rwlock_without_serde",
            [
                "pub struct P(u64); #[kt::state] pub static S: Mutex<P> = Mutex::new(P(7));",
                "S.lock().unwrap().0 = p64(1, 1);",
                "S.lock().unwrap().0 == p64(1, 1)",
            ],
            [
                "pub struct P(u64); #[kt::state] pub static S: RwLock<P> = RwLock::new(P(7));",
                "",
                "S.read().unwrap().0 == 7",
            ],
        ),
    ];
    let ab = |rest: &str| -> &'static str { format!("{AB} {rest}").leak() };
    let locked = ab("#[kt::state] pub static S: Mutex<Ab> = Mutex::new(Ab { a: 0, b: 0 });");
    let filled: Side = [
        locked,
        "*S.lock().unwrap() = Ab { a: p64(1, 1), b: p64(1, 2) };",
        "*S.lock().unwrap() == Ab { a: p64(1, 1), b: p64(1, 2) }",
    ];
    cases.extend([
        case(Migrated, "migrate_from_the_old_type", filled, [ab("#[derive(Serialize, Deserialize)] pub struct Sum { of: u128 } fn up(old: Ab) -> Sum { Sum { of: u128::from(old.a) + u128::from(old.b) } }
            #[kt::state(migrate = up)] pub static S: Mutex<Sum> = Mutex::new(Sum { of: 0 });"), "", "S.lock().unwrap().of == u128::from(p64(1, 1)) + u128::from(p64(1, 2))"]),
        case(Migrated, "migrate_from_json", filled, ["#[derive(Serialize, Deserialize)] pub struct Sum { of: u64, from: String }
            fn up(old: serde_json::Value) -> Sum { Sum { of: old[\"a\"].as_u64().unwrap().wrapping_add(old[\"b\"].as_u64().unwrap()), from: old.as_object().unwrap().keys().cloned().collect() } }
            #[kt::state(migrate = up)] pub static S: RwLock<Sum> = RwLock::new(Sum { of: 0, from: String::new() });", "", "S.read().unwrap().of == p64(1, 1).wrapping_add(p64(1, 2)); S.read().unwrap().from == \"ab\""]),
        case(Migrated, "migrate_to_a_type_without_serde", filled, [ab("pub struct Plain(u64, u64); fn up(old: Ab) -> Mutex<Plain> { Mutex::new(Plain(old.b, old.a)) }
            #[kt::state(migrate = up)] pub static S: Mutex<Plain> = Mutex::new(Plain(0, 0));"), "", "S.lock().unwrap().0 == p64(1, 2); S.lock().unwrap().1 == p64(1, 1)"]),
        case(Migrated, "bare_struct_gains_a_field", filled, ["#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)] pub struct Ab { #[serde(default)] c: u64, a: u64, b: u64 }
            #[kt::state] pub static S: Mutex<Ab> = Mutex::new(Ab { a: 0, b: 0, c: 0 });", "", "*S.lock().unwrap() == Ab { a: p64(1, 1), b: p64(1, 2), c: 0 }"]),
        case(Migrated, "bare_struct_reordered", filled, ["#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)] pub struct Ab { b: u64, a: u64 }
            #[kt::state] pub static S: RwLock<Ab> = RwLock::new(Ab { a: 0, b: 0 });", "", "*S.read().unwrap() == Ab { a: p64(1, 1), b: p64(1, 2) }"]),
        case(Survives, "struct_of_atomics_reordered",
            ["#[derive(Debug, Serialize, Deserialize)] pub struct At { a: AtomicU64, b: AtomicU64 } #[kt::state] pub static S: At = At { a: AtomicU64::new(0), b: AtomicU64::new(0) };",
                "S.a.store(p64(1, 1), Ordering::Relaxed); S.b.store(p64(1, 2), Ordering::Relaxed);", "S.a.load(Ordering::Relaxed) == p64(1, 1); S.b.load(Ordering::Relaxed) == p64(1, 2)"],
            ["#[derive(Debug, Serialize, Deserialize)] pub struct At { b: AtomicU64, a: AtomicU64 } #[kt::state] pub static S: At = At { a: AtomicU64::new(0), b: AtomicU64::new(0) };",
                "", "S.a.load(Ordering::Relaxed) == p64(1, 1); S.b.load(Ordering::Relaxed) == p64(1, 2)"]),
        case(Reset, "struct_of_atomics_reordered_without_serde",
            ["pub struct At { a: AtomicU64, b: AtomicU64 } #[kt::state] pub static S: At = At { a: AtomicU64::new(3), b: AtomicU64::new(4) };",
                "S.a.store(p64(1, 1), Ordering::Relaxed); S.b.store(p64(1, 2), Ordering::Relaxed);", "S.a.load(Ordering::Relaxed) == p64(1, 1); S.b.load(Ordering::Relaxed) == p64(1, 2)"],
            ["pub struct At { b: AtomicU64, a: AtomicU64 } #[kt::state] pub static S: At = At { a: AtomicU64::new(3), b: AtomicU64::new(4) };",
                "", "S.a.load(Ordering::Relaxed) == 3; S.b.load(Ordering::Relaxed) == 4"]),
    ]);
    cases
}
