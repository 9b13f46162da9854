//! Answers of a node process. They are untrusted, so every part is checked.

use faultlab::Address;
use faultlab::codec::{self, CodecError, Tree, serialize_bytes};
use faultlab::hosting::{EncodedEffect, NodeFailure, Output, bounded};
use serde::{Deserialize, Serialize};

/// The longest answer, in bytes. Nodes of labs need far less.
pub(crate) const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Why some bytes violate the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProtocolError(pub(crate) String);

impl From<CodecError> for ProtocolError {
    fn from(error: CodecError) -> Self {
        Self(error.to_string())
    }
}

impl From<&str> for ProtocolError {
    fn from(what: &str) -> Self {
        Self(what.to_owned())
    }
}

/// A byte string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Bytes<'a>(#[serde(serialize_with = "serialize_bytes")] &'a [u8]);

/// A node's next state, and what its step did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PureStep<'a> {
    #[serde(borrow)]
    state: Bytes<'a>,
    #[serde(borrow)]
    output: StepOutput<'a>,
    /// The state's contract violation.
    broken: Option<&'a str>,
}

/// What a step did, as an [`Output`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StepOutput<'a> {
    #[serde(borrow)]
    effects: Vec<StepEffect<'a>>,
    #[serde(borrow)]
    result: Option<Bytes<'a>>,
}

/// An [`EncodedEffect`] with its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum StepEffect<'a> {
    Send {
        to: Address,
        #[serde(borrow)]
        message: Bytes<'a>,
    },
    SetTimer {
        #[serde(borrow)]
        timer: Bytes<'a>,
        min_ns: u64,
        max_ns: u64,
    },
    Log {
        line: &'a str,
    },
    Save {
        #[serde(borrow)]
        record: Bytes<'a>,
    },
    Append {
        #[serde(borrow)]
        entry: Bytes<'a>,
    },
    Sync,
}

impl<'a> StepOutput<'a> {
    fn of(output: &'a Output) -> Self {
        let effects = output.effects().iter().map(|effect| match *effect {
            EncodedEffect::Send { to, message } => {
                StepEffect::Send { to, message: Bytes(output.get(message)) }
            }
            EncodedEffect::SetTimer { timer, min_ns, max_ns } => {
                StepEffect::SetTimer { timer: Bytes(output.get(timer)), min_ns, max_ns }
            }
            EncodedEffect::Log { line } => {
                let line = std::str::from_utf8(output.get(line)).expect("a logged line is text");
                StepEffect::Log { line }
            }
            EncodedEffect::Save { record } => {
                StepEffect::Save { record: Bytes(output.get(record)) }
            }
            EncodedEffect::Append { entry } => {
                StepEffect::Append { entry: Bytes(output.get(entry)) }
            }
            EncodedEffect::Sync => StepEffect::Sync,
        });
        Self { effects: effects.collect(), result: output.result().map(Bytes) }
    }

    /// Appends all of it to an output.
    fn fill(&self, output: &mut Output) -> Result<(), ProtocolError> {
        for effect in &self.effects {
            match *effect {
                StepEffect::Send { to, message: Bytes(message) } => output.push_send(to, message),
                StepEffect::SetTimer { timer: Bytes(timer), min_ns, max_ns } => {
                    if min_ns == 0 || min_ns > max_ns {
                        return Err("a timer that no node can set".into());
                    }
                    output.push_timer(timer, min_ns, max_ns);
                }
                StepEffect::Log { line } => output.push_log(line),
                StepEffect::Save { record: Bytes(record) } => output.push_save(record),
                StepEffect::Append { entry: Bytes(entry) } => output.push_append(entry),
                StepEffect::Sync => output.push_sync(),
            }
        }
        output.set_result(self.result.map(|Bytes(result)| result));
        Ok(())
    }
}

/// Appends an answer without content, or a failure.
pub(crate) fn put_done(frame: &mut Vec<u8>, done: Result<(), NodeFailure>) {
    put(frame, &done);
}

/// Appends an answer that is a byte string, or a failure.
pub(crate) fn put_string(frame: &mut Vec<u8>, string: Result<impl AsRef<[u8]>, NodeFailure>) {
    put(frame, &string.as_ref().map(|string| Bytes(string.as_ref())));
}

/// Appends a step's output, or a failure.
pub(crate) fn put_output(frame: &mut Vec<u8>, output: Result<&Output, NodeFailure>) {
    put(frame, &output.map(StepOutput::of));
}

/// Appends a node's next state, the step's output and the state's contract violation, or a failure.
pub(crate) fn put_step(
    frame: &mut Vec<u8>,
    step: Result<(&[u8], &Output, Option<&str>), NodeFailure>,
) {
    put(
        frame,
        &step.map(|(state, output, broken)| PureStep {
            state: Bytes(state),
            output: StepOutput::of(output),
            broken,
        }),
    );
}

fn put(frame: &mut Vec<u8>, answer: &impl Serialize) {
    codec::encode_into(answer, frame).expect("an answer encodes");
}

