//! What Lua writes numbers with.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::slice;

use cu_guest::print::{Argument, Conversion, Output, Scratch};

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch::new()) };
}

/// C's `snprintf`, for Lua. A processor sets the sign of NaN as it likes, so none is shown. Each of Lua's
/// formats has one conversion.
// SAFETY: the build renames Lua's calls to this; what C passes behind `...` comes as a pointer to it.
#[unsafe(no_mangle)]
unsafe extern "C" fn cu_snprintf(
    out: *mut c_char,
    size: usize,
    format: *const c_char,
    arguments: *const c_void,
) -> c_int {
    // SAFETY: there is room for `size` bytes, and the format ends with a zero byte.
    let (room, format) = unsafe {
        let room = slice::from_raw_parts_mut(out.cast::<u8>(), size);
        (room, CStr::from_ptr(format).to_bytes())
    };
    // The last byte is for the zero.
    let (end, room) = room.split_last_mut().expect("Lua gives room");
    SCRATCH.with_borrow_mut(|scratch| {
        let mut output = Output::new(room, scratch);
        let mut rest = format;
        while let Some((&byte, behind)) = rest.split_first() {
            let conversion = (byte == b'%').then(|| Conversion::read(behind)).flatten();
            let Some((mut conversion, length)) = conversion else {
                output.text(&[byte]);
                rest = behind;
                continue;
            };
            rest = &behind[length..];
            // SAFETY: the conversion says what the argument is, and C aligns it.
            let argument = unsafe {
                match conversion.letter {
                    b'a' | b'A' | b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => {
                        let float = arguments.cast::<f64>().read();
                        Argument::Float(if float.is_nan() { f64::NAN } else { float })
                    }
                    b's' => Argument::Text(
                        CStr::from_ptr(arguments.cast::<*const c_char>().read()).to_bytes(),
                    ),
                    b'p' => {
                        output.text(b"0x");
                        conversion.letter = b'x';
                        Argument::Integer(arguments.cast::<u32>().read().into())
                    }
                    _ if conversion.is_long => Argument::Integer(arguments.cast::<i64>().read()),
                    _ => Argument::Integer(arguments.cast::<i32>().read().into()),
                }
            };
            output.print(conversion, argument);
        }
        let length = output.length;
        match room.get_mut(length) {
            Some(place) => *place = 0,
            None => *end = 0,
        }
        length as c_int
    })
}

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
