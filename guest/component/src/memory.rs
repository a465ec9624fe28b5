//! Comparing bytes. Keys, names and Lua's strings are compared all the time, and wasi-libc does it byte by byte.

use std::cmp::Ordering;
use std::ffi::c_int;

/// The words at a place of both, in the order in which their bytes are compared.
///
/// # Safety
/// Both have that many bytes from there on.
macro_rules! words {
    ($type:ty, $left:expr, $right:expr, $at:expr) => {
        (
            <$type>::from_be($left.add($at).cast::<$type>().read_unaligned()),
            <$type>::from_be($right.add($at).cast::<$type>().read_unaligned()),
        )
    };
}

/// C's `memcmp`, in words. The last one overlaps the one before where the length is no multiple.
// SAFETY: the definition in the archive is never linked beside this one, as `link.rs` explains.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, length: usize) -> c_int {
    // SAFETY: C's contract is that both have `length` bytes, and no place below leads past them.
    unsafe {
        if length >= 8 {
            let last = length - 8;
            let mut at = 0;
            while at < last {
                let (left, right) = words!(u64, left, right, at);
                if left != right {
                    return order(left.cmp(&right));
                }
                at += 8;
            }
            let (left, right) = words!(u64, left, right, last);
            return order(left.cmp(&right));
        }
        if length >= 4 {
            let (first, second) = words!(u32, left, right, 0);
            if first != second {
                return order(first.cmp(&second));
            }
            let (left, right) = words!(u32, left, right, length - 4);
            return order(left.cmp(&right));
        }
        for at in 0..length {
            let (left, right) = (left.add(at).read(), right.add(at).read());
            if left != right {
                return order(left.cmp(&right));
            }
        }
        0
    }
}

fn order(ordering: Ordering) -> c_int {
    ordering as c_int
}
