//! Views, and the messages by which servers and clients learn them.

use std::fmt;

use faultlab::Address;
use serde::{Deserialize, Serialize};

/// A view: its number, and who serves in it. Before the first view the number is 0, and nobody serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct View {
    /// The view's number. The first view has 1, the next one 2, and so on.
    pub number: u64,
    /// The server that answers clients.
    pub primary: Option<Address>,
    /// The server that has everything that the primary has answered.
    pub backup: Option<Address>,
}

impl View {
    /// Whether this server is the view's primary or its backup.
    #[must_use]
    pub fn has(&self, server: Address) -> bool {
        self.primary == Some(server) || self.backup == Some(server)
    }
}

/// As in `view 2 (server1, server2)`.
impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |server: Option<Address>| server.map_or("-".to_owned(), |it| it.to_string());
        write!(f, "view {} ({}, {})", self.number, name(self.primary), name(self.backup))
    }
}

/// The messages between the view server and the others.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ViewMessage {
    /// From a server to the view server, again and again: I am alive. Answered with [`ViewMessage::Current`].
    Ping {
        /// The newest view that the server is ready to serve in; 0 if there is none. By this number the primary
        /// *acknowledges* a view.
        number: u64,
    },
    /// From a client to the view server: who serves? Answered with [`ViewMessage::Current`].
    GetView,
    /// From the view server: the current view.
    Current(View),
}

/// The messages of the lab: whatever a submission needs, and those of the view server among them.
pub trait LabMessage: faultlab::Value + From<ViewMessage> {
    /// The view server's message that this one is, if it is one.
    fn view_message(&self) -> Option<&ViewMessage>;
}
