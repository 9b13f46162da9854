//! The node process: hosts nodes and answers the engine's requests.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use faultlab::Address;
use faultlab::codec;
use faultlab::hosting::{
    Event, Host, LocalHost, NodeFailure, NodeKind, Output, Submission, check_output, check_state,
};
use faultlab::simulate::Question;

use crate::answer::{self, ANSWER_BYTES_MAX};
use crate::frame::{FrameError, FrameReader, FrameWriter};
use crate::request::{FollowUp, NodeRequest, RunSlot};

/// Answers are sent once there are this many bytes of them.
const SEND_BYTES: usize = 1 << 20;

/// Answers an engine's requests about nodes of this submission until the engine closes the stream.
///
/// # Errors
/// If the stream fails, or the engine violates the protocol.
pub fn serve(submission: &Submission, stream: &mut (impl Read + Write)) -> Result<(), FrameError> {
    let mut frames = FrameReader::default();
    let mut answers = FrameWriter::default();
    let mut server = Server { submission, runs: Vec::new(), output: Output::new() };
    while let Some(frame) = frames.next(stream, || Ok(()))? {
        let mut asks = frame;
        while !asks.is_empty() {
            let ask = NodeRequest::read(&mut asks)?;
            let start = answers.len();
            server.answer(ask, answers.payload());
            if answers.len() - start > ANSWER_BYTES_MAX {
                answers.cut(start);
                answer::put_done(answers.payload(), Err(answer_too_long()));
            }
            if answers.len() > SEND_BYTES {
                answers.send(stream)?;
            }
        }
        if answers.len() > 0 {
            answers.send(stream)?;
        }
    }
    Ok(())
}

/// Calls [`serve()`] on the socket that is this process's standard input. A submission that reads its
/// standard input finds it empty.
///
/// # Errors
/// As [`serve()`], and when standard input is not a socket.
pub fn serve_stdin(submission: &Submission) -> Result<(), FrameError> {
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let (nothing, _) = io::pipe()?;
    rustix::stdio::dup2_stdin(nothing).map_err(io::Error::from)?;
    serve(submission, &mut UnixStream::from(socket))
}

/// The main function of a node process: [`serve_stdin`] until the engine closes the stream.
#[must_use]
pub fn main(submission: &Submission) -> ExitCode {
    match serve_stdin(submission) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the node process failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The failure of a node whose output does not fit an answer.
fn answer_too_long() -> NodeFailure {
    NodeFailure::Codec {
        what: "answer".to_owned(),
        error: format!("it is longer than {} MiB", ANSWER_BYTES_MAX >> 20),
    }
}

/// The nodes of this process.
struct Server<'s> {
    submission: &'s Submission,
    /// The hosts, by run.
    runs: Vec<Option<LocalHost<'s>>>,
    output: Output,
}

impl<'s> Server<'s> {
    fn answer(&mut self, ask: NodeRequest<'_>, bytes: &mut Vec<u8>) {
        match ask {
            NodeRequest::Make { run_slot, kind, address, arguments } => {
                let made = self.host(run_slot).make(run_slot.slot, kind, address, arguments);
                answer::put_done(bytes, made);
            }
            NodeRequest::Step { run_slot, event, then } => {
                let has_result = self.step(run_slot, event, bytes);
                match then {
                    FollowUp::Questions(questions) if has_result.is_ok() => {
                        self.answer_questions(run_slot, questions, bytes);
                    }
                    FollowUp::Command(command) if has_result == Ok(true) => {
                        let _ = self.step(run_slot, Event::Command { command }, bytes);
                    }
                    FollowUp::Nothing | FollowUp::Questions(_) | FollowUp::Command(_) => {}
                }
            }
            NodeRequest::State { run_slot } => self.state(run_slot, bytes),
            NodeRequest::Observe { run_slot, question } => {
                let observed = self.with(run_slot, |host| host.observe(run_slot.slot, question));
                answer::put_string(bytes, observed);
            }
            NodeRequest::Show { kind, what, bytes: shown, pretty } => {
                let kind = self.submission.kind(kind);
                answer::put_string(bytes, kind.and_then(|kind| kind.show(what, shown, pretty)));
            }
            NodeRequest::Tree { kind, what, bytes: described } => {
                let tree = self.submission.kind(kind).and_then(|kind| {
                    let tree = kind.tree(what, described)?;
                    tree.to_bytes().map_err(|error| NodeFailure::codec(what, &error))
                });
                answer::put_string(bytes, tree);
            }
            NodeRequest::Forget { run } => {
                if let Some(host) = self.runs.get_mut(run) {
                    *host = None;
                }
                answer::put_done(bytes, Ok(()));
            }
            NodeRequest::PureMake { kind, address, arguments } => {
                let made = self.submission.kind(kind).and_then(|kind| {
                    let mut state = Vec::new();
                    kind.make(address, arguments)?.state(&mut state)?;
                    Ok(state)
                });
                answer::put_string(bytes, made);
            }
            NodeRequest::PureStep { kind, address, state, event, checks_contract } => {
                let kind = self.submission.kind(kind);
                let output = &mut self.output;
                let stepped = kind
                    .and_then(|kind| step(kind, address, state, event, checks_contract, output));
                let stepped = stepped
                    .as_ref()
                    .map(|(next, broken)| (next.as_slice(), &*output, broken.as_deref()));
                answer::put_step(bytes, stepped.map_err(Clone::clone));
            }
            NodeRequest::PureObserve { kind, address, state, question } => {
                let observed = self
                    .submission
                    .kind(kind)
                    .and_then(|kind| kind.restore(address, state)?.observe(question));
                answer::put_string(bytes, observed);
            }
        }
    }

