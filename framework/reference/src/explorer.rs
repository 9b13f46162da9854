//! The reference explorer: explores all states of a world breadth-first, and stores each in full.

use std::collections::BTreeSet;

use crate::automaton::Automaton;
use crate::claim::{Claims, Verdict};
use crate::world::{Global, GlobalOf, Plain, Stopped, World};

/// The limits of an exploration.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// States at this depth are checked but not expanded.
    pub depth_max: Option<usize>,
    /// With more states than this, the explorer drops the current level, and returns the result for a depth
    /// limit at that level.
    pub states_max: usize,
}

/// The result of an exploration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exploration {
    /// How it ended.
    pub end: End,
    /// Distinct states.
    pub states: usize,
    /// The greatest length of a shortest path to a state, in events.
    pub depth: usize,
    /// Events possible in the expanded states.
    pub transitions: usize,
    /// The depth limit that was applied.
    pub depth_max: Option<usize>,
    /// For each claim that must hold in at least one state, in their order: its name, and the smallest depth at which
    /// it holds.
    pub held_first: Vec<(String, Option<usize>)>,
}

/// How an exploration ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All states were seen, and nothing was found.
    Exhausted,
    /// Some states at the depth limit were not expanded, and nothing was found.
    DepthLimit,
    /// An event in a state at this depth leads to too many commands. Nothing was found up to this depth.
    CommandLimit(usize),
    /// The findings at this depth, an event that fails being as deep as a state after it. There are none at smaller
    /// depths.
    Found(usize, BTreeSet<Verdict>),
}

/// Explores a world from a state. Returns `None` if even the first level has too many states.
pub fn explore<N: Plain, A: Automaton>(
    world: &World<N, A>,
    start: &GlobalOf<N, A>,
    claims: &Claims,
    bounds: Bounds,
) -> Option<Exploration> {
    let mut seen = BTreeSet::from([start.clone()]);
    let mut now = Level::default();
    now.add(world, claims, start.clone());
    let mut done = Exploration {
        end: End::Exhausted,
        states: 1,
        depth: 0,
        transitions: 0,
        depth_max: bounds.depth_max,
        held_first: claims.sometimes().map(|claim| (claim.name(), None)).collect(),
    };
    for depth in 0.. {
        for (first, held) in done.held_first.iter_mut().zip(&now.held) {
            first.1 = first.1.or(held.then_some(depth));
        }
        if !now.found.is_empty() {
            done.end = End::Found(depth, now.found);
            break;
        }
        if now.open.is_empty() {
            break;
        }
        if bounds.depth_max == Some(depth) {
            done.end = End::DepthLimit;
            break;
        }
        let mut next = Level::default();
        let (mut transitions, mut too_many_commands) = (0, false);
        for state in &now.open {
            for event in world.possible(state) {
                transitions += 1;
                match world.after(state, event) {
                    Ok((after, _)) if !seen.contains(&after) => {
                        seen.insert(after.clone());
                        next.add(world, claims, after);
                    }
                    Ok(_) => {}
                    Err(Stopped::TooManyCommands) => too_many_commands = true,
                    Err(Stopped::UnknownAddress { from, to }) => {
                        next.found.insert(Verdict::Failed { from, to });
                    }
                }
            }
            if seen.len() > bounds.states_max {
                done.end = End::DepthLimit;
                done.depth_max = Some(depth);
                return (depth > 0).then_some(done);
            }
        }
        if too_many_commands {
            done.end = End::CommandLimit(depth);
            break;
        }
        done.transitions += transitions;
        if seen.len() > done.states {
            done.depth = depth + 1;
            done.states = seen.len();
        }
        now = next;
    }
    Some(done)
}

/// The new states at one depth: those to expand, and the findings in the others.
struct Level<N, S> {
    open: Vec<Global<N, S>>,
    found: BTreeSet<Verdict>,
    /// For each claim that must hold in at least one state: whether it holds in one of these.
    held: Vec<bool>,
}

impl<N, S> Default for Level<N, S> {
    fn default() -> Self {
        Self { open: Vec::new(), found: BTreeSet::new(), held: Vec::new() }
    }
}

impl<N: Plain, S: Clone + Ord> Level<N, S> {
    fn add<A: Automaton<State = S>>(
        &mut self,
        world: &World<N, A>,
        claims: &Claims,
        state: Global<N, S>,
    ) {
        self.held.resize(claims.sometimes().count(), false);
        for (held, claim) in self.held.iter_mut().zip(claims.sometimes()) {
            *held |= claim.holds(world, &state);
        }
        match claims.judge(world, &state) {
            Verdict::Open => self.open.push(state),
            Verdict::Pruned => {}
            verdict => drop(self.found.insert(verdict)),
        }
    }
}
