//! The operations of a run's clients, with the lab's commands and results.

use faultlab::codec;
use faultlab::linearizability::Operation;
use faultlab::property::{CheckError, Subject, View, violated};

use super::StoreCommand;

/// An operation on a store with the commands `C`.
pub(super) type StoreOperation<C> = Operation<C, <C as StoreCommand>::Result>;

/// All operations of all clients.
pub(super) fn operations<C: StoreCommand>(
    view: &dyn View,
) -> Result<Vec<StoreOperation<C>>, CheckError> {
    let mut operations = Vec::new();
    for client in view.clients() {
        for operation in view.operations(client) {
            let unreadable = |error: codec::CodecError| {
                violated("a result of the lab's types", format!("{client}'s is not: {error}"))
            };
            let result = operation.result.as_deref().map(codec::decode).transpose();
            operations.push(Operation {
                client,
                command: codec::decode(&operation.command).map_err(unreadable)?,
                result: result.map_err(unreadable)?,
                // A client gets its next command in the same instant as the previous result, but
                // after it. A result in the same instant as its own call comes after the call.
                called: 2 * operation.call_ns + 1,
                returned: operation
                    .return_ns
                    .map(|return_ns| (2 * return_ns).max(2 * operation.call_ns + 1)),
            });
        }
    }
    Ok(operations)
}

/// One of these operations, as the subject of a violation. They are in each client's order.
pub(super) fn subject<C, R>(operations: &[Operation<C, R>], index: usize) -> Subject {
    let client = operations[index].client;
    let earlier = operations[..index].iter().filter(|other| other.client == client).count();
    Subject::operation(client, earlier)
}
