//! Kinds of nodes: the typed side of the boundary, and the only part that is compiled for each
//! submission.
//!
//! It is compiled without optimisation, once for each student type. So code that needs no types is in
//! functions without type parameters, and generic code uses simple statements, not chains of calls.

use std::any::type_name;
use std::fmt::Debug;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::bounds::debug_text;
use super::{
    EncodedEffect, Event, NodeFailure, Output, Payload, Signature, StorageBytes, contract,
};
use crate::codec::{self, CodecError, Tree};
use crate::signed::OwnCode;
use crate::{Address, Application, Client, Context, Durable, Effect, Node, Stored, Value};

/// A kind of node that a submission provides, without its types: constructs nodes and decodes their
/// values.
///
/// Panics in the student's code propagate, except in the kinds of a
/// [`Submission`](super::Submission), where they become [`NodeFailure::Panicked`].
pub trait NodeKind: Send + Sync {
    /// The kind's name in its lab: `server`, `client`, `application`.
    fn name(&self) -> &str;

    /// The names of its types; `None` if they are not known.
    fn signature(&self) -> Option<Signature> {
        None
    }

    /// Constructs a node. `arguments` encodes the constructor arguments that the lab's API defines
    /// for this kind.
    ///
    /// # Errors
    /// When the arguments do not decode.
    fn make(
        &self,
        address: Address,
        arguments: &[u8],
    ) -> Result<Box<dyn HostedNode + '_>, NodeFailure>;

    /// Restores the node with this encoded state.
    ///
    /// # Errors
    /// When the state does not decode.
    fn restore(
        &self,
        address: Address,
        state: &[u8],
    ) -> Result<Box<dyn HostedNode + '_>, NodeFailure>;

    /// Renders encoded bytes with their type's `Debug`, on several lines if `pretty`.
    ///
    /// # Errors
    /// When the bytes do not decode.
    fn show(&self, what: Payload, bytes: &[u8], pretty: bool) -> Result<String, NodeFailure>;

    /// Describes encoded bytes as a tree, by their type's `Serialize`.
    ///
    /// # Errors
    /// When the bytes do not decode. Constructor arguments have no tree.
    fn tree(&self, what: Payload, bytes: &[u8]) -> Result<Tree, NodeFailure>;
}

