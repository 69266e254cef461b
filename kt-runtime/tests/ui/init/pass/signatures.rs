//! Valid init functions. They stay callable, and rustc does not report an unused one.
#![deny(warnings)]
#![forbid(unsafe_code)]

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};

static RAN: AtomicU32 = AtomicU32::new(0);

/// Its documentation.
#[kt::init]
fn plain() {
    RAN.fetch_add(1, Ordering::Relaxed);
}

#[kt::init]
fn never_called() {
    only_called_there();
}

fn only_called_there() {}

#[kt::init]
pub(crate) async fn waits() -> Result<(), Box<dyn Error + Send + Sync>> {
    // A future that is not `Send`.
    let local = std::rc::Rc::new(1);
    std::future::ready(()).await;
    RAN.fetch_add(*local, Ordering::Relaxed);
    Ok(())
}

#[derive(Debug)]
struct OnlyDebug;

#[kt::init]
#[inline]
#[must_use]
fn fails() -> Result<(), OnlyDebug> {
    Err(OnlyDebug)
}

#[kt::init]
fn text() -> Result<(), &'static str> {
    Ok(())
}

#[kt::init]
fn unit() -> () {}

#[kt::init]
#[cfg(any())]
fn configured_away() -> NoSuchType {}

mod inner {
    #[kt::init]
    pub fn plain() {}

    #[kt::init]
    pub fn r#type() {}
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    plain();
    waits().await.unwrap();
    assert!(fails().is_err());
    text().unwrap();
    unit();
    inner::plain();
    inner::r#type();
    assert_eq!(RAN.load(Ordering::Relaxed), 2);
}
