//! Finds, starts, fills and stops services on this machine, as `cargo kt` does. This executable
//! also runs as the hosts and workers.

#[path = "../../../kt-runtime/tests/host/build.rs"]
mod build;
mod delta;
mod fixture;
mod local;
mod ship;
#[cfg(feature = "kubernetes")]
mod stage;
#[path = "../../../kt-runtime/tests/host/worker.rs"]
mod worker;

/// The entry point of the processes that the tests start.
#[test]
#[ignore = "not a test: the processes that the tests start"]
fn process() {
    // Check for a worker first: it inherits its host's environment.
    if std::env::var_os(kt::wire::worker::ENV).is_some() {
        worker::main();
    }
    fixture::host_main();
}
