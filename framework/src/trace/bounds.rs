//! Bounds on a recording: after some mebibytes, only the beginnings of long texts are kept. No event is left out, so
//! that the end of the run is there.

use super::{EventKind, TraceEvent};

/// How many bytes of texts are kept whole.
const WHOLE_BYTES_MAX: usize = 4 << 20;

/// How much is kept of a long text after that, in bytes.
const BEGINNING_BYTES: usize = 120;

/// Says that a text is cut.
const CUT: &str = "… (cut: this recording is too long)";

/// Keeps a recording within bounds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds {
    /// The bytes of texts so far.
    bytes: usize,
}

impl Bounds {
    /// Cuts the texts of an event that is about to be recorded, once enough has been recorded.
    pub(super) fn apply(&mut self, event: &mut TraceEvent) {
        let mut of_event = 0;
        for_each_text(event, &mut |text| of_event += text.len());
        self.bytes = self.bytes.saturating_add(of_event);
        if self.is_full() {
            for_each_text(event, &mut cut);
        }
    }

    /// Cuts the text of an event that is about to happen in the same way.
    pub(super) fn apply_before(&self, what: &mut EventKind) {
        if self.is_full() {
            of_kind(what, &mut cut);
        }
    }

    fn is_full(&self) -> bool {
        self.bytes > WHOLE_BYTES_MAX
    }
}

/// Keeps only the beginning of a long text.
fn cut(text: &mut String) {
    if text.len() <= BEGINNING_BYTES + CUT.len() {
        return;
    }
    let mut end = BEGINNING_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push_str(CUT);
}

/// Calls `each` for every text that a node can make long.
fn for_each_text(event: &mut TraceEvent, each: &mut dyn FnMut(&mut String)) {
    of_kind(&mut event.what, each);
    event.sent.iter_mut().for_each(|sent| each(&mut sent.message));
    event.timers.iter_mut().for_each(|timer| each(&mut timer.timer));
    event.logged.iter_mut().for_each(&mut *each);
    each(&mut event.printed);
    event.state.iter_mut().for_each(each);
}

fn of_kind(what: &mut EventKind, each: &mut dyn FnMut(&mut String)) {
    match what {
        EventKind::Deliver { message, .. }
        | EventKind::Lose { message, .. }
        | EventKind::Inject { message, .. } => each(message),
        EventKind::Fire { timer, .. } => each(timer),
        EventKind::Command { command: text, .. } | EventKind::Return { result: text, .. } => {
            each(text);
        }
        EventKind::Start { .. }
        | EventKind::Crash { .. }
        | EventKind::Restart { .. }
        | EventKind::Reconnect { .. }
        | EventKind::Network { .. }
        | EventKind::Stage { .. }
        | EventKind::Check { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Address;

    fn event(state: String) -> TraceEvent {
        let what = EventKind::start(Address::new("server1"), "server");
        TraceEvent { state: Some(state), ..TraceEvent::new(None, what) }
    }

    #[test]
    fn a_long_recording_keeps_every_event_and_stays_small() {
        let mut bounds = Bounds::default();
        let mut kept = 0;
        for _ in 0..10_000 {
            let mut event = event("é".repeat(5_000));
            bounds.apply(&mut event);
            kept += event.state.as_ref().map_or(0, String::len);
        }
        assert!(kept < WHOLE_BYTES_MAX + 10_000 * 200, "{kept}");
        let mut last = event("é".repeat(5_000));
        bounds.apply(&mut last);
        assert_eq!(last.state, Some(format!("{}{CUT}", "é".repeat(60))));
    }

    #[test]
    fn an_ordinary_recording_is_not_changed() {
        let mut bounds = Bounds::default();
        for _ in 0..500 {
            let mut kept = event("s".repeat(5_000));
            bounds.apply(&mut kept);
            assert_eq!(kept, event("s".repeat(5_000)));
        }
    }
}
