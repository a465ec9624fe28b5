//! Memory: what the verifier takes is metered, and what Lua gives back is spoiled.

use std::alloc::{GlobalAlloc, Layout, System, alloc, dealloc};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

thread_local! {
    /// Bytes that this thread holds, and the most it has held, since the meter was set to zero.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

/// The system's memory, with a meter.
struct Metered;

#[global_allocator]
static METERED: Metered = Metered;

fn count(bytes: isize) {
    // A thread that is about to end has no meter any more.
    let _ = HELD.try_with(|held| {
        let now = held.get().0 + bytes;
        held.set((now, held.get().1.max(now)));
    });
}

// SAFETY: all is left to the system's allocator, and to count takes no memory.
unsafe impl GlobalAlloc for Metered {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps to what this function asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller keeps to what this function asks for.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Does something, and says how many bytes it has held at a time.
pub fn metered<T>(work: impl FnOnce() -> T) -> (T, usize) {
    HELD.set((0, 0));
    let result = work();
    (result, HELD.get().1.max(0) as usize)
}

/// How much a Lua has taken and may take.
#[derive(Default)]
pub struct Budget {
    pub used: usize,
    pub limit: usize,
}

/// Blocks of Lua's are as aligned as `malloc` aligns them.
const ALIGNMENT: usize = 16;
const SPOILT: u8 = 0x5a;

/// Lua's allocator: a block that changes its size always moves, and one that was given back is overwritten, so
/// that a pointer that was kept too long leads to nonsense at once.
///
/// # Safety
///
/// As Lua calls it; `budget` is a `Budget` that outlives the state.
pub unsafe extern "C" fn allocate(
    budget: *mut c_void,
    block: *mut c_void,
    old_size: usize,
    new_size: usize,
) -> *mut c_void {
    // SAFETY: the caller promises it. Lua runs in one thread and does not call itself from here.
    let budget = unsafe { &mut *budget.cast::<Budget>() };
    // For a block that is new, Lua gives the type of what will be in it instead of a size.
    let old_size = if block.is_null() { 0 } else { old_size };
    if new_size > old_size && budget.used.saturating_add(new_size - old_size) > budget.limit {
        return ptr::null_mut();
    }
    let layout = |size| Layout::from_size_align(size, ALIGNMENT);
    let mut fresh = ptr::null_mut();
    if new_size > 0 {
        let Ok(layout) = layout(new_size) else {
            return ptr::null_mut();
        };
        // SAFETY: the size is not zero.
        fresh = unsafe { alloc(layout) };
        if fresh.is_null() {
            return ptr::null_mut();
        }
    }
    if old_size > 0
        && let Ok(layout) = layout(old_size)
    {
        let block = block.cast::<u8>();
        // SAFETY: Lua says how large its block is, and both are as large as what is copied.
        unsafe {
            if new_size > 0 {
                ptr::copy_nonoverlapping(block, fresh, old_size.min(new_size));
            }
            ptr::write_bytes(block, SPOILT, old_size);
            dealloc(block, layout);
        }
    }
    budget.used = budget.used + new_size - old_size;
    fresh.cast()
}
