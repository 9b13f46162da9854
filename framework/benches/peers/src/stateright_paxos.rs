//! Single-decree Paxos for Stateright's actors: two proposers, three acceptors, one ballot each.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use stateright::actor::{Actor, ActorModel, ActorModelState, Id, Network, Out};

use crate::stateright_plain::Plain;

const PROPOSERS: usize = 2;
const ACCEPTORS: usize = 3;
const MAJORITY: usize = 2;

/// A ballot and the value accepted in it.
pub type Vote = (u64, u64);

/// The messages of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Message {
    /// A proposer starts a ballot.
    Prepare(u64),
    /// An acceptor promises, with its last vote.
    Promise(u64, Option<Vote>),
    /// A value is proposed.
    Accept(u64, u64),
    /// A value is accepted.
    Accepted(u64),
}

/// The state of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// An acceptor's.
    Acceptor {
        /// The highest ballot promised.
        promised: u64,
        /// The last vote.
        accepted: Option<Vote>,
    },
    /// A proposer's.
    Proposer {
        /// The promises so far.
        promises: BTreeMap<Id, Option<Vote>>,
        /// The value proposed.
        value: Option<u64>,
        /// The acceptors that have accepted.
        accepted: BTreeSet<Id>,
        /// The decision.
        decided: Option<u64>,
    },
}

/// A node.
#[derive(Clone, Debug)]
pub enum Node {
    /// A proposer with its number, and how many accepts decide.
    Proposer(u64, usize),
    /// An acceptor.
    Acceptor,
}

fn acceptors() -> impl Iterator<Item = Id> {
    (PROPOSERS..PROPOSERS + ACCEPTORS).map(Id::from)
}

impl Actor for Node {
    type Msg = Message;
    type State = State;
    type Timer = ();
    type Storage = ();
    type Random = ();

    fn on_start(&self, _id: Id, _storage: &Option<()>, o: &mut Out<Self>) -> State {
        match *self {
            Self::Proposer(number, _) => {
                for acceptor in acceptors() {
                    o.send(acceptor, Message::Prepare(PROPOSERS as u64 + number));
                }
                State::Proposer {
                    promises: BTreeMap::new(),
                    value: None,
                    accepted: BTreeSet::new(),
                    decided: None,
                }
            }
            Self::Acceptor => State::Acceptor { promised: 0, accepted: None },
        }
    }

    fn on_msg(
        &self,
        _id: Id,
        state: &mut Cow<'_, State>,
        src: Id,
        msg: Message,
        o: &mut Out<Self>,
    ) {
        match (state.as_ref(), msg, self) {
            (State::Acceptor { promised, accepted }, Message::Prepare(ballot), _)
                if ballot > *promised =>
            {
                o.send(src, Message::Promise(ballot, *accepted));
                *state.to_mut() = State::Acceptor { promised: ballot, accepted: *accepted };
            }
            (State::Acceptor { promised, .. }, Message::Accept(ballot, value), _)
                if ballot >= *promised =>
            {
                o.send(src, Message::Accepted(ballot));
                *state.to_mut() =
                    State::Acceptor { promised: ballot, accepted: Some((ballot, value)) };
            }
            (
                State::Proposer { value: None, .. },
                Message::Promise(ballot, vote),
                Self::Proposer(number, _),
            ) if ballot == PROPOSERS as u64 + number => {
                let State::Proposer { promises, value, .. } = state.to_mut() else { return };
                promises.insert(src, vote);
                if promises.len() >= MAJORITY {
                    let highest = promises.values().flatten().max();
                    let chosen = highest.map_or(*number, |&(_, value)| value);
                    *value = Some(chosen);
                    for acceptor in acceptors() {
                        o.send(acceptor, Message::Accept(ballot, chosen));
                    }
                }
            }
            (
                State::Proposer { decided: None, .. },
                Message::Accepted(ballot),
                Self::Proposer(number, accepts),
            ) if ballot == PROPOSERS as u64 + number => {
                let State::Proposer { value, accepted, decided, .. } = state.to_mut() else {
                    return;
                };
                accepted.insert(src);
                if accepted.len() >= *accepts {
                    *decided = *value;
                }
            }
            _ => {}
        }
    }
}

/// The model, in which this many accepts make a decision; two are correct.
#[must_use]
pub fn model(accepts: usize) -> Plain<Node> {
    let model = ActorModel::new((), ())
        .actors((1..=PROPOSERS as u64).map(|number| Node::Proposer(number, accepts)))
        .actors((0..ACCEPTORS).map(|_| Node::Acceptor))
        .init_network(Network::new_unordered_duplicating([]));
    Plain::new(model, |_| false, one_decision)
}

fn one_decision(state: &ActorModelState<Node>) -> bool {
    let mut decisions = state.actor_states.iter().filter_map(|node| match **node {
        State::Proposer { decided, .. } => decided,
        State::Acceptor { .. } => None,
    });
    let first = decisions.next();
    decisions.all(|decision| Some(decision) == first)
}
