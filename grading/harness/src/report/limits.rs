//! What a run may use, as `run-tests.sh --list -v` prints it.

use faultlab::hosting::{OUTPUT_BYTES_MAX, STATE_BYTES_MAX, TEXT_BYTES_MAX};
use faultlab::simulate::Limits;

use super::paragraph::paragraph;
use super::style::{BOLD, paint};

/// What a run may use, in `run-tests.sh` and in grading: `--list -v` shows it.
#[must_use]
pub fn limits() -> String {
    let Limits {
        steps_max,
        sends_max,
        sent_bytes_max,
        timers_max,
        pending_max,
        message_bytes_max,
        sends_per_step_max,
        timers_per_step_max,
        // No node of a lab has stable storage.
        storage_bytes_max: _,
    } = Limits::default();
    let rows = [
        ("events handled in a run", steps_max),
        ("messages sent in a run", sends_max),
        ("bytes sent in a run", sent_bytes_max),
        ("timers set in a run", timers_max),
        ("messages under way and timers pending", pending_max as u64),
        ("bytes of one message", message_bytes_max as u64),
        ("messages sent in one event", sends_per_step_max as u64),
        ("timers set in one event", timers_per_step_max as u64),
        ("bytes sent, set and logged in one event", OUTPUT_BYTES_MAX as u64),
        ("bytes of a node's state", STATE_BYTES_MAX as u64),
    ];
    let mut text = format!("\n{}\n", paint(BOLD, "What a run may use at most"));
    for (what, most) in rows {
        text.push_str(&format!("  {:>10}  {what}\n", most));
    }
    let cut = format!(
        "Texts of messages, states, panics and logged lines are cut after {} KiB, and say so.",
        TEXT_BYTES_MAX >> 10
    );
    text.push_str(&format!("{}\n", paragraph(&cut, 0)));
    text
}
