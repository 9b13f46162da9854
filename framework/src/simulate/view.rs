//! The view of a simulated run for properties.

use std::cell::OnceCell;

use super::after_each_event::{Answers, Question};
use super::schedule::{Checked, Task};
use super::simulated_node::SimulatedNode;
use super::simulation::Simulation;
use super::validate::listed;
use crate::Address;
use crate::history::Operation;
use crate::hosting::{Host, NodeFailure};
use crate::property::{Scope, Traffic, View};

/// A run at one time, with access to its nodes.
pub(super) struct SimulationView<'a> {
    simulation: &'a Simulation,
    answers: &'a mut Answers,
    host: &'a mut dyn Host,
    /// The first thing that the property asked for and that there is not. A property may hide it, so it is kept here.
    mistake: OnceCell<String>,
}

impl<'a> SimulationView<'a> {
    pub(super) fn new(
        simulation: &'a Simulation,
        answers: &'a mut Answers,
        host: &'a mut dyn Host,
    ) -> Self {
        Self { simulation, answers, host, mistake: OnceCell::new() }
    }

    /// What the property asked for and that there is not, if anything.
    pub(super) fn into_mistake(self) -> Option<String> {
        self.mistake.into_inner()
    }

    /// Notes if there is no node at this address, and none will ever start there.
    fn note_unknown(&self, node: Address) {
        let Simulation { nodes, scenario, .. } = self.simulation;
        if nodes.slot_of(node).is_some() || scenario.may_start(node, self.is_at_the_end()) {
            return;
        }
        let mut known = nodes.addresses();
        known.sort_unstable();
        let known = listed("nodes", &known);
        let _ =
            self.mistake.set(format!("it asks about {node}, and there is no such node; {known}"));
    }

    /// Whether the run is over, so that no node will start any more.
    fn is_at_the_end(&self) -> bool {
        matches!(self.simulation.schedule.current, Some(Task::Check(Checked::AtTheEnd(_))))
    }

    /// Whether the property may look at the node in this slot. A property of each node or client that must always hold
    /// is checked for the node that handled the event.
    fn is_in_scope(&self, slot: usize) -> bool {
        match self.simulation.schedule.current {
            Some(Task::Check(Checked::Always { index, slot: Some(stepped) })) => {
                slot == stepped || self.simulation.scenario.always[index].scope() == Scope::State
            }
            _ => true,
        }
    }

    /// A node's answer. Those to properties that must always hold are remembered.
    fn ask(&mut self, node: Address, question: Question) -> Result<Vec<u8>, NodeFailure> {
        let slot = self.slot(node)?;
        if let (Some(interface), Question::Observation(query)) =
            (&self.simulation.scenario.interface, &question)
        {
            let asked = self.simulation.nodes.get(slot).spec.descriptor();
            if let Err(error) = interface.check_question(asked, query) {
                let _ = self.mistake.set(error.to_string());
                return Err(NodeFailure::NotProvided("answers to this query".to_owned()));
            }
        }
        if self.simulation.checks_after_each_event() {
            self.answers.get(slot, question, self.host)
        } else {
            question.ask(slot, self.host)
        }
    }

    /// The nodes in scope for which this holds.
    fn addresses(&self, is_meant: impl Fn(&SimulatedNode) -> bool) -> Vec<Address> {
        let nodes = self.simulation.nodes.iter().enumerate();
        let nodes = nodes.filter(|(slot, node)| self.is_in_scope(*slot) && is_meant(node));
        nodes.map(|(_, node)| node.address()).collect()
    }

    fn slot(&self, node: Address) -> Result<usize, NodeFailure> {
        self.note_unknown(node);
        let nodes = &self.simulation.nodes;
        nodes
            .slot_of(node)
            .filter(|&slot| nodes.get(slot).is_made())
            .ok_or_else(|| NodeFailure::NotProvided(format!("node {node}")))
    }

    fn show(&self, show: impl Fn(&dyn crate::workload::ErasedWorkload) -> String) -> String {
        let first = self.simulation.nodes.first_client();
        let driver = first.and_then(|node| node.client.as_ref());
        driver.map(|driver| show(driver.workload.as_ref())).unwrap_or_default()
    }
}

impl View for SimulationView<'_> {
    fn now_ns(&self) -> Option<u64> {
        Some(self.simulation.schedule.now_ns)
    }

    fn nodes(&self) -> Vec<Address> {
        self.addresses(|node| node.running().is_some() && node.has_started() && node.is_correct())
    }

    fn clients(&self) -> Vec<Address> {
        self.addresses(|node| node.client.is_some() && node.is_correct())
    }

    fn operations(&self, client: Address) -> &[Operation] {
        self.note_unknown(client);
        let node = self.simulation.nodes.at(client);
        let driver = node.and_then(|node| node.client.as_ref());
        driver.map_or(&[], |driver| &driver.operations)
    }

    fn is_done(&self, client: Address) -> bool {
        self.note_unknown(client);
        let node = self.simulation.nodes.at(client);
        node.and_then(|node| node.client.as_ref()).is_some_and(|driver| driver.is_done())
    }

    fn is_crashed(&self, node: Address) -> bool {
        self.note_unknown(node);
        self.simulation.nodes.at(node).is_some_and(|node| node.running().is_none())
    }

    fn state(&mut self, node: Address) -> Result<Vec<u8>, NodeFailure> {
        self.ask(node, Question::State)
    }

    fn observe(&mut self, node: Address, question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        self.ask(node, Question::Observation(question.to_vec()))
    }

    fn is_answer(&self, node: Address, answer: &[u8]) -> bool {
        let Simulation { nodes, scenario, .. } = self.simulation;
        let known = scenario.interface.as_ref().zip(nodes.at(node));
        known.is_none_or(|(interface, node)| interface.is_answer(node.spec.descriptor(), answer))
    }

    fn traffic(&self) -> Option<&Traffic> {
        Some(&self.simulation.transport.traffic)
    }

    fn show_command(&self, command: &[u8]) -> String {
        self.show(|work| work.show_command(command).text)
    }

    fn show_result(&self, result: &[u8]) -> String {
        self.show(|work| work.show_result(result).text)
    }
}
