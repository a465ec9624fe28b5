//! What is known about the registers of a frame at one place in the code.

use crate::{Reason, Rule};

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
pub(crate) struct Registers([Set; SETS]);

const SETS: usize = 6;
/// Sets that are so on every way; the rest are so on any.
const CERTAIN: usize = 4;

/// Something was put there by this call.
const DEFINED: usize = 0;
/// A string, which `OP_SELF` takes for one unchecked.
const STRINGS: usize = 1;
/// A table that `OP_NEWTABLE` has just made, which `OP_SETLIST` takes for one unchecked.
const TABLES: usize = 2;
/// The first of three registers that `OP_FORPREP` has filled and `OP_FORLOOP` trusts.
const LOOPS: usize = 3;
/// A closure may share the register, and change it whenever anything is called.
const SHARED: usize = 4;
/// The register may be linked into the list of variables to be closed.
const PENDING: usize = 5;

impl Registers {
    /// At a function's beginning, only parameters have values; what else is in the frame are remains of
    /// other calls, possibly of other people's.
    pub(crate) fn at_entry(parameters: usize) -> Self {
        let mut registers = Registers::default();
        registers.0[DEFINED].insert_range(0, parameters);
        registers
    }

    pub(crate) fn read(&self, register: usize) -> Result<(), Reason> {
        self.read_range(register, 1)
    }

    pub(crate) fn read_range(&self, first: usize, count: usize) -> Result<(), Reason> {
        match self.0[DEFINED].lowest_missing(first, count) {
            Some(register) => Err(Rule::Undefined.at(register)),
            None => Ok(()),
        }
    }

    /// Puts some value into a register.
    pub(crate) fn write(&mut self, register: usize) -> Result<(), Reason> {
        self.write_range(register, 1)
    }

    pub(crate) fn write_range(&mut self, first: usize, count: usize) -> Result<(), Reason> {
        // The list of variables to be closed runs through the frame itself.
        if let Some(register) = self.0[PENDING].lowest_in(first, count) {
            return Err(Rule::ToBeClosed.at(register));
        }
        if count > 0 {
            self.0[DEFINED].insert_range(first, count);
            self.0[STRINGS].remove_range(first, count);
            self.0[TABLES].remove_range(first, count);
            let lowest_loop = first.saturating_sub(2);
            self.0[LOOPS].remove_range(lowest_loop, first + count - lowest_loop);
        }
        Ok(())
    }

    pub(crate) fn write_string(&mut self, register: usize) -> Result<(), Reason> {
        self.write(register)?;
        if !self.0[SHARED].contains(register) {
            self.0[STRINGS].insert(register);
        }
        Ok(())
    }

    pub(crate) fn write_table(&mut self, register: usize) -> Result<(), Reason> {
        self.write(register)?;
        if !self.0[SHARED].contains(register) {
            self.0[TABLES].insert(register);
        }
        Ok(())
    }

    /// Writes to a register only if it holds something already.
    pub(crate) fn write_perhaps(&mut self, register: usize) -> Result<(), Reason> {
        let was_defined = self.0[DEFINED].contains(register);
        self.write(register)?;
        if !was_defined {
            self.0[DEFINED].remove(register);
        }
        Ok(())
    }

    pub(crate) fn read_string(&self, register: usize) -> Result<(), Reason> {
        match self.0[STRINGS].contains(register) {
            true => Ok(()),
            false => Err(Rule::NotString.at(register)),
        }
    }

    pub(crate) fn read_table(&self, register: usize) -> Result<(), Reason> {
        match self.0[TABLES].contains(register) {
            true => Ok(()),
            false => Err(Rule::NotTable.at(register)),
        }
    }

    /// Prepares the three registers of a numeric loop's state.
    pub(crate) fn begin_loop(&mut self, first: usize) -> Result<(), Reason> {
        self.write_range(first, 3)?;
        match self.0[SHARED].lowest_in(first, 3) {
            Some(register) => Err(Rule::LoopCaptured.at(register)),
            None => {
                self.0[LOOPS].insert(first);
                Ok(())
            }
        }
    }

    /// The variable of a numeric loop, behind the three registers of its state.
    pub(crate) fn write_loop_variable(&mut self, first: usize) -> Result<(), Reason> {
        self.write(first + 3)
    }

    pub(crate) fn read_loop(&self, first: usize) -> Result<(), Reason> {
        match self.0[LOOPS].contains(first) {
            true => Ok(()),
            false => Err(Rule::LoopState.at(first)),
        }
    }

