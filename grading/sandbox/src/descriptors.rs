//! Keeps confined programs from inheriting file descriptors that the grader itself inherited, for
//! example from a build tool.
//!
//! This is the only `unsafe` call of the crate: there is no safe interface for descriptors that the
//! caller does not own.
#![allow(unsafe_code)]

use std::io;

/// Marks all descriptors but the first three to be closed when this process becomes another program.
pub(crate) fn close_others_on_exec() -> io::Result<()> {
    let flags = libc::CLOSE_RANGE_CLOEXEC.cast_signed();
    // SAFETY: with this flag, the call closes nothing now. Each descriptor stays open and keeps its
    // owner until this process becomes another program, which has no owners. The call takes only
    // numbers, no pointers.
    let done = unsafe { libc::close_range(3, libc::c_uint::MAX, flags) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
