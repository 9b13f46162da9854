//! Checks states against invariants, goals and prunes. Results are memoised: per interned node for
//! properties of one client or node, otherwise by what the property read.

use super::recall::{Glance, Recall};
use super::settings::Switches;
use super::sites::Sites;
use super::view::StateView;
use crate::parallel;
use crate::property::{Broken, Property, Scope};

/// How many interned nodes a thread checks before it takes more.
const LEARNT_AT_ONCE: usize = 64;

/// What a property is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// It must hold in every state.
    Invariant,
    /// The search ends where it holds.
    Goal,
    /// The search does not go on from where it holds.
    Prune,
}

/// The properties of a search, invariants first, then goals, then prunes.
pub(super) struct Checks {
    properties: Vec<(Role, Property)>,
    /// For each interned node: one bit per property that is memoised by node and holds there.
    held: Vec<u64>,
    /// The bits of the properties that are looked up by site.
    by_site: u64,
    invariants: u64,
    goals: u64,
    prunes: u64,
}

/// What became of a state.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Go on from it.
    Open,
    /// Do not go on from it.
    Pruned,
    /// The goal at this index holds.
    Goal(usize),
    /// The property at this index does not hold, or could not be decided.
    Broken(usize, Broken),
}

impl Checks {
    /// # Panics
    /// With more than 64 properties.
    pub(super) fn new(mut properties: Vec<(Role, Property)>) -> Self {
        assert!(properties.len() <= 64, "at most 64 properties");
        properties.sort_by_key(|&(role, _)| role);
        let mut checks =
            Self { properties, held: Vec::new(), by_site: 0, invariants: 0, goals: 0, prunes: 0 };
        for (index, (role, property)) in checks.properties.iter().enumerate() {
            let bit = 1 << index;
            if property.scope() != Scope::State {
                checks.by_site |= bit;
            }
            match role {
                Role::Invariant => checks.invariants |= bit,
                Role::Goal => checks.goals |= bit,
                Role::Prune => checks.prunes |= bit,
            }
        }
        checks
    }

    /// The prunes, if all of them are looked up by site.
    pub(super) fn prunes_by_site(&self) -> Option<u64> {
        (self.prunes & !self.by_site == 0).then_some(self.prunes)
    }

    /// The bits of the properties that hold at a site.
    pub(super) fn held(&self, site: u32) -> u64 {
        self.held[site as usize]
    }

    pub(super) fn name(&self, index: usize) -> &str {
        self.properties[index].1.name()
    }

    /// Checks all node states interned since the last call, or some of them if the deadline passes
    /// meanwhile.
    pub(super) fn learn(&mut self, sites: &Sites<'_>, switches: &Switches) {
        if self.by_site == 0 {
            return;
        }
        let known = self.held.len();
        self.held.resize(sites.len(), 0);
        let (properties, new) = (&self.properties, &mut self.held[known..]);
        let members = sites.handlers.steps.roster().len();
        let mut parts: Vec<_> =
            new.chunks_mut(LEARNT_AT_ONCE).zip((known..).step_by(LEARNT_AT_ONCE)).collect();
        parallel::for_each(&mut parts, |(part, first)| {
            if sites.handlers.deadline.is_over() {
                return;
            }
            let mut row = vec![0; members];
            for (id, held) in (*first..).zip(part.iter_mut()) {
                let member = sites.handlers.member_of(sites.get(id as u32).state);
                row[member] = id as u32;
                for (index, (_, property)) in properties.iter().enumerate() {
                    let relevant = match property.scope() {
                        Scope::State => continue,
                        Scope::EachClient => sites.work.is_client(member),
                        Scope::EachNode => true,
                    };
                    let holds = !relevant || {
                        let mut view = StateView::of_one(sites, switches, &row, member);
                        property.check(&mut view).is_ok()
                    };
                    *held |= u64::from(holds) << index;
                }
            }
        });
    }

    /// Checks a state. `nodes` is its row without the monitor.
    pub(super) fn judge(
        &self,
        sites: &Sites<'_>,
        switches: &Switches,
        nodes: &[u32],
        recall: &mut Recall,
    ) -> Verdict {
        let mut held = self.by_site;
        if held != 0 {
            held = nodes.iter().fold(held, |held, &site| held & self.held[site as usize]);
        }
        let settled =
            self.by_site & self.invariants == held & self.invariants && held & self.goals == 0;
        let all = self.invariants | self.goals | self.prunes;
        if settled && self.by_site == all {
            return if held & self.prunes == 0 { Verdict::Open } else { Verdict::Pruned };
        }
        let id = |glance| match glance {
            Glance::State(member) => sites.get(nodes[member]).state,
            Glance::Worker(member) => sites.get(nodes[member]).worker,
        };
        for (index, (role, property)) in self.properties.iter().enumerate() {
            let bit = 1 << index;
            let known =
                if self.by_site & bit != 0 { Some(held & bit != 0) } else { recall.get(index, id) };
            let checked = match (known, role) {
                (Some(true), Role::Invariant) | (Some(false), Role::Goal | Role::Prune) => continue,
                (Some(true), Role::Goal | Role::Prune) => Ok(()),
                // Known not to hold, but the message is needed.
                (Some(false), Role::Invariant) | (None, _) => {
                    let mut view = StateView::new(sites, switches, nodes);
                    let checked = property.check(&mut view);
                    if known.is_none() && !matches!(checked, Err(Broken::Node(..))) {
                        recall.note(index, &view.glances(), id, checked.is_ok());
                    }
                    checked
                }
            };
            match (role, checked) {
                (Role::Invariant, Ok(())) => {}
                (Role::Invariant, Err(broken)) => return Verdict::Broken(index, broken),
                (Role::Goal, Ok(())) => return Verdict::Goal(index),
                (Role::Prune, Ok(())) => return Verdict::Pruned,
                (_, Err(broken @ Broken::Node(..))) => return Verdict::Broken(index, broken),
                (_, Err(_)) => {}
            }
        }
        Verdict::Open
    }

    /// Returns the indices of the invariants that a state violates.
    pub(super) fn broken(
        &self,
        sites: &Sites<'_>,
        switches: &Switches,
        nodes: &[u32],
    ) -> Vec<(usize, Broken)> {
        let invariants = self.properties.iter().enumerate();
        invariants
            .filter(|(_, (role, _))| *role == Role::Invariant)
            .filter_map(|(index, (_, property))| {
                let checked = property.check(&mut StateView::new(sites, switches, nodes));
                Some((index, checked.err()?))
            })
            .collect()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.held.capacity() * size_of::<u64>()
    }
}
