//! Lab 1's kinds of mistakes, each with its section of the book and hints.

use crate::help::{Help, KindOfMistake};
use crate::key_value::EXACTLY_ONCE;

/// A section on the page of common mistakes.
const fn mistake(section: &'static str, hints: &'static [&'static str]) -> Help {
    Help { page: "lab1-mistakes", section, hints }
}

/// The kinds of mistakes, by property and part. The first that fits counts.
pub(super) const KINDS: &[KindOfMistake] = &[
    (
        "no handler panics",
        None,
        mistake(
            "The client panics on a stale reply",
            &[
                "The report names the line. Which assumption does it make, and about what: your own state, or a message?",
                "Which messages can arrive at this moment on a network that delays and duplicates? Include replies to earlier \
         commands, and replies that come twice.",
                "Decide for each of them what the handler does. Where a message is neither expected nor needed, the handler \
         does nothing.",
            ],
        ),
    ),
    (
        "a client shows its result until the next command",
        None,
        mistake(
            "The client shows the old result for the new command",
            &[
                "What does `result` return directly after `send_command`? And after a second copy of the reply?",
                "The client has three states: no command yet, waiting for a reply, and done with a result. Which events \
             lead from one to the next?",
                "A new command forgets the old result. A reply to a command that is already answered changes nothing.",
            ],
        ),
    ),
    (
        "no client has a result that no server can have given",
        None,
        mistake(
            "The client accepts a late reply",
            &[
                "Find the reply that brought the wrong result. Which request does it answer?",
                "The client may have sent one request several times, so it may get several replies, and some come late.",
                "A reply must say which command it answers, and the client must compare this with the command that it \
             waits for.",
            ],
        ),
    ),
    (
        "every answered command was executed, and nothing else",
        None,
        mistake(
            "The client accepts a late reply",
            &[
                "Find the event that is marked *here*. Which request does its message belong to, and what was the client \
             waiting for at that moment?",
                "The client may have sent one request several times, so it may get several replies, and some come late.",
                "A reply must say which command it answers, and the client must compare this with the command that it \
             waits for.",
            ],
        ),
    ),
    (
        "nobody sends when everything is answered",
        None,
        mistake(
            "The client never falls silent",
            &[
                "Which timer made the node send its last message? When was it set, and for which command?",
                "A timer cannot be cancelled: it fires also when the reply has arrived. Its handler must see that.",
                "The handler retransmits only if the command for which the timer was set is still waiting for its reply, and \
         only then is the timer set again.",
            ],
        ),
    ),
    (
        "at most",
        Some(2),
        mistake(
            "Timers multiply",
            &[
                "Count the timers that are pending after the third command. How many should there be?",
                "Each command sets a timer. What does the timer of an answered command do when it fires?",
                "A timer that belongs to an earlier command is ignored: it neither retransmits nor is it set again. For this it \
         must say which command it belongs to. Equal commands are different commands.",
            ],
        ),
    ),
    (
        "timers do not pile up",
        None,
        mistake(
            "Timers multiply",
            &[
                "Count the timers that are pending after the third command. How many should there be?",
                "How does the handler know that a timer belongs to the current command? Is that still right if the same \
         command is given twice in a row?",
                "A timer that belongs to an earlier command neither retransmits nor is it set again. A sequence number tells \
         equal commands apart.",
            ],
        ),
    ),
    (
        "a repaired network is used at once",
        None,
        Help {
            page: "faq",
            section: "How long should a client wait before it retransmits?",
            hints: &[
                "How much time passes between two retransmissions at the end of the partition?",
                "A client that waits longer and longer needs a bound on its wait.",
            ],
        },
    ),
    (
        "no client waits longer than",
        None,
        Help {
            page: "faq",
            section: "How long should a client wait before it retransmits?",
            hints: &[
                "What happened to the messages of the command that waited? After which time did the client retransmit?",
                "A client that waits longer and longer needs a bound on its wait.",
            ],
        },
    ),
    (
        "no message is larger than",
        None,
        Help {
            page: "framework",
            section: "Marshalling",
            hints: &[
                "Which field of the message grows from command to command?",
                "A request needs one command, and a reply one result. The receiver remembers the rest.",
            ],
        },
    ),
    ("what is no longer needed is forgotten", None, FORGET),
    ("no node keeps more than", None, FORGET),
    (EXACTLY_ONCE, None, mistake("The server executes everything that arrives", EXECUTED_TWICE)),
    (
        "every append takes effect exactly once",
        None,
        mistake("The server executes everything that arrives", EXECUTED_TWICE),
    ),
    (
        "every client gets all its results",
        Some(3),
        mistake(
            "The server does not answer a repeated command",
            &[
                "Follow the client's last command: which of its requests and replies were lost, and what did the server do \
             with the ones that arrived?",
                "A request comes again because its reply may have been lost. A server that only ignores it makes the client \
             retransmit forever.",
                "For a command that was executed before, the server sends the result that it had then.",
            ],
        ),
    ),
    (
        "every client gets all its results",
        Some(2),
        mistake(
            "The client never retransmits",
            &[
                "Follow the client's last command. Was its request lost, or its reply, and what happened afterwards?",
                "Only the client knows that it still waits. What makes it act when no message comes?",
                "Until the reply is there, each firing of the timer sends the request again and sets the timer again.",
            ],
        ),
    ),
    (
        "no client gets a result",
        None,
        mistake(
            "The client shows the old result for the new command",
            &[
                "No reply can have arrived in this run. Where did the client's result come from?",
                "Only a reply to the current command gives the client a result.",
            ],
        ),
    ),
    (
        "",
        Some(1),
        Help {
            page: "lab1",
            section: "Part 1: the store",
            hints: &[
                "The report names the command, the expected result and yours. Play the commands before it by hand.",
                "Read the table of commands in the chapter once more: what does each return if the key does not exist?",
            ],
        },
    ),
    (
        "",
        Some(2),
        Help {
            page: "lab1",
            section: "Part 2: at-least-once requests",
            hints: &[
                "Read the run line by line, and write down the client's state after each event. Where does it differ from what \
             you would expect?",
                "For each handler, write down which messages and timers can reach it in each state, also late and twice.",
            ],
        },
    ),
    (
        "",
        Some(3),
        mistake(
            "The server executes a late request",
            &[
                "Find the event that is marked *here*: has this command been executed before, and what does the server \
         remember of it?",
                "Copies of a request can come after later commands of the same client. A sequence number only rises, so it \
         also says which commands are older.",
                "For each client, a command is new only if its sequence number is above all that were executed.",
            ],
        ),
    ),
];

/// Hints for a command that was executed twice, or at the wrong time.
const EXECUTED_TWICE: &[&str] = &[
    "Find the event that is marked *here*. Is it the first time that this command reaches the server?",
    "The server cannot know whether a request is a copy unless the request says which command of which client it is. \
     Equal commands are different commands, and a retransmission is the same one.",
    "Three cases: a new command is executed; a repeat of the client's last one gets its old result; an older one needs \
     no answer any more, because the client has gone on.",
];

/// Help with a memory that grows.
const FORGET: Help = mistake(
    "The server remembers everything forever",
    &[
        "The report names the field that grows. What is in it after ten commands, and who will still ask for it?",
        "A client gives its next command only when it has the result of the one before. What does that tell the server \
     about the older results?",
        "Per client, the last sequence number and its result are enough.",
    ],
);
