//! Values for people.

use std::fmt::Write as _;

use crate::cbor::{open, to_hex};

/// The value for people, as CBOR's diagnostic notation writes it; hexadecimal if it is malformed.
#[must_use]
pub fn show(value: &[u8]) -> String {
    let mut out = String::new();
    let mut rest = value;
    if show_into(&mut rest, &mut out).is_none() || !rest.is_empty() {
        out = format!("malformed {}", to_hex(value));
    }
    if let Some((cut, _)) = out.char_indices().nth(600) {
        let length = out.len();
        out.truncate(cut);
        let _ = write!(out, "… ({length} bytes)");
    }
    out
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the argument has that size"
)]
fn show_into(rest: &mut &[u8], out: &mut String) -> Option<()> {
    let first = *rest.first()?;
    let (major, argument, behind) = open(rest)?;
    *rest = behind;
    match major {
        0 => write!(out, "{argument}").ok()?,
        1 => write!(out, "{}", -1 - i128::from(argument)).ok()?,
        2 | 3 => {
            let length = usize::try_from(argument).ok()?;
            let body = behind.get(..length)?;
            *rest = &behind[length..];
            match std::str::from_utf8(body) {
                Ok(text) if major == 3 => write!(out, "{text:?}").ok()?,
                _ => write!(out, "h'{}'", to_hex(body)).ok()?,
            }
        }
        4 | 5 => {
            out.push(if major == 4 { '[' } else { '{' });
            for number in 0..argument {
                if number > 0 {
                    out.push_str(", ");
                }
                show_into(rest, out)?;
                if major == 5 {
                    out.push_str(": ");
                    show_into(rest, out)?;
                }
            }
            out.push(if major == 4 { ']' } else { '}' });
        }
        6 => {
            write!(out, "{argument}(").ok()?;
            show_into(rest, out)?;
            out.push(')');
        }
        _ => match first {
            0xf4 => out.push_str("false"),
            0xf5 => out.push_str("true"),
            0xf6 => out.push_str("null"),
            0xf9 => write!(out, "{:?}_1", from_half(argument as u16)).ok()?,
            0xfa => write!(out, "{:?}_2", f32::from_bits(argument as u32)).ok()?,
            0xfb => write!(out, "{:?}_3", f64::from_bits(argument)).ok()?,
            _ => write!(out, "simple({argument})").ok()?,
        },
    }
    Some(())
}

fn from_half(half: u16) -> f64 {
    let exponent = i32::from(half >> 10 & 0x1f);
    let fraction = f64::from(half & 0x3ff);
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * 2f64.powi(exponent - 25),
    };
    if half >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::show;

    #[test]
    fn failures_show_values_for_people() {
        let value = crate::notation::encode(
            &serde_json::json!([1, {"$float": "1.5"}, {"a": null}, {"$bytes": "ff"}]),
        );
        assert_eq!(show(&value.unwrap()), r#"[1, 1.5_1, {"a": null}, h'ff']"#);
        assert_eq!(show(&[0x82, 0x01]), "malformed 8201");
    }
}
