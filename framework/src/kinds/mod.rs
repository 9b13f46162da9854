//! A lab's interface: the kinds of nodes that a submission provides, known without any submission.
//!
//! Tests name kinds, construct nodes with arguments, give clients commands and query nodes, all as bytes. An
//! [`Interface`] knows the types of these bytes, so it finds what is wrong with a test before any node is constructed.

mod blank;

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::codec::{self, CodecError};
use crate::hosting::{NodeDescriptor, Signature, Submission, short_type_name};
use crate::workload::ErasedWorkload;
use crate::{Address, NodeSpec};

/// How many commands of a workload are checked. All of them have one type.
const COMMANDS_CHECKED: u64 = 3;

/// The kinds of nodes that a lab asks for, with the types of what they take and answer. A lab's API crate defines it
/// beside the function that makes its [`Submission`].
///
/// ```
/// use faultlab::kinds::Interface;
/// use faultlab::workload::Workload;
/// use faultlab::{Address, NodeSpec};
///
/// let interface = Interface::new()
///     .node::<()>("server")
///     .observed::<(), bool>()
///     .client::<Address, u64, u64>("client");
/// let (server, client) = (Address::new("server1"), Address::new("client1"));
/// let work = || Workload::<u64, u64>::of([1, 2]);
/// assert!(interface.check(&NodeSpec::client("client", client, &server, work())).is_ok());
///
/// let wrong = interface.check(&NodeSpec::client("cleint", client, &server, work()));
/// assert_eq!(
///     wrong.unwrap_err().to_string(),
///     "client1 is of the kind `cleint`, which the lab does not have; kinds: server, client"
/// );
/// ```
#[derive(Clone, Default)]
pub struct Interface {
    kinds: Vec<Arc<KindTypes>>,
}

/// The types of one kind.
#[derive(Clone)]
struct KindTypes {
    name: &'static str,
    arguments: Type,
    /// Commands and results, if it is a client.
    client: Option<(Type, Type)>,
    /// Queries and answers, if it answers queries.
    observed: Option<(Type, Type)>,
}

/// A type of encoded values.
#[derive(Clone, Copy)]
struct Type {
    name: &'static str,
    decodes: fn(&[u8]) -> Result<(), CodecError>,
}

impl Type {
    fn of<V: DeserializeOwned>() -> Self {
        Self { name: type_name::<V>(), decodes: |bytes| codec::decode::<V>(bytes).map(drop) }
    }

    /// Whether these bytes encode such a value.
    fn is_type_of(self, bytes: &[u8]) -> bool {
        (self.decodes)(bytes).is_ok()
    }
}

/// The name without the modules.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&short_type_name(self.name))
    }
}

/// What is wrong with a test, as the lab's interface shows. It is a mistake of the test's author, not of the nodes under
/// test.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InterfaceError {
    /// The lab has no such kind.
    #[error("{node} is of the kind `{kind}`, which the lab does not have; kinds: {}", known.join(", "))]
    UnknownKind {
        /// The node.
        node: Address,
        /// The kind.
        kind: String,
        /// The lab's kinds.
        known: Vec<&'static str>,
    },
    /// A node is constructed with a value of another type.
    #[error(
        "{node} is made with something else than the `{expected}` that a `{kind}` is made with"
    )]
    Arguments {
        /// The node.
        node: Address,
        /// Its kind.
        kind: String,
        /// The type of its arguments.
        expected: String,
    },
    /// A node that is not a client has a workload.
    #[error(
        "{node} has a workload, but the kind `{kind}` is not a client; leave the workload out, or make it one of: {}",
        clients.join(", ")
    )]
    NotAClient {
        /// The node.
        node: Address,
        /// Its kind.
        kind: String,
        /// The kinds of clients.
        clients: Vec<&'static str>,
    },
    /// A workload has commands or expected results of another type.
    #[error("{node}'s workload has {what} that are no `{expected}`, which a `{kind}` takes")]
    Workload {
        /// The node.
        node: Address,
        /// Its kind.
        kind: String,
        /// Its commands, or its expected results.
        what: &'static str,
        /// The type that they should have.
        expected: String,
    },
    /// A property queries a node whose kind answers no queries.
    #[error(
        "{node} is queried, but the kind `{kind}` answers no queries; {}",
        if observed.is_empty() {
            "no kind of the lab does".to_owned()
        } else {
            format!("kinds that do: {}", observed.join(", "))
        }
    )]
    NotObserved {
        /// The node.
        node: Address,
        /// Its kind.
        kind: String,
        /// The kinds that answer queries.
        observed: Vec<&'static str>,
    },
    /// A property sends a query of another type.
    #[error("{node} gets a query that is no `{expected}`, which a `{kind}` answers")]
    Question {
        /// The node.
        node: Address,
        /// Its kind.
        kind: String,
        /// The type of its queries.
        expected: String,
    },
}

