//! Numbers, strings and byte strings in a frame, with every length checked on reading.

use faultlab::Address;

/// Why some bytes violate the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProtocolError(pub(crate) &'static str);

/// Appends a number: LEB128.
pub(crate) fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Appends a byte string: its length, then the bytes.
pub(crate) fn put_bytes(bytes: &mut Vec<u8>, string: &[u8]) {
    put_number(bytes, string.len() as u64);
    bytes.extend_from_slice(string);
}

/// Appends an address: its name, as a byte string.
pub(crate) fn put_address(bytes: &mut Vec<u8>, address: Address) {
    put_bytes(bytes, address.as_str().as_bytes());
}

/// Reads the content of a frame from its front.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, ProtocolError> {
        let (&first, rest) =
            self.bytes.split_first().ok_or(ProtocolError("a frame that is cut short"))?;
        self.bytes = rest;
        Ok(first)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, ProtocolError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(ProtocolError("a flag that is neither 0 nor 1")),
        }
    }

    pub(crate) fn number(&mut self) -> Result<u64, ProtocolError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(ProtocolError("a number of more than 64 bits"))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], ProtocolError> {
        let cut_short = ProtocolError("a byte string that is cut short");
        let length = usize::try_from(self.number()?).map_err(|_| cut_short.clone())?;
        let (string, rest) = self.bytes.split_at_checked(length).ok_or(cut_short)?;
        self.bytes = rest;
        Ok(string)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, ProtocolError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| ProtocolError("a text that is not UTF-8"))
    }

    pub(crate) fn address(&mut self) -> Result<Address, ProtocolError> {
        self.text()?.parse().map_err(|_| ProtocolError("an address that no node can have"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip() {
        let mut bytes = Vec::new();
        for number in [0, 1, 127, 128, u64::MAX] {
            put_number(&mut bytes, number);
        }
        put_bytes(&mut bytes, b"two words");
        put_address(&mut bytes, Address::new("server1"));
        let mut reader = Reader::new(&bytes);
        for number in [0, 1, 127, 128, u64::MAX] {
            assert_eq!(reader.number(), Ok(number));
        }
        assert_eq!(reader.bytes(), Ok(&b"two words"[..]));
        assert_eq!(reader.address(), Ok(Address::new("server1")));
        assert!(reader.is_empty());
        assert!(reader.byte().is_err());
    }

    #[test]
    fn a_length_beyond_the_frame_is_rejected() {
        let mut bytes = Vec::new();
        put_number(&mut bytes, u64::MAX);
        assert!(Reader::new(&bytes).bytes().is_err());
        assert!(Reader::new(&[0xff; 10]).number().is_err());
        assert!(Reader::new(&[1, b' ']).address().is_err());
    }
}
