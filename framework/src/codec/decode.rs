//! Decoding a canonical encoding. Never panics, even for malformed bytes.

use serde::de::{self, DeserializeSeed, Deserializer, Visitor};

use super::CodecError;

/// The deepest nesting that is decoded, so that hostile bytes cannot overflow the stack.
const DEPTH_MAX: u32 = 128;

/// Reads values from the front of a byte slice.
pub(super) struct Decoder<'de> {
    bytes: &'de [u8],
    depth: u32,
}

impl<'de> Decoder<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { bytes, depth: 0 }
    }

    /// Checks that nothing is left.
    pub(super) fn finish(&self) -> Result<(), CodecError> {
        match self.bytes.len() {
            0 => Ok(()),
            left => Err(CodecError::LeftOver(left)),
        }
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'de [u8] {
        self.bytes
    }

    fn byte(&mut self) -> Result<u8, CodecError> {
        let (&first, rest) = self.bytes.split_first().ok_or(CodecError::CutShort)?;
        self.bytes = rest;
        Ok(first)
    }

    fn take(&mut self, length: usize) -> Result<&'de [u8], CodecError> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(CodecError::CutShort)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("exactly N bytes were taken"))
    }

    fn unsigned(&mut self) -> Result<u64, CodecError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(CodecError::NumberTooLarge);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                // Each number has only one encoding, so a last byte of zero is an error.
                if byte == 0 && shift > 0 {
                    return Err(CodecError::Invalid("number in its shortest form"));
                }
                return Ok(number);
            }
        }
        Err(CodecError::NumberTooLarge)
    }

    fn narrow<N: TryFrom<u64>>(&mut self) -> Result<N, CodecError> {
        N::try_from(self.unsigned()?).map_err(|_| CodecError::NumberTooLarge)
    }

    fn signed<N: TryFrom<i64>>(&mut self) -> Result<N, CodecError> {
        let zigzag = self.unsigned()?;
        let number = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        N::try_from(number).map_err(|_| CodecError::NumberTooLarge)
    }

    fn flag(&mut self, what: &'static str) -> Result<bool, CodecError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(CodecError::Invalid(what)),
        }
    }

    fn text(&mut self) -> Result<&'de str, CodecError> {
        let length = self.narrow()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| CodecError::Invalid("UTF-8 string"))
    }

    /// Begins a value one level deeper.
    fn enter(&mut self) -> Result<(), CodecError> {
        if self.depth == DEPTH_MAX {
            return Err(CodecError::TooDeep(DEPTH_MAX));
        }
        self.depth += 1;
        Ok(())
    }

    /// Ends that value.
    fn leave(&mut self) {
        self.depth -= 1;
    }

    fn elements<V: Visitor<'de>>(
        &mut self,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.enter()?;
        let value = visitor.visit_seq(Elements { decoder: self, left });
        self.leave();
        value
    }
}

/// `deserialize_x` for types that are read by one call.
macro_rules! scalars {
    ($($deserialize:ident => $visit:ident($read:expr);)+) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
            let read: fn(&mut Decoder<'de>) -> Result<_, CodecError> = $read;
            visitor.$visit(read(self)?)
        }
    )+};
}

impl<'de> Deserializer<'de> for &mut Decoder<'de> {
    type Error = CodecError;

    fn is_human_readable(&self) -> bool {
        false
    }

    scalars! {
        deserialize_bool => visit_bool(|decoder| decoder.flag("bool"));
        deserialize_i8 => visit_i8(|decoder| Ok(decoder.byte()? as i8));
        deserialize_i16 => visit_i16(Decoder::signed);
        deserialize_i32 => visit_i32(Decoder::signed);
        deserialize_i64 => visit_i64(Decoder::signed);
        deserialize_i128 => visit_i128(|decoder| Ok(i128::from_le_bytes(decoder.array()?)));
        deserialize_u8 => visit_u8(Decoder::byte);
        deserialize_u16 => visit_u16(Decoder::narrow);
        deserialize_u32 => visit_u32(Decoder::narrow);
        deserialize_u64 => visit_u64(Decoder::unsigned);
        deserialize_u128 => visit_u128(|decoder| Ok(u128::from_le_bytes(decoder.array()?)));
        deserialize_f32 => visit_f32(|decoder| Ok(f32::from_le_bytes(decoder.array()?)));
        deserialize_f64 => visit_f64(|decoder| Ok(f64::from_le_bytes(decoder.array()?)));
        deserialize_char => visit_char(|decoder| {
            char::from_u32(decoder.narrow()?).ok_or(CodecError::Invalid("char"))
        });
        deserialize_str => visit_borrowed_str(Decoder::text);
        deserialize_string => visit_borrowed_str(Decoder::text);
        deserialize_bytes => visit_borrowed_bytes(|decoder| {
            let length = decoder.narrow()?;
            decoder.take(length)
        });
        deserialize_byte_buf => visit_borrowed_bytes(|decoder| {
            let length = decoder.narrow()?;
            decoder.take(length)
        });
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        if self.flag("option")? {
            self.enter()?;
            let value = visitor.visit_some(&mut *self);
            self.leave();
            value
        } else {
            visitor.visit_none()
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.enter()?;
        let value = visitor.visit_newtype_struct(&mut *self);
        self.leave();
        value
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let length = self.narrow()?;
        self.elements(length, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.elements(length, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.elements(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let left = self.narrow()?;
        self.enter()?;
        let value = visitor.visit_map(Elements { decoder: self, left });
        self.leave();
        value
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.elements(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.enter()?;
        let value = visitor.visit_enum(&mut *self);
        self.leave();
        value
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, CodecError> {
        Err(CodecError::Unsupported("self-describing value"))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, CodecError> {
        Err(CodecError::Unsupported("field names"))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, CodecError> {
        Err(CodecError::Unsupported("value to skip"))
    }
}

/// The elements of a sequence, tuple or struct, or the entries of a map.
struct Elements<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    left: usize,
}

impl Elements<'_, '_> {
    /// The number of elements to reserve memory for: never more than there are bytes, even if the length
    /// claims more.
    fn plausible(&self) -> usize {
        self.left.min(self.decoder.bytes.len())
    }
}

impl<'de> de::SeqAccess<'de> for Elements<'_, 'de> {
    type Error = CodecError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, CodecError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        match seed.deserialize(&mut *self.decoder) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(error),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.plausible())
    }
}

impl<'de> de::MapAccess<'de> for Elements<'_, 'de> {
    type Error = CodecError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, CodecError> {
        de::SeqAccess::next_element_seed(self, seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, CodecError> {
        seed.deserialize(&mut *self.decoder)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.plausible())
    }
}

impl<'de> de::EnumAccess<'de> for &mut Decoder<'de> {
    type Error = CodecError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), CodecError> {
        let index: u32 = self.narrow()?;
        let variant = seed.deserialize(de::value::U32Deserializer::<CodecError>::new(index))?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for &mut Decoder<'de> {
    type Error = CodecError;

    fn unit_variant(self) -> Result<(), CodecError> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, CodecError> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.elements(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.elements(fields.len(), visitor)
    }
}
