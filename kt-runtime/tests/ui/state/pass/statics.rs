//! Every valid static with `#[kt::state]`, used as the plain static before.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock, RwLock};

#[kt::state]
static CACHE: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
#[kt::state]
pub(crate) static COUNT: AtomicU64 = AtomicU64::new(7);
#[kt::state(keep)]
static MODEL: OnceLock<Vec<f32>> = OnceLock::new();
#[kt::state]
static LAZY: LazyLock<RwLock<Vec<&str>>> = LazyLock::new(|| RwLock::new(vec!["lazy"]));
#[kt::state]
static BORROWED: &[&str] = &["a", "b"];
#[kt::state]
static TEXT: &str = "text";
#[kt::state]
#[allow(non_upper_case_globals)]
static r#type: [AtomicU64; 2] = {
    const ZERO: AtomicU64 = AtomicU64::new(0);
    [ZERO; 2]
};
#[kt::state]
static GRÖSSE: AtomicU64 = AtomicU64::new(SIZE);

const SIZE: u64 = 5;

#[kt::state(version = 3, migrate = from_text)]
static MIGRATED: Mutex<u64> = Mutex::new(0);
// Nothing else calls it, and rustc does not report it as dead code.
fn from_text(text: String) -> u64 {
    text.len() as u64
}
#[kt::state(migrate = whole,)]
static WHOLE: AtomicU64 = AtomicU64::new(0);
fn whole(old: u64) -> AtomicU64 {
    AtomicU64::new(old)
}

struct Cell(std::cell::Cell<u8>);
// SAFETY: the test has one thread.
unsafe impl Sync for Cell {}
#[kt::state]
static OWN: Cell = Cell(std::cell::Cell::new(1));

fn main() {
    CACHE.lock().unwrap().insert("name".into(), "Alice".into());
    assert_eq!(CACHE.lock().unwrap()["name"], "Alice");
    COUNT.fetch_add(1, Ordering::Relaxed);
    assert_eq!(COUNT.load(Ordering::Relaxed), 8);
    assert_eq!(MODEL.get_or_init(|| vec![1.0]), &[1.0]);
    LAZY.write().unwrap().push("more");
    assert_eq!(*LAZY.read().unwrap(), ["lazy", "more"]);
    assert_eq!(*BORROWED, ["a", "b"]);
    assert_eq!(*TEXT, "text");
    assert_eq!(r#type[1].load(Ordering::Relaxed), 0);
    assert_eq!(GRÖSSE.load(Ordering::Relaxed), 5);
    *MIGRATED.lock().unwrap() += WHOLE.load(Ordering::Relaxed);
    OWN.0.set(2);
    assert_eq!(OWN.0.get(), 2);

    fn next() -> u64 {
        #[kt::state]
        static NEXT: AtomicU64 = AtomicU64::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }
    assert_eq!((next(), next()), (0, 1));
}
