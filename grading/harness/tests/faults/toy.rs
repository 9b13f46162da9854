//! A toy lab whose only kind of node misbehaves as its arguments say, and a test for each
//! misbehaviour.

use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use faultlab::hosting::{Kind, Submission};
use faultlab::property::{clients_done, none_decided, results_ok};
use faultlab::simulate::{Intervention, Scenario};
use faultlab::workload::Workload;
use faultlab::{Address, Client, Context, Node, NodeSpec};
use faultlab_harness::report::Status;
use faultlab_harness::session::property;
use faultlab_suites::{Part, Suite, Test, TestNumber, seed_of};
use serde::{Deserialize, Serialize};

/// What a server does to its process when it receives its third number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Misbehaviour {
    Nothing,
    WrongAnswer,
    Todo,
    Panic,
    Loop,
    Wait,
    Exit,
    Abort,
    Overflow,
    Memory,
    Flood,
    Print,
    Stranger,
    TooManyMessages,
    Clock,
    HashOrder,
    Global,
    Garbage,
    ReadInput,
    BadEncoding,
}

/// A misbehaviour, and what the report must say about it.
pub struct Fault {
    pub name: &'static str,
    pub number: TestNumber,
    pub misbehaviour: Misbehaviour,
    pub status: Status,
    pub property: Option<&'static str>,
    pub reason: &'static [&'static str],
    pub excerpt: &'static [&'static str],
    /// Whether the run would never end.
    pub never_ends: bool,
    /// Whether the reason depends on real randomness.
    pub random: bool,
}

pub const BEFORE: TestNumber = TestNumber { part: 1, place: 1 };
pub const AFTER: TestNumber = TestNumber { part: 3, place: 1 };
/// A test that panics itself, with the second of its seeds.
pub const BROKEN: TestNumber = TestNumber { part: 3, place: 2 };
/// A test whose scenario crashes a node that does not exist.
pub const MISTAKEN: TestNumber = TestNumber { part: 3, place: 3 };
/// A test that violates two properties with every seed.
pub const SEVERAL: TestNumber = TestNumber { part: 3, place: 4 };

const fn fault(
    name: &'static str,
    place: u32,
    misbehaviour: Misbehaviour,
    property: &'static str,
) -> Fault {
    Fault {
        name,
        number: TestNumber { part: 2, place },
        misbehaviour,
        status: Status::Failed,
        property: Some(property),
        reason: &["server"],
        excerpt: &[],
        never_ends: false,
        random: false,
    }
}

