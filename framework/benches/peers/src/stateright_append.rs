//! The at-most-once protocol for Stateright's actors, without history in the state.
//!
//! Timers with equal durations fire in the order in which they were set. Stateright's timers have no
//! order, so each client keeps its pending timers in a queue, and sets one timer while the queue is not
//! empty. So both have the same states.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use stateright::actor::{Actor, ActorModel, ActorModelState, Id, Network, Out, model_timeout};

use crate::stateright_plain::Plain;

/// A message: a sequence number with a value to append, or with a result.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Message {
    /// From a client.
    Request(u64, String),
    /// From the server.
    Reply(u64, String),
}

/// The state of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The server's.
    Server {
        /// The appended values.
        value: String,
        /// The last reply to each client.
        answered: BTreeMap<Id, (u64, String)>,
    },
    /// A client's.
    Client {
        /// The number of the last command.
        sequence: u64,
        /// Whether it waits for a reply.
        waiting: bool,
        /// All results.
        results: Vec<String>,
        /// The numbers in the pending timers.
        pending: VecDeque<u64>,
    },
}

/// A node.
#[derive(Clone, Debug)]
pub enum Node {
    /// The server.
    Server,
    /// A client with its values.
    Client(Vec<String>),
}

const SERVER: usize = 0;

impl Node {
    fn send(&self, sequence: u64, values: &[String], o: &mut Out<Self>) {
        let value = values[sequence as usize - 1].clone();
        o.send(Id::from(SERVER), Message::Request(sequence, value));
    }
}

impl Actor for Node {
    type Msg = Message;
    type State = State;
    type Timer = ();
    type Storage = ();
    type Random = ();

    fn on_start(&self, _id: Id, _storage: &Option<()>, o: &mut Out<Self>) -> State {
        match self {
            Self::Server => State::Server { value: String::new(), answered: BTreeMap::new() },
            Self::Client(values) => {
                self.send(1, values, o);
                o.set_timer((), model_timeout());
                State::Client {
                    sequence: 1,
                    waiting: true,
                    results: Vec::new(),
                    pending: VecDeque::from([1]),
                }
            }
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
        match (self, msg) {
            (Self::Server, Message::Request(number, value)) => {
                let State::Server { answered, .. } = state.as_ref() else { return };
                let last = answered.get(&src).map_or(0, |(last, _)| *last);
                if number > last {
                    let State::Server { value: all, answered } = state.to_mut() else { return };
                    all.push_str(&value);
                    answered.insert(src, (number, all.clone()));
                }
                let State::Server { answered, .. } = state.as_ref() else { return };
                if let Some((last, result)) = answered.get(&src)
                    && *last == number
                {
                    o.send(src, Message::Reply(number, result.clone()));
                }
            }
            (Self::Client(values), Message::Reply(number, result)) => {
                let State::Client { sequence, waiting, .. } = state.as_ref() else { return };
                if !waiting || number != *sequence {
                    return;
                }
                let State::Client { sequence, waiting, results, pending } = state.to_mut() else {
                    return;
                };
                results.push(result);
                if results.len() < values.len() {
                    *sequence += 1;
                    pending.push_back(*sequence);
                    self.send(*sequence, values, o);
                    o.set_timer((), model_timeout());
                } else {
                    *waiting = false;
                }
            }
            _ => {}
        }
    }

    fn on_timeout(&self, _id: Id, state: &mut Cow<'_, State>, _timer: &(), o: &mut Out<Self>) {
        let (Self::Client(values), State::Client { sequence, waiting, pending, .. }) =
            (self, state.to_mut())
        else {
            return;
        };
        let fired = pending.pop_front();
        if *waiting && fired == Some(*sequence) {
            self.send(*sequence, values, o);
            pending.push_back(*sequence);
        }
        if !pending.is_empty() {
            o.set_timer((), model_timeout());
        }
    }
}

/// The model: clients that append to one key, pruned when all are done.
#[must_use]
pub fn model(clients: usize, appends: usize) -> Plain<Node> {
    let values = |client: usize| {
        (0..appends)
            .map(|append| ((b'a' + (client * appends + append) as u8) as char).to_string())
            .collect()
    };
    let model = ActorModel::new((), ())
        .actor(Node::Server)
        .actors((0..clients).map(|client| Node::Client(values(client))))
        .init_network(Network::new_unordered_duplicating([]));
    Plain::new(model, all_done, |_| true)
}

fn all_done(state: &ActorModelState<Node>) -> bool {
    state.actor_states.iter().all(|node| match node.as_ref() {
        State::Server { .. } => true,
        State::Client { waiting, .. } => !waiting,
    })
}
