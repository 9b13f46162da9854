//! Byzantine faults: nodes that do anything, and messages whose content changes.
//!
//! A [`Behaviour`] is a value that is put around a student's own node, or takes its place: the node says what it would
//! send, and the behaviour decides what is sent. [`Scenario::byzantine`](crate::simulate::Scenario::byzantine) gives it to
//! a node of a run. What must hold is asked of the other nodes, the correct ones.
//!
//! | behaviour | what the node does |
//! |---|---|
//! | [`Silent`](Behaviour::Silent) | sends nothing |
//! | [`Amnesia`](Behaviour::Amnesia) | forgets everything, in the middle of a run |
//! | [`Twin`](Behaviour::Twin) | there are two of it, and each other node talks to one of them |
//! | [`Equivocate`](Behaviour::Equivocate) | tells one half of the nodes something else than the other half |
//! | [`Replay`](Behaviour::Replay) | sends its earlier messages again, to any node |
//! | [`Mutate`](Behaviour::Mutate) | changes its messages |
//! | [`Spoof`](Behaviour::Spoof) | sends in the name of another node |
//! | [`Script`](Behaviour::Script) | does what the test's author has written |
//!
//! Everything is drawn from the run's seed, for each chance to misbehave alone. So a run can be repeated, and shrinking
//! can take back single misdeeds.
//!
//! Sources: Lamport, Shostak, Pease, *The Byzantine Generals Problem* (TOPLAS 1982). Two copies of correct code with one
//! identity, and small changes: Bano and others, *Twins: BFT Systems Made Robust* (OPODIS 2021); Winter and others,
//! *Randomized Testing of Byzantine Fault Tolerant Algorithms* (`ByzzFuzz`, OOPSLA 2023).
//!
//! # An example
//!
//! [Bracha's reliable broadcast](https://doi.org/10.1016/0890-5401(87)90054-X) tolerates *f* Byzantine nodes of *3f + 1*.
//! It is in `framework/tests/fixtures/bracha.rs`. Its test, `framework/tests/bracha.rs`, runs it under every behaviour,
//! shows what breaks with one node less, and catches mutants.

mod behaviour;
mod change;
mod conduct;
mod equivocate;
mod mutate;
mod replay;
mod script;
mod silent;
mod spoof;
mod twin;

pub use behaviour::Behaviour;
pub use change::Change;
pub use script::{Happening, Script, Sending, Turn};

pub use twin::Twin;

pub(crate) use conduct::{Conduct, Deed};
pub(crate) use twin::{name_of_second, talks_to_second};
