//! Labs that build on labs: their crates are compiled in order and linked, and only those that changed.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use faultlab_harness::build::{
    BaseLab, BaseLabOrigin, BaseLabRule, CompileError, Compiler, CompilerCall, CompilerOutput,
    Libraries, Program, Purpose, Source, Unconfined, Workspace, compile_by,
};

const OWN: BaseLabRule = BaseLabRule { wanted: BaseLabOrigin::Own, in_grading: false };

/// A workspace of three labs: lab 7 builds on lab 6, and lab 8 on both. What lab 8 prints tells which
/// versions it is linked with.
struct Labs {
    folder: tempfile::TempDir,
    workspace: Workspace,
    libraries: Libraries,
}

/// The crates whose compilation was started.
#[derive(Default)]
struct Counted(RefCell<Vec<String>>);

impl Compiler for Counted {
    fn run(&self, call: CompilerCall) -> Result<CompilerOutput> {
        let arguments: Vec<_> = call.command.get_args().collect();
        let at = arguments.iter().position(|argument| *argument == "--crate-name");
        let name = at.map(|at| arguments[at + 1].to_string_lossy().into_owned());
        self.0.borrow_mut().extend(name);
        Unconfined.run(call)
    }
}

impl Counted {
    fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

const LAB6: &str = "pub fn name() -> String { String::from(\"own6\") }";
const LAB7: &str = "pub fn name() -> String { format!(\"own7({})\", lab6::name()) }";
const LAB8: &str = "pub fn print() { println!(\"{} {}\", lab6::name(), lab7::name()) }";

impl Labs {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let real = Workspace::of_this_program().expect("this is a test of the workspace");
        let libraries = Libraries::of(&real).expect("they can be built");
        let root = folder.path().canonicalize().expect("it is there");
        let target = root.join("target");
        let this = Self {
            folder,
            workspace: Workspace { root, target, profile: real.profile },
            libraries,
        };
        this.lab("lab6-six", "lab6", "", LAB6);
        this.lab("lab7-seven", "lab7", "lab6 = { path = \"../lab6-six\" }", LAB7);
        let both = "lab6 = { path = \"../lab6-six\" }\nlab7 = { path = \"../lab7-seven\" }";
        this.lab("lab8-eight", "lab8", both, LAB8);
        this
    }

    fn lab(&self, folder: &str, name: &str, dependencies: &str, code: &str) {
        let folder = format!("labs/{folder}");
        let manifest = format!("[package]\nname = \"{name}\"\n[dependencies]\n{dependencies}\n");
        self.write(&format!("{folder}/Cargo.toml"), &manifest);
        self.write(
            &format!("{folder}/tests/suite.rs"),
            &format!("fn main() {{ {name}::print() }}"),
        );
        self.write(&format!("{folder}/src/lib.rs"), code);
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, text).expect("written");
        path
    }

    /// Writes the reference solutions of labs 6 and 7.
    fn references(&self) {
        for (lab, text) in [("lab6", LAB6), ("lab7", LAB7)] {
            let solution = format!("grading/staff/solutions/{lab}/lib.rs");
            self.write(&solution, &text.replace("own", "reference"));
        }
    }

    fn compile(&self, by: &dyn Compiler, source: &Source, rule: BaseLabRule) -> Result<Program> {
        let lab = self.workspace.lab("lab8")?.expect("it is there");
        let sources = source.files(&self.workspace, &lab, rule)?;
        compile_by(by, &self.workspace, &lab, &self.libraries, &sources, Purpose::Tests)
    }

    /// What lab 8 prints, and what it says that it was built on.
    fn printed(&self, source: &Source, rule: BaseLabRule) -> Result<(String, Vec<BaseLab>)> {
        let program = self.compile(&Unconfined, source, rule)?;
        let output = Command::new(program.file).output()?;
        Ok((String::from_utf8(output.stdout)?.trim_end().to_owned(), program.base_labs))
    }
}

fn described(base_labs: &[BaseLab]) -> Vec<String> {
    base_labs.iter().map(BaseLab::describe).collect()
}

