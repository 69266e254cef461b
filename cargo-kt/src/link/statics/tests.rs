//! What rustc emits for each kind of static, unoptimized and optimized, with both manglings.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use super::*;
use crate::context::find_lld;

const SOURCE: &str = r#"
use std::{cell::{Cell, RefCell}, collections::HashMap, sync::{Mutex, OnceLock, LazyLock, RwLock, Once, atomic::{AtomicU64, Ordering}}};
pub mod cache {
    use super::*;
    pub static HITS: AtomicU64 = AtomicU64::new(0);
    static FULL: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    pub fn touch() -> u64 { FULL.lock().unwrap().push(1); HITS.fetch_add(1, Ordering::Relaxed) }
}
static ONCE_LOCK: OnceLock<String> = OnceLock::new();
static LAZY_LOCK: LazyLock<HashMap<String, u8>> = LazyLock::new(HashMap::new);
static RW_LOCK: RwLock<u8> = RwLock::new(1);
static ONCE: Once = Once::new();
static mut MUTABLE: u64 = 4;
static HOOK: Mutex<Option<fn() -> u64>> = Mutex::new(Some(cache::touch));
thread_local! {
    static CONST_LOCAL: Cell<u64> = const { Cell::new(0) };
    static LIST_LOCAL: RefCell<Vec<u8>> = RefCell::new(Vec::new());
}
pub fn work() -> u64 {
    static IN_FUNCTION: AtomicU64 = AtomicU64::new(0);
    let closure = || { static IN_CLOSURE: AtomicU64 = AtomicU64::new(0); IN_CLOSURE.fetch_add(1, Ordering::Relaxed) };
    thread_local!(static LOCAL_IN_FUNCTION: Cell<u64> = const { Cell::new(1) });
    LOCAL_IN_FUNCTION.with(|it| it.set(it.get() + 1));
    IN_FUNCTION.fetch_add(1, Ordering::Relaxed) + closure()
}
pub struct S;
impl S { pub fn method(&self) -> u64 { static IN_METHOD: AtomicU64 = AtomicU64::new(0); IN_METHOD.fetch_add(1, Ordering::Relaxed) } }
pub trait T { fn t(&self) -> u64; }
impl T for S { fn t(&self) -> u64 { static IN_TRAIT: AtomicU64 = AtomicU64::new(0); IN_TRAIT.fetch_add(1, Ordering::Relaxed) } }
pub fn generic<X>(_: X) -> u64 { static IN_GENERIC: AtomicU64 = AtomicU64::new(0); IN_GENERIC.fetch_add(1, Ordering::Relaxed) }
pub fn generics() -> u64 { generic(1_u8) + generic("") }
#[unsafe(no_mangle)] pub static EXPORTED: AtomicU64 = AtomicU64::new(0);
macro_rules! counter { ($name:ident) => { static $name: AtomicU64 = AtomicU64::new(0); } }
counter!(BY_A_MACRO);

// The expansion of `lazy_static!`.
#[allow(non_camel_case_types)] pub struct POOL { _private: () }
pub static POOL: POOL = POOL { _private: () };
impl std::ops::Deref for POOL {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        fn __stability() -> &'static Vec<u8> { static LAZY: OnceLock<Vec<u8>> = OnceLock::new(); LAZY.get_or_init(Vec::new) }
        __stability()
    }
}

// Statics that are not reported: states, constants, empty ones, and those of macros.
static KEPT: AtomicU64 = AtomicU64::new(0);
pub mod nested { use super::*; pub static KEPT: AtomicU64 = AtomicU64::new(0); pub fn inside() -> u64 { static KEPT_INSIDE: AtomicU64 = AtomicU64::new(0); KEPT_INSIDE.fetch_add(1, Ordering::Relaxed) } }
#[unsafe(export_name = "kt:init:app/:app::KEPT")] static __KT_INIT: AtomicU64 = AtomicU64::new(0);
pub static NAMES: [&str; 2] = ["a", "b"];
pub static NUMBERS: [u64; 3] = [1, 2, 3];
pub static TABLE: &[fn() -> u64] = &[cache::touch];
pub static NOTHING: Mutex<()> = Mutex::new(());
pub static UNIT: Cell2 = Cell2(Cell::new(()));
pub struct Cell2(Cell<()>); unsafe impl Sync for Cell2 {}
pub fn logs() -> u64 { static __CALLSITE: AtomicU64 = AtomicU64::new(0); __CALLSITE.fetch_add(1, Ordering::Relaxed) }
pub fn boxed() -> Box<dyn T> { Box::new(S) }

pub fn all() -> u64 {
    ONCE_LOCK.get_or_init(|| "x".into());
    *RW_LOCK.write().unwrap() = LAZY_LOCK.len() as u8;
    ONCE.call_once(|| ());
    unsafe { MUTABLE += 1 };
    *HOOK.lock().unwrap() = None;
    CONST_LOCAL.with(|it| it.set(it.get() + 1));
    LIST_LOCAL.with(|it| it.borrow_mut().push(1));
    drop(NOTHING.lock().unwrap());
    BY_A_MACRO.fetch_add(1, Ordering::Relaxed) + KEPT.fetch_add(1, Ordering::Relaxed) + POOL.len() as u64
        + NUMBERS[std::process::id() as usize % 3] + TABLE[0]()
}
"#;

