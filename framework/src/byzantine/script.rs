//! A Byzantine node that a test's author has written.

use std::fmt;
use std::sync::Arc;

use crate::hosting::{EncodedEffect, Event, Output};
use crate::signed::{Seal, Signed};
use crate::{Address, Value, codec};

/// What a Byzantine node does at each of its events, as a test's author has written it.
///
/// The student's node still handles its events, so that its timers fire and the script knows what it would send. What is
/// sent is what the script says.
///
/// ```
/// # use faultlab::byzantine::{Behaviour, Happening, Script, Sending, Turn};
/// // It acknowledges everything to everybody, but only once.
/// let eager = Behaviour::Script(Script::new(|| {
///     let mut has_answered = false;
///     move |turn: Turn<'_, String>| match turn.happening {
///         Happening::Message { .. } if !std::mem::replace(&mut has_answered, true) => {
///             turn.others.iter().map(|&to| Sending::new(to, "yes".to_owned())).collect()
///         }
///         _ => turn.would_send,
///     }
/// }));
/// ```
#[derive(Clone)]
pub struct Script {
    make: Arc<dyn Fn() -> Box<Act> + Send + Sync>,
}

/// A script in a run. It returns what is sent, or `None` if messages do not decode.
pub(super) type Act = dyn FnMut(&Scene<'_>) -> Option<Vec<Sent>> + Send;

/// What a script is given, encoded.
pub(super) struct Scene<'a> {
    pub(super) node: Address,
    pub(super) event: Event<'a>,
    pub(super) output: &'a Output,
    pub(super) others: &'a [Address],
}

/// What a script sends, encoded.
pub(super) struct Sent {
    pub(super) to: Address,
    pub(super) message: Vec<u8>,
    pub(super) claims: Option<Address>,
}

/// An event of a node with a script, and what its own code would send.
#[derive(Debug)]
pub struct Turn<'a, M> {
    /// The node.
    pub node: Address,
    /// What happened to it.
    pub happening: Happening<M>,
    /// What its own code sends.
    pub would_send: Vec<Sending<M>>,
    /// The other nodes, clients included.
    pub others: &'a [Address],
}

impl<M> Turn<'_, M> {
    /// A value that this node has signed.
    #[must_use]
    pub fn sign<V: Value>(&self, value: V) -> Signed<V> {
        Signed::new(self.node, value, Seal::Engine)
    }
}

/// What happened to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening<M> {
    /// It started.
    Start,
    /// A message arrived.
    Message {
        /// The sender that it names.
        from: Address,
        /// The message.
        message: M,
    },
    /// A timer of its own code fired.
    Timer,
    /// It is a client, and was given a command.
    Command,
}

/// A message that a script sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending<M> {
    /// The receiver.
    pub to: Address,
    /// The message.
    pub message: M,
    /// The sender that it names, if that is another node. Only if links are not authenticated
    /// ([`FaultModel::may_forge`](crate::FaultModel::may_forge)).
    pub claims: Option<Address>,
}

impl<M> Sending<M> {
    /// A message in the node's own name.
    #[must_use]
    pub fn new(to: Address, message: M) -> Self {
        Self { to, message, claims: None }
    }
}

impl Script {
    /// A script for nodes with messages of type `M`. `make` is called at the start of each run, so that the script can
    /// have a state.
    #[must_use]
    pub fn new<M: Value, S>(make: impl Fn() -> S + Send + Sync + 'static) -> Self
    where
        S: FnMut(Turn<'_, M>) -> Vec<Sending<M>> + Send + 'static,
    {
        Self {
            make: Arc::new(move || {
                let mut script = make();
                Box::new(move |scene: &Scene<'_>| {
                    let sendings = script(turn(scene)?);
                    sendings.into_iter().map(encoded).collect()
                })
            }),
        }
    }

    /// The script at the start of a run.
    pub(super) fn start(&self) -> Box<Act> {
        (self.make)()
    }
}

/// What a script is given. `None` if a message is of another type.
fn turn<'a, M: Value>(scene: &Scene<'a>) -> Option<Turn<'a, M>> {
    let happening = match scene.event {
        Event::Init | Event::Restore { .. } => Happening::Start,
        Event::Message { from, message } => {
            Happening::Message { from, message: codec::decode(message).ok()? }
        }
        Event::Timer { .. } => Happening::Timer,
        Event::Command { .. } => Happening::Command,
    };
    let mut would_send = Vec::new();
    for effect in scene.output.effects() {
        if let EncodedEffect::Send { to, message } = *effect {
            would_send.push(Sending::new(to, codec::decode(scene.output.get(message)).ok()?));
        }
    }
    Some(Turn { node: scene.node, happening, would_send, others: scene.others })
}

fn encoded<M: Value>(sending: Sending<M>) -> Option<Sent> {
    let Sending { to, message, claims } = sending;
    Some(Sent { to, message: codec::encode(&message).ok()?, claims })
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script(..)")
    }
}
