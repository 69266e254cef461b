//! The builder under a shorter name, and a constant that is visible in the whole crate.

use kt::{Service, service};

#[service]
pub const OF_THE_IMAGE: Service = Service::new().image_user();

fn main() {
    // It is a plain constant.
    let _ = OF_THE_IMAGE;
}
