//! Numbers: integers of any size, and one order of them and the floats.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::hint::black_box;

use cu_core::error::{Error, Limit};
use cu_core::value::{
    Big, Item, MAX_INTEGER_SIZE, accept, compare, encode_ordered, equal, skip, skip_ordered,
    write_float, write_int, write_integer,
};
use num_bigint::{BigInt, Sign};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Number {
    Int(BigInt),
    Float(f64),
}

impl Number {
    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Number::Int(int) => {
                let is_negative = int.sign() == Sign::Minus;
                let number = if is_negative { -1 - int } else { int.clone() };
                write_integer(&mut out, is_negative, &number.to_bytes_be().1);
            }
            Number::Float(float) => write_float(&mut out, *float),
        }
        out
    }

    fn ordered(&self) -> Vec<u8> {
        let mut out = Vec::new();
        encode_ordered(&self.bytes(), &mut out);
        out
    }

    /// The number times 2^1074, which makes an integer of every finite float; NaN and infinities by rank.
    fn exact(&self) -> (i8, BigInt) {
        match self {
            Number::Int(int) => (0, int << 1074),
            Number::Float(float) if float.is_nan() => (-2, BigInt::ZERO),
            Number::Float(float) if float.is_infinite() => (float.signum() as i8, BigInt::ZERO),
            Number::Float(float) => (0, exact(*float)),
        }
    }
}

fn exact(float: f64) -> BigInt {
    let bits = float.to_bits();
    let exponent = (bits >> 52) & 0x7ff;
    let fraction = bits & ((1 << 52) - 1);
    let size = match exponent {
        0 => BigInt::from(fraction),
        _ => BigInt::from(fraction | 1 << 52) << (exponent - 1),
    };
    if bits >> 63 == 1 { -size } else { size }
}

fn big(text: &str) -> Number {
    Number::Int(text.parse().expect("an integer"))
}

fn integer() -> impl Strategy<Value = BigInt> {
    let random = (any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)).prop_map(
        |(is_negative, bytes)| {
            let sign = if is_negative { Sign::Minus } else { Sign::Plus };
            BigInt::from_bytes_be(sign, &bytes)
        },
    );
    let near_power = (0u32..1100, -3i32..=3, any::<bool>()).prop_map(|(power, step, negative)| {
        let power = (BigInt::from(1) << power) + step;
        if negative { -power } else { power }
    });
    let near_float = (float(), -3i32..=3).prop_map(|(float, step)| {
        if float.is_finite() {
            (exact(float) >> 1074u32) + step
        } else {
            BigInt::from(step)
        }
    });
    prop_oneof![random, near_power, near_float]
}

fn float() -> impl Strategy<Value = f64> {
    let large = (52u64..1024, any::<u64>(), any::<bool>()).prop_map(|(power, bits, negative)| {
        let bits = (power + 1023) << 52 | bits & ((1 << 52) - 1);
        f64::from_bits(bits | u64::from(negative) << 63)
    });
    let power = (0i32..1024).prop_map(|power| 2f64.powi(power));
    prop_oneof![
        any::<f64>(),
        large,
        power.clone(),
        power.prop_map(|power| -power.next_down()),
        prop::sample::select(vec![
            f64::MAX,
            f64::MIN,
            f64::MAX.next_down(),
            f64::MIN.next_up(),
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            0.0,
            -0.0,
        ]),
    ]
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        integer().prop_map(Number::Int),
        float().prop_map(Number::Float)
    ]
}

