//! What the component does instead of asking the operating system.
//!
//! Lua and Rust's standard library are written for systems with files, streams, an environment
//! and processes. Linked as they are, wasi-libc imports all of that from the host, though
//! nothing here may use it. The linker takes a member of an archive only for a symbol that is still
//! undefined, so each definition below keeps libc's (or Lua's) member of that name, and the host
//! imports behind it, out of the component. They answer as a system without files would. Only the
//! clock is ever called.
//!
//! `scripts/lib/component-limits.txt` lists what may be imported, and `scripts/build-guest` fails
//! when more is. To find out what brought an import in, add `-C link-arg=--why-extract=FILE` to the
//! flags in `scripts/lib/guest.sh`: FILE then tells which object pulled which member for which symbol.
//! Post-processing the finished module was the other way; it would have carried the code along.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::ptr;

use wasip2::clocks::{monotonic_clock, wall_clock};

/// Defines functions that fail: each returns what its C contract calls failure.
macro_rules! absent {
    ($($name:ident($($argument:ty),*) -> $result:ty = $failure:expr;)*) => {
        $(
            // SAFETY: the definition in the archive is never linked beside this one (the linker would
            // refuse the duplicate), and the linker checks the signature against that of the callers.
            #[unsafe(no_mangle)]
            extern "C" fn $name($(_: $argument),*) -> $result {
                $failure
            }
        )*
    };
}

type File = *mut c_void;
type Text = *const c_char;
type LuaState = *mut c_void;

absent! {
    // C streams. Lua's base library names them for `loadfile` and `dofile`.
    fopen(Text, Text) -> File = ptr::null_mut();
    freopen(Text, Text, File) -> File = ptr::null_mut();
    fclose(File) -> c_int = -1;
    fread(*mut c_void, usize, usize, File) -> usize = 0;
    getc(File) -> c_int = -1;
    feof(File) -> c_int = 1;
    ferror(File) -> c_int = 1;

    // Descriptors. A panic of Rust writes its message to one, and then traps.
    write(c_int, *const c_void, usize) -> isize = -1;
    writev(c_int, *const c_void, c_int) -> isize = -1;
    lseek(c_int, i64, c_int) -> i64 = -1;
    __lseek(c_int, i64, c_int) -> i64 = -1;
    close(c_int) -> c_int = -1;

    // Files and the process. Lua's `os` library names them.
    remove(Text) -> c_int = -1;
    rename(Text, Text) -> c_int = -1;
    getenv(Text) -> *mut c_char = ptr::null_mut();
    getcwd(*mut c_char, usize) -> *mut c_char = ptr::null_mut();
    setlocale(c_int, Text) -> *mut c_char = ptr::null_mut();
    sched_yield() -> c_int = 0;

    // The libraries of Lua that the sandbox never opens. Each of these left on Lua's stack no table, so
    // opening one would be a mistake of ours and not something that a script can reach.
    luaopen_io(LuaState) -> c_int = 0;
    luaopen_package(LuaState) -> c_int = 0;
    luaopen_debug(LuaState) -> c_int = 0;
}

/// A C stream that is none.
#[repr(transparent)]
struct Stream(File);

// SAFETY: the pointer is null and nothing follows it.
unsafe impl Sync for Stream {}

// SAFETY: C declares `FILE *const stdin`, and only passes it to the functions above.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
static stdin: Stream = Stream(ptr::null_mut());

/// Ends the instance: the host sees a trap, as it does for a panic.
// SAFETY: as for the functions above.
#[unsafe(no_mangle)]
extern "C" fn exit(_status: c_int) -> ! {
    std::process::abort()
}

/// C's `struct timespec`.
#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: c_long,
}

// SAFETY: wasi-libc defines these objects; their addresses are what `CLOCK_REALTIME` and `CLOCK_MONOTONIC` stand for.
unsafe extern "C" {
    static _CLOCK_REALTIME: c_void;
    static _CLOCK_MONOTONIC: c_void;
}

/// The time of day, and the clock that ends calls, straight from the host, so that the adapter from WASI 0.1 is
/// not linked. Scripts see only the first: equal calls have equal results.
// SAFETY: as for the functions above.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: *const c_void, time: *mut Timespec) -> c_int {
    const NANOSECONDS: u64 = 1_000_000_000;
    let now = if ptr::eq(clock, &raw const _CLOCK_REALTIME) {
        let now = wall_clock::now();
        Timespec {
            seconds: now.seconds as i64,
            nanoseconds: now.nanoseconds as c_long,
        }
    } else if ptr::eq(clock, &raw const _CLOCK_MONOTONIC) {
        let now = monotonic_clock::now();
        Timespec {
            seconds: (now / NANOSECONDS) as i64,
            nanoseconds: (now % NANOSECONDS) as c_long,
        }
    } else {
        return -1;
    };
    // SAFETY: C's contract is that the caller passes a timespec to fill.
    unsafe { time.write(now) };
    0
}

// SAFETY: as for the functions above.
#[unsafe(no_mangle)]
unsafe extern "C" fn time(result: *mut i64) -> i64 {
    let now = wall_clock::now().seconds as i64;
    if !result.is_null() {
        // SAFETY: C's contract is that the caller passes null or a `time_t` to fill.
        unsafe { result.write(now) };
    }
    now
}
