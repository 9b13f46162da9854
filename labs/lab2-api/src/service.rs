//! What a view service decides: a state machine without a network, and how the tests try it alone.

use faultlab::{Address, Application, Value};
use serde::{Deserialize, Serialize};

use crate::View;

/// The decisions of a view service. It knows only what it is told: which server pings with which number, and when a
/// check is due. It has no clock.
///
/// # The contract
///
/// A server is **dead** once two checks have passed since its last ping, and **alive** before. A server that is alive
/// and neither primary nor backup is **idle**.
///
/// - The first server that pings is the primary of view 1, which has no backup.
/// - A view is **acknowledged** once its primary pings with its number. No view follows one that is not acknowledged.
/// - The next view is due as soon as the primary or the backup is dead, or there is no backup and a server is idle. It
///   begins with the ping or check that makes it due, and its number is one higher.
/// - If the primary is alive, it stays the primary. Otherwise the backup, if it is alive, becomes the primary. Nobody else
///   ever does: only these two are known to have the state. If neither is alive, nothing changes.
/// - The other place goes to the old backup if it is alive and was not promoted, or else to an idle server, or else to
///   nobody.
/// - Two views in a row never have the same primary and the same backup.
/// - The state does not grow with time. A server that is dead and does not serve is forgotten.
pub trait ViewService: Value {
    /// A server pings: the newest view that it is ready to serve in has this number.
    fn ping(&mut self, server: Address, number: u64);

    /// A check is due: time has passed.
    fn check(&mut self);

    /// The current view.
    fn view(&self) -> View;

    /// Whether the primary of the current view has acknowledged it. Not before the first view.
    fn is_acknowledged(&self) -> bool;
}

/// What a view service shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shown {
    /// The current view.
    pub view: View,
    /// Whether its primary has acknowledged it.
    pub is_acknowledged: bool,
}

impl Shown {
    /// What this service shows.
    #[must_use]
    pub fn of(service: &impl ViewService) -> Self {
        Self { view: service.view(), is_acknowledged: service.is_acknowledged() }
    }
}

/// What a view service is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ViewEvent {
    /// [`ViewService::ping`].
    Ping {
        /// The server that pings.
        server: Address,
        /// The number that it pings with.
        number: u64,
    },
    /// [`ViewService::check`].
    Check,
}

/// The command of the kind `view-service`: tell a new view service all this, in order. The result is what it shows
/// after each.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Script(pub Vec<ViewEvent>);

/// A student's view service, to which the tests tell scripts. Each script begins with a new service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scripted<V> {
    fresh: V,
}

impl<V: ViewService> Scripted<V> {
    /// Tells scripts to copies of this service, which has not been told anything.
    #[must_use]
    pub fn new(fresh: V) -> Self {
        Self { fresh }
    }
}

impl<V: ViewService> Application for Scripted<V> {
    type Command = Script;
    type Result = Vec<Shown>;

    fn execute(&mut self, Script(events): Script) -> Vec<Shown> {
        let mut service = self.fresh.clone();
        let show = |event| {
            match event {
                ViewEvent::Ping { server, number } => service.ping(server, number),
                ViewEvent::Check => service.check(),
            }
            Shown::of(&service)
        };
        events.into_iter().map(show).collect()
    }
}
