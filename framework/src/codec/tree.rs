//! Values as trees with names: what a value consists of, for people and programs that do not know its type.
//!
//! The encoder is told the names of types, variants and fields, and the canonical encoding omits them. To describe a
//! value, the same encoder also notes them, as a list of [`Token`]s, from which a [`Tree`] is built. So describing a
//! type needs no code that encoding it does not need.

use serde::{Deserialize, Serialize};

use super::{CodecError, decode, encode};

/// The deepest tree that is built. A value that can be decoded nests less deeply.
const DEPTH_MAX: usize = 1_024;

/// A value with the names of its types, variants and fields. Values with equal encodings have equal trees.
///
/// ```
/// use faultlab::codec::{self, Fields, Scalar, Tree};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// enum Message {
///     Request { sequence: u64, text: String },
/// }
///
/// let request = Message::Request { sequence: 7, text: "hello".to_owned() };
/// let fields = [
///     ("sequence".to_owned(), Tree::Scalar(Scalar::Unsigned(7))),
///     ("text".to_owned(), Tree::Text("hello".to_owned())),
/// ];
/// let expected = Tree::Variant {
///     name: "Message".to_owned(),
///     variant: "Request".to_owned(),
///     fields: Fields::Named(fields.into()),
/// };
/// assert_eq!(codec::tree(&request), Ok(expected));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tree {
    /// `()`.
    Unit,
    /// A number, a truth value or a character.
    Scalar(Scalar),
    /// A string.
    Text(String),
    /// A byte string. A `Vec<u8>` without special attributes is a list.
    Bytes(Vec<u8>),
    /// An option.
    Option(Option<Box<Tree>>),
    /// A sequence or a set, in iteration order.
    List(Vec<Tree>),
    /// Keys and values, in iteration order.
    Map(Vec<(Tree, Tree)>),
    /// A tuple or an array.
    Tuple(Vec<Tree>),
    /// A struct.
    Struct {
        /// The type's name.
        name: String,
        /// Its fields.
        fields: Fields,
    },
    /// An enum.
    Variant {
        /// The type's name.
        name: String,
        /// The variant's name.
        variant: String,
        /// The variant's fields.
        fields: Fields,
    },
}

/// The fields of a struct or a variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fields {
    /// It can have none.
    Unit,
    /// Fields without names.
    Positional(Vec<Tree>),
    /// Fields with their names, in their order.
    Named(Vec<(String, Tree)>),
}

/// A value without parts. Integers have the type's value, whatever their width.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scalar {
    /// A `bool`.
    Bool(bool),
    /// An integer of an unsigned type.
    Unsigned(u128),
    /// An integer of a signed type.
    Signed(i128),
    /// An `f64`, or an `f32` with the same value.
    Float(f64),
    /// A `char`.
    Char(char),
}

impl PartialEq for Scalar {
    /// Floating-point numbers are equal if their bits are, as in the canonical encoding.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Unsigned(one), Self::Unsigned(other)) => one == other,
            (Self::Signed(one), Self::Signed(other)) => one == other,
            (Self::Float(one), Self::Float(other)) => one.to_bits() == other.to_bits(),
            (Self::Char(one), Self::Char(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Scalar {}

impl Tree {
    /// A flat encoding, which is read without recursion, for trees that come from another process.
    ///
    /// # Errors
    /// None; an encoder can fail in general.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CodecError> {
        let mut tokens = Vec::new();
        self.note(&mut tokens);
        encode(&tokens)
    }

    /// The tree with this encoding.
    ///
    /// # Errors
    /// If the bytes are not those of a tree. Never panics: they may be untrusted.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        Self::of(decode(bytes)?)
    }

    /// The tree that these tokens describe.
    pub(super) fn of(tokens: Vec<Token>) -> Result<Self, CodecError> {
        let mut builder = Builder::default();
        for token in tokens {
            builder.add(token)?;
        }
        builder.tree.filter(|_| builder.open.is_empty()).ok_or(CodecError::CutShort)
    }

    /// Appends the tokens that describe this tree.
    fn note(&self, tokens: &mut Vec<Token>) {
        let shape = match self {
            Self::Unit => return tokens.push(Token::Unit),
            Self::Scalar(scalar) => return tokens.push(Token::Scalar(*scalar)),
            Self::Text(text) => return tokens.push(Token::Text(text.clone())),
            Self::Bytes(bytes) => return tokens.push(Token::Bytes(bytes.clone())),
            Self::Option(None) => return tokens.push(Token::None),
            Self::Option(Some(_)) => Shape::Some,
            Self::List(_) => Shape::List,
            Self::Map(_) => Shape::Map,
            Self::Tuple(_) => Shape::Tuple,
            Self::Struct { name, fields } => {
                Shape::Struct { name: name.clone(), fields: fields.kind() }
            }
            Self::Variant { name, variant, fields } => Shape::Variant {
                name: name.clone(),
                variant: variant.clone(),
                fields: fields.kind(),
            },
        };
        tokens.push(Token::Open(shape));
        match self {
            Self::Option(Some(value)) => value.note(tokens),
            Self::List(parts) | Self::Tuple(parts) => {
                parts.iter().for_each(|part| part.note(tokens));
            }
            Self::Map(entries) => {
                for (key, value) in entries {
                    key.note(tokens);
                    value.note(tokens);
                }
            }
            Self::Struct { fields, .. } | Self::Variant { fields, .. } => fields.note(tokens),
            Self::Unit | Self::Scalar(_) | Self::Text(_) | Self::Bytes(_) | Self::Option(None) => {}
        }
        tokens.push(Token::End);
    }
}

impl Fields {
    fn kind(&self) -> FieldKind {
        match self {
            Self::Unit => FieldKind::Unit,
            Self::Positional(_) => FieldKind::Positional,
            Self::Named(_) => FieldKind::Named,
        }
    }

