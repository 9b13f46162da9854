//! Random cases: a service, its clients and their commands.

use std::time::Duration;

use faultlab::hosting::{Kind, Submission};
use faultlab::random::mix;
use faultlab::search::Search;
use faultlab::simulate::Scenario;
use faultlab::workload::Workload;
use faultlab::{Address, FaultModel, NodeSpec, System};

use super::{Fault, Made, Role};
use crate::world::{COMMANDS_PER_EVENT_MAX, Member, Rules, World};

/// A service with its clients.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its fault.
    pub fault: Fault,
    /// The commands of each client.
    pub commands: Vec<Vec<u64>>,
    /// Whether clients retransmit if there is no answer.
    pub retries: bool,
}

impl Service {
    /// The service of this seed, with at most this many commands in total.
    #[must_use]
    pub fn drawn(seed: u64, commands_max: usize, retries: bool) -> Self {
        let draw = |what: u64, below: u64| mix(seed ^ mix(what)) % below;
        let fault = Fault::ALL[draw(1, Fault::ALL.len() as u64) as usize];
        let clients = 1 + draw(2, 3);
        let mut left = commands_max;
        let commands = (0..clients).map(|client| {
            let count = (1 + draw(10 + client, 3) as usize).min(left);
            left -= count;
            let command = |turn: usize| match draw(100 + 10 * client + turn as u64, 5) {
                0 | 1 => 0,
                2 | 3 => 1 + (3 * client + turn as u64) % 9,
                _ => 10 + 3 * client + turn as u64,
            };
            (0..count).map(command).collect()
        });
        let commands = commands.collect();
        Self { fault, commands, retries }
    }

    /// The nodes, servers first: kind, address, arguments and commands.
    fn nodes(&self) -> Vec<(&'static str, Address, Made, Option<Vec<u64>>)> {
        let copy = (self.fault == Fault::ReadsACopy).then(|| Address::new("server1"));
        let first = Address::new("server0");
        let mut nodes = vec![("server", first, Made::Server(self.fault, copy), None)];
        if let Some(copy) = copy {
            nodes.push(("server", copy, Made::Server(self.fault, None), None));
        }
        for (number, commands) in self.commands.iter().enumerate() {
            let made = Made::Asker(self.fault, [first, copy.unwrap_or(first)], self.retries);
            nodes.push(("asker", Address::numbered("asker", number), made, Some(commands.clone())));
        }
        nodes
    }

    /// The nodes for the engines.
    #[must_use]
    pub fn submission() -> Submission {
        let make = |_: Address, made: Made| Role::new(made);
        Submission::new().with(Kind::node("server", make)).with(Kind::client("asker", make))
    }

    /// The world for the reference.
    #[must_use]
    pub fn world<A>(&self, automaton: A) -> World<Role, A> {
        let member =
            |(_, address, made, commands)| Member { address, node: Role::new(made), commands };
        let members = self.nodes().into_iter().map(member).collect();
        World {
            members,
            fault_model: FaultModel::default(),
            rules: Rules::default(),
            automaton,
            commands_per_event_max: COMMANDS_PER_EVENT_MAX,
        }
    }

    /// The search, without properties.
    #[must_use]
    pub fn search(&self) -> Search {
        let mut system = System::new();
        for (kind, address, made, commands) in self.nodes() {
            system = match commands {
                None => system.node(kind, address, &made),
                Some(commands) => {
                    system.client(kind, address, &made, Workload::<u64, u64>::of(commands))
                }
            };
        }
        Search::new(system)
    }

    /// The scenario, on a reliable network.
    #[must_use]
    pub fn scenario(&self) -> Scenario {
        let spec = |(kind, address, made, commands): (_, _, _, Option<Vec<u64>>)| match commands {
            None => NodeSpec::node(kind, address, &made),
            Some(commands) => {
                NodeSpec::client(kind, address, &made, Workload::<u64, u64>::of(commands))
            }
        };
        Scenario::new()
            .nodes(self.nodes().into_iter().map(spec))
            .until_done(Duration::from_secs(20))
    }
}
