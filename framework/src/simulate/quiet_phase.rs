//! The quiet phase of a run ([`Scenario::quiet_phase`](super::Scenario::quiet_phase)): faults stop, and the system must make
//! progress. If it does not, the violation says what was waiting for what.

use std::collections::BTreeMap;
use std::time::Duration;

use super::scenario::{Intervention, When};
use super::schedule::{Checked, Task};
use super::simulation::Simulation;
use super::transport::Sending;
use crate::Address;
use crate::hosting::{Host, Payload};
use crate::property::{CheckError, Property};
use crate::trace::{Fate, MessageId};

/// The most clients whose waits are explained.
const CLIENTS_EXPLAINED_MAX: usize = 3;

/// The last messages of each node.
#[derive(Debug, Default)]
pub(super) struct LastMessages {
    by_sender: BTreeMap<usize, OfSender>,
    /// When the quiet phase began.
    quiet_since_ns: Option<u64>,
}

/// The last messages of one node.
#[derive(Debug)]
struct OfSender {
    newest: LastMessage,
    /// The last one before it of which it is known where it ended.
    ended: Option<LastMessage>,
}

impl OfSender {
    /// The message that explains most: the newest, unless it is still under way and another one has ended.
    fn telling(&self) -> (&LastMessage, bool) {
        match &self.ended {
            Some(ended) if self.newest.end == Ended::Nowhere => (ended, false),
            _ => (&self.newest, true),
        }
    }
}

/// A message that a node sent to another.
#[derive(Debug)]
struct LastMessage {
    id: MessageId,
    to: usize,
    bytes: Vec<u8>,
    sent_ns: u64,
    end: Ended,
}

/// Where a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It is under way.
    Nowhere,
    /// It was handled at this time.
    Handled(u64),
    /// It waits at its link, which is held or cut.
    Held,
    /// It is lost, for this reason.
    Lost(&'static str),
}

impl LastMessages {
    /// Takes in that a node sent a message.
    pub(super) fn sent(
        &mut self,
        sending: Sending<'_>,
        (id, fate): (MessageId, Fate),
        now_ns: u64,
    ) {
        let end = match fate {
            Fate::Once | Fate::Twice | Fate::Open => Ended::Nowhere,
            Fate::Withheld => Ended::Lost("its sender kept it back"),
            Fate::Cut => Ended::Lost("its link is cut"),
            Fate::Dropped => Ended::Lost("the network lost it"),
        };
        let bytes = sending.bytes.to_vec();
        let last = LastMessage { id, to: sending.to, bytes, sent_ns: now_ns, end };
        let before = self.by_sender.remove(&sending.from);
        let ended = before.and_then(|before| match before.newest.end {
            Ended::Nowhere => before.ended,
            _ => Some(before.newest),
        });
        self.by_sender.insert(sending.from, OfSender { newest: last, ended });
    }

    /// Takes in what became of a message.
    pub(super) fn ended(&mut self, from: usize, id: MessageId, end: Ended) {
        let newest = self.by_sender.get_mut(&from).map(|of_sender| &mut of_sender.newest);
        if let Some(last) = newest.filter(|last| last.id == id)
            && !matches!(last.end, Ended::Handled(_))
        {
            last.end = end;
        }
    }
}

impl Simulation {
    /// The quiet phase begins: the network works as a reliable one from now on, and the run ends as soon as the goal holds.
    pub(super) fn begin_quiet_phase(&mut self, goal: &Property) {
        self.transport.calm();
        if let Some(last) = &mut self.last_messages {
            last.quiet_since_ns = Some(self.schedule.now_ns);
        }
        let index = self.scenario.timeline.len();
        self.scenario.timeline.push((When::Holds(goal.clone()), Intervention::End));
        self.conditions.push(index);
        let position = self.conditions.len() - 1;
        self.schedule.ready.push_back(Task::Check(Checked::Condition { position }));
    }

