//! The attribute leaves `main` unchanged, above another attribute and below it.

#[kt::service(
    image = "debian:12-slim",
    cpu = "500m",
    gpus = 1,
    keep = true,
    env = { RUST_LOG = "info", "a.b" = 2 },
    image_pull_secrets = ["one", "two"],
    tolerations = "[{key: gpu, operator: Exists}]",
)]
#[tokio::main]
async fn main() -> Result<(), kt::Error> {
    tokio::task::yield_now().await;
    Ok(())
}
