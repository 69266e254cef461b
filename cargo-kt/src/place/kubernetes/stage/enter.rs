//! The client's side of the protocol in `cargo-kt/first-stage/src/conversation.rs`.

use std::{
    fs,
    future::Future,
    io::ErrorKind,
    pin::pin,
    time::{Duration, Instant},
};

use kt::wire::{
    VERSION, limits,
    preamble::{self, Purpose, Verdict},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    time,
};

use super::{Facts, HostImage, StageError};

/// Timeout for the first answer: the first stage serves one client at a time.
const GREETING: Duration = Duration::from_secs(15);
/// Timeout for each step of the upload.
const STALLED: Duration = Duration::from_secs(60);
/// Timeout for the host's first answer after it is executed.
const START: Duration = Duration::from_secs(20);
/// How long to wait for a refusal after a write failed.
const REFUSAL: Duration = Duration::from_secs(2);
/// Bytes per write.
const PIECE: usize = 256 << 10;

/// The progress of the host's upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uploading {
    /// Compressed bytes that the pod has, or that were written to the stream.
    pub sent: u64,
    pub total: u64,
}

/// How a stream became a tunnel.
#[derive(Debug, Clone)]
pub struct Entered {
    /// The first stage's facts; `None` if the host was already running.
    pub facts: Option<Facts>,
    /// Sent compressed bytes.
    pub sent: u64,
    /// Time from the first stage's answer to the host's last byte.
    pub upload: Duration,
    /// Time from the last byte to the host's answer.
    pub start: Duration,
}

/// Sends the preamble of a tunnel and, if a first stage answers, the host. HTTP/2 can start on the
/// stream afterwards.
///
/// # Errors
/// If the pod rejects the token, the host cannot run in it, or the upload or the start fails.
pub async fn enter<S>(
    stream: &mut S,
    token: &[u8],
    host: &HostImage,
    progress: &mut (dyn FnMut(Uploading) + Send),
) -> Result<Entered, StageError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let facts = match greet(stream, token, GREETING, "to the preamble").await? {
        Verdict::Stage(facts) => Facts::parse(&facts),
        other => {
            welcome(other)?;
            return Ok(Entered {
                facts: None,
                sent: 0,
                upload: Duration::ZERO,
                start: Duration::ZERO,
            });
        }
    };
    let started = Instant::now();
    let other = match facts.architecture == host.architecture {
        true => None,
        false => Some(host.for_architecture(&facts.architecture)?),
    };
    let host = other.as_ref().unwrap_or(host);
    facts.check(host)?;
    let with_libraries = match facts.is_too_old_for(host) {
        true => Some(with_libraries(host).await?),
        false => None,
    };
    let host = with_libraries.as_ref().unwrap_or(host);
    // Check the larger host again.
    facts.check(host)?;
    let sent = upload(stream, host, progress).await?;
    let (upload, started) = (started.elapsed(), Instant::now());
    match greet(stream, token, START, "after the host was started").await {
        Ok(Verdict::Stage(facts)) => {
            let reason = Facts::parse(&facts).problem;
            return Err(StageError::HostStart {
                reason: reason.unwrap_or_else(|| "unknown reason".to_owned()),
            });
        }
        Ok(other) => welcome(other)?,
        Err(StageError::Connection { source, .. }) => {
            return Err(StageError::HostStart {
                reason: format!("it exited before it answered ({source})"),
            });
        }
        Err(error) => return Err(error),
    }
    Ok(Entered {
        facts: Some(facts),
        sent,
        upload,
        start: started.elapsed(),
    })
}

async fn greet(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    token: &[u8],
    timeout: Duration,
    doing: &'static str,
) -> Result<Verdict, StageError> {
    // Neither the first stage nor the host sends `HEARD` to a tunnel: this bounds the whole wait.
    let hello = preamble::call_on(stream, Purpose::Tunnel, token, timeout);
    bounded(timeout, doing, hello).await
}

