//! Requests of `cargo kt state`. All run under the registry's lock, so never during a swap.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use super::{
    super::names::edit_distance,
    LiveState, Registry,
    transfer::{self, Stopped},
};
use crate::{
    codec::format::{Decoder, FormatError, Reader},
    function::path_of,
    state::{descriptor::Migrate, vtable::SOUND},
    wire::{
        limits,
        state::{FormerInfo, Shown, StateAnswer, StateInfo, StateRefused, StateRequest},
    },
};

/// How long a request waits for a lock.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a list waits for each lock.
const LIST_LOCK_TIMEOUT: Duration = Duration::from_millis(100);
/// How long a list may encode a value to measure its size: calls may wait for its lock meanwhile.
const MEASURED: Duration = Duration::from_millis(500);
/// Limit of a value that fits in a message.
const VALUE: usize = limits::WORKER_MESSAGE - 4096;

pub(super) type Answer = Result<StateAnswer, StateRefused>;

impl Registry {
    pub(in crate::worker) fn answer(&mut self, request: StateRequest, users: &Handle) -> Answer {
        match request {
            StateRequest::Former => Ok(StateAnswer::Former(self.formers.list())),
            StateRequest::List => Ok(StateAnswer::List(self.list())),
            StateRequest::Get { key } => self.find(&key)?.show_value().map(StateAnswer::Value),
            StateRequest::Set { key, value } => self.set(&key, value),
            StateRequest::Clear { keys } => self.clear(&keys),
            StateRequest::Drop { keys } => self.forget(&keys, users),
        }
    }

    fn list(&self) -> Vec<StateInfo> {
        let mut all: Vec<_> = self.live.values().map(LiveState::info).collect();
        all.sort_by(|one, other| one.key.cmp(&other.key));
        all
    }

    /// The state with this key, or the only one whose path ends with it.
    fn find(&self, key: &str) -> Result<&LiveState, StateRefused> {
        if let Some(live) = self.live.get(key) {
            return Ok(live);
        }
        let named = |live: &&LiveState| ends(path_of(live.descriptor.key), key);
        let found: Vec<&LiveState> = self.live.values().filter(named).collect();
        match found[..] {
            [only] => Ok(only),
            [] => Err(StateRefused::Unknown {
                key: key.to_owned(),
                nearest: self.nearest(key),
            }),
            _ => {
                let mut keys: Vec<_> = found
                    .iter()
                    .map(|live| live.descriptor.key.to_owned())
                    .collect();
                keys.sort();
                Err(StateRefused::Ambiguous {
                    key: key.to_owned(),
                    keys,
                })
            }
        }
    }

    fn nearest(&self, key: &str) -> Option<String> {
        let last = |path: &str| path.rsplit("::").next().unwrap_or(path).to_owned();
        let wanted = last(key);
        let names = self.live.keys().map(|key| path_of(key));
        names
            .map(|path| (edit_distance(&wanted, &last(path)), path))
            .filter(|(distance, _)| *distance <= wanted.chars().count().max(3) / 3)
            .min()
            .map(|(_, path)| path.to_owned())
    }

    fn set(&mut self, key: &str, value: Vec<u8>) -> Answer {
        let live = self.find(key)?;
        let key = live.descriptor.key;
        let codec = live.vtable.codec.ok_or_else(|| live.no_serde())?;
        let (sender, made) = mpsc::channel();
        let decode: Migrate = codec.decode;
        // This value comes from a user: limit the stack of the decoder's thread.
        let started = std::thread::Builder::new()
            .stack_size(crate::codec::format::STACK)
            .spawn(move || {
                let mut pieces = [vec![SOUND], value].into_iter();
                let mut more = || pieces.next();
                let decoded = crate::fault::catch(|| {
                    let mut decoder = Decoder::new(Reader::Person, &mut more);
                    let made = decode(&mut decoder)?;
                    decoder.end()?;
                    Ok::<_, FormatError>(made)
                });
                let decoded = match decoded {
                    Ok(decoded) => decoded.map_err(Stopped::from),
                    Err(panic) => Err(Stopped::Failed {
                        path: String::new(),
                        reason: format!("its `Deserialize` panicked: {}", panic.message),
                    }),
                };
                let _ = sender.send(decoded);
            });
        started.map_err(|error| StateRefused::Lost {
            reason: error.to_string(),
        })?;
        let made = made.recv().map_err(|error| StateRefused::Lost {
            reason: error.to_string(),
        })?;
        let made = made.map_err(|stopped| refused(key, stopped))?;
        self.put(vec![(key, made)])?;
        Ok(StateAnswer::Done(vec![key.to_owned()]))
    }

    fn clear(&mut self, keys: &[String]) -> Answer {
        let mut chosen = Vec::new();
        for key in keys {
            chosen.push(self.find(key)?.descriptor.key);
        }
        if keys.is_empty() {
            let declared = self.live.values().filter(|live| live.declared);
            chosen.extend(declared.map(|live| live.descriptor.key));
        }
        chosen.sort_unstable();
        chosen.dedup();
        let initial = |key: &&'static str| (*key, self.clone_initial(self.live[key].descriptor));
        self.put(chosen.iter().map(initial).collect())?;
        for key in &chosen {
            if let Some(live) = self.live.get_mut(key) {
                live.initializer = live.descriptor.initializer;
            }
        }
        Ok(StateAnswer::Done(
            chosen.into_iter().map(str::to_owned).collect(),
        ))
    }

