//! Scenarios without some of their clients, commands and interventions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::scenario::{Intervention, Invented, Quiet, Scenario, When};
use crate::property::Property;
use crate::trace::Reduction;
use crate::workload::{ErasedWorkload, Rendered};
use crate::{Address, NodeSpec, System};

impl Scenario {
    /// The scenario without what a reduction leaves out. Interventions that name a client which is left out, or wait
    /// for its results, are left out too. So are properties that depend on what is left out.
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
        let [checks, always] = [&self.checks, &self.always].map(|properties| {
            let left = properties.iter().filter(|property| still_applies(property, reduction));
            left.cloned().collect()
        });
        let network = self.network.clone().without(&reduction.clients);
        let quiet = self.quiet.filter(|quiet| still_applies(&self.checks[quiet.check], reduction));
        let quiet = quiet.map(|quiet| {
            let before = self.checks[..quiet.check].iter();
            let check = before.filter(|property| still_applies(property, reduction)).count();
            Quiet { check, ..quiet }
        });
        let mut byzantine = self.byzantine.clone();
        byzantine.retain(|node, _| !is_gone(node));
        Self { system, timeline, network, byzantine, checks, always, quiet, ..self.clone() }
    }
}

/// The intervention without the clients that are left out. `None` if nothing is left of it.
fn without(intervention: &Intervention, reduction: &Reduction) -> Option<Intervention> {
    let gone: &BTreeSet<Address> = &reduction.clients;
    match intervention {
        Intervention::Cut { from, to }
        | Intervention::Hold { from, to }
        | Intervention::Repair { from, to }
        | Intervention::DropNext { from, to, .. }
        | Intervention::CorruptNext { from, to, .. }
        | Intervention::ReplayEarlier { from, to, .. }
        | Intervention::Inject(Invented { from, to, .. }) => {
            (!gone.contains(from) && !gone.contains(to)).then(|| intervention.clone())
        }
        Intervention::SpoofNext { from, to, claims } => {
            ([from, to, claims].into_iter().all(|node| !gone.contains(node)))
                .then(|| intervention.clone())
        }
        Intervention::Isolate(node)
        | Intervention::Crash(node)
        | Intervention::CrashInHandler(node)
        | Intervention::Restart(node)
        | Intervention::DiskFault { node, .. } => {
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
        Intervention::Check(property) => {
            still_applies(property, reduction).then(|| intervention.clone())
        }
        Intervention::Heal
        | Intervention::QuietPhase(_)
        | Intervention::Decide(_)
        | Intervention::End => Some(intervention.clone()),
    }
}

/// Whether a property can be expected of a reduced scenario.
fn still_applies(property: &Property, reduction: &Reduction) -> bool {
    let has_all_commands = reduction.clients.is_empty() && reduction.commands.is_empty();
    let has_all_interventions = reduction.interventions.is_empty();
    let depends = property.dependence();
    (has_all_commands || !depends.on_commands)
        && (has_all_interventions || !depends.on_interventions)
}

/// The node with the commands that are left of its workload.
fn selected(spec: &NodeSpec, reduction: &Reduction) -> NodeSpec {
    let mut spec = spec.clone();
    if let (Some(workload), Some(commands)) =
        (&spec.workload, reduction.commands.get(&spec.address()))
    {
        let expected = workload.expected_of(commands);
        let (inner, commands) = (Arc::clone(workload), commands.clone());
        spec.workload = Some(Arc::new(Selected { inner, commands, expected }));
    }
    spec
}

/// Some commands of a workload.
struct Selected {
    inner: Arc<dyn ErasedWorkload>,
    /// Their indices in it.
    commands: Vec<u64>,
    /// Their results, if these are known without the other commands.
    expected: Option<Vec<Vec<u8>>>,
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
        match &self.expected {
            Some(expected) => expected.get(usize::try_from(index).ok()?).map(Vec::as_slice),
            None => self.inner.expected(self.index(index)?),
        }
    }

    fn expected_of(&self, indices: &[u64]) -> Option<Vec<Vec<u8>>> {
        let inner: Vec<u64> = indices.iter().filter_map(|&index| self.index(index)).collect();
        self.inner.expected_of(&inner)
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
