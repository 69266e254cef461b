//! What `cargo kt state` asks for. All of it happens under the registry's lock, so never during a swap.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use super::{
    super::names::edit_distance,
    Held, Registry,
    transfer::{self, Stopped},
};
use crate::{
    codec::format::{Decoder, FormatError, Reader},
    function::path_of,
    state::{abilities::SOUND, descriptor::Migrate},
    wire::{
        limits,
        state::{FormerInfo, Shown, StateAnswer, StateInfo, StateRefused, StateRequest},
    },
};

/// How long a lock may keep a question waiting.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// How long a list waits for a lock.
const MOMENT: Duration = Duration::from_millis(100);
/// How long a list encodes a value to tell how much it holds: calls may wait for its lock meanwhile.
const MEASURED: Duration = Duration::from_millis(500);
/// Limit of a value that travels in a message.
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
        let mut all: Vec<_> = self.held.values().map(Held::info).collect();
        all.sort_by(|one, other| one.key.cmp(&other.key));
        all
    }

    /// The state with this key, or the only one whose path ends so.
    fn find(&self, key: &str) -> Result<&Held, StateRefused> {
        if let Some(held) = self.held.get(key) {
            return Ok(held);
        }
        let named = |held: &&Held| ends(path_of(held.descriptor.key), key);
        let found: Vec<&Held> = self.held.values().filter(named).collect();
        match found[..] {
            [only] => Ok(only),
            [] => Err(StateRefused::Unknown {
                key: key.to_owned(),
                nearest: self.nearest(key),
            }),
            _ => {
                let mut keys: Vec<_> = found
                    .iter()
                    .map(|held| held.descriptor.key.to_owned())
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
        let names = self.held.keys().map(|key| path_of(key));
        names
            .map(|path| (edit_distance(&wanted, &last(path)), path))
            .filter(|(distance, _)| *distance <= wanted.chars().count().max(3) / 3)
            .min()
            .map(|(_, path)| path.to_owned())
    }

    fn set(&mut self, key: &str, value: Vec<u8>) -> Answer {
        let held = self.find(key)?;
        let key = held.descriptor.key;
        let codec = held.abilities.codec.ok_or_else(|| held.no_serde())?;
        let (told, made) = mpsc::channel();
        let decode: Migrate = codec.decode;
        // Of a person's hand, which the worker's own decoding is not.
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
                let _ = told.send(decoded);
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
            let declared = self.held.values().filter(|held| held.declared);
            chosen.extend(declared.map(|held| held.descriptor.key));
        }
        chosen.sort_unstable();
        chosen.dedup();
        let initial = |key: &&'static str| (*key, self.again(self.held[key].descriptor));
        self.put(chosen.iter().map(initial).collect())?;
        for key in &chosen {
            if let Some(held) = self.held.get_mut(key) {
                held.initialiser = held.descriptor.initialiser;
            }
        }
        Ok(StateAnswer::Done(
            chosen.into_iter().map(str::to_owned).collect(),
        ))
    }

    /// Lets go of states that the program does not have any more, and tries so again with what swaps reset.
    fn forget(&mut self, keys: &[String], users: &Handle) -> Answer {
        let former = self.formers.list();
        let (mut aside, mut again) = (Vec::new(), Vec::new());
        for key in keys {
            let held = self.find_former(key, &former)?;
            let has_former = former.iter().any(|former| former.key == held);
            match self.held.get(held) {
                Some(held) if !held.declared => aside.push(held.descriptor.key),
                _ if has_former => again.push(held.to_owned()),
                _ => {
                    let key = held.to_owned();
                    return Err(StateRefused::InUse { key });
                }
            }
        }
        if keys.is_empty() {
            let all = self.held.values().filter(|held| !held.declared);
            aside.extend(all.map(|held| held.descriptor.key));
            again.extend(former.iter().map(|former| former.key.clone()));
        }
        aside.sort_unstable();
        aside.dedup();
        let set_aside = !aside.is_empty();
        for key in &aside {
            if let Some(held) = self.held.remove(key) {
                // No generation has it, so all that may use it are former ones.
                self.let_go(&held, self.newest, users);
            }
        }
        again.extend(aside.into_iter().map(str::to_owned));
        again.sort_unstable();
        again.dedup();
        let chosen: Vec<&str> = again.iter().map(|key| &**key).collect();
        let held = self.formers.retry(&chosen, users);
        match held.into_iter().next() {
            // Of several, what can be dropped is. What was set aside is forgotten in any case.
            Some(former) if keys.len() == 1 && !set_aside => Err(StateRefused::StillHeld {
                key: former.key,
                held: former.held,
            }),
            _ => Ok(StateAnswer::Done(again)),
        }
    }

    /// As [`find`](Self::find), of a state that may have former values only.
    fn find_former<'a>(&self, key: &str, former: &'a [FormerInfo]) -> Result<&'a str, StateRefused>
    where
        'static: 'a,
    {
        match self.find(key) {
            Ok(held) => Ok(held.descriptor.key),
            Err(refused) => {
                let mut former = former.iter().map(|former| &*former.key);
                let named = |found: &&str| *found == key || ends(path_of(found), key);
                former.find(named).ok_or(refused)
            }
        }
    }
}

/// Whether a path is this, or ends so.
fn ends(path: &str, end: &str) -> bool {
    path == end
        || path
            .strip_suffix(end)
            .is_some_and(|rest| rest.ends_with("::"))
}

impl Held {
    fn info(&self) -> StateInfo {
        let size = |source| {
            let (begin, mut bytes) = (Instant::now(), 0);
            for piece in transfer::pieces(source, Reader::Program, MOMENT) {
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
            serde: self.abilities.codec.is_some(),
        }
    }

    fn show_value(&self) -> Result<Shown, StateRefused> {
        let key = self.descriptor.key;
        if let Some(source) = self.source() {
            let encoded = transfer::encoded(source, Reader::Person, PATIENCE, VALUE)
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
        let Some(debug) = self.abilities.debug else {
            return Ok(Shown::Opaque);
        };
        let mut text = String::new();
        // SAFETY: the value is of the type that the ability belongs to.
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
            after_ms: u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX),
        },
        Stopped::Failed { path, reason } => StateRefused::Failed { key, path, reason },
    }
}
