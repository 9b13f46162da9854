//! Makes what students get: `make-handout.sh` runs it, and `--help` says how.

mod book;
mod contents;
mod manifest;
mod optional;
mod publish;
mod record;
mod vendor;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use optional::LeftOut;

/// Makes what students get: the framework, the skeletons, the public suites, the scripts and the built
/// book, as a fresh git repository with one commit.
#[derive(Parser)]
#[command(name = "make-handout.sh", disable_version_flag = true)]
struct Args {
    /// The folder to make. It must not exist, or be empty
    #[arg(long, value_name = "DIR", required_unless_present = "books")]
    out: Option<PathBuf>,

    /// Put the sources of all dependencies in, so that the handout is built without a network (on Linux,
    /// macOS, and in WSL)
    #[arg(long)]
    vendor: bool,

    /// Put an optional lab in, such as lab5; without this, a handout has only the labs that are not optional. May be
    /// given several times
    #[arg(long, value_name = "LAB")]
    with: Vec<String>,

    /// Where `update.sh` finds later handouts, if nobody says otherwise: a git repository, an archive or
    /// a folder
    #[arg(long, value_name = "WHERE")]
    updates: Option<String>,

    /// Build the two books into this folder, `students` and `instructors`, and nothing else
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "vendor", "updates", "with"])]
    books: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    if let Some(out) = &args.books {
        let all = LeftOut::default();
        book::build(&root.join("handout"), &absolute(out)?.join("students"), &all)?;
        book::build(&root.join("handout/instructors"), &absolute(out)?.join("instructors"), &all)?;
        println!("The books are in {}", out.display());
        return Ok(());
    }
    let Some(out) = &args.out else { bail!("--out or --books is needed") };
    let out = absolute(out)?;
    make(&root, &out, &args).with_context(|| format!("cannot make {}", out.display()))?;
    println!("The handout is in {}", out.display());
    Ok(())
}

fn make(root: &Path, out: &Path, args: &Args) -> Result<()> {
    let empty = !out.exists() || fs::read_dir(out)?.next().is_none();
    ensure!(empty, "there is something in it already");
    let left_out = LeftOut::of(root, &args.with)?;
    contents::tell_unknown(&contents::unknown(root)?)?;
    fs::create_dir_all(out)?;

    for file in contents::files(root)?.into_iter().filter(|file| !left_out.has(&file.from)) {
        let to = out.join(&file.to);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        // `copy` keeps the permissions: scripts stay executable.
        fs::copy(root.join(&file.from), &to).with_context(|| file.from.clone())?;
    }
    left_out.unlist(out)?;
    manifest::fit(root, out)?;
    book::build(&root.join("handout"), &out.join("book"), &left_out)?;
    publish::settle_dependencies(out, args.vendor)?;
    record::write(out, &publish::version(root)?, args.updates.as_deref())?;
    publish::commit(out)
}

/// The path as it is seen from anywhere.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| path.display().to_string())
}