/// Thread-locals in angle brackets.
const EXPECTED: [&str; 21] = [
    "<app::CONST_LOCAL>",
    "<app::LIST_LOCAL>",
    "<app::work::LOCAL_IN_FUNCTION>",
    "app::BY_A_MACRO",
    "app::EXPORTED",
    "app::HOOK",
    "app::LAZY_LOCK",
    "app::MUTABLE",
    "app::NOTHING",
    "app::ONCE",
    "app::ONCE_LOCK",
    "app::POOL",
    "app::RW_LOCK",
    "app::cache::FULL",
    "app::cache::HITS",
    "app::generic::IN_GENERIC",
    "app::nested::KEPT",
    "app::work::IN_CLOSURE",
    "app::work::IN_FUNCTION",
    "method::IN_METHOD",
    "t::IN_TRAIT",
];

fn output(command: &mut Command) -> String {
    let output = command.output().expect("it can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("it prints text")
}

/// Compiles and links as kt does, with the same symbols.
fn object(directory: &Utf8Path, flags: &[&str]) -> (Vec<u8>, HotCrate) {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let source = directory.join("lib.rs");
    std::fs::write(&source, SOURCE).expect("the source can be written");
    let rlib = directory.join("libapp.rlib");
    let mut compile = Command::new(&rustc);
    compile.args([
        "--crate-name=app",
        "--crate-type=lib",
        "--edition=2024",
        "--cap-lints=allow",
    ]);
    // Needed to select a mangling.
    compile.env("RUSTC_BOOTSTRAP", "1");
    output(compile.args(flags).arg(&source).arg("-o").arg(&rlib));
    let sysroot = output(Command::new(&rustc).arg("--print=sysroot"));
    let host = output(Command::new(&rustc).arg("--print=host-tuple"));
    let path = std::env::var_os("PATH");
    let lld = find_lld(sysroot.trim().into(), host.trim(), path.as_deref()).unwrap();
    let object = directory.join("libapp.so");
    let mut link = Command::new(lld);
    link.args([
        "-flavor",
        "gnu",
        "-shared",
        "--strip-debug",
        "--unresolved-symbols=ignore-all",
    ]);
    output(link.args(["--whole-archive", rlib.as_str(), "-o", object.as_str()]));
    let krate = HotCrate {
        types: None,
        package: "app".to_owned(),
        version: "0.1.0".to_owned(),
        crate_name: "app".to_owned(),
        rlib,
        dependencies: Vec::new(),
        sources_hash: String::new(),
        variables: Vec::new(),
        sources: vec![source],
        invocation: None,
    };
    (std::fs::read(object).expect("there is an object"), krate)
}

#[test]
fn every_kind_of_mutable_static_is_reported_with_its_line_and_no_other() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let directory = Utf8PathBuf::from_path_buf(directory.path().to_owned()).expect("it is text");
    std::fs::create_dir_all(&directory).expect("it can be created");
    let states = ["app/:app::KEPT", "app/:app::nested::KEPT_INSIDE"].map(str::to_owned);
    let profiles: [&[&str]; 6] = [
        &[],
        &["-Ccode-model=large"],
        &["-Copt-level=3"],
        &["-Copt-level=3", "-Ccodegen-units=1", "-Cdebuginfo=1"],
        &["-Zunstable-options", "-Csymbol-mangling-version=legacy"],
        &[
            "-Zunstable-options",
            "-Csymbol-mangling-version=legacy",
            "-Copt-level=3",
        ],
    ];
    for flags in profiles {
        let (data, krate) = object(&directory, flags);
        let found = of(&data, &krate, &states).expect("it is an ELF file");
        let mut paths: Vec<String> = found
            .iter()
            .map(|it| {
                // The two manglings name an implementation differently.
                let path = it.path.rsplitn(3, "::").take(2).collect::<Vec<_>>();
                let is_method = it.path.contains(">::") || it.path.contains("::S::");
                let path = match is_method {
                    true => format!("{}::{}", path[1], path[0]),
                    false => it.path.clone(),
                };
                if it.thread_local {
                    format!("<{path}>")
                } else {
                    path
                }
            })
            .collect();
        paths.sort();
        assert_eq!(paths, EXPECTED, "{flags:?}");
        for it in &found {
            let name = path::last(&it.path);
            assert_eq!(it.by_macro, name == "BY_A_MACRO", "{it:?}");
            if name == "KEPT" {
                // There are two of that name.
                continue;
            }
            let declared = SOURCE.lines().position(|line| {
                line.contains(&format!("static {name}:"))
                    || line.contains(&format!("static mut {name}:"))
                    || line.contains(&format!("counter!({name})"))
            });
            let place = it.place.as_ref().expect("the source has it");
            assert_eq!(
                Some(place.line as usize),
                declared.map(|line| line + 1),
                "{it:?}"
            );
        }
    }
}

#[test]
#[ignore = "a measurement: prints the time"]
fn cost() {
    let object = std::env::var("KT_OBJECT").expect("KT_OBJECT is a crate object");
    let sources =
        std::env::var("KT_SOURCES").expect("KT_SOURCES are its sources, separated by spaces");
    let data = std::fs::read(object).expect("it can be read");
    let krate = HotCrate {
        types: None,
        package: String::new(),
        version: String::new(),
        crate_name: String::new(),
        rlib: Utf8PathBuf::new(),
        dependencies: Vec::new(),
        sources_hash: String::new(),
        variables: Vec::new(),
        sources: sources.split(' ').map(Utf8PathBuf::from).collect(),
        invocation: None,
    };
    let started = std::time::Instant::now();
    let found = of(&data, &krate, &[]).expect("it is an ELF file");
    println!(
        "{} statics in {:?} of {} kB",
        found.len(),
        started.elapsed(),
        data.len() / 1024
    );
}
