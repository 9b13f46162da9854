//! Linearizability as a monitor of a search: it adds no states for correct appends, and it finds
//! stale reads that no single state reveals.

#[path = "fixtures/at_most_once.rs"]
mod at_most_once;

use std::collections::BTreeMap;

use at_most_once::{Append, Keys, search, submission};
use faultlab::hosting::{Kind, Submission};
use faultlab::linearizability::Sequential;
use faultlab::search::{Linearizable, Search, SearchResult};
use faultlab::workload::Workload;
use faultlab::{Address, Application, Client, Context, Node, System};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Store(BTreeMap<String, String>);

impl Application for Store {
    type Command = Append;
    type Result = String;

    fn execute(&mut self, append: Append) -> String {
        let value = self.0.entry(append.key).or_default();
        value.push_str(&append.value);
        value.clone()
    }
}

#[test]
fn on_correct_appends_the_monitor_adds_no_states() {
    for (clients, appends, keys, states) in [
        (2, 3, Keys::Same, 2_117),
        (3, 2, Keys::Same, 20_491),
        (2, 5, Keys::Same, 80_395),
        (2, 3, Keys::Different, 255),
    ] {
        let model = Sequential::new(Store::default());
        let report = search(clients, appends, keys)
            .monitor(Linearizable::new("results are linearizable", model))
            .run(&submission());
        assert_eq!(report.result, SearchResult::Exhausted);
        assert_eq!(report.statistics.states, states);
        assert!(report.statistics.monitor_states > 0);
    }
}

/// A register with two copies. Writes go to the first, which answers before the second has them, and
/// reads go to the second.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Copy {
    other: Option<Address>,
    value: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Command {
    Read,
    Write(u64),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Message {
    Ask { number: u64, command: Command },
    Answer { number: u64, value: u64 },
    Propagate(u64),
}

impl Node for Copy {
    type Message = Message;
    type Timer = ();

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::Ask { number, command } => {
                if let Command::Write(value) = command {
                    self.value = value;
                    ctx.broadcast(self.other, Message::Propagate(value));
                }
                ctx.send(from, Message::Answer { number, value: self.value });
            }
            Message::Propagate(value) => self.value = value,
            Message::Answer { .. } => {}
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Asker {
    copy: Address,
    number: u64,
    result: Option<u64>,
}

impl Node for Asker {
    type Message = Message;
    type Timer = ();

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Self>) {
        if let Message::Answer { number, value } = message
            && number == self.number
        {
            self.result.get_or_insert(value);
        }
    }
}

impl Client for Asker {
    type Command = Command;
    type Result = u64;

    fn send_command(&mut self, command: Command, ctx: &mut Context<Self>) {
        self.number += 1;
        self.result = None;
        ctx.send(self.copy, Message::Ask { number: self.number, command });
    }

    fn result(&self) -> Option<u64> {
        self.result
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Register(u64);

impl Application for Register {
    type Command = Command;
    type Result = u64;

    fn execute(&mut self, command: Command) -> u64 {
        if let Command::Write(value) = command {
            self.0 = value;
        }
        self.0
    }
}

fn copies() -> Submission {
    Submission::new()
        .with(Kind::node("copy", |_, other| Copy { other, value: 0 }))
        .with(Kind::client("asker", |_, copy| Asker { copy, number: 0, result: None }))
}

/// A writer at the first copy, and a reader at the copy `read_from`.
fn reading_from(read_from: &str) -> Search {
    let (first, second) = (Address::new("copy1"), Address::new("copy2"));
    let writes = Workload::<Command, u64>::of([Command::Write(7)]);
    let reads = Workload::<Command, u64>::of([Command::Read, Command::Read]);
    let system = System::new()
        .node("copy", first, &Some(second))
        .node("copy", second, &None::<Address>)
        .client("asker", Address::new("writer"), &first, writes)
        .client("asker", Address::new("reader"), &Address::new(read_from), reads);
    let model = Sequential::new(Register::default());
    Search::new(system).monitor(Linearizable::new("reads are fresh", model))
}

#[test]
fn a_stale_read_is_found_and_named() {
    let report = reading_from("copy2").run(&copies());
    let SearchResult::Violated(found) = &report.result else { panic!("{:?}", report.result) };
    let violation = found.violation().expect("it is a violation");
    assert_eq!(violation.property, "reads are fresh");
    assert_eq!(violation.expected, "reader's Read to return 7");
    assert_eq!(violation.seen, "it returned 0");
    // The shortest path: a write and its answer, a read and its answer, and another read and its answer.
    assert_eq!(found.path().len(), 6);
}

#[test]
fn reading_from_the_written_copy_is_linearizable() {
    assert_eq!(reading_from("copy1").run(&copies()).result, SearchResult::Exhausted);
}

#[test]
fn the_verdict_does_not_depend_on_the_number_of_threads() {
    let four = std::num::NonZeroUsize::new(4).expect("four");
    let (one, many) =
        (reading_from("copy2").run(&copies()), reading_from("copy2").threads(four).run(&copies()));
    assert_eq!(one.result, many.result);
    assert_eq!(one.statistics.states, many.statistics.states);
}
