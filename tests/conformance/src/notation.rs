//! Values as they are written in the case files.

use serde_json::{Map, Value as Json};

use crate::cbor::{bytes, head, hex, int, integer, map, open, text};

/// JSON numbers beyond this are not exact in every reader.
const MAX_SAFE: i64 = (1 << 53) - 1;

/// The deterministic CBOR of a value in the notation; `$cbor` parts are taken as they are.
///
/// # Errors
/// A sentence, for what the notation does not know.
///
/// # Examples
/// ```
/// use cu_conformance::notation::encode;
///
/// assert_eq!(encode(&serde_json::json!([1, {"$float": "1.0"}])).unwrap(), [0x82, 0x01, 0xf9, 0x3c, 0x00]);
/// ```
pub fn encode(value: &Json) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    write(value, &mut out)?;
    Ok(out)
}

fn write(value: &Json, out: &mut Vec<u8>) -> Result<(), String> {
    match value {
        Json::Null => out.push(0xf6),
        Json::Bool(value) => out.push(if *value { 0xf5 } else { 0xf4 }),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) if value.abs() <= MAX_SAFE => int(value, out),
            (None, Some(value)) if value.fract() != 0.0 => float(value, out),
            _ => {
                return Err(format!(
                    "{number} is not exact everywhere: use $int or $float"
                ));
            }
        },
        Json::String(value) => text(value, out),
        Json::Array(list) => {
            head(4, list.len() as u64, out);
            list.iter().try_for_each(|element| write(element, out))?;
        }
        Json::Object(members) => match special(members)? {
            Some((name, operand)) => write_special(name, operand, out)?,
            None => {
                let entries = members
                    .iter()
                    .map(|(name, value)| {
                        let mut key = Vec::new();
                        text(name, &mut key);
                        Ok((key, encode(value)?))
                    })
                    .collect::<Result<_, String>>()?;
                map(entries, out)?;
            }
        },
    }
    Ok(())
}

/// The name and the operand of `{"$name": operand}`.
fn special(members: &Map<String, Json>) -> Result<Option<(&str, &Json)>, String> {
    let Some((name, operand)) = members.iter().find(|(name, _)| name.starts_with('$')) else {
        return Ok(None);
    };
    if members.len() > 1 {
        return Err(format!("{name} stands beside other members"));
    }
    Ok(Some((name, operand)))
}

fn write_special(name: &str, operand: &Json, out: &mut Vec<u8>) -> Result<(), String> {
    let wrong = || format!("{name} can't have {operand}");
    match (name, operand) {
        ("$int", Json::String(digits)) => integer(digits, out).ok_or_else(wrong)?,
        ("$float", Json::String(digits)) => float(digits.parse().map_err(|_| wrong())?, out),
        ("$bytes", Json::String(digits)) => bytes(&hex(digits)?, out),
        ("$cbor", Json::String(digits)) => out.extend(hex(digits)?),
        ("$lines", Json::Array(lines)) => {
            let lines: Option<Vec<_>> = lines.iter().map(Json::as_str).collect();
            text(&lines.ok_or_else(wrong)?.join("\n"), out);
        }
        ("$map", Json::Array(pairs)) => {
            let entries = pairs
                .iter()
                .map(|pair| match pair.as_array().map(Vec::as_slice) {
                    Some([key, value]) => Ok((encode(key)?, encode(value)?)),
                    _ => Err(wrong()),
                })
                .collect::<Result<_, String>>()?;
            map(entries, out)?;
        }
        ("$repeat", Json::Array(operands)) => match operands.as_slice() {
            [unit, times] => {
                let times = times.as_u64().and_then(|n| usize::try_from(n).ok());
                repeat(unit, times.ok_or_else(wrong)?, out)?;
            }
            _ => return Err(wrong()),
        },
        ("$nest", Json::Array(operands)) => {
            let depth = operands.first().and_then(Json::as_u64).ok_or_else(wrong)?;
            let name = operands.get(2);
            for _ in 0..depth {
                head(if name.is_some() { 5 } else { 4 }, 1, out);
                if let Some(name) = name {
                    write(name, out)?;
                }
            }
            write(operands.get(1).ok_or_else(wrong)?, out)?;
        }
        _ => return Err(wrong()),
    }
    Ok(())
}

/// A text, byte string or list so many times in a row.
fn repeat(unit: &Json, times: usize, out: &mut Vec<u8>) -> Result<(), String> {
    let unit = encode(unit)?;
    let (major, length, body) = open(&unit).ok_or("$repeat takes a text, byte string or list")?;
    if !matches!(major, 2..=4) {
        return Err("$repeat takes a text, byte string or list".into());
    }
    head(major, length * times as u64, out);
    out.extend(body.repeat(times));
    Ok(())
}

