//! Several processes that share the nodes of runs between them, so that no global reaches from one
//! node of a run to another.

use std::cmp::Reverse;
use std::io;
use std::ops::Range;
use std::time::Duration;

use super::answer;
use super::ask::{Ask, Place, Then};
use super::handed::HandedHost;
use super::host::RemoteHost;
use super::process::{Death, Loss, Process};
use crate::simulate::NodeSpec;
use crate::worker::{Event, NodeFailure, Output, Payload};

/// How many texts are asked for in one exchange.
const SHOWN_AT_ONCE: usize = 512;

/// Starts the process of this number.
type Start<'f> = Box<dyn FnMut(usize) -> io::Result<Process> + Send + 'f>;

/// Processes of one submission, started as they are needed.
///
/// The node in slot `k` of every run lives in process `k mod n`. With `n` at least the number of
/// nodes of a run, no two nodes of one run share a process.
pub struct Fleet<'f> {
    start: Start<'f>,
    processes: Vec<Option<Process>>,
    trouble: Option<io::Error>,
    last_loss: Option<Loss>,
    started: u64,
    limit: Duration,
    /// By process: whether nodes have lived in it that are gone.
    used: Vec<bool>,
    /// By process: what the outstanding questions are about, in order.
    outstanding: Vec<Vec<(Place, Sort)>>,
    /// By process: how often one of these was there when it was decided which process is next, added up.
    waited: Vec<usize>,
    /// What the step that is being read did, and the command after it.
    outputs: [Output; 2],
}

/// What sort of answer a question gets.
#[derive(Clone, Copy, Debug)]
enum Sort {
    Make,
    Forget,
    Step(Follows),
}

/// What comes behind a step in its answer.
#[derive(Clone, Copy, Debug)]
enum Follows {
    Nothing,
    State,
    Command,
}

/// An answer to one of many questions. What a step did may be taken, and something else be left in its
/// place.
pub(crate) enum Answered<'a> {
    /// The node was made, or could not be.
    Made(Result<(), NodeFailure>),
    /// The nodes of a run in this process are gone.
    Forgotten,
    /// The node has handled an event, or failed.
    Stepped(Result<&'a mut Output, NodeFailure>, Followed<'a>),
}

