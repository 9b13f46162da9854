//! The client: a node that the outside world can ask to do something.

use crate::Context;
use crate::node::{Node, Value};

/// A node that takes a command from outside and, some time later, has its result.
///
/// A client is used in a *closed loop*: the next command is given only after the result of the one
/// before was taken. Between the two the client does whatever its protocol needs: it sends, waits,
/// sends again.
///
/// # The contract
///
/// - [`send_command`](Client::send_command) starts a command. From then on [`result`](Client::result)
///   is `None` until the answer is there, and `Some` of it from then until the next command.
/// - `result` only looks: asking twice gives the same answer, and never asking does no harm.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a client",
    label = "this needs `impl Client for {Self}`",
    note = "a client is a `Node` that also implements `send_command` and `result`"
)]
pub trait Client: Node {
    /// What can be asked.
    type Command: Value;
    /// What is answered.
    type Result: Value;

    /// Starts a command. The one before it has been answered.
    fn send_command(&mut self, command: Self::Command, ctx: &mut Context<Self>);

    /// The result of the last command, once it is known.
    fn result(&self) -> Option<Self::Result>;
}
