//! What the students' book shows is what the tools say today. `cargo run -p faultlab-handout --bin regenerate
//! handout/src/out` brings it up to date.

mod common;

use std::fs;
use std::path::Path;

use common::root;
use faultlab_handout::{compile_errors, scenes, worth};

fn in_the_book(name: &str) -> String {
    let path = root().join("handout/src/out").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn runs_are_as_shown() {
    for scene in scenes::all() {
        let name = format!("{}.txt", scene.name);
        assert!(in_the_book(&name) == scene.draw(), "{name} is now:\n{}", scene.draw());
    }
}

#[test]
fn every_mistake_breaks_a_property() {
    for scene in scenes::all() {
        let drawn = scene.draw();
        let is_mistake = scene.name.starts_with("mistakes/");
        let broke = drawn.contains("\nBroken: ") || drawn.contains("\nFailed: ");
        assert_eq!(broke, is_mistake, "{}:\n{drawn}", scene.name);
    }
}

#[test]
fn points_are_as_shown() {
    let suites = worth::shown(&root().join("handout/src"));
    assert!(suites.iter().any(|suite| suite.lab() == "lab1"), "{suites:?}");
    for suite in suites {
        let points = |end: &str| in_the_book(&format!("{}-points.{end}", suite.lab()));
        assert_eq!(points("md"), worth::parts(&suite));
        assert_eq!(points("txt"), worth::tests(&suite));
    }
}

/// The compiler's words change from version to version; what it complains about does not.
#[test]
fn compile_errors_are_as_shown() {
    // Cargo knows what of the framework it has checked here before.
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile-errors");
    let names = compile_errors::all().expect("the folder of wrong files");
    assert!(names.len() >= 7, "{names:?}");
    for name in names {
        let message = compile_errors::message(&name, &scratch.join("mine")).expect("a message");
        let shown = in_the_book(&format!("errors/{name}.txt"));
        assert_eq!(shown.lines().next(), message.lines().next(), "{name}");
    }
}
