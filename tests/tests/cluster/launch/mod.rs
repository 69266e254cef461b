//! Launches that cannot succeed: said as soon as it is certain, in the cluster's own words, and nothing is left.

mod containers;
mod images;
mod refusals;
mod room;

use std::time::Duration;

use tests::{Output, Project, assert_error, cluster::Namespace};

/// Far below the launch timeout: nobody waited for it.
const AT_ONCE: Duration = Duration::from_secs(10);
/// A pod that does not fit is waited for as long as an autoscaler may need to say what it does about that.
const AUTOSCALER: Duration = Duration::from_secs(20);

/// A launch that fails for a cause which is certain within `bound`; compared with the snapshot of its name.
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
    assert_eq!(namespace.ours(), [""; 0], "{output:?}");
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
