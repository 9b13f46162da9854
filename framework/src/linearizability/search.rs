//! The search for an order of the operations in which the model gives the recorded results.
//!
//! Wing and Gong's search ("Testing and verifying concurrent objects", 1993) with Lowe's
//! memoisation ("Testing for linearizability", 2017): depth-first, placing one operation at a time,
//! and never trying a configuration twice.
//!
//! A configuration consists of the first return whose operation is not placed, one bit per pending
//! operation, the model's state, and the number of unanswered operations placed. It is stored
//! exactly, as a row of a few integers, so two configurations are never confused. The bits identify the
//! operations, so there are no linked lists to unlink and relink.
//!
//! Five prunings do not change the answer, because everything that they skip is also reached without it:
//!
//! - an operation that only observes ([`Model::only_observes`]) is placed as soon as it fits;
//! - an unanswered operation that would not change the state is not placed;
//! - of several unanswered operations with the same command, the one called first is placed;
//! - a configuration is skipped if it differs from an earlier one only in having spent more
//!   unanswered operations;
//! - a model step (state, command) is executed once and then looked up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::check_result::Limit;
use super::model::Model;
use super::problem::{ANY, Answered, Group, Item, NONE, Problem, UNSEEN};
use super::table::{Interner, RowSet, StepMemo};

/// What ends a search early.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'a> {
    pub(super) deadline: Option<Instant>,
    pub(super) memory_bytes_max: usize,
    pub(super) configurations_max: u64,
    /// The earliest return at which another part is known to fail. Later ones do not matter.
    pub(super) failing_return: &'a AtomicU64,
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PartResult {
    /// In this order, these items have their recorded results. The others are unanswered and took no
    /// effect.
    Linearizable(Vec<usize>),
    /// There is no order.
    Violation {
        /// The item at whose return the history stops being linearizable.
        failing: usize,
        /// The items in an order that explains everything before that return.
        prefix: Vec<usize>,
        /// Whether the later results of the operations pending at that return had no influence. Then the
        /// history fails at that return, and not only because of later results.
        certain: bool,
    },
    /// Another part fails at an earlier return, up to which this one is linearizable.
    Superseded,
    /// The search reached a limit.
    Unknown(Limit),
}

/// The cost of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// The number of configurations visited: sets of placed operations with the state that they lead to.
    pub configurations: u64,
    /// Distinct states of the model.
    pub states: u64,
    /// Peak memory, in bytes. The heap memory of states is the model's estimate.
    pub memory_bytes: usize,
}

impl Cost {
    /// The cost of two searches that ran one after the other.
    #[must_use]
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            configurations: self.configurations + other.configurations,
            states: self.states + other.states,
            memory_bytes: self.memory_bytes.max(other.memory_bytes),
        }
    }
}

/// The limits and the other parts are checked once per this many configurations.
const CONFIGURATIONS_PER_CHECK: u64 = 256;
/// The memory of one new state in this many is estimated.
const STATES_PER_ESTIMATE: usize = 32;

/// An operation that can be placed next, and the state after it.
#[derive(Clone, Copy)]
struct Candidate {
    // An answered operation, or a group with `GROUP_BIT`.
    placed: u32,
    next_state: u32,
    // Candidates with smaller values are tried first.
    wanted: u64,
    // The row it leads to, if that is already in the set; otherwise `NONE`.
    row: u32,
}

const GROUP_BIT: u32 = 1 << 31;

struct Frame {
    row: u32,
    // The operation whose placement led here; `NONE` in the first frame.
    placed: u32,
    // The start of this frame's untried candidates in the common list. They end where the next frame's start.
    candidates: usize,
    position: u32,
}

/// The model's states and steps, by number.
struct ModelSteps<'a, M: Model> {
    model: &'a M,
    states: Interner<M::State>,
    memo: StepMemo,
    heap_bytes: usize,
}

impl<'a, M: Model> ModelSteps<'a, M> {
    fn new(model: &'a M) -> Self {
        Self { model, states: Interner::new(), memo: StepMemo::default(), heap_bytes: 0 }
    }

    fn intern(&mut self, state: M::State) -> u32 {
        let estimated = self.states.len().is_multiple_of(STATES_PER_ESTIMATE);
        let known = self.states.len();
        let id = self.states.intern(state);
        if estimated && self.states.len() > known {
            let own = self.model.heap_bytes(self.states.value(id));
            self.heap_bytes += own * STATES_PER_ESTIMATE;
        }
        id
    }