#[test]
fn own_base_labs_are_linked_and_compiled_only_when_they_change() {
    let labs = Labs::new();
    let counted = Counted::default();
    let (printed, used) = labs.printed(&Source::Lab, OWN).expect("it compiles");
    assert_eq!(printed, "own6 own7(own6)");
    assert_eq!(described(&used), ["the submission's own lab6", "the submission's own lab7"]);

    let recompiled = |path: &str, text: &str| {
        labs.write(path, text);
        labs.compile(&counted, &Source::Lab, OWN).expect("it compiles");
        counted.take()
    };
    let top = "labs/lab8-eight/src/lib.rs";
    assert_eq!(recompiled(top, LAB8), [""; 0]);
    assert_eq!(recompiled(top, &format!("{LAB8}// Changed.")), ["lab8", "suite"]);
    let lab7 = "labs/lab7-seven/src/lib.rs";
    let changed = LAB7.replace("own7", "new7");
    assert_eq!(recompiled(lab7, &changed), ["lab7", "lab8", "suite"]);
    let lab6 = "labs/lab6-six/src/lib.rs";
    let changed = LAB6.replace("own6", "new6");
    assert_eq!(recompiled(lab6, &changed), ["lab6", "lab7", "lab8", "suite"]);
    assert_eq!(labs.printed(&Source::Lab, OWN).expect("it compiles").0, "new6 new7(new6)");
}

#[test]
fn a_base_lab_that_does_not_compile_is_named() {
    let labs = Labs::new();
    labs.write("labs/lab7-seven/src/lib.rs", "pub fn name() -> u64 { \"text\" }");
    let broken = || {
        let error = labs.printed(&Source::Lab, OWN).expect_err("lab 7 does not compile");
        error.downcast::<CompileError>().expect("it is the compiler's")
    };
    let error = broken();
    assert_eq!(error.base_lab.as_deref(), Some("lab7"));
    assert!(error.plain.contains("labs/lab7-seven/src/lib.rs:1:"), "{}", error.plain);
    let hint = error.hints.last().expect("there is a hint");
    assert_eq!(
        hint,
        "this is lab7, which lab8 builds on. `./scripts/run-tests.sh lab7` tests it alone."
    );
    labs.references();
    let error = broken();
    let hint = error.hints.last().expect("there is a hint");
    assert!(hint.contains("`--base-lab reference`"), "{hint}");
}

#[test]
fn reference_solutions_are_used_where_they_are_wanted() {
    let labs = Labs::new();
    let reference = BaseLabRule { wanted: BaseLabOrigin::Reference, ..OWN };
    let error = labs.printed(&Source::Lab, reference).expect_err("students have none").to_string();
    assert!(error.starts_with("there is no reference solution of lab6 here"), "{error}");
    labs.references();
    let (printed, used) = labs.printed(&Source::Lab, reference).expect("it compiles");
    assert_eq!(printed, "reference6 reference7(reference6)");
    assert!(used.iter().all(|base| base.used == BaseLabOrigin::Reference));
}

