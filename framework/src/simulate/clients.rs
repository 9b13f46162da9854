//! Clients: when one gets its next command, and what a result leads to.

use super::event_queue::ScheduledEvent;
use super::notes::SideEvent;
use super::schedule::Task;
use super::simulation::Simulation;
use crate::hosting::Output;

impl Simulation {
    /// Gives a client its next command, now or when its rate allows.
    pub(super) fn schedule_command(&mut self, slot: usize) -> Option<Task> {
        let node = self.nodes.get(slot);
        let client = node.client.as_ref().filter(|client| !client.is_done())?;
        let at_ns = client.next_command_ns();
        let (address, answered) = (node.address(), client.answered());
        let saved = self.script.as_ref().and_then(|script| script.command(address, answered));
        let now_ns = self.schedule.now_ns;
        // Events that the saved run has at this time come first.
        if at_ns <= now_ns && self.script.is_none() {
            return Some(Task::Command { slot });
        }
        self.schedule.plan(at_ns.max(now_ns), saved, ScheduledEvent::NextCommand { slot });
        None
    }

    /// Records that a client gets its next command now.
    pub(super) fn call(&mut self, slot: usize) {
        let (seed, now_ns) = (self.seed, self.schedule.now_ns);
        let node = self.nodes.get_mut(slot);
        let address = node.address();
        let client = node.client.as_mut().expect("a command is for a client");
        client.call(seed, address, now_ns);
        self.progress.made(now_ns);
    }

    /// Takes the result of a client's command, if there is one, and schedules the next command.
    pub(super) fn take_result(&mut self, slot: usize, output: &Output) {
        let now_ns = self.schedule.now_ns;
        let node = self.nodes.get_mut(slot);
        let is_correct = node.is_correct();
        let Some(client) = &mut node.client else { return };
        let Some(result) = output.result() else { return };
        if !client.is_waiting() {
            return;
        }
        client.take(result, now_ns);
        let answered = client.answered();
        if client.is_done() {
            self.progress.may_be_done();
            if is_correct {
                self.nodes.client_is_done();
            }
        }
        self.progress.made(now_ns);
        self.digest.bytes(result);
        self.note(|| SideEvent::Returned { slot, result: result.to_vec() });
        // As in a search, the next command belongs to the event that brought the result: no other event at this time
        // comes between them.
        if let Some(command) = self.schedule_command(slot) {
            self.schedule.ready.push_front(command);
        }
        self.trigger(self.nodes.address(slot), answered);
    }
}
