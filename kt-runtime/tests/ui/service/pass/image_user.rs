//! The builder under a shorter name, and as the whole crate may see it.

use kt::{Service, service};

#[service]
pub const OF_THE_IMAGE: Service = Service::new().image_user();

fn main() {
    // It is a constant like any other.
    let _ = OF_THE_IMAGE;
}
