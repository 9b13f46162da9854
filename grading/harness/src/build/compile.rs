//! Compiles a submission: one `rustc` call for each base lab whose files have changed, one for the
//! student's crate, and one for the shim.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use faultlab_remote::ProcessExit;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::base_labs::Selection;
use super::cache::{self, HeldBuild};
use super::compiler_failure::Failed;
use super::hints::{Diagnostic, hints};
use super::root_errors::without_follow_up_errors;
use super::{BaseLab, Lab, Libraries, Sources, SubmissionSources, Workspace};

/// A compiled submission. Its file stays until this is dropped, or the process ends.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program's file.
    pub file: PathBuf,
    /// The base labs that are linked in.
    pub base_labs: Vec<BaseLab>,
    /// Keeps the file in the cache.
    _build: HeldBuild,
}

/// The purpose that a submission is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// For testing, with the suite and the engine linked in.
    Tests,
    /// For testing in a debugger.
    Debugger,
    /// As a node process, without suite and engine.
    Nodes,
}

/// Why a submission did not compile.
#[derive(Clone, Debug, thiserror::Error)]
#[error("it does not compile")]
pub struct CompileError {
    /// The compiler's output, with colours.
    pub rendered: String,
    /// The same without colours.
    pub plain: String,
    /// Hints about its causes.
    pub hints: Vec<String>,
    /// The base lab that does not compile, if it is not the submission's own crate.
    pub base_lab: Option<String>,
    /// The base labs that the submission was compiled against.
    pub linked: Vec<BaseLab>,
}

/// One call of the compiler.
#[derive(Debug)]
pub struct CompilerCall {
    /// The command line.
    pub command: Command,
    /// The files and folders that it must read.
    pub reads: Vec<PathBuf>,
    /// The folder that it must write to.
    pub writes: PathBuf,
}

/// The compiler's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompilerOutput {
    /// Its messages on standard error.
    pub messages: Vec<u8>,
    /// How it ended.
    pub exit: ProcessExit,
}

/// Runs the compiler, confined or not.
pub trait Compiler {
    /// Runs the compiler and waits for it to exit.
    ///
    /// # Errors
    /// When it cannot be run. This is not the submission's fault.
    fn run(&self, call: CompilerCall) -> Result<CompilerOutput>;
}

/// The compiler, unconfined.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unconfined;

impl Compiler for Unconfined {
    fn run(&self, mut call: CompilerCall) -> Result<CompilerOutput> {
        let output = call
            .command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .context("cannot run the compiler, rustc")?;
        Ok(CompilerOutput { messages: output.stderr, exit: output.status.into() })
    }
}

/// Compiles a submission, or reuses a cached build.
///
/// # Errors
/// [`CompileError`] when the submission does not compile; any other error is not its fault.
pub fn compile(
    workspace: &Workspace,
    lab: &Lab,
    libraries: &Libraries,
    sources: &SubmissionSources,
    purpose: Purpose,
) -> Result<Program> {
    compile_by(&Unconfined, workspace, lab, libraries, sources, purpose)
}

/// The same with another way to run the compiler.
///
/// # Errors
/// As [`compile`].
pub fn compile_by(
    by: &dyn Compiler,
    workspace: &Workspace,
    lab: &Lab,
    libraries: &Libraries,
    sources: &SubmissionSources,
    purpose: Purpose,
) -> Result<Program> {
    let build = Build { by, workspace, libraries, purpose };
    let (base_labs, used) = build.base_labs(lab, sources)?;
    let base_labs = needed_by(lab, &base_labs);
    let key = build.key(lab, &sources.top, &base_labs)?;
    let made = build
        .cached(lab, &key, "suite", |folder| build.program(lab, &sources.top, &base_labs, folder));
    match made {
        Ok(build) => Ok(Program { file: build.file.clone(), base_labs: used, _build: build }),
        Err(error) => Err(match error.downcast::<CompileError>() {
            Ok(error) => CompileError { linked: used, ..error }.into(),
            Err(other) => other,
        }),
    }
}

/// A compiled base lab.
struct BaseCrate {
    lab: Lab,
    /// Changes when anything does that it is compiled from.
    key: String,
    build: HeldBuild,
}

/// How crates are compiled.
struct Build<'b> {
    by: &'b dyn Compiler,
    workspace: &'b Workspace,
    libraries: &'b Libraries,
    purpose: Purpose,
}

