use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::OnceLock;

#[kt::state]
static CELL: RefCell<u32> = RefCell::new(0);

#[kt::state]
static NESTED: Option<Cell<u8>> = None;

#[kt::state]
static COUNTED: OnceLock<Rc<u8>> = OnceLock::new();

fn uses() -> u32 {
    CELL.take()
}

fn main() {}
