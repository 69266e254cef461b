//! A proxy on the loopback interface that can break its connections.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// An HTTP proxy that answers `CONNECT` (RFC 9110, section 9.3.6) and nothing else.
pub struct Proxy {
    address: String,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// Starts a proxy, which runs until the test's process exits.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let connections = Arc::<Mutex<Vec<TcpStream>>>::default();
        let known = Arc::clone(&connections);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let known = Arc::clone(&known);
                thread::spawn(move || {
                    // The test sees the broken connection at its client.
                    let _ = carry(client, &known);
                });
            }
        });
        Self {
            address: format!("http://{address}"),
            connections,
        }
    }

    /// The address, as in `proxy-url` of a kubeconfig's cluster.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// The number of connections through the proxy so far.
    pub fn carried(&self) -> usize {
        lock(&self.connections).len()
    }

    /// Breaks every open connection.
    pub fn cut(&self) {
        for connection in lock(&self.connections).iter() {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn lock(connections: &Mutex<Vec<TcpStream>>) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

fn carry(mut client: TcpStream, known: &Mutex<Vec<TcpStream>>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut parts = head.split_whitespace();
    let (Some("CONNECT"), Some(address)) = (parts.next(), parts.next()) else {
        return client.write_all(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n");
    };
    let mut server = TcpStream::connect(address)?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    lock(known).push(client.try_clone()?);
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let there = thread::spawn(move || {
        let copied = io::copy(&mut from_client, &mut to_server);
        to_server.shutdown(Shutdown::Write).and(copied)
    });
    let back = io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Write);
    let _ = there.join();
    back.map(drop)
}
