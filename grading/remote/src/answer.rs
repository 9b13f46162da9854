//! Answers of a node process. They are untrusted, so every part is checked.

use faultlab::codec;
use faultlab::hosting::{EncodedEffect, NodeFailure, Output};

use crate::wire::{ProtocolError, Reader, put_address, put_bytes, put_number};

/// The longest answer, in bytes. Nodes of labs need far less.
pub(crate) const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Appends an answer without content, or a failure.
pub(crate) fn put_done(bytes: &mut Vec<u8>, done: Result<(), NodeFailure>) {
    put(bytes, done, |_, ()| {});
}

/// Appends an answer that is a byte string, or a failure.
pub(crate) fn put_string(bytes: &mut Vec<u8>, string: Result<impl AsRef<[u8]>, NodeFailure>) {
    put(bytes, string, |bytes, string| put_bytes(bytes, string.as_ref()));
}

/// Appends a step's output, or a failure.
pub(crate) fn put_output(bytes: &mut Vec<u8>, output: Result<&Output, NodeFailure>) {
    put(bytes, output, write_output);
}

/// Appends a node's next state, the step's output and the state's contract violation, or a failure.
pub(crate) fn put_step(
    bytes: &mut Vec<u8>,
    step: Result<(&[u8], &Output, Option<&str>), NodeFailure>,
) {
    put(bytes, step, |bytes, (state, output, broken)| {
        put_bytes(bytes, state);
        write_output(bytes, output);
        bytes.push(u8::from(broken.is_some()));
        if let Some(broken) = broken {
            put_bytes(bytes, broken.as_bytes());
        }
    });
}

fn put<V>(bytes: &mut Vec<u8>, answer: Result<V, NodeFailure>, write: impl Fn(&mut Vec<u8>, V)) {
    match answer {
        Ok(value) => {
            bytes.push(0);
            write(bytes, value);
        }
        Err(failure) => {
            bytes.push(1);
            put_bytes(bytes, &codec::encode(&failure).expect("a failure encodes"));
        }
    }
}

fn write_output(bytes: &mut Vec<u8>, output: &Output) {
    put_number(bytes, output.effects().len() as u64);
    for effect in output.effects() {
        match *effect {
            EncodedEffect::Send { to, message } => {
                bytes.push(0);
                put_address(bytes, to);
                put_bytes(bytes, output.get(message));
            }
            EncodedEffect::SetTimer { timer, min_ns, max_ns } => {
                bytes.push(1);
                put_bytes(bytes, output.get(timer));
                put_number(bytes, min_ns);
                put_number(bytes, max_ns);
            }
            EncodedEffect::Log { line } => {
                bytes.push(2);
                put_bytes(bytes, output.get(line));
            }
        }
    }
    bytes.push(u8::from(output.result().is_some()));
    if let Some(result) = output.result() {
        put_bytes(bytes, result);
    }
}

/// Reads whether a request failed, and how.
pub(crate) fn read_done(from: &mut Reader<'_>) -> Result<Result<(), NodeFailure>, ProtocolError> {
    if !from.flag()? {
        return Ok(Ok(()));
    }
    let failure = from.bytes()?;
    let failure =
        codec::decode(failure).map_err(|_| ProtocolError("an unknown kind of failure"))?;
    match failure {
        // Only the engine decides how a process exited.
        NodeFailure::ProcessLost { .. } => Err(ProtocolError("a report of its own exit")),
        failure => Ok(Err(failure)),
    }
}

/// Reads a byte string.
pub(crate) fn read_string<'a>(
    from: &mut Reader<'a>,
) -> Result<Result<&'a [u8], NodeFailure>, ProtocolError> {
    Ok(match read_done(from)? {
        Ok(()) => Ok(from.bytes()?),
        Err(failure) => Err(failure),
    })
}

/// Reads a byte string into a vector.
pub(crate) fn read_owned(
    from: &mut Reader<'_>,
) -> Result<Result<Vec<u8>, NodeFailure>, ProtocolError> {
    Ok(read_string(from)?.map(<[u8]>::to_vec))
}

/// Reads a text; invalid UTF-8 is replaced.
pub(crate) fn read_shown(
    from: &mut Reader<'_>,
) -> Result<Result<String, NodeFailure>, ProtocolError> {
    Ok(read_string(from)?.map(|text| String::from_utf8_lossy(text).into_owned()))
}

/// Reads a step's output into `output`, which is cleared first.
pub(crate) fn read_output(
    from: &mut Reader<'_>,
    output: &mut Output,
) -> Result<Result<(), NodeFailure>, ProtocolError> {
    output.clear();
    let done = read_done(from)?;
    if done.is_ok() {
        read_effects(from, output)?;
    }
    Ok(done)
}

/// A node's next state, and its contract violation.
type Next<'a> = (&'a [u8], Option<String>);

/// Reads a node's next state, and the step's output into `output`, which is cleared first.
pub(crate) fn read_step<'a>(
    from: &mut Reader<'a>,
    output: &mut Output,
) -> Result<Result<Next<'a>, NodeFailure>, ProtocolError> {
    output.clear();
    if let Err(failure) = read_done(from)? {
        return Ok(Err(failure));
    }
    let state = from.bytes()?;
    read_effects(from, output)?;
    let broken = if from.flag()? { Some(from.text()?.to_owned()) } else { None };
    Ok(Ok((state, broken)))
}

fn read_effects(from: &mut Reader<'_>, output: &mut Output) -> Result<(), ProtocolError> {
    for _ in 0..from.number()? {
        match from.byte()? {
            0 => output.push_send(from.address()?, from.bytes()?),
            1 => {
                let timer = from.bytes()?;
                let (min_ns, max_ns) = (from.number()?, from.number()?);
                if min_ns == 0 || min_ns > max_ns {
                    return Err(ProtocolError("a timer that no node can set"));
                }
                output.push_timer(timer, min_ns, max_ns);
            }
            2 => output.push_log(from.text()?),
            _ => return Err(ProtocolError("an unknown kind of effect")),
        }
    }
    if from.flag()? {
        output.set_result(Some(from.bytes()?));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use faultlab::Address;

    fn output() -> Output {
        let mut output = Output::new();
        output.push_send(Address::new("client1"), b"hello");
        output.push_timer(b"t", 1, 2);
        output.push_log("a line");
        output.set_result(Some(b"r"));
        output
    }

    #[test]
    fn steps_round_trip() {
        let mut bytes = Vec::new();
        put_step(&mut bytes, Ok((b"state", &output(), Some("kept"))));
        put_output(&mut bytes, Err(NodeFailure::NotProvided("server".to_owned())));
        let (mut from, mut read) = (Reader::new(&bytes), Output::new());
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
            assert!(read_step(&mut Reader::new(&bytes[..end]), &mut read).is_err());
        }
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut changed = bytes.clone();
                changed[at] = value;
                let _ = read_step(&mut Reader::new(&changed), &mut read);
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
            assert!(read_output(&mut Reader::new(&bytes), &mut read).is_err());
        }
        let mut bytes = Vec::new();
        put_done(&mut bytes, Err(NodeFailure::ProcessLost { how: "was killed".to_owned() }));
        assert!(read_done(&mut Reader::new(&bytes)).is_err());
    }
}
