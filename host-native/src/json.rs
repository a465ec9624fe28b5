//! JSON in and out, such that every value comes back as it was.
//!
//! | value | JSON |
//! |---|---|
//! | integer | a number without point and exponent; beyond 64 bits `{"$int": "…"}` with its digits, which is a number again in text: see [`from_text`] and [`to_text`] |
//! | float | a number with a point or an exponent: `1.0`, not `1` |
//! | NaN, infinity | `{"$float": "nan"}`, `{"$float": "inf"}`, `{"$float": "-inf"}` |
//! | byte string | `{"$bytes": "…"}`, in standard base64 |
//! | map with keys that are no texts | `{"$map": [[key, value], …]}` |
//! | persisted function | `{"$function": number}`, which only means something to its own database |
//! | function of the standard library or of the host | `{"$function": "…"}`, its name |
//! | everything else | as it is in JSON |
//!
//! An object with one member of such a name is written as `$map`, so that nothing is mistaken for
//! something else.
//!
//! ```
//! use cu_db::json;
//!
//! let text = r#"{"name":"Ann","size":1.0,"photo":{"$bytes":"AAH/"}}"#;
//! let cbor = json::to_cbor(&serde_json::from_str(text)?)?;
//! assert_eq!(json::from_cbor(&cbor)?, serde_json::from_str::<serde_json::Value>(text)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod text;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use num_bigint::{BigInt, Sign};
use serde_json::{Map, Number, Value as Json};

use crate::{Error, Value, cbor};

pub use text::{Exact, from_text, to_text, to_text_pretty};

const BYTES: &str = "$bytes";
const FLOAT: &str = "$float";
const FUNCTION: &str = "$function";
const INT: &str = "$int";
const MAP: &str = "$map";

/// The CBOR tag of a function.
const FUNCTION_TAG: u64 = 40_000;

/// The CBOR tags of integers beyond 64 bits: of 0 and more, and below.
const POSITIVE_TAG: u64 = 2;
const NEGATIVE_TAG: u64 = 3;

/// Whether a document is a function.
#[must_use]
pub fn is_function(document: &Value) -> bool {
    matches!(document, Value::Tag(FUNCTION_TAG, _))
}

/// The value of a JSON value.
///
/// # Errors
/// As [`to_cbor`].
pub fn to_value(json: &Json) -> Result<Value, Error> {
    cbor::decode(&to_cbor(json)?)
}

/// The CBOR of a JSON value, its maps in order.
///
/// # Errors
/// [`Error::Encode`] for an object that begins like one of the table above and goes on differently.
pub fn to_cbor(json: &Json) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    append_cbor(&mut bytes, json)?;
    Ok(bytes)
}

/// As [`to_cbor`], after what is in `bytes` already.
///
/// # Errors
/// As [`to_cbor`]; then a part of the value may have been appended.
pub fn append_cbor(bytes: &mut Vec<u8>, json: &Json) -> Result<(), Error> {
    match json {
        Json::Null => bytes.push(0xf6),
        Json::Bool(value) => bytes.push(0xf4 + u8::from(*value)),
        Json::Number(number) => append_number(bytes, number),
        Json::String(text) => cbor::put_text(bytes, text),
        Json::Array(items) => {
            cbor::put_head(bytes, 4, items.len() as u64);
            for item in items {
                append_cbor(bytes, item)?;
            }
        }
        Json::Object(members) => {
            if let Some((name, value)) = special(members) {
                return append_special(bytes, name, value);
            }
            let mut members: Vec<_> = members.iter().collect();
            // The order of the encoded keys is that of their lengths first.
            members.sort_unstable_by_key(|(name, _)| (name.len(), name.as_bytes()));
            cbor::put_head(bytes, 5, members.len() as u64);
            for (name, value) in members {
                cbor::put_text(bytes, name);
                append_cbor(bytes, value)?;
            }
        }
    }
    Ok(())
}

/// The only member of an object, if its name has a meaning.
fn special(members: &Map<String, Json>) -> Option<(&str, &Json)> {
    let (name, value) = members.iter().next().filter(|_| members.len() == 1)?;
    is_special(name).then_some((name, value))
}

fn is_special(name: &str) -> bool {
    [BYTES, FLOAT, FUNCTION, INT, MAP].contains(&name)
}

