//! Forwarded ports: a server that distinguishes a half-closed connection from a closed one, and its
//! clients.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use crate::{Project, Running, noise};

/// The read timeout of a connection.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Starts a server that reads to the end of the input, and then answers with the same bytes in
/// reverse order.
pub fn server() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = listener.local_addr().expect("it has an address").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut stream = stream;
                let mut bytes = Vec::new();
                // A connection that is cut gets no answer.
                if stream.read_to_end(&mut bytes).is_ok() {
                    bytes.reverse();
                    let _ = stream.write_all(&bytes);
                }
            });
        }
    });
    port
}

/// Starts a forward and returns the port that it listens on.
pub fn forward(project: &Project, arguments: &[&str]) -> (Running, u16) {
    let running = project.spawn_kt(["forward"].iter().chain(arguments).copied());
    let line = running.wait_for_error("Forwarding");
    // `Forwarding 127.0.0.1:N to port P`, `Forwarding port N of SERVICE to port P here`
    let mut numbers = line
        .split([' ', ':'])
        .filter_map(|word| word.parse::<u16>().ok());
    let port = numbers.next().expect("the line contains the port");
    (running, port)
}

#[track_caller]
pub fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the port is open");
    stream
        .set_read_timeout(Some(TIMEOUT))
        .expect("it can be set");
    stream
}

/// Sends `length` bytes, closes that direction, and compares the answer.
#[track_caller]
pub fn converse(port: u16, length: usize) {
    let mut stream = connect(port);
    let sent = noise(length);
    let mut sender = stream.try_clone().expect("a descriptor can be cloned");
    let mut expected = sent.clone();
    expected.reverse();
    let sending = thread::spawn(move || {
        sender.write_all(&sent).expect("the peer reads all of it");
        sender.shutdown(Shutdown::Write).expect("it is open");
    });
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    sending.join().expect("the sender does not panic");
    assert!(answer == expected, "{} of {length} bytes", answer.len());
}

/// Many concurrent transfers, small and large.
pub fn assert_leads_to_the_server(port: u16) {
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
