//! Linearizability by brute force: tries all orders.

use std::cell::RefCell;
use std::collections::BTreeMap;

use faultlab::Address;

use crate::automaton::{Automaton, Entry, Saying};

/// A sequential service: maps a state and a command to the next state and the result.
pub type Step = fn(u64, u64) -> (u64, u64);

/// A command with the times of its call and return.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// The client.
    pub client: Address,
    /// The command.
    pub command: u64,
    /// The time of the call.
    pub called: u64,
    /// The result and the time of the return.
    pub returned: Option<(u64, u64)>,
}

/// Whether some order of the operations explains all results. An operation that returned before another
/// was called comes first, each client's operations stay in order, and those without a result may be left
/// out.
#[must_use]
pub fn is_linearizable(step: Step, operations: &[Operation]) -> bool {
    let all: Vec<usize> = (0..operations.len()).collect();
    extends(step, operations, &all, 0)
}

fn extends(step: Step, operations: &[Operation], left: &[usize], state: u64) -> bool {
    if left.iter().all(|&index| operations[index].returned.is_none()) {
        return true;
    }
    left.iter().any(|&next| {
        let rest: Vec<usize> = left.iter().copied().filter(|&index| index != next).collect();
        let operation = &operations[next];
        let is_late = rest.iter().any(|&other| {
            let earlier = &operations[other];
            let is_before =
                earlier.returned.is_some_and(|(_, returned)| returned < operation.called);
            is_before || earlier.client == operation.client && other < next
        });
        let (after, answer) = step(state, operation.command);
        !is_late
            && operation.returned.is_none_or(|(returned, _)| returned == answer)
            && extends(step, operations, &rest, after)
    })
}

/// An automaton that stores the whole history, and rejects it if it is not linearizable.
pub struct FullHistory {
    step: Step,
    known: RefCell<BTreeMap<Vec<Entry>, bool>>,
}

impl FullHistory {
    /// The automaton for a service.
    #[must_use]
    pub fn new(step: Step) -> Self {
        Self { step, known: RefCell::default() }
    }
}

impl Automaton for FullHistory {
    type State = Vec<Entry>;

    fn start(&self) -> Vec<Entry> {
        Vec::new()
    }

    fn after(&self, state: &Vec<Entry>, entry: Entry) -> Option<Vec<Entry>> {
        let mut history = state.clone();
        history.push(entry);
        let mut known = self.known.borrow_mut();
        if !known.contains_key(&history) {
            let is_fine = is_linearizable(self.step, &operations(&history));
            known.insert(history.clone(), is_fine);
        }
        known[&history].then_some(history)
    }
}

/// The operations of a history. The times are indices into it.
#[must_use]
pub fn operations(history: &[Entry]) -> Vec<Operation> {
    let mut operations: Vec<Operation> = Vec::new();
    for (&Entry { client, what }, now) in history.iter().zip(0..) {
        match what {
            Saying::Call(command) => {
                operations.push(Operation { client, command, called: now, returned: None });
            }
            Saying::Return(result) => {
                let mut open = operations.iter_mut().rev();
                if let Some(last) = open.find(|operation| operation.client == client) {
                    last.returned = Some((result, now));
                }
            }
        }
    }
    operations
}
