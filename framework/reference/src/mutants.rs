//! Mutants: engines in which one rule is broken, and the kind of comparison that must detect it.
//!
//! Each is a patch in `mutants`, and a line of `mutants/table.tsv`. The necessary part of the workspace is
//! copied. Each patch is applied to the copy, built, compared and reverted.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

/// A line of the table.
struct Mutant {
    name: String,
    kind: String,
    seeds: u64,
    rule: String,
}

/// Tests all mutants whose name contains `only`. Returns whether all were detected.
pub fn run(only: &str) -> anyhow::Result<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let patches = root.join("framework/reference/mutants");
    let mutants: Vec<Mutant> =
        table(&patches)?.into_iter().filter(|mutant| mutant.name.contains(only)).collect();
    ensure!(!mutants.is_empty(), "the name of no mutant contains `{only}`");
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    copy_workspace(&root, folder.path())?;

    build(folder.path())?.context("the unchanged engines do not compile")?;
    let mut most: BTreeMap<&str, u64> = BTreeMap::new();
    for mutant in &mutants {
        let seeds = most.entry(&mutant.kind).or_default();
        *seeds = mutant.seeds.max(*seeds);
    }
    for (kind, seeds) in most {
        if let Some(difference) = compare(folder.path(), kind, seeds)? {
            bail!("the unchanged engines differ from the reference: {difference}");
        }
    }

    let mut all = true;
    for Mutant { name, kind, seeds, rule } in &mutants {
        let patch = patches.join(format!("{name}.patch"));
        apply(folder.path(), &patch, false)?;
        let detected = match build(folder.path())? {
            Ok(()) => compare(folder.path(), kind, *seeds)?,
            Err(error) => bail!("{name} does not compile: {error}"),
        };
        apply(folder.path(), &patch, true)?;
        all &= detected.is_some();
        let detected =
            detected.unwrap_or_else(|| format!("NOT DETECTED in {seeds} seeds of {kind}"));
        writeln!(io::stdout().lock(), "{name:<26} {detected:<28} {rule}")?;
    }
    Ok(all)
}

fn table(patches: &Path) -> anyhow::Result<Vec<Mutant>> {
    let path = patches.join("table.tsv");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path:?}"))?;
    let mut mutants = Vec::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, kind, seeds, rule] = fields[..] else {
            bail!("a line of {path:?} does not have four fields: {line}");
        };
        let seeds =
            seeds.parse().with_context(|| format!("`{seeds}` in {path:?} is not a number"))?;
        let [name, kind, rule] = [name, kind, rule].map(str::to_owned);
        mutants.push(Mutant { name, kind, seeds, rule });
    }
    Ok(mutants)
}

/// Copies the framework and the reference as a separate workspace.
fn copy_workspace(root: &Path, to: &Path) -> anyhow::Result<()> {
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let members = "members = [\"framework\", \"framework/reference\"]\n";
    let mut short = String::new();
    let mut is_skipped = false;
    for line in manifest.lines() {
        if line.starts_with("members = [") {
            short.push_str(members);
        }
        is_skipped |= line.starts_with("members = [") || line.starts_with("default-members = [");
        if !is_skipped {
            short.push_str(line);
            short.push('\n');
        }
        is_skipped &= line != "]";
    }
    fs::write(to.join("Cargo.toml"), short)?;
    fs::copy(root.join("Cargo.lock"), to.join("Cargo.lock"))?;
    copy_folder(&root.join("framework"), &to.join("framework")).context("cannot copy the framework")
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target: PathBuf = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "target" {
                copy_folder(&entry.path(), &target)?;
            }
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Applies or reverts a patch, without fuzz.
fn apply(folder: &Path, patch: &Path, back: bool) -> anyhow::Result<()> {
    let mut command = Command::new("patch");
    command.args(["-s", "-p1", "-F0", "-i"]).arg(patch.canonicalize()?).current_dir(folder);
    if back {
        command.arg("-R");
    }
    let output = command.output().context("cannot run `patch`")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{patch:?} does not apply to the engines: {said}");
    Ok(())
}

/// Builds `check-engines` in a copy of the workspace. The inner error is the compiler's output.
fn build(folder: &Path) -> anyhow::Result<anyhow::Result<()>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--package", "faultlab-reference"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .output()
        .context("cannot run cargo")?;
    if output.status.success() {
        return Ok(Ok(()));
    }
    Ok(Err(anyhow::anyhow!("{}", String::from_utf8_lossy(&output.stderr))))
}

/// Runs the comparison. Returns the first line about a difference, if there is one. Engines that do not finish
/// in time are an error, because that is inconclusive.
fn compare(folder: &Path, kind: &str, seeds: u64) -> anyhow::Result<Option<String>> {
    let time_max = Duration::from_secs(60 + seeds);
    let printed = folder.join("printed");
    let mut child = Command::new(folder.join("target/debug/check-engines"))
        .args(["--kind", kind, "--seeds", &seeds.to_string()])
        .env("RUST_BACKTRACE", "0")
        .stdout(File::create(&printed)?)
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run check-engines")?;
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > time_max {
            child.kill()?;
            child.wait()?;
            bail!(
                "{seeds} seeds of {kind} took longer than {} s, which is no verdict",
                time_max.as_secs()
            );
        }
        thread::sleep(Duration::from_millis(50));
    };
    let printed = fs::read_to_string(printed)?;
    match status.code() {
        Some(0) => Ok(None),
        Some(1) => {
            let line = printed.lines().find_map(|line| line.strip_prefix("difference: "));
            Ok(Some(line.unwrap_or("a difference").to_owned()))
        }
        _ => bail!("check-engines failed ({status}): {printed}"),
    }
}
