//! A handout with `--vendor` is enough by itself: a clone of it is checked as an editor checks it, by a Cargo
//! that has downloaded nothing and may not, and there is nothing to warn of.

mod common;

use std::fs;

use common::{empty_folder, maker, run, said, shell};

#[test]
fn a_clone_is_checked_with_nothing_else() {
    let folder = empty_folder("vendor");
    let made = run(maker().arg("--vendor").arg("--out").arg(folder.join("made")));
    assert!(made.status.success(), "{}", said(&made));
    // What git does not know does not reach a student.
    let cloned = run(&mut shell(&folder, "git clone --quiet made cloned"));
    assert!(cloned.status.success(), "{}", said(&cloned));
    fs::remove_dir_all(folder.join("made")).expect("it is ours");

    let clone = folder.join("cloned");
    let line = "cargo check --quiet --locked --offline --workspace --all-targets";
    let checked = run(shell(&clone, line)
        .env("CARGO_HOME", folder.join("nothing-downloaded"))
        .env("CARGO_TARGET_DIR", clone.join("target")));
    assert!(checked.status.success(), "{}", said(&checked));
    assert_eq!(said(&checked), "");
    // What only Windows needs is there by name alone.
    let size = run(&mut shell(&clone, "du -sk vendor | cut -f 1"));
    let size: u64 = said(&size).trim().parse().expect("a size");
    assert!((10_000..80_000).contains(&size), "{size} KiB of sources");
    let windows = run(&mut shell(&clone, "find vendor/windows-sys-* -type f | wc -l"));
    assert_eq!(said(&windows).trim(), "3");
    fs::remove_dir_all(clone).expect("it is ours");
}
