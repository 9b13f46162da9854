//! Durable nodes: nodes that come back after a crash, with what they wrote to stable storage.

use std::fmt::{self, Debug};
use std::hash::{Hash, Hasher};

use crate::codec::{self, CodecError};
use crate::{Context, Node, Value};

/// A node that comes back after a crash with what it wrote to stable storage.
///
/// A crash takes everything else: the state and the timers. What other nodes sent to it is still under way, and so is
/// what it sent. After the crash, the node is constructed as at its first start. Then [`restore`](Durable::restore) is
/// called, in place of [`init`](Node::init), with what the storage still holds.
///
/// Storage has two levels, of which a node may use either or both:
///
/// - A **record**: [`ctx.save`](Context::save) replaces it. It is there at once, and as a whole: a crash leaves the old
///   record or the new one.
/// - A **log**: [`ctx.append`](Context::append) adds an entry, and [`ctx.sync`](Context::sync) makes all entries so far
///   durable. A crash may take the entries that are not synced, all or some of them.
///
/// A handler may be cut short: the node may crash after any of its effects. So the order in which a handler writes and
/// sends matters. A node that answers first and saves then may be gone in between, and nobody knows of its answer any
/// more but the one who got it.
///
/// Some [fault models](crate::FaultModel) have worse disks, which tear, lose or corrupt what was stored. A
/// [`Checksummed`](crate::Checksummed) value shows whether it is still what was stored.
///
/// A node without this trait has no stable storage. Where nodes may come back at all, it comes back as new, with a call
/// of `init`.
///
/// # Example
///
/// A server that counts. It saves the count before it answers with it, so no count is given out twice.
///
/// ```
/// use faultlab::{Address, Context, Durable, Effect, Node, Stored};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
/// enum Message {
///     Next,
///     Count(u64),
/// }
///
/// #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
/// struct Counter {
///     count: u64,
/// }
///
/// impl Node for Counter {
///     type Message = Message;
///     type Timer = ();
///
///     fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
///         if let Message::Next = message {
///             self.count += 1;
///             ctx.save(&self.count);
///             ctx.send(from, Message::Count(self.count));
///         }
///     }
/// }
///
/// impl Durable for Counter {
///     type Record = u64;
///     type Entry = (); // It keeps no log.
///
///     fn restore(&mut self, stored: Stored<u64, ()>, _ctx: &mut Context<Self>) {
///         self.count = stored.record.unwrap_or(0);
///     }
/// }
///
/// // As all handlers, they are plain functions for a unit test.
/// let client = Address::new("client1");
/// let mut ctx = Context::new(Address::new("server1"));
/// let mut counter = Counter { count: 0 };
/// counter.restore(Stored { record: Some(7), ..Stored::nothing() }, &mut ctx);
/// counter.on_message(client, Message::Next, &mut ctx);
/// let reply = Effect::Send { to: client, message: Message::Count(8) };
/// assert_eq!(ctx.effects(), [Effect::save(&8_u64), reply]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no stable storage",
    label = "this needs `impl Durable for {Self}`",
    note = "a node that saves, appends and syncs is a `Node` that also implements `restore`"
)]
pub trait Durable: Node {
    /// What the record holds; `()` if the node saves none.
    type Record: Value;
    /// What an entry of the log holds; `()` if the node keeps no log.
    type Entry: Value;

    /// Called in place of [`init`](Node::init) when the node starts again after a crash. `self` is as constructed: the
    /// state from before is gone, and so are the timers. `stored` is what the storage still holds. It is empty if the
    /// node had stored nothing, or if the disk was lost.
    fn restore(&mut self, stored: Stored<Self::Record, Self::Entry>, ctx: &mut Context<Self>);
}

/// What a node finds in its stable storage when it starts again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stored<Record, Entry> {
    /// The last record; `None` if there is none, or if it cannot be read.
    pub record: Option<Record>,
    /// The entries of the log in order, without those that cannot be read.
    pub log: Vec<Entry>,
    /// Whether something could not be read: its bytes are no longer those of a record or an entry. Damaged bytes can
    /// also be those of another value; see [`Checksummed`](crate::Checksummed).
    pub is_damaged: bool,
}

impl<Record, Entry> Stored<Record, Entry> {
    /// An empty storage.
    #[must_use]
    pub fn nothing() -> Self {
        Self { record: None, log: Vec::new(), is_damaged: false }
    }
}

impl<Record: Value, Entry: Value> Stored<Record, Entry> {
    /// Reads what is stored as bytes.
    pub(crate) fn read(record: Option<&[u8]>, log: &[&[u8]]) -> Self {
        let mut stored = Self::nothing();
        if let Some(bytes) = record {
            stored.record = codec::decode(bytes).ok();
            stored.is_damaged = stored.record.is_none();
        }
        for bytes in log {
            match codec::decode(bytes) {
                Ok(entry) => stored.log.push(entry),
                Err(_) => stored.is_damaged = true,
            }
        }
        stored
    }
}

/// A value that is written to stable storage, as in [`Effect::Save`](crate::Effect::Save). Two are equal when their
/// encodings are.
#[derive(Clone)]
pub struct StoredValue {
    bytes: Result<Vec<u8>, CodecError>,
    show: fn(&[u8], &mut fmt::Formatter<'_>) -> fmt::Result,
}

impl StoredValue {
    /// This value.
    #[must_use]
    pub fn new<V: Value>(value: &V) -> Self {
        let show = |bytes: &[u8], f: &mut fmt::Formatter<'_>| match codec::decode::<V>(bytes) {
            Ok(value) => value.fmt(f),
            Err(error) => write!(f, "<not readable: {error}>"),
        };
        Self { bytes: codec::encode(value), show }
    }

    /// Its canonical encoding.
    ///
    /// # Errors
    /// When the value's `Serialize` failed.
    pub fn bytes(&self) -> Result<&[u8], CodecError> {
        self.bytes.as_deref().map_err(Clone::clone)
    }
}

impl PartialEq for StoredValue {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for StoredValue {}

impl Hash for StoredValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().ok().hash(state);
    }
}

impl Debug for StoredValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.bytes {
            Ok(bytes) => (self.show)(bytes, f),
            Err(error) => write!(f, "<not encodable: {error}>"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let [one, two] = [1_u64, 300].map(|value| codec::encode(&value).expect("a number"));
        let torn = &two[..1];
        let read = |record, log: &[&[u8]]| Stored::<u64, u64>::read(record, log);
        assert_eq!(read(None, &[]), Stored::nothing());
        let sound = Stored { record: Some(300), log: vec![1, 300], is_damaged: false };
        assert_eq!(read(Some(&two), &[&one, &two]), sound);
        let damaged = Stored { record: Some(1), log: vec![300, 1], is_damaged: true };
        assert_eq!(read(Some(&one), &[&two, torn, &one]), damaged);
        let damaged = Stored { record: None, log: vec![1], is_damaged: true };
        assert_eq!(read(Some(torn), &[&one]), damaged);
    }

    #[test]
    fn stored_values_compare_by_their_encoding_and_show_the_value() {
        let value = StoredValue::new(&Some(7_u64));
        assert_eq!(value, StoredValue::new(&Some(7_u64)));
        assert_ne!(value, StoredValue::new(&Some(8_u64)));
        assert_eq!(format!("{value:?}"), "Some(7)");
        assert_eq!(value.bytes(), Ok(&[1, 7][..]));
    }
}
