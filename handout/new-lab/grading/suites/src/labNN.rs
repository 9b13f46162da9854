//! The suite of lab NN.

use std::time::Duration;

use faultlab::property::{clients_done, results_ok};
use faultlab::simulate::{Network, Scenario};
use faultlab::workload::Workload;
use faultlab::{Address, NodeSpec};
use labNN_api::{Double, Doubled};

use crate::{Part, Suite, Test};

/// The suite of lab NN.
#[must_use]
pub fn suite() -> Suite {
    Suite::new("labNN", "TITLE").interface(labNN_api::interface()).part(
        Part::new(1, "Doubling").test(
            Test::run("1.1", "Two clients on an unreliable network")
                .asserts("every number is doubled, whatever is lost, late or doubled on the way")
                .points(10)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|_| doubling(2).network(Network::unreliable())),
        ),
    )
}

/// One server, and clients that each let it double ten numbers.
fn doubling(clients: usize) -> Scenario {
    let server = Address::new("server");
    let clients = (1..=clients).map(|number| {
        let work = Workload::scripted((1..=10).map(Double), |numbers| {
            numbers.iter().map(|Double(number)| Doubled(2 * number)).collect()
        });
        NodeSpec::client("client", Address::numbered("client", number), &server, work)
    });
    Scenario::new()
        .node(NodeSpec::node("server", server, &()))
        .nodes(clients)
        .until_done(Duration::from_secs(60))
        .check(clients_done())
        .check(results_ok())
}
