//! Scenarios without some of their clients, commands and interventions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::scenario::{Intervention, Scenario, When};
use crate::trace::Reduction;
use crate::workload::{ErasedWorkload, Rendered};
use crate::{Address, NodeSpec, System};

impl Scenario {
    /// The scenario without what a reduction leaves out. Interventions that name a client which is left out, or wait
    /// for its results, are left out too.
    #[must_use]
    pub fn reduced(&self, reduction: &Reduction) -> Self {
        let is_gone = |node: &Address| reduction.clients.contains(node);
        let nodes = self.system.nodes().iter().filter(|spec| !is_gone(&spec.address()));
        let system =
            nodes.fold(System::new(), |system, spec| system.with(selected(spec, reduction)));
        let timeline = self.timeline.iter().enumerate();
        let timeline = timeline
            .filter(|(index, _)| !reduction.interventions.contains(index))
            .filter(|(_, (when, _))| match when {
                When::At(_) | When::Holds(_) => true,
                When::Answered(client, _) => !is_gone(client),
            })
            .filter_map(|(_, (when, what))| Some((when.clone(), without(what, reduction)?)))
            .collect();
        let network = self.network.clone().without(&reduction.clients);
        Self { system, timeline, network, ..self.clone() }
    }
}

/// The intervention without the clients that are left out. `None` if nothing is left of it.
fn without(intervention: &Intervention, reduction: &Reduction) -> Option<Intervention> {
    let gone: &BTreeSet<Address> = &reduction.clients;
    match intervention {
        Intervention::Cut { from, to }
        | Intervention::Hold { from, to }
        | Intervention::Repair { from, to }
        | Intervention::DropNext { from, to, .. } => {
            (!gone.contains(from) && !gone.contains(to)).then(|| intervention.clone())
        }
        Intervention::Isolate(node) | Intervention::Crash(node) => {
            (!gone.contains(node)).then(|| intervention.clone())
        }
        Intervention::Start(spec) => (!gone.contains(&spec.address()))
            .then(|| Intervention::Start(selected(spec, reduction))),
        Intervention::Partition(groups) => {
            let left = |group: &Vec<Address>| {
                group.iter().copied().filter(|node| !gone.contains(node)).collect()
            };
            Some(Intervention::Partition(groups.iter().map(left).collect()))
        }
        Intervention::LinkConditions(network) => {
            Some(Intervention::LinkConditions(network.clone().without(gone)))
        }
        Intervention::Heal
        | Intervention::Check(_)
        | Intervention::Decide(_)
        | Intervention::End => Some(intervention.clone()),
    }
}

/// The node with the commands that are left of its workload.
fn selected(spec: &NodeSpec, reduction: &Reduction) -> NodeSpec {
    let mut spec = spec.clone();
    if let (Some(workload), Some(commands)) =
        (&spec.workload, reduction.commands.get(&spec.address()))
    {
        let (inner, commands) = (Arc::clone(workload), commands.clone());
        spec.workload = Some(Arc::new(Selected { inner, commands }));
    }
    spec
}

/// Some commands of a workload.
struct Selected {
    inner: Arc<dyn ErasedWorkload>,
    /// Their indices in it.
    commands: Vec<u64>,
}

impl Selected {
    fn index(&self, index: u64) -> Option<u64> {
        self.commands.get(usize::try_from(index).ok()?).copied()
    }
}

impl ErasedWorkload for Selected {
    fn count(&self) -> Option<u64> {
        Some(self.commands.len() as u64)
    }

    fn command(&self, seed: u64, client: Address, index: u64) -> Vec<u8> {
        self.inner.command(seed, client, self.index(index).unwrap_or(index))
    }

    fn expected(&self, index: u64) -> Option<&[u8]> {
        self.inner.expected(self.index(index)?)
    }

    fn period(&self) -> Duration {
        self.inner.period()
    }

    fn read_command(&self, value: &serde_json::Value) -> Option<Vec<u8>> {
        self.inner.read_command(value)
    }

    fn show_command(&self, command: &[u8]) -> Rendered {
        self.inner.show_command(command)
    }

    fn show_result(&self, result: &[u8]) -> Rendered {
        self.inner.show_result(result)
    }
}
