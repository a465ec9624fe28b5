use num_integer::Integer;
use proptest::prelude::*;

use super::*;

fn lua(bench: &mut Bench, body: &str) -> String {
    bench.run(&format!("local bigint = require('bigint')  {body}"))
}

/// Integers whose products and sums 128 bits still have room for.
fn integer() -> impl Strategy<Value = i128> {
    prop_oneof![
        any::<i64>().prop_map(i128::from),
        (-20i128..20),
        (0u32..63, -2i128..=2, any::<bool>()).prop_map(|(power, step, negative)| {
            let power = (1i128 << power) + step;
            if negative { -power } else { power }
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arithmetic_agrees_with_that_of_128_bits(a in integer(), b in integer(), n in 0u32..60) {
        let mut bench = Bench::new();
        let script = format!(
            "local a, b, n = bigint.new('{a}'), bigint.new('{b}'), {n}
            local out = {{a + b, a - b, a * b, a & b, a | b, a ~ b, ~a, -a, a << n, a >> n, bigint.abs(a), bigint.gcd(a, b)}}
            if b ~= bigint.new(0) then out[#out + 1] = a // b  out[#out + 1] = a % b end
            for i = 1, #out do out[i] = tostring(out[i]) end
            return table.concat(out, ' '), a < b, a <= b, a == b, bigint.compare(a, b)"
        );
        let mut wanted = vec![
            a + b, a - b, a * b, a & b, a | b, a ^ b, !a, -a, a << n, a >> n, a.abs(), a.gcd(&b),
        ];
        if b != 0 {
            wanted.extend([Integer::div_floor(&a, &b), Integer::mod_floor(&a, &b)]);
        }
        let wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
        prop_assert_eq!(
            lua(&mut bench, &script),
            format!("{:?}, {}, {}, {}, {}", wanted.join(" "), a < b, a <= b, a == b, a.cmp(&b) as i8)
        );
    }

    #[test]
    fn comparison_with_numbers_of_lua_is_exact(a in integer(), f in any::<f64>(), near in integer()) {
        let mut bench = Bench::new();
        for float in [f, near as f64, f64::NAN, f64::INFINITY] {
            let wanted = if float.is_nan() {
                "false, false".to_string()
            } else {
                let below = BigInt::from(a) << 1074u32 < exact(float);
                let above = BigInt::from(a) << 1074u32 > exact(float);
                format!("{below}, {above}")
            };
            let bits = float.to_bits().cast_signed();
            let script = format!("local f = string.unpack('d', string.pack('j', {bits}))  local a = bigint.new('{a}')  return a < f, a > f");
            prop_assert_eq!(lua(&mut bench, &script), wanted);
        }
    }

    #[test]
    fn the_nearest_float_is_chosen(a in integer(), b in integer()) {
        let mut bench = Bench::new();
        let product = a * b;
        let number = product as f64;
        let script = format!("local n = bigint.new('{product}'):tonumber()  return n + 0.0");
        prop_assert_eq!(lua(&mut bench, &script), format!("{number:?}"));
    }
}

/// The float times 2^1074; infinity is larger than what the tests compare it with.
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

#[test]
fn the_largest_integers_are_computed_and_no_larger_ones() {
    let mut bench = Bench::new();
    assert_eq!(
        lua(
            &mut bench,
            "local top = (bigint.new(2) ^ 65535 - 1) * 2 + 1
            local ok, message = pcall(function() return top + 1 end)
            local low = -top - 1
            return ok, message:match('more than %d+ bytes'), pcall(function() return low - 1 end) == false,
                (top // 3 * 3 + top % 3) == top, #tostring(top), low >> 65535"
        ),
        "false, \"more than 8192 bytes\", true, true, 19729, -2"
    );
}

#[test]
fn big_integers_count_against_the_memory_of_lua() {
    let mut bench = Bench::new();
    let options = CallOptions {
        memory: Some(4 << 20),
        ..CallOptions::default()
    };
    let script = "local bigint = require('bigint')  local n = bigint.new(2) ^ 65000
        local all = {}  for i = 1, 10000 do all[i] = n + i end";
    match bench.eval_with(script, &[0x80], &options) {
        Err(Error::LimitExceeded(excess)) => assert_eq!(excess.limit, crate::error::Limit::Memory),
        other => panic!("{other:?}"),
    }
    // What is garbage is not.
    let script = "local bigint = require('bigint')  local n = bigint.new(2) ^ 65000
        for i = 1, 10000 do local m = n + i end  return true";
    assert_eq!(
        show(
            &bench
                .eval_with(script, &[0x80], &options)
                .expect("collected")
        ),
        "[true]"
    );
}

#[test]
fn long_operations_are_charged_before_they_run() {
    let mut bench = Bench::new();
    let options = CallOptions {
        instructions: Some(100_000),
        ..CallOptions::default()
    };
    for work in [
        "n * n",
        "m // n",
        "m % n",
        "bigint.gcd(m, n)",
        "n ^ 2",
        "tostring(n)",
        "n .. ''",
        "bigint.new(('7'):rep(9000))",
    ] {
        let script = format!(
            "local bigint = require('bigint')
            local n = (bigint.new(1) << 32700) - 12345  local m = (bigint.new(1) << 65000) - 54321
            local x = {work}"
        );
        match bench.eval_with(&script, &[0x80], &options) {
            Err(Error::LimitExceeded(excess)) => {
                assert_eq!(excess.limit, crate::error::Limit::Instructions, "{work}");
            }
            other => panic!("{work}: {other:?}"),
        }
    }
}
