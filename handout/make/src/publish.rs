//! The last steps: dependencies that are settled, a version, a repository with one commit.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::vendor;

/// Takes out of the lock file what is no longer needed, without choosing other versions; with `with_sources`
/// brings the sources of the rest in.
pub(super) fn settle_dependencies(out: &Path, with_sources: bool) -> Result<()> {
    let cargo = || {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.current_dir(out).env_remove("CARGO_TARGET_DIR");
        command
    };
    // Unlike `cargo metadata`, this asks for no crate that only another system needs, such as Windows.
    run(cargo().args(["update", "--workspace", "--offline", "--quiet"]))?;
    if with_sources {
        vendor::bring_in(out, &cargo)?;
    }
    Ok(())
}

/// What the handout's version is called: the commit that it was made from.
pub(super) fn version(root: &Path) -> Result<String> {
    let described = run(git(root).args(["describe", "--always", "--dirty", "--tags"]))?;
    Ok(described.trim().to_owned())
}

/// Makes the folder a git repository with one commit.
pub(super) fn commit(out: &Path) -> Result<()> {
    run(git(out).args(["init", "--quiet", "--initial-branch", "main"]))?;
    // A vendored crate may have a .gitignore of its own, and whoever makes a handout may have one, too.
    run(git(out).args(["add", "--all", "--force"]))?;
    run(git(out)
        .args(["-c", "user.name=Faultlab", "-c", "user.email=faultlab@localhost"])
        .args(["-c", "commit.gpgsign=false", "-c", "core.hooksPath="])
        .args(["commit", "--quiet", "--message", "The handout"]))?;
    Ok(())
}

fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).env_remove("GIT_DIR").env_remove("GIT_WORK_TREE");
    command
}

/// Runs a command and returns what it printed.
pub(super) fn run(command: &mut Command) -> Result<String> {
    let said = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let error = String::from_utf8_lossy(&said.stderr);
    ensure!(said.status.success(), "{command:?} fails:\n{}", error.trim());
    Ok(String::from_utf8(said.stdout)?)
}