/// Two numbers that are likely to be neighbours.
fn pair() -> impl Strategy<Value = (Number, Number)> {
    let near = (integer(), -2i32..=2).prop_map(|(int, step)| {
        let other = &int + step;
        (Number::Int(int), Number::Int(other))
    });
    let around = (float(), -2i32..=2)
        .prop_filter("finite", |(float, _)| float.is_finite())
        .prop_map(|(float, step)| {
            let int = (exact(float) >> 1074u32) + step;
            (Number::Float(float), Number::Int(int))
        });
    prop_oneof![(number(), number()), near, around]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn numbers_are_ordered_by_their_exact_value((a, b) in pair()) {
        let order = a.exact().cmp(&b.exact());
        let (x, y) = (a.bytes(), b.bytes());
        prop_assert_eq!(compare(&x, &y), order);
        prop_assert_eq!(compare(&y, &x), order.reverse());
        prop_assert_eq!(equal(&x, &y), order == Ordering::Equal);
        prop_assert_eq!(a.ordered().cmp(&b.ordered()), order);
    }

    #[test]
    fn an_encoding_says_where_it_ends_and_begins_no_other((a, b) in pair()) {
        let (x, y) = (a.ordered(), b.ordered());
        prop_assert!(x == y || !y.starts_with(&x));
        prop_assert_eq!(skip_ordered(&x), Some(x.len()));
        let both = [x.as_slice(), &y].concat();
        prop_assert_eq!(skip_ordered(&both), Some(x.len()));
        prop_assert_eq!(skip_ordered(&x[..x.len() - 1]), None);
    }

    #[test]
    fn integers_of_any_size_have_one_encoding(int in integer(), zeros in 0usize..3) {
        let bytes = Number::Int(int.clone()).bytes();
        let accepted = accept(&bytes, "value").unwrap();
        prop_assert!(matches!(accepted, Cow::Borrowed(_)));
        prop_assert_eq!(skip(&bytes), bytes.len());
        let read = match Item::of(&bytes) {
            Item::Int(small) => BigInt::from(small),
            Item::Big(Big { negative, bytes }) => {
                let number = BigInt::from_bytes_be(Sign::Plus, bytes);
                if negative { -1 - number } else { number }
            }
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(&read, &int);
        prop_assert_eq!(
            matches!(Item::of(&bytes), Item::Int(_)),
            i64::try_from(&int).is_ok()
        );
        // Zeros before it, and the bignum of a small integer, are well-formed and rewritten.
        let is_negative = int.sign() == Sign::Minus;
        let number = if is_negative { -1 - &int } else { int };
        let content = [vec![0; zeros], number.to_bytes_be().1].concat();
        let mut sent = vec![0xc2 + u8::from(is_negative), 0x59];
        sent.extend_from_slice(&u16::try_from(content.len()).unwrap().to_be_bytes());
        sent.extend_from_slice(&content);
        prop_assert_eq!(&*accept(&sent, "value").unwrap(), bytes.as_slice());
    }
}

#[test]
fn other_forms_of_integers_are_rewritten() {
    for (given, wanted) in [
        ("1b7fffffffffffffff", "1b7fffffffffffffff"),
        ("1b8000000000000000", "c2488000000000000000"),
        ("1bffffffffffffffff", "c248ffffffffffffffff"),
        ("3b7fffffffffffffff", "3b7fffffffffffffff"),
        ("3b8000000000000000", "c3488000000000000000"),
        ("c240", "00"),
        ("c340", "20"),
        ("c24100", "00"),
        ("c34101", "21"),
        ("c2487fffffffffffffff", "1b7fffffffffffffff"),
        ("c3487fffffffffffffff", "3b7fffffffffffffff"),
        ("c2490000000000000000ff", "18ff"),
        ("c24a00010000000000000000", "c249010000000000000000"),
        ("c25f41014800000000000000 00ff", "c249010000000000000000"),
        ("d802480000000000000001", "01"),
        ("d80249010000000000000000", "c249010000000000000000"),
        ("820a1bffffffffffffffff", "820ac248ffffffffffffffff"),
    ] {
        assert_eq!(
            *accept(&hex(given), "value").unwrap(),
            hex(wanted),
            "{given}"
        );
    }
}

#[test]
fn integers_have_8192_bytes_at_the_most() {
    let largest = [vec![0xc2, 0x59, 0x20, 0x00], vec![0xff; MAX_INTEGER_SIZE]].concat();
    assert!(accept(&largest, "value").is_ok());
    let larger = [
        vec![0x81, 0xc3, 0x59, 0x20, 0x01],
        vec![0x01; MAX_INTEGER_SIZE + 1],
    ]
    .concat();
    match accept(&larger, "value") {
        Err(Error::LimitExceeded(excess)) => {
            assert_eq!(excess.limit, Limit::ValueSize);
            assert_eq!(excess.maximum, MAX_INTEGER_SIZE as u64);
            assert_eq!(excess.place, "value[0]");
        }
        other => panic!("{other:?}"),
    }
}

/// The bytes that stores have: they must never change.
#[test]
fn the_order_of_numbers_is_that_of_the_documented_bytes() {
    let int = |int: i64| {
        let mut out = Vec::new();
        write_int(&mut out, int);
        out
    };
    let mut rows: Vec<(Vec<u8>, String)> = vec![
        (int(0), "318000000000000000".into()),
        (int(-1), "31400fffffffffffff".into()),
        (int((1 << 53) + 1), "31c3400000000000000001".into()),
        (int(i64::MIN), "313c1fffffffffffff0000".into()),
    ];
    let two_64 = "18446744073709551616";
    for (number, wanted) in [
        (
            Number::Float(f64::NEG_INFINITY),
            "31000fffffffffffff".into(),
        ),
        (
            Number::Int(-(BigInt::from(1) << 1024u32) - 1),
            format!("31001000000000000000ff7efe{}", "ff".repeat(128)),
        ),
        (
            Number::Int(-(BigInt::from(1) << 1024u32)),
            format!("31001000000000000000ff7f{}", "00".repeat(128)),
        ),
        (Number::Float(f64::MIN), "310010000000000000010000".into()),
        (
            Number::Int((exact(f64::MIN) >> 1074u32) + 1),
            format!(
                "310010000000000000010080{}08{}01",
                "00".repeat(6),
                "00".repeat(120)
            ),
        ),
        (big(&format!("-{two_64}")), "313c0fffffffffffff0000".into()),
        (
            big("-18446744073709551615"),
            "313c0fffffffffffff00080000000000000001".into(),
        ),
        (big("9223372036854775809"), "31c3e00000000000000001".into()),
        (big("18446744073709551615"), "31c3efffffffffffff07ff".into()),
        (
            Number::Float(18_446_744_073_709_551_616.0),
            "31c3f00000000000000000".into(),
        ),
        (big(two_64), "31c3f00000000000000000".into()),
        (
            big("18446744073709551617"),
            "31c3f00000000000000009010000000000000001".into(),
        ),
        (
            Number::Int(BigInt::from(1) << 1024u32),
            format!("31ffefffffffffffff008101{}", "00".repeat(128)),
        ),
        (Number::Float(f64::INFINITY), "31fff0000000000000".into()),
    ] {
        rows.push((number.bytes(), wanted));
    }
    for (value, wanted) in rows {
        let mut out = Vec::new();
        encode_ordered(&value, &mut out);
        assert_eq!(out, hex(&wanted), "{wanted}");
    }
}

#[test]
fn damaged_integers_are_read_without_a_panic() {
    for bytes in [
        "c2", "c3", "c240", "c341ff", "c24c0000", "c200", "c2f6", "c3c2",
    ] {
        let bytes = hex(bytes);
        let mut out = Vec::new();
        encode_ordered(&bytes, &mut out);
        black_box(skip_ordered(&out));
        for other in [
            hex("00"),
            hex("fb7fefffffffffffff"),
            hex("c249010000000000000000"),
        ] {
            black_box(compare(&bytes, &other));
            black_box(compare(&other, &bytes));
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|digit| *digit != ' ').collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&String::from_iter(pair), 16).expect("hex"))
        .collect()
}
