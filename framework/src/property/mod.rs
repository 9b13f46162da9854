//! Properties: what must hold, and how a violation is reported.
//!
//! A [`Property`] inspects a run through a [`View`], which every engine provides: the clients'
//! operations, the nodes' states, and their answers to queries. Message counts and times exist only in
//! a simulation, not in a search. A violated property reports what was expected and what was seen, in
//! the lab's terms.

mod clients;
mod monitor;
mod network;
mod state;
mod texts;

pub use clients::{clients_done, max_wait, none_decided, results_ok, results_satisfy};
pub use monitor::{Monitor, watching};
pub use network::{max_message_bytes, max_messages_per_command, silent_for};
pub use state::{max_state_bytes, not_retained, observe, obsolete_not_retained};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::Address;
use crate::history::Operation;
use crate::hosting::NodeFailure;

/// The parts of a run that a property can read.
pub trait View {
    /// Virtual time since the start, in nanoseconds; `None` in a search.
    fn now_ns(&self) -> Option<u64>;

    /// The correct nodes that have started and not crashed, in the order in which they were created. A Byzantine node owes
    /// nothing.
    fn nodes(&self) -> Vec<Address>;

    /// The correct clients, crashed or not, in the order in which they were created.
    fn clients(&self) -> Vec<Address>;

    /// The nodes that are not clients, have started and have not crashed, in the order in which they were created.
    fn servers(&self) -> Vec<Address> {
        let clients = self.clients();
        self.nodes().into_iter().filter(|node| !clients.contains(node)).collect()
    }

    /// The operations of a client so far: all answered ones, and the pending one, if any.
    fn operations(&self, client: Address) -> &[Operation];

    /// Whether a client has all results of its workload. Never true for an infinite workload.
    fn is_done(&self, client: Address) -> bool;

    /// Whether a node has crashed.
    fn is_crashed(&self, node: Address) -> bool;

    /// The encoding of a node's state.
    ///
    /// # Errors
    /// When the node's code fails.
    fn state(&mut self, node: Address) -> Result<Vec<u8>, NodeFailure>;

    /// A node's answer to an encoded query that the lab's API defines.
    ///
    /// # Errors
    /// When the node's code fails.
    fn observe(&mut self, node: Address, question: &[u8]) -> Result<Vec<u8>, NodeFailure>;

    /// Whether these bytes are an answer of the type that the lab's interface says, as far as that is known.
    fn is_answer(&self, _node: Address, _answer: &[u8]) -> bool {
        true
    }

    /// What the network has carried; `None` in a search.
    fn traffic(&self) -> Option<&Traffic>;

    /// A command as text.
    fn show_command(&self, command: &[u8]) -> String;

    /// A result as text.
    fn show_result(&self, result: &[u8]) -> String;
}

/// What the network of a run has carried so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages given to the network.
    pub sent: u64,
    /// Messages handled, copies included.
    pub delivered: u64,
    /// Handled messages that were late: second copies, and messages overtaken by a later one on the
    /// same link.
    pub late: u64,
    /// The size of the largest message sent, in encoded bytes.
    pub message_bytes_max: u64,
    /// The sender and the receiver of the largest message.
    pub largest: Option<(Address, Address)>,
    /// When the last message was sent, in nanoseconds.
    pub last_sent_ns: u64,
    /// Timers that fired.
    pub timers_fired: u64,
}

/// How a property was violated.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub struct Violation {
    /// The property's name.
    pub property: String,
    /// What was expected.
    pub expected: String,
    /// What was seen.
    pub seen: String,
    /// What it is about, if the property knows.
    #[serde(default)]
    pub about: Option<Box<Subject>>,
}

/// What a violation is about, so that its run can be shown from there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// An operation with a wrong result.
    Operation {
        /// The client.
        client: Address,
        /// Which of its operations, from 0.
        index: u64,
    },
    /// An operation whose result came too late, or not at all.
    Wait {
        /// The client.
        client: Address,
        /// Which of its operations, from 0.
        index: u64,
    },
    /// A node, its state or what it shows.
    Node {
        /// The node.
        node: Address,
        /// A text that its state should not contain, if the violation is about one.
        holds: Option<String>,
    },
    /// The last message that was sent.
    LastMessage,
    /// The largest message between two nodes.
    LargestMessage {
        /// Its sender.
        from: Address,
        /// Its receiver.
        to: Address,
    },
    /// The number of messages.
    Messages,
    /// The number of timers.
    Timers,
}

impl Subject {
    /// An operation of a client, counted from 0.
    #[must_use]
    pub fn operation(client: Address, index: usize) -> Self {
        Self::Operation { client, index: index as u64 }
    }

    /// The wait for the result of an operation of a client, counted from 0.
    #[must_use]
    pub fn wait(client: Address, index: usize) -> Self {
        Self::Wait { client, index: index as u64 }
    }

    /// A node.
    #[must_use]
    pub fn node(node: Address) -> Self {
        Self::Node { node, holds: None }
    }
}

/// What is expected of a node that is queried, after its name.
const ANSWERS: &str = " to answer when it is queried";

/// What is expected of a property itself.
const NO_MISTAKE: &str = "the test to ask only for what there is";

impl Violation {
    /// Whether the property itself is wrong, and not what it is about: see [`CheckError::Mistake`].
    #[must_use]
    pub fn is_mistake(&self) -> bool {
        self.expected == NO_MISTAKE
    }

