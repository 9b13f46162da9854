//! Random cases: a system with its restrictions, claims and limits.

use faultlab::hosting::{Kind, Submission};
use faultlab::random::mix;
use faultlab::search::{RestartBounds, Search};
use faultlab::workload::Workload;
use faultlab::{Address, FaultModel, NodeModel, System};

use super::{CallOrder, Drawn, Nature};
use crate::claim::{Claim, Claims, Role};
use crate::world::{COMMANDS_PER_EVENT_MAX, Member, Restarts, Rules, World};

/// A kind of protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Two to four nodes that use all features.
    Few,
    /// The same, and sometimes a node sends to an address without a node.
    Strangers,
    /// Two to four nodes on a network that keeps messages in order and loses none.
    InOrder,
    /// One or two nodes with many timers.
    Timers,
    /// More nodes than a sleep set can contain.
    Many,
    /// Two or three clients that often have results at the same time.
    Clients,
    /// Clients that answer hundreds of commands in one event.
    Chains,
}

/// A random system with the settings of its search.
#[derive(Clone, Debug)]
pub struct Case {
    /// The nodes: each one's arguments, and its commands if it is a client.
    pub members: Vec<(Nature, Option<Vec<u64>>)>,
    /// What can happen to messages.
    pub fault_model: FaultModel,
    /// The restrictions.
    pub rules: Rules,
    /// The claims.
    pub claims: Claims,
    /// The automaton, if there is one.
    pub automaton: Option<CallOrder>,
    /// The depth limit.
    pub depth_max: Option<usize>,
    /// The limit on commands per event.
    pub commands_per_event_max: usize,
}

/// The address of a node.
fn address(index: usize) -> Address {
    Address::numbered("node", index)
}

