//! Takes the parts of a profile as they come, and names their functions.

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

/// How long the host may take for the last part.
const LAST: Duration = Duration::from_secs(10);

/// What a person asked for.
pub(super) struct Wanted {
    pub(super) request: ProfileRequest,
    pub(super) duration: Duration,
    /// Also the frames around the program's.
    pub(super) all: bool,
}

pub(super) struct Profile {
    pub(super) service: String,
    pub(super) started: ProfileStarted,
    pub(super) folded: Folded,
    /// The numbers of all parts.
    pub(super) sums: ProfilePart,
    pub(super) took: Duration,
    /// Why frames have no names.
    pub(super) note: Option<String>,
    pub(super) end: ProfileEnd,
}

/// Profiles for as long as wanted, or until Ctrl-C.
pub(super) async fn record(
    connected: &Connected,
    wanted: &Wanted,
    terminal: &Terminal,
) -> Result<Profile, CommandError> {
    // One for all of it: a signal that comes while a part is taken in counts, too.
    let mut interrupted = signal(SignalKind::interrupt()).map_err(|source| CommandError::Io {
        what: "listen for Ctrl-C".into(),
        source,
    })?;
    let (mut sender, mut frames) = connected.converse(PROFILE, &wanted.request).await?;
    let begun = Instant::now();
    let started: Result<ProfileStarted, SampleRefused> = connected.must_next(&mut frames).await?;
    let started = started.map_err(|refusal| SampleError::Refused {
        service: connected.service.clone(),
        refusal: Box::new(refusal),
    })?;
    terminal.status(
        "Profiling",
        format_args!(
            "{} (worker {}) for {} s at {} Hz; Ctrl-C ends it",
            connected.service,
            started.worker.pid,
            wanted.duration.as_secs_f64(),
            wanted.request.frequency
        ),
    );
    let mut taken = Taken {
        names: stack::names(connected),
        objects: Vec::new(),
        folded: Folded::default(),
        sums: ProfilePart::default(),
        all: wanted.all,
    };
    let mut end = None;
    let deadline = tokio::time::sleep(wanted.duration);
    tokio::pin!(deadline);
    while end.is_none() {
        let part = tokio::select! {
            part = connected.must_next(&mut frames) => part,
            () = &mut deadline => break,
            _ = interrupted.recv() => break,
        };
        end = match part {
            Ok(part) => taken.take(part),
            Err(error) => Some(ProfileEnd::Failed(error.to_string())),
        };
    }
    let took = begun.elapsed();
    if end.is_none() {
        // Its failure shows at the next part.
        let _ = sender.send(Bytes::new(), true).await;
        let rest = async {
            loop {
                match connected.must_next(&mut frames).await {
                    Ok(part) => match taken.take(part) {
                        Some(end) => return end,
                        None => continue,
                    },
                    Err(error) => return ProfileEnd::Failed(error.to_string()),
                }
            }
        };
        let silent = |_| ProfileEnd::Failed("the host did not send the last part".to_owned());
        let rest = tokio::time::timeout(LAST, rest).await;
        end = Some(rest.unwrap_or_else(silent));
    }
    Ok(Profile {
        note: taken.names.note(),
        service: connected.service.clone(),
        started,
        folded: taken.folded,
        sums: taken.sums,
        took,
        end: end.unwrap_or(ProfileEnd::Asked),
    })
}

/// What came so far.
struct Taken {
    names: Names,
    objects: Vec<String>,
    folded: Folded,
    sums: ProfilePart,
    all: bool,
}

impl Taken {
    /// Takes a part in, and returns how the profile ended if it is the last. Names are found at once: a build may remove an object
    /// that no generation uses any more.
    fn take(&mut self, part: ProfilePart) -> Option<ProfileEnd> {
        self.objects.extend(part.objects);
        // New objects are linked with their line tables first.
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