    /// The panic of a node that could not answer a query because its code reached a `todo!()`, so that it is unfinished
    /// rather than wrong. `None` if the violation is another one.
    #[must_use]
    pub fn not_implemented(&self) -> Option<NodeFailure> {
        let panic =
            self.seen.strip_prefix("panicked: ").filter(|_| self.expected.ends_with(ANSWERS))?;
        let (message, location) = match panic.rsplit_once(", at ") {
            Some((message, location)) => (message, Some(location.to_owned())),
            None => (panic, None),
        };
        let failure = NodeFailure::Panicked { message: message.to_owned(), location };
        failure.is_not_implemented().then_some(failure)
    }

    /// The violation for a failed check.
    #[must_use]
    pub fn of(property: String, broken: CheckError) -> Self {
        let (expected, seen, about) = match broken {
            CheckError::Violated { expected, seen, about } => (expected, seen, about),
            CheckError::Node(node, failure) => {
                let expected = format!("{node}{ANSWERS}");
                (expected, failure.to_string(), Some(Box::new(Subject::node(node))))
            }
            CheckError::Undecided(why) => ("the property to be decided".to_owned(), why, None),
            CheckError::Mistake(mistake) => (NO_MISTAKE.to_owned(), mistake, None),
        };
        Self { property, expected, seen, about }
    }
}

impl Serialize for Violation {
    /// In text, a violation about nothing in particular has no field for it, as in older traces. The
    /// canonical encoding has no optional fields.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_short = self.about.is_none() && serializer.is_human_readable();
        let mut fields = serializer.serialize_struct("Violation", if is_short { 3 } else { 4 })?;
        fields.serialize_field("property", &self.property)?;
        fields.serialize_field("expected", &self.expected)?;
        fields.serialize_field("seen", &self.seen)?;
        if !is_short {
            fields.serialize_field("about", &self.about)?;
        }
        fields.end()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, but {}", self.property, self.expected, self.seen)
    }
}

/// Why a property does not hold or could not be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckError {
    /// It does not hold.
    Violated {
        /// What was expected.
        expected: String,
        /// What was seen.
        seen: String,
        /// What it is about, if that is known.
        about: Option<Box<Subject>>,
    },
    /// A node failed while its state was read or it answered a query.
    Node(Address, NodeFailure),
    /// It could not be decided within its limits. Never counts as holding.
    Undecided(String),
    /// It asks for what there is not: a node that the system does not have, or an answer that the node's kind does not
    /// give. This is a mistake of the property's author, not of the nodes under test.
    Mistake(String),
}

impl CheckError {
    /// The same, about this.
    #[must_use]
    pub fn about(self, subject: Subject) -> Self {
        match self {
            Self::Violated { expected, seen, .. } => {
                Self::Violated { expected, seen, about: Some(Box::new(subject)) }
            }
            other => other,
        }
    }
}

/// The check behind a property.
type Check = Arc<dyn Fn(&mut dyn View) -> Result<(), CheckError> + Send + Sync>;

/// A duration that exceeded a limit, rounded up to milliseconds so that it still exceeds it.
#[must_use]
pub fn too_long(ns: u64) -> Duration {
    Duration::from_millis(ns.div_ceil(1_000_000))
}

/// A named condition that must hold.
#[derive(Clone)]
pub struct Property {
    name: String,
    check: Check,
    scope: Scope,
    dependence: Dependence,
}

/// What a property takes for granted about its scenario. A run that violates it is not shrunk by leaving that out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dependence {
    /// All clients are there, and have all their commands.
    pub on_commands: bool,
    /// All interventions take place.
    pub on_interventions: bool,
}

/// How much of a run a property reads at once. A search memoises the results per client or node, and
/// does not check again in every state that contains it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The whole run.
    #[default]
    State,
    /// One client at a time: it holds exactly if it holds for each client alone.
    EachClient,
    /// One node at a time: it holds exactly if it holds for each node alone.
    EachNode,
}

impl Property {
    /// A property called `name`, which completes the sentence "it must hold that ...".
    pub fn new(
        name: impl Into<String>,
        check: impl Fn(&mut dyn View) -> Result<(), CheckError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            check: Arc::new(check),
            scope: Scope::State,
            dependence: Dependence::default(),
        }
    }

    /// Declares that the property reads each client separately.
    #[must_use]
    pub fn of_each_client(self) -> Self {
        Self { scope: Scope::EachClient, ..self }
    }

    /// Declares that the property reads each node separately.
    #[must_use]
    pub fn of_each_node(self) -> Self {
        Self { scope: Scope::EachNode, ..self }
    }

    /// Declares that the property can hold only if all clients are there and have all their commands, because it names
    /// some of them, their values or their results.
    #[must_use]
    pub fn depends_on_commands(mut self) -> Self {
        self.dependence.on_commands = true;
        self
    }

    /// Declares that the property can hold only if all interventions take place, because it is about what happens
    /// after one of them.
    #[must_use]
    pub fn depends_on_interventions(mut self) -> Self {
        self.dependence.on_interventions = true;
        self
    }

    /// What the property takes for granted about its scenario.
    #[must_use]
    pub fn dependence(&self) -> Dependence {
        self.dependence
    }

    /// How much of a run the property reads at once.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Checks the property on a run.
    ///
    /// # Errors
    /// When the property does not hold, or cannot be decided.
    pub fn check(&self, view: &mut dyn View) -> Result<(), CheckError> {
        (self.check)(view)
    }

    /// The same property under another name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }
}

impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Property").field(&self.name).finish()
    }
}

/// The error of a check that found a violation: `Err(violated(expected, seen))`.
pub fn violated(expected: impl Into<String>, seen: impl Into<String>) -> CheckError {
    CheckError::Violated { expected: expected.into(), seen: seen.into(), about: None }
}
