//! Clients: nodes that take commands from outside the system.

use crate::Context;
use crate::node::{Node, Value};

/// A node that takes a command from outside and later shows its result.
///
/// A client runs in a *closed loop*: it gets its next command only after the result of the previous
/// one was taken. In between, it does whatever its protocol needs: it sends, waits and retransmits.
///
/// # The contract
///
/// - [`send_command`](Client::send_command) starts a command. From then on,
///   [`result`](Client::result) is `None` until there is an answer, and `Some` with that answer
///   until the next command.
/// - `result` has no side effects: it may be called any number of times, or never, without changing
///   anything.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a client",
    label = "this needs `impl Client for {Self}`",
    note = "a client is a `Node` that also implements `send_command` and `result`"
)]
pub trait Client: Node {
    /// The commands that the client takes.
    type Command: Value;
    /// The results that it shows.
    type Result: Value;

    /// Starts a command. The previous one has been answered.
    fn send_command(&mut self, command: Self::Command, ctx: &mut Context<Self>);

    /// The result of the last command, once it is known.
    fn result(&self) -> Option<Self::Result>;
}
