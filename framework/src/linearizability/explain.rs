//! Explains a violation: the operations that show it and the states between them, as text.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::Address;
use crate::abridge;

use super::check_result::Violation;
use super::history::{History, Operation};
use super::model::Model;
use super::problem::items;
use super::reduce::{Reduced, reduce};

/// Longer texts are cut, so that the size of an explanation is bounded.
const TEXT_LENGTH_MAX: usize = 400;

/// Why a history is not linearizable, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The operations that show the violation, including the failing one, in the order of their calls.
    pub operations: Vec<ShownOperation>,
    /// An order that explains all results before the failing one, as indices into `operations`. It
    /// contains the failing operation if others saw its effect.
    pub order: Vec<Placed>,
    /// The index of the failing operation in `operations`.
    pub failing: usize,
    /// Results that the failing operation could have returned: the first few of those found within the
    /// limits of an explanation.
    pub expected: Vec<String>,
    /// Whether it is known that the failing operation could have returned nothing else.
    pub expected_is_all: bool,
    /// What it would return at its position in that order, or after the last one.
    pub actual_here: String,
    /// The state before the first operation shown.
    pub initial: String,
    /// How many earlier operations were replaced by the state that all of them lead to.
    pub before: usize,
    /// How many operations were left out because the violation does not depend on them.
    pub dropped: usize,
    /// The number of operations in the history.
    pub total: usize,
    /// The key that the violation is on, if keys were checked separately.
    pub key: Option<String>,
}

/// An operation in an [`Explanation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownOperation {
    /// Its number in the history, from zero.
    pub number: usize,
    /// The client.
    pub client: Address,
    /// The command.
    pub command: String,
    /// The result; `None` if the operation was pending when the failing one returned.
    pub result: Option<String>,
    /// The time of the call.
    pub called: u64,
    /// The time of the return.
    pub returned: Option<u64>,
}

/// A step of the order in an [`Explanation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The operation's index in [`Explanation::operations`].
    pub operation: usize,
    /// The model's state after it.
    pub state: String,
}

/// Explains a violation: reduces it to the operations that show it, and computes the states between
/// them.
///
/// The violation must be one that a check of this history found.
///
/// # Panics
/// If it is not, and the violation's numbers are not those of operations.
pub fn explain<M: Model>(
    model: &M,
    history: &History<M::Command, M::Result>,
    violation: &Violation,
) -> Explanation {
    let operations = history.operations();
    let mut members: Vec<usize> = (0..operations.len())
        .filter(|&number| {
            violation.key.is_none() || model.key(&operations[number].command) == violation.key
        })
        .collect();
    history.sort_by_time(&mut members);
    let items = items::<M>(history, &members);
    let failing = members
        .iter()
        .position(|&number| number == violation.operation)
        .expect("the failing operation is in the history");
    let reduced = reduce(model, &items, failing).unwrap_or_else(|| {
        // Too large to reduce.
        unreduced(model, operations, &members, violation, failing)
    });

    let mut kept = reduced.kept.clone();
    kept.sort_by_key(|&item| (items[item].called, item));
    let mut index_of = vec![None; items.len()];
    let mut has_returned = vec![true; items.len()];
    let mut answer_counts = vec![true; items.len()];
    for (index, &item) in kept.iter().enumerate() {
        index_of[item] = Some(index);
    }
    for &item in &reduced.unanswered {
        (has_returned[item], answer_counts[item]) = (false, false);
    }
    for &item in &reduced.answers_open {
        answer_counts[item] = false;
    }
    let index = |item: usize| index_of[item].expect("what is placed is kept");
    let shown = kept.iter().map(|&item| {
        let Operation { client, command, result, called, returned } = &operations[members[item]];
        ShownOperation {
            number: members[item],
            client: *client,
            command: text(command),
            result: result.as_ref().filter(|_| answer_counts[item]).map(text),
            called: *called,
            returned: returned.filter(|_| has_returned[item]),
        }
    });
    let mut shown: Vec<ShownOperation> = shown.collect();
    let mut state = reduced.initial.clone();
    let mut order = Vec::with_capacity(reduced.order.len());
    // What the failing operation would return is compared with what it returned, so the two are cut together.
    let returned = operations[members[failing]].result.as_ref().map(whole).unwrap_or_default();
    let beside = |result: &M::Result| cut_beside(&whole(result), &returned);
    let mut here = None;
    for &item in &reduced.order {
        let result = model.step(&mut state, items[item].command);
        if item == failing {
            here = Some(result);
        }
        order.push(Placed { operation: index(item), state: text(&state) });
    }
    let here = here.unwrap_or_else(|| model.step(&mut state, items[failing].command));
    shown[index(failing)].result = Some(cut_beside(&returned, &whole(&here)));
    let here = beside(&here);
    let mut expected: Vec<String> = reduced.possible.iter().map(beside).collect();
    expected.sort_unstable();
    expected.dedup();
    Explanation {
        operations: shown,
        order,
        failing: index(failing),
        expected,
        expected_is_all: reduced.possible_is_all,
        actual_here: here,
        initial: text(&reduced.initial),
        before: reduced.before,
        dropped: reduced.dropped,
        total: operations.len(),
        key: violation.key.clone(),
    }
}

