//! Part 1: what the view service decides.

use std::collections::BTreeMap;

use faultlab::Address;
use lab2_api::{View, ViewService};
use serde::{Deserialize, Serialize};

/// A server is dead after this many checks without a ping.
const DEAD_AFTER: u8 = 2;

/// The view service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Views {
    view: View,
    is_acknowledged: bool,
    /// The servers that are alive, with the number of checks since their last ping.
    missed: BTreeMap<Address, u8>,
}

impl Views {
    fn alive(&self, server: Option<Address>) -> Option<Address> {
        server.filter(|server| self.missed.contains_key(server))
    }

    fn idle(&self) -> Option<Address> {
        self.missed.keys().copied().find(|&server| !self.view.has(server))
    }

    /// Begins the next view if it is due.
    fn advance(&mut self) {
        if !self.is_acknowledged {
            return;
        }
        let View { number, primary, backup } = self.view;
        let (primary_next, backup_next) = match (self.alive(primary), self.alive(backup)) {
            (Some(primary), Some(backup)) => (primary, Some(backup)),
            (Some(primary), None) => (primary, self.idle()),
            (None, Some(backup)) => (backup, self.idle()),
            (None, None) => return,
        };
        if (Some(primary_next), backup_next) != (primary, backup) {
            self.view =
                View { number: number + 1, primary: Some(primary_next), backup: backup_next };
            self.is_acknowledged = false;
        }
    }
}

impl ViewService for Views {
    fn ping(&mut self, server: Address, number: u64) {
        self.missed.insert(server, 0);
        if self.view.number == 0 {
            self.view = View { number: 1, primary: Some(server), backup: None };
        } else if self.view.primary == Some(server) && number == self.view.number {
            self.is_acknowledged = true;
        }
        self.advance();
    }

    fn check(&mut self) {
        self.missed.values_mut().for_each(|missed| *missed += 1);
        self.missed.retain(|_, missed| *missed < DEAD_AFTER);
        self.advance();
    }

    fn view(&self) -> View {
        self.view
    }

    fn is_acknowledged(&self) -> bool {
        self.is_acknowledged
    }
}
