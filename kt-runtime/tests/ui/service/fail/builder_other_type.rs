struct Service;

impl Service {
    const fn new() -> Self {
        Self
    }
}

#[kt::service]
const SERVICE: Service = Service::new();

fn main() {}
