//! When a timer fires.

use super::decisions::Decisions;
use super::event_queue::ScheduledEvent;
use super::nodes::Nodes;
use super::schedule::Schedule;
use crate::random::{Random, Stream};
use crate::trace::TimerId;
use crate::trace::replay::Script;

/// The timers of a run.
pub(super) struct Timers {
    random: Random,
    timers_ever: TimerId,
}

/// A timer that is set.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) slot: usize,
    pub(super) bytes: &'a [u8],
    pub(super) min_ns: u64,
    pub(super) max_ns: u64,
}

impl Timers {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, Stream::Timers), timers_ever: 0 }
    }

    /// Sets a timer, which dies with the present incarnation of its node. Returns its number.
    pub(super) fn set(
        &mut self,
        setting: Setting<'_>,
        nodes: &Nodes,
        schedule: &mut Schedule,
        script: Option<&mut Script>,
        decisions: Option<&mut Decisions>,
    ) -> TimerId {
        let Setting { slot, bytes, min_ns, max_ns } = setting;
        self.timers_ever += 1;
        let id = self.timers_ever;
        let timer = schedule.buffers.keep(bytes, 1);
        let incarnation = nodes.get(slot).incarnation();
        let fires = ScheduledEvent::Fire { slot, timer, id, incarnation };
        let window_ns = (schedule.after(min_ns), schedule.after(max_ns));
        match script.and_then(|script| script.set(id, schedule.now_ns, window_ns)) {
            Some(arrival) => schedule.plan(arrival.at_ns, arrival.event, fires),
            None => {
                let random = &mut self.random;
                let mut draw = || match min_ns == max_ns {
                    true => min_ns,
                    false => random.between(min_ns, max_ns),
                };
                let after_ns = match decisions {
                    Some(decisions) => decisions.timer(nodes.address(slot), (min_ns, max_ns), draw),
                    None => draw(),
                };
                schedule.queue.schedule(schedule.after(after_ns), fires);
            }
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde::{Deserialize, Serialize};

    use crate::hosting::{Host, Kind, LocalHost, Output, Submission};
    use crate::simulate::{Next, Scenario, Simulation};
    use crate::{Address, Context, Node, NodeSpec};

    /// A node that sets a timer again whenever it fires.
    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Ticking;

    impl Node for Ticking {
        type Message = ();
        type Timer = ();

        fn init(&mut self, ctx: &mut Context<Self>) {
            ctx.set_timer((), Duration::from_secs(1));
        }

        fn on_message(&mut self, _: Address, (): (), _: &mut Context<Self>) {}

        fn on_timer(&mut self, (): (), ctx: &mut Context<Self>) {
            ctx.set_timer((), Duration::from_secs(1));
        }
    }

    /// The steps of a run in which `change` is done to the node after two steps.
    fn steps(change: impl Fn(&mut Simulation)) -> u64 {
        let submission = Submission::new().with(Kind::node("ticking", |_, ()| Ticking));
        let mut host = LocalHost::new(&submission);
        let node = NodeSpec::node("ticking", Address::new("node1"), &());
        let scenario = Scenario::new().node(node).until(Duration::from_millis(9_500));
        let mut simulation = Simulation::new(scenario, 1);
        let mut output = Output::new();
        let mut steps = 0;
        loop {
            match simulation.advance() {
                Next::Finished => return steps,
                Next::Make(slot) => {
                    let node = simulation.spec(slot).descriptor().clone();
                    simulation.made(host.make(slot, &node.kind, node.address, &node.arguments));
                }
                Next::Step(slot) => {
                    let stepped = host.step(slot, simulation.event(), &mut output);
                    simulation.stepped(stepped, &output).expect("it sends nothing");
                    steps += 1;
                    if steps == 2 {
                        change(&mut simulation);
                    }
                }
                Next::Check => simulation.checked(Ok(())),
            }
        }
    }

    #[test]
    fn a_timer_dies_with_its_incarnation() {
        assert_eq!(steps(|_| {}), 10);
        // Even if another incarnation runs when it would fire.
        assert_eq!(steps(|simulation| simulation.nodes.get_mut(0).restart()), 2);
    }
}