    /// The state and the result after a command.
    fn step(&mut self, problem: &Problem<'a, M>, state: u32, command: u32) -> (u32, u32) {
        if let Some(known) = self.memo.find(state, command) {
            return known;
        }
        let mut next = self.states.value(state).clone();
        let result = self.model.step(&mut next, problem.commands.value(command));
        let result = problem.results.find(&&result).unwrap_or(UNSEEN);
        let next = self.intern(next);
        self.memo.insert(state, command, next, result);
        (next, result)
    }

    fn bytes(&self) -> usize {
        self.states.bytes() + self.memo.bytes() + self.heap_bytes
    }
}

/// Decides a problem, from an initial state of the model.
pub(super) fn search<'a, M: Model>(
    model: &'a M,
    initial: M::State,
    items: &[Item<'a, M>],
    bounds: &Bounds<'_>,
) -> (PartResult, Cost) {
    let problem = Problem::new(model, items);
    let mut search = Search::new(model, &problem);
    let outcome = search.run(initial, items, bounds);
    (outcome, search.cost())
}

/// A search result with additional findings about a violation.
pub(super) struct Survey<M: Model> {
    pub(super) outcome: PartResult,
    /// Returns before which the past no longer matters, as a count of returns, with a state: every
    /// explanation of these returns leads to that state with no pending operation placed.
    pub(super) waypoints: Vec<(usize, M::State)>,
    /// The states in which operations were placed.
    pub(super) states: Vec<M::State>,
}

/// Decides a problem, and returns additional findings.
pub(super) fn survey<'a, M: Model>(
    model: &'a M,
    initial: M::State,
    items: &[Item<'a, M>],
    bounds: &Bounds<'_>,
) -> Survey<M> {
    let problem = Problem::new(model, items);
    let mut search = Search::new(model, &problem);
    search.arrivals = Some(vec![Arrivals::None; problem.returns.len()]);
    let outcome = search.run(initial, items, bounds);
    let arrivals = search.arrivals.take().unwrap_or_default();
    let waypoints = (0..).zip(arrivals).filter_map(|(position, arrivals)| match arrivals {
        Arrivals::One(state) => Some((position, search.space.states.value(state).clone())),
        Arrivals::None | Arrivals::Many => None,
    });
    let waypoints = waypoints.collect();
    let states = (0..search.space.states.len() as u32)
        .map(|state| search.space.states.value(state).clone())
        .collect();
    Survey { outcome, waypoints, states }
}

/// How the paths of the search first reached a position.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrivals {
    None,
    /// Always in this state, with no pending operation placed.
    One(u32),
    Many,
}

struct Search<'p, 'a, M: Model> {
    problem: &'p Problem<'a, M>,
    space: ModelSteps<'a, M>,
    seen: RowSet,
    frames: Vec<Frame>,
    candidates: Vec<Candidate>,
    // At the position of the last frame: the operation in each slot, the slots in use, and the number of
    // unanswered calls by group.
    operation_in_slot: Vec<u32>,
    in_use: Vec<u32>,
    called_in_group: Vec<u8>,
    // Operations that change the state, and that were once not placed because of their result.
    refused: Vec<bool>,
    // The pending operations that only observe, and that do not fit this state.
    observers: Vec<u32>,
    // The current row: state, position, one bit per slot, one byte per group.
    row: Vec<u32>,
    slot_words: usize,
    memory_bytes: usize,
    // For a survey, by position.
    arrivals: Option<Vec<Arrivals>>,
}

impl<'p, 'a, M: Model> Search<'p, 'a, M> {
    fn new(model: &'a M, problem: &'p Problem<'a, M>) -> Self {
        let slot_words = problem.slots.div_ceil(32);
        let group_words = problem.groups.len().div_ceil(4);
        Self {
            problem,
            space: ModelSteps::new(model),
            seen: RowSet::new(2 + slot_words, group_words),
            frames: Vec::new(),
            candidates: Vec::new(),
            operation_in_slot: vec![NONE; problem.slots],
            in_use: vec![0; slot_words],
            called_in_group: vec![0; problem.groups.len()],
            refused: vec![false; problem.answered.len()],
            observers: Vec::new(),
            row: vec![0; 2 + slot_words + group_words],
            slot_words,
            memory_bytes: 0,
            arrivals: None,
        }
    }