/// Writes a float in the shortest form that keeps its value.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the narrower value is compared"
)]
fn float(value: f64, out: &mut Vec<u8>) {
    if let Some(half) = half(value) {
        out.push(0xf9);
        out.extend(half.to_be_bytes());
    } else if f64::from(value as f32) == value {
        out.push(0xfa);
        out.extend((value as f32).to_be_bytes());
    } else {
        out.push(0xfb);
        out.extend(value.to_be_bytes());
    }
}

/// The bits of the half-precision float of exactly this value: 11 bits times a power of two.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the magnitude is an integer below 2,048"
)]
fn half(value: f64) -> Option<u16> {
    let sign = u16::from(value.is_sign_negative()) << 15;
    if value.is_nan() {
        return Some(0x7e00);
    }
    if value.is_infinite() {
        return Some(sign | 0x7c00);
    }
    (0..=29u16).find_map(|exponent| {
        let magnitude = value.abs() * 2f64.powi(24 - i32::from(exponent));
        let whole = magnitude as u16;
        match whole {
            _ if f64::from(whole) != magnitude || whole > 2047 => None,
            0..=1023 => (exponent == 0).then_some(sign | whole),
            _ => Some(sign | (exponent + 1) << 10 | (whole - 1024)),
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cbor::to_hex;

    fn hexed(value: &Json) -> String {
        to_hex(&encode(value).unwrap())
    }

    #[test]
    fn the_examples_of_the_standard_encode_as_it_says() {
        // RFC 8949, appendix A.
        for (value, expected) in [
            (json!(0), "00"),
            (json!(23), "17"),
            (json!(24), "1818"),
            (json!(1000), "1903e8"),
            (json!(1_000_000), "1a000f4240"),
            (json!({"$int": "1000000000000"}), "1b000000e8d4a51000"),
            (
                json!({"$int": "18446744073709551616"}),
                "c249010000000000000000",
            ),
            (
                json!({"$int": "-18446744073709551617"}),
                "c349010000000000000000",
            ),
            (json!({"$int": "9223372036854775807"}), "1b7fffffffffffffff"),
            (
                json!({"$int": "9223372036854775808"}),
                "c2488000000000000000",
            ),
            (
                json!({"$int": "-9223372036854775808"}),
                "3b7fffffffffffffff",
            ),
            (
                json!({"$int": "-9223372036854775809"}),
                "c3488000000000000000",
            ),
            (
                json!({"$int": "-18446744073709551616"}),
                "c348ffffffffffffffff",
            ),
            (json!(-1), "20"),
            (json!(-1000), "3903e7"),
            (json!({"$float": "0.0"}), "f90000"),
            (json!({"$float": "-0.0"}), "f98000"),
            (json!({"$float": "1.0"}), "f93c00"),
            (json!(1.1), "fb3ff199999999999a"),
            (json!(1.5), "f93e00"),
            (json!({"$float": "65504.0"}), "f97bff"),
            (json!({"$float": "100000.0"}), "fa47c35000"),
            (json!({"$float": "3.4028234663852886e+38"}), "fa7f7fffff"),
            (json!({"$float": "1.0e+300"}), "fb7e37e43c8800759c"),
            (json!({"$float": "5.960464477539063e-8"}), "f90001"),
            (json!({"$float": "0.00006103515625"}), "f90400"),
            (json!({"$float": "-4.0"}), "f9c400"),
            (json!({"$float": "inf"}), "f97c00"),
            (json!({"$float": "nan"}), "f97e00"),
            (json!({"$bytes": "01020304"}), "4401020304"),
            (json!("ü"), "62c3bc"),
            (json!({"a": 1, "b": [2, 3]}), "a26161016162820203"),
            (json!({"$map": [[3, 4], [1, 2]]}), "a201020304"),
        ] {
            assert_eq!(hexed(&value), expected, "{value}");
        }
    }

    #[test]
    fn numbers_that_not_every_reader_keeps_are_refused() {
        assert!(encode(&json!(9_007_199_254_740_992_i64)).is_err());
        assert!(encode(&json!(1.0)).is_err());
    }

    #[test]
    fn short_forms_stand_for_large_values() {
        assert_eq!(
            hexed(&json!({"$repeat": ["ab", 3]})),
            hexed(&json!("ababab"))
        );
        assert_eq!(
            hexed(&json!({"$repeat": [[1], 3]})),
            hexed(&json!([1, 1, 1]))
        );
        assert_eq!(hexed(&json!({"$nest": [2, 7]})), hexed(&json!([[7]])));
        assert_eq!(
            hexed(&json!({"$nest": [2, 7, "a"]})),
            hexed(&json!({"a": {"a": 7}}))
        );
        assert_eq!(hexed(&json!({"$lines": ["a", "b"]})), hexed(&json!("a\nb")));
    }
}
