//! Requests about many runs, sent together: one exchange carries a step of each.

use std::cmp::Reverse;
use std::ops::Range;

use faultlab::codec;
use faultlab::hosting::{Event, NodeDescriptor, NodeFailure, Output};
use faultlab::simulate::Question;

use crate::answer::{self, ProtocolError};
use crate::process::Process;
use crate::process_pool::{Member, ProcessPool};
use crate::request::{FollowUp, NodeRequest, RunSlot};

/// A request whose answer is pending.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PendingRequest {
    run_slot: RunSlot,
    answer: AnswerKind,
}

/// The kind of answer to a request.
#[derive(Clone, Copy, Debug)]
enum AnswerKind {
    Make,
    Forget,
    Step(FollowUpKind),
}

/// What is piggybacked on the answer to a step.
#[derive(Clone, Copy, Debug)]
enum FollowUpKind {
    Nothing,
    /// So many answers.
    Answers(usize),
    Command,
}

/// What to piggyback on a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then<'a> {
    /// Nothing.
    Nothing,
    /// Answer these questions afterwards.
    Ask(&'a [Question]),
    /// If the client now shows a result, let it handle this command.
    Command(&'a [u8]),
}

/// An answer to one of many requests. A step's output may be swapped out.
pub(crate) enum Answered<'a> {
    /// The node was constructed, or could not be.
    Made(Result<(), NodeFailure>),
    /// The nodes of a run in this process were dropped.
    Forgotten,
    /// The node has handled an event, or failed.
    Stepped(Result<&'a mut Output, NodeFailure>, FollowUpAnswer<'a>),
}

/// A piggybacked answer.
pub(crate) enum FollowUpAnswer<'a> {
    /// Nothing.
    Nothing,
    /// The node answered these questions, in order.
    Answers(Vec<Result<Vec<u8>, NodeFailure>>),
    /// The client had a result and handled its next command.
    Command(Result<&'a mut Output, NodeFailure>),
}

