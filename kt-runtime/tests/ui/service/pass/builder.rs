//! Every setter with its arguments.

#![deny(warnings)]
#![forbid(unsafe_code, dead_code)]

#[kt::service]
const SERVICE: kt::Service = kt::Service::new()
    .place("kubernetes")
    .context("work")
    .namespace("dev")
    .name("texts")
    .inactivity_ttl("30m")
    .launch_timeout("2m")
    .body_limit(1_000_000)
    .keep(true)
    .image("debian:12-slim")
    .image_pull_policy("IfNotPresent")
    .image_pull_secret("registry")
    .image_pull_secret("other-registry")
    .replicas(1)
    .cpu("500m")
    .memory("512Mi")
    .ephemeral_storage("1Gi")
    .gpus(1)
    .gpu_resource("amd.com/gpu")
    .env("RUST_LOG", "info")
    .env("RUST_BACKTRACE", "1")
    .secret_env("database")
    .secret_files("tls", "/etc/tls")
    .volume_claim("models", "/models", "models")
    .volume_empty_dir("scratch", "/scratch", "1Gi")
    .volume_host_path("data", "/data", "/mnt/data")
    .working_dir("/scratch")
    .user(1000)
    .node_selector("disk", "ssd")
    .toleration("{key: gpu, operator: Exists}")
    .affinity("{}")
    .priority_class("high")
    .runtime_class("gvisor")
    .service_account("texts")
    .label("team", "search")
    .annotation("note", "a text")
    .pod_template("{spec: {hostname: texts}}");

#[kt::service(cpu = "2")]
fn main() {}
