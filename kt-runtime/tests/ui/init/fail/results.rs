struct Opaque;

#[kt::init]
fn number() -> u32 {
    1
}

#[kt::init]
fn value() -> Result<u32, String> {
    Ok(1)
}

#[kt::init]
async fn maybe() -> Option<()> {
    None
}

#[kt::init]
fn silent() -> Result<(), Opaque> {
    Err(Opaque)
}

fn main() {}
