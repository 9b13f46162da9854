//! Lab 1's search tests: every order of deliveries, losses, duplicates and timers, within bounds.

use faultlab::Address;
use faultlab::linearizability::Sequential;
use faultlab::property::{Property, clients_done, none_decided, results_ok, violated};
use faultlab::search::{Linearizable, RandomWalks, Search};
use lab1_api::KvCommand;

use super::setup::{self, Keys, KvWorkload, append, client, get, put, server, system, value};
use crate::key_value::{self, EXACTLY_ONCE, Specification};
use crate::{SearchPlan, Test};

/// The state limit of an exhaustive search with one or two clients: nine times the states of the
/// largest correct solution (113,589; it retransmits with backoff), and 470 times those of the
/// reference. Infinite state spaces are detected long before.
const STATES_MAX: u64 = 1_000_000;

/// The same for three clients. The largest correct solution, whose client waits 100, 200, 400 and then always 800
/// milliseconds, has 5.6 million states with a key each.
const STATES_OF_THREE_MAX: u64 = 10_000_000;

/// The search tests of part 2: at-least-once requests.
pub(super) fn part2() -> Vec<Test> {
    vec![
        Test::search("2.20", "Search: an answer can be reached")
            .asserts("some order of events answers every command of one client")
            .points(2)
            .searches(|_| {
                SearchPlan::new().reaching(
                    "every answer",
                    searched([own_keys(client(1), 2)]).goal(clients_done()),
                )
            }),
        Test::search("2.21", "Search: no result without the server")
            .asserts(
                "no client gets a result when its requests or the server's replies are blocked",
            )
            .points(2)
            .searches(|_| {
                let none = || searched([own_keys(client(1), 1)]).invariant(none_decided());
                // Where nothing is blocked, there is a result, so blocking is what prevents it.
                let one = searched([(client(1), vec![put("x", "v")])]).goal(clients_done());
                SearchPlan::new()
                    .reaching("a result, with nothing blocked", one)
                    .exhausting("no requests", none().block_link(client(1), server()))
                    .exhausting("no replies", none().block_link(server(), client(1)))
            }),
        Test::search("2.22", "Search: one client, every order of events")
            .asserts("every result is right, whatever is lost, late or doubled")
            .points(3)
            .searches(|_| every_result_is_right([own_keys(client(1), 3)])),
        Test::search("2.23", "Search: two clients, every order of events")
            .asserts("every result is right, whatever is lost, late or doubled")
            .points(3)
            .searches(|_| every_result_is_right([own_keys(client(1), 2), own_keys(client(2), 2)])),
    ]
}

/// The search tests of part 3: exactly-once semantics.
pub(super) fn part3() -> Vec<Test> {
    vec![
        Test::search("3.20", "Search: one client appends")
            .asserts("no append takes effect twice, in any order of events")
            .points(3)
            .searches(|_| exactly_once("all runs", [appends(client(1), 4, "x")])),
        Test::search("3.21", "Search: two clients append to one key")
            .asserts("results are linearizable in every order of events")
            .points(3)
            .searches(|_| exactly_once("all runs", clients(2, |it| appends(it, 3, "x")))),
        Test::search("3.22", "Search: three clients, each with a key of its own")
            .asserts("clients do not interfere with each other, in any order of events")
            .points(3)
            .searches(|_| exactly_once("all runs", clients(3, |it| appends(it, 3, it.as_str())))),
        Test::search("3.23", "Search: three clients put, get, append on one key")
            .asserts("results are linearizable in every order of events")
            .points(3)
            .searches(|_| {
                let works = [
                    (client(1), vec![append("x", "a"), get("x")]),
                    (client(2), vec![put("x", "b"), append("x", "c")]),
                    (client(3), vec![get("x"), put("x", "d")]),
                ];
                exactly_once("all runs", works)
            }),
        Test::search("3.24", "Search: late copies after a client has moved on")
            .asserts("late copies of messages for an answered command change nothing")
            .points(3)
            .searches(|_| {
                // First the two clients' messages interleave until one client is far ahead. From
                // there, everything that was ever sent may arrive again.
                let works = clients(2, |it| appends(it, 3, "x"));
                SearchPlan::of(monitored(works))
                    .reach("client1 has two answers", |search| search.goal(answered(client(1), 2)))
                    .exhaust("everything from there", |search| search.sometimes(clients_done()))
            }),
        Test::search("3.25", "Search: endless clients, first steps, random runs")
            .asserts(
                "results are linearizable in the first steps of every run, and in long random ones",
            )
            .points(3)
            .searches(|seed| {
                let random_walks = RandomWalks { seed: seed.seed(), count: 64, depth_max: 60 };
                SearchPlan::new()
                    .bounded("the first 8 events", endless(3).depth_max(8))
                    .random_walks("random runs of 60 events", endless(3), random_walks)
            }),
    ]
}

