//! Durable nodes through the hosting boundary: what they write, and what they find.

#[path = "fixtures/durable_notebook.rs"]
mod notebook;

use faultlab::hosting::{
    EncodedEffect, Event, Host, Kind, LocalHost, NodeFailure, Output, Payload, StorageBytes,
    Submission,
};
use faultlab::{Address, Checksummed, Context, Durable, Effect, Node, Stored, codec};
use serde::{Deserialize, Serialize};

use notebook::{Appended, Entry, Message, Notebook, Server, Way, client, server, submission};

fn append(sequence: u64, text: &str) -> Message {
    Message::Append { sequence, text: text.to_owned() }
}

/// What a server of this way writes for its first request, with its effects by name.
fn written(way: Way) -> (Vec<&'static str>, Output) {
    let submission = submission();
    let mut host = LocalHost::new(&submission);
    let arguments = codec::encode(&way).expect("a way encodes");
    host.make(0, "server", server(), &arguments).expect("it is made");
    let message = codec::encode(&append(1, "hello")).expect("a message encodes");
    let mut output = Output::new();
    let event = Event::Message { from: client(), message: &message };
    host.step(0, event, &mut output).expect("it is handled");
    let names = output.effects().iter().map(|effect| match effect {
        EncodedEffect::Send { .. } => "send",
        EncodedEffect::Save { .. } => "save",
        EncodedEffect::Append { .. } => "append",
        EncodedEffect::Sync => "sync",
        EncodedEffect::SetTimer { .. } | EncodedEffect::Log { .. } => "other",
    });
    (names.collect(), output)
}

#[test]
fn writes_and_messages_keep_their_order() {
    assert_eq!(written(Way::SavesAll).0, ["save", "send"]);
    assert_eq!(written(Way::SavesAfterAnswering).0, ["send", "save"]);
    assert_eq!(written(Way::Logs).0, ["append", "sync", "send"]);
    assert_eq!(written(Way::SavesNothing).0, ["send"]);
}

#[test]
fn a_durable_node_finds_what_it_wrote() {
    let submission = submission();
    for way in [Way::SavesAll, Way::Logs] {
        let (_, output) = written(way);
        let mut host = LocalHost::new(&submission);
        let arguments = codec::encode(&way).expect("a way encodes");
        host.make(0, "server", server(), &arguments).expect("it is made");
        let storage = match output.effects()[0] {
            EncodedEffect::Save { record } => StorageBytes::new(Some(output.get(record)), []),
            EncodedEffect::Append { entry } => StorageBytes::new(None, [output.get(entry)]),
            other => panic!("{other:?}"),
        };
        let mut restored = Output::new();
        let event = Event::Restore { storage: &storage.encode() };
        host.step(0, event, &mut restored).expect("it is restored");
        let text = host.observe(0, &[]).expect("it answers");
        assert_eq!(codec::decode::<String>(&text).expect("a text"), "hello");
    }
}

#[test]
fn records_and_entries_are_shown_by_their_types() {
    let submission = submission();
    let kind = submission.kind("server").expect("there is one");
    let record = codec::encode(&Notebook::default()).expect("it encodes");
    let shown = kind.show(Payload::Record, &record, false).expect("it is shown");
    assert_eq!(shown, "Notebook { text: \"\", answered: {} }");
    let appended = Appended { client: client(), sequence: 1, text: "hello".to_owned() };
    let entry = codec::encode(&Entry::Plain(appended)).expect("it encodes");
    let shown = kind.show(Payload::Entry, &entry, false).expect("it is shown");
    assert!(shown.contains("text: \"hello\""), "{shown}");
    assert!(kind.tree(Payload::Entry, &entry).is_ok());
    let client = submission.kind("client").expect("there is one");
    assert!(client.show(Payload::Record, &record, false).is_err(), "it has no storage");
}

/// A node that counts its starts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Forgetful {
    starts: u64,
}

impl Node for Forgetful {
    type Message = ();
    type Timer = ();

    fn init(&mut self, _: &mut Context<Self>) {
        self.starts += 1;
    }

    fn on_message(&mut self, _: Address, (): (), _: &mut Context<Self>) {}
}

#[test]
fn a_node_that_is_not_durable_starts_as_new() {
    let make = |_: Address, ()| Forgetful { starts: 0 };
    let submission = Submission::new()
        .with(Kind::node("forgetful", make).observing(|node: &Forgetful, ()| node.starts));
    let mut host = LocalHost::new(&submission);
    let mut output = Output::new();
    host.make(0, "forgetful", server(), &[]).expect("it is made");
    host.step(0, Event::Init, &mut output).expect("it starts");
    host.make(0, "forgetful", server(), &[]).expect("it is made again");
    let storage = StorageBytes::default().encode();
    host.step(0, Event::Restore { storage: &storage }, &mut output).expect("it starts again");
    assert_eq!(host.observe(0, &[]), Ok(vec![1]));
}

#[test]
fn a_unit_test_calls_restore_and_compares_writes() {
    let mut ctx = Context::new(server());
    let mut node = Server { way: Way::Logs, notebook: Notebook::default() };
    node.on_message(client(), append(1, "a"), &mut ctx);
    let appended = Appended { client: client(), sequence: 1, text: "a".to_owned() };
    let entry = Entry::Checked(Checksummed::new(appended));
    let text = Message::Text { sequence: 1, text: "a".to_owned() };
    let reply = Effect::Send { to: client(), message: text };
    assert_eq!(ctx.effects(), [Effect::append(&entry), Effect::Sync, reply]);
    let mut restarted = Server { way: Way::Logs, notebook: Notebook::default() };
    restarted.restore(Stored { log: vec![entry], ..Stored::nothing() }, &mut ctx);
    assert_eq!(restarted, node);
}

/// A node that forwards to an inner node which saves.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Outer {
    inner: Server,
}

impl Node for Outer {
    type Message = Message;
    type Timer = ();

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        ctx.forward::<Server, _>(
            |message| message,
            |()| (),
            |ctx| self.inner.on_message(from, message, ctx),
        );
    }
}

#[test]
fn an_inner_node_has_no_storage_of_its_own() {
    let make = |_: Address, ()| Outer {
        inner: Server { way: Way::SavesAll, notebook: Notebook::default() },
    };
    let submission = Submission::new().with(Kind::node("outer", make));
    let mut host = LocalHost::new(&submission);
    host.make(0, "outer", server(), &[]).expect("it is made");
    let message = codec::encode(&append(1, "hello")).expect("a message encodes");
    let event = Event::Message { from: client(), message: &message };
    match host.step(0, event, &mut Output::new()) {
        Err(NodeFailure::Panicked { message, .. }) => {
            assert!(message.starts_with("an inner node has no stable storage"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}
