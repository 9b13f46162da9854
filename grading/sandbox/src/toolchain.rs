//! The compiler of this host: where it is, and what it needs to see.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::job::Job;

/// Folders and programs of a linker and a C library, where a host has them.
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

/// How the compiler's allocator, jemalloc, takes memory where it is told by this variable: in large pages. It lives
/// for a quarter of a second, a tenth of which it would spend taking small ones.
const ALLOCATOR: &str = "thp:always,metadata_thp:always";

/// An installed Rust compiler with the system's linker. What one process has found out can be handed to another
/// on the same host, serialised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toolchain {
    sysroot: PathBuf,
    version: String,
}

impl Toolchain {
    /// The toolchain behind a `rustc` command, which may be rustup's proxy.
    ///
    /// # Errors
    /// When it cannot be run, or says nothing useful.
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

    /// What the compiler says about its version: part of what a build depends on.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A job that runs the compiler. It sees the toolchain and the system's linker, and no environment
    /// but a `PATH`; the libraries, the sources and the folder for the output are still to be added.
    #[must_use]
    pub fn job(&self) -> Job {
        let job = Job::compiler(self.sysroot.join("bin/rustc"));
        let job = job.read(self.sysroot.join("bin")).read(self.sysroot.join("lib"));
        let job = job.variable("PATH", "/usr/bin").variable("MALLOC_CONF", ALLOCATOR);
        LINKER.iter().fold(job, Job::read)
    }
}
