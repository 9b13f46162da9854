//! What may be left out of a scenario without changing what a correct system owes.
//!
//! A correct system passes the whole scenario. It must pass the reduced one too, or the shrunk run would show a failure
//! that is nobody's. The network's decisions are no problem: every run with other decisions is a run of the same
//! scenario. But a partition that nothing heals, or a workload without the commands on which its expected results
//! depend, asks for the impossible.
//!
//! One thing that chance rules out is ruled out here as well: many losses or delays in a row. A client that is right
//! may wait for long if they hit every one of its attempts.

use std::collections::BTreeSet;

use super::cause::Cause;
use crate::property::Property;
use crate::simulate::decisions::{Deviation, NthMessage};
use crate::simulate::scenario::{Intervention, Scenario, When};
use crate::trace::Reduction;
use crate::{Address, NodeSpec};

/// What may be left out of a scenario whose run breaks for some cause.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fair<'s> {
    scenario: &'s Scenario,
    /// Whether clients and commands may be left out.
    pub(super) commands: bool,
    /// Whether interventions may be left out.
    interventions: bool,
}

impl<'s> Fair<'s> {
    pub(super) fn new(scenario: &'s Scenario, cause: &Cause) -> Self {
        let in_timeline = scenario.timeline.iter().filter_map(|(_, what)| match what {
            Intervention::Check(property) => Some(property),
            _ => None,
        });
        let mut broken = scenario
            .checks
            .iter()
            .chain(&scenario.always)
            .chain(in_timeline)
            .filter(|property| Some(property.name()) == cause.property());
        let depends = broken.clone().map(Property::dependence);
        // A condition may hold only after some command, and what waits for it may be needed.
        let has_conditions =
            scenario.timeline.iter().any(|(when, _)| matches!(when, When::Holds(_)));
        let commands = !has_conditions && !depends.clone().any(|depends| depends.on_commands);
        let interventions = !broken.any(|property| property.dependence().on_interventions);
        Self { scenario, commands, interventions }
    }

    /// Whether commands in the middle of this client's workload may be left out. An expected result may depend on the
    /// commands before it.
    pub(super) fn may_skip_commands(self, client: &NodeSpec) -> bool {
        client.workload.as_ref().is_some_and(|workload| {
            workload.expected(0).is_none() || workload.expected_of(&[]).is_some()
        })
    }

    /// Whether a reduction of the scenario is fair.
    pub(super) fn allows(self, reduction: &Reduction) -> bool {
        let is_left_out = |index: usize| reduction.interventions.contains(&index);
        if !self.interventions && !reduction.interventions.is_empty() {
            return false;
        }
        let mut in_order: Vec<(u64, usize)> = Vec::new();
        for (index, (when, what)) in self.scenario.timeline.iter().enumerate() {
            match when {
                &When::At(at_ns) => in_order.push((at_ns, index)),
                // It may take place before all others.
                When::Holds(_) => in_order.push((0, index)),
                &When::Answered(client, results) => {
                    // It must still take place.
                    let commands = reduction.commands.get(&client);
                    let is_enough =
                        commands.is_none_or(|commands| commands.len() as u64 >= results);
                    let takes_place = !reduction.clients.contains(&client) && is_enough;
                    if !takes_place && !is_left_out(index) && !Nature::of(what).is_fault() {
                        return false;
                    }
                    // It may take place before all others.
                    in_order.push((0, index));
                }
            }
        }
        in_order.sort_unstable();
        // A repair may be left out only if nothing before it needs it, and a restart only if its node has not crashed.
        let mut needs_repair = false;
        let mut crashed = Crashed::default();
        for (_, index) in in_order {
            let what = &self.scenario.timeline[index].1;
            if !crashed.allow(what, is_left_out(index)) {
                return false;
            }
            let nature = Nature::of(what);
            if is_left_out(index) && !nature.may_be_left_out(needs_repair) {
                return false;
            }
            needs_repair |= !is_left_out(index) && nature.disturbs();
        }
        true
    }
}

