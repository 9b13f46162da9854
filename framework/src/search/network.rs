//! What the network of a fault model does with messages: the inbox of a node, and what can be delivered from it.
//!
//! An inbox holds the messages in the network that are addressed to one node. If messages may be duplicated, it is
//! a set in the order of their ids, and a delivered message stays. Otherwise each message that was sent is in it until
//! it is delivered, and the messages of one sender are in the order in which they were sent; senders are in the order
//! of the nodes. So equal networks have equal lists.

use super::handlers::Handlers;
use crate::FaultModel;

/// Adds a message to those that a handler has sent.
pub(super) fn send(fault_model: FaultModel, sent: &mut Vec<u32>, message: u32) {
    // One message that may arrive twice is as good as two.
    if !fault_model.may_duplicate() || !sent.contains(&message) {
        sent.push(message);
    }
}

/// Adds messages to an inbox, in the order in which they were sent.
pub(super) fn arrive(handlers: &Handlers<'_>, inbox: &mut Vec<u32>, messages: &[u32]) {
    for &message in messages {
        if handlers.fault_model.may_duplicate() {
            if let Err(position) = inbox.binary_search(&message) {
                inbox.insert(position, message);
            }
        } else {
            let sender = |message| handlers.ends(message).0;
            let from = sender(message);
            let position = inbox.partition_point(|&other| sender(other) <= from);
            inbox.insert(position, message);
        }
    }
}

/// Brings an inbox into its order, from any list of messages.
pub(super) fn normalise(handlers: &Handlers<'_>, inbox: &mut Vec<u32>) {
    let messages = std::mem::take(inbox);
    arrive(handlers, inbox, &messages);
}

/// The inbox after a message of it was delivered.
pub(super) fn deliver(fault_model: FaultModel, inbox: &mut Vec<u32>, message: u32) {
    if !fault_model.may_duplicate() {
        let position = inbox.iter().position(|&it| it == message);
        inbox.remove(position.expect("only a message in the network is delivered"));
    }
}

/// The messages of an inbox that can be delivered next, if no link is blocked.
pub(super) fn deliverable<'i>(
    handlers: &'i Handlers<'_>,
    inbox: &'i [u32],
) -> impl Iterator<Item = u32> + 'i {
    let in_order = !handlers.fault_model.may_reorder();
    let sender = |message| handlers.ends(message).0;
    (0..inbox.len()).filter_map(move |index| {
        let message = inbox[index];
        let is_later = in_order && index > 0 && sender(inbox[index - 1]) == sender(message);
        (!is_later).then_some(message)
    })
}
