//! Our half of the conversation that `program/conversation.rs` describes.

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
    time::timeout,
};

use super::{Facts, HostImage, StageError};

/// How long a first answer may take: another client may just have the stage's attention.
const GREETING: Duration = Duration::from_secs(15);
/// How long the pod may pause while the host is on its way to it.
const STALLED: Duration = Duration::from_secs(60);
/// How long the host may take from its execution to its first answer.
const START: Duration = Duration::from_secs(20);
/// How long a refusal is waited for once the connection has broken.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Bytes that are sent at once.
const PIECE: usize = 256 << 10;

/// How far the host has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uploading {
    /// Compressed bytes that the pod has or that are on their way.
    pub sent: u64,
    pub total: u64,
}

/// How a stream came to be a tunnel's.
#[derive(Debug, Clone)]
pub struct Entered {
    /// What the first stage said; `None` if the host was there already.
    pub facts: Option<Facts>,
    /// Compressed bytes that were sent.
    pub sent: u64,
    /// From the first stage's answer to the host's last byte.
    pub upload: Duration,
    /// From there to the host's welcome.
    pub start: Duration,
}

/// Says hello as a tunnel and, if a first stage answers, sends it the host. Afterwards HTTP/2 starts on the stream.
///
/// # Errors
/// If the pod does not let us in, the host cannot live there, or does not get there or start.
pub async fn enter<S>(
    stream: &mut S,
    token: &[u8],
    host: &HostImage,
    progress: &mut (dyn FnMut(Uploading) + Send),
) -> Result<Entered, StageError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let facts = match greet(stream, token, GREETING, "to our greeting").await? {
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
    let begun = Instant::now();
    let other = match facts.architecture == host.architecture {
        true => None,
        false => Some(host.for_architecture(&facts.architecture)?),
    };
    let host = other.as_ref().unwrap_or(host);
    facts.check(host)?;
    let carrying = match facts.is_too_old_for(host) {
        true => Some(carrying(host).await?),
        false => None,
    };
    let host = carrying.as_ref().unwrap_or(host);
    // It is larger now.
    facts.check(host)?;
    let sent = upload(stream, host, progress).await?;
    let (upload, begun) = (begun.elapsed(), Instant::now());
    match greet(stream, token, START, "after the host was started").await {
        Ok(Verdict::Stage(facts)) => {
            let words = Facts::parse(&facts).problem;
            return Err(StageError::HostStart {
                words: words.unwrap_or_else(|| "for no reason that is known".to_owned()),
            });
        }
        Ok(other) => welcome(other)?,
        Err(StageError::Connection { source, .. }) => {
            return Err(StageError::HostStart {
                words: format!("it ended at once ({source})"),
            });
        }
        Err(error) => return Err(error),
    }
    Ok(Entered {
        facts: Some(facts),
        sent,
        upload,
        start: begun.elapsed(),
    })
}

async fn greet(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    token: &[u8],
    after: Duration,
    doing: &'static str,
) -> Result<Verdict, StageError> {
    // Neither a stage nor a host says of a tunnel that its verdict comes: the silence before it is all of the wait.
    let hello = preamble::call_on(stream, Purpose::Tunnel, token, after);
    bounded(after, doing, hello).await
}

/// The host with its own glibc. The first time that takes as long as compressing it, and the stage is patient.
async fn carrying(host: &HostImage) -> Result<HostImage, StageError> {
    let host = host.clone();
    let made = tokio::task::spawn_blocking(move || host.with_libraries()).await;
    made.unwrap_or_else(|ended| std::panic::resume_unwind(ended.into_panic()))
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

/// Sends what the stage lacks, and returns how many bytes that were.
async fn upload<S>(
    stream: &mut S,
    host: &HostImage,
    progress: &mut (dyn FnMut(Uploading) + Send),
) -> Result<u64, StageError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let doing = "while the host was sent";
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
        what: format!("{text:?} bytes are there"),
    })?;

    // Some megabytes, most likely in memory already.
    let content = fs::read(&host.path).map_err(StageError::io("read", &host.path))?;
    let rest = usize::try_from(present)
        .ok()
        .and_then(|present| content.get(present..))
        .filter(|_| content.len() as u64 == host.compressed);
    let rest = rest.ok_or_else(|| StageError::NoHost {
        path: host.path.clone(),
        why: "it is not as long as it was when it was made".to_owned(),
    })?;
    let (mut sent, total) = (present, host.compressed);
    progress(Uploading { sent, total });
    // A refusal may come at any time.
    let mut answered = pin!(answer(&mut reader));
    for piece in rest.chunks(PIECE) {
        let writing = bounded(STALLED, doing, writer.write_all(piece));
        tokio::select! {
            biased;
            answered = &mut answered => {
                let words = connection(doing, answered)??;
                return Err(StageError::Unexpected { what: format!("{words:?} before the end") });
            }
            written = writing => if let Err(error) = written {
                return match timeout(LAST_WORDS, answered).await {
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

/// What the stage says; the inner result is its refusal.
async fn answer(
    reader: &mut (impl AsyncRead + Unpin),
) -> std::io::Result<Result<String, StageError>> {
    let code = reader.read_u8().await?;
    let mut text = vec![0; reader.read_u16_le().await?.into()];
    reader.read_exact(&mut text).await?;
    let words = String::from_utf8_lossy(&text).into_owned();
    Ok(match code {
        0 => Ok(words),
        1 => Err(StageError::Refused { words }),
        other => Err(StageError::Unexpected {
            what: format!("answer {other} {words:?}"),
        }),
    })
}

async fn bounded<T>(
    after: Duration,
    doing: &'static str,
    work: impl Future<Output = std::io::Result<T>>,
) -> Result<T, StageError> {
    match timeout(after, work).await {
        Err(_) => Err(StageError::Silent { doing, after }),
        Ok(Err(error)) if error.kind() == ErrorKind::TimedOut => {
            Err(StageError::Silent { doing, after })
        }
        Ok(done) => connection(doing, done),
    }
}

fn connection<T>(doing: &'static str, done: std::io::Result<T>) -> Result<T, StageError> {
    done.map_err(|source| StageError::Connection { doing, source })
}