/// A node without its types. Panics behave as for its [`NodeKind`].
pub trait HostedNode: Send {
    /// Lets the node handle an event. `output` is cleared first. For a client, `output` then also
    /// has the result that the client shows.
    ///
    /// # Errors
    /// When a value does not survive its encoding. After that, and after a panic, the node's state is
    /// unspecified.
    fn step(&mut self, event: Event<'_>, output: &mut Output) -> Result<(), NodeFailure>;

    /// Appends the encoding of the node's state.
    ///
    /// # Errors
    /// When the state's `Serialize` fails.
    fn state(&self, bytes: &mut Vec<u8>) -> Result<(), NodeFailure>;

    /// Sends the node a query that its lab's API defines.
    ///
    /// # Errors
    /// When the kind answers no queries, or the query does not decode.
    fn observe(&self, question: &[u8]) -> Result<Vec<u8>, NodeFailure>;

    /// Checks the contract of [`Node`] for its state: a clone equals the original and hashes the
    /// same, and so does the decoded encoding, which encodes to the same bytes again. `state` is
    /// the output of [`Self::state`] for this state.
    ///
    /// # Errors
    /// None; a violation is described in the returned value.
    fn contract_violation(&self, state: &[u8]) -> Result<Option<String>, NodeFailure>;
}

/// How a client takes a command and shows a result.
struct ClientHooks<N: Node> {
    send_command: SendCommand<N>,
    result: fn(&N, &mut Output) -> Result<(), CodecError>,
    show: fn(Payload, &[u8], bool) -> Result<String, CodecError>,
    tree: fn(Payload, &[u8]) -> Result<Tree, CodecError>,
    /// The names of the types of its commands and results.
    types: (&'static str, &'static str),
}

/// Decodes a command and gives it to the client.
type SendCommand<N> = fn(&mut N, &[u8], &mut Context<N>) -> Result<(), CodecError>;

/// How a node answers queries.
struct Observer<N> {
    answer: QueryFn<N>,
    /// The names of the types of queries and answers.
    types: (&'static str, &'static str),
}

/// How a durable node finds what it stored.
struct DurableHooks<N: Node> {
    restore: Restore<N>,
    show: fn(Payload, &[u8], bool) -> Result<String, CodecError>,
    tree: fn(Payload, &[u8]) -> Result<Tree, CodecError>,
}

/// Restores a node from its record and its log.
type Restore<N> = fn(&mut N, Option<&[u8]>, &[&[u8]], &mut Context<N>);

/// Answers a query about a node.
type QueryFn<N> = Box<dyn Fn(&N, &[u8]) -> Result<Vec<u8>, CodecError> + Send + Sync>;

/// A kind of node with its types: what a submission registers.
///
/// ```
/// # use faultlab::{Address, Context, Node, hosting::Kind};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
/// # struct Server { answered: u64 }
/// # impl Node for Server {
/// #     type Message = u64;
/// #     type Timer = ();
/// #     fn on_message(&mut self, _: Address, _: u64, _: &mut Context<Self>) {}
/// # }
/// let kind = Kind::node("server", |_address, first: u64| Server { answered: first })
///     .observing(|server: &Server, _question: ()| server.answered);
/// ```
pub struct Kind<N: Node, Arguments, Make> {
    name: &'static str,
    make: Make,
    client: Option<ClientHooks<N>>,
    durable: Option<DurableHooks<N>>,
    observer: Option<Observer<N>>,
    arguments: PhantomData<fn(Arguments)>,
}

impl<N, Arguments, Make> Kind<N, Arguments, Make>
where
    N: Node + DeserializeOwned,
    Arguments: DeserializeOwned + Debug,
    Make: Fn(Address, Arguments) -> N + Send + Sync,
{
    /// A kind of node that `make` constructs from its address and the lab's arguments.
    pub fn node(name: &'static str, make: Make) -> Self {
        Self { name, make, client: None, durable: None, observer: None, arguments: PhantomData }
    }

    /// A kind of client.
    pub fn client(name: &'static str, make: Make) -> Self
    where
        N: Client,
    {
        let hooks = ClientHooks {
            send_command: |node: &mut N, command, ctx| {
                node.send_command(codec::decode(command)?, ctx);
                Ok(())
            },
            result: |node: &N, output| {
                let span = node.result().map(|result| output.encode(&result)).transpose()?;
                output.set_result_span(span);
                Ok(())
            },
            show: |what, bytes, pretty| match what {
                Payload::Command => show_as::<N::Command>(bytes, pretty),
                _ => show_as::<N::Result>(bytes, pretty),
            },
            tree: |what, bytes| match what {
                Payload::Command => tree_of::<N::Command>(bytes),
                _ => tree_of::<N::Result>(bytes),
            },
            types: (type_name::<N::Command>(), type_name::<N::Result>()),
        };
        let client = Some(hooks);
        Self { name, make, client, durable: None, observer: None, arguments: PhantomData }
    }

    /// Lets the node find what it stored when it starts again after a crash. Without this, it starts as new.
    #[must_use]
    pub fn durable(mut self) -> Self
    where
        N: Durable,
    {
        self.durable = Some(DurableHooks {
            restore: |node: &mut N, record, log, ctx| node.restore(Stored::read(record, log), ctx),
            show: |what, bytes, pretty| match what {
                Payload::Record => show_as::<N::Record>(bytes, pretty),
                _ => show_as::<N::Entry>(bytes, pretty),
            },
            tree: |what, bytes| match what {
                Payload::Record => tree_of::<N::Record>(bytes),
                _ => tree_of::<N::Entry>(bytes),
            },
        });
        self
    }

    /// Adds a query about a node's state; the lab's API defines query and answer.
    #[must_use]
    pub fn observing<Question: DeserializeOwned, Answer: Serialize>(
        mut self,
        answer: impl Fn(&N, Question) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let types = (type_name::<Question>(), type_name::<Answer>());
        let answer: QueryFn<N> =
            Box::new(move |node, question| codec::encode(&answer(node, codec::decode(question)?)));
        self.observer = Some(Observer { answer, types });
        self
    }
}

impl<A: Application + DeserializeOwned> Kind<ApplicationNode<A>, (), ()> {
    /// A kind for an application alone: a client that answers each command at once.
    pub fn application<Arguments: DeserializeOwned + Debug + 'static>(
        name: &'static str,
        make: impl Fn(Arguments) -> A + Send + Sync + 'static,
    ) -> impl NodeKind + 'static {
        let make = move |_address, arguments| ApplicationNode {
            application: make(arguments),
            result: None,
        };
        Kind::client(name, make)
    }
}

