//! Messages to addresses at which there is no node.

use serde::{Deserialize, Serialize};

use crate::Address;

/// The most addresses that the text lists.
const LISTED_MAX: usize = 12;

/// What a node did that sent a message to an address at which there is no node. Both engines report it as a failure of
/// the sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error(
    "sent {message} to `{to}`, and there is no node of that name; the nodes are {}",
    listed(nodes)
)]
pub struct UnknownAddress {
    /// The address.
    pub to: Address,
    /// The message's text.
    pub message: String,
    /// The addresses of the nodes that there are.
    pub nodes: Vec<Address>,
}

/// `client1, client2, server`, or only the first ones.
fn listed(nodes: &[Address]) -> String {
    let listed: Vec<&str> = nodes.iter().take(LISTED_MAX).map(Address::as_str).collect();
    match nodes.len().saturating_sub(LISTED_MAX) {
        0 => listed.join(", "),
        more => format!("{}, and {more} more", listed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_lists_a_dozen_nodes_and_counts_the_others() {
        let of = |count| UnknownAddress {
            to: Address::new("sever"),
            message: "Ping".to_owned(),
            nodes: (1..=count).map(|number| Address::numbered("node", number)).collect(),
        };
        assert_eq!(
            of(2).to_string(),
            "sent Ping to `sever`, and there is no node of that name; the nodes are node1, node2"
        );
        assert!(of(12).to_string().ends_with("node11, node12"));
        assert!(of(15).to_string().ends_with("node11, node12, and 3 more"));
    }
}
