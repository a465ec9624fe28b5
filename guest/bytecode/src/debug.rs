//! Line numbers and names, which error messages and tracebacks read without looking twice (`ldebug.c`).

use crate::reader::Reader;
use crate::{Reason, Rule};

/// Marks an instruction whose line is given as such instead of as a distance (`ABSLINEINFO`).
const ABSOLUTE: i8 = -0x80;

/// There is an absolute line at least every so many instructions; `getbaseline` finds its place by
/// dividing by this number (`MAXIWTHABS`).
const SPACING: usize = 128;

/// Reads what remains of a function behind its children.
pub(crate) fn read(
    reader: &mut Reader,
    first_line: u32,
    instructions: usize,
    upvalues: usize,
) -> Result<(), Reason> {
    lines(reader, first_line, instructions)?;
    for number in 0..reader.count(3) {
        // `luaF_getlocalname` takes the name's text without asking whether there is one.
        if reader.string().is_none() {
            return Err(reader.refuse(Rule::LocalWithoutName.at(number)));
        }
        let (start, end) = (reader.int() as usize, reader.int() as usize);
        if start > end || end > instructions {
            return Err(reader.refuse(Rule::LocalRange.at(number)));
        }
    }
    // The loader reads as many names as there are upvalues, whatever number stands here.
    let names = reader.int() as usize;
    if names != 0 && names != upvalues {
        return Err(reader.refuse(Rule::UpvalueNames.at(names)));
    }
    for _ in 0..names {
        reader.string();
    }
    reader.there()
}

fn lines(reader: &mut Reader, first_line: u32, instructions: usize) -> Result<(), Reason> {
    let count = reader.count(1);
    // `luaG_getfuncline` indexes by instruction wherever there is any line at all.
    if count != 0 && count != instructions {
        return Err(reader.refuse(Rule::LineCount.at(count)));
    }
    let distances = reader.take(count);
    let absolutes = reader.count(2);
    let mut line = i64::from(first_line);
    let mut pc = 0;
    for number in 0..absolutes {
        let (place, absolute) = (reader.int() as usize, reader.int());
        let adds_up = walk(distances, pc, place, line);
        let marked = distances
            .get(place)
            .is_some_and(|byte| *byte as i8 == ABSOLUTE);
        // What `getbaseline` guesses must lie before what it looks for.
        if !adds_up || !marked || place > (number + 1) * SPACING {
            return Err(reader.refuse(Rule::AbsoluteLine.at(number)));
        }
        line = i64::from(absolute);
        pc = place + 1;
    }
    let missing = reader.refuse(Rule::AbsoluteLine.at(absolutes));
    if !walk(distances, pc, count, line) || count.saturating_sub(1) / SPACING > absolutes {
        return Err(missing);
    }
    Ok(())
}

/// Whether the instructions from `from` to before `to` have distances, none of them marked as absolute,
/// that never take the line out of the range of a C `int`.
fn walk(distances: &[u8], from: usize, to: usize, mut line: i64) -> bool {
    let Some(distances) = distances.get(from..to) else {
        return false;
    };
    distances.iter().all(|distance| {
        let distance = *distance as i8;
        line += i64::from(distance);
        distance != ABSOLUTE && (0..=i64::from(i32::MAX)).contains(&line)
    })
}