impl Interface {
    /// An interface without kinds yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind of node, made with these arguments.
    ///
    /// # Panics
    /// When there is already a kind with that name, which is a bug in the API crate.
    #[must_use]
    pub fn node<Arguments: DeserializeOwned>(self, name: &'static str) -> Self {
        self.with(KindTypes {
            name,
            arguments: Type::of::<Arguments>(),
            client: None,
            observed: None,
        })
    }

    /// Adds a kind of client, or of an application alone, made with these arguments.
    ///
    /// # Panics
    /// As [`Interface::node`].
    #[must_use]
    pub fn client<Arguments, Command, Result>(self, name: &'static str) -> Self
    where
        Arguments: DeserializeOwned,
        Command: DeserializeOwned,
        Result: DeserializeOwned,
    {
        let client = Some((Type::of::<Command>(), Type::of::<Result>()));
        self.with(KindTypes { name, arguments: Type::of::<Arguments>(), client, observed: None })
    }

    /// The kind that was added last answers such queries.
    ///
    /// # Panics
    /// When no kind was added yet.
    #[must_use]
    pub fn observed<Question: DeserializeOwned, Answer: DeserializeOwned>(mut self) -> Self {
        let last = self.kinds.last_mut().expect("a kind that answers queries is added before");
        Arc::make_mut(last).observed = Some((Type::of::<Question>(), Type::of::<Answer>()));
        self
    }

    fn with(mut self, kind: KindTypes) -> Self {
        assert!(self.kind(kind.name).is_none(), "two kinds are called `{}`", kind.name);
        self.kinds.push(Arc::new(kind));
        self
    }

    fn kind(&self, name: &str) -> Option<&KindTypes> {
        self.kinds.iter().find(|kind| kind.name == name).map(AsRef::as_ref)
    }

    /// The names of the kinds for which this holds.
    fn names(&self, holds: impl Fn(&KindTypes) -> bool) -> Vec<&'static str> {
        self.kinds.iter().filter(|kind| holds(kind)).map(|kind| kind.name).collect()
    }