    fn run(&mut self, initial: M::State, items: &[Item<'a, M>], bounds: &Bounds<'_>) -> PartResult {
        let problem = self.problem;
        let end = problem.returns.len() as u32;
        if end == 0 {
            return PartResult::Linearizable(Vec::new());
        }
        self.row[0] = self.space.intern(initial);
        let first = self.seen.insert(&self.row).expect("the first row is new");
        self.enter(0);
        self.frames.push(Frame { row: first, placed: NONE, candidates: 0, position: 0 });
        self.gather();
        let mut furthest = 0;
        let mut furthest_order: Option<Vec<usize>> = None;
        let mut checks = 0;
        while let Some(frame) = self.frames.last() {
            if self.candidates.len() == frame.candidates {
                // Nothing more to try here. When backtracking from the furthest point, note its order.
                if frame.position == furthest && furthest_order.is_none() {
                    furthest_order = Some(self.order());
                }
                self.backtrack();
                continue;
            }
            let candidate = self.candidates.pop().expect("not empty");
            let (row, position) = (frame.row, frame.position);
            let (mut next_row, mut next_position) = (candidate.row, position);
            if next_row == NONE {
                next_position = self.make_row(row, position, candidate);
                if next_position == end {
                    let mut order = self.order();
                    order.push(self.item(candidate.placed, row));
                    return PartResult::Linearizable(order);
                }
                if next_position > position {
                    self.arrive(position, next_position);
                }
                let Some(new) = self.seen.insert(&self.row) else { continue };
                next_row = new;
                for passed in position..next_position {
                    self.leave_behind(passed);
                    self.enter(passed + 1);
                }
            }
            let candidates = self.candidates.len();
            self.frames.push(Frame {
                row: next_row,
                placed: candidate.placed,
                candidates,
                position: next_position,
            });
            self.gather();
            if next_position > furthest {
                furthest = next_position;
                furthest_order = None;
            }
            checks += 1;
            if checks % CONFIGURATIONS_PER_CHECK == 0
                && let Some(ended) = self.check_bounds(items, bounds, furthest)
            {
                return ended;
            }
        }
        let failing = problem.answered[problem.returns[furthest as usize] as usize].item as usize;
        let prefix = furthest_order.expect("noted on the way back");
        PartResult::Violation { failing, prefix, certain: self.is_certain(furthest) }
    }

    /// Whether the later results of the operations pending at this return had no influence: none was
    /// refused because of its result, those that only observed could not have changed the state, and none
    /// made a later call of its client wait.
    fn is_certain(&mut self, position: u32) -> bool {
        let problem = self.problem;
        let called = problem.calls_before[position as usize] as usize;
        problem.calls[..called].iter().all(|&number| {
            let operation = &problem.answered[number as usize];
            if operation.return_at <= position {
                return true;
            }
            if problem.is_waited_for(number) {
                return false;
            }
            // If it changes none of the states found, it cannot lead to others.
            let states = 0..self.space.states.len() as u32;
            !self.refused[number as usize]
                && (!operation.only_observes
                    || states
                        .into_iter()
                        .all(|state| self.space.step(problem, state, operation.command).0 == state))
        })
    }

    /// The result, if a bound is reached.
    fn check_bounds(
        &mut self,
        items: &[Item<'a, M>],
        bounds: &Bounds<'_>,
        furthest: u32,
    ) -> Option<PartResult> {
        self.memory_bytes = self.bytes();
        let furthest = self.problem.returns[furthest as usize] as usize;
        let returned = items[self.problem.answered[furthest].item as usize].returned;
        if returned.is_some_and(|at| at > bounds.failing_return.load(Ordering::Relaxed)) {
            return Some(PartResult::Superseded);
        }
        if self.memory_bytes > bounds.memory_bytes_max {
            return Some(PartResult::Unknown(Limit::Memory));
        }
        if self.seen.len() as u64 > bounds.configurations_max {
            return Some(PartResult::Unknown(Limit::Configurations));
        }
        if bounds.deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Some(PartResult::Unknown(Limit::Time));
        }
        None
    }

    /// Computes the row after a placement, and returns its position.
    fn make_row(&mut self, from: u32, position: u32, candidate: Candidate) -> u32 {
        self.row.copy_from_slice(self.seen.row(from));
        self.row[0] = candidate.next_state;
        if candidate.placed & GROUP_BIT != 0 {
            let group = (candidate.placed & !GROUP_BIT) as usize;
            self.row[2 + self.slot_words + group / 4] += 1 << (group % 4 * 8);
            return position;
        }
        let slot = self.problem.answered[candidate.placed as usize].slot;
        self.row[2 + slot as usize / 32] |= 1 << (slot % 32);
        let mut position = position;
        while let Some(&returning) = self.problem.returns.get(position as usize) {
            let slot = self.problem.answered[returning as usize].slot;
            let (word, bit) = (2 + slot as usize / 32, 1 << (slot % 32));
            if self.row[word] & bit == 0 {
                break;
            }
            self.row[word] &= !bit;
            position += 1;
        }
        self.row[1] = position;
        position
    }

    /// Notes for a survey that the current row moved from one position to another.
    fn arrive(&mut self, from: u32, to: u32) {
        let Some(arrivals) = &mut self.arrivals else { return };
        // At the positions between, operations had been placed before their returns.
        for skipped in from + 1..to {
            arrivals[skipped as usize] = Arrivals::Many;
        }
        let (slots, groups) = self.row[2..].split_at(self.slot_words);
        let nothing_placed = slots.iter().all(|&word| word == 0);
        let arrivals = &mut arrivals[to as usize];
        *arrivals = match *arrivals {
            Arrivals::None if nothing_placed && groups.iter().all(|&word| word == 0) => {
                Arrivals::One(self.row[0])
            }
            // The same state with more unanswered operations placed is equivalent.
            Arrivals::One(state) if nothing_placed && state == self.row[0] => Arrivals::One(state),
            _ => Arrivals::Many,
        };
    }

    /// Lists the candidates of the last frame, the best last.
    fn gather(&mut self) {
        let problem = self.problem;
        let frame = self.frames.last().expect("there is a frame");
        let start = frame.candidates;
        let (row, position) = (frame.row, frame.position);
        let state = self.seen.row(row)[0];
        self.observers.clear();
        for word in 0..self.slot_words {
            let mut open = self.in_use[word] & !self.seen.row(row)[2 + word];
            while open != 0 {
                let slot = word * 32 + open.trailing_zeros() as usize;
                open &= open - 1;
                let placed = self.operation_in_slot[slot];
                let operation = &problem.answered[placed as usize];
                if !self.is_placed(operation.after, row, position) {
                    continue;
                }
                let (next_state, result) = self.space.step(problem, state, operation.command);
                let fits = operation.result == ANY || operation.result == result;
                if operation.only_observes {
                    if fits {
                        assert!(
                            next_state == state,
                            "the model says that {:?} only observes, but it changes the state",
                            problem.commands.value(operation.command)
                        );
                        self.candidates.truncate(start);
                        self.candidates.push(Candidate {
                            placed,
                            next_state,
                            wanted: 0,
                            row: NONE,
                        });
                        return;
                    }
                    self.observers.push(placed);
                } else if fits {
                    self.candidates.push(Candidate { placed, next_state, wanted: 0, row: NONE });
                } else {
                    self.refused[placed as usize] = true;
                }
            }
        }
        for group in 0..problem.groups.len() {
            let Group { command, after, .. } = &problem.groups[group];
            if self.placed_in_group(row, group) < self.called_in_group[group]
                && self.is_placed(*after, row, position)
            {
                let (next_state, _) = self.space.step(problem, state, *command);
                if next_state == state {
                    continue;
                }
                let placed = group as u32 | GROUP_BIT;
                let mut candidate = Candidate { placed, next_state, wanted: 0, row: NONE };
                // Insert it now, so that it covers paths to this state that place more unanswered operations.
                self.make_row(row, position, candidate);
                if let Some(new) = self.seen.insert(&self.row) {
                    candidate.row = new;
                    self.candidates.push(candidate);
                }
            }
        }
        if self.candidates.len() - start < 2 {
            return;
        }
        // First the candidates that lead to a state that a pending operation observed, by the observer's
        // return; then the others by their return; unanswered operations last.
        for at in start..self.candidates.len() {
            let Candidate { placed, next_state, .. } = self.candidates[at];
            let mut wanted = u32::MAX;
            for &observer in &self.observers {
                let Answered { command, result, return_at, .. } =
                    problem.answered[observer as usize];
                if return_at < wanted && self.space.step(problem, next_state, command).1 == result {
                    wanted = return_at;
                }
            }
            let own = match placed & GROUP_BIT {
                0 => problem.answered[placed as usize].return_at,
                _ => u32::MAX,
            };
            self.candidates[at].wanted = u64::from(wanted) << 32 | u64::from(own);
        }
        self.candidates[start..].sort_unstable_by_key(|candidate| {
            (std::cmp::Reverse(candidate.wanted), candidate.placed)
        });
    }

    /// Whether an answered operation is placed. `NONE` counts as placed.
    fn is_placed(&self, operation: u32, row: u32, position: u32) -> bool {
        if operation == NONE {
            return true;
        }
        let operation = &self.problem.answered[operation as usize];
        let slot = operation.slot;
        operation.return_at < position
            || self.seen.row(row)[2 + slot as usize / 32] & 1 << (slot % 32) != 0
    }

    fn placed_in_group(&self, row: u32, group: usize) -> u8 {
        let word = self.seen.row(row)[2 + self.slot_words + group / 4];
        word.to_le_bytes()[group % 4]
    }

    /// Applies the calls before this return.
    fn enter(&mut self, position: u32) {
        for &called in self.calls_at(position) {
            let slot = self.problem.answered[called as usize].slot as usize;
            self.operation_in_slot[slot] = called;
            self.in_use[slot / 32] |= 1 << (slot % 32);
        }
        for &group in self.optional_calls_at(position) {
            self.called_in_group[group as usize] += 1;
        }
    }

    /// Reverts the calls before this return.
    fn undo_enter(&mut self, position: u32) {
        for &called in self.calls_at(position).iter().rev() {
            let operation = &self.problem.answered[called as usize];
            let slot = operation.slot as usize;
            self.operation_in_slot[slot] = operation.slot_before;
            self.in_use[slot / 32] &= !(1 << (slot % 32));
        }
        for &group in self.optional_calls_at(position) {
            self.called_in_group[group as usize] -= 1;
        }
    }

    /// Passes a return, which frees its slot.
    fn leave_behind(&mut self, position: u32) {
        let slot = self.returning_slot(position);
        self.in_use[slot / 32] &= !(1 << (slot % 32));
    }

    fn undo_leave_behind(&mut self, position: u32) {
        let slot = self.returning_slot(position);
        self.in_use[slot / 32] |= 1 << (slot % 32);
    }

    fn returning_slot(&self, position: u32) -> usize {
        let returning = self.problem.returns[position as usize];
        self.problem.answered[returning as usize].slot as usize
    }

    fn calls_at(&self, position: u32) -> &'p [u32] {
        between(&self.problem.calls, &self.problem.calls_before, position)
    }