    /// Explains a violation of the goal of a quiet phase, at the end of the run.
    pub(super) fn explained(&self, broken: CheckError, host: &mut dyn Host) -> CheckError {
        let Some(Task::Check(Checked::AtTheEnd(index))) = self.schedule.current else {
            return broken;
        };
        let (Some(last), Some(quiet)) = (&self.last_messages, self.scenario.quiet) else {
            return broken;
        };
        match broken {
            CheckError::Violated { expected, seen, about } if index == quiet.check => {
                let within = Duration::from_nanos(quiet.within_ns);
                let expected = format!("{expected}, within {within:?} after the faults stopped");
                let waits = last.waits(self, host);
                let seen = std::iter::once(seen).chain(waits).collect::<Vec<_>>().join("; ");
                CheckError::Violated { expected, seen, about }
            }
            other => other,
        }
    }
}

impl LastMessages {
    /// What each waiting client waits for.
    fn waits(&self, simulation: &Simulation, host: &mut dyn Host) -> Vec<String> {
        let mut sentences = Vec::new();
        let waiting: Vec<usize> = (0..simulation.nodes.len())
            .filter(|&slot| {
                let node = simulation.nodes.get(slot);
                let pending = node.client.as_ref().and_then(|client| client.operations.last());
                node.running().is_some() && pending.is_some_and(|last| last.result.is_none())
            })
            .collect();
        for &slot in waiting.iter().take(CLIENTS_EXPLAINED_MAX) {
            self.follow(simulation, host, slot, &mut sentences);
        }
        if waiting.len() > CLIENTS_EXPLAINED_MAX {
            let more = waiting.len() - CLIENTS_EXPLAINED_MAX;
            sentences.push(format!("{more} more clients wait"));
        }
        sentences
    }

    /// Follows the last messages from a node on: to the receiver of its last one, to the receiver of that one's, and so on,
    /// as long as they were handled.
    fn follow(
        &self,
        simulation: &Simulation,
        host: &mut dyn Host,
        first: usize,
        sentences: &mut Vec<String>,
    ) {
        let address = |slot: usize| simulation.nodes.address(slot);
        let mut seen = vec![first];
        let mut sender = first;
        loop {
            let Some(of_sender) = self.by_sender.get(&sender) else {
                sentences.push(format!("{} has sent nothing", address(sender)));
                return;
            };
            let (last, is_newest) = of_sender.telling();
            let text = host.show(sender, Payload::Message, &last.bytes, false);
            let text = text.unwrap_or_else(|_| "a message".to_owned());
            let is_early = self.quiet_since_ns.is_some_and(|quiet_ns| last.sent_ns < quiet_ns);
            let early = if is_early { ", before the faults stopped" } else { "" };
            let which = if is_newest { "the last message" } else { "the last message that ended" };
            let sentence = format!(
                "{which} of {}, {text} to {} at {}{early}, {}",
                address(sender),
                address(last.to),
                shown(last.sent_ns),
                fate(simulation, address(last.to), last),
            );
            if !sentences.contains(&sentence) {
                sentences.push(sentence);
            }
            if !matches!(last.end, Ended::Handled(_)) || seen.contains(&last.to) {
                return;
            }
            seen.push(last.to);
            sender = last.to;
        }
    }
}

/// What became of a message, as the end of a sentence.
fn fate(simulation: &Simulation, to: Address, last: &LastMessage) -> String {
    match last.end {
        Ended::Handled(at_ns) => format!("was delivered at {}", shown(at_ns)),
        Ended::Held => "waits at its link, which is held or cut".to_owned(),
        Ended::Lost(reason) => format!("was lost: {reason}"),
        Ended::Nowhere => match simulation.nodes.at(to).and_then(|node| node.running()) {
            Some(_) => "is still under way".to_owned(),
            None => format!("is still under way, and {to} has crashed"),
        },
    }
}

/// A time of the run, in milliseconds.
fn shown(ns: u64) -> String {
    format!("{:?}", Duration::from_millis(ns / 1_000_000))
}
