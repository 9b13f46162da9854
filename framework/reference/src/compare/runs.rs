//! Simulated runs: each step must be possible in the reference, and lead to the same states.

use std::collections::BTreeMap;
use std::time::Duration;

use faultlab::hosting::{LocalHost, Submission};
use faultlab::random::mix;
use faultlab::simulate::{
    Intervention, Limits, LinkConditions, Network, Options, Scenario, Simulation,
};
use faultlab::trace::{Ending, EventKind, MemoryRecorder, Origin, TimerId, Trace, TraceEvent};
use faultlab::{Address, FaultModel, NodeSpec};

use super::agreement::Seen;
use super::services::network;
use crate::automaton::{Automaton, Entry, Saying};
use crate::protocol::{CallOrder, Case, Size};
use crate::service::Service;
use crate::timers::Timer;
use crate::world::{Event, GlobalOf, Member, Plain, World};

/// The maximum number of steps of a run. Some protocols send ever more messages.
const STEPS_MAX: u64 = 200;

/// The automaton of these runs: none.
type Unwatched = Option<CallOrder>;

/// Compares some runs of a protocol or a service.
pub(super) fn compare(seed: u64) -> Result<Seen, String> {
    let mut seen = Seen { found: true, ..Seen::default() };
    for run in 0..4 {
        let seed_of_run = mix(seed ^ mix(run));
        let fault_model = match mix(seed_of_run ^ mix(7)).is_multiple_of(4) {
            true => FaultModel::RELIABLE_IN_ORDER_FAIL_STOP,
            false => FaultModel::UNRELIABLE_FAIL_STOP,
        };
        let steps = if seed.is_multiple_of(3) {
            let service = Service::drawn(seed, 8, true);
            let world = World { fault_model, ..service.world(Unwatched::None) };
            let scenario = drawn(service.scenario(), &world, seed_of_run);
            follow(&world, &recorded(scenario, seed_of_run, &Service::submission()))
        } else {
            let size = [Size::Few, Size::Few, Size::Timers][(mix(seed) % 3) as usize];
            let case = Case { automaton: None, ..Case::drawn(seed, size) };
            let world = case.world();
            let world = World { fault_model, ..world.without_rules() };
            let scenario = drawn(scenario(&case), &world, seed_of_run);
            follow(&world, &recorded(scenario, seed_of_run, &Case::submission()))
        };
        seen.states += steps.map_err(|wrong| format!("run {run}: {wrong}"))?;
    }
    Ok(seen)
}

/// The scenario of a protocol, 60 ms long.
fn scenario(case: &Case) -> Scenario {
    case.nodes()
        .map(|(address, nature, work)| match work {
            None => NodeSpec::node("node", address, nature),
            Some(work) => NodeSpec::client("client", address, nature, work),
        })
        .fold(Scenario::new(), Scenario::node)
        .until(Duration::from_millis(60))
        .limits(Limits { steps_max: STEPS_MAX, ..Limits::default() })
}

/// Adds a random network and random interventions to a scenario.
fn drawn<N, A>(scenario: Scenario, world: &World<N, A>, seed: u64) -> Scenario {
    let draw = |what: u64, below: u64| mix(seed ^ mix(what)) % below;
    // Not at the times of messages, because a client could crash between a result and the next command.
    let ms = |ms| Duration::from_millis(ms) + Duration::from_micros(137);
    let network: Network = match world.fault_model.may_lose() {
        true => network(draw(1, 4)),
        false => Network::with(LinkConditions::unreliable().only_latency()),
    };
    let one = |what| world.members[draw(what, world.members.len() as u64) as usize].address;
    let (some, other) = (one(2), one(3));
    let scenario = match draw(4, 5) {
        0 => scenario.at(ms(1 + draw(5, 40)), Intervention::Crash(some)),
        1 => scenario
            .at(ms(1 + draw(5, 20)), Intervention::Isolate(some))
            .at(ms(20 + draw(6, 20)), Intervention::Heal),
        2 => scenario
            .at(ms(1 + draw(5, 20)), Intervention::Hold { from: some, to: other })
            .at(ms(20 + draw(6, 20)), Intervention::Repair { from: some, to: other }),
        _ => scenario,
    };
    scenario.network(network).fault_model(world.fault_model)
}

fn recorded(scenario: Scenario, seed: u64, submission: &Submission) -> Option<Trace> {
    let mut sink = MemoryRecorder::new();
    let options =
        Options { recorder: Some(&mut sink), origin: Origin::default(), ..Options::default() };
    Simulation::new(scenario, seed).run(&mut LocalHost::new(submission), options);
    sink.into_trace()
}

