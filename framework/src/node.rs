//! The node: the programming model of every lab and every engine.

use std::fmt::Debug;
use std::hash::Hash;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Address, Context};

/// Plain data with the usual derives, which can be sent, stored and compared.
///
/// Messages, timers, commands and results are values. Do not implement this trait by hand: every type
/// with the derives implements it.
///
/// ```
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
/// struct Ping {
///     number: u64,
/// }
///
/// fn is_value<V: faultlab::Value>() {}
/// is_value::<Ping>();
/// ```
pub trait Value:
    Clone + Debug + Eq + Hash + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

impl<V> Value for V where
    V: Clone + Debug + Eq + Hash + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

/// A node: a deterministic state machine that reacts to messages and timers.
///
/// # The contract
///
/// - A handler reads and changes `self`, and acts on the outside only through its [`Context`]: it
///   sends messages and sets timers. It returns at once. It never sleeps, blocks, starts a thread,
///   reads a clock, draws a random number or uses a global.
/// - Handlers of one node never run at the same time; handlers of different nodes share nothing.
/// - The network guarantees little (see [`FaultModel`](crate::FaultModel)): a message may arrive
///   late, twice, out of order or never. A timer fires once, after its duration, unless the node
///   has crashed.
/// - A node that crashes never comes back (*fail-stop*), unless the fault model says so; see
///   [`Durable`](crate::Durable).
/// - The state is plain data with derived `Clone`, `Debug`, `PartialEq`, `Eq`, `Hash`, `Serialize`
///   and `Deserialize`. Use `BTreeMap` and `BTreeSet`: a `HashMap` iterates in a different order in
///   every run, so it has no `Hash` and does not compile here. Keep the state small: drop what is
///   no longer needed.
///
/// Because of this contract, the same node runs unchanged in a seeded simulation, in the model
/// checker and in real time, and a failing run can be repeated any number of times.
///
/// # Example
///
/// A server that answers every ping. `labs/lab0-pingpong` is the complete example.
///
/// ```
/// use faultlab::{Address, Context, Effect, Node};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
/// enum Message {
///     Ping(u64),
///     Pong(u64),
/// }
///
/// #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
/// enum Timer {}
///
/// #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
/// struct PongServer;
///
/// impl Node for PongServer {
///     type Message = Message;
///     type Timer = Timer;
///
///     fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
///         if let Message::Ping(number) = message {
///             ctx.send(from, Message::Pong(number));
///         }
///     }
/// }
///
/// // A handler is a plain function of state and event, so a unit test calls it.
/// let client = Address::new("client1");
/// let mut ctx = Context::new(Address::new("server1"));
/// PongServer.on_message(client, Message::Ping(7), &mut ctx);
/// assert_eq!(ctx.effects(), [Effect::Send { to: client, message: Message::Pong(7) }]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a node",
    label = "this needs `impl Node for {Self}`",
    note = "a node derives `Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize` and implements `on_message`"
)]
pub trait Node: Clone + Debug + Eq + Hash + Serialize + Send + Sync + 'static {
    // No `DeserializeOwned` here, for the reason given in `Application`.

    /// The messages that nodes of this system send each other.
    type Message: Value;
    /// The values with which timers call this node back.
    type Timer: Value;

    /// Called once, before any other handler.
    fn init(&mut self, ctx: &mut Context<Self>) {
        let _ = ctx;
    }

    /// Called when a message arrives, possibly late, possibly not for the first time.
    fn on_message(&mut self, from: Address, message: Self::Message, ctx: &mut Context<Self>);

    /// Called when a timer that this node has set fires.
    fn on_timer(&mut self, timer: Self::Timer, ctx: &mut Context<Self>) {
        let _ = (timer, ctx);
    }
}
