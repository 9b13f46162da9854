//! A reference for the engines: a simple and slow implementation with which their results are compared.
//!
//! The search stores numbers instead of states, skips orders, memoises handlers, and uses several threads.
//! The reference explorer does none of this. It stores every state in full in an ordered set, explores
//! breadth-first, and calls the handlers each time. It shares only the traits of nodes and clients with the
//! search, so a bug stays undetected only if both implementations have it.
//!
//! | | |
//! |---|---|
//! | [`world`], [`timers`], [`disk`] | the possible events of a system: a second implementation of the search's rules |
//! | [`explorer`] | all states of a world, level by level |
//! | [`fairness`] | fair runs that go on for ever, by trying all sets of messages that they do not send |
//! | [`automaton`], [`brute`] | monitors; linearizability by trying all orders |
//! | [`claim`] | properties, for the search and for the reference |
//! | [`protocol`], [`service`] | random systems drawn from a seed |
//! | [`terms`] | states and paths of the search in the reference's terms |
//! | [`compare`] | the comparisons, one per file |
//!
//! The binary `check-engines` runs the comparisons for any number of seeds.

pub mod automaton;
pub mod brute;
pub mod claim;
pub mod compare;
pub mod disk;
pub mod explorer;
pub mod fairness;
pub mod protocol;
pub mod service;
pub mod terms;
pub mod timers;
pub mod world;