fn append_number(bytes: &mut Vec<u8>, number: &Number) {
    if let Some(integer) = number.as_i64() {
        cbor::put_integer(bytes, integer);
    } else if let Some(integer) = number.as_u64() {
        cbor::put_head(bytes, 0, integer);
    } else {
        cbor::put_float(bytes, number.as_f64().unwrap_or(f64::NAN));
    }
}

fn append_special(bytes: &mut Vec<u8>, name: &str, value: &Json) -> Result<(), Error> {
    let wrong = |what: &str| Error::Encode(format!("`{name}` needs {what}"));
    match name {
        BYTES => {
            let text = value.as_str().ok_or_else(|| wrong("a text in base64"))?;
            let decoded = STANDARD
                .decode(text)
                .map_err(|error| wrong(&format!("base64: {error}")))?;
            cbor::put_bytes(bytes, &decoded);
        }
        INT => {
            let integer = value.as_str().and_then(|digits| digits.parse().ok());
            append_integer(bytes, &integer.ok_or_else(|| wrong("a text of digits"))?);
        }
        FLOAT => cbor::put_float(
            bytes,
            match value.as_str() {
                Some("nan") => f64::NAN,
                Some("inf") => f64::INFINITY,
                Some("-inf") => f64::NEG_INFINITY,
                _ => return Err(wrong("\"nan\", \"inf\" or \"-inf\"")),
            },
        ),
        FUNCTION => {
            cbor::put_head(bytes, 6, FUNCTION_TAG);
            match (value.as_u64(), value.as_str()) {
                (Some(number), _) => cbor::put_head(bytes, 0, number),
                (_, Some(name)) => cbor::put_text(bytes, name),
                _ => return Err(wrong("a number or a name")),
            }
        }
        _ => {
            let pairs = value.as_array().ok_or_else(|| wrong("an array of pairs"))?;
            let mut encoded = Vec::with_capacity(pairs.len());
            for pair in pairs {
                let Some([key, value]) = pair.as_array().map(Vec::as_slice) else {
                    return Err(wrong("an array of pairs"));
                };
                encoded.push((to_cbor(key)?, to_cbor(value)?));
            }
            encoded.sort();
            cbor::put_head(bytes, 5, encoded.len() as u64);
            for (key, value) in encoded {
                bytes.extend_from_slice(&key);
                bytes.extend_from_slice(&value);
            }
        }
    }
    Ok(())
}

fn append_integer(bytes: &mut Vec<u8>, integer: &BigInt) {
    if let Ok(integer) = i64::try_from(integer) {
        return cbor::put_integer(bytes, integer);
    }
    let negative = integer.sign() == Sign::Minus;
    let number = if negative { !integer } else { integer.clone() };
    cbor::put_head(bytes, 6, if negative { NEGATIVE_TAG } else { POSITIVE_TAG });
    cbor::put_bytes(bytes, &number.to_bytes_be().1);
}

/// The JSON of a CBOR value.
///
/// # Errors
/// [`Error::Decode`] for bytes that are no value of Cu.
pub fn from_cbor(bytes: &[u8]) -> Result<Json, Error> {
    from_value(cbor::decode(bytes)?)
}

/// The JSON of a value.
///
/// # Errors
/// [`Error::Decode`] for a value that isn't one of Cu's, such as another tag.
pub fn from_value(value: Value) -> Result<Json, Error> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(value),
        Value::Integer(integer) => {
            let integer = i128::from(integer);
            let number = i64::try_from(integer)
                .map(Number::from)
                .or_else(|_| u64::try_from(integer).map(Number::from));
            match number {
                Ok(number) => Json::Number(number),
                Err(_) => tagged(INT, integer.to_string().into()),
            }
        }
        Value::Float(float) => match Number::from_f64(float) {
            Some(number) => Json::Number(number),
            None if float.is_nan() => tagged(FLOAT, "nan".into()),
            None if float > 0.0 => tagged(FLOAT, "inf".into()),
            None => tagged(FLOAT, "-inf".into()),
        },
        Value::Text(text) => Json::String(text),
        Value::Bytes(bytes) => tagged(BYTES, STANDARD.encode(bytes).into()),
        Value::Array(items) => Json::Array(
            items
                .into_iter()
                .map(from_value)
                .collect::<Result<_, _>>()?,
        ),
        Value::Map(members) => return from_map(members),
        Value::Tag(tag @ (POSITIVE_TAG | NEGATIVE_TAG), content) => {
            let Value::Bytes(bytes) = *content else {
                return Err(Error::Decode("a big integer has no bytes".to_owned()));
            };
            let number = BigInt::from_bytes_be(Sign::Plus, &bytes);
            let integer = if tag == NEGATIVE_TAG { !number } else { number };
            tagged(INT, integer.to_string().into())
        }
        Value::Tag(FUNCTION_TAG, reference) => tagged(FUNCTION, from_value(*reference)?),
        other => return Err(Error::Decode(format!("{other:?} is no value of Cu"))),
    })
}

