//! Values that a swap reset. They are released once no call of the code that created them runs.
//!
//! Threads and tasks of old code may access such a value for the whole life of the process, so its
//! memory is never freed. A value inside a lock can still be dropped: an unused initial value takes
//! its place, and no reference to the old one can exist while the lock is held. A value without a
//! lock stays, and is listed.

mod release;

use std::{
    ptr::NonNull,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use release::{run_hook, take, user_thread};

use super::LiveState;
use crate::{
    function::path_of,
    state::StateDescriptor,
    wire::{
        Generation,
        state::{FormerInfo, StillHeld},
    },
};

/// How long to wait for the lock of a value to drop.
const LOCK: Duration = Duration::from_secs(2);

/// The worker's former values.
#[derive(Debug, Default)]
pub(in crate::worker) struct Formers {
    table: Mutex<Table>,
    /// Notified when a generation's last call ended, a value was added, or work on a value ended.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Table {
    /// Each generation while calls of it may run: until its `Weak` is dead.
    generations: Vec<(Generation, Weak<dyn Sync + Send>)>,
    values: Vec<Former>,
    /// A thread waits for calls to end.
    watched: bool,
    next: u64,
}

/// One value.
#[derive(Debug)]
pub(in crate::worker) struct Former {
    number: u64,
    descriptor: &'static StateDescriptor,
    value: Value,
    /// The generation that created it.
    made: Generation,
    /// The generation that replaced it: calls of earlier generations may use it.
    until: Generation,
    hook_ran: bool,
    held: StillHeld,
}

/// A value of the descriptor's type, and the bits of an initial one.
#[derive(Debug, Clone, Copy)]
struct Value {
    at: NonNull<()>,
    initial: NonNull<()>,
}

// SAFETY: a state's value is Sync and never freed, and neither are the bits.
unsafe impl Send for Value {}

impl Former {
    /// `initial`: the bits of an unused initial value of the same type.
    pub(super) fn new(live: &LiveState, until: Generation, initial: NonNull<()>) -> Self {
        Self {
            number: 0,
            descriptor: live.descriptor,
            value: Value {
                at: live.value,
                initial,
            },
            made: live.generation,
            until,
            hook_ran: false,
            held: StillHeld::Calls,
        }
    }
}

impl Formers {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a generation: calls of it may run while `alive` has another owner.
    pub(in crate::worker) fn serves(
        &self,
        generation: Generation,
        alive: &Arc<impl Sync + Send + 'static>,
    ) {
        let alive: Weak<dyn Sync + Send> = Arc::downgrade(alive) as Weak<_>;
        let mut table = self.table();
        table
            .generations
            .retain(|(_, alive)| alive.strong_count() > 0);
        table.generations.push((generation, alive));
    }

    /// A generation has no owner any more. The owner calls this from its destructor.
    pub(in crate::worker) fn ended(&self) {
        // Taking the lock ensures that a waiting thread sees the change or the notification.
        drop(self.table());
        self.changed.notify_all();
    }

    /// Releases a value as soon as possible. Returns at once.
    pub(super) fn add(self: &Arc<Self>, mut former: Former, users: &Handle) {
        let mut table = self.table();
        table.next += 1;
        former.number = table.next;
        table.values.push(former);
        self.watch(&mut table, users);
    }

    fn watch(self: &Arc<Self>, table: &mut Table, users: &Handle) {
        if std::mem::replace(&mut table.watched, true) {
            return;
        }
        let (formers, users) = (Arc::clone(self), users.clone());
        let started = thread::Builder::new()
            .name("kt-former".into())
            .spawn(move || formers.wait(&users));
        // If no thread can be started, the values stay and are listed.
        table.watched = started.is_ok();
    }

    /// Starts releasing each value once its calls have ended.
    fn wait(self: &Arc<Self>, users: &Handle) {
        let mut table = self.table();
        while table.has_waiting() {
            for (number, ready) in table.ready() {
                let (formers, users) = (Arc::clone(self), users.clone());
                let started = user_thread(move || formers.release(number, ready, &users));
                if let Err(error) = started {
                    table.set(
                        number,
                        StillHeld::Failed(format!("no thread could be started for it: {error}")),
                    );
                }
            }
            if table.has_waiting() {
                table = self
                    .changed
                    .wait(table)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
        table.watched = false;
    }

    /// Runs the hook, if there is one, and drops the value, if possible.
    fn release(self: &Arc<Self>, number: u64, ready: Ready, users: &Handle) {
        let name = path_of(ready.descriptor.key);
        let mut held = None;
        if let Some(hook) = ready.descriptor.on_reset.filter(|_| !ready.hook_ran) {
            self.set(number, StillHeld::Hook);
            if let Err(failed) = run_hook(hook, ready.value, users, name) {
                eprintln!("kt: `on_reset` of state `{name}` failed: {failed}");
                held = Some(StillHeld::Failed(failed));
            }
        }
        let _entered = users.enter();
        let dropped = take(ready.descriptor, ready.value);
        let mut table = self.table();
        match (dropped, held) {
            // A value that a hook handled is the user's responsibility.
            (Ok(()), _) => table.values.retain(|former| former.number != number),
            (Err(StillHeld::NoLock), None) if ready.descriptor.on_reset.is_some() => {
                table.values.retain(|former| former.number != number);
            }
            (Err(StillHeld::NoLock), Some(failed)) => table.set(number, failed),
            (Err(why), _) => table.set(number, why),
        }
        drop(table);
        self.changed.notify_all();
    }

    fn set(&self, number: u64, held: StillHeld) {
        self.table().set(number, held);
        self.changed.notify_all();
    }

    pub(super) fn list(&self) -> Vec<FormerInfo> {
        let table = self.table();
        let mut all: Vec<_> = table.values.iter().map(Former::info).collect();
        all.sort_by(|one, other| (&one.key, one.generation).cmp(&(&other.key, other.generation)));
        all
    }

    /// Retries to release these values, and waits for the result. Returns those that are still
    /// held.
    pub(super) fn retry(self: &Arc<Self>, keys: &[&str], users: &Handle) -> Vec<FormerInfo> {
        let mut table = self.table();
        let chosen = |former: &&mut Former| keys.contains(&former.descriptor.key);
        for former in table.values.iter_mut().filter(chosen) {
            // A thread is working on this one.
            if !matches!(former.held, StillHeld::Hook | StillHeld::Dropping) {
                former.held = StillHeld::Calls;
            }
        }
        self.watch(&mut table, users);
        self.changed.notify_all();
        let until = Instant::now() + 2 * LOCK;
        loop {
            let under_way = table.values.iter().any(|former| {
                keys.contains(&former.descriptor.key)
                    && (table.can_start(former) || matches!(former.held, StillHeld::Dropping))
            });
            let left = until.saturating_duration_since(Instant::now());
            if !under_way || left.is_zero() {
                let held = table.values.iter();
                let held = held.filter(|former| keys.contains(&former.descriptor.key));
                return held.map(Former::info).collect();
            }
            (table, _) = self
                .changed
                .wait_timeout(table, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Input of a thread that releases a value.
struct Ready {
    descriptor: &'static StateDescriptor,
    value: Value,
    hook_ran: bool,
}

impl Table {
    /// Whether calls hold any value back.
    fn has_waiting(&self) -> bool {
        let mut values = self.values.iter();
        values.any(|former| former.held == StillHeld::Calls)
    }

    fn can_start(&self, former: &Former) -> bool {
        let mut generations = self.generations.iter();
        former.held == StillHeld::Calls
            && !generations
                .any(|(generation, alive)| *generation < former.until && alive.strong_count() > 0)
    }

    /// The values whose calls have ended, marked as being released.
    fn ready(&mut self) -> Vec<(u64, Ready)> {
        let ready: Vec<u64> = self
            .values
            .iter()
            .filter(|former| self.can_start(former))
            .map(|former| former.number)
            .collect();
        let mut values = self.values.iter_mut();
        let ready = values
            .by_ref()
            .filter(|former| ready.contains(&former.number));
        ready
            .map(|former| {
                former.held = StillHeld::Dropping;
                let ready = Ready {
                    descriptor: former.descriptor,
                    value: former.value,
                    hook_ran: std::mem::replace(&mut former.hook_ran, true),
                };
                (former.number, ready)
            })
            .collect()
    }

    fn set(&mut self, number: u64, held: StillHeld) {
        let mut values = self.values.iter_mut();
        if let Some(former) = values.find(|former| former.number == number) {
            former.held = held;
        }
    }
}

impl Former {
    fn info(&self) -> FormerInfo {
        FormerInfo {
            key: self.descriptor.key.to_owned(),
            type_tokens: self.descriptor.type_tokens.to_owned(),
            size: self.descriptor.size as u64,
            generation: self.made,
            held: self.held.clone(),
        }
    }
}
