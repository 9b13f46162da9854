//! The context: the effects that a handler can have outside its node.

use std::fmt::{self, Debug, Display};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::signed::{Seal, Signed};
use crate::{Address, Durable, Node, StoredValue, Value};

/// One effect of a handler outside its node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect<M, T> {
    /// A message was given to the network.
    Send {
        /// The receiver.
        to: Address,
        /// The message.
        message: M,
    },
    /// A timer was set; it fires once, after some duration within the two bounds.
    SetTimer {
        /// The value that the node is called back with.
        timer: T,
        /// It fires no earlier than this.
        min: Duration,
        /// It fires no later than this.
        max: Duration,
    },
    /// A line for the reader of a trace. It does not affect the run.
    Log {
        /// The line.
        line: String,
    },
    /// The record in stable storage was replaced; see [`Effect::save`].
    Save {
        /// The record.
        record: StoredValue,
    },
    /// An entry was added to the log in stable storage; see [`Effect::append`].
    Append {
        /// The entry.
        entry: StoredValue,
    },
    /// All entries of the log were made durable.
    Sync,
}

impl<M, T> Effect<M, T> {
    /// The effect of [`Context::save`].
    #[must_use]
    pub fn save(record: &impl Value) -> Self {
        Self::Save { record: StoredValue::new(record) }
    }

    /// The effect of [`Context::append`].
    #[must_use]
    pub fn append(entry: &impl Value) -> Self {
        Self::Append { entry: StoredValue::new(entry) }
    }
}

/// The time until a timer fires: an exact [`Duration`], or a range.
///
/// Nodes that would otherwise act at the same time (competing leaders, say) use a range. A simulation
/// draws a random duration from it; a search explores every possible order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    min: Duration,
    max: Duration,
}

impl From<Duration> for Delay {
    fn from(exact: Duration) -> Self {
        Self { min: exact, max: exact }
    }
}

impl From<RangeInclusive<Duration>> for Delay {
    fn from(range: RangeInclusive<Duration>) -> Self {
        Self { min: *range.start(), max: *range.end() }
    }
}

/// What a handler acts through: it sends messages, sets timers, and provides the node's own address. A
/// [`Durable`] node also writes to stable storage.
///
/// Effects are collected and applied after the handler has returned. So a node never receives
/// anything in the middle of a handler, not even from itself.
///
/// Engines create contexts. A unit test can create one too, call a handler directly, and inspect the
/// [effects](Context::effects).
pub struct Context<N: Node> {
    address: Address,
    effects: Vec<EffectOf<N>>,
    seal: Seal,
}

/// An effect of a node of this type.
type EffectOf<N> = Effect<<N as Node>::Message, <N as Node>::Timer>;