fn from_map(members: Vec<(Value, Value)>) -> Result<Json, Error> {
    let texts = members.iter().all(|(key, _)| matches!(key, Value::Text(_)));
    let mistakable = matches!(&members[..], [(Value::Text(name), _)] if is_special(name));
    if texts && !mistakable {
        let mut object = Map::with_capacity(members.len());
        for (key, value) in members {
            if let Value::Text(name) = key {
                object.insert(name, from_value(value)?);
            }
        }
        return Ok(Json::Object(object));
    }
    let pairs: Vec<Json> = members
        .into_iter()
        .map(|(key, value)| Ok(Json::Array(vec![from_value(key)?, from_value(value)?])))
        .collect::<Result<_, Error>>()?;
    Ok(tagged(MAP, pairs.into()))
}

fn tagged(name: &str, value: Json) -> Json {
    Json::Object(Map::from_iter([(name.to_owned(), value)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(text: &str) -> String {
        let json: Json = serde_json::from_str(text).unwrap();
        serde_json::to_string(&from_cbor(&to_cbor(&json).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn every_kind_of_value_comes_back_as_it_was() {
        for text in [
            "null",
            "[true,false]",
            "[0,23,24,255,256,65536,4294967296,9223372036854775807,18446744073709551615]",
            "[-1,-24,-25,-9223372036854775808]",
            "[1.0,-0.0,0.1,1e+300,1.5,65504.0,5e-324]",
            r#"[{"$float":"nan"},{"$float":"inf"},{"$float":"-inf"}]"#,
            r#"{"a":[],"b":{},"längere":"tëxt\u0000"}"#,
            r#"{"$bytes":"AAH/"}"#,
            r#"{"$map":[[1,"one"],["two",2]]}"#,
            r#"{"$map":[["$bytes","no bytes"]]}"#,
            r#"{"$function":7}"#,
            r#"{"$function":"string.format"}"#,
        ] {
            assert_eq!(round(text), text);
        }
    }

    #[test]
    fn members_are_put_in_deterministic_order() {
        let json: Json = serde_json::from_str(r#"{"bb":1,"a":2,"ab":3}"#).unwrap();
        assert_eq!(
            to_cbor(&json).unwrap(),
            b"\xa3\x61a\x02\x62ab\x03\x62bb\x01"
        );
    }

    #[test]
    fn floats_take_the_shortest_form_that_is_exact() {
        let cbor = |float: f64| {
            let mut bytes = Vec::new();
            cbor::put_float(&mut bytes, float);
            bytes
        };
        assert_eq!(cbor(1.0), [0xf9, 0x3c, 0x00]);
        assert_eq!(cbor(65504.0), [0xf9, 0x7b, 0xff]);
        assert_eq!(cbor(5.960_464_477_539_063e-8), [0xf9, 0x00, 0x01]);
        assert_eq!(cbor(100_000.0), [0xfa, 0x47, 0xc3, 0x50, 0x00]);
        assert_eq!(
            cbor(1.1),
            [0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]
        );
        assert_eq!(cbor(f64::NAN), [0xf9, 0x7e, 0x00]);
        assert_eq!(cbor(f64::NEG_INFINITY), [0xf9, 0xfc, 0x00]);
        assert_eq!(cbor(-0.0), [0xf9, 0x80, 0x00]);
    }

    #[test]
    fn objects_that_only_look_special_are_refused() {
        for text in [
            r#"{"$bytes":"?"}"#,
            r#"{"$bytes":1}"#,
            r#"{"$float":"1"}"#,
            r#"{"$map":[[1]]}"#,
        ] {
            let json: Json = serde_json::from_str(text).unwrap();
            assert!(matches!(to_cbor(&json), Err(Error::Encode(_))), "{text}");
        }
    }
}