    /// Lets a closure share a register.
    pub(crate) fn share(&mut self, register: usize) -> Result<(), Reason> {
        self.read(register)?;
        if (register.saturating_sub(2)..=register).any(|first| self.0[LOOPS].contains(first)) {
            return Err(Rule::LoopCaptured.at(register));
        }
        self.0[STRINGS].remove(register);
        self.0[TABLES].remove(register);
        self.0[SHARED].insert(register);
        Ok(())
    }

    /// Marks a variable to be closed. The list must only ever grow upwards, else its distances wrap
    /// around (`luaF_newtbcupval` in `lfunc.c`).
    pub(crate) fn mark_to_be_closed(&mut self, register: usize) -> Result<(), Reason> {
        self.read(register)?;
        match self.0[PENDING].lowest_from(register) {
            Some(above) => Err(Rule::CloseOrder.at(above)),
            None => {
                self.0[PENDING].insert(register);
                Ok(())
            }
        }
    }

    /// Closes everything from a register on; the calls that do so use the frame above.
    pub(crate) fn close_from(&mut self, first: usize) {
        self.0[SHARED].remove_from(first);
        self.0[PENDING].remove_from(first);
        self.forget_from(first);
    }

    /// Closes what closures share, which leaves the registers as they are (`luaF_closeupval`).
    pub(crate) fn close_shared(&mut self) {
        self.0[SHARED].remove_from(0);
    }

    /// Gives up all registers from one on: to the frame of a called function, which would share them with
    /// this one's closures, or to the collector, which empties what lies above the stack's top.
    pub(crate) fn give_up_from(&mut self, first: usize) -> Result<(), Reason> {
        let lost = self.0[SHARED].lowest_from(first);
        match lost.or_else(|| self.0[PENDING].lowest_from(first)) {
            Some(register) => Err(Rule::Lost.at(register)),
            None => {
                self.forget_from(first);
                Ok(())
            }
        }
    }

    fn forget_from(&mut self, first: usize) {
        self.0[DEFINED].remove_from(first);
        self.0[STRINGS].remove_from(first);
        self.0[TABLES].remove_from(first);
        self.0[LOOPS].remove_from(first.saturating_sub(2));
    }

    /// Leaves the function. What is shared stays so beyond the frame's end unless it is closed, and what
    /// waits to be closed is only closed by a return that says so.
    pub(crate) fn leave(&self, closes_shared: bool, closes_pending: bool) -> Result<(), Reason> {
        let shared = self.0[SHARED].lowest_from(0).filter(|_| !closes_shared);
        let pending = self.0[PENDING].lowest_from(0).filter(|_| !closes_pending);
        match shared.or(pending) {
            Some(register) => Err(Rule::LeftOpen.at(register)),
            None => Ok(()),
        }
    }
}

/// The states at all places where ways meet, packed: most frames fit one word for each set.
pub(crate) struct States {
    /// Words for each set.
    words: usize,
    bits: Vec<u64>,
    visits: Vec<Visit>,
}

/// What became of a place so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Never,
    /// Something was learned since the code behind the place was followed.
    Unsettled,
    Settled,
}

impl States {
    pub(crate) fn new(places: usize, registers: usize) -> Self {
        let words = registers.div_ceil(64);
        States {
            words,
            bits: vec![0; places * words * SETS],
            visits: vec![Visit::Never; places],
        }
    }

    /// Joins a way into a place; whether that changed what is known there.
    pub(crate) fn join(&mut self, place: usize, registers: &Registers) -> bool {
        let visit = self.visits[place];
        let mut changed = visit == Visit::Never;
        let slots = self.slots(place);
        for (number, set) in registers.0.iter().enumerate() {
            for (word, new) in set.0.iter().enumerate().take(self.words) {
                let old = &mut self.bits[slots + number * self.words + word];
                let joined = match number {
                    _ if visit == Visit::Never => *new,
                    0..CERTAIN => *old & new,
                    _ => *old | new,
                };
                changed |= joined != *old;
                *old = joined;
            }
        }
        if changed {
            self.visits[place] = Visit::Unsettled;
        }
        changed
    }

    /// Whether nothing was learned about a place since the code behind it was followed, or ever.
    pub(crate) fn is_settled(&self, place: usize) -> bool {
        self.visits[place] != Visit::Unsettled
    }

    /// What is known at a place, the code behind which is about to be followed.
    pub(crate) fn settle(&mut self, place: usize) -> Registers {
        self.visits[place] = Visit::Settled;
        let slots = self.slots(place);
        let mut registers = Registers::default();
        for (number, set) in registers.0.iter_mut().enumerate() {
            for (word, bits) in set.0.iter_mut().enumerate().take(self.words) {
                *bits = self.bits[slots + number * self.words + word];
            }
        }
        registers
    }

    /// Where the words of a place begin.
    fn slots(&self, place: usize) -> usize {
        place * self.words * SETS
    }
}
