//! Hidden tests and seeds, which students do not have.
//!
//! A folder `--hidden DIR` may contain `tests.rs`, with a `pub fn parts() ->
//! Vec<faultlab_suites::Part>`, and `seed`, with the suite's seed. The tests are compiled into a
//! separate grader next to this one, which no submission can read.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail};
use faultlab_harness::build::{Libraries, Workspace};
use faultlab_suites::{Part, Suite, TestNumber};

use crate::store;

/// The hidden tests and seed that are compiled into a program.
#[derive(Clone, Copy, Debug)]
pub struct Compiled {
    /// Returns the hidden parts of the suite.
    pub parts: fn() -> Vec<Part>,
    /// The suite's seed.
    pub seed: Option<u64>,
    /// The hash of both.
    pub hash: &'static str,
}

/// The hidden tests and seed of this program.
static COMPILED: OnceLock<Compiled> = OnceLock::new();

/// Sets the hidden tests and seed of this process.
pub(crate) fn set(compiled: Compiled) {
    let _ = COMPILED.set(compiled);
}

/// The hidden seed and the hash of this program, if it has hidden tests or a hidden seed.
pub(crate) fn compiled() -> Option<(Option<u64>, String)> {
    COMPILED.get().map(|compiled| (compiled.seed, compiled.hash.to_owned()))
}

/// A suite with the hidden parts added.
pub(super) fn add_to(suite: Suite) -> Suite {
    parts().into_iter().fold(suite, Suite::part)
}

/// The numbers of the hidden tests.
pub(super) fn numbers() -> Vec<TestNumber> {
    parts().iter().flat_map(Part::all_tests).map(faultlab_suites::Test::number).collect()
}

fn parts() -> Vec<Part> {
    COMPILED.get().map(|compiled| (compiled.parts)()).unwrap_or_default()
}

/// The contents of a folder of hidden tests and seeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The file with the tests.
    pub tests: Option<PathBuf>,
    /// The suite's seed.
    pub seed: Option<u64>,
    /// The hash of both.
    pub hash: String,
}

impl Hidden {
    /// Reads the folder.
    ///
    /// # Errors
    /// When it contains neither tests nor a seed, or the seed is not a number.
    pub fn read(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            bail!("{} is not a folder", folder.display());
        }
        let tests = folder.join("tests.rs");
        let tests = tests.is_file().then_some(tests);
        let seed = fs::read_to_string(folder.join("seed")).ok();
        if tests.is_none() && seed.is_none() {
            bail!("{} contains neither tests.rs nor seed", folder.display());
        }
        let text = tests.as_ref().map(fs::read_to_string).transpose()?.unwrap_or_default();
        let hash = store::hash(&[("tests", &text), ("seed", seed.as_deref().unwrap_or_default())]);
        let seed = seed.map(|seed| seed.trim().parse::<u64>());
        let seed = seed.transpose().with_context(|| format!("{}/seed", folder.display()))?;
        Ok(Self { tests, seed, hash })
    }

    /// The grader with the hidden tests, compiled if needed; `None` if there are only seeds.
    ///
    /// # Errors
    /// When the tests do not compile.
    pub fn grader(&self, workspace: &Workspace) -> Result<Option<PathBuf>> {
        self.tests.as_ref().map(|_| self.program(workspace)).transpose()
    }

    /// A grader with the hidden tests and the hidden seed, compiled if needed.
    ///
    /// # Errors
    /// When the tests do not compile.
    pub fn program(&self, workspace: &Workspace) -> Result<PathBuf> {
        let this = env::current_exe().context("cannot locate this program")?;
        let place = this.parent().context("this program is in no folder")?;
        // After the grader has been rebuilt, the hidden tests must be recompiled.
        let built = fs::metadata(&this)?.modified()?;
        let program = place.join(format!("grade-hidden-{}", &self.hash[..16]));
        if fs::metadata(&program).and_then(|known| known.modified()).is_ok_and(|at| at > built) {
            return Ok(program);
        }
        let libraries = Libraries::of_package(workspace, "faultlab-batch")?;
        // Compiled aside, and then moved: another grader may compile the same tests at the same time.
        let aside = tempfile::tempdir_in(place).context("no temporary folder can be made")?;
        let (main, compiled) = (aside.path().join("main.rs"), aside.path().join("grade-hidden"));
        let tests = match &self.tests {
            Some(tests) => format!("#[path = {:?}]\nmod hidden;\n", tests.canonicalize()?),
            None => "mod hidden { pub fn parts() -> Vec<faultlab_suites::Part> { Vec::new() } }\n"
                .to_owned(),
        };
        let (seed, hash) = (self.seed, &self.hash);
        let text = format!(
            "{tests}\nfn main() -> std::process::ExitCode {{\n    \
             faultlab_batch::cli::main_with(faultlab_batch::judge::hidden::Compiled {{\n        \
             parts: hidden::parts,\n        seed: {seed:?},\n        hash: {hash:?},\n    }})\n}}\n"
        );
        store::write(&main, text.as_bytes())?;
        let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        command.args(["--edition", "2024", "--crate-type", "bin", "--crate-name", "grade_hidden"]);
        let mut dependencies = OsString::from("dependency=");
        dependencies.push(&libraries.dependencies);
        command.arg("-L").arg(dependencies);
        for (name, file) in &libraries.files {
            let mut library = OsString::from(format!("{name}="));
            library.push(file);
            command.arg("--extern").arg(library);
        }
        let output = command.arg("-o").arg(&compiled).arg(&main).stdin(Stdio::null()).output()?;
        if !output.status.success() {
            bail!("the hidden tests do not compile:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        fs::rename(&compiled, &program)?;
        Ok(program)
    }
}

/// Checks that hidden parts fit a suite: their numbers must be unused.
///
/// # Errors
/// When a part has the number of a public one.
pub(super) fn check(suite: &Suite) -> Result<()> {
    let public: BTreeSet<u32> = suite.parts().iter().map(Part::number).collect();
    match parts().iter().find(|part| public.contains(&part.number())) {
        Some(part) => bail!("hidden part {} has the number of a public part", part.number()),
        None => Ok(()),
    }
}