pub const FAULTS: &[Fault] = &[
    Fault {
        reason: &["client1's command 3, 3, to return 6", "but it returned 0"],
        ..fault("a_wrong_answer", 1, Misbehaviour::WrongAnswer, "results are right")
    },
    Fault {
        status: Status::NotImplemented,
        property: None,
        reason: &["not implemented yet: add the number", "toy.rs"],
        ..fault("a_todo", 2, Misbehaviour::Todo, "")
    },
    Fault {
        reason: &["server's on_message panicked: three is too much", "toy.rs"],
        ..fault("a_panic", 3, Misbehaviour::Panic, property::NO_PANIC)
    },
    Fault {
        status: Status::TimedOut,
        never_ends: true,
        reason: &[
            "server's on_message, given 3 from client1, did not return within 1s of processor time",
        ],
        ..fault("an_endless_loop", 4, Misbehaviour::Loop, property::RETURNS)
    },
    Fault {
        reason: &["server's on_message, given 3 from client1, exited its process with code 0"],
        ..fault("an_exit", 6, Misbehaviour::Exit, property::NO_EXIT)
    },
    Fault {
        reason: &["server's on_message, given 3", "with signal 6"],
        ..fault("an_abort", 7, Misbehaviour::Abort, property::NO_EXIT)
    },
    Fault {
        reason: &["server's on_message, given 3 from client1, overflowed its stack"],
        ..fault("a_stack_overflow", 8, Misbehaviour::Overflow, property::NO_EXIT)
    },
    Fault {
        reason: &["server's on_message, given 3 from client1, ran out of memory"],
        ..fault("all_memory", 9, Misbehaviour::Memory, property::NO_EXIT)
    },
    Fault {
        // In an ordinary run, output is discarded, so the flood only takes time.
        status: Status::Failed,
        never_ends: true,
        reason: &["server's on_message, given 3 from client1, printed endlessly"],
        ..fault("endless_printing", 10, Misbehaviour::Flood, property::LIMITS)
    },
    Fault {
        reason: &["client1's command 3, 3, to return 6"],
        excerpt: &["I was given 3", "and I complain"],
        ..fault("what_is_printed_is_shown", 11, Misbehaviour::Print, "results are right")
    },
    Fault {
        reason: &["server sent", "to `nobody`, and there is no node of that name"],
        ..fault("a_message_to_nobody", 12, Misbehaviour::Stranger, property::KNOWN_ADDRESS)
    },
    Fault {
        reason: &["server", "more than the limit of 1000"],
        ..fault("a_flood_of_messages", 13, Misbehaviour::TooManyMessages, property::LIMITS)
    },
    Fault {
        reason: &[
            "differ: something other than state, messages and timers",
            "the runs differ at event",
        ],
        random: true,
        ..fault("the_clock", 14, Misbehaviour::Clock, property::DETERMINISM)
    },
    Fault {
        reason: &[
            "differ: something other than state, messages and timers",
            "the runs differ at event",
        ],
        random: true,
        ..fault("the_order_of_a_hash_map", 15, Misbehaviour::HashOrder, property::DETERMINISM)
    },
    Fault {
        reason: &[
            "runs differently in a fresh process than in one that has run before",
            "the runs differ at event",
        ],
        ..fault("a_global", 16, Misbehaviour::Global, property::DETERMINISM)
    },
    Fault {
        // The run's journal is garbage too.
        reason: &["exited its process with code 0"],
        ..fault("garbage_to_the_supervisor", 17, Misbehaviour::Garbage, property::NO_EXIT)
    },
    Fault {
        reason: &["read 0 bytes"],
        ..fault("standard_input_is_empty", 18, Misbehaviour::ReadInput, property::NO_PANIC)
    },
    Fault {
        reason: &["server's on_message the message cannot be encoded and read back"],
        ..fault("a_value_that_cannot_be_encoded", 19, Misbehaviour::BadEncoding, property::ENCODING)
    },
];

/// The suite: one test before the faults, one test for each fault, and tests after them.
pub fn suite() -> Suite {
    let test = |number: String, misbehaviour| {
        Test::run(&number, &format!("{misbehaviour:?}"))
            .asserts("every number comes back added up")
            .points(2)
            .scenario(move |_| scenario(misbehaviour))
    };
    let faults = FAULTS.iter().map(|fault| test(fault.number.to_string(), fault.misbehaviour));
    let broken = Test::run(&BROKEN.to_string(), "Broken")
        .asserts("every number comes back added up")
        .points(2)
        .by_share_of_seeds()
        .scenario(|seed| {
            assert_ne!(seed.seed(), seed_of(1, BROKEN, 1), "a case is missing");
            scenario(Misbehaviour::Nothing)
        });
    let mistaken = Test::run(&MISTAKEN.to_string(), "Mistaken")
        .asserts("every number comes back added up")
        .points(2)
        .scenario(|_| {
            let crash = Intervention::Crash(Address::new("server9"));
            scenario(Misbehaviour::Nothing).at(Duration::from_secs(1), crash)
        });
    let several = Test::run(&SEVERAL.to_string(), "Several")
        .asserts("every number comes back added up")
        .points(2)
        .scenario(|_| scenario(Misbehaviour::WrongAnswer).check(none_decided()));
    Suite::new("toy", "Adding up")
        .part(Part::new(1, "Before").test(test("1.1".to_owned(), Misbehaviour::Nothing)))
        .part(Part::new(2, "Faults").tests(faults))
        .part(
            Part::new(3, "After")
                .test(test("3.1".to_owned(), Misbehaviour::Nothing))
                .test(broken)
                .test(mistaken)
                .test(several),
        )
}

fn scenario(misbehaviour: Misbehaviour) -> Scenario {
    let (server, client) = (Address::new("server"), Address::new("client1"));
    let work = Workload::<u64, u64>::of([1, 2, 3, 4]).expecting([1, 3, 6, 10]);
    Scenario::new()
        .node(NodeSpec::node("server", server, &misbehaviour))
        .node(NodeSpec::client("client", client, &server, work))
        .until_done(Duration::from_secs(10))
        .check(clients_done())
        .check(results_ok())
}

