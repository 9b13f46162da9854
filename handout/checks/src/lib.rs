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

/// Makes each chapter the documentation of a module, so that its blocks are tested.
macro_rules! chapters {
    ($($module:ident: $path:literal,)*) => {
        $(#[doc = include_str!($path)] #[cfg(doctest)] mod $module {})*
    };
}

chapters! {
    index: "../../src/index.md",
    framework: "../../src/framework.md",
    faults: "../../src/faults.md",
    tests: "../../src/tests.md",
    debugging: "../../src/debugging.md",
    lab0: "../../src/lab0.md",
    lab1: "../../src/lab1.md",
    lab1_mistakes: "../../src/lab1-mistakes.md",
    handing_in: "../../src/handing-in.md",
    faq: "../../src/faq.md",
    glossary: "../../src/glossary.md",
}

chapters! {
    instructors_index: "../../instructors/src/index.md",
    instructors_tests: "../../instructors/src/tests.md",
    instructors_mutants: "../../instructors/src/mutants.md",
    instructors_labs: "../../instructors/src/labs.md",
    instructors_course: "../../instructors/src/course.md",
    instructors_guarantees: "../../instructors/src/guarantees.md",
}
