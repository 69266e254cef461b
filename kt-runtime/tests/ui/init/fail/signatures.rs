struct Pool(u8);

impl Pool {
    #[kt::init]
    fn fill(&self) -> u8 {
        self.0
    }
}

#[kt::init]
fn takes(level: &str, color: bool) {
    let _ = (level, color);
}

#[kt::init]
fn generic<T: Default, const N: usize>()
where
    T: Clone,
{
    let _ = [(); N].map(|()| T::default());
}

#[kt::init]
const fn constant() {}

#[kt::init]
unsafe fn promises() {}

#[kt::init]
extern "C" fn foreign() {}

#[kt::init]
fn endless() -> ! {
    loop {}
}

#[kt::init]
fn opaque() -> impl Sized {}

#[kt::init("info")]
fn arguments() {}

#[kt::init]
fn main() {
    takes("info", true);
    generic::<u8, 1>();
    Pool(1).fill();
}
