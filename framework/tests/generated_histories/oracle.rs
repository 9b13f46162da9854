//! An oracle: the plainest search that can tell whether a history is linearizable.
//!
//! It shares no code with the checker, neither its search nor its models nor its readers of files.

use std::collections::{BTreeMap, HashSet};

use super::run::{Object, Operations};

/// Whether some order of the operations explains all results. Keys are searched one by one: a history is
/// linearizable exactly if the operations on each key are (Herlihy and Wing, TOPLAS 1990).
pub fn is_linearizable<O: Object>(operations: &Operations<O>) -> bool {
    let mut keys: BTreeMap<&str, Operations<O>> = BTreeMap::new();
    for operation in operations {
        // What only reads and did not return says nothing.
        if operation.returned().is_some() || !O::only_reads(&operation.command) {
            keys.entry(O::key(&operation.command)).or_default().push(operation.clone());
        }
    }
    keys.values().all(|operations| {
        let done = vec![false; operations.len()];
        search::<O>(operations, done, &O::State::default(), &mut HashSet::new())
    })
}

/// Whether the operations that are not done can follow in some order. `seen` has what was tried before: what was
/// done, and the state after it.
fn search<O: Object>(
    operations: &Operations<O>,
    done: Vec<bool>,
    state: &O::State,
    seen: &mut HashSet<(Vec<bool>, O::State)>,
) -> bool {
    if !seen.insert((done.clone(), state.clone())) {
        return false;
    }
    let open = || (0..operations.len()).filter(|&at| !done[at]);
    // What was called after the first return of these cannot be next.
    let Some(first_return) =
        open().filter_map(|at| operations[at].returned()).map(|(line, _)| line).min()
    else {
        // All that returned is done. What did not return need not have been executed.
        return true;
    };
    open().filter(|&at| operations[at].called < first_return).any(|next| {
        let mut after = state.clone();
        let result = O::execute(&mut after, &operations[next].command);
        if operations[next].result().is_some_and(|returned| *returned != result) {
            return false;
        }
        let mut done = done.clone();
        done[next] = true;
        search::<O>(operations, done, &after, seen)
    })
}
