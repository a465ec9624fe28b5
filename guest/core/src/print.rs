//! C's `printf` for one value: what Lua writes numbers with.
//!
//! The C library that the component is linked with can do it too; but it computes in 128-bit floats, which are done in software,
//! and goes through a stream. Here the digits are those of the exact value, and rounded to even where it lies in the middle.

/// What is printed.
#[derive(Debug, Clone, Copy)]
pub enum Argument<'a> {
    /// For `d`, `i`, `c`, and without its sign for `u`, `o`, `x` and `X`.
    Integer(i64),
    /// For `a`, `e`, `f` and `g`, small or capital.
    Float(f64),
    /// For `s`.
    Text(&'a [u8]),
}

/// A conversion, such as `%-5.2f`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conversion {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zeros: bool,
    width: usize,
    precision: Option<usize>,
    /// Its last letter.
    pub letter: u8,
    /// Whether an integer has 64 bits: `ll` stands before the letter.
    pub is_long: bool,
}

impl Conversion {
    /// Reads what stands behind a `%`, and tells how long that is. None where it is none.
    #[must_use]
    pub fn read(format: &[u8]) -> Option<(Conversion, usize)> {
        let mut read = Conversion::default();
        let mut at = 0;
        loop {
            match format.get(at)? {
                b'-' => read.left = true,
                b'+' => read.plus = true,
                b' ' => read.space = true,
                b'#' => read.alternate = true,
                b'0' => read.zeros = true,
                _ => break,
            }
            at += 1;
        }
        read.width = number(format, &mut at);
        if format.get(at) == Some(&b'.') {
            at += 1;
            read.precision = Some(number(format, &mut at));
        }
        while format.get(at) == Some(&b'l') {
            read.is_long = true;
            at += 1;
        }
        read.letter = *format.get(at)?;
        Some((read, at + 1))
    }

    fn is_capital(self) -> bool {
        self.letter.is_ascii_uppercase()
    }

    fn sign(self, is_negative: bool) -> &'static [u8] {
        match (is_negative, self.plus, self.space) {
            (true, ..) => b"-",
            (_, true, _) => b"+",
            (.., true) => b" ",
            _ => b"",
        }
    }
}

fn number(format: &[u8], at: &mut usize) -> usize {
    let mut number = 0_usize;
    while let Some(digit) = format.get(*at).filter(|byte| byte.is_ascii_digit()) {
        number = number * 10 + usize::from(digit - b'0');
        *at += 1;
    }
    number
}

/// What floats are worked out in. It need not be cleared in between, which would take longer than most of them do.
#[derive(Debug)]
pub struct Scratch {
    digits: [u8; DIGITS],
    words: [u32; WORDS],
}

