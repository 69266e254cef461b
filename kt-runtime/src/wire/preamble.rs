//! The first bytes of a connection, before HTTP/2: the client's version, purpose and token. Their
//! layout never changes, so that any two versions of kt can report the mismatch.
//!
//! ```text
//! client: "KT" | protocol u16 LE | purpose u8 | token length u16 LE | token
//! host:   verdict u8 | text length u16 LE | text
//! ```
//!
//! A host that needs time for its verdict sends [`HEARD`] immediately, in the same layout: so a
//! client distinguishes a host that starts a worker from a host that hangs. A tunnel that must
//! reconnect to its pod first does the same.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use super::{PROTOCOL, VERSION};

const MAGIC: [u8; 2] = *b"KT";
const MAX_TOKEN: u16 = 1024;

/// Not a verdict: the verdict follows.
const HEARD: u8 = 5;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The host answers it: [`control`](super::control).
    Control,
    /// The worker answers it: [`data`](super::data).
    Data,
    /// It carries any number of the other two: [`tunnel`](super::tunnel).
    Tunnel,
}

/// A client's preamble.
#[derive(Debug)]
pub struct Hello {
    pub protocol: u16,
    pub purpose: Purpose,
    pub token: Vec<u8>,
}

/// The host's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Welcome,
    /// The host uses another protocol; its version.
    OtherVersion(String),
    /// Wrong token or wrong user.
    Forbidden,
    /// There is no worker, and why.
    NoWorker(String),
    /// A pod's first stage answers: there is no host yet, and it accepts one. Facts about the
    /// image, one per line.
    Stage(String),
}

/// Sends the preamble and waits for the verdict. After [`HEARD`] the wait has no timeout of its
/// own.
///
/// # Errors
/// `TimedOut` if the peer sends nothing within `limit`, which is
/// [`limits::HEARD`](super::limits::HEARD) for a host.
pub async fn call_on(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    purpose: Purpose,
    token: &[u8],
    limit: Duration,
) -> io::Result<Verdict> {
    let length = u16::try_from(token.len())
        .ok()
        .filter(|&length| length <= MAX_TOKEN);
    let length =
        length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "token too long"))?;
    let mut hello = MAGIC.to_vec();
    hello.extend(PROTOCOL.to_le_bytes());
    hello.push(match purpose {
        Purpose::Control => b'c',
        Purpose::Data => b'd',
        Purpose::Tunnel => b't',
    });
    hello.extend(length.to_le_bytes());
    hello.extend(token);
    stream.write_all(&hello).await?;
    stream.flush().await?;

    let (mut verdict, mut text) = within(limit, read_verdict(stream)).await?;
    // A tunnel may send it before the host does.
    while verdict == HEARD {
        (verdict, text) = read_verdict(stream).await?;
    }
    match verdict {
        0 => Ok(Verdict::Welcome),
        1 => Ok(Verdict::OtherVersion(text)),
        2 => Ok(Verdict::Forbidden),
        3 => Ok(Verdict::NoWorker(text)),
        4 => Ok(Verdict::Stage(text)),
        other => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("unknown verdict {other} in the answer to a preamble"),
        )),
    }
}

async fn within<T>(limit: Duration, answer: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, answer).await.unwrap_or_else(|_| {
        let why = format!("no answer within {limit:?}");
        Err(io::Error::new(io::ErrorKind::TimedOut, why))
    })
}

async fn read_verdict(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, String)> {
    let verdict = stream.read_u8().await?;
    let mut text = vec![0; stream.read_u16_le().await?.into()];
    stream.read_exact(&mut text).await?;
    Ok((verdict, String::from_utf8_lossy(&text).into_owned()))
}

