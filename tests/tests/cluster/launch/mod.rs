//! Launches that cannot succeed: kt fails as soon as this is certain, shows the cluster's message,
//! and deletes what it created.

mod capacity;
mod containers;
mod images;
mod refusals;

use std::time::Duration;

use tests::{Output, Project, assert_error, cluster::Namespace};

/// Far below the launch timeout: kt does not wait for it.
const AT_ONCE: Duration = Duration::from_secs(10);
/// kt waits longer for a pod that fits no node: an autoscaler may report a scale-up.
const AUTOSCALER: Duration = Duration::from_secs(20);

/// Checks that a launch fails within `bound`, and compares the error with the snapshot `name`.
#[track_caller]
fn refused(
    name: &str,
    (namespace, project): (&Namespace, &Project),
    bound: Duration,
    options: &[&str],
) -> Output {
    let output = project
        .kt(["run"].into_iter().chain(options.iter().copied()))
        .code(101);
    let after = detected_after(&output);
    println!("{name}: {after:.1?}");
    assert!(after < bound, "{output:?}");
    assert_eq!(namespace.managed_objects(), [""; 0], "{output:?}");
    assert_error!(name, namespace, *project, output);
    output
}

/// The time after which the command detected the failure, from its error message.
#[track_caller]
fn detected_after(output: &Output) -> Duration {
    let text = output.error().split("detected after ").nth(1);
    let text = text.and_then(|text| text.split("s)").next());
    let parsed = text.and_then(|text| {
        let (number, unit) = match text.strip_suffix('m') {
            Some(millis) => (millis, 1e-3),
            None => (text, 1.0),
        };
        let number: f64 = number.parse().ok()?;
        Some(Duration::from_secs_f64(number * unit))
    });
    parsed.unwrap_or_else(|| panic!("no time in {output:?}"))
}
