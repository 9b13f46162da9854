//! The shortest failing prefix: the first answer at which a history stops being linearizable.

use super::model::Model;
use super::problem::Item;
use super::search::{Bounds, Cost, PartResult, search};

/// The part of a history up to and including one return. Operations pending then are unanswered.
///
/// Returns at the same time are cut one by one. If a client called again at exactly that time, its
/// return came before that call, which may have come before any other return of that time. So its
/// previous operation has returned too, but its result does not count yet. Without this rule, a later
/// cut could be linearizable although an earlier one is not, and there would be no first failing
/// return.
pub(super) struct Cut<'a, M: Model> {
    pub(super) items: Vec<Item<'a, M>>,
    /// The number of each item before the cut.
    pub(super) numbers: Vec<usize>,
}

impl<'a, M: Model> Cut<'a, M> {
    /// Cuts after the first `count` returns, as [`returns`] orders them.
    pub(super) fn new(items: &[Item<'a, M>], returns: &[usize], count: usize) -> Self {
        let mut is_answered = vec![false; items.len()];
        for &item in &returns[..count] {
            is_answered[item] = true;
        }
        let end = count.checked_sub(1).and_then(|last| items[returns[last]].returned).unwrap_or(0);
        let mut went_on = vec![false; items.len()];
        for after in items.iter().filter_map(|item| item.after) {
            went_on[after] = items[after].returned == Some(end);
        }
        let mut cut = Self { items: Vec::new(), numbers: Vec::new() };
        let mut number_after = vec![None; items.len()];
        for (number, item) in items.iter().enumerate() {
            let has_returned = |item: usize| is_answered[item] || went_on[item];
            let after = item.after.map(|after| number_after[after].filter(|_| has_returned(after)));
            if item.called > end || after == Some(None) {
                continue;
            }
            number_after[number] = Some(cut.items.len());
            cut.numbers.push(number);
            let item = Item { after: after.flatten(), ..*item };
            cut.items.push(if is_answered[number] {
                item
            } else if went_on[number] {
                Item { result: None, ..item }
            } else {
                Item { result: None, returned: None, ..item }
            });
        }
        cut
    }

    /// Translates items of the cut to items of the whole history.
    pub(super) fn before(&self, items: Vec<usize>) -> Vec<usize> {
        items.into_iter().map(|item| self.numbers[item]).collect()
    }
}

/// The answered items in the order of their returns.
pub(super) fn returns<M: Model>(items: &[Item<'_, M>]) -> Vec<usize> {
    let mut returns: Vec<usize> =
        (0..items.len()).filter(|&item| items[item].returned.is_some()).collect();
    returns.sort_by_key(|&item| items[item].returned);
    returns
}

/// Finds the return at which a history stops being linearizable, and an order that explains everything
/// before it.
///
/// The search that found the violation knew all results, so it may have excluded a pending operation
/// because of a result that came later. So the history fails at `failing`, the return that the search
/// could not pass, or after it. This function cuts at different returns: a cut before the failing
/// return is linearizable, a cut after it is not.
pub(super) fn shortest_failing<'a, M: Model>(
    model: &'a M,
    initial: &M::State,
    items: &[Item<'a, M>],
    failing: usize,
    prefix: Vec<usize>,
    bounds: &Bounds<'_>,
) -> (PartResult, Cost) {
    let returns = returns(items);
    let mut cost = Cost::default();
    let position = returns.iter().position(|&item| item == failing).unwrap_or(0);
    // The largest number of returns known to be explained, with the order, and the smallest number known
    // not to be.
    let (mut explained, mut order) = (position, prefix);
    let mut unexplained = returns.len();
    let mut stride = 1;
    while explained + 1 < unexplained {
        // Most often the failure is at or near this return, so start there.
        let try_at = if explained + stride < unexplained {
            explained + stride
        } else {
            explained + (unexplained - explained) / 2
        };
        let cut = Cut::new(items, &returns, try_at);
        let (outcome, of_cut) = search(model, initial.clone(), &cut.items, bounds);
        cost = cost.plus(of_cut);
        match outcome {
            PartResult::Linearizable(found) => {
                (explained, order) = (try_at, cut.before(found));
                stride *= 2;
            }
            PartResult::Violation { .. } => {
                unexplained = try_at;
                stride = 1;
            }
            // Undecided. If no cut was decided, the answer is that of the search with all results: given
            // the later results, this operation cannot be placed.
            PartResult::Superseded | PartResult::Unknown(_) => {
                if explained == position {
                    unexplained = position + 1;
                }
                break;
            }
        }
    }
    (
        PartResult::Violation { failing: returns[unexplained - 1], prefix: order, certain: true },
        cost,
    )
}