/// Reads an answer from the front of a frame.
fn read<'a, V: Deserialize<'a>>(
    frame: &mut &'a [u8],
) -> Result<Result<V, NodeFailure>, ProtocolError> {
    match codec::decode_from(frame)? {
        // Only the engine decides how a process ended.
        Err(NodeFailure::ProcessLost { .. }) => Err("a report of its own exit".into()),
        answer => Ok(answer.map_err(NodeFailure::bounded)),
    }
}

/// Reads whether a request failed, and how.
pub(crate) fn read_done(frame: &mut &[u8]) -> Result<Result<(), NodeFailure>, ProtocolError> {
    read(frame)
}

/// Reads a byte string.
pub(crate) fn read_string<'a>(
    frame: &mut &'a [u8],
) -> Result<Result<&'a [u8], NodeFailure>, ProtocolError> {
    Ok(read(frame)?.map(|Bytes(string)| string))
}

/// Reads a byte string into a vector.
pub(crate) fn read_owned(frame: &mut &[u8]) -> Result<Result<Vec<u8>, NodeFailure>, ProtocolError> {
    Ok(read_string(frame)?.map(<[u8]>::to_vec))
}

/// Reads a text, of bounded length; invalid UTF-8 is replaced.
pub(crate) fn read_shown(frame: &mut &[u8]) -> Result<Result<String, NodeFailure>, ProtocolError> {
    Ok(read_string(frame)?.map(|text| bounded(String::from_utf8_lossy(text).into_owned())))
}

/// Reads a tree.
pub(crate) fn read_tree(frame: &mut &[u8]) -> Result<Result<Tree, NodeFailure>, ProtocolError> {
    Ok(match read_string(frame)? {
        Ok(bytes) => Ok(Tree::from_bytes(bytes)?),
        Err(failure) => Err(failure),
    })
}

/// Reads a step's output into `output`, which is cleared first.
pub(crate) fn read_output(
    frame: &mut &[u8],
    output: &mut Output,
) -> Result<Result<(), NodeFailure>, ProtocolError> {
    output.clear();
    match read::<StepOutput<'_>>(frame)? {
        Ok(step) => step.fill(output).map(Ok),
        Err(failure) => Ok(Err(failure)),
    }
}

/// A node's next state, and its contract violation.
type Next<'a> = (&'a [u8], Option<String>);

/// Reads a node's next state, and the step's output into `output`, which is cleared first.
pub(crate) fn read_step<'a>(
    frame: &mut &'a [u8],
    output: &mut Output,
) -> Result<Result<Next<'a>, NodeFailure>, ProtocolError> {
    output.clear();
    match read::<PureStep<'a>>(frame)? {
        Ok(PureStep { state: Bytes(state), output: step, broken }) => {
            step.fill(output)?;
            Ok(Ok((state, broken.map(str::to_owned))))
        }
        Err(failure) => Ok(Err(failure)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output() -> Output {
        let mut output = Output::new();
        output.push_send(Address::new("client1"), b"hello");
        output.push_timer(b"t", 1, 2);
        output.push_log("a line");
        output.push_save(b"record");
        output.push_append(b"entry");
        output.push_sync();
        output.set_result(Some(b"r"));
        output
    }

    #[test]
    fn steps_round_trip() {
        let mut bytes = Vec::new();
        put_step(&mut bytes, Ok((b"state", &output(), Some("kept"))));
        put_output(&mut bytes, Err(NodeFailure::NotProvided("server".to_owned())));
        let (mut from, mut read) = (&bytes[..], Output::new());
        assert_eq!(
            read_step(&mut from, &mut read),
            Ok(Ok((&b"state"[..], Some("kept".to_owned()))))
        );
        assert_eq!(format!("{read:?}"), format!("{:?}", output()));
        let failure = NodeFailure::NotProvided("server".to_owned());
        assert_eq!(read_output(&mut from, &mut read), Ok(Err(failure)));
        assert!(from.is_empty());
    }

    #[test]
    fn the_reader_never_panics() {
        let mut bytes = Vec::new();
        put_step(&mut bytes, Ok((b"state", &output(), Some("kept"))));
        let mut read = Output::new();
        for end in 0..bytes.len() {
            assert!(read_step(&mut &bytes[..end], &mut read).is_err());
        }
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut changed = bytes.clone();
                changed[at] = value;
                let _ = read_step(&mut &changed[..], &mut read);
            }
        }
    }

    #[test]
    fn impossible_answers_are_protocol_errors() {
        let mut read = Output::new();
        for (min_ns, max_ns) in [(0, 5), (6, 5)] {
            let mut output = Output::new();
            output.push_timer(b"t", min_ns, max_ns);
            let mut bytes = Vec::new();
            put_output(&mut bytes, Ok(&output));
            assert!(read_output(&mut &bytes[..], &mut read).is_err());
        }
        let mut bytes = Vec::new();
        put_done(&mut bytes, Err(NodeFailure::ProcessLost { how: "was killed".to_owned() }));
        assert!(read_done(&mut &bytes[..]).is_err());
    }
}
