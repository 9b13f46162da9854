//! Keeps file descriptors that the grader inherited (from a build tool, say) away from confined
//! programs.
//!
//! This is the one `unsafe` call of the crate: descriptors that one does not own have no safe
//! interface.
#![allow(unsafe_code)]

use std::io;

/// Lets all descriptors but the first three be closed when this process becomes another program.
pub(crate) fn close_others_on_exec() -> io::Result<()> {
    let flags = libc::CLOSE_RANGE_CLOEXEC.cast_signed();
    // SAFETY: with this flag nothing is closed now; each descriptor stays open, and whoever owns it
    // goes on owning it, until this process becomes another program, which knows of none. The call
    // takes numbers only, no pointers.
    let done = unsafe { libc::close_range(3, libc::c_uint::MAX, flags) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
