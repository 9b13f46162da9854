//! What a step did: its messages and timers go to the network and the event queue, within the limits.

use super::limits::Limits;
use super::notes::{Injection, SideEvent};
use super::outcome::RunFailure;
use super::simulation::Simulation;
use super::tampering::Forged;
use super::timers::Setting;
use super::transport::{Around, Sending};
use crate::Address;
use crate::byzantine::{Deed, talks_to_second};
use crate::hosting::{EncodedEffect, Output, Span};
use crate::random::Random;
use crate::trace::{Fate, StorageOperation};

/// What the nodes of a run used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    /// The messages that were sent.
    sends: u64,
    /// The size of all of them, in encoded bytes.
    sent_bytes: u64,
    /// The timers that were set.
    timers: u64,
    /// The writes to stable storage.
    writes: u64,
}

impl Simulation {
    /// After how many effects of the current step its node crashes, if it does.
    pub(super) fn crash_point(&self, slot: usize, output: &Output) -> Option<usize> {
        let node = self.nodes.get(slot);
        if !node.crashes_in_handler {
            return None;
        }
        let effects = output.effects().iter().filter(|effect| effect.is_outside()).count();
        let last = effects.checked_sub(1)?;
        let saved = self.script.as_ref().and_then(|script| script.interrupted_after());
        Some(saved.map_or_else(
            || {
                let incarnation = node.incarnation().number();
                let mut random = Random::for_crash(self.seed, node.address(), incarnation);
                random.below(effects as u64) as usize
            },
            |after| (after as usize).min(last),
        ))
    }

    /// Takes in that the node in this slot crashed within the current step, after so many effects.
    pub(super) fn crash_in_handler(&mut self, slot: usize, after: usize) {
        self.digest.word(after as u64);
        if let Some(notes) = &mut self.notes {
            notes.interrupted_after = u32::try_from(after).ok();
        }
        self.crash(self.nodes.address(slot));
    }

    /// Takes in that a node crashed, if it was running.
    pub(super) fn crash(&mut self, node: Address) {
        let ends = self.nodes.at(node).map(|node| node.incarnation());
        self.nodes.crash(node);
        if let Some(incarnation) = ends {
            self.note(|| SideEvent::Crashed(node, incarnation));
        }
        self.progress.may_be_done();
        self.progress.made(self.schedule.now_ns);
    }

    /// Applies some effects of a step: all, if its node did not crash within it. `deeds` says what a Byzantine node did to
    /// each message; it is empty for a correct one. A message to an unknown address is returned with that address.
    pub(super) fn apply(
        &mut self,
        slot: usize,
        effects: &[EncodedEffect],
        (output, deeds): (&Output, &[Option<Deed>]),
    ) -> Result<(), (Address, Span)> {
        if let Some(notes) = &mut self.notes {
            notes.sent.clear();
            notes.timers.clear();
            notes.writes.clear();
            notes.interrupted_after = None;
        }
        let Limits { sends_per_step_max, timers_per_step_max, message_bytes_max, .. } =
            self.scenario.limits;
        let (mut sends, mut timers) = (0, 0);
        for effect in effects {
            match *effect {
                EncodedEffect::Send { to, message } => {
                    sends += 1;
                    if sends > sends_per_step_max {
                        self.too_much(slot, "sent too many messages in one step", sends - 1);
                        return Ok(());
                    }
                    if message.len() > message_bytes_max {
                        let limit = message_bytes_max;
                        self.too_much(slot, "sent a message of too many bytes", limit);
                        return Ok(());
                    }
                    self.used.sends += 1;
                    self.used.sent_bytes += message.len() as u64;
                    let to = match self.nodes.slot_of(to) {
                        Some(to) => to,
                        None if deeds.is_empty() => return Err((to, message)),
                        // Nobody minds where a Byzantine node sends.
                        None => {
                            self.keep_from_network(slot, to, Fate::Dropped);
                            continue;
                        }
                    };
                    let bytes = output.get(message);
                    let sending = Sending { from: slot, to, bytes, tampered: None };
                    match deeds.get(sends - 1) {
                        None => {
                            let to =
                                if self.nodes.has_twins() { self.copy_for(slot, to) } else { to };
                            self.send(Sending { to, ..sending });
                        }
                        Some(deed) => self.send_byzantine(sending, deed.as_ref()),
                    }
                }
                EncodedEffect::SetTimer { timer, min_ns, max_ns } => {
                    timers += 1;
                    if timers > timers_per_step_max {
                        self.too_much(slot, "set too many timers in one step", timers - 1);
                        return Ok(());
                    }
                    self.used.timers += 1;
                    self.set_timer(Setting { slot, bytes: output.get(timer), min_ns, max_ns });
                }
                EncodedEffect::Log { .. } => {}
                EncodedEffect::Save { record } => {
                    self.write(slot, StorageOperation::Save, output.get(record));
                }
                EncodedEffect::Append { entry } => {
                    self.write(slot, StorageOperation::Append, output.get(entry));
                }
                EncodedEffect::Sync => self.write(slot, StorageOperation::Sync, &[]),
            }
        }
        if self.transport.tampered.is_forging() {
            for forged in self.transport.tampered.take_forged() {
                self.inject(forged);
            }
        }
        Ok(())
    }

