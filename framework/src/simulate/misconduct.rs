//! Byzantine nodes in a run: how their behaviours come between what their own code does and the network.

use super::decisions::NthChance;
use super::outcome::RunFailure;
use super::simulation::{Next, Simulation};
use super::validate::ScenarioError;
use crate::byzantine::{Behaviour, Conduct, Deed, name_of_second};
use crate::hosting::{NodeFailure, Output};
use crate::{Address, DiskFault, NodeSpec};

impl Simulation {
    /// Adds a node, correct or Byzantine, and returns its slot.
    pub(super) fn add_node(&mut self, spec: NodeSpec) -> usize {
        let node = spec.address();
        let slot = self.nodes.add(spec);
        if let Some(behaviour) = self.scenario.byzantine.get(&node) {
            let conduct = Conduct::new(behaviour.clone(), node, self.seed, false);
            self.nodes.is_byzantine(slot, conduct);
        }
        slot
    }

    /// Adds the second copies of twins, and returns their slots.
    pub(super) fn add_second_copies(&mut self) -> Vec<usize> {
        let mut slots = Vec::new();
        for (&node, behaviour) in &self.scenario.byzantine {
            let Behaviour::Twin(twin) = behaviour else { continue };
            let Some(first) = self.nodes.slot_of(node) else { continue };
            let mut spec = self.nodes.get(first).spec.clone();
            spec.shown_as = name_of_second(node);
            if let Some(arguments) = &twin.arguments {
                spec.node.arguments.clone_from(arguments);
            }
            let slot = self.nodes.add_second_copy(first, spec);
            let conduct = Conduct::new(behaviour.clone(), node, self.seed, true);
            self.nodes.is_byzantine(slot, conduct);
            slots.push(slot);
        }
        slots
    }

    /// Lets the behaviour of a Byzantine node turn what its own code did in the current step into what it does. `None` if
    /// the node is correct, or has failed.
    #[inline]
    pub(super) fn misconduct(
        &mut self,
        stepped: &Result<(), NodeFailure>,
        output: &Output,
    ) -> Option<Box<Conduct>> {
        // Fast in the usual case.
        if self.scenario.byzantine.is_empty() || stepped.is_err() {
            return None;
        }
        self.misconduct_of_current(output)
    }

    #[cold]
    fn misconduct_of_current(&mut self, output: &Output) -> Option<Box<Conduct>> {
        let Next::Step(slot) = self.next_of_current() else { return None };
        let mut conduct = self.nodes.get_mut(slot).conduct.take()?;
        let (node, identity) = (self.nodes.address(slot), self.nodes.identity(slot));
        let others: Vec<Address> =
            self.nodes.identities().filter(|other| *other != identity).collect();
        let (script, mut decisions) = (self.script.take(), self.decisions.take());
        conduct.take(
            self.event(),
            output,
            &others,
            &mut |before| match (&script, &mut decisions) {
                (Some(script), _) => script.misbehaves(node, before),
                (None, Some(decisions)) => decisions.misbehaves(NthChance { node, before }),
                (None, None) => true,
            },
        );
        (self.script, self.decisions) = (script, decisions);
        self.check_claims(node, &conduct);
        Some(conduct)
    }

    /// Ends the run if a script speaks in another node's name though links are authenticated.
    fn check_claims(&mut self, node: Address, conduct: &Conduct) {
        let claims = |deed: &Deed| deed.claims.is_some() && deed.behaviour == "script";
        let model = self.scenario.fault_model;
        if model.may_forge() || !conduct.deeds().iter().flatten().any(claims) {
            return;
        }
        let reason = format!(
            "the fault model ({model}) authenticates links, so no node can speak in another's name"
        );
        let behaviour = "script".to_owned();
        let error = ScenarioError::Behaviour { node, behaviour, reason };
        self.fail(RunFailure::Scenario(error));
    }

    /// Takes in that what a Byzantine node did in the current step has taken place.
    pub(super) fn after_misconduct(&mut self, mut conduct: Box<Conduct>) {
        let Next::Step(slot) = self.next_of_current() else { return };
        let node = self.nodes.address(slot);
        let (script, decisions) = (&self.script, &mut self.decisions);
        let forgets = conduct.forgets(&mut |before| match (script, &mut *decisions) {
            (Some(script), _) => script.crashes_after_this(node),
            (None, Some(decisions)) => decisions.misbehaves(NthChance { node, before }),
            (None, None) => true,
        });
        let it = self.nodes.get_mut(slot);
        it.conduct = Some(conduct);
        if forgets && it.running().is_some() {
            it.disk.fails(DiskFault::Lost);
            self.restart(node);
        }
    }
}