impl<N, Arguments, Make> NodeKind for Kind<N, Arguments, Make>
where
    N: Node + DeserializeOwned,
    Arguments: DeserializeOwned + Debug,
    Make: Fn(Address, Arguments) -> N + Send + Sync,
{
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> Option<Signature> {
        let client = self.client.as_ref().map(|client| client.types);
        let observed = self.observer.as_ref().map(|observer| observer.types);
        Some(Signature { arguments: type_name::<Arguments>(), client, observed })
    }

    fn make(
        &self,
        address: Address,
        arguments: &[u8],
    ) -> Result<Box<dyn HostedNode + '_>, NodeFailure> {
        let (_own_code, _) = OwnCode::begin();
        let arguments = decode(Payload::Arguments, arguments)?;
        Ok(self.host((self.make)(address, arguments), address))
    }

    fn restore(
        &self,
        address: Address,
        state: &[u8],
    ) -> Result<Box<dyn HostedNode + '_>, NodeFailure> {
        let (_own_code, _) = OwnCode::begin();
        Ok(self.host(decode(Payload::State, state)?, address))
    }

    fn show(&self, what: Payload, bytes: &[u8], pretty: bool) -> Result<String, NodeFailure> {
        let shown = match (what, &self.client) {
            (Payload::State, _) => show_as::<N>(bytes, pretty),
            (Payload::Message, _) => show_as::<N::Message>(bytes, pretty),
            (Payload::Timer, _) => show_as::<N::Timer>(bytes, pretty),
            (Payload::Command | Payload::Result, Some(client)) => {
                (client.show)(what, bytes, pretty)
            }
            (Payload::Arguments, _) => show_as::<Arguments>(bytes, pretty),
            (Payload::Record | Payload::Entry, _) => match &self.durable {
                Some(durable) => (durable.show)(what, bytes, pretty),
                None => Err(CodecError::Unsupported("text for this")),
            },
            _ => Err(CodecError::Unsupported("text for this")),
        };
        with_context(what, shown)
    }

    fn tree(&self, what: Payload, bytes: &[u8]) -> Result<Tree, NodeFailure> {
        let tree = match (what, &self.client) {
            (Payload::State, _) => tree_of::<N>(bytes),
            (Payload::Message, _) => tree_of::<N::Message>(bytes),
            (Payload::Timer, _) => tree_of::<N::Timer>(bytes),
            (Payload::Command | Payload::Result, Some(client)) => (client.tree)(what, bytes),
            (Payload::Record | Payload::Entry, _) => match &self.durable {
                Some(durable) => (durable.tree)(what, bytes),
                None => Err(CodecError::Unsupported("tree for this")),
            },
            _ => Err(CodecError::Unsupported("tree for this")),
        };
        with_context(what, tree)
    }
}

impl<N, Arguments, Make> Kind<N, Arguments, Make>
where
    N: Node + DeserializeOwned,
{
    fn host(&self, node: N, address: Address) -> Box<dyn HostedNode + '_> {
        Box::new(Hosted {
            node,
            ctx: Context::new(address),
            client: self.client.as_ref(),
            durable: self.durable.as_ref(),
            observer: self.observer.as_ref(),
        })
    }
}

/// Renders an encoded value of type `V` as text.
fn show_as<V: DeserializeOwned + Debug>(bytes: &[u8], pretty: bool) -> Result<String, CodecError> {
    Ok(debug_text(&codec::decode::<V>(bytes)?, pretty))
}

/// Describes an encoded value of type `V` as a tree.
fn tree_of<V: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<Tree, CodecError> {
    codec::tree(&codec::decode::<V>(bytes)?)
}

/// Decodes a value; an error names its kind.
fn decode<V: DeserializeOwned>(what: Payload, bytes: &[u8]) -> Result<V, NodeFailure> {
    with_context(what, codec::decode(bytes))
}

/// Adds the kind of value to an error.
fn with_context<V>(what: Payload, result: Result<V, CodecError>) -> Result<V, NodeFailure> {
    match result {
        Ok(value) => Ok(value),
        Err(error) => Err(NodeFailure::codec(what, &error)),
    }
}

/// A node behind the boundary.
struct Hosted<'k, N: Node> {
    node: N,
    // Empty between steps; kept to reuse its memory.
    ctx: Context<N>,
    client: Option<&'k ClientHooks<N>>,
    durable: Option<&'k DurableHooks<N>>,
    observer: Option<&'k Observer<N>>,
}

