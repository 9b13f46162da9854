//! Random explorations: an explorer must have the events and states of the reference, whatever is done to the
//! system from outside, and also after it has returned to an earlier state.

use std::collections::BTreeSet;

use faultlab::hosting::pure::LocalSteps;
use faultlab::random::mix;
use faultlab::search::{
    Action, Corruption, DiskOutcome, Explorer, Obstacle, PathEvent, Role, Snapshot,
};
use faultlab::trace::replay::{ReplayStatus, replay};
use faultlab::trace::{EventKind, Origin};
use faultlab::{Address, codec};

use super::agreement::Seen;
use crate::automaton::Automaton;
use crate::claim::{Claims, RUN, Verdict};
use crate::protocol::{Case, Drawn, Size};
use crate::terms::{is_event, nodes_of};
use crate::world::{Event, GlobalOf, Restarts, Rules, World};

/// The most steps of an exploration.
const STEPS: u64 = 40;

/// Explores a protocol at random, in both implementations.
pub(super) fn compare(seed: u64) -> Result<Seen, String> {
    let size = [Size::Few, Size::Timers, Size::Clients, Size::InOrder][(seed % 4) as usize];
    let mut case = Case::drawn(mix(seed ^ 0xe7), size);
    if mix(seed ^ 1).is_multiple_of(2) {
        case.rules = Rules::default();
    }
    if mix(seed ^ 2).is_multiple_of(2) {
        case.draw_writes(mix(seed ^ 3));
    }
    let search = case.search();
    let submission = Case::submission();
    let nodes = search.system().descriptors();
    let steps = LocalSteps::new(&submission, nodes).map_err(|failure| failure.to_string())?;
    let mut world = case.world();
    world.rules = only_links(&case.rules, world.members.len());
    if case.fault_model.may_restart() {
        // Crashes and restarts are from outside here.
        let is_client = |node: &usize| world.members[*node].commands.is_some();
        let nodes = (0..world.members.len()).filter(|node| !is_client(node)).collect();
        world.rules.may_restart = Restarts { nodes, ..Restarts::default() };
    }
    let Ok(global) = world.start() else { return Ok(Seen::default()) };
    let explorer = Explorer::new(&search, &steps).map_err(|error| error.to_string())?;
    let start =
        Branch { rules: world.rules.clone(), global, cut: BTreeSet::new(), given: Vec::new() };
    let mut exploration =
        Exploration { explorer, world, claims: &case.claims, now: start, kept: Vec::new() };
    let mut seen = Seen::default();
    for step in 0..STEPS {
        let draw = |what: u64, below: u64| mix(seed ^ mix(1_000 + 10 * step + what)) % below;
        let at = |difference| format!("step {step}: {difference}");
        exploration.check().map_err(at)?;
        seen.states += 1;
        if !exploration.go_on(&draw).map_err(at)? {
            break;
        }
    }
    seen.found = exploration.check_start(&case, &steps)?;
    exploration.check_trace()?;
    exploration.check_replay(&steps)?;
    Ok(seen)
}

/// The same rules, with every blocked message expressed as a cut link.
fn only_links(rules: &Rules, nodes: usize) -> Rules {
    let pairs = (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to)));
    let is_cut = |&(from, to): &(usize, usize)| {
        rules.cut.contains(&(from, to))
            || rules.blocked_sends.contains(&from)
            || rules.blocked_receives.contains(&to)
    };
    Rules {
        cut: pairs.filter(is_cut).collect(),
        stopped: rules.stopped.clone(),
        crashed: rules.crashed.clone(),
        ..Rules::default()
    }
}

/// The reference's side of a place in an exploration.
#[derive(Clone)]
struct Branch<G> {
    global: G,
    rules: Rules,
    /// The links that actions have cut and not restored.
    cut: BTreeSet<(usize, usize)>,
    /// The commands that clients were given from outside, in order.
    given: Vec<(usize, u64)>,
}

struct Exploration<'e, A: Automaton> {
    explorer: Explorer<'e>,
    world: World<Drawn, A>,
    claims: &'e Claims,
    now: Branch<GlobalOf<Drawn, A>>,
    kept: Vec<(Snapshot, Branch<GlobalOf<Drawn, A>>)>,
}

