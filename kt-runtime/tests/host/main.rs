//! Hosts as real processes, with scripted workers. Host and worker are further processes of this
//! executable.

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

/// The entry point of hosts and workers, started by [`service`] and by the tests' launchers.
#[test]
#[ignore = "not a test: the processes that the tests start"]
fn process() {
    // A worker inherits its host's environment, so check for a worker first.
    if std::env::var_os(kt::wire::worker::ENV).is_some() {
        worker::main();
    }
    service::host_main();
}
