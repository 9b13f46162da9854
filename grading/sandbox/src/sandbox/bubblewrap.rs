//! bubblewrap's arguments: namespaces, capabilities, the file system, the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::Role;
use crate::job::Job;
use crate::mounts::View;
use crate::policy::SystemCalls;

/// Own namespaces, no environment, no terminal; the sandbox ends with the grader.
const BUBBLEWRAP: [&str; 10] = [
    "--unshare-ipc",
    "--unshare-pid",
    "--unshare-net",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--hostname",
    "sandbox",
    "--die-with-parent",
    "--new-session",
    "--clearenv",
];

/// Only the capabilities that the launcher needs to change its user, which drops them.
const BUBBLEWRAP_AS_ROOT: [&str; 6] =
    ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"];

/// The capability that a fork server also needs, because its processes have other users.
const BUBBLEWRAP_KILLING: [&str; 2] = ["--cap-add", "CAP_KILL"];

const BUBBLEWRAP_AS_USER: [&str; 5] = ["--unshare-user", "--uid", "65534", "--gid", "65534"];

/// Compilers write to `/dev/null`, and linkers locate themselves through a link in `/proc`. This
/// `/proc` has only the processes of the sandbox, and Landlock denies reading it.
const BUBBLEWRAP_COMPILER: [&str; 9] =
    ["--perms", "0755", "--dir", "/dev", "--dev-bind", "/dev/null", "/dev/null", "--proc", "/proc"];

/// The arguments for a job with this view of the file system, up to the `--` before the program. `is_own_user`: the
/// launcher gives the program a user id of its own.
pub(super) fn arguments(
    role: Role,
    job: &Job,
    view: &View,
    is_own_user: bool,
    environment: &BTreeMap<String, OsString>,
    folder: &Path,
) -> Vec<OsString> {
    let mut line: Vec<OsString> = BUBBLEWRAP.map(OsString::from).to_vec();
    if is_own_user {
        line.extend(BUBBLEWRAP_AS_ROOT.map(OsString::from));
        if role == Role::ForkServer {
            line.extend(BUBBLEWRAP_KILLING.map(OsString::from));
        }
    } else {
        line.extend(BUBBLEWRAP_AS_USER.map(OsString::from));
    }
    if let Some(bytes) = job.scratch_bytes {
        let bytes = bytes.to_string();
        let scratch = ["--perms", "1777", "--size", &bytes, "--tmpfs", "/tmp"];
        line.extend(scratch.map(OsString::from));
    }
    line.extend(view.arguments());
    if job.system_calls == SystemCalls::Compiler {
        line.extend(BUBBLEWRAP_COMPILER.map(OsString::from));
    }
    line.extend(["--remount-ro", "/", "--chdir"].map(OsString::from));
    line.push(folder.into());
    for (name, value) in environment {
        line.extend(["--setenv".into(), name.into(), value.clone()]);
    }
    line.push("--".into());
    line
}