/// Follows a run. Returns the number of its steps.
fn follow<N: Plain, A: Automaton>(
    world: &World<N, A>,
    trace: &Option<Trace>,
) -> Result<usize, String> {
    let trace = trace.as_ref().ok_or("the run has no trace")?;
    let global = world.start().map_err(|_| "too many commands at the start")?;
    let mut follower = Follower {
        world,
        global,
        said: BTreeMap::new(),
        timers: BTreeMap::new(),
        texts: BTreeMap::new(),
    };
    let mut steps = 0;
    for event in &trace.events {
        if let EventKind::Deliver { node, .. } | EventKind::Fire { node, .. } = event.what {
            follower.compare(node).map_err(|wrong| format!("after {steps} steps: {wrong}"))?;
            steps += 1;
        }
        follower.take(event).map_err(|wrong| format!("step {steps}: {wrong}"))?;
    }
    // The last step of a failed run, or of a crashed node, is incomplete.
    let crashed = |node| trace.events.iter().any(|event| event.what == EventKind::crash(node));
    if !matches!(trace.ending, Some(Ending::Failed { .. })) {
        for Member { address, .. } in &world.members {
            if !crashed(*address) {
                follower.compare(*address).map_err(|wrong| format!("at the end: {wrong}"))?;
            }
        }
    }
    Ok(steps)
}

struct Follower<'w, N: Plain, A: Automaton> {
    world: &'w World<N, A>,
    global: GlobalOf<N, A>,
    /// For each node, the calls and returns of its last step, in the reference and in the run. In the run,
    /// other nodes may handle events at the same instant in between.
    said: BTreeMap<Address, (Vec<Entry>, Vec<Entry>)>,
    timers: BTreeMap<TimerId, Timer>,
    /// Each node's last state in the run.
    texts: BTreeMap<Address, String>,
}

impl<N: Plain, A: Automaton> Follower<'_, N, A> {
    /// Applies an event of the run.
    fn take(&mut self, event: &TraceEvent) -> Result<(), String> {
        match &event.what {
            EventKind::Deliver { node, from, message, .. } => {
                let event = Event::Deliver {
                    to: self.place(*node)?,
                    from: self.place(*from)?,
                    message: number(message)?,
                };
                self.step(event)?;
            }
            EventKind::Fire { node, id, .. } => {
                let timer = *self.timers.get(id).ok_or_else(|| format!("no timer {id}"))?;
                self.step(Event::Fire { node: self.place(*node)?, timer })?;
            }
            EventKind::Command { node, command, .. } => {
                self.say(*node, Saying::Call(number(command)?));
            }
            EventKind::Return { node, result, .. } => {
                self.say(*node, Saying::Return(number(result)?))
            }
            _ => {}
        }
        for set in &event.timers {
            let value = number(&set.timer)?;
            let timer = Timer { value, min_ns: set.min_ns, max_ns: set.max_ns };
            self.timers.insert(set.id, timer);
        }
        if let (Some(node), Some(text)) = (event.what.node(), &event.state) {
            self.texts.insert(node, text.clone());
        }
        Ok(())
    }

    fn step(&mut self, event: Event) -> Result<(), String> {
        if !self.world.possible(&self.global).contains(&event) {
            return Err(format!("{event:?} is not possible"));
        }
        let after = self.world.after(&self.global, event);
        let (next, entries) = after.map_err(|_| "too many commands".to_owned())?;
        let at = event.node();
        self.global = next;
        self.said.insert(self.world.members[at].address, (entries, Vec::new()));
        Ok(())
    }

    fn say(&mut self, client: Address, what: Saying) {
        if let Some((_, said)) = self.said.get_mut(&client) {
            said.push(Entry { client, what });
        }
    }

    /// Compares a node's state after its last step, and the step's calls and returns.
    fn compare(&self, node: Address) -> Result<(), String> {
        if let Some((expected, said)) = self.said.get(&node)
            && expected != said
        {
            return Err(format!("the reference has {expected:?}, the run {said:?}"));
        }
        let expected = format!("{:#?}", self.global.locals[self.place(node)?].node);
        let text = self.texts.get(&node).map_or("", String::as_str);
        if text != expected {
            return Err(format!("{node} is {text} in the run, the reference has {expected}"));
        }
        Ok(())
    }

    fn place(&self, address: Address) -> Result<usize, String> {
        self.world.place(address).ok_or_else(|| format!("no node at {address}"))
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is not a number"))
}