/// Reads a client's preamble. One of another protocol is returned as well: the host answers it with
/// [`Verdict::OtherVersion`].
pub async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Hello> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut magic = [0; 2];
    stream.read_exact(&mut magic).await?;
    if magic != MAGIC {
        return Err(invalid("not a preamble of kt"));
    }
    let protocol = stream.read_u16_le().await?;
    let purpose = match stream.read_u8().await? {
        b'c' => Purpose::Control,
        b'd' => Purpose::Data,
        b't' => Purpose::Tunnel,
        _ => return Err(invalid("unknown purpose in a preamble")),
    };
    let length = stream.read_u16_le().await?;
    if length > MAX_TOKEN {
        return Err(invalid("token too long"));
    }
    let mut token = vec![0; length.into()];
    stream.read_exact(&mut token).await?;
    Ok(Hello {
        protocol,
        purpose,
        token,
    })
}

/// Notifies a client that the verdict will take a while.
pub async fn acknowledge(stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    stream.write_all(&[HEARD, 0, 0]).await?;
    stream.flush().await
}

/// Answers a client's preamble.
pub async fn answer(stream: &mut (impl AsyncWrite + Unpin), verdict: &Verdict) -> io::Result<()> {
    stream.write_all(&encode(verdict)).await?;
    stream.flush().await
}

/// An answer's bytes.
pub fn encode(verdict: &Verdict) -> Vec<u8> {
    let (code, text) = match verdict {
        Verdict::Welcome => (0, ""),
        Verdict::OtherVersion(_) => (1, VERSION),
        Verdict::Forbidden => (2, ""),
        Verdict::NoWorker(why) => (3, why.as_str()),
        Verdict::Stage(facts) => (4, facts.as_str()),
    };
    let mut end = text.len().min(u16::MAX.into());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut bytes = vec![code];
    bytes.extend((end as u16).to_le_bytes());
    bytes.extend(&text.as_bytes()[..end]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::{super::limits, *};

    async fn call(stream: &mut tokio::io::DuplexStream, token: &[u8]) -> io::Result<Verdict> {
        call_on(stream, Purpose::Data, token, limits::HEARD).await
    }

    #[tokio::test]
    async fn both_ends_understand_each_other() {
        for expected in [
            Verdict::Welcome,
            Verdict::OtherVersion(VERSION.into()),
            Verdict::Forbidden,
            Verdict::NoWorker("it died".into()),
            Verdict::Stage("stage=1\n".into()),
        ] {
            let (mut client, mut host) = tokio::io::duplex(64);
            let verdict = tokio::spawn(async move { call(&mut client, b"secret").await });
            let hello = receive(&mut host).await.unwrap();
            assert_eq!(
                (hello.protocol, hello.purpose, &hello.token[..]),
                (PROTOCOL, Purpose::Data, &b"secret"[..])
            );
            if matches!(expected, Verdict::Welcome | Verdict::NoWorker(_)) {
                acknowledge(&mut host).await.unwrap();
            }
            answer(&mut host, &expected).await.unwrap();
            assert_eq!(verdict.await.unwrap().unwrap(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_host_times_out_and_one_that_starts_a_worker_does_not() {
        let (mut client, mut host) = tokio::io::duplex(64);
        let verdict = tokio::spawn(async move { call(&mut client, b"").await });
        receive(&mut host).await.unwrap();
        let error = verdict.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);

        let (mut client, mut host) = tokio::io::duplex(64);
        let verdict = tokio::spawn(async move { call(&mut client, b"").await });
        receive(&mut host).await.unwrap();
        // First the tunnel sends it, then the host.
        for _ in 0..2 {
            acknowledge(&mut host).await.unwrap();
            tokio::time::sleep(4 * limits::HEARD).await;
        }
        answer(&mut host, &Verdict::Welcome).await.unwrap();
        assert_eq!(verdict.await.unwrap().unwrap(), Verdict::Welcome);
    }

    #[tokio::test]
    async fn anything_else_is_refused() {
        for bytes in [
            &b"PRI * HTTP/2.0\r\n"[..],
            b"KT\x01\x00x\x00\x00",
            b"KT\x01\x00c\xff\xff",
        ] {
            assert_eq!(
                receive(&mut &*bytes).await.unwrap_err().kind(),
                io::ErrorKind::InvalidData
            );
        }
    }
}
