//! The context: everything a handler can do to the world outside its node.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::Address;

/// One thing that a handler did to the world outside its node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect<M, T> {
    /// A message was given to the network.
    Send {
        /// The node it is for.
        to: Address,
        /// What it says.
        message: M,
    },
    /// A timer was set; it fires once, after some duration within the two bounds.
    SetTimer {
        /// What the node will be reminded of.
        timer: T,
        /// It fires no earlier than this.
        min: Duration,
        /// It fires no later than this.
        max: Duration,
    },
    /// A line for the reader of a trace. It changes nothing.
    Log {
        /// The line.
        line: String,
    },
}

/// How long until a timer fires: an exact [`Duration`], or a range of them.
///
/// Nodes that would otherwise act in step (leaders campaigning, say) use a range, and the engine
/// picks: at random in a simulation, in every possible order in a search.
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

/// What a handler acts through: it sends, sets timers, and knows the node's own address.
///
/// Effects are collected and take place after the handler has returned, so a node never hears from
/// anybody in the middle of a handler, itself included.
#[derive(Debug)]
pub struct Context<'a, M, T> {
    address: Address,
    effects: &'a mut Vec<Effect<M, T>>,
}

impl<'a, M, T> Context<'a, M, T> {
    /// A context for the node at `address` that appends to `effects`. Engines make these; so can a
    /// unit test that calls a handler directly.
    #[must_use]
    pub fn new(address: Address, effects: &'a mut Vec<Effect<M, T>>) -> Self {
        Self { address, effects }
    }

    /// The node's own address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.address
    }

    /// Gives a message to the network. Whether it arrives, when, and how often is the network's
    /// business (see [`FaultModel`](crate::FaultModel)). A node may send to itself.
    pub fn send(&mut self, to: Address, message: M) {
        self.effects.push(Effect::Send { to, message });
    }

    /// Sends the same message to each of `to`, in that order.
    pub fn broadcast(&mut self, to: impl IntoIterator<Item = Address>, message: M)
    where
        M: Clone,
    {
        for address in to {
            self.send(address, message.clone());
        }
    }

    /// Asks to be called back with `timer` after `delay`: a [`Duration`], or a range
    /// `min..=max` of them. A timer cannot be cancelled; when it fires, look at the state and
    /// ignore it if it no longer matters.
    ///
    /// # Panics
    /// When the range is empty, or the delay is zero (a timer that takes no time would fire for
    /// ever without the clock moving).
    pub fn set_timer(&mut self, timer: T, delay: impl Into<Delay>) {
        let Delay { min, max } = delay.into();
        assert!(min <= max, "a timer's shortest delay ({min:?}) is above its longest ({max:?})");
        assert!(min > Duration::ZERO, "a timer's delay must be above zero");
        self.effects.push(Effect::SetTimer { timer, min, max });
    }

    /// Leaves a line for whoever reads the trace. It is shown beside the event being handled and
    /// changes nothing.
    pub fn log(&mut self, line: impl Display) {
        self.effects.push(Effect::Log { line: line.to_string() });
    }

    /// Lets this node own another one. `handle` runs with a context for the inner node, and what
    /// the inner node sends and sets is wrapped into this node's own messages and timers.
    ///
    /// ```
    /// # use faultlab::{Address, Context, Effect};
    /// # #[derive(Clone, Debug, PartialEq, Eq, Hash)] struct Vote(u32);
    /// # #[derive(Clone, Debug, PartialEq, Eq, Hash)] enum Message { Paxos(Vote) }
    /// # #[derive(Clone, Debug, PartialEq, Eq, Hash)] enum Timer { Paxos(u8) }
    /// # let (server1, server2) = (Address::new("server1"), Address::new("server2"));
    /// # let mut effects = Vec::new();
    /// # let mut ctx: Context<'_, Message, Timer> = Context::new(server1, &mut effects);
    /// ctx.map(Message::Paxos, Timer::Paxos, |inner| {
    ///     inner.send(server2, Vote(3)); // in truth: self.paxos.on_message(from, vote, inner)
    /// });
    /// assert_eq!(effects, [Effect::Send { to: server2, message: Message::Paxos(Vote(3)) }]);
    /// ```
    pub fn map<InnerM, InnerT, Output>(
        &mut self,
        wrap_message: impl Fn(InnerM) -> M,
        wrap_timer: impl Fn(InnerT) -> T,
        handle: impl FnOnce(&mut Context<'_, InnerM, InnerT>) -> Output,
    ) -> Output {
        let mut inner_effects = Vec::new();
        let output = handle(&mut Context::new(self.address, &mut inner_effects));
        self.effects.extend(inner_effects.into_iter().map(|effect| match effect {
            Effect::Send { to, message } => Effect::Send { to, message: wrap_message(message) },
            Effect::SetTimer { timer, min, max } => {
                Effect::SetTimer { timer: wrap_timer(timer), min, max }
            }
            Effect::Log { line } => Effect::Log { line },
        }));
        output
    }
}
