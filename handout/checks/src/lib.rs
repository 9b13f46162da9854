//! Checks the books. Every Rust block of every chapter is a doc test here; `scenes` has the runs
//! that the students' book shows; `tests/` runs its commands and inspects the built handout.

pub mod compile_errors;
pub mod front_page;
pub mod scenes;
pub mod worth;

/// Wrong solutions of lab 1, each wrong in one named way.
mod mutants {
    #![allow(missing_docs, dead_code, unused_variables, unreachable_pub, clippy::all)]
    include!(concat!(env!("OUT_DIR"), "/mutants.rs"));
}

/// Each chapter of both books is the documentation of a module, so that its blocks are tested.
#[cfg(doctest)]
mod chapters {
    include!(concat!(env!("OUT_DIR"), "/chapters.rs"));
}