impl Case {
    /// The case of this seed.
    #[must_use]
    pub fn drawn(seed: u64, size: Size) -> Self {
        let draw = |what: u64, below: u64| mix(seed ^ mix(what)) % below;
        let nodes = match size {
            Size::Few | Size::Strangers | Size::InOrder | Size::Chains => 2 + draw(1, 3),
            Size::Clients => 2 + draw(1, 2),
            Size::Timers => 1 + draw(1, 2),
            Size::Many => 33 + draw(1, 4),
        };
        let nature = |index: u64| Nature {
            seed: mix(seed ^ mix(100 + index)),
            nodes,
            one_in: match size {
                Size::Few | Size::Strangers | Size::InOrder => 2 + draw(40, 2),
                Size::Clients => 1,
                Size::Timers => 1 + draw(40, 2),
                Size::Many => 9,
                Size::Chains => 3,
            },
            timer_one_in: match size {
                Size::Few | Size::Strangers | Size::InOrder => [0, 2, 3, 3][draw(41, 4) as usize],
                Size::Clients => 0,
                Size::Timers => 1,
                Size::Many => 3 * draw(41, 2),
                Size::Chains => 3,
            },
            timer_values: 1 + draw(42, 3),
            sends: if size == Size::Timers { draw(43, 2) } else { 2 },
            result_one_in: if size == Size::Clients { 1 + draw(44, 2) } else { 4 },
            strangers: size == Size::Strangers,
            prompt: match size {
                Size::Chains => [0, 100, 129, 255, 300, 500][draw(200 + index, 6) as usize],
                _ => [0, 0, 2, 3][draw(200 + index, 4) as usize],
            },
            entries: 0,
        };
        let commands = |index: u64| {
            let count = match size {
                Size::Few | Size::Strangers | Size::InOrder => draw(20 + index, 4),
                Size::Clients => 2 + draw(20 + index, 3),
                Size::Timers => draw(20 + index, 2),
                Size::Many => 1,
                Size::Chains => 100 + draw(20 + index, 500),
            };
            let is_client = match size {
                Size::Few | Size::Strangers | Size::InOrder | Size::Timers => {
                    draw(300 + index, 2) == 0
                }
                Size::Clients => true,
                Size::Many => draw(300 + index, 12) == 0,
                Size::Chains => index == 0 || draw(300 + index, 2) == 0,
            };
            is_client.then(|| (0..count).collect())
        };
        let mut members: Vec<(Nature, Option<Vec<u64>>)> =
            (0..nodes).map(|index| (nature(index), commands(index))).collect();
        let depth_max = match size {
            Size::Few | Size::Strangers | Size::InOrder => {
                (draw(50, 5) > 0).then(|| 3 + draw(51, 10) as usize)
            }
            Size::Timers => Some(3 + draw(51, 8) as usize),
            Size::Clients => Some(4 + draw(51, 4) as usize),
            Size::Many => Some(1 + draw(51, 2) as usize),
            Size::Chains => Some(2 + draw(51, 4) as usize),
        };
        // Some clients have just as many commands as one event may lead to, or a few more.
        let commands_per_event_max = match size {
            Size::Chains => [50, 128, 129, 300, COMMANDS_PER_EVENT_MAX][draw(60, 5) as usize],
            _ => COMMANDS_PER_EVENT_MAX,
        };
        if size == Size::Chains && draw(61, 2) == 0 {
            let count = commands_per_event_max as u64 + draw(62, 4) - 1;
            let at_the_start = draw(63, 2) == 0;
            let (nature, commands): &mut (Nature, _) = &mut members[0];
            nature.prompt = 1 << 20;
            // This is the command that is not answered immediately.
            let first = (!at_the_start).then_some((1 << 20) - 1);
            *commands = Some(first.into_iter().chain(0..count).collect());
        }
        let fault_model = match size {
            Size::InOrder => FaultModel::RELIABLE_IN_ORDER_FAIL_STOP,
            _ => FaultModel::UNRELIABLE_FAIL_STOP,
        };
        let mut case = Self {
            members,
            fault_model,
            rules: Rules::default(),
            claims: Claims::default(),
            automaton: None,
            depth_max,
            commands_per_event_max,
        };
        case.draw_rules(mix(seed ^ 1));
        case.draw_claims(mix(seed ^ 2));
        case.draw_automaton(mix(seed ^ 3));
        if size == Size::Clients {
            // The order of calls and returns matters, and nothing else ends the search.
            case.automaton = case.automaton.or(Some(CallOrder::LastThree { rejected: None }));
            case.claims = Claims::default();
        }
        case
    }

    /// Draws random restrictions.
    pub fn draw_rules(&mut self, seed: u64) {
        let draw = |what: u64, below: u64| mix(seed ^ mix(what)) % below;
        let node = |what: u64| draw(what, self.members.len() as u64) as usize;
        self.rules = Rules::default();
        if draw(1, 4) == 0 {
            self.rules.cut.insert((node(2), node(3)));
        }
        for (what, nodes) in [
            (10, &mut self.rules.blocked_sends),
            (20, &mut self.rules.blocked_receives),
            (30, &mut self.rules.stopped),
            (40, &mut self.rules.crashed),
        ] {
            if draw(what, 7) == 0 {
                nodes.insert(node(what + 1));
            }
        }
    }

    /// Draws which nodes the search may crash.
    pub fn draw_crashes(&mut self, seed: u64) {
        let draw = |what: u64, below: u64| mix(seed ^ mix(what)) % below;
        let mortal = (0..self.members.len()).filter(|&node| draw(10 + node as u64, 3) > 0);
        self.rules.may_crash = (mortal.collect(), 1 + draw(1, 2) as usize);
    }

    /// Draws on which disks nodes may come back, and what they write.
    pub fn draw_writes(&mut self, seed: u64) {
        let draw = |what: u64, below: u64| mix(seed ^ mix(what)) % below;
        self.fault_model.nodes = [
            NodeModel::CrashRecovery,
            NodeModel::CrashRecovery,
            NodeModel::CrashRecoveryTornWrites,
            NodeModel::CrashRecoveryFaultyDisk,
        ][draw(1, 4) as usize];
        for (nature, _) in &mut self.members {
            nature.entries = 1 + draw(2, 2);
        }
    }