    /// Releases detached states, and retries values that swaps reset.
    fn forget(&mut self, keys: &[String], users: &Handle) -> Answer {
        let former = self.formers.list();
        let (mut detached, mut retried) = (Vec::new(), Vec::new());
        for key in keys {
            let found = self.find_former(key, &former)?;
            let has_former = former.iter().any(|former| former.key == found);
            match self.live.get(found) {
                Some(live) if !live.declared => detached.push(live.descriptor.key),
                _ if has_former => retried.push(found.to_owned()),
                _ => {
                    let key = found.to_owned();
                    return Err(StateRefused::InUse { key });
                }
            }
        }
        if keys.is_empty() {
            let all = self.live.values().filter(|live| !live.declared);
            detached.extend(all.map(|live| live.descriptor.key));
            retried.extend(former.iter().map(|former| former.key.clone()));
        }
        detached.sort_unstable();
        detached.dedup();
        let any_detached = !detached.is_empty();
        for key in &detached {
            if let Some(live) = self.live.remove(key) {
                // No current generation declares it, so only calls of former ones may use it.
                self.release(&live, self.newest, users);
            }
        }
        retried.extend(detached.into_iter().map(str::to_owned));
        retried.sort_unstable();
        retried.dedup();
        let chosen: Vec<&str> = retried.iter().map(|key| &**key).collect();
        let still_held = self.formers.retry(&chosen, users);
        match still_held.into_iter().next() {
            // With several keys, drop what can be dropped. Detached states are removed in any case.
            Some(former) if keys.len() == 1 && !any_detached => Err(StateRefused::StillHeld {
                key: former.key,
                held: former.held,
            }),
            _ => Ok(StateAnswer::Done(retried)),
        }
    }

    /// Like [`find`](Self::find), but includes states that only have former values.
    fn find_former<'a>(&self, key: &str, former: &'a [FormerInfo]) -> Result<&'a str, StateRefused>
    where
        'static: 'a,
    {
        match self.find(key) {
            Ok(live) => Ok(live.descriptor.key),
            Err(refused) => {
                let mut former = former.iter().map(|former| &*former.key);
                let named = |found: &&str| *found == key || ends(path_of(found), key);
                former.find(named).ok_or(refused)
            }
        }
    }
}

/// Whether a path equals `end` or ends with it.
fn ends(path: &str, end: &str) -> bool {
    path == end
        || path
            .strip_suffix(end)
            .is_some_and(|rest| rest.ends_with("::"))
}

impl LiveState {
    fn info(&self) -> StateInfo {
        let size = |source| {
            let (begin, mut bytes) = (Instant::now(), 0);
            for piece in transfer::pieces(source, Reader::Program, LIST_LOCK_TIMEOUT) {
                bytes += piece.ok()?.len() as u64;
                if begin.elapsed() > MEASURED {
                    return None;
                }
            }
            Some(bytes)
        };
        StateInfo {
            key: self.descriptor.key.to_owned(),
            type_tokens: self.descriptor.type_tokens.to_owned(),
            keep: self.descriptor.keep,
            file: self.descriptor.file.to_owned(),
            line: self.descriptor.line,
            size: self.descriptor.size as u64,
            encoded: self.source().and_then(size),
            generation: self.generation,
            outcome: self.outcome.clone(),
            declared: self.declared,
            serde: self.vtable.codec.is_some(),
        }
    }

    fn show_value(&self) -> Result<Shown, StateRefused> {
        let key = self.descriptor.key;
        if let Some(source) = self.source() {
            let encoded = transfer::encoded(source, Reader::Person, LOCK_TIMEOUT, VALUE)
                .map_err(|stopped| refused(key, stopped))?;
            // The first byte tells whether a value follows.
            return match encoded {
                Some(bytes) if bytes.len() == 1 => Ok(Shown::Empty),
                Some(mut bytes) => Ok(Shown::Encoded(bytes.split_off(1))),
                None => Err(StateRefused::TooLarge {
                    limit: VALUE as u64,
                }),
            };
        }
        let Some(debug) = self.vtable.debug else {
            return Ok(Shown::Opaque);
        };
        let mut text = String::new();
        // SAFETY: the value is of the type that the vtable belongs to.
        let shown = crate::fault::catch(|| unsafe { debug(self.value, &mut text) });
        match shown {
            Ok(Ok(())) if text.len() > VALUE => Err(StateRefused::TooLarge {
                limit: VALUE as u64,
            }),
            Ok(Ok(())) => Ok(Shown::Debug(text)),
            Ok(Err(_)) => Ok(Shown::Opaque),
            Err(panic) => Err(StateRefused::Failed {
                key: key.to_owned(),
                path: String::new(),
                reason: format!("its `Debug` panicked: {}", panic.message),
            }),
        }
    }

    fn no_serde(&self) -> StateRefused {
        StateRefused::NoSerde {
            key: self.descriptor.key.to_owned(),
            type_tokens: self.descriptor.type_tokens.to_owned(),
        }
    }
}

pub(super) fn refused(key: &str, stopped: Stopped) -> StateRefused {
    let key = key.to_owned();
    match stopped {
        Stopped::Stuck => StateRefused::Busy {
            key: Some(key),
            calls: Vec::new(),
            after_ms: u64::try_from(LOCK_TIMEOUT.as_millis()).unwrap_or(u64::MAX),
        },
        Stopped::Failed { path, reason } => StateRefused::Failed { key, path, reason },
    }
}
