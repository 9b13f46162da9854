//! The problem: a history, or the part of it on one key, laid out as flat arrays of integers.

use std::collections::BTreeMap;

use super::history::{History, Operation};
use super::model::Model;
use super::table::Interner;
use crate::Address;

/// A result that nobody recorded, so every result fits.
pub(super) const ANY: u32 = u32::MAX;
/// A result that no operation of the problem recorded.
pub(super) const UNSEEN: u32 = u32::MAX - 1;
/// No operation.
pub(super) const NONE: u32 = u32::MAX;

/// What the search needs to know of an operation before the layout: [`items`] reads it from a history.
#[derive(Debug)]
pub(super) struct Item<'a, M: Model> {
    pub(super) command: &'a M::Command,
    pub(super) result: Option<&'a M::Result>,
    pub(super) called: u64,
    pub(super) returned: Option<u64>,
    /// The item of the same client that returned at the very time at which this one was called. Its number
    /// is lower.
    pub(super) after: Option<usize>,
}

impl<M: Model> Clone for Item<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Model> Copy for Item<'_, M> {}

/// The operations with these numbers as items. The numbers must be in the order of
/// [`History::sort_by_time`]: then an item comes after all that it waits for.
pub(super) fn items<'a, M: Model>(
    history: &'a History<M::Command, M::Result>,
    members: &[usize],
) -> Vec<Item<'a, M>> {
    assert!(history.is_sorted_by_time(members), "items are made in the order of time");
    let operations = history.operations();
    // What each client did last. Of several operations at one instant each waits for the one before, so
    // they are a chain in the client's order.
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

/// An operation that was answered, so that it must be placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    /// The number of the item.
    pub(super) item: u32,
    pub(super) command: u32,
    /// The recorded result, or [`ANY`].
    pub(super) result: u32,
    /// Operations that are under way together have different slots.
    pub(super) slot: u32,
    /// The operation that had the slot before.
    pub(super) slot_before: u32,
    /// The answered operation that has to be placed before this one, beside those that returned.
    pub(super) after: u32,
    /// Where its return is in [`Problem::returns`].
    pub(super) return_at: u32,
    pub(super) only_observes: bool,
}

/// Unanswered operations that are one as good as the other: the same command, and nothing to wait
/// for. Whatever order places some of them, the ones called first would do.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) command: u32,
    /// The answered operation that has to be placed before (then the group has one member).
    pub(super) after: u32,
    /// The members' items, in the order of their calls.
    pub(super) items: Vec<u32>,
}

/// How many members a [`Group`] can have: a row keeps the number that are placed in one byte.
const GROUP_LENGTH_MAX: usize = 255;

/// A history in the layout that the search runs on.
///
/// Time is cut at the returns. At return `p`, every operation with an earlier return is placed; of
/// those under way some are, which takes one bit for each slot to say.
pub(super) struct Problem<'a, M: Model> {
    pub(super) commands: Interner<&'a M::Command>,
    pub(super) results: Interner<&'a M::Result>,
    pub(super) answered: Vec<Answered>,
    pub(super) groups: Vec<Group>,
    /// The answered operations in the order of their returns.
    pub(super) returns: Vec<u32>,
    /// The answered operations in the order of their calls.
    pub(super) calls: Vec<u32>,
    /// How many answered operations are called before each return (and, last, in all).
    pub(super) calls_before: Vec<u32>,
    /// The groups of the unanswered operations in the order of their calls.
    pub(super) optional_calls: Vec<u32>,
    /// How many unanswered operations are called before each return (and, last, in all).
    pub(super) optional_calls_before: Vec<u32>,
    pub(super) slots: usize,
}

impl<'a, M: Model> Problem<'a, M> {
    pub(super) fn new(model: &M, items: &[Item<'a, M>]) -> Self {
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        enum Kind {
            // Calls go first, so that operations that touch are concurrent.
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
                        // Items are numbers until all of them have been seen.
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

    /// Whether a client called again at the very time at which this answered operation returned.
    pub(super) fn is_waited_for(&self, answered: u32) -> bool {
        self.answered.iter().any(|operation| operation.after == answered)
            || self.groups.iter().any(|group| group.after == answered)
    }
}
