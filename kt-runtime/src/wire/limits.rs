//! Limits of everything that comes from another process: no peer can make this one grow or wait
//! without bound.

use std::time::Duration;

/// Default limit of a call's arguments or result, in encoded bytes.
pub const BODY: usize = 256 << 20;
/// Limit of a control message, except for an object's bytes.
pub const CONTROL: usize = 16 << 20;
/// Limit of a stored object. A base of some hundred crates has 100 MB.
pub const OBJECT: u64 = 4 << 30;
/// Limit of an object that is sent as a patch, and of the object that it refers to. Both are in
/// memory during decoding.
pub const PATCHED: u64 = 64 << 20;
/// Limit of the window of a compressed object, as a power of two: the decoder's memory.
pub const WINDOW_LOG: u32 = 23;
/// Limit of a file of saved states.
pub const SAVED: u64 = 16 << 30;
/// Limit of a message between host and worker.
pub const WORKER_MESSAGE: usize = 16 << 20;
/// Limit of the frames of all waiting calls in one answer of a worker.
pub const WAITING_FRAMES: usize = 20_000;

/// How long a peer may take to send its preamble and to answer ours.
pub const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a host may take to acknowledge a preamble. It does so immediately, unless it is
/// suspended.
pub const HEARD: Duration = Duration::from_secs(10);
/// How long a new worker may take from its start to its first message.
pub const WORKER_START: Duration = Duration::from_secs(30);
/// How long a worker may take to load a generation. Constructors of the user's libraries run in it.
pub const LOAD: Duration = Duration::from_secs(60);
/// How long a worker may take to report its status before it counts as busy.
pub const STATUS: Duration = Duration::from_secs(1);
/// How long a worker waits for its calls to be polled, which shows where they wait.
pub const TRACE: Duration = Duration::from_millis(250);
/// How long calls in flight or a lock may delay a migration, by default.
pub const MIGRATION: Duration = Duration::from_secs(5);
/// How long a connection waits for the first generation in a pod that has just started: the client
/// that replaced the pod is most likely about to send it.
pub const FIRST_GENERATION: Duration = Duration::from_secs(30);
/// Pause between a ping's answer and the next ping through a tunnel.
pub const PING_PAUSE: Duration = Duration::from_secs(2);
/// How long the peer of a tunnel may take to answer a ping before the tunnel closes.
pub const PING: Duration = Duration::from_secs(8);
/// How long a call at a breakpoint waits for a debugger, by default.
pub const BREAKPOINT: Duration = Duration::from_secs(600);
/// How long the host waits for a worker's calls at a shutdown.
pub const DRAIN: Duration = Duration::from_secs(5);
/// How long a slow driver may read no output before the worker drops its output instead of waiting.
pub const STOPPED_DRIVER: Duration = Duration::from_secs(10);
/// How long a caller that has its answer waits for more of the output printed before it.
pub const OUTPUT: Duration = Duration::from_secs(2);
/// How long a caller waits for the host to report how a worker died.
pub const DEATH: Duration = Duration::from_secs(2);
/// How long a stopping worker waits for its connections to close.
pub const FAREWELL: Duration = Duration::from_millis(500);
/// How long an upload may pause.
pub const STALLED: Duration = Duration::from_secs(60);
/// How long the calls of a replaced worker may go on: a reload cancels no call, and no call holds
/// memory forever.
pub const REPLACED: Duration = Duration::from_secs(600);
/// Limit of what a command is started with: its arguments and variables. Linux takes about 2 MiB
/// (execve(2)).
pub const COMMAND: usize = 4 << 20;
/// Timeout for connecting to a port.
pub const CONNECT: Duration = Duration::from_secs(10);
/// Pause after a failed accept.
pub const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// How long a command may run after its terminal is closed.
pub const HANG_UP: Duration = Duration::from_secs(5);