    fn optional_calls_at(&self, position: u32) -> &'p [u32] {
        between(&self.problem.optional_calls, &self.problem.optional_calls_before, position)
    }

    fn backtrack(&mut self) {
        let frame = self.frames.pop().expect("there is a frame");
        let Some(before) = self.frames.last() else { return };
        for passed in (before.position..frame.position).rev() {
            self.undo_enter(passed + 1);
            self.undo_leave_behind(passed);
        }
    }

    /// The items placed so far, in order.
    fn order(&self) -> Vec<usize> {
        let pairs = self.frames.iter().zip(self.frames.iter().skip(1));
        pairs.map(|(before, frame)| self.item(frame.placed, before.row)).collect()
    }

    /// The item of a placement in this row.
    fn item(&self, placed: u32, row: u32) -> usize {
        if placed & GROUP_BIT == 0 {
            return self.problem.answered[placed as usize].item as usize;
        }
        let group = (placed & !GROUP_BIT) as usize;
        let used = self.placed_in_group(row, group) as usize;
        self.problem.groups[group].items[used] as usize
    }

    fn bytes(&self) -> usize {
        self.space.bytes()
            + self.seen.bytes()
            + self.frames.capacity() * size_of::<Frame>()
            + self.candidates.capacity() * size_of::<Candidate>()
    }

    fn cost(&self) -> Cost {
        Cost {
            configurations: self.seen.len() as u64,
            states: self.space.states.len() as u64,
            memory_bytes: self.memory_bytes.max(self.bytes()),
        }
    }
}

/// The part of a list that belongs to one return, given the counts before each return.
fn between<'a>(list: &'a [u32], before: &[u32], position: u32) -> &'a [u32] {
    let position = position as usize;
    let start = if position == 0 { 0 } else { before[position - 1] as usize };
    &list[start..before[position] as usize]
}
