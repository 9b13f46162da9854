//! The view of a simulated run for properties.

use super::simulated_node::SimulatedNode;
use super::simulation::Simulation;
use crate::Address;
use crate::history::Operation;
use crate::hosting::{Host, NodeFailure};
use crate::property::{Traffic, View};

/// A run at one time, with access to its nodes.
pub(super) struct SimulationView<'a> {
    simulation: &'a Simulation,
    host: &'a mut dyn Host,
}

impl<'a> SimulationView<'a> {
    pub(super) fn new(simulation: &'a Simulation, host: &'a mut dyn Host) -> Self {
        Self { simulation, host }
    }

    fn slot(&self, node: Address) -> Result<usize, NodeFailure> {
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
        let running = |node: &&SimulatedNode| node.running().is_some() && node.is_made();
        let alive = self.simulation.nodes.iter().filter(running);
        alive.map(|node| node.address()).collect()
    }

    fn clients(&self) -> Vec<Address> {
        let clients = self.simulation.nodes.iter().filter(|node| node.client.is_some());
        clients.map(|node| node.address()).collect()
    }

    fn operations(&self, client: Address) -> &[Operation] {
        let node = self.simulation.nodes.at(client);
        let driver = node.and_then(|node| node.client.as_ref());
        driver.map_or(&[], |driver| &driver.operations)
    }

    fn is_done(&self, client: Address) -> bool {
        let node = self.simulation.nodes.at(client);
        node.and_then(|node| node.client.as_ref()).is_some_and(|driver| driver.is_done())
    }

    fn is_crashed(&self, node: Address) -> bool {
        self.simulation.nodes.at(node).is_some_and(|node| node.running().is_none())
    }

    fn state(&mut self, node: Address) -> Result<Vec<u8>, NodeFailure> {
        let slot = self.slot(node)?;
        let mut bytes = Vec::new();
        self.host.state(slot, &mut bytes)?;
        Ok(bytes)
    }

    fn observe(&mut self, node: Address, question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        let slot = self.slot(node)?;
        self.host.observe(slot, question)
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
