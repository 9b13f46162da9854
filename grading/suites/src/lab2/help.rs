//! Lab 2's kinds of mistakes, each with its section of the book and hints.

use super::oracle::{NO_LOST_STATE, RULES};
use crate::help::{Help, KindOfMistake};
use crate::key_value::EXACTLY_ONCE;

/// A section on the page of common mistakes.
const fn mistake(section: &'static str, hints: &'static [&'static str]) -> Help {
    Help { page: "lab2-mistakes", section, hints }
}

/// The kinds of mistakes, by property and part. The first that fits counts.
pub(super) const KINDS: &[KindOfMistake] = &[
    (
        RULES,
        None,
        mistake(
            "The view moves when it should not, or stays when it should move",
            &[
                "The report ends with the events that your view service was told. Which of them makes a new view due, or does not?",
                "Go through the rules in `ViewService` for that moment: who is alive, who is idle, is the view acknowledged?",
                "Look at who may be the next primary, and whether you also look for a new view after a ping, not only after \
                 a check.",
            ],
        ),
    ),
    (
        NO_LOST_STATE,
        None,
        mistake(
            "The view moves when it should not, or stays when it should move",
            &[
                "Which event made the view server show the second of these views?",
                "Pings come late, twice, or not at all. Which number did that ping carry, and who sent it?",
                "A view is acknowledged only by its own primary with its own number, and stays acknowledged.",
            ],
        ),
    ),
    (
        "a backup comes into place",
        None,
        mistake(
            "The backup never gets into place",
            &[
                "What does the view server show at the end? Which ping does it wait for, and from whom?",
                "The primary acknowledges a view with a backup once the backup has the state. How does it learn that?",
                "The message with the state may be lost, and its confirmation too. Who sends it again?",
            ],
        ),
    ),
    (
        "a primary and a backup are in place",
        None,
        mistake(
            "The backup never gets into place",
            &[
                "What does the view server show? Which ping does it wait for, and from whom?",
                "The primary acknowledges a view with a backup once the backup has the state. How does it learn that?",
            ],
        ),
    ),
    (
        "every client gets all its results",
        None,
        mistake(
            "Somebody waits for ever",
            &[
                "Who waits for whom at the end of the run? Which message would end it, and was it lost?",
                "Everything that a server waits for must be asked for again: the confirmation of the state, and that of a request.",
                "What does a server forget when it enters a new view? What does a client do that asks the wrong server?",
            ],
        ),
    ),
    (
        "results are right",
        None,
        mistake(
            "What was answered is gone after the crash",
            &[
                "Find the command whose effect is missing, or there twice. Which servers executed it, and in which view?",
                "At the moment of an answer, does the backup have the command? And does a new backup have everything, and \
                 remember which commands it has executed?",
                "A late copy of a transfer or of a forwarded command must change nothing.",
            ],
        ),
    ),
    (
        EXACTLY_ONCE,
        None,
        mistake(
            "Two servers answer at the same time",
            &[
                "Which server gave the impossible result, and which view did it know?",
                "A primary cannot know by itself that it still is the primary. Whom can it ask, for each command, reads too?",
                "The backup executes nothing for a server that is not the primary of its own view; and the primary answers \
                 only what its backup has confirmed in this view.",
            ],
        ),
    ),
    (
        "no client waits longer than",
        None,
        mistake(
            "Somebody waits for ever",
            &[
                "What happens during the wait? Does anybody send anything?",
                "A request that comes while another one is under way is either kept, or ignored so that the client asks again.",
            ],
        ),
    ),
    (
        "servers and clients send few messages",
        None,
        mistake(
            "Messages answer messages for ever",
            &[
                "Look at a quiet second of the run: which messages are sent, and what makes their senders send them?",
                "Pings are sent when a timer fires. What else sends one?",
                "What is sent again should be sent again by a timer, not by whatever arrives.",
            ],
        ),
    ),
];
