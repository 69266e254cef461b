mod settings {
    #[kt::service]
    const SERVICE: kt::Service = kt::Service::new().cpu("1");
}

mod inner {
    #[kt::service(cpu = "1")]
    pub fn main() {}
}

fn main() {
    inner::main();
}
