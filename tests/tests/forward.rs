//! `cargo kt forward`: TCP ports that lead to a service, and the other way round.

use std::{
    io::Read,
    net::{Ipv4Addr, TcpListener},
};

use tests::{
    Fixture, Project,
    tcp::{assert_leads_to_the_server, connect, forward, server},
};

fn up() -> Project {
    let project = Project::of(Fixture::ONE);
    project.run().success();
    project
}

#[test]
fn connections_to_a_port_here_lead_to_the_service_and_are_closed_in_each_direction_alone() {
    let project = up();
    let target = server().to_string();
    let (forward, port) = forward(&project, &[&format!("0:{target}")]);
    assert_leads_to_the_server(port);
    forward.interrupt();
    forward.finish().success();
    // The service is none the worse.
    project.run().success().prints("visit 2");
}

#[test]
fn connections_to_a_port_of_the_service_lead_here() {
    let project = up();
    let target = server().to_string();
    let (forward, port) = forward(&project, &["--reverse", &format!("0:{target}")]);
    assert_leads_to_the_server(port);
    forward.interrupt();
    forward.finish().success();
    project.run().success().prints("visit 2");
}

#[test]
fn a_port_that_nobody_serves_closes_the_connection_and_says_why() {
    let project = up();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let nobody = free.local_addr().expect("it has an address").port();
    drop(free);
    for reverse in [&[][..], &["--reverse"]] {
        let ports = format!("0:{nobody}");
        let (forward, port) = forward(&project, &[reverse, &[&ports]].concat());
        let mut stream = connect(port);
        let mut answer = Vec::new();
        // An end or a reset.
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty());
        forward.wait_for_error(&format!("failed to connect to port {nobody}"));
        forward.interrupt();
        forward.finish().success();
    }
}

#[test]
fn ports_in_use_bad_ports_and_the_services_end_are_errors() {
    let project = up();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = taken.local_addr().expect("it has an address").port();
    project
        .kt(["forward", &port.to_string()])
        .code(101)
        .says(&format!(
            "error: failed to listen on local port {port}: port is in use"
        ))
        .says("help: use a free port with `cargo kt forward 0:PORT`");
    project
        .kt(["forward", "--reverse", &port.to_string()])
        .code(101)
        .says(&format!(
            "error: failed to listen on port {port} of tester-one"
        ));
    project
        .kt(["forward", "80a"])
        .code(2)
        .says("`80a` is not a port");
    let (forward, _) = forward(&project, &["0:80"]);
    project.kt(["down", "--all"]).success();
    forward
        .finish()
        .code(101)
        .says("error: service `tester-one` stopped, and the connections with it");
}
