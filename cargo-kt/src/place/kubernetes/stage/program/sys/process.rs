//! The process: how it was started, signals, time, and its end or replacement.

use core::{
    ffi::{CStr, c_char},
    panic::PanicInfo,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{Errno, Fd, Result, call, complain, number};

static PAGE_SIZE: AtomicUsize = AtomicUsize::new(4096);

/// Where the machine's own entry goes, with the stack as the kernel left it.
pub(super) extern "C" fn entry(stack: *const usize) -> ! {
    // SAFETY: the kernel puts the number of arguments there, that many pointers to C strings, a null, the environment's
    // pointers, a null, and pairs of auxiliary values (`getauxval(3)`), all of which stay.
    let arguments = unsafe {
        let count = *stack;
        let first = stack.add(1).cast::<*const c_char>();
        let environment = first.add(count + 1);
        let mut end = environment;
        while !(*end).is_null() {
            end = end.add(1);
        }
        const AT_PAGESZ: usize = 6;
        let mut auxiliary = end.add(1).cast::<[usize; 2]>();
        while (*auxiliary)[0] != 0 {
            if (*auxiliary)[0] == AT_PAGESZ {
                PAGE_SIZE.store((*auxiliary)[1], Ordering::Relaxed);
            }
            auxiliary = auxiliary.add(1);
        }
        Arguments {
            count,
            first,
            environment,
        }
    };
    exit(crate::main(&arguments))
}

/// The command line, and the environment for who comes next.
pub struct Arguments {
    count: usize,
    first: *const *const c_char,
    environment: *const *const c_char,
}

impl Arguments {
    pub fn get(&self, index: usize) -> Option<&'static CStr> {
        if index >= self.count {
            return None;
        }
        // SAFETY: there are `count` pointers to C strings that stay.
        Some(unsafe { CStr::from_ptr(*self.first.add(index)) })
    }
}

/// Most arguments of a program that takes this one's place.
const MOST: usize = 256;

/// `execve(2)` with these arguments and the environment as it is. Returns only if it fails.
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
    // SAFETY: all strings outlive the call, and both vectors end with a null.
    match unsafe { call(number::EXECVE, vectors) } {
        Err(error) => error,
        Ok(_) => Errno(0),
    }
}

/// Ends the process.
pub fn exit(code: i32) -> ! {
    loop {
        // SAFETY: it takes no memory and does not return.
        let _ = unsafe { call(number::EXIT_GROUP, [code as usize, 0, 0, 0, 0, 0]) };
    }
}

/// SIGHUP, SIGINT, SIGQUIT and SIGTERM, taken from a descriptor: the kernel does not end a container's first process by a
/// signal that it has no handler for (`pid_namespaces(7)`).
pub struct Signals(pub Fd);

impl Signals {
    const SET: u64 = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14;

    pub fn take() -> Result<Self> {
        const CLOSE_ON_EXEC: usize = 0o2_000_000;
        Self::mask(0)?;
        let set = Self::SET;
        let arguments = [usize::MAX, &raw const set as usize, 8, CLOSE_ON_EXEC, 0, 0];
        // SAFETY: `set` is a set of 8 bytes.
        let fd = unsafe { call(number::SIGNALFD4, arguments) }?;
        Ok(Self(Fd(fd as i32)))
    }

    /// Lets them through again: the next program inherits what is blocked.
    pub fn give_back(&self) {
        let _ = Self::mask(1);
    }

    /// Blocks (0) or unblocks (1) them: `rt_sigprocmask(2)`.
    fn mask(how: usize) -> Result<()> {
        let set = Self::SET;
        let arguments = [how, &raw const set as usize, 0, 8, 0, 0];
        // SAFETY: `set` is a set of 8 bytes, and no old one is asked for.
        unsafe { call(number::RT_SIGPROCMASK, arguments) }.map(drop)
    }
}

/// Milliseconds that only rise: `clock_gettime(2)`, CLOCK_MONOTONIC.
pub struct Clock;

impl Clock {
    pub fn now() -> u64 {
        let mut time = [0_u64; 2];
        let arguments = [1, time.as_mut_ptr() as usize, 0, 0, 0, 0];
        // SAFETY: `time` has room for seconds and nanoseconds.
        let _ = unsafe { call(number::CLOCK_GETTIME, arguments) };
        time[0] * 1000 + time[1] / 1_000_000
    }
}

pub fn effective_user() -> u64 {
    // SAFETY: it takes no memory and cannot fail.
    unsafe { call(number::GETEUID, [0; 6]) }.unwrap_or(0) as u64
}

pub fn page_size() -> u64 {
    PAGE_SIZE.load(Ordering::Relaxed) as u64
}

/// The kernel's release: `uname(2)`, six texts of 65 bytes each, of which it is the third.
pub fn kernel_release(into: &mut [u8; 65]) {
    let mut names = [0_u8; 6 * 65];
    // SAFETY: `names` has the structure's size.
    let _ = unsafe { call(number::UNAME, [names.as_mut_ptr() as usize, 0, 0, 0, 0, 0]) };
    into.copy_from_slice(&names[2 * 65..3 * 65]);
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    complain(b"kt: the first stage has a bug and ends\n");
    exit(101)
}

/// Named by libcore's unwind tables; nothing unwinds here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
