//! Jobs: one program, what it may read, and how much it may use.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use faultlab_remote::SERVE_NODES;

use crate::policy::{Limits, SystemCalls};

/// A program to run confined.
///
/// It can read its own file, the shared libraries that any Rust program needs, and the paths that are
/// added here. Its environment contains only the variables that are added here.
#[derive(Clone, Debug)]
pub struct Job {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: BTreeMap<String, OsString>,
    pub(crate) read: Vec<PathBuf>,
    pub(crate) write: Vec<PathBuf>,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) scratch_bytes: Option<u64>,
    pub(crate) limits: Limits,
    pub(crate) system_calls: SystemCalls,
    pub(crate) wall_max: Duration,
    pub(crate) output_bytes_max: usize,
    /// How many bytes it may print per exchange, and in total.
    pub(crate) printed_max: (u64, u64),
}

const MIB: u64 = 1 << 20;

impl Job {
    /// A node process: it computes, and communicates over its standard input, a socket. Start it with
    /// [`ForkServer::start_nodes`](crate::ForkServer::start_nodes).
    ///
    /// 512 MiB of memory, a stack of 8 MiB (as under run-tests.sh), five minutes of CPU time, no
    /// files. It is killed when it prints 64 MiB in one exchange (the limit for one event under
    /// run-tests.sh), or one GiB in total.
    #[must_use]
    pub fn nodes(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: vec![SERVE_NODES.into()],
            environment: BTreeMap::new(),
            read: Vec::new(),
            write: Vec::new(),
            folder: None,
            scratch_bytes: None,
            limits: Limits {
                memory_bytes: 512 * MIB,
                stack_bytes: 8 * MIB,
                cpu_s: 300,
                file_bytes: 0,
                open_files: 32,
                processes: 1,
            },
            system_calls: SystemCalls::Nodes,
            wall_max: Duration::from_secs(600),
            output_bytes_max: 64 << 10,
            // Far more than debugging output.
            printed_max: (64 * MIB, 1024 * MIB),
        }
    }

    /// A compiler: it starts processes, and reads and writes the added paths.
    ///
    /// Three GiB of memory per process, ten seconds of CPU time, 256 MiB per file, a scratch `/tmp` of 256 MiB.
    #[must_use]
    pub fn compiler(program: impl Into<PathBuf>) -> Self {
        Self {
            scratch_bytes: Some(256 * MIB),
            limits: Limits {
                memory_bytes: 3072 * MIB,
                stack_bytes: 16 * MIB,
                cpu_s: 10,
                file_bytes: 256 * MIB,
                open_files: 1024,
                processes: 256,
            },
            system_calls: SystemCalls::Compiler,
            wall_max: Duration::from_secs(90),
            output_bytes_max: 256 << 10,
            arguments: Vec::new(),
            ..Self::nodes(program)
        }
    }

    /// Any program, confined like a node process, without arguments.
    #[must_use]
    pub fn computing(program: impl Into<PathBuf>) -> Self {
        Self { arguments: Vec::new(), ..Self::nodes(program) }
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn arguments<A: Into<OsString>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Self::argument)
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// Lets the program read and execute a file, or everything in a folder, at its own path.
    /// Missing paths are ignored.
    #[must_use]
    pub fn read(mut self, path: impl AsRef<Path>) -> Self {
        self.read.push(path.as_ref().to_owned());
        self
    }

    /// Lets the program write to a folder, at its own path.
    #[must_use]
    pub fn write(mut self, folder: impl AsRef<Path>) -> Self {
        self.write.push(folder.as_ref().to_owned());
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// Gives the program a temporary `/tmp` of this size, in bytes. Without bubblewrap, the first
    /// writable folder serves as `/tmp`.
    #[must_use]
    pub fn scratch(mut self, bytes: u64) -> Self {
        self.scratch_bytes = Some(bytes);
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Sets how long the program may run.
    #[must_use]
    pub fn wall_max(mut self, wall_max: Duration) -> Self {
        self.wall_max = wall_max;
        self
    }

    /// Sets how much of the program's output is kept.
    #[must_use]
    pub fn output_bytes_max(mut self, bytes: usize) -> Self {
        self.output_bytes_max = bytes;
        self
    }
}