#[test]
fn in_grading_reference_solutions_replace_what_is_absent_or_broken() {
    let labs = Labs::new();
    labs.references();
    let rule = BaseLabRule::in_grading(BaseLabOrigin::Own);
    let submission = labs.folder.path().join("submission");
    let source = Source::Folder(submission.clone());
    let printed = || labs.printed(&source, rule).expect("it can be graded");

    // The workspace's own labs are not the student's.
    labs.write("submission/lib.rs", LAB8);
    let (text, used) = printed();
    assert_eq!(text, "reference6 reference7(reference6)");
    assert_eq!(
        described(&used),
        [
            "the reference solution of lab6, because the submission contains no lab6-six",
            "the reference solution of lab7, because the submission contains no lab7-seven"
        ]
    );

    labs.write("submission/lab6-six/src/lib.rs", &LAB6.replace("own", "mine"));
    labs.write("submission/lab7-seven/src/lib.rs", &LAB7.replace("own", "mine"));
    let (text, used) = printed();
    assert_eq!(text, "mine6 mine7(mine6)");
    assert!(used.iter().all(|base| base.used == BaseLabOrigin::Own && base.reason.is_none()));

    // The reference solution of lab 7 may need more of lab 6 than the student's offers.
    labs.write("submission/lab7-seven/src/lib.rs", "pub fn name() -> u64 { \"text\" }");
    let (text, used) = printed();
    assert_eq!(text, "reference6 reference7(reference6)");
    assert_eq!(
        described(&used),
        [
            "the reference solution of lab6, because the reference solution of lab7 builds on it",
            "the reference solution of lab7, because the submission's lab7 does not compile"
        ]
    );
    let said = used[1].compile_error.as_deref().expect("what the compiler said");
    assert!(said.contains("lab7-seven/src/lib.rs:1:"), "{said}");

    // Lab 6 is replaced alone: the student's lab 7 goes with the reference solution.
    labs.write("submission/lab7-seven/src/lib.rs", LAB7);
    labs.write("submission/lab6-six/src/lib.rs", "pub fn name(");
    let (text, _) = printed();
    assert_eq!(text, "reference6 own7(reference6)");

    // What was used is known when the lab itself does not compile.
    labs.write("submission/lib.rs", "pub fn print(");
    let error = labs.printed(&source, rule).expect_err("it does not compile");
    let error = error.downcast::<CompileError>().expect("it is the compiler's");
    assert_eq!((error.base_lab, error.linked.len()), (None, 2));
}

#[test]
fn base_labs_are_found_in_a_submission_or_beside_it() {
    let labs = Labs::new();
    let printed = |folder: &Path| {
        let source = Source::at(folder);
        labs.printed(&source, BaseLabRule::at_home(None, &source)).expect("it compiles").0
    };
    let root = labs.folder.path();
    let mine = |text: &str, with: &str| text.replace("own", with);
    // Alone, it is built on the student's own.
    labs.write("alone/src/lib.rs", LAB8);
    assert_eq!(printed(&root.join("alone")), "own6 own7(own6)");
    labs.write("crates/lab8-eight/src/lib.rs", LAB8);
    labs.write("crates/lab6-six/src/lib.rs", &mine(LAB6, "beside"));
    for folder in ["crates", "crates/lab8-eight", "crates/lab8-eight/src"] {
        assert_eq!(printed(&root.join(folder)), "beside6 own7(beside6)", "{folder}");
    }
    labs.write("course/labs/lab8-eight/src/lib.rs", LAB8);
    labs.write("course/labs/lab6-six/src/lib.rs", &mine(LAB6, "other"));
    assert_eq!(printed(&root.join("course")), "other6 own7(other6)");
}

/// A base lab is as untrusted as the lab itself, and is compiled under the same rules.
#[test]
fn base_labs_may_not_do_more_than_a_lab() {
    for (code, says) in [
        ("pub fn name() -> String { unsafe { String::new() } }", "unsafe"),
        ("#![allow(unsafe_code)] pub fn name() -> String { String::new() }", "forbid"),
        ("#![crate_name = \"faultlab\"] pub fn name() -> String { String::new() }", "crate_name"),
        ("#[unsafe(no_mangle)] pub extern \"C\" fn name() -> u8 { 0 }", "no_mangle"),
        ("#![crate_type = \"proc-macro\"] pub fn name() -> String { lab7::name() }", "lab7"),
        ("pub fn name() -> String { faultlab_batch::name() }", "faultlab_batch"),
    ] {
        let labs = Labs::new();
        labs.write("labs/lab6-six/src/lib.rs", code);
        let error = labs.printed(&Source::Lab, OWN).expect_err(code);
        let error = error.downcast::<CompileError>().expect("it is the compiler's");
        assert_eq!(error.base_lab.as_deref(), Some("lab6"), "{code}: {}", error.plain);
        assert!(error.plain.contains(says), "{code}: {}", error.plain);
    }
}
