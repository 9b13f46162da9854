//! Clues: what a failing run shows about the kind of mistake behind it, in words that a lab can ask for.
//!
//! They follow from the event at fault ([`culprit`](super::culprit)) and from the operation that the violation is about. Like
//! these they are a guess, and know nothing of what messages and commands mean.

use std::collections::BTreeSet;

use super::causality::Causality;
use super::culprit::{Analysis, Walk};
use super::growth::most_pending_timers;
use super::show::excerpt::is_without_effect;
use super::{Ending, Engine, EventKind, SentMessage, Trace, TraceEvent};
use crate::Address;

/// With so many timers pending at one node at one moment, they pile up.
const MANY_TIMERS: u64 = 8;

/// Something that a failing run shows. The *operation* is the one that the violation is about, or else the one to which the
/// event at fault belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clue {
    /// The event at fault happened at a client.
    AtClient,
    /// The event at fault is a command whose result was there at once, before any message.
    AnsweredAtOnce,
    /// In the event at fault, a client took the reply to another of its commands for the one it waited for.
    TookAnotherReply,
    /// In the event at fault, a client got a message that answers another client's command.
    GotAnothersReply,
    /// In the event at fault, a timer fired, and the client had a result.
    TimerGaveResult,
    /// The event at fault is a timer.
    Timer,
    /// The event at fault is a request for a command that the node had not got before.
    FirstRequest,
    /// The event at fault is a request that the node had got before, for the client's newest command there.
    RepeatedRequest,
    /// The event at fault is a request that came after one for a newer command of its client.
    LateRequest,
    /// The event at fault left the node's state as it was.
    StateUnchanged,
    /// In the event at fault, a request made the node send nothing.
    NoReply,
    /// In the event at fault, a request made the node send a message to another client.
    RepliedToAnother,
    /// The node at fault had answered another client before.
    OthersAnswered,
    /// An equal command had been requested there before, with the same result if there is one.
    EqualCommandBefore,
    /// A request that differs in the command alone had come there before from another client, but none from the same client,
    /// with the same result if there is one.
    AnothersNumber,
    /// The client sent the operation's request more than once.
    Retransmitted,
    /// A retransmission of the operation's request is not equal to the request.
    RetransmissionDiffers,
    /// A reply to the operation's command came while the client waited for it, and changed nothing.
    ReplyIgnored,
    /// The client waits for a result until the run ends.
    StillWaiting,
    /// A timer that the client set for the operation fired.
    TimerFired,
    /// The client waits until the run ends, and no timer is pending that it set for the operation.
    NoTimerPending,
    /// Timers pile up at a node.
    ManyTimers,
}

impl Clue {
    /// What a failing run shows.
    #[must_use]
    pub fn all_in(trace: &Trace) -> BTreeSet<Self> {
        let causality = Causality::new(&trace.events);
        let culprit = Analysis::new(trace, &causality).culprit;
        let walk = Walk::new(&trace.events, &causality);
        let reader = Reader { events: &trace.events, walk: &walk };
        let violation = match &trace.ending {
            Some(Ending::Violated(violation)) => Some(violation),
            _ => None,
        };
        let is_search = trace.header.engine == Engine::Search;
        let operation = violation
            .and_then(|violation| reader.walk.in_question(violation, is_search))
            .or_else(|| culprit.and_then(|culprit| reader.walk.calls[culprit]));
        let mut clues = BTreeSet::new();
        clues.extend(
            (most_pending_timers(&trace.events) >= MANY_TIMERS).then_some(Self::ManyTimers),
        );
        if let Some(culprit) = culprit {
            reader.of_event(culprit, &causality, &mut clues);
        }
        if let Some(call) = operation {
            reader.of_operation(call, &mut clues);
        }
        // The requests of the event at fault may belong to an earlier operation.
        if let Some(call) = culprit.and_then(|culprit| reader.walk.calls[culprit])
            && reader.retransmission_differs(call)
        {
            clues.insert(Self::RetransmissionDiffers);
        }
        clues
    }
}