    /// Lets a node handle an event. Returns whether it then shows a result, or an error if it failed.
    fn step(
        &mut self,
        run_slot: RunSlot,
        event: Event<'_>,
        bytes: &mut Vec<u8>,
    ) -> Result<bool, ()> {
        let mut output = std::mem::take(&mut self.output);
        let stepped = self.with(run_slot, |host| host.step(run_slot.slot, event, &mut output));
        let has_result = if stepped.is_ok() { Ok(output.result().is_some()) } else { Err(()) };
        answer::put_output(bytes, stepped.map(|()| &output));
        self.output = output;
        has_result
    }

    /// Answers with a node's answers to encoded questions.
    fn answer_questions(&mut self, run_slot: RunSlot, questions: &[u8], bytes: &mut Vec<u8>) {
        let questions: Vec<Question> =
            codec::decode(questions).expect("the engine encodes its questions");
        for question in questions {
            let answer = self.with(run_slot, |host| question.ask(run_slot.slot, host));
            answer::put_string(bytes, answer);
        }
    }

    /// Answers with a node's state.
    fn state(&mut self, run_slot: RunSlot, bytes: &mut Vec<u8>) {
        let mut state = Vec::new();
        let read = self.with(run_slot, |host| host.state(run_slot.slot, &mut state));
        answer::put_string(bytes, read.map(|()| state));
    }

    /// The host of a run's nodes.
    fn host(&mut self, run_slot: RunSlot) -> &mut LocalHost<'s> {
        if self.runs.len() <= run_slot.run {
            self.runs.resize_with(run_slot.run + 1, || None);
        }
        self.runs[run_slot.run].get_or_insert_with(|| LocalHost::new(self.submission))
    }

    /// Calls `ask` for a node, which must have been constructed.
    fn with<V>(
        &mut self,
        run_slot: RunSlot,
        ask: impl FnOnce(&mut LocalHost<'s>) -> Result<V, NodeFailure>,
    ) -> Result<V, NodeFailure> {
        match self.runs.get_mut(run_slot.run) {
            Some(Some(host)) if host.has(run_slot.slot) => ask(host),
            _ => Err(NodeFailure::NotProvided("such node".to_owned())),
        }
    }
}

/// Computes one step of a node that is constructed only for it. Returns the next state and, if
/// requested, its contract violation.
fn step(
    kind: &dyn NodeKind,
    address: Address,
    state: &[u8],
    event: Event<'_>,
    checks_contract: bool,
    output: &mut Output,
) -> Result<(Vec<u8>, Option<String>), NodeFailure> {
    let mut node = kind.restore(address, state)?;
    node.step(event, output)?;
    check_output(output)?;
    let mut next = Vec::with_capacity(state.len() + 16);
    node.state(&mut next)?;
    check_state(next.len())?;
    let broken =
        if checks_contract && next != state { node.contract_violation(&next)? } else { None };
    Ok((next, broken))
}
