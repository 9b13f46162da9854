//! The encoding round-trips, uses the shortest form of each number, and rejects malformed bytes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::encode::Encoder;
use super::{
    CodecError, Fields, Scalar, Tree, decode, decode_from, encode, encode_into, serialize_bytes,
    tree,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Sample {
    Unit,
    Newtype(Box<Sample>),
    Tuple(u64, i64, i8),
    Struct { text: String, map: BTreeMap<String, Option<u32>>, set: BTreeSet<i32> },
    Wide(u128, i128, char, bool, (u16, i16), f64),
    List(Vec<Sample>),
}

fn sample() -> impl Strategy<Value = Sample> {
    let leaf = prop_oneof![
        Just(Sample::Unit),
        any::<(u64, i64, i8)>().prop_map(|(a, b, c)| Sample::Tuple(a, b, c)),
        (any::<String>(), any::<BTreeMap<String, Option<u32>>>(), any::<BTreeSet<i32>>())
            .prop_map(|(text, map, set)| Sample::Struct { text, map, set }),
        any::<(u128, i128, char, bool, (u16, i16), u32)>()
            .prop_map(|(a, b, c, d, e, f)| Sample::Wide(a, b, c, d, e, f64::from(f))),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|sample| Sample::Newtype(Box::new(sample))),
            prop::collection::vec(inner, 0..4).prop_map(Sample::List),
        ]
    })
}

proptest! {
    #[test]
    fn values_round_trip(sample in sample()) {
        let bytes = encode(&sample).unwrap();
        prop_assert_eq!(decode::<Sample>(&bytes).unwrap(), sample);
    }

    #[test]
    fn every_value_has_one_encoding(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        // If random bytes decode to a value, they are exactly the encoding of that value. (There is
        // no map here, because random bytes may list its entries in any order.)
        if let Ok(value) = decode::<(u64, i32, Option<String>, Vec<(bool, u16)>, char)>(&bytes) {
            prop_assert_eq!(encode(&value).unwrap(), bytes);
        }
    }

    #[test]
    fn trees_round_trip_and_describing_changes_no_encoding(sample in sample()) {
        let (mut bytes, mut tokens) = (Vec::new(), Vec::new());
        sample.serialize(&mut Encoder::describing(&mut bytes, &mut tokens)).unwrap();
        prop_assert_eq!(bytes, encode(&sample).unwrap());
        let described = tree(&sample).unwrap();
        prop_assert_eq!(&Tree::of(tokens).unwrap(), &described);
        prop_assert_eq!(Tree::from_bytes(&described.to_bytes().unwrap()).unwrap(), described);
    }

    #[test]
    fn bytes_that_are_no_tree_are_rejected(
        sample in sample(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = tree(&sample).unwrap().to_bytes().unwrap();
        let at = at.index(bytes.len());
        prop_assert!(Tree::from_bytes(&bytes[..at]).is_err());
        bytes[at] = byte;
        // Whatever this is, it does not panic; and what is accepted is a tree.
        if let Ok(changed) = Tree::from_bytes(&bytes) {
            prop_assert_eq!(Tree::from_bytes(&changed.to_bytes().unwrap()).unwrap(), changed);
        }
    }

    #[test]
    fn a_truncated_encoding_is_rejected(sample in sample(), cut in any::<prop::sample::Index>()) {
        let bytes = encode(&sample).unwrap();
        let cut = cut.index(bytes.len());
        prop_assert!(decode::<Sample>(&bytes[..cut]).is_err());
    }
}

#[test]
fn the_format_is_fixed() {
    assert_eq!(encode(&300_u64).unwrap(), [0xac, 0x02]);
    assert_eq!(encode(&-1_i32).unwrap(), [1]);
    assert_eq!(encode(&u64::MAX).unwrap().len(), 10);
    assert_eq!(encode("ab").unwrap(), [2, b'a', b'b']);
    assert_eq!(encode(&Some(5_u8)).unwrap(), [1, 5]);
    assert_eq!(encode(&Sample::Newtype(Box::new(Sample::Unit))).unwrap(), [1, 0]);
    assert_eq!(encode(&BTreeMap::from([(1_u8, 2_u8)])).unwrap(), [1, 1, 2]);
}

#[test]
fn malformed_bytes_have_their_own_errors() {
    assert_eq!(decode::<bool>(&[2]), Err(CodecError::Invalid("bool")));
    assert_eq!(decode::<u8>(&[1, 1]), Err(CodecError::LeftOver(1)));
    assert_eq!(decode::<u16>(&[0xff, 0xff, 0x7f]), Err(CodecError::NumberTooLarge));
    assert_eq!(decode::<u64>(&[0xff; 11]), Err(CodecError::NumberTooLarge));
    assert_eq!(decode::<u64>(&[0x80, 0]), Err(CodecError::Invalid("number in its shortest form")));
    assert_eq!(decode::<String>(&[200, 1, b'a']), Err(CodecError::CutShort));
    assert_eq!(decode::<char>(&[0x80, 0xb0, 0x03]), Err(CodecError::Invalid("char")));
    let deep = [1; 1_000];
    assert_eq!(decode::<Sample>(&deep), Err(CodecError::TooDeep(128)));
    // A list that claims 2^60 elements must not reserve memory for them.
    assert!(decode::<Vec<u64>>(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]).is_err());
}

