//! What is known about the registers of a frame at one place in the code.

use crate::Reason;

const WORDS: usize = 4;

/// A set of registers, of which a frame has at most 255.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Set([u64; WORDS]);

impl Set {
    fn contains(&self, register: usize) -> bool {
        register < WORDS * 64 && self.0[register / 64] >> (register % 64) & 1 != 0
    }

    fn insert(&mut self, register: usize) {
        self.0[register / 64] |= 1 << (register % 64);
    }

    fn remove(&mut self, register: usize) {
        self.0[register / 64] &= !(1 << (register % 64));
    }

    /// The bits of one word that stand for `first` and the registers above.
    fn above(word: usize, first: usize) -> u64 {
        match first.saturating_sub(word * 64) {
            shift @ 0..64 => u64::MAX << shift,
            _ => 0,
        }
    }

    /// The bits of one word that stand for so many registers from `first` on.
    fn between(word: usize, first: usize, count: usize) -> u64 {
        Self::above(word, first) & !Self::above(word, first + count)
    }

    fn insert_range(&mut self, first: usize, count: usize) {
        for (word, bits) in self.0.iter_mut().enumerate() {
            *bits |= Self::between(word, first, count);
        }
    }

    fn remove_range(&mut self, first: usize, count: usize) {
        for (word, bits) in self.0.iter_mut().enumerate() {
            *bits &= !Self::between(word, first, count);
        }
    }

    /// The lowest register of the range that is in the set.
    fn lowest_in(&self, first: usize, count: usize) -> Option<usize> {
        self.lowest_from(first)
            .filter(|register| *register < first + count)
    }

    /// The lowest register of the range that is not in the set.
    fn lowest_missing(&self, first: usize, count: usize) -> Option<usize> {
        Set(self.0.map(|bits| !bits)).lowest_in(first, count)
    }

    fn remove_from(&mut self, first: usize) {
        for (word, bits) in self.0.iter_mut().enumerate() {
            *bits &= !Self::above(word, first);
        }
    }

    /// The lowest register of the set that is not below `first`.
    fn lowest_from(&self, first: usize) -> Option<usize> {
        (0..WORDS).find_map(|word| match self.0[word] & Self::above(word, first) {
            0 => None,
            bits => Some(word * 64 + bits.trailing_zeros() as usize),
        })
    }
}

/// The state of a frame.
///
/// The first four sets hold what is so on every way to this place, the last two what is so on any.
/// All of it only ever shrinks, or grows, when ways meet, so that to follow the code comes to an end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registers {
    /// Something was put there by this call.
    defined: Set,
    /// A string, which `OP_SELF` takes for one unchecked.
    strings: Set,
    /// A table that `OP_NEWTABLE` has just made, which `OP_SETLIST` takes for one unchecked.
    tables: Set,
    /// The first of three registers that `OP_FORPREP` has filled and `OP_FORLOOP` trusts.
    loops: Set,
    /// A closure may share the register, and change it whenever anything is called.
    shared: Set,
    /// The register may be linked into the list of variables to be closed.
    pending: Set,
}

/// Sets that are so on every way; the rest are so on any.
const CERTAIN: usize = 4;
const SETS: usize = 6;

impl Registers {
    /// At a function's beginning, only parameters have values; what else is in the frame are remains of
    /// other calls, possibly of other people's.
    pub(crate) fn at_entry(parameters: usize) -> Self {
        let mut registers = Registers::default();
        registers.defined.insert_range(0, parameters);
        registers
    }

    pub(crate) fn read(&self, register: usize) -> Result<(), Reason> {
        self.read_range(register, 1)
    }

    pub(crate) fn read_range(&self, first: usize, count: usize) -> Result<(), Reason> {
        match self.defined.lowest_missing(first, count) {
            Some(register) => Err(Reason::Undefined(register)),
            None => Ok(()),
        }
    }

    /// Puts some value into a register.
    pub(crate) fn write(&mut self, register: usize) -> Result<(), Reason> {
        self.write_range(register, 1)
    }

    pub(crate) fn write_range(&mut self, first: usize, count: usize) -> Result<(), Reason> {
        // The list of variables to be closed runs through the frame itself.
        if let Some(register) = self.pending.lowest_in(first, count) {
            return Err(Reason::ToBeClosed(register));
        }
        if count > 0 {
            self.defined.insert_range(first, count);
            self.strings.remove_range(first, count);
            self.tables.remove_range(first, count);
            let lowest_loop = first.saturating_sub(2);
            self.loops
                .remove_range(lowest_loop, first + count - lowest_loop);
        }
        Ok(())
    }

    pub(crate) fn write_string(&mut self, register: usize) -> Result<(), Reason> {
        self.write(register)?;
        if !self.shared.contains(register) {
            self.strings.insert(register);
        }
        Ok(())
    }

    pub(crate) fn write_table(&mut self, register: usize) -> Result<(), Reason> {
        self.write(register)?;
        if !self.shared.contains(register) {
            self.tables.insert(register);
        }
        Ok(())
    }

    /// Writes to a register only if it holds something already.
    pub(crate) fn write_perhaps(&mut self, register: usize) -> Result<(), Reason> {
        let was_defined = self.defined.contains(register);
        self.write(register)?;
        if !was_defined {
            self.defined.remove(register);
        }
        Ok(())
    }

    pub(crate) fn read_string(&self, register: usize) -> Result<(), Reason> {
        match self.strings.contains(register) {
            true => Ok(()),
            false => Err(Reason::NotString(register)),
        }
    }

