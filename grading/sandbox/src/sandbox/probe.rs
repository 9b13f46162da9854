//! Finds out how well this machine can confine a program: tries each combination of mechanisms, best first, with a
//! program that attempts every escape.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use faultlab_remote::ProcessExit;

use super::mechanisms::{CANDIDATES, Mechanisms};
use super::{Sandbox, SandboxError};
use crate::fork_server::ForkServer;
use crate::job::Job;
use crate::launcher::{PARK, SELF_TEST};
use crate::mounts::runtime_libraries;
use crate::self_test::Escape;
use crate::tier::Tier;

impl Sandbox {
    /// Finds out how well this machine can confine a program, by running one that attempts every escape.
    /// `launcher` is the program `faultlab-confine`.
    ///
    /// # Errors
    /// If even limits do not work, for example because the launcher is missing.
    pub fn probe(launcher: &Path) -> Result<Self, SandboxError> {
        let mut findings = Vec::new();
        for (tier, mechanisms) in CANDIDATES {
            if mechanisms.namespaces.needs_root() && !rustix::process::geteuid().is_root() {
                continue;
            }
            match Self::try_out(launcher, tier, mechanisms)? {
                Ok(best) => {
                    findings.extend(best.findings);
                    return Ok(Self { findings, ..best });
                }
                Err(finding) => findings.push(finding),
            }
        }
        Err(SandboxError::NoTier(findings.join("; ")))
    }

    /// All combinations of mechanisms, best first: what [`Sandbox::mechanisms`] calls them, and the tier that each
    /// reaches where it works.
    pub fn candidates() -> impl Iterator<Item = (&'static str, Tier)> {
        CANDIDATES.into_iter().map(|(tier, mechanisms)| (mechanisms.describe(), tier))
    }

    /// The sandbox with one of the [candidates](Sandbox::candidates), which [`Sandbox::probe`] might take only on
    /// another machine. For tests.
    ///
    /// # Errors
    /// If there is no such candidate, or it does not work on this machine.
    pub fn probe_only(launcher: &Path, mechanisms: &str) -> Result<Self, SandboxError> {
        let named = CANDIDATES.into_iter().find(|(_, other)| other.describe() == mechanisms);
        let (tier, mechanisms) =
            named.ok_or_else(|| SandboxError::NoTier(format!("no mechanisms `{mechanisms}`")))?;
        Self::try_out(launcher, tier, mechanisms)?.map_err(SandboxError::NoTier)
    }

    /// The sandbox with these mechanisms, or why they do not work.
    fn try_out(
        launcher: &Path,
        tier: Tier,
        mechanisms: Mechanisms,
    ) -> io::Result<Result<Self, String>> {
        let sandbox = Self {
            launcher: launcher.canonicalize()?,
            libraries: runtime_libraries(),
            mechanisms,
            tier,
            can_share: false,
            findings: Vec::new(),
        };
        let tried = sandbox.self_test();
        let describe = |finding| format!("{tier} ({}): {finding}", mechanisms.describe());
        Ok(tried.map(|()| sandbox.sharing()).map_err(describe))
    }

    /// The same sandbox, shared by processes if that works on this machine.
    fn sharing(self) -> Self {
        if !self.mechanisms.seccomp || !self.mechanisms.namespaces.is_bubblewrap() {
            return self;
        }
        let sharing = Self { can_share: true, ..self.clone() };
        let job = Job::computing(&self.launcher).argument(PARK);
        match ForkServer::new(sharing.clone(), job).self_test() {
            Ok(()) => sharing,
            Err(error) => {
                let finding = format!("processes cannot share a sandbox: {error}");
                Self { findings: vec![finding], ..self }
            }
        }
    }

    /// Runs a program that attempts every escape. The error names those that succeeded but must not.
    fn self_test(&self) -> Result<(), String> {
        let hidden = Hidden::new().map_err(|error| error.to_string())?;
        let job = Job::computing(&self.launcher).argument(SELF_TEST).argument(&hidden.0);
        let finished =
            self.run(&job.wall_max(Duration::from_secs(20))).map_err(|error| error.to_string())?;
        let printed = finished.printed.to_string();
        let lines: Vec<&str> = printed.lines().collect();
        if finished.exit != ProcessExit::Exited(0) || lines.last() != Some(&"done") {
            return Err(format!("the test program {}: {}", finished.exit, printed.trim()));
        }
        let free = |escape: &&Escape| lines.contains(&format!("{escape:?}").as_str());
        let left: Vec<&str> =
            self.tier.denies().iter().filter(free).map(|escape| escape.describe()).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("a submission {}", left.join(", "))) }
    }
}

impl Tier {
    /// The escapes that this tier must prevent.
    fn denies(self) -> &'static [Escape] {
        use Escape::{
            IsRoot, OpensSockets, ReadsFiles, SeesProcesses, SharesProcessNumbers, StartsProcesses,
            StartsThreads, TakesMemory, WritesFiles,
        };
        match self {
            Self::Rlimits => &[TakesMemory],
            Self::Landlock => &[
                TakesMemory,
                ReadsFiles,
                WritesFiles,
                OpensSockets,
                StartsThreads,
                StartsProcesses,
            ],
            Self::Namespaces => &[
                TakesMemory,
                ReadsFiles,
                WritesFiles,
                OpensSockets,
                StartsThreads,
                StartsProcesses,
                SharesProcessNumbers,
            ],
            Self::Bubblewrap => &[
                TakesMemory,
                ReadsFiles,
                WritesFiles,
                OpensSockets,
                StartsThreads,
                StartsProcesses,
                SharesProcessNumbers,
                SeesProcesses,
                IsRoot,
            ],
        }
    }
}

/// A file that a confined program must not be able to read, although its mode permits it.
struct Hidden(PathBuf);

impl Hidden {
    fn new() -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("faultlab-hidden-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, "no sandboxed program can read this")?;
        Ok(Self(path))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // There is a second file if the sandbox allowed writing.
        for path in [self.0.clone(), self.0.with_extension("written")] {
            let _ = std::fs::remove_file(path);
        }
    }
}