    /// Gives a message that nobody sent to the network.
    pub(super) fn inject(&mut self, forged: Forged) {
        self.digest.word(forged.to as u64);
        self.digest.word(forged.from as u64);
        self.digest.bytes(&forged.bytes);
        let Forged { from, to, replays, .. } = forged;
        let bytes = self.notes.is_some().then(|| forged.bytes.clone());
        let mut around = Around {
            nodes: &mut self.nodes,
            schedule: &mut self.schedule,
            script: self.script.as_deref_mut(),
            decisions: self.decisions.as_deref_mut(),
        };
        let id = self.transport.inject(forged, &mut around);
        if let Some(bytes) = bytes {
            self.note(|| SideEvent::Injected(Injection { id, from, to, bytes, replays }));
        }
    }

    /// Sends a message of a Byzantine node, or keeps it from the network.
    fn send_byzantine(&mut self, mut sending: Sending<'_>, deed: Option<&Deed>) {
        sending.to = self.copy_for(sending.from, sending.to);
        let Some(deed) = deed else { return self.send(sending) };
        if deed.is_withheld {
            let to = self.nodes.identity(sending.to);
            return self.keep_from_network(sending.from, to, Fate::Withheld);
        }
        sending.tampered = Some(self.transport.tampered.by_byzantine_node());
        if let Some(claimed) = deed.claims.and_then(|claims| self.nodes.slot_of(claims)) {
            let node = self.nodes.address(sending.from);
            self.digest.word(claimed as u64);
            sending.tampered = Some(self.transport.tampered.forged_by_node(node));
            sending.from = claimed;
        }
        self.send(sending);
    }

    /// Takes in that the next message of the node in this slot does not reach the network.
    fn keep_from_network(&mut self, slot: usize, to: Address, fate: Fate) {
        let ends = (self.nodes.identity(slot), to);
        let (id, now_ns) = (self.transport.next_id(), self.schedule.now_ns);
        if let Some(script) = &mut self.script {
            script.sent(id, ends, now_ns);
        }
        if let Some(notes) = &mut self.notes {
            notes.sent.push((id, fate));
        }
    }

    /// The copy of a node that the sender talks to: only a twin has two.
    fn copy_for(&self, from: usize, to: usize) -> usize {
        let Some(second) = self.nodes.second_copy(to) else { return to };
        // A copy talks to itself.
        if from == to || from == second {
            return from;
        }
        let (from, to_name) = (self.nodes.identity(from), self.nodes.identity(to));
        if talks_to_second(self.seed, to_name, from) { second } else { to }
    }

    #[inline]
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
        if let Some(last) = &mut self.last_messages {
            last.sent(sending, sent, self.schedule.now_ns);
        }
        if let Some(notes) = &mut self.notes {
            notes.sent.push(sent);
        }
    }

    fn write(&mut self, slot: usize, operation: StorageOperation, bytes: &[u8]) {
        self.digest.word(operation as u64);
        self.digest.bytes(bytes);
        self.used.writes += 1;
        let id = self.used.writes;
        let disk = &mut self.nodes.get_mut(slot).disk;
        match operation {
            StorageOperation::Save => disk.save(id, bytes),
            StorageOperation::Append => disk.append(id, bytes),
            StorageOperation::Sync => disk.sync(),
        }
        if let Some(notes) = &mut self.notes {
            notes.writes.push(id);
        }
        // Measured only when it grows.
        let limit = self.scenario.limits.storage_bytes_max;
        if operation != StorageOperation::Sync && self.nodes.get(slot).disk.bytes() > limit {
            self.too_much(slot, "left too many bytes in its stable storage", limit);
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
