//! `cargo kt forward`: TCP ports that lead to a service, and the other way round.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use tests::{Fixture, Project, Running};

/// How long a connection may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

fn up() -> Project {
    let project = Project::of(Fixture::ONE);
    project.run().success();
    project
}

/// A server that reads to the end of what comes, and only then answers: with the same bytes the other way round.
fn server() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = listener.local_addr().expect("it has an address").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut stream = stream;
                let mut bytes = Vec::new();
                // What is cut off is not answered.
                if stream.read_to_end(&mut bytes).is_ok() {
                    bytes.reverse();
                    let _ = stream.write_all(&bytes);
                }
            });
        }
    });
    port
}

/// Starts a forward, and says on which port it listens.
fn forward(project: &Project, arguments: &[&str]) -> (Running, u16) {
    let running = project.spawn_kt(["forward"].iter().chain(arguments).copied());
    let said = running.wait_for_error("Forwarding");
    // `Forwarding 127.0.0.1:N to port P`, `Forwarding port N of SERVICE to port P here`
    let mut numbers = said
        .split([' ', ':'])
        .filter_map(|word| word.parse::<u16>().ok());
    let port = numbers.next().expect("it names the port");
    (running, port)
}

#[track_caller]
fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("somebody listens");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("it can be set");
    stream
}

/// Sends so many bytes, ends that direction, and compares the answer.
#[track_caller]
fn converse(port: u16, length: usize) {
    let mut stream = connect(port);
    let sent: Vec<u8> = (0..length).map(|number| (number % 251) as u8).collect();
    let mut sender = stream.try_clone().expect("a descriptor can be had");
    let mut expected = sent.clone();
    expected.reverse();
    let sending = thread::spawn(move || {
        sender.write_all(&sent).expect("it takes all");
        sender.shutdown(Shutdown::Write).expect("it is open");
    });
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    sending.join().expect("the sender does not panic");
    assert!(answer == expected, "{} of {length} bytes", answer.len());
}

/// Small and large ones, many at once.
fn assert_leads_to_the_server(port: u16) {
    for length in [0, 1, 5_000_000] {
        converse(port, length);
    }
    let many: Vec<_> = (0..100)
        .map(|number| thread::spawn(move || converse(port, number * 1000)))
        .collect();
    for one in many {
        one.join().expect("each is answered");
    }
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
        forward.wait_for_error(&format!("no connection to port {nobody}"));
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
            "error: failed to listen on port {port} of this machine: another program has it"
        ))
        .says("help: `cargo kt forward 0:PORT`");
    project
        .kt(["forward", "--reverse", &port.to_string()])
        .code(101)
        .says(&format!(
            "error: failed to listen on port {port} of tester-one"
        ));
    project
        .kt(["forward", "80a"])
        .code(2)
        .says("`80a` is no port");
    let (forward, _) = forward(&project, &["0:80"]);
    project.kt(["down", "--all"]).success();
    forward
        .finish()
        .code(101)
        .says("error: service `tester-one` ended, and the connections with it");
}