impl Scratch {
    /// A new one.
    #[must_use]
    pub const fn new() -> Self {
        Scratch {
            digits: [0; DIGITS],
            words: [0; WORDS],
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// Where text goes, as far as there is room.
#[derive(Debug)]
pub struct Output<'o> {
    room: &'o mut [u8],
    scratch: &'o mut Scratch,
    /// How long all of it is.
    pub length: usize,
}

impl<'o> Output<'o> {
    /// An empty one.
    pub fn new(room: &'o mut [u8], scratch: &'o mut Scratch) -> Self {
        Output {
            room,
            scratch,
            length: 0,
        }
    }

    /// Appends text.
    pub fn text(&mut self, text: &[u8]) {
        let left = self.room.get_mut(self.length..).unwrap_or_default();
        for (place, byte) in left.iter_mut().zip(text) {
            *place = *byte;
        }
        self.length += text.len();
    }

    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.room.get_mut(self.length) {
            *place = byte;
        }
        self.length += 1;
    }

    fn fill(&mut self, byte: u8, count: usize) {
        for _ in 0..count {
            self.byte(byte);
        }
    }

    /// Appends a value.
    pub fn print(&mut self, conversion: Conversion, argument: Argument) {
        match argument {
            Argument::Text(text) => {
                let most = conversion.precision.unwrap_or(usize::MAX);
                self.padded(conversion, b"", false, &text[..text.len().min(most)]);
            }
            Argument::Integer(integer) if conversion.letter == b'c' => {
                self.padded(conversion, b"", false, &[integer.to_le_bytes()[0]]);
            }
            Argument::Integer(integer) => self.integer(conversion, integer),
            Argument::Float(float) => self.float(conversion, float),
        }
    }

    /// Something with a sign or another beginning, behind which zeros may fill it up.
    fn padded(&mut self, conversion: Conversion, before: &[u8], zeros: bool, body: &[u8]) {
        let missing = conversion.width.saturating_sub(before.len() + body.len());
        if !conversion.left && !zeros {
            self.fill(b' ', missing);
        }
        self.text(before);
        if !conversion.left && zeros {
            self.fill(b'0', missing);
        }
        self.text(body);
        if conversion.left {
            self.fill(b' ', missing);
        }
    }

    fn integer(&mut self, conversion: Conversion, integer: i64) {
        let is_signed = matches!(conversion.letter, b'd' | b'i');
        let mut rest = if is_signed {
            integer.unsigned_abs()
        } else {
            integer.cast_unsigned()
        };
        let (bits, capital) = match conversion.letter {
            b'x' => (4, 0),
            b'X' => (4, b'a' - b'A'),
            b'o' => (3, 0),
            _ => (0, 0),
        };
        let is_zero = rest == 0;
        let mut text = [b'0'; 128];
        let mut start = text.len();
        while rest > 0 {
            start -= 1;
            text[start] = if bits > 0 {
                let digit = (rest & ((1 << bits) - 1)) as u8;
                rest >>= bits;
                digit_of(digit) - if digit > 9 { capital } else { 0 }
            } else {
                let digit = (rest % 10) as u8;
                rest /= 10;
                b'0' + digit
            };
        }
        let digits = text.len() - start;
        let mut least = conversion.precision.unwrap_or(1).min(100);
        if conversion.letter == b'o' && conversion.alternate {
            least = least.max(digits + 1);
        }
        start -= least.saturating_sub(digits);
        let before = match conversion.letter {
            b'x' if conversion.alternate && !is_zero => b"0x",
            b'X' if conversion.alternate && !is_zero => b"0X",
            _ if is_signed => conversion.sign(integer < 0),
            _ => b"",
        };
        let zeros = conversion.zeros && conversion.precision.is_none();
        self.padded(conversion, before, zeros, &text[start..]);
    }

    fn float(&mut self, conversion: Conversion, float: f64) {
        let sign = conversion.sign(float.is_sign_negative());
        if !float.is_finite() {
            let text: &[u8] = match (float.is_nan(), conversion.is_capital()) {
                (true, false) => b"nan",
                (true, true) => b"NAN",
                (false, false) => b"inf",
                (false, true) => b"INF",
            };
            return self.padded(conversion, sign, false, text);
        }
        match conversion.letter.to_ascii_lowercase() {
            b'a' => self.hexadecimal(conversion, sign, float),
            b'f' => {
                let precision = conversion.precision.unwrap_or(6).min(MOST);
                let digits = Digits::of(float, Last::Fraction(precision), self.scratch);
                self.fixed(conversion, sign, &digits, precision);
            }
            b'e' => {
                let precision = conversion.precision.unwrap_or(6).min(MOST);
                let digits = Digits::of(float, Last::Significant(precision + 1), self.scratch);
                self.scientific(conversion, sign, &digits, precision);
            }
            _ => self.general(conversion, sign, float),
        }
    }

    /// What comes before so many characters of a float. Tells how many spaces come behind them.
    fn begin(&mut self, conversion: Conversion, before: &[u8], length: usize) -> usize {
        let missing = conversion.width.saturating_sub(before.len() + length);
        if !conversion.left && !conversion.zeros {
            self.fill(b' ', missing);
        }
        self.text(before);
        if conversion.left {
            return missing;
        }
        if conversion.zeros {
            self.fill(b'0', missing);
        }
        0
    }

    /// Digits with so many behind the point.
    fn fixed(&mut self, conversion: Conversion, sign: &[u8], digits: &Digits, precision: usize) {
        let point = precision > 0 || conversion.alternate;
        let above = digits.exponent.max(0).unsigned_abs() as usize + 1;
        let behind = self.begin(conversion, sign, above + usize::from(point) + precision);
        self.digits(digits, digits.exponent.max(0), above);
        if point {
            self.byte(b'.');
        }
        self.digits(digits, -1, precision);
        self.fill(b' ', behind);
    }

    /// So many digits from the one that counts a power of ten.
    fn digits(&mut self, digits: &Digits, power: i32, count: usize) {
        let first = digits.exponent - power;
        let zeros = count.min(first.min(0).unsigned_abs() as usize);
        self.fill(b'0', zeros);
        let there = digits.there(self.scratch);
        let start = there.len().min(first.max(0).unsigned_abs() as usize);
        let end = there.len().min(start + count - zeros);
        let left = self.room.get_mut(self.length..).unwrap_or_default();
        for (place, digit) in left.iter_mut().zip(&there[start..end]) {
            *place = b'0' + *digit;
        }
        self.length += end - start;
        self.fill(b'0', count - zeros - (end - start));
    }

    /// One digit, a point, so many digits, and an exponent.
    fn scientific(
        &mut self,
        conversion: Conversion,
        sign: &[u8],
        digits: &Digits,
        precision: usize,
    ) {
        let point = precision > 0 || conversion.alternate;
        let exponent = digits.exponent;
        let length = 1 + usize::from(point) + precision + exponent_length(exponent, 2);
        let behind = self.begin(conversion, sign, length);
        self.digits(digits, exponent, 1);
        if point {
            self.byte(b'.');
        }
        self.digits(digits, exponent - 1, precision);
        self.exponent(
            if conversion.is_capital() { b'E' } else { b'e' },
            exponent,
            2,
        );
        self.fill(b' ', behind);
    }

    fn exponent(&mut self, letter: u8, exponent: i32, least: usize) {
        self.byte(letter);
        let precision = Some(least);
        let conversion = Conversion {
            plus: true,
            precision,
            letter: b'd',
            ..Conversion::default()
        };
        self.integer(conversion, exponent.into());
    }

    /// One of both, whichever is shorter.
    fn general(&mut self, conversion: Conversion, sign: &[u8], float: f64) {
        let significant = conversion.precision.unwrap_or(6).clamp(1, MOST);
        let digits = Digits::of(float, Last::Significant(significant), self.scratch);
        let shown = if conversion.alternate {
            significant
        } else {
            let there = digits.there(self.scratch);
            let last = there.iter().rposition(|digit| *digit > 0);
            last.map_or(1, |last| last + 1)
        };
        let exponent = digits.exponent;
        if exponent < -4 || exponent >= significant as i32 {
            return self.scientific(conversion, sign, &digits, shown - 1);
        }
        let precision = usize::try_from(shown as i32 - 1 - exponent).unwrap_or(0);
        self.fixed(conversion, sign, &digits, precision);
    }

    /// The mantissa with one bit before the point, and the exponent.
    fn hexadecimal(&mut self, conversion: Conversion, sign: &[u8], float: f64) {
        /// Hexadecimal digits behind the point.
        const DIGITS: usize = 13;
        let (mut mantissa, exponent) = parts(float);
        let mut exponent = exponent + 52;
        if mantissa == 0 {
            exponent = 0;
        } else {
            let above = mantissa.leading_zeros() - 11;
            mantissa <<= above;
            exponent -= above as i32;
        }
        let mut precision = DIGITS - (mantissa.trailing_zeros() as usize / 4).min(DIGITS);
        if let Some(wanted) = conversion.precision {
            precision = wanted.min(MOST);
            let cut = 4 * DIGITS.saturating_sub(precision);
            if cut > 0 {
                let (kept, rest) = (mantissa >> cut, mantissa & ((1 << cut) - 1));
                let half = 1 << (cut - 1);
                let up = rest > half || (rest == half && kept & 1 == 1);
                mantissa = (kept + u64::from(up)) << cut;
            }
        }
        let capital = if conversion.is_capital() {
            b'a' - b'A'
        } else {
            0
        };
        let point = precision > 0 || conversion.alternate;
        let before = [sign, &[b'0', b'x' - capital]].concat();
        let length = 1 + usize::from(point) + precision + exponent_length(exponent, 1);
        let behind = self.begin(conversion, &before, length);
        self.byte(b'0' + (mantissa >> (4 * DIGITS)) as u8);
        if point {
            self.byte(b'.');
        }
        for number in 1..=precision.min(DIGITS) {
            let digit = (mantissa >> (4 * (DIGITS - number))) as u8 & 15;
            self.byte(digit_of(digit) - if digit > 9 { capital } else { 0 });
        }
        self.fill(b'0', precision.saturating_sub(DIGITS));
        self.exponent(b'p' - capital, exponent, 1);
        self.fill(b' ', behind);
    }
}

/// A letter, a sign, and the digits.
fn exponent_length(exponent: i32, least: usize) -> usize {
    let digits = exponent.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
    2 + digits.max(least)
}

fn digit_of(digit: u8) -> u8 {
    if digit < 10 {
        b'0' + digit
    } else {
        b'a' + digit - 10
    }
}

/// A float as an integer times a power of two. The sign is left out.
fn parts(float: f64) -> (u64, i32) {
    let bits = float.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match (bits >> 52) as i32 & 0x7ff {
        0 => (fraction, -1074),
        exponent => (fraction | 1 << 52, exponent - 1075),
    }
}

/// Digits behind the point, at the most.
const MOST: usize = 128;

/// Digits of the largest integer part, as many behind the point, and a group that is cut.
const DIGITS: usize = 320 + MOST + 20;

/// Words of the largest and of the least float.
const WORDS: usize = 36;

/// Nine digits.
const GROUP: u32 = 1_000_000_000;

/// Which digit is the last one.
#[derive(Clone, Copy)]
enum Last {
    /// The one at this place behind the point.
    Fraction(usize),
    /// So many are significant.
    Significant(usize),
}

/// Decimal digits, rounded. They are from 0 to 9, and in the scratch.
struct Digits {
    start: usize,
    end: usize,
    /// Which power of ten the first one counts.
    exponent: i32,
}

impl Digits {
    fn of(float: f64, last: Last, scratch: &mut Scratch) -> Digits {
        // Rounding may put one before them.
        let mut digits = Digits {
            start: 1,
            end: 1,
            exponent: 0,
        };
        let (mantissa, exponent) = parts(float);
        if mantissa == 0 {
            return digits;
        }
        let Scratch {
            digits: room,
            words,
        } = scratch;
        if exponent >= 0 {
            digits.large(mantissa, exponent, room, words);
        } else if exponent > -64 && mantissa >> -exponent > 0 {
            digits.group(mantissa >> -exponent, 0, room);
        } else {
            digits.exponent = -1;
        }
        let mut fraction = Fraction::of(mantissa, exponent, words);
        let kept = loop {
            let there = digits.end - digits.start;
            let kept = match last {
                Last::Fraction(places) => digits.exponent + 1 + places as i32,
                Last::Significant(count) => count as i32,
            };
            if fraction.is_zero() || there > kept.max(0).unsigned_abs() as usize {
                break kept;
            }
            let group = fraction.next();
            if there > 0 {
                digits.append(group.into(), 9, room);
            } else if group > 0 {
                digits.group(group.into(), 9, room);
            } else {
                // What comes first is no zero.
                digits.exponent -= 9;
            }
        };
        let more = !fraction.is_zero();
        digits.round(kept, more, room);
        digits
    }