#[test]
fn values_can_follow_each_other() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Borrowed<'a> {
        text: &'a str,
        #[serde(serialize_with = "serialize_bytes")]
        bytes: &'a [u8],
    }
    let (first, second) = (Borrowed { text: "one", bytes: &[1, 2, 200] }, 7_u64);
    let mut bytes = Vec::new();
    encode_into(&first, &mut bytes).unwrap();
    assert_eq!(bytes, encode(&("one", vec![1_u8, 2, 200])).unwrap(), "as a sequence");
    encode_into(&second, &mut bytes).unwrap();
    let mut rest = &bytes[..];
    assert_eq!(decode_from::<Borrowed<'_>>(&mut rest).unwrap(), first);
    assert_eq!(decode_from::<u64>(&mut rest).unwrap(), second);
    assert_eq!(decode_from::<u64>(&mut rest), Err(CodecError::CutShort));
}

/// A struct with fields in place.
fn named(name: &str, fields: &[(&str, Tree)]) -> Tree {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    Tree::Struct { name: name.to_owned(), fields: Fields::Named(fields.collect()) }
}

fn variant(name: &str, variant: &str, fields: Fields) -> Tree {
    Tree::Variant { name: name.to_owned(), variant: variant.to_owned(), fields }
}

fn unsigned(number: u128) -> Tree {
    Tree::Scalar(Scalar::Unsigned(number))
}

fn some(value: Tree) -> Tree {
    Tree::Option(Some(Box::new(value)))
}

fn text(text: &str) -> Tree {
    Tree::Text(text.to_owned())
}

#[test]
fn a_tree_has_the_names_of_types_variants_and_fields() {
    #[derive(Serialize)]
    struct Empty;
    #[derive(Serialize)]
    struct Sequence(u64);
    #[derive(Serialize)]
    struct Pair(char, bool);
    #[derive(Serialize)]
    struct Blob<'a>(#[serde(serialize_with = "serialize_bytes")] &'a [u8]);
    #[derive(Serialize)]
    struct Server<'a> {
        empty: Empty,
        sequence: Sequence,
        pair: Pair,
        #[serde(skip)]
        _skipped: u64,
        #[serde(rename = "short")]
        much_longer: (),
        blob: Blob<'a>,
        numbers: (f32, i8, u128),
        values: BTreeMap<(u8, String), Option<Option<Sample>>>,
    }
    let server = Server {
        empty: Empty,
        sequence: Sequence(3),
        pair: Pair('x', true),
        _skipped: 1,
        much_longer: (),
        blob: Blob(&[1, 2]),
        numbers: (0.5, -4, u128::MAX),
        values: BTreeMap::from([
            ((1, "a".to_owned()), None),
            ((2, "b".to_owned()), Some(None)),
            ((3, "c".to_owned()), Some(Some(Sample::Newtype(Box::new(Sample::Unit))))),
            ((4, "d".to_owned()), Some(Some(Sample::List(vec![Sample::Tuple(1, -1, 0)])))),
        ]),
    };
    let of = |name: &str, fields| Tree::Struct { name: name.to_owned(), fields };
    let signed = |number| Tree::Scalar(Scalar::Signed(number));
    let key = |number, name| Tree::Tuple(vec![unsigned(number), text(name)]);
    let unit = variant("Sample", "Unit", Fields::Unit);
    let tuple =
        variant("Sample", "Tuple", Fields::Positional(vec![unsigned(1), signed(-1), signed(0)]));
    let newtype = variant("Sample", "Newtype", Fields::Positional(vec![unit]));
    let list = variant("Sample", "List", Fields::Positional(vec![Tree::List(vec![tuple])]));
    let pair = vec![Tree::Scalar(Scalar::Char('x')), Tree::Scalar(Scalar::Bool(true))];
    let numbers = vec![Tree::Scalar(Scalar::Float(0.5)), signed(-4), unsigned(u128::MAX)];
    let expected = named(
        "Server",
        &[
            ("empty", of("Empty", Fields::Unit)),
            ("sequence", of("Sequence", Fields::Positional(vec![unsigned(3)]))),
            ("pair", of("Pair", Fields::Positional(pair))),
            ("short", Tree::Unit),
            ("blob", of("Blob", Fields::Positional(vec![Tree::Bytes(vec![1, 2])]))),
            ("numbers", Tree::Tuple(numbers)),
            (
                "values",
                Tree::Map(vec![
                    (key(1, "a"), Tree::Option(None)),
                    (key(2, "b"), some(Tree::Option(None))),
                    (key(3, "c"), some(some(newtype))),
                    (key(4, "d"), some(some(list))),
                ]),
            ),
        ],
    );
    assert_eq!(tree(&server), Ok(expected));
}

#[test]
fn a_tree_of_the_deepest_value_is_built_and_a_deeper_one_is_rejected() {
    let nested = |depth: usize| {
        (0..depth).fold(Tree::Unit, |tree, _| Tree::List(vec![tree])).to_bytes().unwrap()
    };
    assert!(Tree::from_bytes(&nested(1_024)).is_ok());
    assert_eq!(Tree::from_bytes(&nested(1_025)), Err(CodecError::TooDeep(1_024)));
    // As deep as a value can be read back.
    let value = (0..60).fold(Sample::Unit, |inner, _| Sample::Newtype(Box::new(inner)));
    assert_eq!(decode::<Sample>(&encode(&value).unwrap()).unwrap(), value);
    assert!(tree(&value).is_ok());
}

#[test]
fn trees_tell_floating_point_numbers_apart_as_encodings_do() {
    assert_ne!(tree(&0.0_f64), tree(&-0.0_f64));
    assert_eq!(tree(&f64::NAN), tree(&f64::NAN));
    assert_eq!(tree(&1_u8), tree(&1_u64));
    assert_ne!(tree(&1_u8), tree(&1_i8));
}
