//! The shortest failing prefix: the first answer at which a history stops being linearizable.

use super::model::Model;
use super::problem::Item;
use super::search::{Bounds, Cost, PartResult, search};

/// Everything up to and including one return; operations pending then are unanswered.
///
/// Returns at the same time are cut one by one. If a client called again at that very time, its
/// return came before that call, which may have come before any other return of that time. So the
/// operation it continued from has returned too, though its answer does not count yet. Without this
/// rule, a later cut could be linearizable although an earlier one is not, and there would be no
/// first failing return.
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

    /// Items of the cut as items before it.
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

/// Finds the return at which a history stops being linearizable, and an order that explains
/// everything before it.
///
/// The search that found the violation knew all results, so a pending operation may have been ruled
/// out by a result that it got only later. So the failure lies at `failing`, the return that the
/// search could not pass, or after it. It is found by cutting: a cut before it is linearizable, a
/// cut after it is not.
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
    // How many returns are known to be explained, with the order, and how many are not.
    let (mut explained, mut order) = (position, prefix);
    let mut unexplained = returns.len();
    let mut stride = 1;
    while explained + 1 < unexplained {
        // Most often the failure is at the return itself; so try near it first.
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
            // Not sure where. If nothing is known but what the search with all results found, then
            // that is where: given what was answered later, this operation cannot be placed.
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
