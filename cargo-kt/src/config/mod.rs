//! MINIMAL STAND-IN
use std::time::Duration;
#[derive(Debug, Clone)]
pub struct Service {
    pub context: Option<String>, pub namespace: Option<String>, pub image: String, pub cpu: String, pub memory: String,
    pub launch_timeout: Duration, pub keep: bool, pub inactivity_ttl: Duration, pub body_limit: usize,
}
impl Service {
    pub fn from_env() -> Option<Self> {
        let var = |name: &str| std::env::var(name).ok();
        if var("KT_PLACE").as_deref() != Some("kubernetes") { return None; }
        Some(Self {
            context: var("KT_CONTEXT"), namespace: var("KT_NAMESPACE"), image: var("KT_IMAGE").unwrap_or("kt.test/debian:12".into()),
            cpu: var("KT_CPU").unwrap_or("500m".into()), memory: var("KT_MEMORY").unwrap_or("1Gi".into()),
            launch_timeout: Duration::from_secs(60), keep: false, inactivity_ttl: Duration::from_secs(600), body_limit: kt::wire::limits::BODY,
        })
    }
}
