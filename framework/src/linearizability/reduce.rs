//! Reduction: reduces a violation to the few operations that show it.
//!
//! It has three steps. None of them can turn a linearizable history into a violation:
//!
//! 1. *Cut.* Operations called after the failing return are left out, and those pending then count as
//!    unanswered: they may have taken effect or not. That only allows more orders.
//! 2. *Start later.* If every explanation of the operations before some return leads to the same state,
//!    with no pending operation placed, then these operations are replaced by that state. All of them
//!    must have returned before the failing operation was called. Otherwise the failing operation could
//!    have taken effect among them with another result, and the list of its possible results would be
//!    wrong.
//! 3. *Drop.* An operation is dropped only if the rest fails **whether or not it took effect**: there
//!    is no explanation even if it is replaced by an unanswered one. (Operations dropped earlier stay
//!    in that check as unanswered.) So an append is never dropped if another operation saw its effect.
//!    The explanation must also stay the same: the failing operation is still the first to fail, could
//!    still have returned the same results, and if its result was stale, it still is.

use std::collections::HashSet;
use std::sync::atomic::AtomicU64;

use super::model::Model;
use super::prefix::{Cut, returns};
use super::problem::Item;
use super::search::{Bounds, PartResult, search, survey};

/// With more operations than this, the reduction starts later if it can, instead of trying to drop
/// operations one by one.
const OPERATIONS_MAX: usize = 120;
/// If more operations than this are left, a later start is tried.
const SHOWN_MAX: usize = 16;
/// The maximum number of possible results of the failing operation that are stored.
const ANSWERS_MAX: usize = 16;
/// The maximum number of results that are tried for that. Most from far back are impossible, and are not
/// stored.
const ANSWERS_TRIED_MAX: usize = 256;
/// The limit on configurations for one trial. A trial that needs more is undecided, and drops nothing.
const CONFIGURATIONS_PER_TRIAL: u64 = 3_000;
/// The limit on configurations for all trials from one start.
const CONFIGURATIONS_FOR_TRIALS: u64 = 60_000;
/// The limit on configurations for finding the violation again.
const CONFIGURATIONS_MAX: u64 = 2_000_000;
const MEMORY_BYTES_MAX: usize = 1 << 28;

/// A reduced violation.
pub(super) struct Reduced<M: Model> {
    /// The state before the first operation.
    pub(super) initial: M::State,
    /// How many answered operations led to it.
    pub(super) before: usize,
    /// The numbers of the remaining items, in the order of their calls.
    pub(super) kept: Vec<usize>,
    /// The items that were pending or unanswered when the failing one returned.
    pub(super) unanswered: Vec<usize>,
    /// The items that returned at the same time as the failing one, so that their results do not count yet.
    pub(super) answers_open: Vec<usize>,
    /// How many operations were dropped because the violation does not depend on them.
    pub(super) dropped: usize,
    /// An order that explains the remaining items before the failing one returned.
    pub(super) order: Vec<usize>,
    /// The possible results of the failing item that were found within the limits.
    pub(super) possible: Vec<M::Result>,
    /// Whether these are known to be all.
    pub(super) possible_is_all: bool,
}

/// Bounds that do not depend on the clock, so that a reduction is the same on every machine.
fn bounds(configurations_max: u64, failing_return: &AtomicU64) -> Bounds<'_> {
    Bounds {
        deadline: None,
        memory_bytes_max: MEMORY_BYTES_MAX,
        configurations_max,
        failing_return,
    }
}

/// Reduces a violation: `failing` is the item at whose return `items` stop being linearizable.
///
/// Returns `None` if the violation cannot be found again within the bounds of a reduction.
pub(super) fn reduce<'a, M: Model>(
    model: &'a M,
    items: &[Item<'a, M>],
    failing: usize,
) -> Option<Reduced<M>> {
    let never = AtomicU64::new(u64::MAX);
    let all_returns = returns(items);
    let count = all_returns.iter().position(|&item| item == failing)? + 1;
    let cut = Cut::new(items, &all_returns, count);
    let seen = survey(model, model.init(), &cut.items, &bounds(CONFIGURATIONS_MAX, &never));
    let PartResult::Violation { .. } = seen.outcome else { return None };

    let failing = cut.numbers.iter().position(|&number| number == failing)?;
    // Start at the beginning if that leaves few operations, and later otherwise.
    let mut best: Option<Reduced<M>> = None;
    let mut latest = None;
    let cut_returns = returns(&cut.items);
    let called = cut.items[failing].called;
    let is_before_call = |&(start, _): &(usize, M::State)| {
        let last = start.checked_sub(1).map(|last| cut_returns[last]);
        last.is_none_or(|last| cut.items[last].returned.is_some_and(|at| at < called))
    };
    let waypoints = seen.waypoints.into_iter().filter(is_before_call);
    let starts = std::iter::once((0, model.init())).chain(waypoints);
    let mut starts = starts.collect::<Vec<_>>().into_iter().peekable();
    for length_max in [OPERATIONS_MAX, OPERATIONS_MAX / 4, SHOWN_MAX, 0] {
        // The earliest start that leaves at most `length_max` operations, or the latest one.
        while let Some((start, state)) = starts.next() {
            let is_last = starts.peek().is_none();
            if cut.items.len() - start <= length_max || is_last {
                latest = Some((start, state));
                break;
            }
        }
        let Some((start, state)) = latest.take() else { break };
        let reduced = reduce_from(model, &cut, failing, start, state, &seen.states);
        if let Some(reduced) = reduced
            && best.as_ref().is_none_or(|best| reduced.kept.len() < best.kept.len())
        {
            best = Some(reduced);
        }
        if best.as_ref().is_some_and(|best| best.kept.len() <= SHOWN_MAX) {
            break;
        }
    }
    best
}

