//! Lab 1's kinds of mistakes, each with its section of the book and hints.

use faultlab::trace::{Clue, EventKind};

use super::slip::Slip;
use crate::help::{Failure, Help, KindOfMistake, MARSHALLING};

/// A section on the page of common mistakes.
const fn mistake(section: &'static str, hints: &'static [&'static str]) -> Help {
    Help { page: "lab1-mistakes", section, hints }
}

/// The kinds of mistakes. The first that fits counts, so what a run shows comes before what a property or a part suggests.
pub(super) const KINDS: &[KindOfMistake] = &[
    KindOfMistake { fits: |it| it.test.part == 1, help: PART_1 },
    KindOfMistake {
        fits: |it| it.breaks("no handler panics") && !is_given_command(it),
        help: PANICS,
    },
    KindOfMistake { fits: |it| it.breaks("no message is larger than"), help: MARSHALLING },
    // The wrapper alone, without a network.
    KindOfMistake { fits: |it| slips(it, Slip::Unanswered), help: UNANSWERED },
    KindOfMistake { fits: |it| slips(it, Slip::RepeatedExecuted), help: EVERYTHING_EXECUTED },
    KindOfMistake { fits: |it| slips(it, Slip::LateExecuted), help: LATE_EXECUTED },
    KindOfMistake { fits: |it| slips(it, Slip::AnothersResult), help: ONE_MEMORY },
    KindOfMistake { fits: |it| slips(it, Slip::ResultByCommand), help: BY_COMMAND },
    KindOfMistake { fits: |it| is_of_wrapper(it) && forgets_nothing(it), help: FORGET },
    KindOfMistake { fits: is_of_wrapper, help: PART_3 },
    // Too much of something.
    KindOfMistake { fits: |it| forgets_nothing(it) && it.shows(&[Clue::AtClient]), help: PART_2 },
    KindOfMistake { fits: forgets_nothing, help: FORGET },
    KindOfMistake {
        fits: |it| is_about_traffic(it) && it.shows(&[Clue::ManyTimers]),
        help: TIMERS_MULTIPLY,
    },
    KindOfMistake { fits: |it| it.breaks("at most"), help: HOW_MANY_MESSAGES },
    KindOfMistake { fits: |it| it.breaks("timers do not pile up"), help: TIMERS_MULTIPLY },
    KindOfMistake {
        fits: |it| is_general(it) && (it.shows(&[Clue::Timer]) || it.shows(&[Clue::Retransmitted])),
        help: HOW_MANY_MESSAGES,
    },
    KindOfMistake {
        fits: |it| it.breaks(SILENCE) && it.shows(&[Clue::AtClient]),
        help: NEVER_SILENT,
    },
    KindOfMistake { fits: |it| it.breaks(SILENCE), help: PART_2 },
    // A result that is wrong, or none, because of what the client did.
    KindOfMistake {
        fits: |it| it.breaks("a client shows its result until the next command"),
        help: OLD_RESULT,
    },
    KindOfMistake { fits: |it| it.shows(&[Clue::AnsweredAtOnce]), help: OLD_RESULT },
    KindOfMistake { fits: |it| it.shows(&[Clue::TimerGaveResult]), help: GIVES_UP },
    KindOfMistake { fits: |it| it.shows(&[Clue::TookAnotherReply]), help: LATE_REPLY },
    KindOfMistake { fits: |it| it.shows(&[Clue::GotAnothersReply]), help: PART_2 },
    KindOfMistake {
        fits: |it| it.shows(&[Clue::RetransmissionDiffers]) && !it.shows(&[Clue::FirstRequest]),
        help: NEW_NUMBER,
    },
    // Because of what the server did.
    KindOfMistake { fits: |it| it.shows(&[Clue::RepliedToAnother]), help: PART_2 },
    KindOfMistake {
        fits: |it| it.shows(&[Clue::RepeatedRequest, Clue::NoReply]),
        help: UNANSWERED,
    },
    KindOfMistake {
        fits: |it| it.shows(&[Clue::LateRequest]) && it.test.part == 3,
        help: LATE_EXECUTED,
    },
    KindOfMistake {
        fits: |it| it.shows(&[Clue::RepeatedRequest]) && it.test.part == 3,
        help: EVERYTHING_EXECUTED,
    },
    KindOfMistake {
        fits: |it| is_not_executed(it) && it.shows(&[Clue::EqualCommandBefore]),
        help: BY_COMMAND,
    },
    KindOfMistake {
        fits: |it| is_not_executed(it) && it.shows(&[Clue::AnothersNumber]),
        help: ONE_MEMORY,
    },
    KindOfMistake {
        fits: |it| it.shows(&[Clue::FirstRequest, Clue::NoReply, Clue::OthersAnswered]),
        help: ONE_MEMORY,
    },
    KindOfMistake {
        fits: |it| it.shows(&[Clue::FirstRequest, Clue::NoReply]) && it.test.part == 2,
        help: PART_2,
    },
    KindOfMistake {
        fits: |it| it.shows(&[Clue::FirstRequest, Clue::NoReply]) && it.test.part == 3,
        help: PART_3,
    },
    // A client that waits.
    KindOfMistake {
        fits: |it| stops_asking(it) && !it.shows(&[Clue::Retransmitted]),
        help: NEVER_RETRANSMITS,
    },
    KindOfMistake { fits: stops_asking, help: GIVES_UP },
    KindOfMistake {
        fits: |it| is_about_waiting(it) && it.shows(&[Clue::ManyTimers]),
        help: TIMERS_MULTIPLY,
    },
    KindOfMistake { fits: is_about_waiting, help: HOW_LONG },
    // The store: a new command was executed, and its result is wrong.
    KindOfMistake {
        fits: |it| {
            it.shows(&[Clue::FirstRequest])
                && !it.shows(&[Clue::StateUnchanged])
                && !it.shows(&[Clue::NoReply])
        },
        help: PART_1,
    },
    KindOfMistake { fits: |it| it.test.part == 2 && !is_general(it), help: PART_2 },
    KindOfMistake { fits: |it| it.test.part == 3 && !is_general(it), help: PART_3 },
];

/// The property of a client that was answered.
const SILENCE: &str = "nobody sends when everything is answered";

/// Whether the run is one of the wrapper alone, and its command at fault slipped in this way.
fn slips(failure: &Failure<'_>, slip: Slip) -> bool {
    is_of_wrapper(failure) && failure.run.and_then(Slip::of) == Some(slip)
}

/// Whether the test gives commands to the wrapper, without a network.
fn is_of_wrapper(failure: &Failure<'_>) -> bool {
    failure.test.part == 3 && failure.test.place <= 5
}

/// Whether the run ends when a client is given a command, so that no message or timer is at fault.
fn is_given_command(failure: &Failure<'_>) -> bool {
    let last = failure.run.and_then(|run| run.events.last());
    last.is_some_and(|event| matches!(event.what, EventKind::Command { .. }))
}

fn forgets_nothing(failure: &Failure<'_>) -> bool {
    failure.breaks("what is no longer needed is forgotten")
        || failure.breaks("no node keeps more than")
}

fn is_about_traffic(failure: &Failure<'_>) -> bool {
    is_general(failure) || failure.breaks("at most") || failure.breaks("timers do not pile up")
}

/// Whether the run ended because of what every run must keep to.
fn is_general(failure: &Failure<'_>) -> bool {
    failure.breaks("limits are kept")
}

/// Whether a client asks again, and yet waits too long.
fn is_about_waiting(failure: &Failure<'_>) -> bool {
    let asks = failure.shows(&[Clue::AtClient, Clue::StillWaiting, Clue::Retransmitted])
        && !failure.shows(&[Clue::ReplyIgnored]);
    failure.breaks("a repaired network is used at once")
        || failure.breaks("no client waits longer than")
        || failure.breaks("every client gets all its results") && asks
}

/// Whether the server had not got the command before, and yet did not execute it.
fn is_not_executed(failure: &Failure<'_>) -> bool {
    failure.shows(&[Clue::FirstRequest, Clue::StateUnchanged])
}

/// Whether the client waits for ever because no request of its is on the way, and none will be.
fn stops_asking(failure: &Failure<'_>) -> bool {
    let is_idle = failure.shows(&[Clue::NoTimerPending])
        || failure.shows(&[Clue::TimerFired]) && !failure.shows(&[Clue::Retransmitted]);
    failure.shows(&[Clue::StillWaiting]) && is_idle
}

const PANICS: Help = mistake(
    "A node panics on a message that comes late",
    &[
        "The report names the line. Which assumption does it make, and about what: your own state, or a message?",
        "Which messages can arrive at this moment on a network that delays and duplicates? Include replies to earlier \
         commands, and replies that come twice.",
        "Decide for each of them what the handler does. Where a message is neither expected nor needed, the handler \
         does nothing.",
    ],
);

const OLD_RESULT: Help = mistake(
    "The client shows the old result for the new command",
    &[
        "What does `result` return directly after `send_command`? And after a second copy of the reply? Where does the \
         result come from if no message has arrived?",
        "The client has three states: no command yet, waiting for a reply, and done with a result. Which events \
         lead from one to the next?",
        "A new command forgets the old result. A reply to a command that is already answered changes nothing.",
    ],
);

const LATE_REPLY: Help = mistake(
    "The client accepts a late reply",
    &[
        "Find the event that is marked *here*. Which request does its message belong to, and what was the client \
         waiting for at that moment?",
        "The client may have sent one request several times, so it may get several replies, and some come late.",
        "A reply must say which command it answers, and the client must compare this with the command that it \
         waits for.",
    ],
);

const NEVER_SILENT: Help = mistake(
    "The client never falls silent",
    &[
        "Which timer or message made the client send its last message? To which command does it belong?",
        "A timer cannot be cancelled: it fires also when the reply has arrived. Its handler must see that.",
        "The handler retransmits only if the command for which the timer was set is still waiting for its reply, and \
         only then is the timer set again.",
    ],
);

const TIMERS_MULTIPLY: Help = mistake(
    "Timers multiply",
    &[
        "Count the timers that are pending after the third command, or after the third retransmission. How many should \
         there be?",
        "Each command sets a timer. What does the timer of an answered command do when it fires? How does the handler know \
         that a timer belongs to the current command, even if the same command is given twice in a row?",
        "A timer that belongs to an earlier command neither retransmits nor is it set again, and a retransmission sets one \
         timer. A sequence number tells equal commands apart.",
    ],
);

const HOW_LONG: Help = Help {
    page: "faq",
    section: "How long should a client wait before it retransmits?",
    hints: &[
        "What happened to the messages of the command that waited? How much time passes between two retransmissions?",
        "A client that waits longer and longer needs a bound on its wait.",
    ],
};

const HOW_MANY_MESSAGES: Help = Help {
    page: "faq",
    section: "How many messages may I send?",
    hints: &[
        "Count the messages that one command causes. Which handler sends most of them?",
        "One request for each command, and one for each timer that fires while the client waits, is enough. A timer must \
         be longer than a round trip.",
    ],
};

const NEVER_RETRANSMITS: Help = mistake(
    "The client never retransmits",
    &[
        "Follow the client's last command. Was its request lost, or its reply, and what happened afterwards?",
        "Only the client knows that it still waits. What makes it act when no message comes?",
        "Until the reply is there, each firing of the timer sends the request again and sets the timer again.",
    ],
);

const GIVES_UP: Help = Help {
    page: "lab1",
    section: "A client that gives up",
    hints: &[
        "What does the client do when its timer fires once more? Look at the last one that fired.",
        "A client that has no reply cannot know whether its command was executed, so it can neither stop nor show a \
         result.",
        "Until the reply is there, each firing of the timer sends the request again and sets the timer again.",
    ],
};

const NEW_NUMBER: Help = mistake(
    "A retransmission gets a new sequence number",
    &[
        "Compare the client's requests for its last command, field by field. What differs?",
        "How would a server know that two requests are for the same command? And the client, that a reply is for it?",
        "A sequence number belongs to the command, not to the message. It rises only when a new command is given.",
    ],
);

const UNANSWERED: Help = mistake(
    "The server does not answer a repeated command",
    &[
        "Follow the client's last command: which of its requests and replies were lost, and what did the server do \
         with the ones that arrived?",
        "A request comes again because its reply may have been lost. A server that only ignores it makes the client \
         retransmit forever.",
        "For a command that was executed before, the server sends the result that it had then.",
    ],
);

const EVERYTHING_EXECUTED: Help = mistake(
    "The server executes everything that arrives",
    &[
        "Find the event that is marked *here*. Is it the first time that this command reaches the server?",
        "The server cannot know whether a request is a copy unless the request says which command of which client it is. \
         Equal commands are different commands, and a retransmission is the same one.",
        "Three cases: a new command is executed; a repeat of the client's last one gets its old result; an older one needs \
         no answer any more, because the client has gone on.",
    ],
);

const LATE_EXECUTED: Help = mistake(
    "The server executes a late request",
    &[
        "Find the event that is marked *here*: has this command been executed before, and what does the server \
         remember of it?",
        "Copies of a request can come after later commands of the same client. A sequence number only rises, so it \
         also says which commands are older.",
        "For each client, a command is new only if its sequence number is above all that were executed.",
    ],
);

const ONE_MEMORY: Help = mistake(
    "One memory for all clients",
    &[
        "Find the event that is marked *here*. Whose command is it, and what did the server do for whom before?",
        "Two clients count their commands on their own. What does the server find when the second client's first command \
         comes?",
        "What the server remembers of one client says nothing about another: keep it for each client.",
    ],
);

const BY_COMMAND: Help = mistake(
    "The server looks up results by command",
    &[
        "Find the event that is marked *here*. Has the same command been given before? Is this one a repeat of it?",
        "A client may give an equal command again, and so may another client. What must the second one return?",
        "A client and its sequence number say which command it is. The command itself does not.",
    ],
);

const FORGET: Help = mistake(
    "The server remembers everything forever",
    &[
        "The report names the field that grows. What is in it after ten commands, and who will still ask for it?",
        "A client gives its next command only when it has the result of the one before. What does that tell the server \
         about the older results?",
        "Per client, the last sequence number and its result are enough.",
    ],
);

const PART_1: Help = Help {
    page: "lab1",
    section: "Part 1: the store",
    hints: &[
        "The report names the command and its result. Play the commands before it by hand: which result do you expect?",
        "Read the table of commands in the chapter once more: what does each return if the key does not exist?",
    ],
};

const PART_2: Help = Help {
    page: "lab1",
    section: "Part 2: at-least-once requests",
    hints: &[
        "Read the run line by line, and write down the client's state after each event. Where does it differ from what \
         you would expect?",
        "For each handler, write down which messages and timers can reach it in each state, also late and twice.",
    ],
};

const PART_3: Help = Help {
    page: "lab1",
    section: "Part 3: exactly-once semantics",
    hints: &[
        "For each command of the run, write down whether it is new, a repeat of its client's last one, or older. What \
         should happen in each case?",
        "What does the server remember of each client, and how does that change with each request?",
    ],
};