    /// Draws which nodes the search may crash and start again.
    pub fn draw_restarts(&mut self, seed: u64) {
        let draw = |what: u64, below: u64| mix(seed ^ mix(what)) % below;
        self.draw_writes(seed);
        let comes_back =
            |&node: &usize| self.members[node].1.is_none() && draw(10 + node as u64, 4) > 0;
        let nodes = (0..self.members.len()).filter(comes_back).collect();
        let in_all = 1 + draw(3, 3) as u32;
        let (each, down) = (1 + draw(4, in_all.into()) as u32, 1 + draw(5, 2) as usize);
        self.rules.may_restart = Restarts { nodes, in_all, each, down };
        if draw(6, 4) > 0 {
            self.rules.may_crash = Default::default();
        }
        let depth = 2 + draw(7, 5) as usize;
        self.depth_max = Some(self.depth_max.map_or(depth, |most| most.min(depth)));
    }

    /// Draws random claims.
    pub fn draw_claims(&mut self, seed: u64) {
        let draw = |what: u64, below: u64| mix(seed ^ mix(what)) % below;
        let nodes = self.members.len() as u64;
        let two = |what: u64| {
            let nodes = [draw(what, nodes), draw(what + 1, nodes)].map(|it| address(it as usize));
            Claim::StatesAre(nodes, [1 + draw(what + 2, 3), 1 + draw(what + 3, 3)])
        };
        let mut claims = Vec::new();
        match draw(1, 8) {
            0 | 1 => claims.push((Role::Goal, two(10))),
            2 => claims.push((Role::Goal, Claim::ClientsAreDone)),
            _ => {}
        }
        match draw(2, 8) {
            0 => claims.push((Role::Prune, Claim::EveryClientHasAResult)),
            1 | 2 => {
                let nodes = [draw(20, nodes), draw(21, nodes)].map(|it| address(it as usize));
                let claim = Claim::StatesAre(nodes, [1 + draw(22, 2), draw(23, 2)]);
                claims.push((Role::Prune, claim));
            }
            3 => claims.push((Role::Prune, Claim::ClientsAreDone)),
            4 => claims.push((Role::Prune, Claim::NoNodeIsIn(0))),
            _ => {}
        }
        if draw(4, 12) == 0 {
            claims.push((Role::Invariant, Claim::NoNodeIsIn(1 + draw(30, 3))));
            claims.push((Role::Invariant, Claim::NoResultIs(draw(31, 2))));
            claims.push((Role::Invariant, Claim::NoNodeIsIn(1 + draw(32, 3))));
        }
        match draw(3, 10) {
            0 => claims.push((Role::Invariant, Claim::NoNodeIsIn(2 + draw(30, 2)))),
            1 => claims.push((Role::Invariant, Claim::NoResultIs(draw(30, 2)))),
            _ => {}
        }
        for what in (50..).step_by(10).take(draw(5, 4) as usize) {
            let claim = match draw(what, 5) {
                0 => Claim::ClientsAreDone,
                1 => Claim::NoNodeIsIn(draw(what + 1, 3)),
                2 => Claim::NoResultIs(draw(what + 1, 2)),
                _ => {
                    let nodes = [draw(what + 1, nodes), draw(what + 2, nodes)];
                    let states = [draw(what + 3, 4), draw(what + 4, 4)];
                    Claim::StatesAre(nodes.map(|it| address(it as usize)), states)
                }
            };
            claims.push((Role::Sometimes, claim));
        }
        self.claims = Claims(claims);
    }

