//! A node process is compiled by one `rustc` call if the result is the same as with two, and by two
//! otherwise.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use anyhow::Result;
use faultlab_harness::build::{
    self, CompileError, Compiler, CompilerCall, CompilerOutput, Libraries, Purpose, Source,
    Unconfined, Workspace,
};

/// A compiler that counts its calls, and optionally stops the first.
#[derive(Default)]
struct Counting {
    calls: Cell<u32>,
    is_stopped: bool,
}

impl Compiler for Counting {
    fn run(&self, call: CompilerCall) -> Result<CompilerOutput> {
        self.calls.set(self.calls.get() + 1);
        if self.is_stopped {
            let messages = b"error: the compiler took too long\n".to_vec();
            return Ok(CompilerOutput {
                messages,
                failed: Some("stopped".to_owned()),
                stopped: true,
            });
        }
        Unconfined.run(call)
    }
}

/// Compiles the reference solution of lab 1 with a changed `lib.rs`. Returns the compiler's errors, if any, and the
/// number of its calls.
fn compiled(by: &Counting, change: impl Fn(String) -> String) -> (Result<(), String>, u32) {
    let workspace = Workspace::of_this_program().expect("the workspace is there");
    let libraries = Libraries::of(&workspace).expect("they can be built");
    let lab = workspace.lab("lab1").expect("lab 1 is there");
    let folder = tempfile::tempdir().expect("a folder");
    let solution = Path::new(env!("CARGO_MANIFEST_DIR")).join("../staff/solutions/lab1");
    for entry in fs::read_dir(solution).expect("it is there") {
        let entry = entry.expect("it is readable");
        fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("it is copied");
    }
    let root = folder.path().join("lib.rs");
    let source = fs::read_to_string(&root).expect("it is readable");
    // A unique comment, so that no build is cached.
    let source = format!("//! {}\n{source}", folder.path().display());
    fs::write(root, change(source)).expect("it is written");
    let sources = Source::at(folder.path()).files(&workspace, &lab).expect("they are there");
    let program = build::compile_by(by, &workspace, &lab, &libraries, &sources, Purpose::Nodes);
    let said = program.map(|program| {
        fs::remove_dir_all(program.file.parent().expect("a folder")).expect("it can be removed");
    });
    let plain = |error: anyhow::Error| {
        error.downcast_ref::<CompileError>().expect("a compile error").plain.clone()
    };
    (said.map_err(plain), by.calls.get())
}

#[test]
fn one_call_is_enough_if_the_meaning_is_the_same() {
    assert_eq!(compiled(&Counting::default(), |source| source), (Ok(()), 1));
    let takes_a_name = |source| {
        source
            + "extern crate lab1_api as api;\n\
                  extern crate self as lab1_api;\n\
                  pub use api::*;\n"
    };
    assert_eq!(compiled(&Counting::default(), takes_a_name), (Ok(()), 1));
}

#[test]
fn a_name_clash_falls_back_to_two_crates() {
    // The copy with the shim, the crate, and the shim.
    assert_eq!(compiled(&Counting::default(), |source| source + "\nfn main() {}\n"), (Ok(()), 3));
    let own_name = |source| source + "\nextern crate self as lab1;\nuse lab1::Lab as _;\n";
    assert_eq!(compiled(&Counting::default(), own_name), (Ok(()), 1));
}

#[test]
fn errors_of_two_crates_are_errors_of_one_crate() {
    let is_private = |source: String| source.replace("pub struct Lab;", "struct Lab;");
    let (said, _) = compiled(&Counting::default(), is_private);
    assert!(said.expect_err("it is private").contains("private"));
    let own_name = |source| source + "\npub use lab1::Lab as Same;\n";
    let (said, _) = compiled(&Counting::default(), own_name);
    assert!(said.expect_err("a crate does not know its name").contains("lab1"));
    for dangling in ["/// Of what?\n", "#[allow(dead_code)]", "/** } */", "// {}\n/// }"] {
        let (said, calls) = compiled(&Counting::default(), |source| source + dangling);
        assert!(said.expect_err(dangling).contains("lib.rs"), "{dangling}");
        assert_eq!(calls, 1, "{dangling}");
    }
    let remark = |source| source + "\n// The end.\n";
    assert_eq!(compiled(&Counting::default(), remark), (Ok(()), 1));
    let remark = |source: String| source.trim_end().to_owned() + " // The end.\n";
    assert_eq!(compiled(&Counting::default(), remark), (Ok(()), 2));
}

#[test]
fn a_stopped_compiler_is_not_retried() {
    let stopping = Counting { is_stopped: true, ..Counting::default() };
    let (said, calls) = compiled(&stopping, |source| source);
    assert!(said.expect_err("it was stopped").contains("took too long"));
    assert_eq!(calls, 1);
}
