//! The process: arguments, `execve`, exit, signals, time, user and page size.

use core::{
    ffi::{CStr, c_char},
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{Errno, Fd, Result, call, number};

/// Set from the auxiliary vector at the start.
static PAGE_SIZE: AtomicUsize = AtomicUsize::new(4096);

/// The command line and the environment.
pub struct Arguments {
    count: usize,
    first: *const *const c_char,
    environment: *const *const c_char,
}

impl Arguments {
    /// Reads them, and the page size, from the initial stack.
    ///
    /// # Safety
    /// `stack` must be the stack pointer at the process's entry.
    pub(super) unsafe fn from_stack(stack: *const usize) -> Self {
        const AT_PAGESZ: usize = 6;
        // SAFETY: the kernel puts there the number of arguments, that many pointers to C strings, a
        // null, the environment's pointers, a null, and pairs of auxiliary values
        // (`getauxval(3)`). It never frees them.
        unsafe {
            let count = *stack;
            let first = stack.add(1).cast::<*const c_char>();
            let environment = first.add(count + 1);
            let mut end = environment;
            while !(*end).is_null() {
                end = end.add(1);
            }
            let mut auxiliary = end.add(1).cast::<[usize; 2]>();
            while (*auxiliary)[0] != 0 {
                if (*auxiliary)[0] == AT_PAGESZ {
                    PAGE_SIZE.store((*auxiliary)[1], Ordering::Relaxed);
                }
                auxiliary = auxiliary.add(1);
            }
            Self {
                count,
                first,
                environment,
            }
        }
    }

    pub fn get(&self, index: usize) -> Option<&'static CStr> {
        if index >= self.count {
            return None;
        }
        // SAFETY: `first` points to `count` C strings, which the kernel never frees.
        Some(unsafe { CStr::from_ptr(*self.first.add(index)) })
    }
}

/// Most arguments of an executed program.
const MOST: usize = 256;

/// `execve(2)` with these arguments and this process's environment. Returns only on failure.
pub fn execute<'a>(
    program: &CStr,
    arguments: impl IntoIterator<Item = &'a CStr>,
    own: &Arguments,
) -> Errno {
    const TOO_MANY: Errno = Errno(7);
    let mut pointers: [*const c_char; MOST + 1] = [ptr::null(); MOST + 1];
    for (index, argument) in arguments.into_iter().enumerate() {
        match pointers.get_mut(index) {
            Some(pointer) if index < MOST => *pointer = argument.as_ptr(),
            _ => return TOO_MANY,
        }
    }
    let vectors = [
        program.as_ptr() as usize,
        pointers.as_ptr() as usize,
        own.environment as usize,
        0,
        0,
        0,
    ];
    // SAFETY: all strings outlive the call, and a null terminates both vectors.
    match unsafe { call(number::EXECVE, vectors) } {
        Err(error) => error,
        Ok(_) => Errno(0),
    }
}

/// `exit_group(2)`.
pub fn exit(code: i32) -> ! {
    loop {
        // SAFETY: it accesses no memory and does not return.
        let _ = unsafe { call(number::EXIT_GROUP, [code as usize, 0, 0, 0, 0, 0]) };
    }
}

/// SIGHUP, SIGINT, SIGQUIT and SIGTERM, read from a descriptor. The kernel ignores a signal to a
/// container's first process if that has no handler for it (`pid_namespaces(7)`).
pub struct Signals(pub Fd);

impl Signals {
    const SET: u64 = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14;

    /// Blocks the signals and opens a descriptor for them: `signalfd4(2)`.
    pub fn block() -> Result<Self> {
        const CLOSE_ON_EXEC: usize = 0o2_000_000;
        Self::mask(0)?;
        let set = Self::SET;
        let arguments = [usize::MAX, &raw const set as usize, 8, CLOSE_ON_EXEC, 0, 0];
        // SAFETY: `set` is a set of 8 bytes.
        let fd = unsafe { call(number::SIGNALFD4, arguments) }?;
        Ok(Self(Fd(fd as i32)))
    }

    /// Unblocks the signals: an executed program inherits the signal mask.
    pub fn unblock(&self) {
        let _ = Self::mask(1);
    }

    /// Blocks (0) or unblocks (1) the signals: `rt_sigprocmask(2)`.
    fn mask(how: usize) -> Result<()> {
        let set = Self::SET;
        let arguments = [how, &raw const set as usize, 0, 8, 0, 0];
        // SAFETY: `set` is a set of 8 bytes, and the old set is not requested.
        unsafe { call(number::RT_SIGPROCMASK, arguments) }.map(drop)
    }
}

/// Monotonic milliseconds: `clock_gettime(2)`, CLOCK_MONOTONIC.
pub struct Clock;

impl Clock {
    pub fn now() -> u64 {
        let mut time = [0_u64; 2];
        let arguments = [1, time.as_mut_ptr() as usize, 0, 0, 0, 0];
        // SAFETY: `time` has the size of a `timespec`.
        let _ = unsafe { call(number::CLOCK_GETTIME, arguments) };
        time[0] * 1000 + time[1] / 1_000_000
    }
}

pub fn effective_user() -> u64 {
    // SAFETY: it accesses no memory.
    unsafe { call(number::GETEUID, [0; 6]) }.unwrap_or(0) as u64
}

pub fn page_size() -> u64 {
    PAGE_SIZE.load(Ordering::Relaxed) as u64
}

/// The kernel's release: `uname(2)`, the third of six texts of 65 bytes each.
pub fn kernel_release(release: &mut [u8; 65]) {
    let mut names = [0_u8; 6 * 65];
    // SAFETY: `names` has the structure's size.
    let _ = unsafe { call(number::UNAME, [names.as_mut_ptr() as usize, 0, 0, 0, 0, 0]) };
    release.copy_from_slice(&names[2 * 65..3 * 65]);
}
