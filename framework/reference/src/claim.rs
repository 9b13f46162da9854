//! Claims about states. Each is implemented twice: as a property for the search, and for the reference.

use faultlab::property::{CheckError, Property, View, violated};
use faultlab::search::Search;
use faultlab::{Address, codec};

use crate::automaton::Automaton;
use crate::world::{Global, Plain, World};

/// The property name for runs that the automaton rejects.
pub const RUN: &str = "the automaton accepts the run";

/// A claim about a state.
#[derive(Clone, Debug)]
pub enum Claim {
    /// These two nodes are in these states.
    StatesAre([Address; 2], [u64; 2]),
    /// Every client has a result.
    EveryClientHasAResult,
    /// Every client has all its results.
    ClientsAreDone,
    /// No running node is in this state.
    NoNodeIsIn(u64),
    /// No client has had this result.
    NoResultIs(u64),
}

/// The role of a claim in a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It must hold in every state.
    Invariant,
    /// It must hold in at least one state.
    Sometimes,
    /// The search ends where it holds.
    Goal,
    /// The search does not expand states where it holds.
    Prune,
}

/// The reference's verdict on a state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It is expanded.
    Open,
    /// It is not expanded.
    Pruned,
    /// The goal of this name holds.
    Goal(String),
    /// The property of this name does not hold.
    Violated(String),
    /// There is no state, because a node sent a message to an address at which there is no node.
    Failed {
        /// The sender.
        from: Address,
        /// The address.
        to: Address,
    },
}

/// The claims of a search.
#[derive(Clone, Debug, Default)]
pub struct Claims(pub Vec<(Role, Claim)>);

impl Claims {
    /// Checks a state: first the run, then invariants, goals and prunes.
    pub fn judge<N: Plain, A: Automaton>(
        &self,
        world: &World<N, A>,
        global: &Global<N, A::State>,
    ) -> Verdict {
        if global.watched.is_none() {
            return Verdict::Violated(RUN.to_owned());
        }
        let of = |role| self.0.iter().filter(move |(its, _)| *its == role).map(|(_, claim)| claim);
        for claim in of(Role::Invariant) {
            if !claim.holds(world, global) {
                return Verdict::Violated(claim.name());
            }
        }
        for claim in of(Role::Goal) {
            if claim.holds(world, global) {
                return Verdict::Goal(claim.name());
            }
        }
        if of(Role::Prune).any(|claim| claim.holds(world, global)) {
            return Verdict::Pruned;
        }
        Verdict::Open
    }

    /// The claims that must hold in at least one state.
    pub fn sometimes(&self) -> impl Iterator<Item = &Claim> {
        self.0.iter().filter(|(role, _)| *role == Role::Sometimes).map(|(_, claim)| claim)
    }

    /// The names of the invariants that do not hold in a state, in their order.
    pub fn broken<N: Plain, A: Automaton>(
        &self,
        world: &World<N, A>,
        global: &Global<N, A::State>,
    ) -> Vec<String> {
        let invariants = self.0.iter().filter(|(role, _)| *role == Role::Invariant);
        let broken = invariants.filter(|(_, claim)| !claim.holds(world, global));
        broken.map(|(_, claim)| claim.name()).collect()
    }

    /// Adds these claims to a search as properties.
    #[must_use]
    pub fn given_to<N: Plain>(&self, search: Search) -> Search {
        self.0.iter().fold(search, |search, (role, claim)| {
            let property = claim.property::<N>();
            match role {
                Role::Invariant => search.invariant(property),
                Role::Sometimes => search.sometimes(property),
                Role::Goal => search.goal(property),
                Role::Prune => search.prune(property),
            }
        })
    }
}

impl Claim {
    /// The claim's name.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{self:?}")
    }

    /// Whether it holds in a state of the reference.
    pub fn holds<N: Plain, A: Automaton>(
        &self,
        world: &World<N, A>,
        global: &Global<N, A::State>,
    ) -> bool {
        let all = || world.members.iter().zip(&global.locals);
        let mut clients = all().filter(|(member, _)| member.commands.is_some());
        match self {
            Self::StatesAre(nodes, states) => nodes.iter().zip(states).all(|(node, state)| {
                all().all(|(it, local)| it.address != *node || local.node.observed() == *state)
            }),
            Self::EveryClientHasAResult => clients.all(|(_, local)| !local.results.is_empty()),
            Self::ClientsAreDone => clients.all(|(member, local)| {
                local.results.len() >= member.commands.as_ref().map_or(0, Vec::len)
            }),
            Self::NoNodeIsIn(state) => all().enumerate().all(|(place, (_, local))| {
                global.down.contains(&place)
                    || world.rules.crashed.contains(&place)
                    || local.node.observed() != *state
            }),
            Self::NoResultIs(result) => clients.all(|(_, local)| !local.results.contains(result)),
        }
    }

    /// The claim as a property.
    #[must_use]
    pub fn property<N: Plain>(&self) -> Property {
        let claim = self.clone();
        let property = Property::new(self.name(), move |view| {
            if claim.is_seen::<N>(view)? { Ok(()) } else { Err(violated("it", "not so")) }
        });
        match self {
            Self::StatesAre(..) => property,
            Self::NoNodeIsIn(_) => property.of_each_node(),
            Self::EveryClientHasAResult | Self::ClientsAreDone | Self::NoResultIs(_) => {
                property.of_each_client()
            }
        }
    }

    fn is_seen<N: Plain>(&self, view: &mut dyn View) -> Result<bool, CheckError> {
        let clients = view.clients();
        Ok(match self {
            Self::StatesAre(nodes, states) => {
                for (&node, state) in nodes.iter().zip(states) {
                    if observed::<N>(view, node)? != *state {
                        return Ok(false);
                    }
                }
                true
            }
            Self::NoNodeIsIn(state) => {
                for node in view.nodes() {
                    if observed::<N>(view, node)? == *state {
                        return Ok(false);
                    }
                }
                true
            }
            Self::EveryClientHasAResult => clients.into_iter().all(|client| {
                view.operations(client).first().is_some_and(|first| first.result.is_some())
            }),
            Self::ClientsAreDone => clients.into_iter().all(|client| view.is_done(client)),
            Self::NoResultIs(result) => clients.into_iter().all(|client| {
                let mut results =
                    view.operations(client).iter().filter_map(|it| it.result.as_deref());
                results.all(|it| codec::decode(it) != Ok(*result))
            }),
        })
    }
}

fn observed<N: Plain>(view: &mut dyn View, node: Address) -> Result<u64, CheckError> {
    let bytes = view.state(node).map_err(|failure| CheckError::Node(node, failure))?;
    let node: N = codec::decode(&bytes).map_err(|error| violated("a state", error.to_string()))?;
    Ok(node.observed())
}