impl Build<'_> {
    /// Compiles the base labs, in order. In grading, the reference solution replaces a student's own
    /// that does not compile.
    fn base_labs(
        &self,
        top: &Lab,
        sources: &SubmissionSources,
    ) -> Result<(Vec<BaseCrate>, Vec<BaseLab>)> {
        let mut selection = Selection::new(&sources.base_labs, sources.rule)?;
        'again: loop {
            let mut compiled = Vec::new();
            for (index, base) in sources.base_labs.iter().enumerate() {
                let error = match self.base_lab(&base.lab, selection.sources(index)?, &compiled) {
                    Ok(base) => {
                        compiled.push(base);
                        continue;
                    }
                    Err(error) => error.downcast::<CompileError>()?,
                };
                let name = &base.lab.name;
                if selection.is_reference(index) {
                    bail!("the reference solution of {name} does not compile:\n{}", error.plain);
                }
                if !sources.rule.in_grading {
                    return Err(error.of_base_lab(name, top, base.reference.is_some()).into());
                }
                // Those that were compiled are cached.
                selection.replace(index, &error)?;
                continue 'again;
            }
            return Ok((compiled, selection.into_used()));
        }
    }

    /// Compiles one base lab, or reuses it. `below` are those that are compiled already.
    fn base_lab(&self, lab: &Lab, sources: &Sources, below: &[BaseCrate]) -> Result<BaseCrate> {
        let below = needed_by(lab, below);
        let key = self.key(lab, sources, &below)?;
        let library = library_name(lab);
        let build = self.cached(lab, &key, &library, |folder| {
            self.students_crate(lab, sources, &below, folder).map(drop)
        })?;
        Ok(BaseCrate { lab: lab.clone(), key, build })
    }

    /// A cached file of a build, which `make` makes in the folder that it is given.
    fn cached(
        &self,
        lab: &Lab,
        key: &str,
        file: &str,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<HeldBuild> {
        let builds = self.workspace.cache_dir().join("builds");
        cache::cached(&builds, &format!("{}-{key}", lab.name), file, make)
    }

    /// A cache key that covers everything that a crate, or a program of it, depends on.
    fn key(&self, lab: &Lab, sources: &Sources, base_labs: &[&BaseCrate]) -> Result<String> {
        let mut hasher = DefaultHasher::new();
        let shim = fs::read(lab.shim())?;
        (&self.libraries.stamp, &sources.contents()?, shim, self.purpose).hash(&mut hasher);
        // Messages name the folder, so it is part of the key.
        (&sources.shown_as, sources.shown_as.is_none().then_some(&sources.folder))
            .hash(&mut hasher);
        for base in base_labs {
            (&base.lab.name, &base.key).hash(&mut hasher);
        }
        Ok(format!("{:016x}", hasher.finish()))
    }

    /// Compiles the student's crate and then its shim, so that names of one do not affect the
    /// other.
    fn program(
        &self,
        lab: &Lab,
        sources: &Sources,
        base_labs: &[&BaseCrate],
        folder: &Path,
    ) -> Result<()> {
        let rlib = self.students_crate(lab, sources, base_labs, folder)?;
        let shim_source = match self.purpose {
            Purpose::Tests | Purpose::Debugger => lab.shim(),
            Purpose::Nodes => {
                let source = folder.join("nodes.rs");
                fs::write(&source, nodes_only(lab)?)?;
                source
            }
        };
        let mut shim = compiler_for(self.workspace, self.libraries, self.purpose);
        // This call compiles the library code that the submission uses. The submission's own
        // assertions are compiled with its crate.
        shim.args(["-C", "debug-assertions=off"]);
        shim.args(["--crate-type", "bin", "--crate-name", "suite"]);
        shim.arg("--extern").arg(library(&crate_name(lab), &rlib));
        // The shim names the lab only. Its base labs are found where they are needed.
        find_base_labs(&mut shim, base_labs);
        shim.arg("-o").arg(folder.join("suite"));
        shim.arg(shown(self.workspace, &shim_source));
        self.run(shim, &shim_source, base_labs, folder)
    }

    /// Compiles the student's crate of a lab into a folder; returns the library. As with Cargo, the
    /// crate can name the labs among its dependencies.
    fn students_crate(
        &self,
        lab: &Lab,
        sources: &Sources,
        base_labs: &[&BaseCrate],
        folder: &Path,
    ) -> Result<PathBuf> {
        let rlib = folder.join(library_name(lab));
        let shown_as = sources.shown_as.as_deref().map(Path::new);
        let mut compiler = self.students_compiler(&sources.folder, shown_as);
        // Only link-time optimisation would read the bitcode.
        compiler.args(["-C", "embed-bitcode=no"]);
        compiler.args(["--crate-type", "rlib", "--crate-name", &crate_name(lab)]);
        for base in base_labs.iter().filter(|base| lab.builds_on.contains(&base.lab.name)) {
            compiler.arg("--extern").arg(library(&crate_name(&base.lab), &base.build.file));
        }
        find_base_labs(&mut compiler, base_labs);
        compiler.arg("-o").arg(&rlib);
        compiler.arg(shown(self.workspace, &sources.folder.join("lib.rs")));
        self.run(compiler, &sources.folder, base_labs, folder)?;
        Ok(rlib)
    }

    /// The compiler for a crate with the student's code in this folder; messages may show another
    /// name for it.
    fn students_compiler(&self, folder: &Path, shown_as: Option<&Path>) -> Command {
        let mut compiler = compiler_for(self.workspace, self.libraries, self.purpose);
        // The lab's manifest sets this too, so that `debug_assert!` behaves the same under
        // run-tests.sh and in grading.
        compiler.args(["-C", "debug-assertions=on"]);
        // The lab's manifest sets this too; a submission cannot revoke it.
        compiler.args(["-F", "unsafe_code", "-F", "long_running_const_eval"]);
        if let Some(shown_as) = shown_as {
            let mut remap = OsString::from("--remap-path-prefix=");
            remap.push(folder);
            remap.push("=");
            remap.push(shown_as);
            compiler.arg(remap);
        }
        compiler
    }

    /// Runs a compiler that reads this file or folder and these base labs, and writes to a folder.
    fn run(
        &self,
        command: Command,
        source: &Path,
        base_labs: &[&BaseCrate],
        writes: &Path,
    ) -> Result<()> {
        let mut reads: Vec<PathBuf> = self.libraries.files.values().cloned().collect();
        reads.push(self.libraries.dependencies.clone());
        reads.extend(base_labs.iter().map(|base| base.folder().to_owned()));
        reads.push(source.to_owned());
        let (needs, writes) = (reads.clone(), writes.to_owned());
        check(self.by.run(CompilerCall { command, reads, writes })?, &needs)
    }
}