/// What else was done in the same breath as a step.
pub(crate) enum Followed<'a> {
    /// Nothing.
    Nothing,
    /// The node's state was read.
    State(Result<&'a [u8], NodeFailure>),
    /// The client had a result, and handled its next command.
    Command(Result<&'a mut Output, NodeFailure>),
}

impl<'f> Fleet<'f> {
    /// At most `processes_max` processes, each started by `start` when the first node is to live in it.
    ///
    /// # Panics
    /// When `processes_max` is 0.
    pub fn new(
        processes_max: usize,
        start: impl FnMut(usize) -> io::Result<Process> + Send + 'f,
    ) -> Self {
        assert!(processes_max > 0, "nodes need a process to live in");
        let processes = (0..processes_max).map(|_| None).collect();
        Self {
            start: Box::new(start),
            processes,
            trouble: None,
            last_loss: None,
            started: 0,
            limit: Duration::MAX,
            used: vec![false; processes_max],
            outstanding: vec![Vec::new(); processes_max],
            waited: vec![0; processes_max],
            outputs: [Output::new(), Output::new()],
        }
    }

    /// The nodes of one run. Runs are told apart by small numbers.
    pub fn host(&mut self, run: usize) -> RemoteHost<'_, 'f> {
        RemoteHost::new(self, run, Vec::new())
    }

    /// The nodes of one run, their states kept here and handed from process to process.
    pub fn handed_host(&mut self) -> HandedHost<'_, 'f> {
        HandedHost::new(self)
    }

    /// The nodes of one run of many side by side, all made already, of these kinds by slot.
    pub(crate) fn host_among(&mut self, run: usize, kinds: Vec<String>) -> RemoteHost<'_, 'f> {
        RemoteHost::new(self, run, kinds)
    }

    /// Adds to the next exchange: make this node. As all questions here, it is not asked when the
    /// process is lost or cannot be started; [`Fleet::loss`] and [`Fleet::check`] tell.
    pub(crate) fn ask_make(&mut self, run: usize, slot: usize, spec: &NodeSpec) {
        let place = Place { run, slot };
        let NodeSpec { ref kind, address, ref arguments, .. } = *spec;
        let number = self.process_of(slot);
        self.ask(number, place, Sort::Make, Ask::Make { place, kind, address, arguments });
    }

    /// Adds to the next exchange: let this node handle an event.
    pub(crate) fn ask_step(&mut self, run: usize, slot: usize, event: Event<'_>, then: Then<'_>) {
        let place = Place { run, slot };
        let follows = match then {
            Then::Nothing => Follows::Nothing,
            Then::State => Follows::State,
            Then::Command(_) => Follows::Command,
        };
        let number = self.process_of(slot);
        self.ask(number, place, Sort::Step(follows), Ask::Step { place, event, then });
    }

    /// Adds to the next exchange of this process, whatever the slot: make this node.
    pub(crate) fn ask_make_in(&mut self, number: usize, run: usize, slot: usize, spec: &NodeSpec) {
        let place = Place { run, slot };
        let NodeSpec { ref kind, address, ref arguments, .. } = *spec;
        let number = self.process_of(number);
        self.ask(number, place, Sort::Make, Ask::Make { place, kind, address, arguments });
    }

    /// The same with an event for a node that was made there.
    pub(crate) fn ask_step_in(&mut self, number: usize, run: usize, slot: usize, event: Event<'_>) {
        let place = Place { run, slot };
        let ask = Ask::Step { place, event, then: Then::Nothing };
        self.ask(self.process_of(number), place, Sort::Step(Follows::Nothing), ask);
    }

    /// These bytes, each as the types of a kind of node show them, in order.
    pub(crate) fn show_all<'a>(
        &mut self,
        wanted: impl Iterator<Item = (&'a str, Payload, &'a [u8], bool)>,
    ) -> Vec<Result<String, NodeFailure>> {
        let mut texts = Vec::new();
        let mut wanted = wanted.peekable();
        while wanted.peek().is_some() {
            let process = match self.process(0) {
                Ok(process) => process,
                Err(loss) => {
                    texts.extend(wanted.map(|_| Err(loss.clone().into())));
                    return texts;
                }
            };
            let before = texts.len();
            let mut asked = 0;
            while asked < SHOWN_AT_ONCE
                && !process.is_full()
                && let Some((kind, what, bytes, pretty)) = wanted.next()
            {
                process.queue(Ask::Show { kind, what, bytes, pretty });
                asked += 1;
            }
            process.send();
            let received = process.receive(|_, from| {
                texts.push(answer::read_shown(from)?);
                Ok(())
            });
            if let Err(loss) = received {
                texts.resize_with(before + asked, || Err(loss.clone().into()));
            }
        }
        texts
    }

    fn ask(&mut self, number: usize, place: Place, sort: Sort, ask: Ask<'_>) {
        if let Ok(process) = self.process(number) {
            process.queue(ask);
            self.outstanding[number].push((place, sort));
        }
    }

    /// Whether answers are to come.
    pub(crate) fn is_asked(&self) -> bool {
        self.outstanding.iter().any(|outstanding| !outstanding.is_empty())
    }

    /// Sends all questions asked, to all processes at once, and gives each run and slot its answer. Those
    /// of a process that is lost meanwhile get none.
    pub(crate) fn gather_all(&mut self, mut take: impl FnMut(usize, usize, Answered<'_>)) {
        for process in self.processes.iter_mut().flatten() {
            process.send();
        }
        for number in 0..self.processes.len() {
            self.receive(number, &mut take);
        }
    }

    /// Whether so much has been asked that some of it should be gathered before more is.
    pub(crate) fn is_full(&self) -> bool {
        self.processes.iter().flatten().any(Process::is_full)
    }

    /// The same with one process alone: the one in which most questions have waited longest, but one that is full
    /// first. If it were the one with most questions, few runs would be left in the end that wait for each other's
    /// processes, with few questions in each exchange.
    pub(crate) fn gather_longest(&mut self, mut take: impl FnMut(usize, usize, Answered<'_>)) {
        for (waited, outstanding) in self.waited.iter_mut().zip(&self.outstanding) {
            *waited += outstanding.len();
        }
        let rank = |&number: &usize| {
            let is_full = self.processes[number].as_ref().is_some_and(Process::is_full);
            (is_full, self.waited[number], Reverse(number))
        };
        let longest = (0..self.processes.len()).max_by_key(rank);
        let Some(number) = longest else { return };
        if let Some(process) = &mut self.processes[number] {
            process.send();
        }
        self.receive(number, &mut take);
    }

    /// Gives each run and slot the answer that this process has for it.
    fn receive(&mut self, number: usize, take: &mut impl FnMut(usize, usize, Answered<'_>)) {
        let asked = &mut self.outstanding[number];
        let [first, second] = &mut self.outputs;
        let Some(process) = &mut self.processes[number] else { return };
        // What goes wrong stays in the process, for `loss` to tell.
        let _ = process.receive(|index, from| {
            let (place, sort) = asked[index];
            let answered = match sort {
                Sort::Make => Answered::Made(answer::read_done(from)?),
                Sort::Forget => {
                    let _ = answer::read_done(from)?;
                    Answered::Forgotten
                }
                Sort::Step(follows) => match answer::read_output(from, first)? {
                    Err(failure) => Answered::Stepped(Err(failure), Followed::Nothing),
                    Ok(()) => {
                        let followed = match follows {
                            Follows::State => Followed::State(answer::read_string(from)?),
                            Follows::Command if first.result().is_some() => {
                                let stepped = answer::read_output(from, second)?;
                                Followed::Command(stepped.map(|()| &mut *second))
                            }
                            Follows::Nothing | Follows::Command => Followed::Nothing,
                        };
                        Answered::Stepped(Ok(&mut *first), followed)
                    }
                },
            };
            take(place.run, place.slot, answered);
            Ok(())
        });
        asked.clear();
        self.waited[number] = 0;
    }

    /// Adds to the next exchange: drop the nodes of this run. How many processes are asked.
    pub(crate) fn ask_forget(&mut self, run: usize) -> usize {
        let mut asked = 0;
        for number in 0..self.processes.len() {
            let Some(process) = &mut self.processes[number] else { continue };
            process.queue(Ask::Forget { run });
            self.outstanding[number].push((Place { run, slot: number }, Sort::Forget));
            asked += 1;
        }
        asked
    }

    /// Notes that nodes are gone which lived in these processes.
    pub(crate) fn note_use(&mut self) {
        for (used, process) in self.used.iter_mut().zip(&self.processes) {
            *used |= process.is_some();
        }
    }

    /// Drops the nodes of these runs.
    pub(crate) fn forget(&mut self, runs: Range<usize>) {
        for run in runs {
            self.ask_forget(run);
        }
        self.gather_all(|_, _, _| {});
        self.note_use();
    }

    /// Ends the processes that were lost, for others to be started in their place, and forgets that they
    /// were. Whether nodes of earlier runs had lived in one of them.
    pub(crate) fn replace_lost(&mut self) -> bool {
        self.note_trouble();
        let mut used = false;
        for (number, process) in self.processes.iter_mut().enumerate() {
            if process.take_if(|process| process.loss().is_some()).is_some() {
                self.outstanding[number].clear();
                self.waited[number] = 0;
                used |= self.used[number];
            }
        }
        used
    }

    /// Lets no exchange take longer than this, from now on; and never longer than a process was made with.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn limit_exchanges(&mut self, limit: Duration) -> io::Result<()> {
        self.limit = limit;
        self.processes.iter_mut().flatten().try_for_each(|process| process.limit(limit))
    }

    /// Ends all processes. They are started again, empty, when they are needed.
    pub fn restart(&mut self) {
        self.replace();
        self.last_loss = None;
    }

    /// Ends all processes but the first, and those that were lost. They are started again, empty, when
    /// they are needed.
    pub fn restart_all_but_first(&mut self) {
        self.replace_lost();
        for (number, process) in self.processes.iter_mut().enumerate().skip(1) {
            *process = None;
            self.outstanding[number].clear();
            self.waited[number] = 0;
        }
        self.last_loss = None;
    }

    /// The last process that was lost since [`Fleet::restart`], and why, although others may have taken
    /// its place.
    #[must_use]
    pub fn last_loss(&self) -> Option<&Loss> {
        self.loss().or(self.last_loss.as_ref())
    }

    /// Ends all processes, and remembers if one was lost.
    pub(super) fn replace(&mut self) {
        self.note_trouble();
        self.last_loss = self.last_loss().cloned();
        self.processes.fill_with(|| None);
        self.outstanding.iter_mut().for_each(Vec::clear);
        self.waited.fill(0);
    }

    /// The first process that was lost, and why.
    #[must_use]
    pub fn loss(&self) -> Option<&Loss> {
        self.processes.iter().flatten().find_map(Process::loss)
    }

    /// How many processes have been started in all.
    #[must_use]
    pub fn started(&self) -> u64 {
        self.started
    }

    /// Whether a process could not be *started*, or nobody knows how one ended. That is trouble on the judge's
    /// side: whatever came of runs meanwhile says nothing about the submission.
    ///
    /// # Errors
    /// The first such trouble since the last call.
    pub fn check(&mut self) -> io::Result<()> {
        self.note_trouble();
        self.trouble.take().map_or(Ok(()), Err)
    }

    /// Notes that nobody knows how a process ended, if that is so. It is replaced, so as not to be noted twice.
    fn note_trouble(&mut self) {
        for process in &mut self.processes {
            let unknown = process
                .take_if(|process| matches!(process.loss(), Some(Loss::Ended(Death::Unknown(_)))));
            if let Some(loss) = unknown.as_ref().and_then(Process::loss) {
                self.trouble.get_or_insert_with(|| io::Error::other(loss.to_string()));
            }
        }
    }

    /// The number of the process for this slot.
    pub(super) fn process_of(&self, slot: usize) -> usize {
        slot % self.processes.len()
    }

    /// The process of this number, started if need be.
    pub(super) fn process(&mut self, number: usize) -> Result<&mut Process, Loss> {
        let place = &mut self.processes[number];
        if place.is_none() {
            let started = (self.start)(number).and_then(|mut process| {
                process.limit(self.limit)?;
                Ok(process)
            });
            match started {
                Ok(process) => {
                    self.started += 1;
                    self.used[number] = false;
                    *place = Some(process);
                }
                Err(error) => {
                    let loss =
                        Loss::Ended(Death::Otherwise(format!("could not be started: {error}")));
                    self.trouble.get_or_insert(error);
                    return Err(loss);
                }
            }
        }
        Ok(place.as_mut().expect("it was started"))
    }
}