    /// Checks a node: its kind, its arguments and, for a client, its commands and expected results.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, spec: &NodeSpec) -> Result<(), InterfaceError> {
        let node = spec.address();
        let kind = self.check_node(spec.descriptor())?;
        let name = || kind.name.to_owned();
        let Some(workload) = &spec.workload else { return Ok(()) };
        let Some((command, result)) = kind.client else {
            let clients = self.names(|kind| kind.client.is_some());
            return Err(InterfaceError::NotAClient { node, kind: name(), clients });
        };
        let wrong = wrong_in(workload.as_ref(), node, command, result);
        wrong.map_or(Ok(()), |(what, expected)| {
            let expected = expected.to_string();
            Err(InterfaceError::Workload { node, kind: name(), what, expected })
        })
    }

    /// Checks a query to a node.
    ///
    /// # Errors
    /// When its kind answers no such query.
    pub fn check_question(
        &self,
        node: &NodeDescriptor,
        question: &[u8],
    ) -> Result<(), InterfaceError> {
        let kind = self.kind_of(node)?;
        let (node, name) = (node.address, kind.name.to_owned());
        let Some((expected, _)) = kind.observed else {
            let observed = self.names(|kind| kind.observed.is_some());
            return Err(InterfaceError::NotObserved { node, kind: name, observed });
        };
        match expected.is_type_of(question) {
            true => Ok(()),
            false => {
                let expected = expected.to_string();
                Err(InterfaceError::Question { node, kind: name, expected })
            }
        }
    }

    /// Whether these bytes are an answer of the type that the node's kind answers with. What another process says need
    /// not be.
    #[must_use]
    pub fn is_answer(&self, node: &NodeDescriptor, answer: &[u8]) -> bool {
        let kind = self.kind(&node.kind);
        kind.and_then(|kind| kind.observed).is_some_and(|(_, expected)| expected.is_type_of(answer))
    }

    /// Checks what a node is made of: its kind and its arguments.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check_descriptor(&self, node: &NodeDescriptor) -> Result<(), InterfaceError> {
        self.check_node(node).map(drop)
    }

    fn check_node(&self, node: &NodeDescriptor) -> Result<&KindTypes, InterfaceError> {
        let kind = self.kind_of(node)?;
        match kind.arguments.is_type_of(&node.arguments) {
            true => Ok(kind),
            false => Err(InterfaceError::Arguments {
                node: node.address,
                kind: kind.name.to_owned(),
                expected: kind.arguments.to_string(),
            }),
        }
    }

    fn kind_of(&self, node: &NodeDescriptor) -> Result<&KindTypes, InterfaceError> {
        self.kind(&node.kind).ok_or_else(|| InterfaceError::UnknownKind {
            node: node.address,
            kind: node.kind.clone(),
            known: self.names(|_| true),
        })
    }

    /// How a submission's kinds differ from the interface, one sentence each: then the API crate contradicts itself.
    #[must_use]
    pub fn differences(&self, submission: &Submission) -> Vec<String> {
        let mut wrong = Vec::new();
        for kind in &self.kinds {
            let theirs = submission.kind(kind.name).map(|kind| kind.signature());
            let expected = kind.signature();
            match theirs {
                Ok(Some(theirs)) if theirs != expected => wrong.push(format!(
                    "the kind `{}` is {theirs} in the submission, but {expected} in the interface",
                    kind.name
                )),
                Ok(_) => {}
                Err(_) => wrong.push(format!("the submission has no kind `{}`", kind.name)),
            }
        }
        let unknown = submission.kinds().filter(|kind| self.kind(kind.name()).is_none());
        wrong.extend(unknown.map(|kind| format!("the interface has no kind `{}`", kind.name())));
        wrong
    }
}

impl fmt::Debug for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Interface").field(&self.names(|_| true)).finish()
    }
}

/// What is wrong in a client's workload, and the type that it should have.
fn wrong_in(
    workload: &dyn ErasedWorkload,
    client: Address,
    command: Type,
    result: Type,
) -> Option<(&'static str, Type)> {
    for index in 0..workload.count().unwrap_or(COMMANDS_CHECKED).min(COMMANDS_CHECKED) {
        if !command.is_type_of(&workload.command(0, client, index)) {
            return Some(("commands", command));
        }
        if workload.expected(index).is_some_and(|expected| !result.is_type_of(expected)) {
            return Some(("expected results", result));
        }
    }
    None
}

impl KindTypes {
    fn signature(&self) -> Signature {
        let names = |(one, other): (Type, Type)| (one.name, other.name);
        Signature {
            arguments: self.arguments.name,
            client: self.client.map(names),
            observed: self.observed.map(names),
        }
    }
}
