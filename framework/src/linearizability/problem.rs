//! The problem: a history, or its part on one key, as flat arrays of integers.

use std::collections::BTreeMap;

use super::history::{History, Operation};
use super::model::Model;
use super::table::Interner;
use crate::Address;

/// A result that was not recorded, so every result fits.
pub(super) const ANY: u32 = u32::MAX;
/// A result that no operation of the problem has.
pub(super) const UNSEEN: u32 = u32::MAX - 1;
/// No operation.
pub(super) const NONE: u32 = u32::MAX;

/// An operation, before it is laid out in a [`Problem`]. [`items`] reads it from a history.
#[derive(Debug)]
pub(super) struct Item<'a, M: Model> {
    pub(super) command: &'a M::Command,
    pub(super) result: Option<&'a M::Result>,
    pub(super) called: u64,
    pub(super) returned: Option<u64>,
    /// The item of the same client that returned at exactly the time at which this one was called. Its
    /// number is lower.
    pub(super) after: Option<usize>,
}

impl<M: Model> Clone for Item<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Model> Copy for Item<'_, M> {}

/// The operations with these numbers as items. The numbers must be in the order of
/// [`History::sort_by_time`], so that an item comes after all that it waits for.
pub(super) fn items<'a, M: Model>(
    history: &'a History<M::Command, M::Result>,
    members: &[usize],
) -> Vec<Item<'a, M>> {
    assert!(history.is_sorted_by_time(members), "items are made in the order of time");
    let operations = history.operations();
    // Each client's latest operation. Of several operations at one instant, each waits for the previous
    // one, so they form a chain in the client's order.
    let mut latest: BTreeMap<Address, usize> = BTreeMap::new();
    let item = |(item, &member): (usize, &usize)| {
        let Operation { client, command, result, called, returned } = &operations[member];
        let before = latest.insert(*client, item);
        let touches = |&before: &usize| operations[members[before]].returned == Some(*called);
        Item {
            command,
            result: result.as_ref(),
            called: *called,
            returned: *returned,
            after: before.filter(touches),
        }
    };
    members.iter().enumerate().map(item).collect()
}

/// An answered operation, which must be placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    /// The number of the item.
    pub(super) item: u32,
    pub(super) command: u32,
    /// The recorded result, or [`ANY`].
    pub(super) result: u32,
    /// The operation's slot. Operations that are pending at the same time have different slots.
    pub(super) slot: u32,
    /// The previous operation in the slot.
    pub(super) slot_before: u32,
    /// An answered operation that must be placed before this one, in addition to those that returned.
    pub(super) after: u32,
    /// The index of its return in [`Problem::returns`].
    pub(super) return_at: u32,
    pub(super) only_observes: bool,
}

/// Interchangeable unanswered operations: they have the same command and wait for nothing. If an order
/// places some of them, it may as well place the ones called first.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) command: u32,
    /// An answered operation that must be placed before. If there is one, the group has one member.
    pub(super) after: u32,
    /// The members, in the order of their calls.
    pub(super) items: Vec<u32>,
}

/// The maximum number of members of a [`Group`]: a row stores the number of placed ones in one byte.
const GROUP_LENGTH_MAX: usize = 255;

/// A history in the layout for the search.
///
/// Time is divided at the returns. At return `p`, every operation with an earlier return is placed. For
/// the pending operations, one bit per slot says whether they are placed.
pub(super) struct Problem<'a, M: Model> {
    pub(super) commands: Interner<&'a M::Command>,
    pub(super) results: Interner<&'a M::Result>,
    pub(super) answered: Vec<Answered>,
    pub(super) groups: Vec<Group>,
    /// The answered operations in the order of their returns.
    pub(super) returns: Vec<u32>,
    /// The answered operations in the order of their calls.
    pub(super) calls: Vec<u32>,
    /// The number of answered operations called before each return, and then the total.
    pub(super) calls_before: Vec<u32>,
    /// The groups of the unanswered operations in the order of their calls.
    pub(super) optional_calls: Vec<u32>,
    /// The number of unanswered operations called before each return, and then the total.
    pub(super) optional_calls_before: Vec<u32>,
    pub(super) slots: usize,
}