impl<A: Automaton<State: Clone>> Exploration<'_, A> {
    fn address(&self, place: usize) -> Address {
        self.world.members[place].address
    }

    /// Compares state, possible events and answers of the properties.
    fn check(&self) -> Result<(), String> {
        let state = self.explorer.state();
        let nodes = nodes_of(&self.world, &state)?;
        if nodes != self.now.global.locals {
            return Err(format!("the state is {nodes:?}, not {:?}", self.now.global.locals));
        }
        self.check_events(&self.explorer)?;
        self.check_commands()?;
        let broken: Vec<String> = self
            .explorer
            .check()
            .into_iter()
            .filter(|check| check.role == Role::Invariant && check.result.is_err())
            .map(|check| check.property)
            .collect();
        let mut expected = self.claims.broken(&self.world, &self.now.global);
        if self.now.global.watched.is_none() {
            expected.insert(0, RUN.to_owned());
        }
        if broken != expected {
            return Err(format!("{broken:?} are violated, not {expected:?}"));
        }
        Ok(())
    }

    /// Compares the commands that clients have had: those of their workloads, and then those from outside.
    fn check_commands(&self) -> Result<(), String> {
        for (place, node) in self.explorer.describe().nodes.iter().enumerate() {
            let Some(client) = &node.client else { continue };
            let local = &self.now.global.locals[place];
            let of_workload = self.world.members[place].commands.iter().flatten();
            let outside = self.now.given.iter().filter(|(client, _)| *client == place);
            let all = of_workload.chain(outside.map(|(_, command)| command));
            let count = local.results.len() + usize::from(local.is_waiting);
            let expected: Vec<String> = all.take(count).map(u64::to_string).collect();
            let had: Vec<&String> = client.operations.iter().map(|it| &it.command).collect();
            if !had.iter().copied().eq(&expected) {
                return Err(format!(
                    "{} has had the commands {had:?}, not {expected:?}",
                    node.address
                ));
            }
        }
        Ok(())
    }

    /// Compares the possible events. Each other message or timer must have an obstacle.
    fn check_events(&self, explorer: &Explorer<'_>) -> Result<(), String> {
        let enabled = explorer.enabled();
        let possible = self.handled();
        let mut missing = possible.iter().filter(|&&event| {
            let is_it = |it: &&PathEvent| is_event(&self.world, &self.now.global, event, it);
            enabled.iter().filter(is_it).count() != 1
        });
        if enabled.len() != possible.len() || missing.next().is_some() {
            return Err(format!("possible are {enabled:?}, not {possible:?}"));
        }
        for node in explorer.describe().nodes {
            let timers = node.timers.iter().map(|it| (&it.event, &it.obstacle));
            let messages = node.messages.iter().map(|it| (&it.event, &it.obstacle));
            for (event, obstacle) in timers.chain(messages) {
                if obstacle.is_none() != enabled.contains(event) {
                    return Err(format!("{event:?} has the obstacle {obstacle:?}"));
                }
            }
        }
        Ok(())
    }

    /// The possible events that are not from outside.
    fn handled(&self) -> Vec<Event> {
        let mut events = self.world.possible(&self.now.global);
        events.retain(|event| matches!(event, Event::Deliver { .. } | Event::Fire { .. }));
        events
    }

    /// Does something drawn. Returns whether the exploration goes on.
    fn go_on(&mut self, draw: &dyn Fn(u64, u64) -> u64) -> Result<bool, String> {
        let node = |what| draw(what, self.world.members.len() as u64) as usize;
        let (one, other) = (node(1), node(2));
        let ends = (self.address(one), self.address(other));
        let mut next = self.now.clone();
        let (event, is_possible): (PathEvent, bool) = match draw(0, 16) {
            0 => {
                let is_possible = !self.world.has_crashed(&self.now.global, one);
                if self.world.comes_back(one) {
                    self.world.crash(&mut next.global, one);
                } else {
                    next.rules.crashed.insert(one);
                }
                (PathEvent::Outside(Action::Crash { node: ends.0 }), is_possible)
            }
            10 | 11 if self.world.fault_model.may_restart() => {
                let down = self.now.global.down.first().copied();
                let node = down.filter(|_| draw(3, 4) > 0).unwrap_or(one);
                let outcome = outcome(&|what, below| draw(4 + what, below));
                let disk = &self.now.global.locals[node].disk;
                let left = disk.after(&outcome);
                let all = disk.left(self.world.fault_model);
                let found = all.iter().position(|it| Some(it) == left.as_ref());
                let is_possible = self.now.global.down.contains(&node) && found.is_some();
                if let Some(found) = found.filter(|_| is_possible) {
                    let restarted = self.world.after(&next.global, Event::Restart { node, found });
                    let Ok((global, _)) = restarted else { return Ok(false) };
                    next.global = global;
                }
                let action = Action::Restart { node: self.address(node), outcome };
                (PathEvent::Outside(action), is_possible)
            }
            12 | 13 if self.world.fault_model.may_restart() => {
                let possible = self.handled();
                if possible.is_empty() {
                    return Ok(true);
                }
                let event = possible[draw(3, possible.len() as u64) as usize];
                let is_possible = self.world.comes_back(event.node());
                let after = draw(4, 3) as usize;
                if is_possible {
                    if self.world.after(&self.now.global, event).is_err() {
                        return Ok(false);
                    }
                    let Ok((global, _)) = self.world.cut_short(&next.global, event, after) else {
                        return Ok(false);
                    };
                    next.global = global;
                }
                let event = Box::new(self.path_event(event));
                (PathEvent::Interrupted { event, after: after as u32 }, is_possible)
            }
            1 => {
                next.rules.cut.insert((one, other));
                next.cut.insert((one, other));
                (PathEvent::Outside(Action::Cut { from: ends.0, to: ends.1 }), true)
            }
            2 | 3 => {
                next.rules.cut.remove(&(one, other));
                next.cut.remove(&(one, other));
                (PathEvent::Outside(Action::Restore { from: ends.0, to: ends.1 }), true)
            }
            4 | 5 => {
                let message = draw(3, 3);
                let inbox = &self.now.global.locals[other].inbox;
                // Otherwise, only what arrives next at a node that is down is lost.
                let is_lost = self.world.fault_model.may_lose()
                    || self.now.global.down.contains(&other)
                        && inbox.next(self.world.fault_model).contains(&(one, message));
                let was_there = is_lost && next.global.locals[other].inbox.remove((one, message));
                let message = encoded(message);
                let action = Action::Drop { from: ends.0, to: ends.1, message };
                (PathEvent::Outside(action), was_there)
            }
            6 | 7 => {
                let command = 10 + draw(3, 3);
                let is_possible = self.world.can_be_given(&self.now.global, one);
                if is_possible {
                    let given = self.world.given(&self.now.global, one, command);
                    let Ok(global) = given else { return Ok(false) };
                    next.global = global;
                    next.given.push((one, command));
                }
                let action = Action::Command { client: ends.0, command: encoded(command) };
                (PathEvent::Outside(action), is_possible)
            }
            8 => {
                self.kept.push((self.explorer.snapshot(), self.now.clone()));
                return Ok(true);
            }
            9 if !self.kept.is_empty() => {
                let (snapshot, then) = &self.kept[draw(3, self.kept.len() as u64) as usize];
                self.explorer.return_to(snapshot);
                self.now = then.clone();
                self.world.rules = then.rules.clone();
                return Ok(true);
            }
            _ => {
                let possible = self.handled();
                if possible.is_empty() {
                    return Ok(true);
                }
                let event = possible[draw(3, possible.len() as u64) as usize];
                let Ok((global, _)) = self.world.after(&self.now.global, event) else {
                    return Ok(false);
                };
                next.global = global;
                (self.path_event(event), true)
            }
        };
        let changed = (&next.global, &next.rules) != (&self.now.global, &self.now.rules);
        match (self.explorer.perform(&event), is_possible) {
            (Ok(it), true) if it == changed => {}
            (Err(faultlab::search::ExplorerError::NotPossible { obstacle, .. }), false)
                if self.explorer.obstacle(&event) == Some(obstacle.clone())
                    && !matches!(obstacle, Obstacle::NoNode(_)) =>
            {
                return Ok(true);
            }
            (performed, _) => return Err(format!("{event:?}, {is_possible}: {performed:?}")),
        }
        self.world.rules = next.rules.clone();
        self.now = next;
        Ok(true)
    }

    fn path_event(&self, event: Event) -> PathEvent {
        match event {
            Event::Deliver { to, from, message } => PathEvent::Deliver {
                node: self.address(to),
                from: self.address(from),
                message: encoded(message),
            },
            Event::Fire { node, timer } => PathEvent::Fire {
                node: self.address(node),
                timer: encoded(timer.value),
                min_ns: timer.min_ns,
                max_ns: timer.max_ns,
            },
            _ => unreachable!("here, crashes and restarts are from outside"),
        }
    }

    /// Checks that a search that starts here has the same state, in which the same events are possible. Returns
    /// whether actions led to it.
    fn check_start(&mut self, case: &Case, steps: &LocalSteps<'_>) -> Result<bool, String> {
        let state = self.explorer.state();
        let search = case.search().start_from(state.clone());
        let explorer = Explorer::new(&search, steps).map_err(|error| error.to_string())?;
        let (there, here) = (nodes_of(&self.world, &explorer.state())?, &self.now.global.locals);
        if there != *here || explorer.path() != state.path {
            return Err(format!("a search starts in {there:?}, not {here:?}"));
        }
        let mut rules = only_links(&case.rules, self.world.members.len());
        rules.cut.extend(&self.now.cut);
        rules.crashed.clone_from(&self.now.rules.crashed);
        rules.may_restart.clone_from(&self.now.rules.may_restart);
        self.world.rules = rules;
        self.check_events(&explorer)?;
        let answers = [explorer.check(), self.explorer.check()];
        if answers[0] != answers[1] {
            return Err(format!("at the start of a search, the answers differ: {answers:?}"));
        }
        Ok(state.path.actions().next().is_some())
    }

    /// Checks that the trace can be replayed with everything that was done from outside, up to a violation.
    fn check_replay(&self, steps: &LocalSteps<'_>) -> Result<(), String> {
        let saved = self.explorer.trace(&Origin::default());
        let again = replay(&saved, &mut self.explorer.search().traced_run(steps));
        let is_followed =
            matches!(again.status, ReplayStatus::Reproduced { .. } | ReplayStatus::Fixed { .. });
        if !is_followed || !saved.events.starts_with(&again.trace.events) {
            return Err(format!("the trace is replayed as {:?}: {}", again.trace, again.status));
        }
        let is_whole = again.trace.events.len() == saved.events.len();
        if matches!(again.status, ReplayStatus::Fixed { .. }) && !is_whole {
            return Err(format!("events are missing in the replay {:?}", again.trace));
        }
        Ok(())
    }

    /// Checks that the trace has every event of the path, in its order.
    fn check_trace(&self) -> Result<(), String> {
        let path = self.explorer.path();
        let trace = self.explorer.trace(&Origin::default());
        let happened = trace.events.iter().filter(|event| {
            !matches!(event.what, EventKind::Start { .. } | EventKind::Return { .. })
        });
        let mut happened = happened.map(|event| &event.what).peekable();
        for event in &path.events {
            let is_it = |what: &&EventKind| match (event, what) {
                (
                    PathEvent::Deliver { node, from, .. },
                    EventKind::Deliver { node: to, from: by, .. },
                ) => (node, from) == (to, by),
                (PathEvent::Fire { node, .. }, EventKind::Fire { node: at, .. }) => node == at,
                (PathEvent::Interrupted { event, .. }, EventKind::Crash { node, .. }) => {
                    event.node() == Some(*node)
                }
                (PathEvent::Outside(action), what) => match (action, what) {
                    (Action::Command { client, .. }, EventKind::Command { node, .. }) => {
                        client == node
                    }
                    (Action::Crash { node }, EventKind::Crash { node: at, .. })
                    | (Action::Restart { node, .. }, EventKind::Restart { node: at, .. }) => {
                        node == at
                    }
                    (Action::Drop { to, .. }, EventKind::Lose { node, .. }) => to == node,
                    (
                        Action::Cut { from, to } | Action::Restore { from, to },
                        EventKind::Network { change },
                    ) => change.contains(&format!("from {from} to {to}")),
                    _ => false,
                },
                _ => false,
            };
            // Events of client drivers, and the search's restrictions, lie between those of the path.
            if !happened.any(|what| is_it(&what)) {
                return Err(format!("the trace lacks {event:?}"));
            }
        }
        let verdict = self.claims.judge(&self.world, &self.now.global);
        let is_violated = matches!(trace.ending, Some(faultlab::trace::Ending::Violated(_)));
        if is_violated != matches!(verdict, Verdict::Violated(_)) {
            return Err(format!(
                "the trace ends with {:?} in a state that is {verdict:?}",
                trace.ending
            ));
        }
        Ok(())
    }
}

/// A drawn outcome of a restart.
fn outcome(draw: &dyn Fn(u64, u64) -> u64) -> DiskOutcome {
    let corruption = [Corruption::LastBit, Corruption::FirstByte][draw(1, 2) as usize];
    match draw(0, 7) {
        0 => DiskOutcome::Reordered { unsynced: vec![1, 0] },
        1 => DiskOutcome::Torn { bytes: 0 },
        2 => DiskOutcome::Corrupted { unsynced: 1, item: draw(2, 2) as u32, corruption },
        3 => DiskOutcome::Lost,
        4 => DiskOutcome::Kept { unsynced: 0 },
        _ => DiskOutcome::Kept { unsynced: u32::MAX },
    }
}

fn encoded(number: u64) -> Vec<u8> {
    codec::encode(&number).expect("a number encodes")
}