impl BaseCrate {
    fn folder(&self) -> &Path {
        self.build.file.parent().unwrap_or(&self.build.file)
    }
}

/// The crates that a lab builds on, directly or not, in order.
fn needed_by<'c>(lab: &Lab, compiled: &'c [BaseCrate]) -> Vec<&'c BaseCrate> {
    let mut names: Vec<&String> = lab.builds_on.iter().collect();
    let mut needed = Vec::new();
    for base in compiled.iter().rev() {
        if names.contains(&&base.lab.name) {
            names.extend(&base.lab.builds_on);
            needed.push(base);
        }
    }
    needed.reverse();
    needed
}

impl CompileError {
    /// The error of a base lab at home, with what to do about it.
    fn of_base_lab(mut self, base: &str, top: &Lab, has_reference: bool) -> Self {
        let mut hint = format!(
            "this is {base}, which {} builds on. `./scripts/run-tests.sh {base}` tests it alone",
            top.name
        );
        if has_reference {
            hint.push_str("; `--base-lab reference` uses its reference solution instead");
        }
        self.hints.push(hint + ".");
        self.base_lab = Some(base.to_owned());
        self
    }
}

/// The lab's shim for a node process.
fn nodes_only(lab: &Lab) -> Result<String> {
    Ok(fs::read_to_string(lab.shim())? + NODES_ONLY)
}

fn crate_name(lab: &Lab) -> String {
    lab.name.replace('-', "_")
}

fn library_name(lab: &Lab) -> String {
    format!("lib{}.rlib", crate_name(lab))
}

/// Tells the compiler where base labs are that a crate depends on indirectly.
fn find_base_labs(compiler: &mut Command, base_labs: &[&BaseCrate]) {
    for base in base_labs {
        let mut dependency = OsString::from("dependency=");
        dependency.push(base.folder());
        compiler.arg("-L").arg(dependency);
    }
}

