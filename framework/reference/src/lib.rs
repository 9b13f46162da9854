//! A reference for the engines: plain code that says what they must say, and never becomes fast.
//!
//! The search keeps numbers in place of states, leaves out orders, remembers what handlers did, and
//! shares its work between threads. The reference explorer does none of this. It holds every state in
//! full in an ordered map, goes breadth-first, and calls the handlers each time. It shares nothing with
//! the search but the traits of nodes and clients, so a mistake would have to be made twice to stay
//! unseen.
//!
//! | | |
//! |---|---|
//! | [`world`], [`timers`] | what can happen in a system: the rules of the search, once more |
//! | [`explorer`] | all states of a world, level by level |
//! | [`automaton`], [`brute`] | what watches a run; linearizability by trying all orders |
//! | [`claim`] | properties, for the search and for the reference |
//! | [`protocol`], [`service`] | random systems drawn from a seed |
//! | [`terms`] | states and paths of the search in the reference's terms |
//! | [`compare`] | one comparison a file |
//!
//! The binary `check-engines` runs the comparisons for as many seeds as wanted.

pub mod automaton;
pub mod brute;
pub mod claim;
pub mod compare;
pub mod explorer;
pub mod protocol;
pub mod service;
pub mod terms;
pub mod timers;
pub mod world;
