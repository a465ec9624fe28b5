//! Lua's memory: an allocator that counts, and refuses what goes over the limit.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::cell::Cell;
use std::ffi::c_void;

/// So many bytes that are allocated, copied or compared count as one instruction.
pub(super) const BYTES_PER_INSTRUCTION: usize = 64;

/// Bytes of a block from which on the allocator asks whether the call is over.
#[cfg(target_arch = "wasm32")]
const LARGE: usize = 64 << 10;

/// How much memory Lua has, and may have.
#[derive(Default)]
pub(super) struct Memory {
    pub used: Cell<usize>,
    /// The bytes that `used` may not go beyond.
    pub limit: Cell<usize>,
    /// How many pieces of Rust work are under way, which are refused nothing.
    pub relaxed: Cell<u32>,
    /// Whether something was refused in this call.
    pub refused: Cell<bool>,
    /// Work that the budget has not seen, in instructions. The component takes it from Lua's own count.
    #[cfg(not(target_arch = "wasm32"))]
    work: Cell<i64>,
}

impl Memory {
    /// Counts work that no instruction stands for. The call ends, if it must, with the next look.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn spend(&self, instructions: i64) {
        self.work.set(self.work.get().saturating_add(instructions));
    }

    #[cfg(target_arch = "wasm32")]
    pub fn spend(&self, instructions: i64) {
        super::budget::countdown::spend(instructions);
    }

    /// The work since the last time.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn take_work(&self) -> i64 {
        self.work.take()
    }

    #[cfg(target_arch = "wasm32")]
    pub fn take_work(&self) -> i64 {
        0
    }

    /// Whether a block may become so large: the limit, and where it is much, whether there is time left for it.
    fn allows(&self, used: usize, new: usize) -> bool {
        if self.relaxed.get() > 0 {
            return true;
        }
        if used.saturating_add(new) > self.limit.get() {
            self.refused.set(true);
            return false;
        }
        #[cfg(target_arch = "wasm32")]
        if new >= LARGE && super::budget::countdown::is_over(new) {
            return false;
        }
        true
    }
}

/// Lua's allocator, over a [`Memory`] that outlives the state.
pub(super) unsafe extern "C" fn allocate(
    memory: *mut c_void,
    block: *mut c_void,
    old: usize,
    new: usize,
) -> *mut c_void {
    const ALIGNMENT: usize = 8;
    // SAFETY: `new_state` passes the memory of the context, which outlives the state.
    let memory = unsafe { &*memory.cast::<Memory>() };
    // For a new block, `old` tells what it is for.
    let old = if block.is_null() { 0 } else { old };
    let used = memory.used.get() - old;
    let layout = |size| Layout::from_size_align(size, ALIGNMENT);
    let (Ok(old_layout), Ok(new_layout)) = (layout(old), layout(new)) else {
        return std::ptr::null_mut();
    };
    // SAFETY: Lua passes a block of this allocator with its size; no layout of size zero is allocated.
    unsafe {
        if new == 0 {
            if old > 0 {
                dealloc(block.cast(), old_layout);
            }
            memory.used.set(used);
            return std::ptr::null_mut();
        }
        if new > old && !memory.allows(used, new) {
            return std::ptr::null_mut();
        }
        let block = if old == 0 {
            alloc(new_layout)
        } else {
            realloc(block.cast(), old_layout, new)
        };
        if !block.is_null() {
            memory.used.set(used + new);
            if new > old + BYTES_PER_INSTRUCTION {
                memory.spend((new / BYTES_PER_INSTRUCTION) as i64);
            }
        }
        block.cast()
    }
}
