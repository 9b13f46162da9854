//! The view of a state for properties.

use std::cell::{OnceCell, RefCell};

use super::client_drivers::ClientDrivers;
use super::monitor::MonitorMemo;
use super::node_table::NodeTable;
use super::property_memo::StateRead;
use super::settings::Restrictions;
use crate::Address;
use crate::history::Operation;
use crate::hosting::NodeFailure;
use crate::property::{Traffic, View};

/// A state, as a view for properties.
pub(super) struct StateView<'v, 's> {
    table: &'v NodeTable<'s>,
    restrictions: &'v Restrictions,
    row: &'v [u32],
    /// The indices of the visible nodes.
    visible: std::ops::Range<usize>,
    operations: Vec<OnceCell<Vec<Operation>>>,
    /// The read set, in the order of the first reads.
    reads: RefCell<Vec<StateRead>>,
}

impl<'v, 's> StateView<'v, 's> {
    /// A whole state.
    pub(super) fn new(
        table: &'v NodeTable<'s>,
        restrictions: &'v Restrictions,
        row: &'v [u32],
    ) -> Self {
        let node_count = table.handlers.steps.nodes().len();
        Self {
            table,
            restrictions,
            row,
            visible: 0..node_count,
            operations: vec![OnceCell::new(); node_count],
            reads: RefCell::default(),
        }
    }

    /// A view of one node; the others are hidden and not in `row`.
    pub(super) fn of_one(
        table: &'v NodeTable<'s>,
        restrictions: &'v Restrictions,
        row: &'v [u32],
        node: usize,
    ) -> Self {
        Self { visible: node..node + 1, ..Self::new(table, restrictions, row) }
    }

    fn node_index(&self, address: Address) -> usize {
        let index = self.table.handlers.node_at(address);
        index.unwrap_or_else(|| {
            panic!("a property asks about {address}, and there is no such node in the system")
        })
    }

    /// The read set, in the order of the first reads.
    pub(super) fn reads(&self) -> Vec<StateRead> {
        self.reads.borrow().clone()
    }

    fn note_read(&self, read: StateRead) {
        let mut reads = self.reads.borrow_mut();
        if !reads.contains(&read) {
            reads.push(read);
        }
    }

    /// Whether a node has crashed: before this search, or because the search chose that.
    fn has_crashed(&self, node: usize) -> bool {
        if self.restrictions.is_crashed(node) {
            return true;
        }
        if !self.restrictions.is_mortal(node) || !self.visible.contains(&node) {
            return false;
        }
        self.note_read(StateRead::IsDown(node));
        self.table.get(self.row[node]).is_down()
    }

    fn state_of(&self, node: usize) -> &[u8] {
        self.note_read(StateRead::State(node));
        self.table.handlers.states.bytes(self.table.get(self.row[node]).state)
    }

    fn operations_of(&self, node: usize) -> Vec<Operation> {
        let client = self.table.handlers.address(node);
        let (work, handlers) = (&self.table.drivers, &self.table.handlers);
        let Some(commands) = work.of(node) else { return Vec::new() };
        let driver = self.table.get(self.row[node]).driver;
        let results = work.results(driver);
        let given = results.len() + usize::from(ClientDrivers::is_waiting(driver));
        (0..given)
            .map(|index| Operation {
                client,
                command: work
                    .given(node, driver, index)
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
        self.visible
            .clone()
            .filter(|&node| !self.restrictions.is_absent(node) && !self.has_crashed(node))
            .map(|node| self.table.handlers.address(node))
            .collect()
    }

    fn clients(&self) -> Vec<Address> {
        self.visible
            .clone()
            .filter(|&node| {
                self.table.drivers.is_client(node) && !self.restrictions.is_absent(node)
            })
            .map(|node| self.table.handlers.address(node))
            .collect()
    }

    fn operations(&self, client: Address) -> &[Operation] {
        let node = self.node_index(client);
        self.note_read(StateRead::Driver(node));
        self.operations[node].get_or_init(|| self.operations_of(node))
    }

    fn is_done(&self, client: Address) -> bool {
        let node = self.node_index(client);
        self.note_read(StateRead::Driver(node));
        self.table.drivers.is_done(node, self.table.get(self.row[node]).driver)
    }

    fn is_crashed(&self, node: Address) -> bool {
        self.has_crashed(self.node_index(node))
    }

    fn state(&mut self, node: Address) -> Result<Vec<u8>, NodeFailure> {
        Ok(self.state_of(self.node_index(node)).to_vec())
    }

    fn observe(&mut self, node: Address, question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        let node_index = self.node_index(node);
        self.table.handlers.steps.observe(node_index, self.state_of(node_index), question)
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
    fn first_work(&self) -> Option<&dyn crate::workload::ErasedWorkload> {
        let node_count = self.table.handlers.steps.nodes().len();
        (0..node_count).find_map(|node| self.table.drivers.of(node)).map(AsRef::as_ref)
    }
}

/// How the monitor's property is violated in a row, if it is.
pub(super) fn broken_run<'w>(
    monitor_memo: Option<&'w MonitorMemo<'_>>,
    row: &[u32],
) -> Option<&'w crate::property::CheckError> {
    monitor_memo.and_then(|monitor_memo| monitor_memo.broken(*row.last()?))
}
