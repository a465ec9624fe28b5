//! Numbers as text, beside the C library of this machine.

use std::ffi::{CString, c_char, c_int};

use cu_core::print::{Argument, Conversion, Output, Scratch};
use proptest::prelude::*;

// SAFETY: C's own, which every program on this machine is linked with.
unsafe extern "C" {
    fn snprintf(out: *mut c_char, size: usize, format: *const c_char, ...) -> c_int;
}

fn ours(format: &str, argument: Argument) -> String {
    let (conversion, length) = Conversion::read(&format.as_bytes()[1..]).expect("a conversion");
    assert_eq!(length + 1, format.len(), "{format}");
    let (mut room, mut scratch) = ([0; 1024], Scratch::new());
    let mut output = Output::new(&mut room, &mut scratch);
    output.print(conversion, argument);
    let length = output.length;
    String::from_utf8(room[..length].to_vec()).expect("it is ASCII")
}

fn theirs(format: &str, argument: Argument) -> String {
    let mut room = [0_u8; 1024];
    let (out, size) = (room.as_mut_ptr().cast(), room.len());
    let format = CString::new(format).expect("no zero byte");
    // SAFETY: the format has one conversion, of the argument's type, and the room is as long as is said.
    let length = unsafe {
        match argument {
            Argument::Integer(integer) => snprintf(out, size, format.as_ptr(), integer),
            Argument::Float(float) => snprintf(out, size, format.as_ptr(), float),
            Argument::Text(text) => {
                let text = CString::new(text).expect("no zero byte");
                snprintf(out, size, format.as_ptr(), text.as_ptr())
            }
        }
    };
    let length = usize::try_from(length).expect("the format is right");
    String::from_utf8(room[..length].to_vec()).expect("it is ASCII")
}

fn check(format: &str, argument: Argument) {
    assert_eq!(
        ours(format, argument),
        theirs(format, argument),
        "{format} of {argument:?}"
    );
}

fn flags() -> impl Strategy<Value = String> {
    let width = prop_oneof![
        Just(String::new()),
        (0..40_u32).prop_map(|width| width.to_string())
    ];
    let precision = prop_oneof![
        Just(String::new()),
        (0..24_u32).prop_map(|precision| format!(".{precision}")),
        (24..100_u32).prop_map(|precision| format!(".{precision}")),
    ];
    ("[-+ #0]{0,3}", width, precision).prop_map(|(flags, width, precision)| {
        // `0` begins the width only as a flag.
        let width = width.trim_start_matches('0');
        format!("%{flags}{width}{precision}")
    })
}

/// Floats of all kinds, and those that people write.
fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        any::<u64>().prop_map(f64::from_bits),
        (any::<i32>(), 0..8_i32)
            .prop_map(|(number, places)| f64::from(number) / 10_f64.powi(places)),
        (any::<i32>(), -70..70_i32)
            .prop_map(|(number, power)| f64::from(number) * 2_f64.powi(power)),
        (-1000..1000_i32).prop_map(|number| f64::from(number) / 8.0),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn floats_are_printed_as_c_does(flags in flags(), letter in "[eEfFgG]", float in floats()) {
        // The sign of a float that is no number is the machine's own business.
        prop_assume!(!float.is_nan());
        // Some C libraries lose the zeros that `#` asks for where rounding makes the number longer.
        prop_assume!(!(flags.contains('#') && letter.eq_ignore_ascii_case("g")));
        check(&format!("{flags}{letter}"), Argument::Float(float));
    }

    #[test]
    fn seventeen_digits_lead_back_to_the_float(float in floats()) {
        prop_assume!(!float.is_nan());
        let text = ours("%.17g", Argument::Float(float));
        prop_assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(float.to_bits()));
    }

    #[test]
    fn hexadecimal_floats_are_printed_as_c_does(flags in "[-+ #0]{0,2}", letter in "[aA]", float in floats()) {
        // Of the least floats, C may say the same in several ways.
        prop_assume!(float.is_normal() || float == 0.0);
        check(&format!("%{flags}{letter}"), Argument::Float(float));
        check(&format!("%{flags}30.15{letter}"), Argument::Float(float));
    }

    #[test]
    fn integers_are_printed_as_c_does(flags in flags(), letter in "[diuoxX]", integer in prop_oneof![any::<i64>(), -100..100_i64]) {
        check(&format!("{flags}ll{letter}"), Argument::Integer(integer));
    }

    #[test]
    fn texts_are_printed_as_c_does(left in "-?", width in 1..40_u32, precision in 0..20_u32, text in "[a-z]{0,30}") {
        let text = Argument::Text(text.as_bytes());
        check(&format!("%{left}{width}s"), text);
        check(&format!("%{left}{width}.{precision}s"), text);
        check("%s", text);
    }
}

#[test]
fn what_lies_in_the_middle_is_rounded_to_even() {
    for float in [
        0.5, 1.5, 2.5, 0.125, 0.375, 2.675, 1e22, 1e23, 9.5, 99.5, 999_999.5, 0.0005, 0.05, 5e-324,
    ] {
        for format in [
            "%.0f", "%.1f", "%.2f", "%.0e", "%.1e", "%.1g", "%g", "%.14g", "%.3f", "%#.0f",
        ] {
            check(format, Argument::Float(float));
            check(format, Argument::Float(-float));
        }
    }
}

#[test]
fn zeros_at_the_end_stay_where_they_are_asked_for() {
    for (float, format, expected) in [
        (1.0, "%#g", "1.00000"),
        (0.0, "%#g", "0.00000"),
        (123_456.0, "%#g", "123456."),
        (999_999.5, "%#g", "1.00000e+06"),
        (1e-5, "%#.3g", "1.00e-05"),
        (1e-4, "%#.3g", "0.000100"),
    ] {
        assert_eq!(
            ours(format, Argument::Float(float)),
            expected,
            "{format} of {float}"
        );
    }
}

#[test]
fn hexadecimal_digits_are_rounded_to_even() {
    for (float, format, expected) in [
        (1.999_f64, "%.0a", "0x2p+0"),
        (1.5, "%.0a", "0x2p+0"),
        (2.5, "%.1a", "0x1.4p+1"),
        (1.03125, "%.1a", "0x1.0p+0"),
        (1.09375, "%.1a", "0x1.2p+0"),
        (5e-324, "%a", "0x1p-1074"),
        (-0.0, "%A", "-0X0P+0"),
    ] {
        assert_eq!(
            ours(format, Argument::Float(float)),
            expected,
            "{format} of {float}"
        );
    }
}

#[test]
fn what_has_no_room_is_counted() {
    let (conversion, _) = Conversion::read(b"5d").expect("a conversion");
    let (mut room, mut scratch) = ([b'.'; 3], Scratch::new());
    let mut output = Output::new(&mut room, &mut scratch);
    output.text(b"a");
    output.print(conversion, Argument::Integer(42));
    assert_eq!(output.length, 6);
    assert_eq!(&room, b"a  ");
}

#[test]
fn what_is_no_conversion_is_none() {
    for format in ["", "-", "5", ".3", "ll", "+ #0"] {
        assert_eq!(Conversion::read(format.as_bytes()), None, "{format}");
    }
}