/// Reads clues from the events of a run.
struct Reader<'a> {
    events: &'a [TraceEvent],
    walk: &'a Walk<'a>,
}

impl Reader<'_> {
    /// The clues of the event at fault.
    fn of_event(&self, index: usize, causality: &Causality, clues: &mut BTreeSet<Clue>) {
        let event = &self.events[index];
        let Some(node) = event.what.node() else { return };
        let gives_result = self.events.get(index + 1).is_some_and(
            |next| matches!(next.what, EventKind::Return { node: client, .. } if client == node),
        );
        let current = self.current_call(node, index);
        clues.extend(current.map(|_| Clue::AtClient));
        clues.extend(event.state.is_none().then_some(Clue::StateUnchanged));
        match &event.what {
            EventKind::Command { .. } => {
                let returned = self.walk.returns.get(&index);
                let before = returned.and_then(|&returned| causality.earlier(returned));
                clues.extend((before == Some(index)).then_some(Clue::AnsweredAtOnce));
            }
            EventKind::Fire { .. } => {
                clues.insert(Clue::Timer);
                clues.extend(gives_result.then_some(Clue::TimerGaveResult));
            }
            EventKind::Deliver { .. } if current.is_some() => {
                let answered = self.walk.calls[index];
                let is_own = answered.is_some_and(|call| self.client(call) == Some(node));
                if is_own && answered != current {
                    clues.insert(Clue::TookAnotherReply);
                } else if answered.is_some() && !is_own {
                    clues.insert(Clue::GotAnothersReply);
                }
            }
            EventKind::Deliver { from, message, .. } => {
                if let Some(call) = self.walk.calls[index]
                    && self.client(call) == Some(*from)
                {
                    self.of_request(index, call, node, *from, message, clues);
                }
            }
            _ => {}
        }
    }

    /// The clues of the event at fault if it is a client's request.
    fn of_request(
        &self,
        index: usize,
        call: usize,
        node: Address,
        client: Address,
        message: &str,
        clues: &mut BTreeSet<Clue>,
    ) {
        let before = || {
            self.events[..index].iter().enumerate().filter_map(|(at, event)| match &event.what {
                EventKind::Deliver { node: to, from, message, .. } if *to == node => {
                    Some((at, *from, message.as_str(), self.walk.calls[at]?))
                }
                _ => None,
            })
        };
        let newer = before().any(|(_, from, _, other)| from == client && other > call);
        clues.insert(match (newer, self.walk.is_stale(index)) {
            (true, _) => Clue::LateRequest,
            (false, true) => Clue::RepeatedRequest,
            (false, false) => Clue::FirstRequest,
        });
        let sent = &self.events[index].sent;
        clues.extend(sent.is_empty().then_some(Clue::NoReply));
        let is_other_client =
            |to: Address| to != client && self.current_call(to, self.events.len() - 1).is_some();
        let misdirected = sent.iter().any(|sent| is_other_client(sent.to));
        clues.extend(misdirected.then_some(Clue::RepliedToAnother));
        let others = before().any(|(at, from, _, _)| {
            from != client && self.events[at].sent.iter().any(|sent| sent.to == from)
        });
        clues.extend(others.then_some(Clue::OthersAnswered));
        let result = self.result(call);
        let without = |message: &str, call| Some(message.replacen(self.command(call)?, "", 1));
        let number = without(message, call);
        let (mut anothers, mut own) = (false, false);
        for (_, from, other_message, other) in before().filter(|(.., other)| *other != call) {
            if result.is_some() && self.result(other) != result {
                continue;
            }
            let is_equal = self.command(other) == self.command(call);
            clues.extend(is_equal.then_some(Clue::EqualCommandBefore));
            let is_same_number = without(other_message, other) == number;
            anothers |= is_same_number && from != client;
            own |= is_same_number && from == client;
        }
        clues.extend((anothers && !own).then_some(Clue::AnothersNumber));
    }

    /// The clues of the operation in question.
    fn of_operation(&self, call: usize, clues: &mut BTreeSet<Clue>) {
        let Some(client) = self.client(call) else { return };
        let returned = self.walk.returns.get(&call).copied();
        let end = returned.unwrap_or(self.events.len());
        let part = || {
            (call..end).filter(|&index| {
                self.walk.calls[index] == Some(call)
                    && self.events[index].what.node() == Some(client)
            })
        };
        let sends = part().filter(|&index| {
            index == call || matches!(self.events[index].what, EventKind::Fire { .. })
        });
        let sends = sends.filter(|&index| !self.events[index].sent.is_empty()).count();
        clues.extend((sends > 1).then_some(Clue::Retransmitted));
        clues.extend(self.retransmission_differs(call).then_some(Clue::RetransmissionDiffers));
        let ignored = part().any(|index| {
            matches!(self.events[index].what, EventKind::Deliver { .. })
                && is_without_effect(self.events, index)
        });
        clues.extend(ignored.then_some(Clue::ReplyIgnored));
        let mut pending = BTreeSet::new();
        let mut fired = false;
        for index in part() {
            pending.extend(self.events[index].timers.iter().map(|timer| timer.id));
            if let EventKind::Fire { id, .. } = &self.events[index].what {
                fired |= pending.remove(id);
            }
        }
        clues.extend(fired.then_some(Clue::TimerFired));
        if returned.is_none() {
            clues.insert(Clue::StillWaiting);
            clues.extend(pending.is_empty().then_some(Clue::NoTimerPending));
        }
    }

    /// Whether a client's later messages for a call differ from the first one to the same node.
    fn retransmission_differs(&self, call: usize) -> bool {
        let client = self.client(call);
        let end = self.walk.returns.get(&call).copied().unwrap_or(self.events.len());
        let sends = (call..end).filter(|&index| {
            let event = &self.events[index];
            let is_own = index == call || matches!(event.what, EventKind::Fire { .. });
            is_own && self.walk.calls[index] == Some(call) && event.what.node() == client
        });
        let sent: Vec<&SentMessage> = sends.flat_map(|index| &self.events[index].sent).collect();
        sent.first().is_some_and(|first| {
            sent.iter().any(|other| other.to == first.to && other.message != first.message)
        })
    }

    /// The last command that a node had been given by this event.
    fn current_call(&self, node: Address, index: usize) -> Option<usize> {
        self.events[..=index].iter().rposition(
            |event| matches!(event.what, EventKind::Command { node: client, .. } if client == node),
        )
    }

    fn client(&self, call: usize) -> Option<Address> {
        self.events[call].what.node()
    }

    fn command(&self, call: usize) -> Option<&str> {
        match &self.events[call].what {
            EventKind::Command { command, .. } => Some(command),
            _ => None,
        }
    }

    fn result(&self, call: usize) -> Option<&str> {
        match &self.events[*self.walk.returns.get(&call)?].what {
            EventKind::Return { result, .. } => Some(result),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FaultModel;
    use crate::property::{Subject, Violation};
    use crate::trace::{CopyKind, Fate, Header, Origin, SetTimer};

    /// Builds a run of one client and one server.
    struct Run {
        client: Address,
        server: Address,
        events: Vec<TraceEvent>,
    }

    impl Run {
        fn new() -> Self {
            let (client, server) = (Address::new("client1"), Address::new("server1"));
            Self { client, server, events: Vec::new() }
        }

        fn add(mut self, what: EventKind) -> Self {
            self.events.push(TraceEvent::new(Some(self.events.len() as u64), what));
            self
        }

        fn command(self, command: &str) -> Self {
            let (node, command) = (self.client, command.to_owned());
            self.add(EventKind::Command { node, command, value: serde_json::Value::Null })
        }

        fn returns(self, result: &str) -> Self {
            let (node, result) = (self.client, result.to_owned());
            self.add(EventKind::Return { node, result, value: serde_json::Value::Null })
        }

        fn deliver(self, id: u64, message: &str) -> Self {
            let link = (self.client, self.server);
            self.add(EventKind::deliver(link, id, message.to_owned(), CopyKind::Original))
        }

        fn fire(self, id: u64) -> Self {
            let client = self.client;
            self.add(EventKind::fire(client, id, "Retry".to_owned()))
        }

        /// The last event sends a message.
        fn sending(mut self, id: u64, message: &str) -> Self {
            let last = self.events.last_mut().expect("there is an event");
            let is_server = last.what.node() == Some(self.server);
            let to = if is_server { self.client } else { self.server };
            let (message, fate) = (message.to_owned(), Fate::Once);
            last.sent.push(SentMessage { id, to, message, fate, misbehaviour: None });
            self
        }

        /// The last event sets a timer.
        fn setting(mut self, id: u64) -> Self {
            let last = self.events.last_mut().expect("there is an event");
            last.timers.push(SetTimer { id, timer: "Retry".to_owned(), min_ns: 1, max_ns: 1 });
            self
        }

        fn clues(self, about: Subject) -> BTreeSet<Clue> {
            let nodes = vec![self.client, self.server];
            let (origin, model) = (Origin::default(), FaultModel::default());
            Clue::all_in(&Trace {
                header: Header::new(Engine::Simulate, &origin, 1, model, nodes),
                events: self.events,
                ending: Some(Ending::Violated(Violation {
                    property: "it holds".to_owned(),
                    expected: "this".to_owned(),
                    seen: "that".to_owned(),
                    about: Some(Box::new(about)),
                })),
            })
        }

        fn waiting(self) -> BTreeSet<Clue> {
            let client = self.client;
            self.clues(Subject::wait(client, 0))
        }
    }

    fn asked() -> Run {
        Run::new().command("Get").sending(1, "Request 1 Get").setting(1)
    }

    #[test]
    fn a_client_that_never_retransmits_is_told_from_one_that_does() {
        let never = asked().fire(1).waiting();
        let clues = [Clue::StillWaiting, Clue::TimerFired, Clue::NoTimerPending];
        assert!(clues.iter().all(|clue| never.contains(clue)), "{never:?}");
        assert!(!never.contains(&Clue::Retransmitted), "{never:?}");
        let again = asked().fire(1).sending(2, "Request 1 Get").setting(2).waiting();
        assert!(again.contains(&Clue::Retransmitted), "{again:?}");
        assert!(!again.contains(&Clue::NoTimerPending), "{again:?}");
        assert!(!again.contains(&Clue::RetransmissionDiffers), "{again:?}");
        let other = asked().fire(1).sending(2, "Request 2 Get").setting(2).waiting();
        assert!(other.contains(&Clue::RetransmissionDiffers), "{other:?}");
    }

    #[test]
    fn a_repeated_request_is_told_from_a_new_one() {
        let first = asked().deliver(1, "Request 1 Get").waiting();
        assert!(first.contains(&Clue::FirstRequest) && first.contains(&Clue::NoReply), "{first:?}");
        let run = asked().deliver(1, "Request 1 Get").sending(3, "Reply 1");
        let run = run.fire(1).sending(2, "Request 1 Get").setting(2);
        let repeated = run.deliver(2, "Request 1 Get").waiting();
        assert!(repeated.contains(&Clue::RepeatedRequest), "{repeated:?}");
        assert!(repeated.contains(&Clue::NoReply), "{repeated:?}");
        assert!(!repeated.contains(&Clue::FirstRequest), "{repeated:?}");
    }

    #[test]
    fn a_result_that_was_there_at_once_is_seen() {
        let run = Run::new().command("Get").returns("a").command("Put").returns("a");
        let client = run.client;
        let clues = run.clues(Subject::operation(client, 1));
        assert!(clues.contains(&Clue::AnsweredAtOnce), "{clues:?}");
    }
}
