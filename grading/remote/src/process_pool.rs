//! A pool of node processes. The nodes of a run are in different processes, so that they cannot share
//! a global.

use std::cmp::Reverse;
use std::io;
use std::ops::Range;
use std::time::Duration;

use faultlab::hosting::{Event, NodeDescriptor, NodeFailure, Output, Payload};

use crate::answer;
use crate::exit::{ProcessExit, ProcessFailure};
use crate::host::RemoteHost;
use crate::process::Process;
use crate::request::{FollowUp, NodeRequest, RunSlot};
use crate::stateless_host::StatelessHost;

/// How many texts are requested in one exchange.
const SHOWN_AT_ONCE: usize = 512;

/// Starts the process with this number.
type Start<'f> = Box<dyn FnMut(usize) -> io::Result<Process> + Send + 'f>;

/// Processes of one submission, started on demand.
///
/// With `n` processes, the node in slot `k` of every run is in process `k mod n`. If a run has at most
/// `n` nodes, no two of them share a process.
pub struct ProcessPool<'f> {
    start: Start<'f>,
    processes: Vec<Option<Process>>,
    infra_error: Option<io::Error>,
    last_failure: Option<ProcessFailure>,
    started: u64,
    limit: Duration,
    /// By process: whether it contained nodes that have been dropped.
    used: Vec<bool>,
    /// By process: the nodes and kinds of its pending requests, in order.
    pending: Vec<Vec<(RunSlot, AnswerKind)>>,
    /// By process: the number of its pending requests, added up each time the next process was chosen.
    wait_weight: Vec<usize>,
    /// Effects of the step being read, and of the command after it.
    outputs: [Output; 2],
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
    State,
    Command,
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
    /// The node's state was read.
    State(Result<&'a [u8], NodeFailure>),
    /// The client had a result and handled its next command.
    Command(Result<&'a mut Output, NodeFailure>),
}

impl<'f> ProcessPool<'f> {
    /// At most `processes_max` processes, each started by `start` when its first node is
    /// constructed.
    ///
    /// # Panics
    /// When `processes_max` is 0.
    pub fn new(
        processes_max: usize,
        start: impl FnMut(usize) -> io::Result<Process> + Send + 'f,
    ) -> Self {
        assert!(processes_max > 0, "nodes need at least one process");
        let processes = (0..processes_max).map(|_| None).collect();
        Self {
            start: Box::new(start),
            processes,
            infra_error: None,
            last_failure: None,
            started: 0,
            limit: Duration::MAX,
            used: vec![false; processes_max],
            pending: vec![Vec::new(); processes_max],
            wait_weight: vec![0; processes_max],
            outputs: [Output::new(), Output::new()],
        }
    }

    /// A host for the run with this small number.
    pub fn host(&mut self, run: usize) -> RemoteHost<'_, 'f> {
        RemoteHost::new(self, run, Vec::new())
    }

    /// A host for one run that keeps the nodes' states and sends them to a different process for each
    /// step.
    pub fn stateless_host(&mut self) -> StatelessHost<'_, 'f> {
        StatelessHost::new(self)
    }

    /// A host for one of many concurrent runs, whose nodes are already constructed and of these kinds.
    pub(crate) fn host_for_run(&mut self, run: usize, kinds: Vec<String>) -> RemoteHost<'_, 'f> {
        RemoteHost::new(self, run, kinds)
    }

    /// Queues for the next exchange: construct this node. Like all requests here, it is dropped if
    /// the process has failed or cannot be started; [`ProcessPool::failure`] and
    /// [`ProcessPool::check`] tell.
    pub(crate) fn ask_make(&mut self, run: usize, slot: usize, node: &NodeDescriptor) {
        let run_slot = RunSlot { run, slot };
        let NodeDescriptor { ref kind, address, ref arguments } = *node;
        let number = self.process_of(slot);
        self.ask(
            number,
            run_slot,
            AnswerKind::Make,
            NodeRequest::Make { run_slot, kind, address, arguments },
        );
    }

    /// Queues for the next exchange: let this node handle an event.
    pub(crate) fn ask_step(
        &mut self,
        run: usize,
        slot: usize,
        event: Event<'_>,
        then: FollowUp<'_>,
    ) {
        let run_slot = RunSlot { run, slot };
        let follows = match then {
            FollowUp::Nothing => FollowUpKind::Nothing,
            FollowUp::State => FollowUpKind::State,
            FollowUp::Command(_) => FollowUpKind::Command,
        };
        let number = self.process_of(slot);
        self.ask(
            number,
            run_slot,
            AnswerKind::Step(follows),
            NodeRequest::Step { run_slot, event, then },
        );
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
        let number = self.process_of(number);
        self.ask(
            number,
            run_slot,
            AnswerKind::Make,
            NodeRequest::Make { run_slot, kind, address, arguments },
        );
    }

    /// The same for an event of a node that was constructed there.
    pub(crate) fn ask_step_in(&mut self, number: usize, run: usize, slot: usize, event: Event<'_>) {
        let run_slot = RunSlot { run, slot };
        let ask = NodeRequest::Step { run_slot, event, then: FollowUp::Nothing };
        self.ask(self.process_of(number), run_slot, AnswerKind::Step(FollowUpKind::Nothing), ask);
    }

    /// Renders each of these byte strings as text, by the types of a kind of node, in order.
    pub(crate) fn show_all<'a>(
        &mut self,
        wanted: impl Iterator<Item = (&'a str, Payload, &'a [u8], bool)>,
    ) -> Vec<Result<String, NodeFailure>> {
        let mut texts = Vec::new();
        let mut wanted = wanted.peekable();
        while wanted.peek().is_some() {
            let process = match self.process(0) {
                Ok(process) => process,
                Err(failure) => {
                    texts.extend(wanted.map(|_| Err(failure.clone().into())));
                    return texts;
                }
            };
            let before = texts.len();
            let mut asked = 0;
            while asked < SHOWN_AT_ONCE
                && !process.is_full()
                && let Some((kind, what, bytes, pretty)) = wanted.next()
            {
                process.queue(NodeRequest::Show { kind, what, bytes, pretty });
                asked += 1;
            }
            process.send();
            let received = process.receive(|_, from| {
                texts.push(answer::read_shown(from)?);
                Ok(())
            });
            if let Err(failure) = received {
                texts.resize_with(before + asked, || Err(failure.clone().into()));
            }
        }
        texts
    }

    fn ask(&mut self, number: usize, run_slot: RunSlot, sort: AnswerKind, ask: NodeRequest<'_>) {
        if let Ok(process) = self.process(number) {
            process.queue(ask);
            self.pending[number].push((run_slot, sort));
        }
    }

    /// Whether answers are pending.
    pub(crate) fn has_pending(&self) -> bool {
        self.pending.iter().any(|outstanding| !outstanding.is_empty())
    }

    /// Sends all queued requests to all processes at once, and delivers the answers. Requests to a
    /// process that fails get none.
    pub(crate) fn receive_all(&mut self, mut take: impl FnMut(usize, usize, Answered<'_>)) {
        for process in self.processes.iter_mut().flatten() {
            process.send();
        }
        for number in 0..self.processes.len() {
            self.receive(number, &mut take);
        }
    }

    /// Whether so many requests are queued that some should be answered first.
    pub(crate) fn is_full(&self) -> bool {
        self.processes.iter().flatten().any(Process::is_full)
    }

    /// The same for a single process: one that is full, or else the one whose requests have waited
    /// longest in total. Choosing the process with the most requests would, in the end, leave a few
    /// runs that wait for each other's processes, with few requests per exchange.
    pub(crate) fn receive_longest_waiting(
        &mut self,
        mut take: impl FnMut(usize, usize, Answered<'_>),
    ) {
        for (waited, outstanding) in self.wait_weight.iter_mut().zip(&self.pending) {
            *waited += outstanding.len();
        }
        let rank = |&number: &usize| {
            let is_full = self.processes[number].as_ref().is_some_and(Process::is_full);
            (is_full, self.wait_weight[number], Reverse(number))
        };
        let longest = (0..self.processes.len()).max_by_key(rank);
        let Some(number) = longest else { return };
        if let Some(process) = &mut self.processes[number] {
            process.send();
        }
        self.receive(number, &mut take);
    }

    /// Delivers the answers of this process.
    fn receive(&mut self, number: usize, take: &mut impl FnMut(usize, usize, Answered<'_>)) {
        let asked = &mut self.pending[number];
        let [first, second] = &mut self.outputs;
        let Some(process) = &mut self.processes[number] else { return };
        // The process keeps the error, which `failure` reports.
        let _ = process.receive(|index, from| {
            let (run_slot, sort) = asked[index];
            let answered = match sort {
                AnswerKind::Make => Answered::Made(answer::read_done(from)?),
                AnswerKind::Forget => {
                    let _ = answer::read_done(from)?;
                    Answered::Forgotten
                }
                AnswerKind::Step(follows) => match answer::read_output(from, first)? {
                    Err(failure) => Answered::Stepped(Err(failure), FollowUpAnswer::Nothing),
                    Ok(()) => {
                        let followed = match follows {
                            FollowUpKind::State => {
                                FollowUpAnswer::State(answer::read_string(from)?)
                            }
                            FollowUpKind::Command if first.result().is_some() => {
                                let stepped = answer::read_output(from, second)?;
                                FollowUpAnswer::Command(stepped.map(|()| &mut *second))
                            }
                            FollowUpKind::Nothing | FollowUpKind::Command => {
                                FollowUpAnswer::Nothing
                            }
                        };
                        Answered::Stepped(Ok(&mut *first), followed)
                    }
                },
            };
            take(run_slot.run, run_slot.slot, answered);
            Ok(())
        });
        asked.clear();
        self.wait_weight[number] = 0;
    }

    /// Queues for the next exchange: drop the nodes of this run. Returns how many processes get the
    /// request.
    pub(crate) fn ask_forget(&mut self, run: usize) -> usize {
        let mut asked = 0;
        for number in 0..self.processes.len() {
            let Some(process) = &mut self.processes[number] else { continue };
            process.queue(NodeRequest::Forget { run });
            self.pending[number].push((RunSlot { run, slot: number }, AnswerKind::Forget));
            asked += 1;
        }
        asked
    }

    /// Records that these processes contained nodes that have been dropped.
    pub(crate) fn mark_used(&mut self) {
        for (used, process) in self.used.iter_mut().zip(&self.processes) {
            *used |= process.is_some();
        }
    }

    /// Drops the nodes of these runs.
    pub(crate) fn forget(&mut self, runs: Range<usize>) {
        for run in runs {
            self.ask_forget(run);
        }
        self.receive_all(|_, _, _| {});
        self.mark_used();
    }

    /// Ends failed processes, so that they are replaced, and clears the failures. Returns whether one
    /// of them contained nodes of earlier runs.
    pub(crate) fn replace_lost(&mut self) -> bool {
        self.note_infra_error();
        let mut used = false;
        for (number, process) in self.processes.iter_mut().enumerate() {
            if process.take_if(|process| process.failure().is_some()).is_some() {
                self.pending[number].clear();
                self.wait_weight[number] = 0;
                used |= self.used[number];
            }
        }
        used
    }

    /// Limits the duration of exchanges from now on, though never beyond the limit with which a
    /// process was created.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn limit_exchanges(&mut self, limit: Duration) -> io::Result<()> {
        self.limit = limit;
        self.processes.iter_mut().flatten().try_for_each(|process| process.limit(limit))
    }

    /// Ends all processes. They are started again, empty, on demand.
    pub fn restart(&mut self) {
        self.replace();
        self.last_failure = None;
    }

    /// Ends all processes but the first, and those that failed. They are started again, empty, on
    /// demand.
    pub fn restart_all_but_first(&mut self) {
        self.replace_lost();
        for (number, process) in self.processes.iter_mut().enumerate().skip(1) {
            *process = None;
            self.pending[number].clear();
            self.wait_weight[number] = 0;
        }
        self.last_failure = None;
    }

    /// The last process failure since [`ProcessPool::restart`], even if the process has been
    /// replaced.
    #[must_use]
    pub fn last_failure(&self) -> Option<&ProcessFailure> {
        self.failure().or(self.last_failure.as_ref())
    }

    /// Ends all processes and keeps the failure of one.
    pub(crate) fn replace(&mut self) {
        self.note_infra_error();
        self.last_failure = self.last_failure().cloned();
        self.processes.fill_with(|| None);
        self.pending.iter_mut().for_each(Vec::clear);
        self.wait_weight.fill(0);
    }

    /// The first process that failed, and why.
    #[must_use]
    pub fn failure(&self) -> Option<&ProcessFailure> {
        self.processes.iter().flatten().find_map(Process::failure)
    }

    /// The total number of started processes.
    #[must_use]
    pub fn started(&self) -> u64 {
        self.started
    }

    /// Fails if a process could not be *started*, or its exit is unknown. Those are infrastructure
    /// errors: results obtained in the meantime say nothing about the submission.
    ///
    /// # Errors
    /// The first such error since the last call.
    pub fn check(&mut self) -> io::Result<()> {
        self.note_infra_error();
        self.infra_error.take().map_or(Ok(()), Err)
    }

    /// Records an unknown exit, if there is one, and replaces the process so that it is recorded
    /// only once.
    fn note_infra_error(&mut self) {
        for process in &mut self.processes {
            let unknown = process.take_if(|process| {
                matches!(process.failure(), Some(ProcessFailure::Ended(ProcessExit::Unknown(_))))
            });
            if let Some(failure) = unknown.as_ref().and_then(Process::failure) {
                self.infra_error.get_or_insert_with(|| io::Error::other(failure.to_string()));
            }
        }
    }

    /// The number of the process for this slot.
    pub(crate) fn process_of(&self, slot: usize) -> usize {
        slot % self.processes.len()
    }

    /// The process with this number, started if necessary.
    pub(crate) fn process(&mut self, number: usize) -> Result<&mut Process, ProcessFailure> {
        let run_slot = &mut self.processes[number];
        if run_slot.is_none() {
            let started = (self.start)(number).and_then(|mut process| {
                process.limit(self.limit)?;
                Ok(process)
            });
            match started {
                Ok(process) => {
                    self.started += 1;
                    self.used[number] = false;
                    *run_slot = Some(process);
                }
                Err(error) => {
                    let failure = ProcessFailure::NotStarted(error.to_string());
                    self.infra_error.get_or_insert(error);
                    return Err(failure);
                }
            }
        }
        Ok(run_slot.as_mut().expect("it was started"))
    }
}