/// Clients that append to one key forever.
fn endless(clients: usize) -> Search {
    let work =
        |_| KvWorkload::infinite(|turn| append("x", value(turn.client, turn.index as usize)));
    let model = Sequential::new(Specification::<KvCommand>::default());
    Search::new(system(setup::clients(clients, work)))
        .monitor(Linearizable::new(EXACTLY_ONCE, model))
        .sometimes(answered(client(1), 1))
}

/// Clients that append distinct values, without bounds.
pub(super) fn appending(clients: usize, appends: usize, keys: Keys) -> Search {
    let works = (1..=clients).map(client).map(|it| {
        let key = match keys {
            Keys::Shared => "x".to_owned(),
            Keys::Own => it.to_string(),
        };
        (it, self::appends(it, appends, &key).1)
    });
    unlimited(works)
}

/// A client, and its commands in order.
type Asked = (Address, Vec<KvCommand>);

/// Each command uses its own key, so that a late copy of one cannot change the result of another.
fn own_keys(client: Address, pairs: usize) -> Asked {
    let pair = |index: usize| {
        let key = format!("{client}-{index}");
        [put(key.clone(), format!("v{index}")), get(key)]
    };
    (client, (0..pairs).flat_map(pair).collect())
}

/// Appends of values that no other client appends.
fn appends(client: Address, count: usize, key: &str) -> Asked {
    let value = |index: usize| format!("{}{index} ", client.as_str().trim_start_matches("client"));
    (client, (0..count).map(|index| append(key, value(index))).collect())
}

fn clients(count: usize, asked: impl Fn(Address) -> Asked) -> Vec<Asked> {
    (1..=count).map(client).map(asked).collect()
}

/// A search of the server and these clients, pruned where every client has all its results.
fn searched(works: impl IntoIterator<Item = Asked>) -> Search {
    let works: Vec<Asked> = works.into_iter().collect();
    let states_max = if works.len() < 3 { STATES_MAX } else { STATES_OF_THREE_MAX };
    unlimited(works).states_max(states_max)
}

/// The same without a state limit.
fn unlimited(works: impl IntoIterator<Item = Asked>) -> Search {
    let works = works.into_iter().map(|(address, commands)| {
        let alone = key_value::results(&commands);
        (address, KvWorkload::of(commands).expecting(alone))
    });
    Search::new(system(works)).prune(clients_done())
}

/// Explores all runs; every result must be as if the client were alone, and it must be possible that all clients get
/// theirs.
fn every_result_is_right(works: impl IntoIterator<Item = Asked>) -> SearchPlan {
    SearchPlan::new()
        .exhausting("all runs", searched(works).invariant(results_ok()).sometimes(clients_done()))
}

/// A search that monitors whether results are those of one copy that executes each command once.
fn monitored(works: impl IntoIterator<Item = Asked>) -> Search {
    let model = Sequential::new(Specification::<KvCommand>::default());
    searched(works).monitor(Linearizable::new(EXACTLY_ONCE, model))
}

/// Explores all runs; results must be as if each command took effect exactly once, and it must be possible that all
/// clients get theirs.
fn exactly_once(title: &str, works: impl IntoIterator<Item = Asked>) -> SearchPlan {
    SearchPlan::new().exhausting(title, monitored(works).sometimes(clients_done()))
}

/// Holds once a client has had this many results.
fn answered(client: Address, results: usize) -> Property {
    Property::new(format!("{client} has {results} results"), move |view| {
        let had = view.operations(client).iter().filter(|it| it.result.is_some()).count();
        if had >= results {
            Ok(())
        } else {
            Err(violated(format!("{results} results"), format!("{client} has {had}")))
        }
    })
}
