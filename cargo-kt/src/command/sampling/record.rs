//! Receives the parts of a profile and resolves function names.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kt::wire::sample::{
    PROFILE, ProfileEnd, ProfilePart, ProfileRequest, ProfileStarted, SampleRefused,
};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    command::{CommandError, stack},
    place::Connected,
    stacks::{Folded, Names, SampleError},
    terminal::Terminal,
};

/// Timeout for the last part.
const LAST_PART_TIMEOUT: Duration = Duration::from_secs(10);

/// The options of the command line.
pub(super) struct ProfileOptions {
    pub(super) request: ProfileRequest,
    pub(super) duration: Duration,
    /// Whether to include the frames around the program's.
    pub(super) all: bool,
}

pub(super) struct Profile {
    pub(super) service: String,
    pub(super) started: ProfileStarted,
    pub(super) folded: Folded,
    /// The sums over all parts.
    pub(super) sums: ProfilePart,
    pub(super) took: Duration,
    /// The reason why frames have no names.
    pub(super) note: Option<String>,
    pub(super) end: ProfileEnd,
}

/// Profiles for the given duration, or until Ctrl-C.
pub(super) async fn record(
    connected: &Connected,
    options: &ProfileOptions,
    terminal: &Terminal,
) -> Result<Profile, CommandError> {
    // One listener for the whole profile: it also catches a signal that arrives while a part is
    // processed.
    let mut interrupted = signal(SignalKind::interrupt()).map_err(|source| CommandError::Io {
        what: "listen for Ctrl-C".into(),
        source,
    })?;
    let (mut sender, mut frames) = connected.converse(PROFILE, &options.request).await?;
    let started_at = Instant::now();
    let started: Result<ProfileStarted, SampleRefused> = connected.must_next(&mut frames).await?;
    let started = started.map_err(|refusal| SampleError::Refused {
        service: connected.service.clone(),
        refusal: Box::new(refusal),
    })?;
    terminal.status(
        "Profiling",
        format_args!(
            "{} (worker {}) for {} s at {} Hz; press Ctrl-C to stop",
            connected.service,
            started.worker.pid,
            options.duration.as_secs_f64(),
            options.request.frequency
        ),
    );
    let mut recording = Recording {
        names: stack::names(connected),
        objects: Vec::new(),
        folded: Folded::default(),
        sums: ProfilePart::default(),
        all: options.all,
    };
    let mut end = None;
    let deadline = tokio::time::sleep(options.duration);
    tokio::pin!(deadline);
    while end.is_none() {
        let part = tokio::select! {
            part = connected.must_next(&mut frames) => part,
            () = &mut deadline => break,
            _ = interrupted.recv() => break,
        };
        end = match part {
            Ok(part) => recording.take(part),
            Err(error) => Some(ProfileEnd::Failed(error.to_string())),
        };
    }
    let took = started_at.elapsed();
    if end.is_none() {
        // A failure is reported by the next part.
        let _ = sender.send(Bytes::new(), true).await;
        let rest = async {
            loop {
                match connected.must_next(&mut frames).await {
                    Ok(part) => match recording.take(part) {
                        Some(end) => return end,
                        None => continue,
                    },
                    Err(error) => return ProfileEnd::Failed(error.to_string()),
                }
            }
        };
        let silent = |_| ProfileEnd::Failed("the host did not send the last part".to_owned());
        let rest = tokio::time::timeout(LAST_PART_TIMEOUT, rest).await;
        end = Some(rest.unwrap_or_else(silent));
    }
    Ok(Profile {
        note: recording.names.note(),
        service: connected.service.clone(),
        started,
        folded: recording.folded,
        sums: recording.sums,
        took,
        end: end.unwrap_or(ProfileEnd::Asked),
    })
}

/// The parts received so far.
struct Recording {
    names: Names,
    objects: Vec<String>,
    folded: Folded,
    sums: ProfilePart,
    all: bool,
}

impl Recording {
    /// Adds a part. Returns how the profile ended if it is the last. Resolves names immediately: a
    /// build may remove an object that no generation uses any more.
    fn take(&mut self, part: ProfilePart) -> Option<ProfileEnd> {
        self.objects.extend(part.objects);
        // Linking new objects with their line tables blocks.
        tokio::task::block_in_place(|| {
            for counted in &part.stacks {
                let stack = self.names.stack(&counted.stack, &self.objects);
                self.folded
                    .add(&counted.thread, &stack, counted.count, self.all);
            }
        });
        let sums = &mut self.sums;
        sums.looks += part.looks;
        sums.skipped += part.skipped;
        sums.missed += part.missed;
        sums.stood_us += part.stood_us;
        sums.longest_us = sums.longest_us.max(part.longest_us);
        sums.sampler_us += part.sampler_us;
        part.ended
    }
}