impl<N: Node + DeserializeOwned> Hosted<'_, N> {
    /// Calls the handler of an event.
    fn handle(&mut self, event: Event<'_>) -> Result<(), NodeFailure> {
        let ctx = &mut self.ctx;
        match event {
            Event::Init => self.node.init(ctx),
            Event::Message { from, message } => match codec::decode(message) {
                Ok(message) => self.node.on_message(from, message, ctx),
                Err(error) => return Err(unreadable(&error)),
            },
            Event::Timer { timer } => {
                self.node.on_timer(decode(Payload::Timer, timer)?, ctx);
            }
            Event::Command { command } => {
                let Some(client) = self.client else {
                    return Err(NodeFailure::NotProvided("client here".to_owned()));
                };
                let sent = (client.send_command)(&mut self.node, command, ctx);
                with_context(Payload::Command, sent)?;
            }
            Event::Restore { storage } => match self.durable {
                Some(durable) => {
                    let stored = with_context(Payload::Record, StorageBytes::read(storage))?;
                    (durable.restore)(&mut self.node, stored.record(), &stored.log(), ctx);
                }
                None => self.node.init(ctx),
            },
        }
        Ok(())
    }

    /// Encodes the handler's effects.
    fn encode_effects(&mut self, output: &mut Output) -> Result<(), NodeFailure> {
        for effect in self.ctx.effects() {
            match effect {
                Effect::Send { to, message } => {
                    let message = with_context(Payload::Message, output.encode(message))?;
                    output.push(EncodedEffect::Send { to: *to, message });
                }
                Effect::SetTimer { timer, min, max } => {
                    let timer = with_context(Payload::Timer, output.encode(timer))?;
                    let (min_ns, max_ns) = (nanoseconds(*min), nanoseconds(*max));
                    output.push(EncodedEffect::SetTimer { timer, min_ns, max_ns });
                }
                Effect::Log { line } => output.push_log(line),
                Effect::Save { record } => {
                    output.push_save(with_context(Payload::Record, record.bytes())?);
                }
                Effect::Append { entry } => {
                    output.push_append(with_context(Payload::Entry, entry.bytes())?);
                }
                Effect::Sync => output.push_sync(),
            }
        }
        self.ctx.clear();
        Ok(())
    }
}

/// The failure of a message that cannot be read.
fn unreadable(error: &CodecError) -> NodeFailure {
    NodeFailure::Unreadable { error: error.to_string() }
}

/// A duration in nanoseconds, at most five centuries.
fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl<N: Node + DeserializeOwned> HostedNode for Hosted<'_, N> {
    fn step(&mut self, event: Event<'_>, output: &mut Output) -> Result<(), NodeFailure> {
        output.clear();
        self.ctx.clear();
        let (_own_code, seal) = OwnCode::begin();
        self.ctx.sign_with(seal);
        self.handle(event)?;
        self.encode_effects(output)?;
        if let Some(client) = self.client {
            with_context(Payload::Result, (client.result)(&self.node, output))?;
        }
        Ok(())
    }

    fn state(&self, bytes: &mut Vec<u8>) -> Result<(), NodeFailure> {
        let (_own_code, _) = OwnCode::begin();
        with_context(Payload::State, codec::encode_into(&self.node, bytes))
    }

    fn observe(&self, question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        let Some(observer) = self.observer else {
            return Err(NodeFailure::NotProvided("answers to questions".to_owned()));
        };
        let (_own_code, _) = OwnCode::begin();
        with_context(Payload::Question, (observer.answer)(&self.node, question))
    }

    fn contract_violation(&self, state: &[u8]) -> Result<Option<String>, NodeFailure> {
        let (_own_code, _) = OwnCode::begin();
        Ok(contract::violation_of(&self.node, state))
    }
}

/// An application alone, as a client that answers at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "A: Serialize + DeserializeOwned")]
pub struct ApplicationNode<A: Application> {
    application: A,
    result: Option<A::Result>,
}

/// The type of messages and timers that do not exist.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Never {}

impl<A: Application> Node for ApplicationNode<A>
where
    Self: Value,
{
    type Message = Never;
    type Timer = Never;

    fn on_message(&mut self, _from: Address, message: Never, _ctx: &mut Context<Self>) {
        match message {}
    }
}

impl<A: Application> Client for ApplicationNode<A>
where
    Self: Value,
{
    type Command = A::Command;
    type Result = A::Result;

    fn send_command(&mut self, command: A::Command, _ctx: &mut Context<Self>) {
        self.result = Some(self.application.execute(command));
    }

    fn result(&self) -> Option<A::Result> {
        self.result.clone()
    }
}
