//! Linearizability by brute force: all orders are tried.

use std::cell::RefCell;
use std::collections::BTreeMap;

use faultlab::Address;

use crate::automaton::{Automaton, Entry, Saying};

/// A sequential service: the state and the answer after a command.
pub type Step = fn(u64, u64) -> (u64, u64);

/// One command, with the moments at which it was called and returned.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// The client.
    pub client: Address,
    /// What was asked.
    pub command: u64,
    /// When.
    pub called: u64,
    /// What was answered, and when.
    pub returned: Option<(u64, u64)>,
}

/// Whether some order of the operations explains all answers: an operation that returned before another
/// was called comes first, a client's operations stay in order, and one without an answer may be left out.
#[must_use]
pub fn is_linearizable(step: Step, operations: &[Operation]) -> bool {
    let all: Vec<usize> = (0..operations.len()).collect();
    goes_on(step, operations, &all, 0)
}

fn goes_on(step: Step, operations: &[Operation], left: &[usize], state: u64) -> bool {
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
            && goes_on(step, operations, &rest, after)
    })
}

/// Remembers all that was said, and dislikes what is not linearizable.
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

/// The operations of a history; the moments are places in it.
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