impl<'a, M: Model> Problem<'a, M> {
    pub(super) fn new(model: &M, items: &[Item<'a, M>]) -> Self {
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        enum Kind {
            // Calls come before returns of the same time, so that operations that touch are concurrent.
            Call,
            Return,
        }
        let mut events = Vec::with_capacity(items.len() * 2);
        for (at, item) in items.iter().enumerate() {
            events.push((item.called, Kind::Call, at));
            if let Some(returned) = item.returned {
                events.push((returned, Kind::Return, at));
            }
        }
        events.sort_unstable();

        let mut problem = Self {
            commands: Interner::new(),
            results: Interner::new(),
            answered: Vec::new(),
            groups: Vec::new(),
            returns: Vec::new(),
            calls: Vec::new(),
            calls_before: Vec::new(),
            optional_calls: Vec::new(),
            optional_calls_before: Vec::new(),
            slots: 0,
        };
        let mut answered_of_item = vec![NONE; items.len()];
        let mut free_slots: Vec<u32> = Vec::new();
        let mut last_in_slot: Vec<u32> = Vec::new();
        let mut group_of: BTreeMap<u32, u32> = BTreeMap::new();
        for (_, kind, at) in events {
            let item = &items[at];
            let number = at as u32;
            match kind {
                Kind::Call if item.returned.is_some() => {
                    let answered = problem.answered.len() as u32;
                    let slot = free_slots.pop().unwrap_or_else(|| {
                        last_in_slot.push(NONE);
                        last_in_slot.len() as u32 - 1
                    });
                    let observes =
                        item.result.is_some_and(|result| model.only_observes(item.command, result));
                    problem.answered.push(Answered {
                        item: number,
                        command: problem.commands.intern(item.command),
                        result: item.result.map_or(ANY, |result| problem.results.intern(result)),
                        slot,
                        slot_before: last_in_slot[slot as usize],
                        // The number of an item, until all items have been laid out.
                        after: item.after.map_or(NONE, |after| after as u32),
                        return_at: NONE,
                        only_observes: observes,
                    });
                    last_in_slot[slot as usize] = answered;
                    answered_of_item[at] = answered;
                    problem.calls.push(answered);
                }
                Kind::Call => {
                    let command = problem.commands.intern(item.command);
                    let after = item.after.map_or(NONE, |after| after as u32);
                    let open = group_of.get(&command).copied().filter(|&group| {
                        after == NONE
                            && problem.groups[group as usize].items.len() < GROUP_LENGTH_MAX
                    });
                    let group = open.unwrap_or_else(|| {
                        problem.groups.push(Group { command, after, items: Vec::new() });
                        problem.groups.len() as u32 - 1
                    });
                    if after == NONE {
                        group_of.insert(command, group);
                    }
                    problem.groups[group as usize].items.push(number);
                    problem.optional_calls.push(group);
                }
                Kind::Return => {
                    let answered = answered_of_item[at];
                    let operation = &mut problem.answered[answered as usize];
                    operation.return_at = problem.returns.len() as u32;
                    free_slots.push(operation.slot);
                    problem.returns.push(answered);
                    problem.calls_before.push(problem.calls.len() as u32);
                    problem.optional_calls_before.push(problem.optional_calls.len() as u32);
                }
            }
        }
        problem.calls_before.push(problem.calls.len() as u32);
        problem.optional_calls_before.push(problem.optional_calls.len() as u32);
        let numbered = |after: &mut u32| {
            if *after != NONE {
                *after = answered_of_item[*after as usize];
            }
        };
        problem.answered.iter_mut().for_each(|operation| numbered(&mut operation.after));
        problem.groups.iter_mut().for_each(|group| numbered(&mut group.after));
        problem.slots = last_in_slot.len();
        problem
    }

    /// Whether the client called again at exactly the time at which this answered operation returned.
    pub(super) fn is_waited_for(&self, answered: u32) -> bool {
        self.answered.iter().any(|operation| operation.after == answered)
            || self.groups.iter().any(|group| group.after == answered)
    }
}
