//! Every host gives the same answers, and the stateless host exposes hidden state.

use faultlab::codec;
use faultlab::hosting::{EncodedEffect, Event, Host, LocalHost, Output, Payload, StorageBytes};
use faultlab::simulate::{Options, Outcome, Scenario, Simulation};
use faultlab::trace::{MemoryRecorder, Trace};
use faultlab_remote::ProcessPool;

use crate::common::{Fault, server, submission};
use crate::notebook::{self, Message, Way};
use crate::support::{SECOND, local, pool, scenario, shared_pool, start};

pub(super) fn all_hosts_give_the_same_answers() {
    let submission = submission();
    let mut pool = pool(1);
    let mut other_pool = ProcessPool::new(1, |_| start("adder", 20 * SECOND));
    let shared = shared_pool(20 * SECOND);
    let hosts: [&mut dyn Host; 4] = [
        &mut shared.host(),
        &mut LocalHost::new(&submission),
        &mut pool.host(0),
        &mut other_pool.stateless_host(),
    ];
    let answers = hosts.map(|host| {
        let arguments = codec::encode(&Fault::None).expect("a fault encodes");
        let made = host.make(0, "server", server(), &arguments);
        let no_kind = host.make(1, "leader", server(), &[]);
        let mut state = Vec::new();
        let read = host.state(0, &mut state);
        let shown = host.show(0, Payload::State, &state, true);
        let refused = host.show(0, Payload::State, &[0xff], false);
        let observed = host.observe(0, &[]);
        let misasked = host.observe(0, &[1, 2, 3]);
        (made, no_kind, read, state, shown, refused, observed, misasked)
    });
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    assert_eq!(answers[0], answers[3]);
    assert_eq!(answers[0].0, Ok(()));
}

/// Lets a server log a request, and restores it from the log.
fn written_and_restored(host: &mut dyn Host) -> (Output, Output, Vec<u8>) {
    let arguments = codec::encode(&Way::Logs).expect("a way encodes");
    let message = Message::Append { sequence: 1, text: "hello".to_owned() };
    let message = codec::encode(&message).expect("a message encodes");
    let (mut written, mut restored) = (Output::new(), Output::new());
    let event = Event::Message { from: notebook::client(), message: &message };
    host.make(0, "server", notebook::server(), &arguments).expect("it is made");
    host.step(0, event, &mut written).expect("it is handled");
    let EncodedEffect::Append { entry } = written.effects()[0] else { panic!("{written:?}") };
    let damaged = [7];
    let storage = StorageBytes::new(None, [written.get(entry), &damaged]).encode();
    host.make(0, "server", notebook::server(), &arguments).expect("it is made again");
    host.step(0, Event::Restore { storage: &storage }, &mut restored).expect("it is restored");
    let text = host.observe(0, &[]).expect("it answers");
    (written, restored, text)
}

pub(super) fn durable_nodes_find_the_same_in_all_hosts() {
    let submission = notebook::submission();
    let mut pool = ProcessPool::new(1, |_| start("notebook", 20 * SECOND));
    let mut other_pool = ProcessPool::new(2, |_| start("notebook", 20 * SECOND));
    let here = written_and_restored(&mut LocalHost::new(&submission));
    assert_eq!(here, written_and_restored(&mut pool.host(0)));
    assert_eq!(here, written_and_restored(&mut other_pool.stateless_host()));
    let (_, restored, text) = here;
    assert_eq!(codec::decode::<String>(&text).expect("a text"), "hello");
    assert_eq!(restored.effects().len(), 1, "it logs that the storage is damaged");
}

pub(super) fn a_recorded_run_has_the_same_trace() {
    let record = |host: &mut dyn Host| -> (Outcome, Trace) {
        let mut sink = MemoryRecorder::new();
        let options = Options { recorder: Some(&mut sink), ..Options::default() };
        let outcome = Simulation::new(scenario(Fault::PrintsAndLogs, 2), 3).run(host, options);
        (outcome, sink.into_trace().expect("a recorded run has a trace"))
    };
    let submission = submission();
    let here = record(&mut LocalHost::new(&submission));
    let mut pool = pool(3);
    let mut there = pool.host(0);
    assert_eq!(here, record(&mut there));
}

pub(super) fn the_stateless_host_detects_hidden_state() {
    let mut pool = pool(2);
    let mut stateless = |scenario: &Scenario| {
        Simulation::new(scenario.clone(), 4).run(&mut pool.stateless_host(), Options::default())
    };
    let correct = scenario(Fault::None, 3);
    assert_eq!(stateless(&correct), local(&correct, 4));
    let global = scenario(Fault::KeepsAGlobal, 3);
    assert_eq!(local(&global, 4), local(&global, 4), "runs in one process agree");
    assert_ne!(stateless(&global).digest, local(&global, 4).digest);
}
