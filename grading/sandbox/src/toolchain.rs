//! This machine's compiler: where it is, and which files it needs.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::job::Job;

/// Folders and programs of a linker and a C library, where present.
const LINKER: [&str; 9] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/libexec/gcc",
    "/usr/bin/cc",
    "/usr/bin/ld",
    "/usr/bin/as",
    "/usr/bin/ar",
];

/// Makes the compiler's allocator, jemalloc, use large pages. The compiler runs for a quarter of a
/// second, and would spend a tenth of that on faults for small pages.
const ALLOCATOR: &str = "thp:always,metadata_thp:always";

/// An installed Rust compiler with the system's linker. It can be serialised and given to another
/// process on the same machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toolchain {
    sysroot: PathBuf,
    version: String,
}

impl Toolchain {
    /// The toolchain behind a `rustc` command, which may be rustup's proxy.
    ///
    /// # Errors
    /// If it cannot be run, or its output cannot be parsed.
    pub fn of(rustc: &Path) -> io::Result<Self> {
        let ask = |arguments: &[&str]| -> io::Result<String> {
            let output = Command::new(rustc).args(arguments).output()?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                return Err(io::Error::other(format!("{} failed: {said}", rustc.display())));
            }
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let sysroot = PathBuf::from(ask(&["--print", "sysroot"])?).canonicalize()?;
        Ok(Self { sysroot, version: ask(&["--version", "--verbose"])? })
    }

    /// The compiler's version, which is part of a build's inputs.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A job that runs the compiler. It has the toolchain, the system's linker and a `PATH`;
    /// libraries, sources and the output folder must be added.
    #[must_use]
    pub fn job(&self) -> Job {
        let job = Job::compiler(self.sysroot.join("bin/rustc"));
        let job = job.read(self.sysroot.join("bin")).read(self.sysroot.join("lib"));
        let job = job.variable("PATH", "/usr/bin").variable("MALLOC_CONF", ALLOCATOR);
        LINKER.iter().fold(job, Job::read)
    }
}
