//! Requests to a node process.

use faultlab::Address;
use faultlab::codec::{self, CodecError, serialize_bytes};
use faultlab::hosting::{Event, Payload};
use serde::{Deserialize, Serialize};

/// Identifies a node that a process holds: its run, and its slot there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunSlot {
    pub(crate) run: usize,
    pub(crate) slot: usize,
}

/// A request. Each gets one answer, in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NodeRequest<'a> {
    /// Construct a node and keep it.
    Make {
        run_slot: RunSlot,
        kind: &'a str,
        address: Address,
        #[serde(serialize_with = "serialize_bytes")]
        arguments: &'a [u8],
    },
    /// Let a node handle an event and keep its new state.
    Step {
        run_slot: RunSlot,
        #[serde(borrow)]
        event: Event<'a>,
        #[serde(borrow)]
        then: FollowUp<'a>,
    },
    /// Return a node's state.
    State { run_slot: RunSlot },
    /// Answer a query that the lab's API defines.
    Observe {
        run_slot: RunSlot,
        #[serde(serialize_with = "serialize_bytes")]
        question: &'a [u8],
    },
    /// Render encoded bytes as text, by a kind's types.
    Show {
        kind: &'a str,
        what: Payload,
        #[serde(serialize_with = "serialize_bytes")]
        bytes: &'a [u8],
        pretty: bool,
    },
    /// Describe encoded bytes as a tree, by a kind's types.
    Tree {
        kind: &'a str,
        what: Payload,
        #[serde(serialize_with = "serialize_bytes")]
        bytes: &'a [u8],
    },
    /// Drop the nodes of a run.
    Forget { run: usize },
    /// Construct a node, return its state, and keep nothing.
    PureMake {
        kind: &'a str,
        address: Address,
        #[serde(serialize_with = "serialize_bytes")]
        arguments: &'a [u8],
    },
    /// Let the node with this state handle an event, return its next state, and keep nothing. With
    /// `checks_contract`, also check the contract.
    PureStep {
        kind: &'a str,
        address: Address,
        #[serde(serialize_with = "serialize_bytes")]
        state: &'a [u8],
        #[serde(borrow)]
        event: Event<'a>,
        checks_contract: bool,
    },
    /// Let the node with this state answer a query that the lab's API defines.
    PureObserve {
        kind: &'a str,
        address: Address,
        #[serde(serialize_with = "serialize_bytes")]
        state: &'a [u8],
        #[serde(serialize_with = "serialize_bytes")]
        question: &'a [u8],
    },
}

/// What is piggybacked on a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FollowUp<'a> {
    /// Nothing.
    Nothing,
    /// Answer these questions after the step: an encoded list of [`Question`](faultlab::simulate::Question).
    Questions(#[serde(serialize_with = "serialize_bytes")] &'a [u8]),
    /// If the client now shows a result, let it handle its next command.
    Command(#[serde(serialize_with = "serialize_bytes")] &'a [u8]),
}

impl<'a> NodeRequest<'a> {
    /// Appends the request to a frame.
    pub(crate) fn write(&self, frame: &mut Vec<u8>) {
        codec::encode_into(self, frame).expect("a request encodes");
    }

    /// Reads a request from the front of a frame.
    pub(crate) fn read(frame: &mut &'a [u8]) -> Result<Self, CodecError> {
        codec::decode_from(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_round_trip() {
        let (run_slot, address) = (RunSlot { run: 300, slot: 2 }, Address::new("client2"));
        let kind = "client";
        let asks = [
            NodeRequest::Make { run_slot, kind, address, arguments: b"a" },
            NodeRequest::Step { run_slot, event: Event::Init, then: FollowUp::Nothing },
            NodeRequest::Step {
                run_slot,
                event: Event::Message { from: address, message: b"m" },
                then: FollowUp::Command(b"c"),
            },
            NodeRequest::Step {
                run_slot,
                event: Event::Timer { timer: b"t" },
                then: FollowUp::Questions(b"\0"),
            },
            NodeRequest::Step {
                run_slot,
                event: Event::Command { command: b"" },
                then: FollowUp::Nothing,
            },
            NodeRequest::Step {
                run_slot,
                event: Event::Restore { storage: b"s" },
                then: FollowUp::Nothing,
            },
            NodeRequest::State { run_slot },
            NodeRequest::Observe { run_slot, question: b"q" },
            NodeRequest::Show { kind, what: Payload::Arguments, bytes: b"b", pretty: true },
            NodeRequest::Forget { run: 7 },
            NodeRequest::PureMake { kind, address, arguments: b"a" },
            NodeRequest::PureStep {
                kind,
                address,
                state: b"s",
                event: Event::Init,
                checks_contract: true,
            },
            NodeRequest::PureObserve { kind, address, state: b"s", question: b"q" },
        ];
        let mut bytes = Vec::new();
        for ask in asks {
            ask.write(&mut bytes);
        }
        let mut frame = &bytes[..];
        for ask in asks {
            assert_eq!(NodeRequest::read(&mut frame), Ok(ask));
        }
        assert!(frame.is_empty());
    }
}