impl<N: Node> Context<N> {
    /// A context for the node at `address`, without any effects yet.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self { address, effects: Vec::new(), seal: Seal::Practice }
    }

    /// Sets how the context signs.
    pub(crate) fn sign_with(&mut self, seal: Seal) {
        self.seal = seal;
    }

    /// The node's own address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.address
    }

    /// The effects of all handlers that used this context, in order.
    #[must_use]
    pub fn effects(&self) -> &[Effect<N::Message, N::Timer>] {
        &self.effects
    }

    /// Removes and returns all effects.
    pub fn take_effects(&mut self) -> Vec<Effect<N::Message, N::Timer>> {
        std::mem::take(&mut self.effects)
    }

    /// Removes all effects, and keeps their memory.
    pub(crate) fn clear(&mut self) {
        self.effects.clear();
    }

    /// Gives a message to the network, which decides whether, when and how often it arrives (see
    /// [`FaultModel`](crate::FaultModel)). A node may send to itself.
    pub fn send(&mut self, to: Address, message: N::Message) {
        self.effects.push(Effect::Send { to, message });
    }

    /// Sends the same message to each of `to`, in that order.
    pub fn broadcast(&mut self, to: impl IntoIterator<Item = Address>, message: N::Message) {
        for address in to {
            self.send(address, message.clone());
        }
    }

    /// Sets a timer: the node is called back with `timer` after `delay`, a [`Duration`] or a range
    /// `min..=max` of them. A timer cannot be cancelled. When it fires, check the state, and ignore
    /// the timer if it no longer matters.
    ///
    /// # Panics
    /// When the range is empty, or the delay is zero (a timer without delay could fire forever
    /// without the clock moving).
    pub fn set_timer(&mut self, timer: N::Timer, delay: impl Into<Delay>) {
        let Delay { min, max } = delay.into();
        assert!(min <= max, "a timer's shortest delay ({min:?}) is above its longest ({max:?})");
        assert!(min > Duration::ZERO, "a timer's delay must be above zero");
        self.effects.push(Effect::SetTimer { timer, min, max });
    }

    /// Logs a line for the reader of the trace. It is shown with the event being handled and does
    /// not affect the run.
    pub fn log(&mut self, line: impl Display) {
        self.effects.push(Effect::Log { line: line.to_string() });
    }

    /// The value with this node's signature, which nobody else can make; see [`Signed`]. In a unit test, the signature
    /// can be looked at, but it does not decode.
    #[must_use]
    pub fn sign<V: Value>(&self, value: V) -> Signed<V> {
        Signed::new(self.address, value, self.seal)
    }

    /// Runs a handler of an inner node of type `Inner` that is part of this node's state. `handle` gets a
    /// context for the inner node. The inner node's messages and timers are wrapped into this node's own.
    ///
    /// # Panics
    /// When the inner node writes to stable storage, which belongs to the outer one.
    ///
    /// # Example
    /// ```
    /// # use faultlab::{Address, Context, Node};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)] struct Vote(u32);
    /// # #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)] struct Paxos;
    /// # impl Node for Paxos {
    /// #     type Message = Vote;
    /// #     type Timer = ();
    /// #     fn on_message(&mut self, from: Address, vote: Vote, ctx: &mut Context<Self>) { ctx.send(from, vote); }
    /// # }
    /// # #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)] enum Message { Paxos(Vote) }
    /// # #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)] enum Timer { Paxos(()) }
    /// # #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    /// struct ShardServer {
    ///     paxos: Paxos,
    /// }
    ///
    /// impl Node for ShardServer {
    ///     type Message = Message;
    ///     type Timer = Timer;
    ///
    ///     fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
    ///         let Message::Paxos(vote) = message;
    ///         ctx.forward::<Paxos, _>(Message::Paxos, Timer::Paxos, |ctx| {
    ///             self.paxos.on_message(from, vote, ctx);
    ///         });
    ///     }
    /// }
    /// ```
    pub fn forward<Inner: Node, Output>(
        &mut self,
        wrap_message: impl Fn(Inner::Message) -> N::Message,
        wrap_timer: impl Fn(Inner::Timer) -> N::Timer,
        handle: impl FnOnce(&mut Context<Inner>) -> Output,
    ) -> Output {
        let mut inner = Context::new(self.address);
        inner.seal = self.seal;
        let output = handle(&mut inner);
        self.effects.extend(inner.effects.into_iter().map(|effect| match effect {
            Effect::Send { to, message } => Effect::Send { to, message: wrap_message(message) },
            Effect::SetTimer { timer, min, max } => {
                Effect::SetTimer { timer: wrap_timer(timer), min, max }
            }
            Effect::Log { line } => Effect::Log { line },
            Effect::Save { .. } | Effect::Append { .. } | Effect::Sync => {
                panic!("an inner node has no stable storage of its own: its owner must write what both need")
            }
        }));
        output
    }
}

impl<N: Durable> Context<N> {
    /// Replaces the record in stable storage. It is there at once, and as a whole.
    pub fn save(&mut self, record: &N::Record) {
        self.effects.push(Effect::save(record));
    }

    /// Adds an entry to the log in stable storage. Until the next [`sync`](Context::sync), a crash may take it.
    pub fn append(&mut self, entry: &N::Entry) {
        self.effects.push(Effect::append(entry));
    }

    /// Makes all entries of the log durable.
    pub fn sync(&mut self) {
        self.effects.push(Effect::Sync);
    }
}

impl<N: Node> Debug for Context<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, effects, .. } = self;
        f.debug_struct("Context").field("address", address).field("effects", effects).finish()
    }
}
