//! What this host's sandbox stops, tried out on programs that want to get out.

use std::path::Path;
use std::time::{Duration, Instant};

use faultlab_sandbox::{Ended, Finished, Job, Sandbox, Tier};

const LAUNCHER: &str = env!("CARGO_BIN_EXE_faultlab-confine");

fn sandboxes() -> Vec<Sandbox> {
    Tier::ALL
        .into_iter()
        .filter_map(|tier| {
            let sandbox = Sandbox::probe_below(Path::new(LAUNCHER), tier).expect("limits work");
            if sandbox.tier() != tier {
                eprintln!("skipped: this host has no {tier}: {:?}", sandbox.findings());
                return None;
            }
            Some(sandbox)
        })
        .collect()
}

#[test]
fn x() {
    for sandbox in sandboxes() {
        println!("{:?}", sandbox);
    }
}
