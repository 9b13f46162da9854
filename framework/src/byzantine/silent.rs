//! A node that sends nothing.

use super::conduct::Treatment;

/// Every message is kept from the network.
pub(super) fn treat() -> Treatment {
    Treatment::Withhold
}
