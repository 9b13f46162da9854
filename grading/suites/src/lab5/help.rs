//! Lab 5's kinds of mistakes, each with its section of the book and hints.

use crate::help::{Help, KindOfMistake};

/// A section of the lab's chapter.
const fn mistake(section: &'static str, hints: &'static [&'static str]) -> Help {
    Help { page: "lab5", section, hints }
}

/// The kinds of mistakes, by property and part. The first that fits counts.
pub(super) const KINDS: &[KindOfMistake] = &[
    (
        super::properties::CAUSAL_ORDER,
        None,
        mistake(
            "Receive, wait, deliver",
            &[
                "Find the last event. Which post was delivered in it, and what had its author delivered before?",
                "Compare the timestamp of the post with what the receiver has delivered, peer by peer. Which entry says that \
                 something is missing?",
                "A post may be delivered if it is the next one of its author, and its author had delivered nothing of \
                 anybody else that is missing here. Check that the timestamp says the latter.",
            ],
        ),
    ),
    (
        super::properties::AWAITED_IS_DELIVERED,
        None,
        mistake(
            "Receive, wait, deliver",
            &[
                "When is a text seen: when its post is received, or when it is delivered?",
                "Somebody who has seen a post may answer it. What does the timestamp of the answer say if the post is not \
                 delivered yet?",
            ],
        ),
    ),
    (
        "nobody sends when everything is answered",
        None,
        mistake(
            "Loss and copies",
            &[
                "Which message is sent again at the end of the run, and what does its sender wait for?",
                "An acknowledgement can be lost, too. What does the receiver of a copy do?",
            ],
        ),
    ),
    (
        "every client gets all its results",
        Some(3),
        mistake(
            "Loss and copies",
            &[
                "Which post is missing at the peer that waits? Find its message, and what became of it.",
                "Who must receive a post before its author may stop sending it?",
            ],
        ),
    ),
    (
        "every client gets all its results",
        None,
        mistake(
            "Receive, wait, deliver",
            &[
                "Was the post received by the peer that waits? If so, what keeps it from being delivered?",
                "A post that is delivered may be what others waited for. Look at all of them again, and then once more.",
            ],
        ),
    ),
];
