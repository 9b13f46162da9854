//! Shared setup: the server, the clients, and shorthands for their commands. Hidden tests use it as well.

use std::time::Duration;

use faultlab::random::Random;
use faultlab::simulate::{Latency, LinkConditions, Rate, Scenario};
use faultlab::workload::Workload;
use faultlab::{Address, NodeSpec, System};
use lab1_api::{KvCommand, KvResult};

/// Which keys the clients use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Each client has its own.
    Own,
    /// All clients share them.
    Shared,
}

/// A client's workload.
pub type KvWorkload = Workload<KvCommand, KvResult>;

/// The server.
#[must_use]
pub fn server() -> Address {
    Address::new("server")
}

/// A client, numbered from 1.
#[must_use]
pub fn client(number: usize) -> Address {
    Address::numbered("client", number)
}

/// The server, and clients with work: for runs and for searches.
#[must_use]
pub fn system(clients: impl IntoIterator<Item = (Address, KvWorkload)>) -> System {
    let clients = clients.into_iter().map(|(address, work)| asking(address, work));
    clients.fold(System::new().node("server", server(), &()), System::with)
}

/// The server, and clients with work.
#[must_use]
pub fn server_and_clients(clients: impl IntoIterator<Item = (Address, KvWorkload)>) -> Scenario {
    Scenario::new().system(system(clients))
}

/// Runs until every client that has not crashed has all its results, but at most for two minutes, and at most
/// for one minute in which no client gets a result. A client that retries every ten seconds retries six times in
/// that minute.
#[must_use]
pub fn to_the_end(scenario: Scenario) -> Scenario {
    scenario.until_done(seconds(120)).until_stalled(seconds(60))
}

/// A client of the server, with this workload.
#[must_use]
pub fn asking(address: Address, work: KvWorkload) -> NodeSpec {
    NodeSpec::client("client", address, &server(), work)
}

/// This many clients, each with the workload that `work` returns for it.
#[must_use]
pub fn clients(
    count: usize,
    mut work: impl FnMut(Address) -> KvWorkload,
) -> Vec<(Address, KvWorkload)> {
    (1..=count).map(client).map(|address| (address, work(address))).collect()
}

/// `Get`.
#[must_use]
pub fn get(key: impl Into<String>) -> KvCommand {
    KvCommand::Get { key: key.into() }
}

/// `Put`.
#[must_use]
pub fn put(key: impl Into<String>, value: impl Into<String>) -> KvCommand {
    KvCommand::Put { key: key.into(), value: value.into() }
}

/// `Append`.
#[must_use]
pub fn append(key: impl Into<String>, value: impl Into<String>) -> KvCommand {
    KvCommand::Append { key: key.into(), value: value.into() }
}

/// A unique value, made of the client and the index. It ends with its only bracket, so that appended
/// values can be separated again.
#[must_use]
pub fn value(client: Address, index: usize) -> String {
    format!("{client}:{index}]")
}

/// The value of one write in four. All clients write it, so that many commands are equal: a command's content
/// does not say which request it is.
const SAME: &str = "same]";

/// The value of a client's write: unique, or one that all clients write.
#[must_use]
pub fn often_same(random: &mut Random, client: Address, index: usize) -> String {
    if random.below(4) == 0 { SAME.to_owned() } else { value(client, index) }
}

/// Random commands, some of them equal. No key has both puts and appends.
#[must_use]
pub fn puts_and_appends(
    random: &mut Random,
    client: Address,
    count: usize,
    keys: &str,
) -> Vec<KvCommand> {
    let command = |index: usize| match random.below(4) {
        0 => get(format!("{keys}-put")),
        1 => put(format!("{keys}-put"), often_same(random, client, index)),
        2 => get(format!("{keys}-append")),
        _ => append(format!("{keys}-append"), often_same(random, client, index)),
    };
    (0..count).map(command).collect()
}

/// Random commands of all kinds on all keys, some of them equal.
#[must_use]
pub fn everything(
    random: &mut Random,
    client: Address,
    count: usize,
    keys: &[String],
) -> Vec<KvCommand> {
    let command = |index: usize| {
        let key = random.pick(keys).as_str();
        match random.below(5) {
            0 | 1 => get(key),
            2 => put(key, often_same(random, client, index)),
            _ => append(key, often_same(random, client, index)),
        }
    };
    (0..count).map(command).collect()
}

/// Milliseconds.
#[must_use]
pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Seconds.
#[must_use]
pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A link that loses and duplicates nothing. Most messages take 1 to 10 ms, but `percent` of them
/// up to `slowest`.
#[must_use]
pub fn sometimes_slow(percent: u32, slowest: Duration) -> LinkConditions {
    let latency = Latency::between(ms(1), ms(10)).with_slow(Rate::percent(percent), slowest);
    LinkConditions { latency, ..LinkConditions::reliable() }
}
