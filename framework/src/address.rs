//! Node names: small, `Copy`, readable, and in natural order.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// The longest name an [`Address`] can hold, in bytes.
pub const ADDRESS_LENGTH_MAX: usize = 16;

/// The address of a node: its name, such as `server1` or `client2`.
///
/// An address is sixteen bytes that contain the name itself, so it is `Copy`, needs no lookup table,
/// and means the same in every process. Addresses are in *natural* order: `client2` comes before
/// `client10`, also in a `BTreeMap<Address, _>`.
///
/// ```
/// use faultlab::Address;
///
/// let server = Address::new("server1");
/// assert_eq!(server.to_string(), "server1");
/// assert_eq!(Address::numbered("client", 2).as_str(), "client2");
/// assert!(Address::new("client2") < Address::new("client10"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address {
    // Zero-padded. A name never contains a zero byte, so equal bytes are equal names.
    name: [u8; ADDRESS_LENGTH_MAX],
}

/// Why a string is not a valid [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The name is empty.
    #[error("an address needs a name: it is empty")]
    Empty,
    /// The name is longer than [`ADDRESS_LENGTH_MAX`] bytes.
    #[error("the address `{0}` is longer than {ADDRESS_LENGTH_MAX} characters")]
    TooLong(String),
    /// The name has a character other than ASCII letters, digits, `-`, `_`, `.` and `/`.
    #[error("the address `{0}` may only hold ASCII letters, digits, `-`, `_`, `.` and `/`")]
    BadCharacter(String),
}

impl Address {
    /// The address with this name.
    ///
    /// # Panics
    /// If the name is not 1 to 16 ASCII letters, digits, `-`, `_`, `.` or `/`. Use [`str::parse`]
    /// for untrusted names.
    #[must_use]
    pub fn new(name: &str) -> Self {
        match name.parse() {
            Ok(address) => address,
            Err(error) => panic!("{error}"),
        }
    }

    /// The address `name` followed by `number`: `Address::numbered("server", 3)` is `server3`.
    ///
    /// # Panics
    /// As [`Address::new`].
    #[must_use]
    pub fn numbered(name: &str, number: usize) -> Self {
        Self::new(&format!("{name}{number}"))
    }

    /// The name, for printing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.name.iter().position(|&byte| byte == 0).unwrap_or(ADDRESS_LENGTH_MAX);
        std::str::from_utf8(&self.name[..length]).expect("an address is ASCII")
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.len() > ADDRESS_LENGTH_MAX {
            return Err(AddressError::TooLong(text.to_owned()));
        }
        if !text.bytes().all(|byte| ALLOWED[usize::from(byte)]) {
            return Err(AddressError::BadCharacter(text.to_owned()));
        }
        let mut name = [0; ADDRESS_LENGTH_MAX];
        name[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { name })
    }
}

/// For each byte, whether a name may contain it. A table, because states are full of addresses.
const ALLOWED: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = 0;
    while byte < allowed.len() {
        let it = byte as u8;
        allowed[byte] = it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.' | b'/');
        byte += 1;
    }
    allowed
};

impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        if let Some(order) = order_at_difference(&self.name, &other.name) {
            return order;
        }
        natural_order(self.as_str().as_bytes(), other.as_str().as_bytes())
            // `a1` and `a01` are equal as numbers; comparing the bytes makes the order total.
            .then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Compares names by their first difference, unless that lies within a number of several digits.
/// This covers nearly all cases and is much faster than [`natural_order`].
fn order_at_difference(
    left: &[u8; ADDRESS_LENGTH_MAX],
    right: &[u8; ADDRESS_LENGTH_MAX],
) -> Option<Ordering> {
    let difference = u128::from_be_bytes(*left) ^ u128::from_be_bytes(*right);
    if difference == 0 {
        return Some(Ordering::Equal);
    }
    let at = difference.leading_zeros() as usize / 8;
    let is_digit = |name: &[u8], at: usize| name.get(at).is_some_and(u8::is_ascii_digit);
    let (digit_left, digit_right) = (is_digit(left, at), is_digit(right, at));
    let is_long = if at > 0 && is_digit(left, at - 1) {
        digit_left || digit_right
    } else {
        digit_left && digit_right && (is_digit(left, at + 1) || is_digit(right, at + 1))
    };
    (!is_long).then(|| left[at].cmp(&right[at]))
}

/// Compares texts so that runs of digits count as numbers.
fn natural_order(mut left: &[u8], mut right: &[u8]) -> Ordering {
    loop {
        match (left.first(), right.first()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) if a.is_ascii_digit() && b.is_ascii_digit() => {
                let (left_number, left_rest) = split_number(left);
                let (right_number, right_rest) = split_number(right);
                if left_number != right_number {
                    return left_number.cmp(&right_number);
                }
                (left, right) = (left_rest, right_rest);
            }
            (Some(a), Some(b)) if a == b => (left, right) = (&left[1..], &right[1..]),
            (Some(a), Some(b)) => return a.cmp(b),
        }
    }
}

/// The leading number of the text (sixteen digits fit a `u64`), and the rest of the text.
fn split_number(text: &[u8]) -> (u64, &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number =
        text[..digits].iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    (number, &text[digits..])
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AddressVisitor;
        impl Visitor<'_> for AddressVisitor {
            type Value = Address;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a node")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Address, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(AddressVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_natural() {
        let names = ["client1", "client2", "client10", "g2/server1", "g10/server1", "server1"];
        let addresses: Vec<_> = names.iter().map(|name| Address::new(name)).collect();
        assert!(addresses.is_sorted());
        assert!(Address::new("a01") != Address::new("a1"));
        assert_ne!(Address::new("a01").cmp(&Address::new("a1")), Ordering::Equal);
    }

    #[test]
    fn the_fast_order_equals_the_natural_order() {
        let parts = ["", "a", "b", "-", "/", "0", "1", "9", "00", "01", "10", "19"];
        let mut names = Vec::new();
        for first in parts {
            for second in parts {
                names.extend(parts.map(|third| format!("{first}{second}{third}")));
            }
        }
        names.retain(|name| !name.is_empty());
        let mut decided = 0;
        for left in &names {
            for right in &names {
                let (left, right) = (Address::new(left), Address::new(right));
                let slowly = natural_order(left.as_str().as_bytes(), right.as_str().as_bytes())
                    .then_with(|| left.name.cmp(&right.name));
                assert_eq!(left.cmp(&right), slowly, "{left} and {right}");
                decided += usize::from(order_at_difference(&left.name, &right.name).is_some());
            }
        }
        assert!(decided > names.len() * names.len() / 2, "{decided}");
    }

    #[test]
    fn invalid_names_are_rejected_with_the_reason() {
        assert_eq!("".parse::<Address>(), Err(AddressError::Empty));
        assert!(matches!("seventeen-letters".parse::<Address>(), Err(AddressError::TooLong(_))));
        assert!(matches!("a b".parse::<Address>(), Err(AddressError::BadCharacter(_))));
        assert!(matches!("é".parse::<Address>(), Err(AddressError::BadCharacter(_))));
        assert!("sixteen-letters1".parse::<Address>().is_ok());
    }
}
