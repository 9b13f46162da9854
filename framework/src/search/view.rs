//! How properties see a state.

use std::cell::{OnceCell, RefCell};

use super::monitor::Watch;
use super::recall::Glance;
use super::settings::Switches;
use super::sites::Sites;
use super::work::Work;
use crate::Address;
use crate::history::Operation;
use crate::property::{Traffic, View};
use crate::worker::NodeFailure;

/// A state, as properties see it.
pub(super) struct StateView<'v, 's> {
    sites: &'v Sites<'s>,
    switches: &'v Switches,
    row: &'v [u32],
    /// The members that are shown.
    members: std::ops::Range<usize>,
    operations: Vec<OnceCell<Vec<Operation>>>,
    /// What has been read, in the order of the first reads.
    glances: RefCell<Vec<Glance>>,
}

impl<'v, 's> StateView<'v, 's> {
    /// A whole state.
    pub(super) fn new(sites: &'v Sites<'s>, switches: &'v Switches, row: &'v [u32]) -> Self {
        let members = sites.handlers.steps.roster().len();
        Self {
            sites,
            switches,
            row,
            members: 0..members,
            operations: vec![OnceCell::new(); members],
            glances: RefCell::default(),
        }
    }

    /// A view of one node; the others are hidden and not in `row`.
    pub(super) fn of_one(
        sites: &'v Sites<'s>,
        switches: &'v Switches,
        row: &'v [u32],
        member: usize,
    ) -> Self {
        Self { members: member..member + 1, ..Self::new(sites, switches, row) }
    }

    fn member(&self, address: Address) -> usize {
        self.sites.handlers.member_at(address).expect("properties ask for nodes of the system")
    }

    /// What has been looked at, in the order of the first looks.
    pub(super) fn glances(&self) -> Vec<Glance> {
        self.glances.borrow().clone()
    }

    fn glance(&self, glance: Glance) {
        let mut glances = self.glances.borrow_mut();
        if !glances.contains(&glance) {
            glances.push(glance);
        }
    }

    fn state_of(&self, member: usize) -> &[u8] {
        self.glance(Glance::State(member));
        self.sites.handlers.states.bytes(self.sites.get(self.row[member]).state)
    }

    fn operations_of(&self, member: usize) -> Vec<Operation> {
        let client = self.sites.handlers.address(member);
        let (work, handlers) = (&self.sites.work, &self.sites.handlers);
        let Some(commands) = work.of(member) else { return Vec::new() };
        let worker = self.sites.get(self.row[member]).worker;
        let results = work.results(worker);
        let given = results.len() + usize::from(Work::is_waiting(worker));
        (0..given)
            .map(|index| Operation {
                client,
                command: work
                    .command_known(member, index)
                    .map(|command| handlers.commands.bytes(command).to_vec())
                    .unwrap_or_default(),
                expected: commands.expected(index as u64).map(<[u8]>::to_vec),
                result: results.get(index).map(|&result| handlers.results.bytes(result).to_vec()),
                call_ns: 0,
                return_ns: results.get(index).map(|_| 0),
            })
            .collect()
    }
}

impl View for StateView<'_, '_> {
    fn now_ns(&self) -> Option<u64> {
        None
    }

    fn nodes(&self) -> Vec<Address> {
        self.members
            .clone()
            .filter(|&member| !self.switches.is_crashed(member))
            .map(|member| self.sites.handlers.address(member))
            .collect()
    }

    fn clients(&self) -> Vec<Address> {
        self.members
            .clone()
            .filter(|&member| self.sites.work.is_client(member))
            .map(|member| self.sites.handlers.address(member))
            .collect()
    }

    fn operations(&self, client: Address) -> &[Operation] {
        let member = self.member(client);
        self.glance(Glance::Worker(member));
        self.operations[member].get_or_init(|| self.operations_of(member))
    }

    fn is_done(&self, client: Address) -> bool {
        let member = self.member(client);
        self.glance(Glance::Worker(member));
        self.sites.work.is_done(member, self.sites.get(self.row[member]).worker)
    }

    fn is_crashed(&self, node: Address) -> bool {
        self.switches.is_crashed(self.member(node))
    }

    fn state(&mut self, node: Address) -> Result<Vec<u8>, NodeFailure> {
        Ok(self.state_of(self.member(node)).to_vec())
    }

    fn observe(&mut self, node: Address, question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        let member = self.member(node);
        self.sites.handlers.steps.observe(member, self.state_of(member), question)
    }

    fn traffic(&self) -> Option<&Traffic> {
        None
    }

    fn show_command(&self, command: &[u8]) -> String {
        self.first_work().map_or_else(String::new, |work| work.show_command(command).text)
    }

    fn show_result(&self, result: &[u8]) -> String {
        self.first_work().map_or_else(String::new, |work| work.show_result(result).text)
    }
}

impl StateView<'_, '_> {
    fn first_work(&self) -> Option<&dyn crate::workload::ClientWork> {
        let members = self.sites.handlers.steps.roster().len();
        (0..members).find_map(|member| self.sites.work.of(member)).map(AsRef::as_ref)
    }
}

/// How the monitor in a row is broken, if it is.
pub(super) fn broken_run<'w>(
    watch: Option<&'w Watch<'_>>,
    row: &[u32],
) -> Option<&'w crate::property::Broken> {
    watch.and_then(|watch| watch.broken(*row.last()?))
}
