//! What Lua writes integers with.

use std::ffi::c_char;

/// Writes an integer in decimal with a zero byte behind, and returns its length. `text` has room for both:
/// Lua's buffers for numbers are longer than any integer.
// SAFETY: nothing else has this name; `guest/component/lua/cu-lua.h` declares it as it is here.
#[unsafe(no_mangle)]
unsafe extern "C" fn cu_integer_text(text: *mut c_char, number: i64) -> i32 {
    let mut digits = [0_u8; 21];
    let mut start = digits.len() - 1;
    let mut rest = number.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        start -= 1;
        digits[start] = b'-';
    }
    let written = &digits[start..];
    // SAFETY: `text` has room for 21 bytes.
    unsafe { std::ptr::copy_nonoverlapping(written.as_ptr().cast(), text, written.len()) };
    written.len() as i32 - 1
}