    fn note(&self, tokens: &mut Vec<Token>) {
        match self {
            Self::Unit => {}
            Self::Positional(parts) => parts.iter().for_each(|part| part.note(tokens)),
            Self::Named(fields) => {
                for (name, value) in fields {
                    tokens.push(Token::Field(name.clone()));
                    value.note(tokens);
                }
            }
        }
    }
}

/// A part of a description.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Token {
    Unit,
    Scalar(Scalar),
    Text(String),
    Bytes(Vec<u8>),
    None,
    /// A value with parts begins. They follow, up to its end.
    Open(Shape),
    /// The name of the field that follows.
    Field(String),
    End,
}

/// A kind of value with parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Shape {
    Some,
    List,
    Map,
    Tuple,
    Struct { name: String, fields: FieldKind },
    Variant { name: String, variant: String, fields: FieldKind },
}

/// A kind of fields.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum FieldKind {
    Unit,
    Positional,
    Named,
}

impl Token {
    /// A struct begins.
    pub(super) fn of_struct(name: &str, fields: FieldKind) -> Self {
        Self::Open(Shape::Struct { name: name.to_owned(), fields })
    }

    /// A variant begins.
    pub(super) fn of_variant(name: &str, variant: &str, fields: FieldKind) -> Self {
        Self::Open(Shape::Variant { name: name.to_owned(), variant: variant.to_owned(), fields })
    }
}

/// A value whose end has not come yet.
struct Open {
    shape: Shape,
    parts: Vec<Tree>,
    /// The names of the parts, if they are named fields.
    names: Vec<String>,
}

/// Builds a tree from tokens, which may be untrusted.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    tree: Option<Tree>,
}

/// The error for tokens that describe no tree.
const INVALID: CodecError = CodecError::Invalid("tree");

impl Builder {
    fn add(&mut self, token: Token) -> Result<(), CodecError> {
        let tree = match token {
            Token::Unit => Tree::Unit,
            Token::Scalar(scalar) => Tree::Scalar(scalar),
            Token::Text(text) => Tree::Text(text),
            Token::Bytes(bytes) => Tree::Bytes(bytes),
            Token::None => Tree::Option(None),
            Token::Open(_) if self.open.len() == DEPTH_MAX => {
                return Err(CodecError::TooDeep(DEPTH_MAX as u32));
            }
            Token::Open(shape) => {
                self.open.push(Open { shape, parts: Vec::new(), names: Vec::new() });
                return Ok(());
            }
            Token::Field(name) => {
                let open = self.open.last_mut().ok_or(INVALID)?;
                open.names.push(name);
                return Ok(());
            }
            Token::End => self.open.pop().ok_or(INVALID)?.close()?,
        };
        match (self.open.last_mut(), &self.tree) {
            (Some(open), _) => open.parts.push(tree),
            (None, None) => self.tree = Some(tree),
            (None, Some(_)) => return Err(INVALID),
        }
        Ok(())
    }
}

impl Open {
    fn close(self) -> Result<Tree, CodecError> {
        let Self { shape, mut parts, names } = self;
        let named = match &shape {
            Shape::Struct { fields, .. } | Shape::Variant { fields, .. } => {
                *fields == FieldKind::Named
            }
            Shape::Some | Shape::List | Shape::Map | Shape::Tuple => false,
        };
        if names.len() != if named { parts.len() } else { 0 } {
            return Err(INVALID);
        }
        let fields = |kind, parts: Vec<Tree>| match kind {
            FieldKind::Unit if parts.is_empty() => Ok(Fields::Unit),
            FieldKind::Unit => Err(INVALID),
            FieldKind::Positional => Ok(Fields::Positional(parts)),
            FieldKind::Named => Ok(Fields::Named(names.into_iter().zip(parts).collect())),
        };
        Ok(match shape {
            Shape::Some => match (parts.pop(), parts.is_empty()) {
                (Some(value), true) => Tree::Option(Some(Box::new(value))),
                _ => return Err(INVALID),
            },
            Shape::List => Tree::List(parts),
            Shape::Tuple => Tree::Tuple(parts),
            Shape::Map => {
                if parts.len() % 2 != 0 {
                    return Err(INVALID);
                }
                let mut entries = Vec::with_capacity(parts.len() / 2);
                let mut parts = parts.into_iter();
                while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
                    entries.push((key, value));
                }
                Tree::Map(entries)
            }
            Shape::Struct { name, fields: kind } => {
                Tree::Struct { name, fields: fields(kind, parts)? }
            }
            Shape::Variant { name, variant, fields: kind } => {
                Tree::Variant { name, variant, fields: fields(kind, parts)? }
            }
        })
    }
}