    pub(crate) fn read_table(&self, register: usize) -> Result<(), Reason> {
        match self.tables.contains(register) {
            true => Ok(()),
            false => Err(Reason::NotTable(register)),
        }
    }

    /// Prepares the three registers of a numeric loop's state.
    pub(crate) fn begin_loop(&mut self, first: usize) -> Result<(), Reason> {
        self.write_range(first, 3)?;
        match self.shared.lowest_in(first, 3) {
            Some(register) => Err(Reason::LoopCaptured(register)),
            None => {
                self.loops.insert(first);
                Ok(())
            }
        }
    }

    /// The variable of a numeric loop, behind the three registers of its state.
    pub(crate) fn write_loop_variable(&mut self, first: usize) -> Result<(), Reason> {
        self.write(first + 3)
    }

    pub(crate) fn read_loop(&self, first: usize) -> Result<(), Reason> {
        match self.loops.contains(first) {
            true => Ok(()),
            false => Err(Reason::LoopState(first)),
        }
    }

    /// Lets a closure share a register.
    pub(crate) fn share(&mut self, register: usize) -> Result<(), Reason> {
        self.read(register)?;
        if (register.saturating_sub(2)..=register).any(|first| self.loops.contains(first)) {
            return Err(Reason::LoopCaptured(register));
        }
        self.strings.remove(register);
        self.tables.remove(register);
        self.shared.insert(register);
        Ok(())
    }

    /// Marks a variable to be closed. The list must only ever grow upwards, else its distances wrap
    /// around (`luaF_newtbcupval` in `lfunc.c`).
    pub(crate) fn mark_to_be_closed(&mut self, register: usize) -> Result<(), Reason> {
        self.read(register)?;
        match self.pending.lowest_from(register) {
            Some(above) => Err(Reason::CloseOrder(above)),
            None => {
                self.pending.insert(register);
                Ok(())
            }
        }
    }

    /// Closes everything from a register on; the calls that do so use the frame above.
    pub(crate) fn close_from(&mut self, first: usize) {
        self.shared.remove_from(first);
        self.pending.remove_from(first);
        self.forget_from(first);
    }

    /// Gives up all registers from one on: to the frame of a called function, which would share them with
    /// this one's closures, or to the collector, which empties what lies above the stack's top.
    pub(crate) fn give_up_from(&mut self, first: usize) -> Result<(), Reason> {
        let lost = self.shared.lowest_from(first);
        match lost.or_else(|| self.pending.lowest_from(first)) {
            Some(register) => Err(Reason::Lost(register)),
            None => {
                self.forget_from(first);
                Ok(())
            }
        }
    }

    fn forget_from(&mut self, first: usize) {
        self.defined.remove_from(first);
        self.strings.remove_from(first);
        self.tables.remove_from(first);
        self.loops.remove_from(first.saturating_sub(2));
    }

    /// Leaves the function. What is shared stays so beyond the frame's end unless it is closed, and what
    /// waits to be closed is only closed by a return that says so.
    pub(crate) fn leave(&self, closes_shared: bool, closes_pending: bool) -> Result<(), Reason> {
        let shared = self.shared.lowest_from(0).filter(|_| !closes_shared);
        let pending = self.pending.lowest_from(0).filter(|_| !closes_pending);
        match shared.or(pending) {
            Some(register) => Err(Reason::LeftOpen(register)),
            None => Ok(()),
        }
    }

    fn sets(&self) -> [&Set; SETS] {
        [
            &self.defined,
            &self.strings,
            &self.tables,
            &self.loops,
            &self.shared,
            &self.pending,
        ]
    }

    fn sets_mut(&mut self) -> [&mut Set; SETS] {
        [
            &mut self.defined,
            &mut self.strings,
            &mut self.tables,
            &mut self.loops,
            &mut self.shared,
            &mut self.pending,
        ]
    }
}

/// The states at all places where ways meet, packed: most frames fit one word for each set.
pub(crate) struct States {
    /// Words for each set.
    words: usize,
    bits: Vec<u64>,
    visited: Vec<bool>,
}

impl States {
    pub(crate) fn new(places: usize, registers: usize) -> Self {
        let words = registers.div_ceil(64);
        States {
            words,
            bits: vec![0; places * words * SETS],
            visited: vec![false; places],
        }
    }

    /// Joins a way into a place; whether that changed what is known there.
    pub(crate) fn join(&mut self, place: usize, registers: &Registers) -> bool {
        let first_visit = !std::mem::replace(&mut self.visited[place], true);
        let mut changed = first_visit;
        let from = place * self.words * SETS;
        let slots = self.bits[from..].chunks_exact_mut(self.words);
        for (number, (slot, set)) in slots.zip(registers.sets()).enumerate() {
            for (old, new) in slot.iter_mut().zip(set.0) {
                let joined = match number {
                    _ if first_visit => new,
                    0..CERTAIN => *old & new,
                    _ => *old | new,
                };
                changed |= joined != *old;
                *old = joined;
            }
        }
        changed
    }

    /// What is known at a place so far.
    pub(crate) fn at(&self, place: usize) -> Registers {
        let mut registers = Registers::default();
        let from = place * self.words * SETS;
        let slots = self.bits[from..].chunks_exact(self.words);
        for (slot, set) in slots.zip(registers.sets_mut()) {
            set.0[..self.words].copy_from_slice(slot);
        }
        registers
    }
}
