//! The view server: the node around the view service.

use faultlab::{Address, Context, Node};
use lab2_api::{ViewMessage, ViewService};
use serde::{Deserialize, Serialize};

use crate::messages::Message;
use crate::timers::{CHECK_EVERY, Check};
use crate::views::Views;

/// The node that pings reach, and that says who serves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ViewServer {
    views: Views,
}

impl ViewServer {
    /// Its view service.
    pub fn views(&self) -> &Views {
        &self.views
    }
}

impl Node for ViewServer {
    type Message = Message;
    type Timer = Check;

    fn init(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer(Check, CHECK_EVERY);
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::View(ViewMessage::Ping { number }) => self.views.ping(from, number),
            Message::View(ViewMessage::GetView) => {}
            _ => return,
        }
        ctx.send(from, ViewMessage::Current(self.views.view()).into());
    }

    fn on_timer(&mut self, check: Check, ctx: &mut Context<Self>) {
        self.views.check();
        ctx.set_timer(check, CHECK_EVERY);
    }
}