    /// Draws a random automaton.
    pub fn draw_automaton(&mut self, seed: u64) {
        let draw = |what: u64, below: u64| mix(seed ^ mix(what)) % below;
        let (one, other) = (draw(1, 3), draw(2, 3));
        let (answered, answered_other) = (10 + one + draw(3, 2), 10 + other + draw(5, 2));
        let rejected = match draw(6, 4) {
            0 => [one, answered, one],
            1 => [answered, one, other],
            2 => [one, other, answered],
            _ => [answered, answered_other, one],
        };
        let rejected = rejected.map(|entry| entry as u8);
        self.automaton = match draw(4, 3) {
            0 => None,
            1 => Some(CallOrder::LastThree { rejected: None }),
            _ => Some(CallOrder::LastThree { rejected: Some(rejected) }),
        };
    }

    /// The world for the reference.
    #[must_use]
    pub fn world(&self) -> World<Drawn, Option<CallOrder>> {
        let members = self.members.iter().enumerate().map(|(index, (nature, commands))| Member {
            address: address(index),
            node: Drawn::new(nature.clone()),
            commands: commands.clone(),
        });
        World {
            members: members.collect(),
            fault_model: self.fault_model,
            rules: self.rules.clone(),
            automaton: self.automaton,
            commands_per_event_max: self.commands_per_event_max,
        }
    }

    /// The nodes for the search.
    #[must_use]
    pub fn submission() -> Submission {
        let make = |_: Address, nature: Nature| Drawn::new(nature);
        Submission::new()
            .with(Kind::node("node", make).durable())
            .with(Kind::client("client", make))
    }

    /// The address of the node with this index.
    #[must_use]
    pub fn address(&self, index: usize) -> Address {
        address(index)
    }

    /// The nodes for the engines: address, arguments, and workload if it is a client.
    pub fn nodes(&self) -> impl Iterator<Item = (Address, &Nature, Option<Workload<u64, u64>>)> {
        self.members.iter().enumerate().map(|(index, (nature, commands))| {
            (address(index), nature, commands.clone().map(Workload::of))
        })
    }

    /// The system for the search.
    #[must_use]
    pub fn system(&self) -> System {
        self.nodes().fold(System::new(), |system, (address, nature, work)| match work {
            None => system.node("node", address, nature),
            Some(work) => system.client("client", address, nature, work),
        })
    }

    /// The search, without a depth limit.
    #[must_use]
    pub fn search(&self) -> Search {
        let search = Search::new(self.system())
            .fault_model(self.fault_model)
            .commands_per_event_max(self.commands_per_event_max);
        let mut search = self.claims.given_to::<Drawn>(search);
        search = with_rules(search, &self.rules, address);
        match self.automaton {
            Some(automaton) => search.monitor(automaton),
            None => search,
        }
    }
}

/// The search with these rules as its settings.
pub(crate) fn with_rules(
    mut search: Search,
    rules: &Rules,
    address: impl Fn(usize) -> Address,
) -> Search {
    for &(from, to) in &rules.cut {
        search = search.block_link(address(from), address(to));
    }
    search =
        rules.blocked_sends.iter().fold(search, |search, &node| search.block_sends(address(node)));
    search = rules
        .blocked_receives
        .iter()
        .fold(search, |search, &node| search.block_receives(address(node)));
    search = rules.stopped.iter().fold(search, |search, &node| search.stop_timers(address(node)));
    search = rules.crashed.iter().fold(search, |search, &node| search.crash(address(node)));
    let Restarts { nodes, in_all, each, down } = &rules.may_restart;
    if !nodes.is_empty() {
        let bounds = RestartBounds::crashes(*in_all).each(*each).down(*down);
        search = search.may_restart(nodes.iter().map(|&node| address(node)), bounds);
    }
    match &rules.may_crash {
        (mortal, at_most) if !mortal.is_empty() => {
            search.may_crash(mortal.iter().map(|&node| address(node)), *at_most)
        }
        _ => search,
    }
}
