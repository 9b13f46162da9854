//! Traces with faults of every kind: restarts, stable storage, corrupted and forged messages, Byzantine
//! nodes. No engine performs them all in one run, so the trace is handwritten.

mod handmade;

use std::panic::{AssertUnwindSafe, catch_unwind};

use faultlab::Characters;
use faultlab::hosting::{LocalHost, Submission};
use faultlab::simulate::{self, Scenario};
use faultlab::trace::causality::Causality;
use faultlab::trace::html::figure;
use faultlab::trace::replay::{Replayable, replay};
use faultlab::trace::show::{Options, diagram};
use faultlab::trace::{
    Divergence, Ending, EventKind, Forger, StorageFate, Trace, TraceEvent, file,
};

use handmade::faults;

#[test]
fn faults_are_drawn() {
    insta::assert_snapshot!(diagram(&faults(), &Options::default()));
}

#[test]
fn faults_are_drawn_in_ascii_as_a_list() {
    let options = Options { characters: Characters::Ascii, width: 60, ..Options::default() };
    let mut trace = faults();
    // More nodes than fit, so that it becomes a list.
    trace.header.nodes.extend((3..12).map(|number| handmade::address(&format!("server{number}"))));
    insta::assert_snapshot!(diagram(&trace, &options));
}

#[test]
fn an_excerpt_keeps_the_faults() {
    let options = Options { events_max: 14, ..Options::default() };
    insta::assert_snapshot!(diagram(&faults(), &options));
}

#[test]
fn faults_as_html() {
    insta::assert_snapshot!(figure(&faults(), 60));
}

#[test]
fn a_node_that_may_restart_does_not_crash_for_good() {
    let mut trace = faults();
    assert!(!diagram(&trace, &Options::default()).contains("for good"));
    trace.header.fault_model = "unreliable-fail-stop".to_owned();
    assert!(diagram(&trace, &Options::default()).contains("server1 crashes, for good"));
}

fn place(trace: &Trace, is_it: impl Fn(&EventKind) -> bool) -> usize {
    trace.events.iter().position(|event| is_it(&event.what)).expect("there is such an event")
}

#[test]
fn a_forged_message_comes_from_its_injection() {
    let trace = faults();
    let causality = Causality::new(&trace.events);
    let injected = place(&trace, |what| matches!(what, EventKind::Inject { replays: Some(_), .. }));
    let sent = place(&trace, |what| matches!(what, EventKind::Command { .. }));
    let arrived = trace.events.iter().position(|event| {
        matches!(&event.what, EventKind::Deliver { provenance, .. }
            if matches!(provenance.forged_by, Some(Forger::Node(_))))
    });
    let arrived = arrived.expect("it arrives");
    assert_eq!(causality.origin(arrived), Some(injected));
    assert_eq!(causality.origin(injected), Some(sent));
    // The forger's past is part of the delivery's.
    assert!(causality.past([arrived])[1], "the start of server2");
    // What a restarted node does depends on what it did before.
    let restart = place(&trace, |what| matches!(what, EventKind::Restart { .. }));
    let crash = place(&trace, |what| matches!(what, EventKind::Crash { .. }));
    assert_eq!(causality.earlier(restart), Some(crash));
}

#[test]
fn runs_that_differ_in_faults_differ() {
    let trace = faults();
    assert_eq!(Divergence::between(&trace, &trace.clone()), None);
    let mut differences = Vec::new();
    let mut change = |change: &dyn Fn(&mut TraceEvent) -> bool| {
        let mut other = trace.clone();
        assert!(other.events.iter_mut().any(change), "nothing was changed");
        let divergence = Divergence::between(&trace, &other).expect("the runs differ");
        differences.push(divergence.to_string());
    };
    change(&|event| event.interrupted_after.take().is_some());
    change(&|event| event.stored.pop().is_some());
    change(&|event| match &mut event.what {
        EventKind::Deliver { provenance, .. } => provenance.sent_as.take().is_some(),
        _ => false,
    });
    change(&|event| match &mut event.what {
        EventKind::Deliver { provenance, .. } => provenance.forged_by.take().is_some(),
        _ => false,
    });
    change(&|event| match &mut event.what {
        EventKind::Restart { storage, .. } => storage.iter_mut().any(|item| {
            let lost = item.fate == StorageFate::Unsynced;
            item.fate = StorageFate::Kept;
            lost
        }),
        _ => false,
    });
    change(&|event| match &mut event.what {
        EventKind::Inject { replays, .. } => replays.take().is_some(),
        _ => false,
    });
    insta::assert_snapshot!(differences.join("\n"));
}

/// A system that must not be asked for anything.
struct Untouched;

impl Replayable for Untouched {
    fn start(&mut self) -> Vec<TraceEvent> {
        panic!("the replay started")
    }

    fn enabled(&mut self) -> Vec<EventKind> {
        panic!("the replay asked what can happen")
    }

    fn perform(&mut self, _: usize) -> Vec<TraceEvent> {
        panic!("the replay performed something")
    }

    fn ending(&mut self) -> Option<Ending> {
        panic!("the replay asked for the ending")
    }
}

/// Each fault alone that the engines cannot perform stops a replay, which names it. None is skipped.
#[test]
fn a_replay_names_what_the_engines_cannot_perform() {
    let trace = faults();
    let submission = Submission::new();
    let mut reasons = Vec::new();
    for event in &trace.events {
        let saved = Trace { events: vec![event.clone()], ..trace.clone() };
        let simulated =
            simulate::replay(Scenario::new(), &saved, &mut LocalHost::new(&submission)).status;
        let is_performed = !simulated.to_string().starts_with("cannot be replayed");
        // A search that performs the event asks what cannot be asked.
        let searched = catch_unwind(AssertUnwindSafe(|| replay(&saved, &mut Untouched).status));
        match searched {
            Ok(searched) if is_performed => reasons.push(format!("only in a search: {searched}")),
            Ok(searched) if searched == simulated => reasons.push(searched.to_string()),
            Ok(searched) => {
                reasons.push(format!("in a search: {searched}"));
                reasons.push(format!("in a simulation: {simulated}"));
            }
            Err(_) => assert!(is_performed, "{simulated}"),
        }
    }
    insta::assert_snapshot!(reasons.join("\n"));
}

#[test]
fn the_handwritten_file_is_as_it_would_be_written() {
    let text = include_str!("saved/version-2.jsonl");
    let mut written = Vec::new();
    file::write(&mut written, &faults()).expect("writing to memory does not fail");
    assert_eq!(String::from_utf8(written).expect("text"), text);
}
