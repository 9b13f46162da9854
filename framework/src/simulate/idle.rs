//! What in a scenario certainly has no effect: then its author meant something else.
//!
//! Such a scenario is [valid](Scenario::validate), and runs. But a test with it asserts less than it says.

use rustc_hash::FxHashMap;

use super::scenario::{Intervention, Scenario, When};
use super::validate::describe;
use crate::Address;

impl Scenario {
    /// What certainly has no effect, a sentence each: an intervention that comes after the end of the run, waits for more
    /// results than its client has commands, undoes what was not done, or gives a message the sender that it has; a crash of a node that has crashed before and never restarts; a
    /// scenario without nodes, or without anything that must hold.
    #[must_use]
    pub fn without_effect(&self) -> Vec<String> {
        let mut found = Vec::new();
        let starts = |(_, it): &(When, Intervention)| matches!(it, Intervention::Start(_));
        if self.system.nodes().is_empty() && !self.timeline.iter().any(starts) {
            found.push("the scenario has no nodes; add some with `node`".to_owned());
        }
        let checks = |(_, it): &(When, Intervention)| {
            matches!(it, Intervention::Check(_) | Intervention::Decide(_))
        };
        let nothing =
            self.checks.is_empty() && self.always.is_empty() && self.monitors.0.is_empty();
        if nothing && !self.timeline.iter().any(checks) {
            let add = "add it with `check`, `always` or `monitor`";
            found.push(format!("the scenario has no property that must hold; {add}"));
        }
        for (when, intervention) in &self.timeline {
            let idle = self.never(when).or_else(|| self.does_nothing(when, intervention));
            found.extend(idle.map(|why| format!("{}: {why}", describe(when, intervention))));
        }
        found
    }

    /// Why the time of an entry never comes, if that is certain.
    fn never(&self, when: &When) -> Option<String> {
        match when {
            When::At(at_ns) if *at_ns > self.deadline_ns => {
                let end = std::time::Duration::from_nanos(self.deadline_ns);
                Some(format!("the run ends after {end:?}, before that"))
            }
            When::Answered(client, results) => {
                let commands = self.commands_of(*client)?;
                let too_many = *results > commands;
                too_many.then(|| format!("{client} gets only {commands} commands, so it never has"))
            }
            When::At(_) | When::Holds(_) => None,
        }
    }

    /// How many commands a client has, if it is one and there is an end.
    fn commands_of(&self, client: Address) -> Option<u64> {
        let started = self.timeline.iter().filter_map(|(_, it)| match it {
            Intervention::Start(spec) => Some(spec),
            _ => None,
        });
        let spec = self.system.nodes().iter().chain(started).find(|it| it.address() == client)?;
        spec.workload.as_ref()?.count()
    }

    /// Why an intervention changes nothing, if that is certain.
    fn does_nothing(&self, when: &When, intervention: &Intervention) -> Option<String> {
        match intervention {
            Intervention::DropNext { count: 0, .. } => {
                Some("no message is lost; give a count of at least 1".to_owned())
            }
            Intervention::ReplayEarlier { back: 0, .. } => {
                Some("no message was sent 0 messages ago; the last one is 1".to_owned())
            }
            Intervention::SpoofNext { from, claims, .. } if from == claims => {
                Some(format!("{from} is its sender anyway"))
            }
            Intervention::Cut { from, to } | Intervention::Hold { from, to } if from == to => {
                Some(format!("{from} needs no link to itself"))
            }
            Intervention::Crash(node) if !self.may_restart(*node) => {
                let &When::At(at_ns) = when else { return None };
                let crashes = self.crashes_at();
                let first = crashes.get(node).filter(|first_ns| **first_ns < at_ns)?;
                let first = std::time::Duration::from_nanos(*first);
                Some(format!("{node} has crashed at {first:?}, and never comes back"))
            }
            Intervention::Repair { .. } | Intervention::Heal if !self.may_be_disturbed(when) => {
                Some("no link is cut or held before that; put the cut first".to_owned())
            }
            _ => None,
        }
    }

    /// Whether an entry may restart this node.
    fn may_restart(&self, node: Address) -> bool {
        let restarts = |(_, it): &(When, Intervention)| match it {
            Intervention::Restart(restarted) => *restarted == node,
            Intervention::Decide(_) => true,
            _ => false,
        };
        self.timeline.iter().any(restarts)
    }

    /// When each node certainly crashes first. For look-ups only; never iterated.
    fn crashes_at(&self) -> FxHashMap<Address, u64> {
        let mut first: FxHashMap<Address, u64> = FxHashMap::default();
        for (when, intervention) in &self.timeline {
            if let (&When::At(at_ns), &Intervention::Crash(node)) = (when, intervention) {
                let known = first.entry(node).or_insert(at_ns);
                *known = at_ns.min(*known);
            }
        }
        first
    }

    /// Whether a link may be cut or held when an entry with this time takes place.
    fn may_be_disturbed(&self, when: &When) -> bool {
        self.timeline.iter().any(|(before, intervention)| {
            let disturbs = matches!(
                intervention,
                Intervention::Cut { .. }
                    | Intervention::Hold { .. }
                    | Intervention::Isolate(_)
                    | Intervention::Partition(_)
                    | Intervention::Decide(_)
            );
            let is_later = match (before, when) {
                (When::At(before_ns), When::At(at_ns)) => before_ns > at_ns,
                (When::Answered(client, before), When::Answered(other, results)) => {
                    client == other && before > results
                }
                _ => false,
            };
            disturbs && !is_later
        })
    }
}