    /// The first digits, of a number that is not 0; `least` of them, or as many as it has.
    fn group(&mut self, number: u64, least: u32, room: &mut [u8; DIGITS]) {
        let count = number.ilog10() + 1;
        self.exponent += if least > 0 {
            count as i32 - least as i32
        } else {
            count as i32 - 1
        };
        self.append(number, count, room);
    }

    fn append(&mut self, mut number: u64, count: u32, room: &mut [u8; DIGITS]) {
        let end = self.end + count as usize;
        for place in room[self.end..end].iter_mut().rev() {
            *place = (number % 10) as u8;
            number /= 10;
        }
        self.end = end;
    }

    /// The digits of an integer of up to 1,024 bits.
    fn large(
        &mut self,
        mantissa: u64,
        exponent: i32,
        room: &mut [u8; DIGITS],
        words: &mut [u32; WORDS],
    ) {
        if exponent <= 11 {
            return self.group(mantissa << exponent, 0, room);
        }
        words.fill(0);
        let (word, bit) = (exponent as usize / 32, exponent % 32);
        let shifted = u128::from(mantissa) << bit;
        for number in 0..3 {
            words[word + number] = (shifted >> (32 * number)) as u32;
        }
        let mut groups = [0_u32; 36];
        let mut count = 0;
        let mut used = word + 3;
        while used > 0 {
            let mut rest = 0_u64;
            for word in words[..used].iter_mut().rev() {
                let value = rest << 32 | u64::from(*word);
                *word = (value / u64::from(GROUP)) as u32;
                rest = value % u64::from(GROUP);
            }
            groups[count] = rest as u32;
            count += 1;
            while used > 0 && words[used - 1] == 0 {
                used -= 1;
            }
        }
        self.group(groups[count - 1].into(), 0, room);
        self.exponent += 9 * (count as i32 - 1);
        for group in groups[..count - 1].iter().rev() {
            self.append((*group).into(), 9, room);
        }
    }