/// How many messages of one link, sent in a row, are lost, delayed or changed at most.
pub(super) fn hindered_in_a_row(deviations: &[Deviation]) -> u64 {
    let mut places: Vec<NthMessage> = deviations
        .iter()
        .filter(|it| {
            matches!(
                it,
                Deviation::Lost(_)
                    | Deviation::Delayed(..)
                    | Deviation::Corrupted(..)
                    | Deviation::Spoofed(..)
            )
        })
        .filter_map(Deviation::place)
        .collect();
    places.sort_unstable();
    places.dedup();
    let follows = |before: &NthMessage, after: &NthMessage| {
        (before.from, before.to, before.before + 1) == (after.from, after.to, after.before)
    };
    places.chunk_by(follows).map(|row| row.len() as u64).max().unwrap_or(0)
}

/// The nodes that may need a restart.
#[derive(Debug, Default)]
struct Crashed {
    nodes: BTreeSet<Address>,
    /// A decision may crash any node.
    any: bool,
}

impl Crashed {
    /// Takes in the next intervention. Returns whether it may be left out, if it is.
    fn allow(&mut self, what: &Intervention, is_left_out: bool) -> bool {
        match what {
            Intervention::Restart(node) if is_left_out => {
                return !self.any && !self.nodes.contains(node);
            }
            Intervention::Restart(node) => {
                self.nodes.remove(node);
            }
            Intervention::Crash(node) | Intervention::CrashInHandler(node) if !is_left_out => {
                self.nodes.insert(*node);
            }
            Intervention::Decide(_) => self.any = true,
            _ => {}
        }
        true
    }
}

/// What matters about an intervention when it may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nature {
    /// It takes something away until a link is repaired: messages of some links.
    DisturbsLinks,
    /// It takes something away for good, adds a lie, or only looks.
    OtherFault,
    /// It cuts some links and repairs all others.
    Partitions,
    /// It repairs links.
    Repairs,
    /// It brings a crashed node back.
    Restarts,
    /// It is needed as it is. A client that starts is left out by its address.
    Needed,
}

impl Nature {
    /// The nature of an intervention. A new one must be given its own here.
    fn of(what: &Intervention) -> Self {
        match what {
            Intervention::Cut { .. }
            | Intervention::Hold { .. }
            | Intervention::Isolate(_)
            | Intervention::DropNext { .. } => Self::DisturbsLinks,
            Intervention::Crash(_)
            | Intervention::CrashInHandler(_)
            | Intervention::DiskFault { .. }
            | Intervention::CorruptNext { .. }
            | Intervention::SpoofNext { .. }
            | Intervention::ReplayEarlier { .. }
            | Intervention::Inject(_)
            | Intervention::Check(_) => Self::OtherFault,
            Intervention::Restart(_) => Self::Restarts,
            Intervention::Partition(_) => Self::Partitions,
            Intervention::Repair { .. } | Intervention::Heal => Self::Repairs,
            Intervention::Start(_)
            | Intervention::LinkConditions(_)
            | Intervention::QuietPhase(_)
            | Intervention::Decide(_)
            | Intervention::End => Self::Needed,
        }
    }

    /// Whether it only takes something away.
    fn is_fault(self) -> bool {
        matches!(self, Self::DisturbsLinks | Self::OtherFault)
    }

    /// Whether it leaves links that may need a repair.
    fn disturbs(self) -> bool {
        matches!(self, Self::DisturbsLinks | Self::Partitions)
    }

    /// Whether it may be left out. `needs_repair` says whether an earlier one has disturbed a link.
    fn may_be_left_out(self, needs_repair: bool) -> bool {
        match self {
            // Whether a node needs it is another question.
            Self::DisturbsLinks | Self::OtherFault | Self::Restarts => true,
            Self::Partitions | Self::Repairs => !needs_repair,
            Self::Needed => false,
        }
    }
}
