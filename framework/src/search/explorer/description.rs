//! Descriptions: a state as text and as trees, node by node.

use std::time::Duration;

use super::{Explorer, Obstacle};
use crate::Address;
use crate::codec::Tree;
use crate::hosting::Payload;
use crate::hosting::pure::legible;
use crate::search::client_drivers::ClientDrivers;
use crate::search::handlers::NodeEvent;
use crate::search::path::PathEvent;

/// A state as text and as trees. A `structure` is the same value as the text beside it; it is `None` if the value
/// cannot be described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The nodes, in the order of the system.
    pub nodes: Vec<NodeDescription>,
    /// The links on which nothing is delivered, as sender and receiver.
    pub cut: Vec<(Address, Address)>,
}

/// A node in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDescription {
    /// Its address.
    pub address: Address,
    /// The name of its kind.
    pub kind: String,
    /// Its state, in pretty `Debug` format.
    pub state: String,
    /// Its state, with the names of its types and fields.
    pub structure: Option<Tree>,
    /// Whether it has crashed. It then keeps its last state.
    pub is_crashed: bool,
    /// Its pending timers, in the order in which they were set or an equivalent one.
    pub timers: Vec<TimerDescription>,
    /// The messages in the network that are addressed to it.
    pub messages: Vec<MessageDescription>,
    /// Its commands and results, if it is a client.
    pub client: Option<ClientDescription>,
}

/// A pending timer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerDescription {
    /// The timer in `Debug` format.
    pub timer: String,
    /// The timer, with the names of its types and fields.
    pub structure: Option<Tree>,
    /// Its shortest duration when it was set.
    pub min: Duration,
    /// Its longest duration when it was set.
    pub max: Duration,
    /// The event that fires it.
    pub event: PathEvent,
    /// Why it cannot fire now, if it cannot.
    pub obstacle: Option<Obstacle>,
}

/// A message in the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageDescription {
    /// The sender.
    pub from: Address,
    /// The message in `Debug` format.
    pub message: String,
    /// The message, with the names of its types and fields.
    pub structure: Option<Tree>,
    /// The event that delivers it.
    pub event: PathEvent,
    /// Why it cannot be delivered now, if it cannot.
    pub obstacle: Option<Obstacle>,
}

/// A client's commands and results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientDescription {
    /// The commands that it was given, in order. The last one is outstanding if it has no result.
    pub operations: Vec<OperationDescription>,
    /// Whether it has all results of its workload, and no command is outstanding.
    pub is_done: bool,
}

/// A command of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationDescription {
    /// The command in `Debug` format.
    pub command: String,
    /// The command, with the names of its types and fields.
    pub structure: Option<Tree>,
    /// The result in `Debug` format, if there is one.
    pub result: Option<String>,
    /// The result, with the names of its types and fields.
    pub result_structure: Option<Tree>,
}

impl Explorer<'_> {
    /// Describes the current state. After a failure, it is the state before the event that failed.
    #[must_use]
    pub fn describe(&self) -> Description {
        let nodes = self.space.nodes(&self.place.position.row).iter().enumerate();
        Description {
            nodes: nodes.map(|(node, &interned)| self.describe_node(node, interned)).collect(),
            cut: self.cut_links(),
        }
    }

    fn describe_node(&self, node: usize, interned: u32) -> NodeDescription {
        let table = &self.space.table;
        let handlers = &table.handlers;
        let interned = table.get(interned);
        let timers = handlers.lists.get(interned.timers).iter().map(|&id| {
            let pending = handlers.pending.get(id);
            let event = handlers.path_event(node, NodeEvent::Fire(id));
            let timer = handlers.timers.bytes(pending.id);
            TimerDescription {
                timer: self.shown(node, Payload::Timer, timer, false),
                structure: self.structure(node, Payload::Timer, timer),
                min: Duration::from_nanos(pending.min_ns),
                max: Duration::from_nanos(pending.max_ns),
                obstacle: self.obstacle(&event),
                event,
            }
        });
        let messages = handlers.lists.get(interned.inbox).iter().map(|&message| {
            let from = handlers.ends(message).0;
            let event = handlers.path_event(node, NodeEvent::Deliver(message));
            let message = handlers.messages.bytes(message);
            MessageDescription {
                from: handlers.address(from),
                message: self.shown(from, Payload::Message, message, false),
                structure: self.structure(from, Payload::Message, message),
                obstacle: self.obstacle(&event),
                event,
            }
        });
        let state = handlers.states.bytes(interned.state);
        NodeDescription {
            address: handlers.address(node),
            kind: handlers.steps.nodes()[node].kind.clone(),
            state: self.shown(node, Payload::State, state, true),
            structure: self.structure(node, Payload::State, state),
            is_crashed: self.place.position.restrictions.is_crashed(node),
            timers: timers.collect(),
            messages: messages.collect(),
            client: table
                .drivers
                .is_client(node)
                .then(|| self.describe_client(node, interned.driver)),
        }
    }

    fn describe_client(&self, node: usize, driver: u32) -> ClientDescription {
        let (drivers, handlers) = (&self.space.table.drivers, &self.space.table.handlers);
        let results = drivers.results(driver);
        let given = results.len() + usize::from(ClientDrivers::is_waiting(driver));
        let operation = |index: usize| {
            let command = drivers.given(node, driver, index);
            let command = command.map(|id| handlers.commands.bytes(id)).unwrap_or_default();
            let result = results.get(index).map(|&id| handlers.results.bytes(id));
            OperationDescription {
                command: self.shown(node, Payload::Command, command, false),
                structure: self.structure(node, Payload::Command, command),
                result: result.map(|result| self.shown(node, Payload::Result, result, false)),
                result_structure: result
                    .and_then(|result| self.structure(node, Payload::Result, result)),
            }
        };
        ClientDescription {
            operations: (0..given).map(operation).collect(),
            is_done: drivers.is_done(node, driver),
        }
    }

    fn structure(&self, node: usize, what: Payload, bytes: &[u8]) -> Option<Tree> {
        self.steps.tree(node, what, bytes).ok()
    }

    fn shown(&self, node: usize, what: Payload, bytes: &[u8], pretty: bool) -> String {
        legible(self.steps.show(node, what, bytes, pretty))
    }
}
