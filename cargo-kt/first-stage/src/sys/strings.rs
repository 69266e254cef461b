//! Comparisons and lengths, which rustc also expects from a C library. Reads are volatile: rustc
//! compiles plain loops to calls of these same functions.

/// `memcmp(3)`.
///
/// # Safety
/// As in C.
#[cfg_attr(freestanding, unsafe(no_mangle))]
pub unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, count: usize) -> i32 {
    for at in 0..count {
        // SAFETY: the caller guarantees both ranges.
        let (a, b) = unsafe { (one.add(at).read_volatile(), other.add(at).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// `bcmp(3)`.
///
/// # Safety
/// As in C.
#[cfg_attr(freestanding, unsafe(no_mangle))]
pub unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, count: usize) -> i32 {
    // SAFETY: the caller guarantees both ranges.
    unsafe { memcmp(one, other, count) }
}

/// `strlen(3)`.
///
/// # Safety
/// As in C.
#[cfg_attr(freestanding, unsafe(no_mangle))]
pub unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: the caller guarantees a terminating zero.
    while unsafe { text.add(length).read_volatile() } != 0 {
        length += 1;
    }
    length
}