    /// Keeps so many digits. `more` says whether anything comes behind those that are there.
    fn round(&mut self, kept: i32, more: bool, room: &mut [u8; DIGITS]) {
        let there = self.end - self.start;
        let Ok(count) = usize::try_from(kept) else {
            self.end = self.start;
            self.exponent = 0;
            return;
        };
        if count >= there {
            return;
        }
        let next = self.start + count;
        let rest = room[next + 1..self.end].iter().any(|digit| *digit > 0) || more;
        let is_odd = count > 0 && room[next - 1] % 2 == 1;
        let digit = room[next];
        self.end = next;
        if digit > 5 || digit == 5 && (rest || is_odd) {
            let mut place = next;
            loop {
                place -= 1;
                if place < self.start {
                    self.start = place;
                    self.exponent += 1;
                    room[place] = 1;
                    break;
                }
                room[place] += 1;
                if room[place] < 10 {
                    break;
                }
                room[place] = 0;
            }
        } else if count == 0 {
            self.exponent = 0;
        }
    }

    fn there<'s>(&self, scratch: &'s Scratch) -> &'s [u8] {
        &scratch.digits[self.start..self.end]
    }
}

/// What is behind the point, in binary.
struct Fraction<'w> {
    /// The least significant word comes first.
    words: &'w mut [u32; WORDS],
    /// The words that are not 0 lie between these.
    low: usize,
    high: usize,
}

