//! What the environment of a process can't change.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::Cell;
use std::process::Command;

use cu_db::Database;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, with the bytes counted that this thread has asked for.
struct Counting;

// SAFETY: everything is the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + layout.size());
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CHILD: &str = "CU_TEST_IS_CHILD";
const ERRORS: usize = 1000;

fn allocated(run: impl FnOnce()) -> usize {
    let before = ALLOCATED.get();
    run();
    ALLOCATED.get() - before
}

/// Runs this test in a process of its own; what it prints is two numbers.
fn child(test: &str, variables: &[(&str, &str)]) -> (usize, usize) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env_remove("RUST_BACKTRACE")
        .env_remove("RUST_LIB_BACKTRACE")
        .env(CHILD, "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers = text
        .lines()
        .find_map(|line| line.split_once("allocated: "))
        .unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
        .1;
    let (errors, backtrace) = numbers.split_once(' ').unwrap();
    (errors.parse().unwrap(), backtrace.parse().unwrap())
}

/// Whoever captures a backtrace allocates room for its frames. So the bytes that the host allocates while a
/// script catches errors tell whether one was captured, in any process and however quick it was.
#[test]
fn no_environment_variable_makes_a_caught_error_dearer() {
    if std::env::var_os(CHILD).is_some() {
        let db = Database::in_memory().unwrap();
        let script =
            "for _ = 1, ... do local ok, e = pcall(error, 'x') assert(not ok and e == 'x') end";
        let run = |times: usize| db.eval::<()>(script, (times,)).unwrap();
        run(ERRORS);
        let less = allocated(|| run(ERRORS));
        let more = allocated(|| run(2 * ERRORS));
        let backtrace = allocated(|| {
            let captured = Backtrace::capture();
            assert!(captured.status() != BacktraceStatus::Unsupported);
        });
        println!("allocated: {} {backtrace}", (more - less) / ERRORS);
        return;
    }

    let test = "no_environment_variable_makes_a_caught_error_dearer";
    let (without, nothing) = child(test, &[]);
    assert_eq!(nothing, 0, "no variable, no backtrace");
    let variables = [
        ("RUST_BACKTRACE", "full"),
        ("RUST_LIB_BACKTRACE", "1"),
        ("WASMTIME_BACKTRACE_DETAILS", "1"),
    ];
    let (with, backtrace) = child(test, &variables);
    assert!(backtrace > 500, "the variables have to work: {backtrace}");
    assert!(
        with < without + backtrace / 2,
        "{with} bytes an error, {without} without the variables"
    );
}
