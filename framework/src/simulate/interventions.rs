//! Interventions: when a scenario changes a run, and how.

use rustc_hash::FxHashMap;

use super::event_queue::ScheduledEvent;
use super::links::Tamper;
use super::notes::SideEvent;
use super::scenario::{Intervention, Invented, When};
use super::schedule::{Checked, Task};
use super::simulation::Simulation;
use super::tampering::Forged;
use crate::Address;
use crate::random::Random;
use crate::trace::MessageId;

/// An intervention, by its index in the timeline, that waits for a client to have this many results.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trigger {
    client: Address,
    results: u64,
    index: usize,
}

impl Simulation {
    /// Schedules the interventions.
    pub(super) fn schedule_timeline(&mut self) {
        let mut planned = Vec::new();
        for (index, (when, _)) in self.scenario.timeline.iter().enumerate() {
            match when {
                // Interventions at time zero take place before the nodes start.
                &When::At(0) => self.schedule.ready.push_back(Task::Intervene { index }),
                &When::At(at_ns) => {
                    planned.push((at_ns, index));
                    self.progress.interventions_left += 1;
                }
                &When::Answered(client, results) => {
                    self.triggers.push(Trigger { client, results, index });
                }
                When::Holds(_) => self.conditions.push(index),
            }
        }
        for (at_ns, index) in planned {
            let intervention = &self.scenario.timeline[index].1;
            let saved = self
                .script
                .as_mut()
                .and_then(|script| script.intervene(at_ns, &intervention.recorded()));
            self.schedule.plan(at_ns, saved, ScheduledEvent::Intervention { index });
        }
    }

    /// Performs the interventions that were waiting for this client to have so many results.
    pub(super) fn trigger(&mut self, client: Address, answered: u64) {
        let is_due =
            |trigger: &mut Trigger| trigger.client == client && trigger.results <= answered;
        let due: Vec<_> = self.triggers.extract_if(.., is_due).collect();
        for trigger in due {
            self.intervene(trigger.index);
        }
    }

    /// Performs the intervention with this index.
    pub(super) fn intervene(&mut self, index: usize) {
        self.progress.may_be_done();
        self.progress.made(self.schedule.now_ns);
        let intervention = self.scenario.timeline[index].1.clone();
        match &intervention {
            Intervention::Check(_) => {
                self.schedule.ready.push_back(Task::Check(Checked::InTimeline(index)));
                return;
            }
            Intervention::Decide(_) => {
                self.schedule.ready.push_back(Task::Check(Checked::Decision(index)));
                return;
            }
            Intervention::Crash(node) => {
                self.crash(*node);
                self.check_after(None);
            }
            Intervention::Restart(node) => return self.restart(*node),
            _ => self.note(|| SideEvent::Network(intervention.to_string())),
        }
        let transport = &mut self.transport;
        match intervention {
            Intervention::Cut { from, to } => transport.cut(from, to),
            Intervention::Hold { from, to } => transport.hold(from, to),
            Intervention::DropNext { from, to, count } => transport.drop_next(from, to, count),
            Intervention::CorruptNext { from, to, change } => {
                transport.tamper_next(from, to, Tamper::Corrupt(change));
            }
            Intervention::SpoofNext { from, to, claims } => {
                transport.tamper_next(from, to, Tamper::Spoof(claims));
            }
            Intervention::ReplayEarlier { from, to, back } => self.replay_earlier(from, to, back),
            Intervention::Inject(invented) => self.inject_invented(invented),
            Intervention::Repair { from, to } => transport.repair(from, to, &mut self.schedule),
            Intervention::Heal => transport.heal(&mut self.schedule),
            Intervention::Isolate(node) => {
                for other in self.nodes.addresses() {
                    transport.cut(node, other);
                    transport.cut(other, node);
                }
            }
            Intervention::Partition(groups) => self.partition(&groups),
            Intervention::Start(spec) => {
                let slot = self.add_node(spec);
                self.schedule.ready.push_back(Task::Make { slot });
                self.schedule.ready.push_back(Task::Init { slot });
                let command = self.schedule_command(slot);
                self.schedule.ready.extend(command);
            }
            Intervention::LinkConditions(network) => transport.network = network,
            Intervention::QuietPhase(goal) => self.begin_quiet_phase(&goal),
            Intervention::End => self.end(),
            Intervention::CrashInHandler(node) => {
                if let Some(slot) = self.nodes.slot_of(node) {
                    self.nodes.get_mut(slot).crashes_in_handler = true;
                }
            }
            Intervention::DiskFault { node, fault } => {
                if let Some(slot) = self.nodes.slot_of(node) {
                    self.nodes.get_mut(slot).disk.fails(fault);
                }
            }
            Intervention::Crash(_)
            | Intervention::Restart(_)
            | Intervention::Check(_)
            | Intervention::Decide(_) => {}
        }
    }

    /// Starts a node again, at once. If it is running, it crashes first. If it has not started yet, nothing happens.
    pub(super) fn restart(&mut self, node: Address) {
        let Some(slot) = self.nodes.slot_of(node) else { return };
        let is_running = self.nodes.get(slot).running().is_some();
        if is_running {
            if !self.nodes.get(slot).has_started() {
                return;
            }
            self.crash(node);
            self.check_after(None);
        }
        let it = self.nodes.get_mut(slot);
        it.restart();
        let incarnation = it.incarnation();
        it.disk.restart(&mut Random::for_disk(self.seed, node, incarnation.number()));
        // Nothing comes in between, so that a replay need not know when exactly it was.
        self.schedule.ready.push_front(Task::Restore { slot, incarnation });
        self.schedule.ready.push_front(Task::Make { slot });
    }

    /// Sends an earlier message again, if there is one.
    fn replay_earlier(&mut self, from: Address, to: Address, back: u64) {
        if let Some((id, bytes)) = self.transport.tampered.earlier((from, to), back).cloned() {
            self.forge((from, to), bytes, Some(id));
        }
    }

    fn inject_invented(&mut self, invented: Invented) {
        let Invented { from, to, bytes } = invented;
        self.forge((from, to), bytes, None);
    }

    /// Gives a message that nobody sent to the network.
    fn forge(
        &mut self,
        (from, to): (Address, Address),
        bytes: Vec<u8>,
        replays: Option<MessageId>,
    ) {
        let slots = (self.nodes.slot_of(from), self.nodes.slot_of(to));
        let (Some(from_slot), Some(to_slot)) = slots else { return };
        let latency_ns = self.transport.shortest_latency_ns(from, to);
        let saved = self.script.as_mut().and_then(|script| script.take_injected(from, to, &bytes));
        let (from, to) = (from_slot, to_slot);
        self.inject(Forged { from, to, bytes, latency_ns, replays, saved });
    }

    fn partition(&mut self, groups: &[Vec<Address>]) {
        let addresses = self.nodes.addresses();
        let mut groups_of: FxHashMap<Address, Vec<usize>> = FxHashMap::default();
        for (number, group) in groups.iter().enumerate() {
            for &member in group {
                groups_of.entry(member).or_default().push(number);
            }
        }
        let of = |node: Address| groups_of.get(&node).map_or(&[][..], Vec::as_slice);
        for &from in &addresses {
            for &to in &addresses {
                if of(from).iter().any(|group| of(to).contains(group)) {
                    self.transport.repair(from, to, &mut self.schedule);
                } else {
                    self.transport.cut(from, to);
                }
            }
        }
    }
}
