//! Requests to a node process.

use faultlab::Address;
use faultlab::hosting::{Event, Payload};

use crate::wire::{ProtocolError, Reader, put_address, put_bytes, put_number};

/// Identifies a node that a process holds: its run, and its slot there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunSlot {
    pub(crate) run: usize,
    pub(crate) slot: usize,
}

/// A request. Each gets one answer, in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeRequest<'a> {
    /// Construct a node and keep it.
    Make { run_slot: RunSlot, kind: &'a str, address: Address, arguments: &'a [u8] },
    /// Let a node handle an event and keep its new state.
    Step { run_slot: RunSlot, event: Event<'a>, then: FollowUp<'a> },
    /// Return a node's state.
    State { run_slot: RunSlot },
    /// Answer a query that the lab's API defines.
    Observe { run_slot: RunSlot, question: &'a [u8] },
    /// Render encoded bytes as text, by a kind's types.
    Show { kind: &'a str, what: Payload, bytes: &'a [u8], pretty: bool },
    /// Drop the nodes of a run.
    Forget { run: usize },
    /// Construct a node, return its state, and keep nothing.
    PureMake { kind: &'a str, address: Address, arguments: &'a [u8] },
    /// Let the node with this state handle an event, return its next state, and keep nothing. With
    /// `checks_contract`, also check the contract.
    PureStep {
        kind: &'a str,
        address: Address,
        state: &'a [u8],
        event: Event<'a>,
        checks_contract: bool,
    },
    /// Let the node with this state answer a query that the lab's API defines.
    PureObserve { kind: &'a str, address: Address, state: &'a [u8], question: &'a [u8] },
}

/// What is piggybacked on a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FollowUp<'a> {
    /// Nothing.
    Nothing,
    /// Return the node's state after the step.
    State,
    /// If the client now shows a result, let it handle its next command.
    Command(&'a [u8]),
}

impl<'a> NodeRequest<'a> {
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        match *self {
            Self::Make { run_slot, kind, address, arguments } => {
                bytes.push(0);
                put_run_slot(bytes, run_slot);
                put_bytes(bytes, kind.as_bytes());
                put_address(bytes, address);
                put_bytes(bytes, arguments);
            }
            Self::Step { run_slot, event, then } => {
                bytes.push(1);
                put_run_slot(bytes, run_slot);
                put_event(bytes, event);
                put_then(bytes, then);
            }
            Self::State { run_slot } => {
                bytes.push(2);
                put_run_slot(bytes, run_slot);
            }
            Self::Observe { run_slot, question } => {
                bytes.push(3);
                put_run_slot(bytes, run_slot);
                put_bytes(bytes, question);
            }
            Self::Show { kind, what, bytes: shown, pretty } => {
                bytes.push(4);
                put_bytes(bytes, kind.as_bytes());
                bytes.push(payload_number(what));
                put_bytes(bytes, shown);
                bytes.push(u8::from(pretty));
            }
            Self::Forget { run } => {
                bytes.push(5);
                put_number(bytes, run as u64);
            }
            Self::PureMake { kind, address, arguments } => {
                bytes.push(6);
                put_bytes(bytes, kind.as_bytes());
                put_address(bytes, address);
                put_bytes(bytes, arguments);
            }
            Self::PureStep { kind, address, state, event, checks_contract } => {
                bytes.push(7);
                put_bytes(bytes, kind.as_bytes());
                put_address(bytes, address);
                put_bytes(bytes, state);
                put_event(bytes, event);
                bytes.push(u8::from(checks_contract));
            }
            Self::PureObserve { kind, address, state, question } => {
                bytes.push(8);
                put_bytes(bytes, kind.as_bytes());
                put_address(bytes, address);
                put_bytes(bytes, state);
                put_bytes(bytes, question);
            }
        }
    }

    pub(crate) fn read(from: &mut Reader<'a>) -> Result<Self, ProtocolError> {
        Ok(match from.byte()? {
            0 => Self::Make {
                run_slot: run_slot(from)?,
                kind: from.text()?,
                address: from.address()?,
                arguments: from.bytes()?,
            },
            1 => Self::Step { run_slot: run_slot(from)?, event: event(from)?, then: then(from)? },
            2 => Self::State { run_slot: run_slot(from)? },
            3 => Self::Observe { run_slot: run_slot(from)?, question: from.bytes()? },
            4 => Self::Show {
                kind: from.text()?,
                what: payload(from.byte()?)?,
                bytes: from.bytes()?,
                pretty: from.flag()?,
            },
            5 => Self::Forget { run: small(from)? },
            6 => Self::PureMake {
                kind: from.text()?,
                address: from.address()?,
                arguments: from.bytes()?,
            },
            7 => Self::PureStep {
                kind: from.text()?,
                address: from.address()?,
                state: from.bytes()?,
                event: event(from)?,
                checks_contract: from.flag()?,
            },
            8 => Self::PureObserve {
                kind: from.text()?,
                address: from.address()?,
                state: from.bytes()?,
                question: from.bytes()?,
            },
            _ => return Err(ProtocolError("an unknown kind of request")),
        })
    }
}