impl ProcessPool<'_> {
    /// Queues for the next exchange: construct this node, in the process for its slot. Like all requests here,
    /// it is dropped if the process has failed or cannot be started; [`ProcessPool::failure`] and
    /// [`ProcessPool::check`] tell.
    pub(crate) fn ask_make(&mut self, run: usize, slot: usize, node: &NodeDescriptor) {
        self.ask_make_in(slot, run, slot, node);
    }

    /// Queues for the next exchange of this process, whatever the slot: construct this node.
    pub(crate) fn ask_make_in(
        &mut self,
        number: usize,
        run: usize,
        slot: usize,
        node: &NodeDescriptor,
    ) {
        let run_slot = RunSlot { run, slot };
        let NodeDescriptor { ref kind, address, ref arguments } = *node;
        let request = NodeRequest::Make { run_slot, kind, address, arguments };
        self.ask(self.process_of(number), run_slot, AnswerKind::Make, request);
    }

    /// Queues for the next exchange: let this node handle an event.
    pub(crate) fn ask_step(&mut self, run: usize, slot: usize, event: Event<'_>, then: Then<'_>) {
        let questions;
        let (then, follows) = match then {
            Then::Nothing => (FollowUp::Nothing, FollowUpKind::Nothing),
            Then::Command(command) => (FollowUp::Command(command), FollowUpKind::Command),
            Then::Ask(asked) => {
                questions = codec::encode(&asked).expect("questions encode");
                (FollowUp::Questions(&questions), FollowUpKind::Answers(asked.len()))
            }
        };
        let run_slot = RunSlot { run, slot };
        let request = NodeRequest::Step { run_slot, event, then };
        self.ask(self.process_of(slot), run_slot, AnswerKind::Step(follows), request);
    }

    /// The same for an event of a node that was constructed in this process.
    pub(crate) fn ask_step_in(&mut self, number: usize, run: usize, slot: usize, event: Event<'_>) {
        let run_slot = RunSlot { run, slot };
        let answer = AnswerKind::Step(FollowUpKind::Nothing);
        let request = NodeRequest::Step { run_slot, event, then: FollowUp::Nothing };
        self.ask(self.process_of(number), run_slot, answer, request);
    }

    /// Queues for the next exchange: drop the nodes of this run. Returns how many processes get the
    /// request.
    pub(crate) fn ask_forget(&mut self, run: usize) -> usize {
        let mut asked = 0;
        for (slot, member) in self.members.iter_mut().enumerate() {
            let Some(process) = &mut member.process else { continue };
            process.queue(NodeRequest::Forget { run });
            let run_slot = RunSlot { run, slot };
            member.pending.push(PendingRequest { run_slot, answer: AnswerKind::Forget });
            asked += 1;
        }
        asked
    }

    fn ask(
        &mut self,
        number: usize,
        run_slot: RunSlot,
        answer: AnswerKind,
        request: NodeRequest<'_>,
    ) {
        if let Ok(process) = self.process(number) {
            process.queue(request);
            self.members[number].pending.push(PendingRequest { run_slot, answer });
        }
    }

    /// Whether answers are pending.
    pub(crate) fn has_pending(&self) -> bool {
        self.members.iter().any(|member| !member.pending.is_empty())
    }

    /// Whether so many requests are queued that some should be answered first.
    pub(crate) fn is_full(&self) -> bool {
        self.members.iter().any(Member::is_full)
    }

    /// Sends all queued requests to all processes at once, and delivers the answers. Requests to a
    /// process that fails get none.
    pub(crate) fn receive_all(&mut self, mut take: impl FnMut(usize, usize, Answered<'_>)) {
        for process in self.members.iter_mut().filter_map(|member| member.process.as_mut()) {
            process.send();
        }
        for member in &mut self.members {
            member.receive(&mut self.outputs, &mut take);
        }
    }

    /// The same for a single process: one that is full, or else the one whose requests have waited
    /// longest in total. Choosing the process with the most requests would, in the end, leave a few
    /// runs that wait for each other's processes, with few requests per exchange.
    pub(crate) fn receive_longest_waiting(
        &mut self,
        mut take: impl FnMut(usize, usize, Answered<'_>),
    ) {
        for member in &mut self.members {
            member.wait_weight += member.pending.len();
        }
        let rank = |(number, member): &(usize, &mut Member)| {
            (member.is_full(), member.wait_weight, Reverse(*number))
        };
        let longest = self.members.iter_mut().enumerate().max_by_key(rank);
        let Some((_, member)) = longest else { return };
        if let Some(process) = &mut member.process {
            process.send();
        }
        member.receive(&mut self.outputs, &mut take);
    }

    /// Drops the nodes of these runs.
    pub(crate) fn forget(&mut self, runs: Range<usize>) {
        for run in runs {
            self.ask_forget(run);
        }
        self.receive_all(|_, _, _| {});
        self.mark_used();
    }
}

impl Member {
    fn is_full(&self) -> bool {
        self.process.as_ref().is_some_and(Process::is_full)
    }

    /// Delivers the answers to the pending requests. `outputs` are reused for each step, and for the command
    /// after it.
    fn receive(
        &mut self,
        [output, second_output]: &mut [Output; 2],
        take: &mut impl FnMut(usize, usize, Answered<'_>),
    ) {
        let Some(process) = &mut self.process else { return };
        // The process keeps the error, which `failure` reports.
        let _ = process.receive(|index, frame| {
            let PendingRequest { run_slot, answer } = self.pending[index];
            let answered = read_answer(answer, frame, output, second_output)?;
            take(run_slot.run, run_slot.slot, answered);
            Ok(())
        });
        self.pending.clear();
        self.wait_weight = 0;
    }
}

/// Reads an answer of this kind from the front of a frame.
fn read_answer<'o, 'f: 'o>(
    kind: AnswerKind,
    frame: &mut &'f [u8],
    output: &'o mut Output,
    second_output: &'o mut Output,
) -> Result<Answered<'o>, ProtocolError> {
    let follows = match kind {
        AnswerKind::Make => return Ok(Answered::Made(answer::read_done(frame)?)),
        AnswerKind::Forget => {
            let _ = answer::read_done(frame)?;
            return Ok(Answered::Forgotten);
        }
        AnswerKind::Step(follows) => follows,
    };
    if let Err(failure) = answer::read_output(frame, output)? {
        return Ok(Answered::Stepped(Err(failure), FollowUpAnswer::Nothing));
    }
    let followed = match follows {
        FollowUpKind::Answers(questions) => {
            let answers = (0..questions).map(|_| answer::read_owned(frame));
            FollowUpAnswer::Answers(answers.collect::<Result<_, _>>()?)
        }
        FollowUpKind::Command if output.result().is_some() => {
            let stepped = answer::read_output(frame, second_output)?;
            FollowUpAnswer::Command(stepped.map(|()| second_output))
        }
        FollowUpKind::Nothing | FollowUpKind::Command => FollowUpAnswer::Nothing,
    };
    Ok(Answered::Stepped(Ok(output), followed))
}
