//! Services on this machine, as `cargo kt` finds, starts, fills and ends them. Hosts and workers are this executable,
//! started again.

#[path = "../../../kt-runtime/tests/host/build.rs"]
mod build;
mod delta;
mod fixture;
mod local;
mod ship;
#[path = "../../../kt-runtime/tests/host/worker.rs"]
mod worker;

/// What the tests start.
#[test]
#[ignore = "not a test: the processes that the tests start"]
fn process() {
    // A worker inherits its host's environment: it is looked for first.
    if std::env::var_os(kt::wire::worker::ENV).is_some() {
        worker::main();
    }
    fixture::host_main();
}
