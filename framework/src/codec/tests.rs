//! The encoding round-trips, uses the shortest form of each number, and rejects malformed bytes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{CodecError, decode, decode_from, encode, encode_into, serialize_bytes};

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
