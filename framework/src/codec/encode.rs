//! Encoding a value canonically and, on request, describing it with its names.

use serde::ser::{self, Serialize};

use super::CodecError;
use super::tree::{FieldKind, Scalar, Shape, Token};

/// Appends values to a byte vector.
pub(super) struct Encoder<'a> {
    bytes: &'a mut Vec<u8>,
    /// A description of the values, if one is wanted.
    tokens: Option<&'a mut Vec<Token>>,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(bytes: &'a mut Vec<u8>) -> Self {
        Self { bytes, tokens: None }
    }

    /// An encoder that also describes the values. It has the same type, so that each value's `Serialize` is compiled
    /// once.
    pub(super) fn describing(bytes: &'a mut Vec<u8>, tokens: &'a mut Vec<Token>) -> Self {
        Self { bytes, tokens: Some(tokens) }
    }

    /// Adds a token, if a description is wanted.
    #[inline]
    fn note(&mut self, token: impl FnOnce() -> Token) {
        if self.tokens.is_some() {
            self.describe(token);
        }
    }

    /// Apart from `note`, so that encoding without a description stays small and fast.
    #[cold]
    fn describe(&mut self, token: impl FnOnce() -> Token) {
        if let Some(tokens) = &mut self.tokens {
            tokens.push(token());
        }
    }

    #[inline]
    fn note_unsigned(&mut self, value: impl Into<u128>) {
        self.note(|| Token::Scalar(Scalar::Unsigned(value.into())));
    }

    #[inline]
    fn note_signed(&mut self, value: impl Into<i128>) {
        self.note(|| Token::Scalar(Scalar::Signed(value.into())));
    }

    fn string(&mut self, bytes: &[u8]) {
        self.unsigned(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    fn unsigned(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    fn signed(&mut self, number: i64) {
        self.unsigned(((number << 1) ^ (number >> 63)) as u64);
    }

    fn length(&mut self, length: Option<usize>) -> Result<(), CodecError> {
        let length = length.ok_or(CodecError::Unsupported("sequence of unknown length"))?;
        self.unsigned(length as u64);
        Ok(())
    }
}

impl ser::Serializer for &mut Encoder<'_> {
    type Ok = ();
    type Error = CodecError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Result<(), CodecError> {
        self.note(|| Token::Scalar(Scalar::Bool(value)));
        self.bytes.push(u8::from(value));
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), CodecError> {
        self.note_signed(value);
        self.bytes.push(value as u8);
        Ok(())
    }

    fn serialize_i16(self, value: i16) -> Result<(), CodecError> {
        self.note_signed(value);
        self.signed(value.into());
        Ok(())
    }

    fn serialize_i32(self, value: i32) -> Result<(), CodecError> {
        self.note_signed(value);
        self.signed(value.into());
        Ok(())
    }

    fn serialize_i64(self, value: i64) -> Result<(), CodecError> {
        self.note_signed(value);
        self.signed(value);
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), CodecError> {
        self.note_signed(value);
        self.bytes.extend(value.to_le_bytes());
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), CodecError> {
        self.note_unsigned(value);
        self.bytes.push(value);
        Ok(())
    }

    fn serialize_u16(self, value: u16) -> Result<(), CodecError> {
        self.note_unsigned(value);
        self.unsigned(value.into());
        Ok(())
    }

    fn serialize_u32(self, value: u32) -> Result<(), CodecError> {
        self.note_unsigned(value);
        self.unsigned(value.into());
        Ok(())
    }

    fn serialize_u64(self, value: u64) -> Result<(), CodecError> {
        self.note_unsigned(value);
        self.unsigned(value);
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result<(), CodecError> {
        self.note_unsigned(value);
        self.bytes.extend(value.to_le_bytes());
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), CodecError> {
        self.note(|| Token::Scalar(Scalar::Float(value.into())));
        self.bytes.extend(value.to_bits().to_le_bytes());
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), CodecError> {
        self.note(|| Token::Scalar(Scalar::Float(value)));
        self.bytes.extend(value.to_bits().to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), CodecError> {
        self.note(|| Token::Scalar(Scalar::Char(value)));
        self.unsigned(u32::from(value).into());
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), CodecError> {
        self.note(|| Token::Text(value.to_owned()));
        self.string(value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), CodecError> {
        self.note(|| Token::Bytes(value.to_vec()));
        self.string(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), CodecError> {
        self.note(|| Token::None);
        self.bytes.push(0);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CodecError> {
        self.note(|| Token::Open(Shape::Some));
        self.bytes.push(1);
        value.serialize(&mut *self)?;
        self.note(|| Token::End);
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), CodecError> {
        self.note(|| Token::Unit);
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), CodecError> {
        self.note(|| Token::of_struct(name, FieldKind::Unit));
        self.note(|| Token::End);
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<(), CodecError> {
        self.note(|| Token::of_variant(name, variant, FieldKind::Unit));
        self.note(|| Token::End);
        self.unsigned(index.into());
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        self.note(|| Token::of_struct(name, FieldKind::Positional));
        value.serialize(&mut *self)?;
        self.note(|| Token::End);
        Ok(())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        self.note(|| Token::of_variant(name, variant, FieldKind::Positional));
        self.unsigned(index.into());
        value.serialize(&mut *self)?;
        self.note(|| Token::End);
        Ok(())
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, CodecError> {
        self.note(|| Token::Open(Shape::List));
        self.length(length)?;
        Ok(self)
    }

    fn serialize_tuple(self, _length: usize) -> Result<Self, CodecError> {
        self.note(|| Token::Open(Shape::Tuple));
        Ok(self)
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _length: usize,
    ) -> Result<Self, CodecError> {
        self.note(|| Token::of_struct(name, FieldKind::Positional));
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Self, CodecError> {
        self.note(|| Token::of_variant(name, variant, FieldKind::Positional));
        self.unsigned(index.into());
        Ok(self)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self, CodecError> {
        self.note(|| Token::Open(Shape::Map));
        self.length(length)?;
        Ok(self)
    }

    fn serialize_struct(self, name: &'static str, _length: usize) -> Result<Self, CodecError> {
        self.note(|| Token::of_struct(name, FieldKind::Named));
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Self, CodecError> {
        self.note(|| Token::of_variant(name, variant, FieldKind::Named));
        self.unsigned(index.into());
        Ok(self)
    }
}

/// The seven compound traits differ only in the name of a method.
macro_rules! compound {
    ($($trait:ident: $($method:ident($($label:ident)?)),+;)+) => {$(
        impl ser::$trait for &mut Encoder<'_> {
            type Ok = ();
            type Error = CodecError;
            $(
                #[inline]
                fn $method<T: Serialize + ?Sized>(
                    &mut self,
                    $($label: &'static str,)?
                    value: &T,
                ) -> Result<(), CodecError> {
                    $(self.note(|| Token::Field($label.to_owned()));)?
                    value.serialize(&mut **self)
                }
            )+
            #[inline]
            fn end(self) -> Result<(), CodecError> {
                self.note(|| Token::End);
                Ok(())
            }
        }
    )+};
}

compound! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key(), serialize_value();
    SerializeStruct: serialize_field(name);
    SerializeStructVariant: serialize_field(name);
}