/// The maximum run or slot number. Numbers are table indices, so larger ones are protocol errors.
const RUN_SLOT_MAX: u64 = 1 << 20;

fn small(from: &mut Reader<'_>) -> Result<usize, ProtocolError> {
    let number = from.number()?;
    if number < RUN_SLOT_MAX {
        Ok(number as usize)
    } else {
        Err(ProtocolError("a number that is too high"))
    }
}

fn put_run_slot(bytes: &mut Vec<u8>, run_slot: RunSlot) {
    put_number(bytes, run_slot.run as u64);
    put_number(bytes, run_slot.slot as u64);
}

fn run_slot(from: &mut Reader<'_>) -> Result<RunSlot, ProtocolError> {
    Ok(RunSlot { run: small(from)?, slot: small(from)? })
}

fn put_then(bytes: &mut Vec<u8>, then: FollowUp<'_>) {
    match then {
        FollowUp::Nothing => bytes.push(0),
        FollowUp::State => bytes.push(1),
        FollowUp::Command(command) => {
            bytes.push(2);
            put_bytes(bytes, command);
        }
    }
}

fn then<'a>(from: &mut Reader<'a>) -> Result<FollowUp<'a>, ProtocolError> {
    Ok(match from.byte()? {
        0 => FollowUp::Nothing,
        1 => FollowUp::State,
        2 => FollowUp::Command(from.bytes()?),
        _ => return Err(ProtocolError("an unknown kind of follow-up")),
    })
}

fn put_event(bytes: &mut Vec<u8>, event: Event<'_>) {
    match event {
        Event::Init => bytes.push(0),
        Event::Message { from, message } => {
            bytes.push(1);
            put_address(bytes, from);
            put_bytes(bytes, message);
        }
        Event::Timer { timer } => {
            bytes.push(2);
            put_bytes(bytes, timer);
        }
        Event::Command { command } => {
            bytes.push(3);
            put_bytes(bytes, command);
        }
    }
}

fn event<'a>(from: &mut Reader<'a>) -> Result<Event<'a>, ProtocolError> {
    Ok(match from.byte()? {
        0 => Event::Init,
        1 => Event::Message { from: from.address()?, message: from.bytes()? },
        2 => Event::Timer { timer: from.bytes()? },
        3 => Event::Command { command: from.bytes()? },
        _ => return Err(ProtocolError("an unknown kind of event")),
    })
}

/// All payloads. Each is written as its index here.
const PAYLOADS: [Payload; 8] = [
    Payload::State,
    Payload::Message,
    Payload::Timer,
    Payload::Command,
    Payload::Result,
    Payload::Question,
    Payload::Answer,
    Payload::Arguments,
];

fn payload_number(what: Payload) -> u8 {
    PAYLOADS.iter().position(|&other| other == what).expect("all payloads are listed") as u8
}

fn payload(number: u8) -> Result<Payload, ProtocolError> {
    PAYLOADS.get(usize::from(number)).copied().ok_or(ProtocolError("an unknown kind of payload"))
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
                then: FollowUp::State,
            },
            NodeRequest::Step {
                run_slot,
                event: Event::Command { command: b"" },
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
        let mut reader = Reader::new(&bytes);
        for ask in asks {
            assert_eq!(NodeRequest::read(&mut reader), Ok(ask));
        }
        assert!(reader.is_empty());
    }
}
