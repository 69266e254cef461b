//! Hosts as real processes, with workers that are told what to do. Host and worker are this executable, started again.

mod build;
mod connections;
mod deaths;
mod hostile;
mod inspection;
mod lifetime;
mod service;
mod states;
mod swaps;
mod uploads;
mod worker;

/// What the launchers of these tests and [`service`] start.
#[test]
#[ignore = "not a test: the processes that the tests start"]
fn process() {
    // A worker inherits its host's environment: it is looked for first.
    if std::env::var_os(kt::wire::worker::ENV).is_some() {
        worker::main();
    }
    service::host_main();
}
