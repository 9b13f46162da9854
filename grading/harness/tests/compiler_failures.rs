//! Failures of the compiler that the code did not cause are not compile errors, and are not cached.

use std::cell::Cell;
use std::fs;

use anyhow::Result;
use faultlab_harness::build::{
    BaseLabRule, CompileError, Compiler, CompilerCall, CompilerFailure, CompilerOutput, Libraries,
    Purpose, Source, Unconfined, Workspace, compile_by,
};
use faultlab_remote::ProcessExit;

/// A compiler that fails once, with its nth call.
struct FailsOnce {
    at: usize,
    calls: Cell<usize>,
    exit: ProcessExit,
    message: &'static str,
}

impl Compiler for FailsOnce {
    fn run(&self, call: CompilerCall) -> Result<CompilerOutput> {
        self.calls.set(self.calls.get() + 1);
        if self.calls.get() != self.at {
            return Unconfined.run(call);
        }
        Ok(CompilerOutput { messages: self.message.into(), exit: self.exit.clone() })
    }
}

#[test]
fn they_are_not_compile_errors_and_are_tried_again() {
    let workspace = Workspace::of_this_program().expect("the workspace is there");
    let lab = workspace.lab("lab0").expect("it can be read").expect("lab 0 is there");
    let libraries = Libraries::of(&workspace).expect("they can be built");
    let folder = tempfile::tempdir().expect("a folder");
    for file in fs::read_dir(lab.source()).expect("lab 0 is there") {
        let file = file.expect("it is readable");
        fs::copy(file.path(), folder.path().join(file.file_name())).expect("it is copied");
    }
    let no_space = "{\"message\":\"failed to write `/t/x`: No space left on device (os error 28)\",\"level\":\"error\",\
                    \"spans\":[],\"rendered\":\"error: failed to write `/t/x`: No space left on device (os error 28)\\n\"}\n";
    let failures = [
        (ProcessExit::Exited(1), no_space),
        (ProcessExit::Signalled(9), ""),
        (ProcessExit::Exited(1), "collect2: fatal error: ld terminated with signal 9 [Killed]\n"),
    ];
    // The first call compiles the student's crate, and the second links the program.
    for (number, (exit, message)) in failures.into_iter().enumerate() {
        for at in [1, 2] {
            // Other files, so that no build is cached.
            let text = format!("// {} {number} {at}\n", std::process::id());
            let added = folder.path().join("added.rs");
            fs::write(&added, text).expect("it is written");
            let source = Source::at(folder.path());
            let rule = BaseLabRule::at_home(None, &source);
            let sources = source.files(&workspace, &lab, rule).expect("they are there");
            let compile = |at| {
                let by = FailsOnce { at, calls: Cell::new(0), exit: exit.clone(), message };
                compile_by(&by, &workspace, &lab, &libraries, &sources, Purpose::Nodes)
            };
            let error = compile(at).expect_err("the compiler failed");
            assert!(error.is::<CompilerFailure>() && !error.is::<CompileError>(), "{error:#}");
            let program = compile(0).expect("it is right code, and the failure was not kept");
            assert!(program.file.is_file());
        }
    }
}