/// The host with its own glibc. The first call compresses it; the first stage's timeout allows for
/// that.
async fn with_libraries(host: &HostImage) -> Result<HostImage, StageError> {
    let host = host.clone();
    let image = tokio::task::spawn_blocking(move || host.with_libraries()).await;
    image.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

fn welcome(verdict: Verdict) -> Result<(), StageError> {
    match verdict {
        Verdict::Welcome => Ok(()),
        Verdict::Forbidden => Err(StageError::Forbidden),
        Verdict::OtherVersion(theirs) => Err(StageError::OtherVersion {
            theirs,
            ours: VERSION,
        }),
        Verdict::NoWorker(what) | Verdict::Stage(what) => Err(StageError::Unexpected { what }),
    }
}

/// Sends the bytes that the first stage lacks and returns their number.
async fn upload<S>(
    stream: &mut S,
    host: &HostImage,
    progress: &mut (dyn FnMut(Uploading) + Send),
) -> Result<u64, StageError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let doing = "during the upload of the host";
    let mut offer = vec![1];
    offer.extend(host.length.to_le_bytes());
    offer.extend(host.compressed.to_le_bytes());
    offer.extend(host.hash);
    let (mut reader, mut writer) = split(stream);
    let offered = async {
        writer.write_all(&offer).await?;
        writer.flush().await
    };
    bounded(limits::HANDSHAKE, doing, offered).await?;
    let text = bounded(STALLED, doing, answer(&mut reader)).await??;
    let present: u64 = text.parse().map_err(|_| StageError::Unexpected {
        what: format!("{text:?} instead of a number of bytes"),
    })?;

    // A few megabytes, usually in the page cache.
    let content = fs::read(&host.path).map_err(StageError::io("read", &host.path))?;
    let rest = usize::try_from(present)
        .ok()
        .and_then(|present| content.get(present..))
        .filter(|_| content.len() as u64 == host.compressed);
    let rest = rest.ok_or_else(|| StageError::NoHost {
        path: host.path.clone(),
        why: "its size changed since it was written".to_owned(),
    })?;
    let (mut sent, total) = (present, host.compressed);
    progress(Uploading { sent, total });
    // The first stage may refuse at any time.
    let mut answered = pin!(answer(&mut reader));
    for piece in rest.chunks(PIECE) {
        let writing = bounded(STALLED, doing, writer.write_all(piece));
        tokio::select! {
            biased;
            answered = &mut answered => {
                let text = connection(doing, answered)??;
                let what = format!("{text:?} before the last byte");
                return Err(StageError::Unexpected { what });
            }
            written = writing => if let Err(error) = written {
                return match time::timeout(REFUSAL, answered).await {
                    Ok(Ok(Err(refused))) => Err(refused),
                    _ => Err(error),
                };
            }
        }
        sent += piece.len() as u64;
        progress(Uploading { sent, total });
    }
    bounded(limits::HANDSHAKE, doing, writer.flush()).await?;
    bounded(STALLED, doing, answered).await??;
    Ok(total - present)
}

/// Reads an answer of the first stage. The inner error is a refusal.
async fn answer(
    reader: &mut (impl AsyncRead + Unpin),
) -> std::io::Result<Result<String, StageError>> {
    let code = reader.read_u8().await?;
    let mut text = vec![0; reader.read_u16_le().await?.into()];
    reader.read_exact(&mut text).await?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(match code {
        0 => Ok(text),
        1 => Err(StageError::Refused { reason: text }),
        other => Err(StageError::Unexpected {
            what: format!("answer {other} {text:?}"),
        }),
    })
}

async fn bounded<T>(
    timeout: Duration,
    doing: &'static str,
    work: impl Future<Output = std::io::Result<T>>,
) -> Result<T, StageError> {
    match time::timeout(timeout, work).await {
        Err(_) => Err(StageError::Silent { doing, timeout }),
        Ok(Err(error)) if error.kind() == ErrorKind::TimedOut => {
            Err(StageError::Silent { doing, timeout })
        }
        Ok(done) => connection(doing, done),
    }
}

fn connection<T>(doing: &'static str, done: std::io::Result<T>) -> Result<T, StageError> {
    done.map_err(|source| StageError::Connection { doing, source })
}