/// Reduces the part of a cut after its first `start` returns, which lead to the state `initial`.
fn reduce_from<'a, M: Model>(
    model: &'a M,
    cut: &Cut<'a, M>,
    failing: usize,
    start: usize,
    initial: M::State,
    states: &[M::State],
) -> Option<Reduced<M>> {
    let mut is_over = vec![false; cut.items.len()];
    for &item in &returns(&cut.items)[..start] {
        is_over[item] = true;
    }
    let kept: Vec<usize> = (0..cut.items.len()).filter(|&item| !is_over[item]).collect();
    let mut reduction = Reduction {
        model,
        initial,
        items: &cut.items,
        failing,
        kept,
        ghosts: Vec::new(),
        answers: Vec::new(),
        answers_are_all: true,
        stale: false,
        configurations: 0,
    };
    reduction.find_answers(states);
    let whole = reduction.kept.len();
    reduction.drop_operations();
    let order = reduction.explanation(&reduction.kept)?;
    let Reduction { initial, kept, answers, answers_are_all, .. } = reduction;
    let is_known = |(_, could): &(M::Result, Option<bool>)| could.is_some();
    let possible_is_all = answers_are_all && answers.iter().all(is_known);
    let (unanswered, returned): (Vec<usize>, Vec<usize>) =
        kept.iter().copied().partition(|&item| cut.items[item].returned.is_none());
    let answers_open =
        returned.into_iter().filter(|&item| cut.items[item].result.is_none()).collect();
    Some(Reduced {
        initial,
        before: start,
        dropped: whole - kept.len(),
        unanswered: cut.before(unanswered),
        answers_open: cut.before(answers_open),
        kept: cut.before(kept),
        order: cut.before(order),
        possible: answers
            .into_iter()
            .filter(|(_, could)| *could == Some(true))
            .map(|(result, _)| result)
            .collect(),
        possible_is_all,
    })
}

struct Reduction<'r, 'a, M: Model> {
    model: &'a M,
    initial: M::State,
    items: &'r [Item<'a, M>],
    failing: usize,
    kept: Vec<usize>,
    // Dropped operations that may have changed the state.
    ghosts: Vec<usize>,
    // Results that the failing operation has in some state, and whether it could have returned them here, if
    // known.
    answers: Vec<(M::Result, Option<bool>)>,
    // Whether these are all results that it has in some state.
    answers_are_all: bool,
    stale: bool,
    configurations: u64,
}