/// The submission.
pub fn submission() -> Submission {
    Submission::new()
        .with(Kind::node("server", |_address, misbehaviour| Server { misbehaviour, sum: 0 }))
        .with(Kind::client("client", |_address, server| Asker { server, result: None }))
}

/// A number; one of them cannot be encoded.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct Number(u64);

impl std::fmt::Debug for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == u64::MAX {
            return Err(serde::ser::Error::custom("this number is secret"));
        }
        serializer.serialize_newtype_struct("Number", &self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Server {
    misbehaviour: Misbehaviour,
    sum: u64,
}

impl Node for Server {
    type Message = Number;
    type Timer = ();

    fn on_message(&mut self, from: Address, number: Number, ctx: &mut Context<Self>) {
        self.sum += number.0;
        let mut answer = self.sum;
        if number.0 == 3
            || matches!(
                self.misbehaviour,
                Misbehaviour::Clock | Misbehaviour::HashOrder | Misbehaviour::Global
            )
        {
            answer = self.act(answer, ctx);
        }
        ctx.send(from, Number(answer));
    }
}

static GLOBAL: AtomicU64 = AtomicU64::new(0);

impl Server {
    fn act(&self, answer: u64, ctx: &mut Context<Self>) -> u64 {
        match self.misbehaviour {
            Misbehaviour::Nothing => return answer,
            Misbehaviour::WrongAnswer => return 0,
            Misbehaviour::Todo => todo!("add the number"),
            Misbehaviour::Panic => panic!("three is too much"),
            Misbehaviour::Loop => loop {
                std::hint::black_box(());
            },
            Misbehaviour::Wait => loop {
                std::thread::park();
            },
            Misbehaviour::Exit => std::process::exit(0),
            Misbehaviour::Abort => std::process::abort(),
            Misbehaviour::Overflow => return deeper(answer),
            Misbehaviour::Memory => {
                let mut hoard: Vec<Vec<u8>> = Vec::new();
                loop {
                    hoard.push(Vec::with_capacity(256 << 20));
                }
            }
            Misbehaviour::Flood => loop {
                println!("{}", "flood ".repeat(1_000));
            },
            Misbehaviour::Print => {
                println!("I was given {answer}");
                println!("I was given 3");
                eprintln!("and I complain");
                return 0;
            }
            Misbehaviour::Stranger => ctx.send(Address::new("nobody"), Number(1)),
            Misbehaviour::TooManyMessages => {
                (0..2_000).for_each(|number| ctx.send(Address::new("client1"), Number(number)));
            }
            Misbehaviour::Clock => {
                let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("it is later");
                return answer + now.subsec_nanos() as u64;
            }
            Misbehaviour::HashOrder => {
                let map: HashMap<u64, ()> = (0..1_000).map(|key| (key, ())).collect();
                return answer + map.keys().next().copied().unwrap_or(0);
            }
            Misbehaviour::Global => return answer + GLOBAL.fetch_add(1, Ordering::Relaxed) / 9,
            Misbehaviour::Garbage => {
                // Descriptors can be guessed; writing to them needs no unsafe code.
                for number in 3..64 {
                    let path = format!("/proc/self/fd/{number}");
                    if let Ok(mut file) = std::fs::File::options().write(true).open(path) {
                        let _ = file.write_all(&[0xff; 64]);
                    }
                }
                std::process::exit(0);
            }
            Misbehaviour::ReadInput => {
                let mut line = String::new();
                let length = std::io::stdin().read_line(&mut line);
                panic!("read {} bytes", length.expect("it can be read"));
            }
            Misbehaviour::BadEncoding => ctx.send(Address::new("client1"), Number(u64::MAX)),
        }
        answer
    }
}

#[expect(unconditional_recursion, reason = "to overflow the stack")]
fn deeper(depth: u64) -> u64 {
    std::hint::black_box(deeper(std::hint::black_box(depth)) + 1)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Asker {
    server: Address,
    result: Option<u64>,
}

impl Node for Asker {
    type Message = Number;
    type Timer = ();

    fn on_message(&mut self, _from: Address, sum: Number, _ctx: &mut Context<Self>) {
        self.result.get_or_insert(sum.0);
    }
}

impl Client for Asker {
    type Command = u64;
    type Result = u64;

    fn send_command(&mut self, number: u64, ctx: &mut Context<Self>) {
        self.result = None;
        ctx.send(self.server, Number(number));
    }

    fn result(&self) -> Option<u64> {
        self.result
    }
}