/// The compiler, with the arguments that all calls share.
fn compiler_for(workspace: &Workspace, libraries: &Libraries, purpose: Purpose) -> Command {
    let mut compiler =
        Command::new(env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc")));
    compiler.args(["--edition", "2024", "-C", "opt-level=0"]);
    // A program must behave the same under run-tests.sh and in grading.
    compiler.args(["-C", "overflow-checks=on"]);
    match purpose {
        Purpose::Debugger => compiler.args(["-C", "debuginfo=2"]),
        Purpose::Tests => compiler.args(["-C", "debuginfo=0", "-C", "strip=symbols"]),
        // A judge has one processor per submission, so splitting the work gains nothing.
        Purpose::Nodes => {
            compiler.args(["-C", "debuginfo=0", "-C", "strip=symbols", "-C", "codegen-units=1"])
        }
    };
    // Editors show warnings; here only errors matter.
    compiler.args(["-A", "warnings"]);
    compiler.args(["--error-format=json", "--json=diagnostic-rendered-ansi"]);
    let mut dependencies = OsString::from("dependency=");
    dependencies.push(&libraries.dependencies);
    compiler.arg("-L").arg(dependencies);
    for (name, file) in &libraries.files {
        compiler.arg("--extern").arg(library(name, file));
    }
    compiler.current_dir(&workspace.root);
    compiler
}

/// The `--extern` argument for a library.
fn library(name: &str, file: &Path) -> OsString {
    let mut library = OsString::from(name);
    library.push("=");
    library.push(file);
    library
}

/// Appended to a lab's shim, this replaces the harness: the program is then a node process without
/// a suite. It compiles, links and starts faster; it is started a dozen times per submission.
const NODES_ONLY: &str = "
mod faultlab_harness {
    pub mod shim {
        use faultlab::hosting::Submission;

        pub fn main(_lab: &str, submission: fn() -> Submission) -> std::process::ExitCode {
            faultlab_remote::main(&submission())
        }
    }
}
";

/// A file's path for messages, relative if the file is in the workspace.
fn shown<'a>(workspace: &Workspace, file: &'a Path) -> &'a Path {
    file.strip_prefix(&workspace.root).unwrap_or(file)
}

/// One message of the compiler. Each is a line of JSON.
#[derive(Deserialize)]
struct Line {
    message: String,
    #[serde(default)]
    code: Option<Code>,
    level: String,
    rendered: Option<String>,
    /// The places in the code.
    #[serde(default)]
    spans: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

/// Whether the compiler succeeded: if not, a [`CompileError`], or the
/// [`CompilerFailure`](super::CompilerFailure) for which the code is not to blame. `reads` are the files
/// that it needed.
fn check(said: CompilerOutput, reads: &[PathBuf]) -> Result<()> {
    if said.exit == ProcessExit::Exited(0) {
        return Ok(());
    }
    let mut rendered = String::new();
    let (mut diagnostics, mut texts) = (Vec::new(), Vec::new());
    for line in String::from_utf8_lossy(&said.messages).lines() {
        match serde_json::from_str::<Line>(line) {
            Ok(line) => {
                let text = line.rendered.unwrap_or_default();
                // The summary at the end contains nothing new.
                if line.level == "failure-note" || line.message.starts_with("aborting due to") {
                    continue;
                }
                diagnostics.push(Diagnostic {
                    code: line.code.map(|code| code.code),
                    message: line.message,
                    has_place: !line.spans.is_empty(),
                    rendered: anstream::adapter::strip_str(&text).to_string(),
                });
                texts.push(text);
            }
            // A failure of the compiler itself, or of the linker.
            Err(_) => {
                rendered.push_str(line);
                rendered.push('\n');
            }
        }
    }
    let (exit, printed) = (&said.exit, &*rendered);
    if let Some(failure) = (Failed { exit, diagnostics: &diagnostics, printed, reads }).cause() {
        return Err(failure.into());
    }
    let shown = without_follow_up_errors(&diagnostics);
    let messages: String =
        texts.iter().zip(&shown).filter(|&(_, &shown)| shown).map(|(text, _)| &**text).collect();
    rendered.insert_str(0, &messages);
    let left_out = shown.iter().filter(|&&shown| !shown).count();
    if left_out > 0 {
        let errors = if left_out == 1 { "error" } else { "errors" };
        rendered.push_str(&format!(
            "{left_out} more {errors}, probably caused by these, not shown\n\n"
        ));
    }
    let mut shown = shown.into_iter();
    diagnostics.retain(|_| shown.next().unwrap_or(true));
    if rendered.is_empty() {
        rendered = format!("the compiler {}\n", said.exit);
    }
    let plain = anstream::adapter::strip_str(&rendered).to_string();
    let hints = hints(&diagnostics);
    Err(CompileError { rendered, plain, hints, base_lab: None, linked: Vec::new() }.into())
}
