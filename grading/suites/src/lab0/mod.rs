//! Lab 0's suite: an example of a suite, which also checks the worked example.

mod help;

use std::time::Duration;

use faultlab::property::{clients_done, results_ok};
use faultlab::simulate::{Network, Scenario};
use faultlab::workload::Workload;
use faultlab::{Address, NodeSpec};
use lab0_api::{Ping, Pong};

use crate::{Part, Suite, Test};

/// The suite of lab 0.
#[must_use]
pub fn suite() -> Suite {
    Suite::new("lab0", "Ping-pong").interface(lab0_api::interface()).explaining(help::KINDS).part(
        Part::new(1, "Ping-pong")
            .test(
                Test::run("1.1", "A client's pings come back")
                    .asserts("every ping is answered with its own text")
                    .points(5)
                    .scenario(|_| pings(1, 10)),
            )
            .test(
                Test::run("1.2", "Three clients on an unreliable network")
                    .asserts("every ping is answered with its own text, whatever is lost")
                    .points(5)
                    .unreliable()
                    .by_share_of_seeds()
                    .scenario(|_| pings(3, 10).network(Network::unreliable())),
            ),
    )
}

/// One server, and clients that each send it `count` pings.
#[must_use]
pub fn pings(clients: usize, count: u64) -> Scenario {
    let server = Address::new("server1");
    let text = |client: Address, index: u64| format!("{client}-{index}");
    let clients = (1..=clients).map(|number| {
        let client = Address::numbered("client", number);
        let pings = (0..count).map(|index| Ping { text: text(client, index) });
        let work = Workload::scripted(pings, |pings| {
            pings.iter().map(|ping| Pong { text: ping.text.clone() }).collect()
        });
        NodeSpec::client("client", client, &server, work)
    });
    Scenario::new()
        .node(NodeSpec::node("server", server, &()))
        .nodes(clients)
        .until_done(Duration::from_secs(60))
        .check(clients_done())
        .check(results_ok())
}