impl Fraction<'_> {
    fn of(mantissa: u64, exponent: i32, words: &mut [u32; WORDS]) -> Fraction<'_> {
        let mut fraction = Fraction {
            words,
            low: 0,
            high: 0,
        };
        if exponent >= 0 {
            return fraction;
        }
        let bits = exponent.unsigned_abs();
        let inside = if bits < 64 {
            mantissa & ((1 << bits) - 1)
        } else {
            mantissa
        };
        // The point is above the last word.
        let count = bits.div_ceil(32) as usize;
        let shifted = u128::from(inside) << (count as u32 * 32 - bits);
        for (number, word) in fraction.words[..count].iter_mut().enumerate() {
            *word = if number < 3 {
                (shifted >> (32 * number)) as u32
            } else {
                0
            };
        }
        fraction.high = count;
        fraction.trim();
        fraction
    }

    fn trim(&mut self) {
        while self.low < self.high && self.words[self.low] == 0 {
            self.low += 1;
        }
    }

    fn is_zero(&self) -> bool {
        self.low == self.high
    }

    /// Takes the next nine digits away.
    fn next(&mut self) -> u32 {
        let mut carry = 0_u64;
        for word in &mut self.words[self.low..self.high] {
            let value = u64::from(*word) * u64::from(GROUP) + carry;
            *word = value as u32;
            carry = value >> 32;
        }
        self.trim();
        carry as u32
    }
}
