//! Part 1: the key-value store alone.

use faultlab::property::{clients_done, results_ok};
use faultlab::simulate::Scenario;
use faultlab::{Address, NodeSpec};
use lab1_api::KvCommand;
use lab1_api::KvResult::{self, Appended, KeyNotFound, PutDone, Value};

use super::setup::{KvWorkload, append, client, everything, get, put};
use crate::{Part, Test, key_value};

pub(super) fn part() -> Part {
    Part::new(1, "A key-value store")
        .test(
            Test::unit("1.1", "A key has the value that was put last")
                .asserts("Put replaces the value of its key alone, and Get changes nothing")
                .points(2)
                .scenario(|_| {
                    store([
                        (put("fruit", "apple"), PutDone),
                        (put("nut", "almond"), PutDone),
                        (get("fruit"), value("apple")),
                        (put("fruit", "pear"), PutDone),
                        (get("fruit"), value("pear")),
                        (get("fruit"), value("pear")),
                        (get("nut"), value("almond")),
                    ])
                }),
        )
        .test(
            Test::unit("1.2", "Append adds to the end")
                .asserts("Append returns the whole new value, and Get returns it afterwards")
                .points(2)
                .scenario(|_| {
                    store([
                        (put("word", "fire"), PutDone),
                        (append("word", "fly"), appended("firefly")),
                        (append("word", "ing"), appended("fireflying")),
                        (get("word"), value("fireflying")),
                        (put("word", "ice"), PutDone),
                        (append("word", "berg"), appended("iceberg")),
                    ])
                }),
        )
        .test(
            Test::unit("1.3", "A key that is not there")
                .asserts(
                    "Get of a missing key returns KeyNotFound every time; Append creates the key",
                )
                .points(2)
                .scenario(|_| {
                    store([
                        (get("nobody"), KeyNotFound),
                        (get("nobody"), KeyNotFound),
                        (put("somebody", "here"), PutDone),
                        (get("nobody"), KeyNotFound),
                        (append("nobody", "now"), appended("now")),
                        (append("nobody", "here"), appended("nowhere")),
                    ])
                }),
        )
        .test(
            Test::unit("1.4", "Keys and values are any text")
                .asserts("empty, long, non-ASCII and similar texts are stored unchanged")
                .points(2)
                .scenario(|_| {
                    let long = "long".repeat(1_000);
                    store([
                        (put("empty", ""), PutDone),
                        (get("empty"), value("")),
                        (append("empty", ""), appended("")),
                        (put("", "the empty key"), PutDone),
                        (get(""), value("the empty key")),
                        (put("long", &long), PutDone),
                        (get("long"), value(&long)),
                        (put("key", "small"), PutDone),
                        (put("KEY", "big"), PutDone),
                        (put(" key ", "wide"), PutDone),
                        (get("key"), value("small")),
                        (get("KEY"), value("big")),
                        (put("größe", "naïve"), PutDone),
                        (append("größe", "té 🫖"), appended("naïveté 🫖")),
                    ])
                }),
        )
        .test(
            Test::unit("1.5", "Many commands in any order")
                .asserts("a thousand random commands get the results of the reference store")
                .points(2)
                .over_seeds()
                .by_share_of_seeds()
                .scenario(|seed| {
                    let keys: Vec<String> = (0..200).map(|key| format!("key{key}")).collect();
                    let commands = everything(seed.random(), client(1), 1_000, &keys);
                    let results = key_value::results(&commands);
                    store(commands.into_iter().zip(results))
                }),
        )
}

/// The store, given these commands, with these expected results, which must be those of the reference store.
fn store(script: impl IntoIterator<Item = (KvCommand, KvResult)>) -> Scenario {
    let (commands, results): (Vec<_>, Vec<_>) = script.into_iter().unzip();
    assert_eq!(key_value::results(&commands), results, "a script expects what is right");
    let work = KvWorkload::scripted(commands, key_value::results);
    Scenario::new()
        .node(NodeSpec::client("store", Address::new("store"), &(), work))
        .check(results_ok())
        .check(clients_done())
}

fn value(text: &str) -> KvResult {
    Value(text.to_owned())
}

fn appended(text: &str) -> KvResult {
    Appended(text.to_owned())
}
