//! What a step did: its messages and timers go to the network and the event queue, within the limits.

use super::outcome::RunFailure;
use super::simulation::Simulation;
use super::timers::Setting;
use super::transport::{Around, Sending};
use crate::Address;
use crate::hosting::{EncodedEffect, Output, Span};

/// What the nodes of a run used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    /// The messages that were sent.
    sends: u64,
    /// The size of all of them, in encoded bytes.
    sent_bytes: u64,
    /// The timers that were set.
    timers: u64,
}

impl Simulation {
    /// Applies a step's effects. A message to an unknown address is returned with that address.
    pub(super) fn apply(&mut self, slot: usize, output: &Output) -> Result<(), (Address, Span)> {
        if let Some(notes) = &mut self.notes {
            notes.sent.clear();
            notes.timers.clear();
        }
        let limits = self.scenario.limits;
        let (mut sends, mut timers) = (0, 0);
        for effect in output.effects() {
            match *effect {
                EncodedEffect::Send { to, message } => {
                    sends += 1;
                    if sends > limits.sends_per_step_max {
                        self.too_much(slot, "sent too many messages in one step", sends - 1);
                        return Ok(());
                    }
                    if message.len() > limits.message_bytes_max {
                        let limit = limits.message_bytes_max;
                        self.too_much(slot, "sent a message of too many bytes", limit);
                        return Ok(());
                    }
                    self.used.sends += 1;
                    self.used.sent_bytes += message.len() as u64;
                    let to = self.nodes.slot_of(to).ok_or((to, message))?;
                    self.send(Sending { from: slot, to, bytes: output.get(message) });
                }
                EncodedEffect::SetTimer { timer, min_ns, max_ns } => {
                    timers += 1;
                    if timers > limits.timers_per_step_max {
                        self.too_much(slot, "set too many timers in one step", timers - 1);
                        return Ok(());
                    }
                    self.used.timers += 1;
                    self.set_timer(Setting { slot, bytes: output.get(timer), min_ns, max_ns });
                }
                EncodedEffect::Log { .. }
                | EncodedEffect::Save { .. }
                | EncodedEffect::Append { .. }
                | EncodedEffect::Sync => {}
            }
        }
        Ok(())
    }

    fn send(&mut self, sending: Sending<'_>) {
        self.digest.word(sending.to as u64);
        self.digest.bytes(sending.bytes);
        let around = Around {
            nodes: &mut self.nodes,
            schedule: &mut self.schedule,
            script: self.script.as_deref_mut(),
            decisions: self.decisions.as_deref_mut(),
        };
        let sent = self.transport.send(sending, around);
        if let Some(notes) = &mut self.notes {
            notes.sent.push(sent);
        }
    }

    fn set_timer(&mut self, setting: Setting<'_>) {
        self.digest.word(setting.min_ns ^ setting.max_ns.rotate_left(32));
        self.digest.bytes(setting.bytes);
        let script = self.script.as_deref_mut();
        let decisions = self.decisions.as_deref_mut();
        let id = self.timers.set(setting, &self.nodes, &mut self.schedule, script, decisions);
        if let Some(notes) = &mut self.notes {
            notes.timers.push(id);
        }
    }

    /// Ends the run if it has exceeded a limit with the current step.
    pub(super) fn check_limits(&mut self, slot: usize) {
        let limits = self.scenario.limits;
        if self.schedule.queue.len() > limits.pending_max {
            let what = "left too many messages and timers pending";
            self.too_much(slot, what, limits.pending_max);
        } else if self.steps >= limits.steps_max {
            self.too_much_in_all("took too many steps", limits.steps_max);
        } else if self.used.timers > limits.timers_max {
            self.too_much_in_all("set too many timers", limits.timers_max);
        } else if self.used.sends > limits.sends_max {
            self.too_much_in_all("sent too many messages", limits.sends_max);
        } else if self.used.sent_bytes > limits.sent_bytes_max {
            self.too_much_in_all("sent too many bytes", limits.sent_bytes_max);
        }
    }

    /// Ends the run, because all nodes together exceeded a limit.
    fn too_much_in_all(&mut self, what: &str, limit: u64) {
        let failure = RunFailure::TooMuch {
            who: "the nodes".to_owned(),
            what: format!("{what} in {} ms", self.schedule.now_ns / 1_000_000),
            limit,
        };
        self.fail(failure);
    }

    fn too_much(&mut self, slot: usize, what: &str, limit: usize) {
        let failure = RunFailure::TooMuch {
            who: format!("{}'s {}", self.nodes.address(slot), self.handler()),
            what: what.to_owned(),
            limit: limit as u64,
        };
        self.fail(failure);
    }
}
