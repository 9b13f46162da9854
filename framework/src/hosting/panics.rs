//! Turns panics in code of others into values with their location, without printing them.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use super::NodeFailure;
use super::bounds::bounded;

thread_local! {
    /// Whether this thread is inside [`catch`], so that the hook prints nothing.
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    /// The location of the last panic that was caught on this thread.
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a student's code, or another's. A panic becomes a [`NodeFailure::Panicked`].
///
/// After a panic, values that the code was changing may be inconsistent. The caller must not use them
/// again.
///
/// # Errors
/// [`NodeFailure::Panicked`], with the panic's message and location. Nothing is printed.
pub fn catch<V>(code: impl FnOnce() -> V) -> Result<V, NodeFailure> {
    install_hook();
    let outer = CATCHING.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(code));
    CATCHING.set(outer);
    outcome.map_err(|payload| NodeFailure::Panicked {
        message: bounded(message_of(payload.as_ref())),
        location: LOCATION.take(),
    })
}

/// Makes the panic hook record the location, and print nothing, for panics inside [`catch`].
fn install_hook() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CATCHING.get() {
                LOCATION.set(info.location().map(ToString::to_string));
            } else {
                previous(info);
            }
        }));
    });
}

/// The message of a panic.
fn message_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a value that is not a text".to_owned()
    }
}