impl<'a, M: Model> Reduction<'_, 'a, M> {
    /// Drops runs of operations, long ones first, until no single one can be dropped.
    fn drop_operations(&mut self) {
        let mut length = self.kept.len().div_ceil(2);
        while length > 0 {
            let mut dropped_any = false;
            // From the front, because the oldest operations matter least.
            let mut at = 0;
            while at < self.kept.len() && self.configurations < CONFIGURATIONS_FOR_TRIALS {
                let end = (at + length).min(self.kept.len());
                if self.drop_run(at, end) {
                    dropped_any = true;
                } else {
                    at = end;
                }
            }
            if length > 1 {
                length = length.div_ceil(2);
            } else if !dropped_any {
                break;
            }
            if self.configurations >= CONFIGURATIONS_FOR_TRIALS {
                break;
            }
        }
    }

    /// Drops the operations from index `at` to `end`, if that is sound.
    fn drop_run(&mut self, at: usize, end: usize) -> bool {
        let run: Vec<usize> =
            self.kept[at..end].iter().copied().filter(|&item| item != self.failing).collect();
        if run.is_empty() {
            return false;
        }
        let mut rest = self.kept.clone();
        rest.drain(at..end);
        if run.len() < end - at {
            rest.insert(at, self.failing);
        }
        let mut ghosts = self.ghosts.clone();
        ghosts.extend(run.iter().copied().filter(|&item| !self.only_observes(item)));
        let sound = self.fails(&rest, &ghosts)
            && self.explanation(&rest).is_some()
            && self.explains_the_same(&rest);
        if !sound {
            return false;
        }
        (self.kept, self.ghosts) = (rest, ghosts);
        true
    }

    /// Whether these operations have no explanation, even if each ghost may have taken effect.
    fn fails(&mut self, kept: &[usize], ghosts: &[usize]) -> bool {
        let mut items = self.select(kept);
        items.extend(ghosts.iter().map(|&ghost| Item {
            result: None,
            returned: None,
            after: None,
            ..self.items[ghost]
        }));
        matches!(self.search(&items), PartResult::Violation { .. })
    }

    /// An order of these operations that explains everything before the failing one returned. It contains
    /// the failing one if others saw its effect.
    fn explanation(&self, kept: &[usize]) -> Option<Vec<usize>> {
        let never = AtomicU64::new(u64::MAX);
        let mut items = self.select(kept);
        if let Some(failing) = kept.iter().position(|&number| number == self.failing) {
            items[failing].result = None;
            // If its client called again at the instant of its return, it must come before that call.
            if items.iter().all(|item| item.after != Some(failing)) {
                items[failing].returned = None;
            }
        }
        let bounds = bounds(CONFIGURATIONS_PER_TRIAL, &never);
        match search(self.model, self.initial.clone(), &items, &bounds).0 {
            PartResult::Linearizable(order) => {
                Some(order.into_iter().map(|item| kept[item]).collect())
            }
            _ => None,
        }
    }

    /// Whether there would be an explanation if the failing operation had this result. `None` if undecided
    /// within the limits.
    fn could_return(&mut self, kept: &[usize], result: &M::Result) -> Option<bool> {
        let mut items = self.select(kept);
        for (item, &number) in items.iter_mut().zip(kept) {
            if number == self.failing {
                item.result = Some(result);
            }
        }
        match self.search(&items) {
            PartResult::Linearizable(_) => Some(true),
            PartResult::Violation { .. } => Some(false),
            PartResult::Superseded | PartResult::Unknown(_) => None,
        }
    }

    /// Whether the failing operation's result was right at an earlier time, that is, stale and not just
    /// wrong.
    fn is_stale(&mut self, kept: &[usize]) -> bool {
        let mut items = self.select(kept);
        for (item, &number) in items.iter_mut().zip(kept) {
            if number == self.failing {
                (item.called, item.after) = (0, None);
            }
        }
        matches!(self.search(&items), PartResult::Linearizable(_))
    }

    /// Finds out which of the results that the failing operation has in these states it could have returned.
    fn find_answers(&mut self, states: &[M::State]) {
        let kept = self.kept.clone();
        let mut tried: HashSet<M::Result> = HashSet::new();
        // The states found last are near the failure.
        for state in states.iter().rev() {
            let result = self.model.step(&mut state.clone(), self.items[self.failing].command);
            if tried.contains(&result) {
                continue;
            }
            // Half of the configurations are reserved for dropping operations.
            let is_half_used = self.configurations > CONFIGURATIONS_FOR_TRIALS / 2;
            let is_more = self.answers.len() >= ANSWERS_MAX;
            if tried.len() == ANSWERS_TRIED_MAX || (is_more && is_half_used) {
                self.answers_are_all = false;
                break;
            }
            tried.insert(result.clone());
            match self.could_return(&kept, &result) {
                Some(false) if is_more => {}
                _ if is_more => {
                    self.answers_are_all = false;
                    break;
                }
                could => self.answers.push((result, could)),
            }
        }
        self.stale = self.is_stale(&kept);
    }

    /// Whether these operations give the same explanation: the same possible results of the failing one, and
    /// a stale result if it was stale.
    fn explains_the_same(&mut self, kept: &[usize]) -> bool {
        if self.stale && !self.is_stale(kept) {
            return false;
        }
        let answers = std::mem::take(&mut self.answers);
        // Undecided results are ignored.
        let same = answers
            .iter()
            .all(|(result, could)| could.is_none() || self.could_return(kept, result) == *could);
        self.answers = answers;
        same
    }

    fn only_observes(&self, item: usize) -> bool {
        let Item { command, result, .. } = self.items[item];
        result.is_some_and(|result| self.model.only_observes(command, result))
    }

    /// These items, renumbered.
    fn select(&self, kept: &[usize]) -> Vec<Item<'a, M>> {
        let mut numbers = vec![None; self.items.len()];
        for (number, &item) in kept.iter().enumerate() {
            numbers[item] = Some(number);
        }
        // A client's operations at one instant form a chain. If one is left out, the next waits for the
        // previous one.
        let after = |item: usize| {
            let called = self.items[item].called;
            let chain = std::iter::successors(self.items[item].after, |&before| {
                self.items[before].after.filter(|_| self.items[before].called == called)
            });
            chain.filter_map(|before| numbers[before]).next()
        };
        kept.iter().map(|&item| Item { after: after(item), ..self.items[item] }).collect()
    }

    fn search(&mut self, items: &[Item<'_, M>]) -> PartResult {
        let never = AtomicU64::new(u64::MAX);
        let bounds = bounds(CONFIGURATIONS_PER_TRIAL, &never);
        let (outcome, cost) = search(self.model, self.initial.clone(), items, &bounds);
        self.configurations += cost.configurations;
        outcome
    }
}