/// The violation as the check found it, if reducing it exceeds the limits.
fn unreduced<M: Model>(
    model: &M,
    operations: &[Operation<M::Command, M::Result>],
    members: &[usize],
    violation: &Violation,
    failing: usize,
) -> Reduced<M> {
    let end = operations[violation.operation].returned.unwrap_or(u64::MAX);
    let kept: Vec<usize> =
        (0..members.len()).filter(|&item| operations[members[item]].called <= end).collect();
    let unanswered = |&item: &usize| {
        item != failing && operations[members[item]].returned.is_none_or(|returned| returned > end)
    };
    let items_by_number: BTreeMap<usize, usize> =
        members.iter().enumerate().map(|(item, &number)| (number, item)).collect();
    Reduced {
        initial: model.init(),
        before: 0,
        unanswered: kept.iter().copied().filter(unanswered).collect(),
        answers_open: Vec::new(),
        order: violation
            .prefix
            .iter()
            .filter_map(|number| items_by_number.get(number).copied())
            .filter(|&item| operations[members[item]].called <= end)
            .collect(),
        kept,
        dropped: 0,
        possible: Vec::new(),
        possible_is_all: false,
    }
}

/// A value's `Debug` output, cut to a bounded length.
pub(super) fn text(value: &(impl Debug + ?Sized)) -> String {
    abridge::in_the_middle(&whole(value), TEXT_LENGTH_MAX)
}

/// A value's `Debug` output.
fn whole(value: &(impl Debug + ?Sized)) -> String {
    // A hand-written `Debug` may print control characters, which must not reach a terminal.
    let printable = |character: char| if character.is_control() { '\u{fffd}' } else { character };
    format!("{value:?}").chars().map(printable).collect()
}

/// The text of a value cut to a bounded length, so that its difference from another one is seen.
fn cut_beside(text: &str, other: &str) -> String {
    let [text, _] = abridge::strings([text, other], TEXT_LENGTH_MAX / 2, TEXT_LENGTH_MAX / 2);
    abridge::in_the_middle(&text, TEXT_LENGTH_MAX)
}

impl Explanation {
    /// The violation in one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let ShownOperation { client, command, result, .. } = &self.operations[self.failing];
        let result = result.as_deref().unwrap_or("?");
        let all = match &self.expected[..] {
            [] => String::new(),
            [one] => one.clone(),
            [all @ .., last] => format!("{} or {last}", all.join(", ")),
        };
        let expected = match self.expected_is_all {
            _ if all.is_empty() => {
                format!("in an order that explains the rest it returns {}", self.actual_here)
            }
            true => format!("it could only have returned {all}"),
            false => format!("it could have returned {all}, or perhaps something else"),
        };
        format!("{client}'s {command} returned {result}, but {expected}")
    }
}
