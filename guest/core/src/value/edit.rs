//! Changing one place inside a value, by copying the bytes around it.

use super::item::{Item, elements, entries, skip};
use super::path::Step;
use super::write::{write_array_head, write_map_head};
use crate::bytes::sort;

/// Why a place can't be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditError {
    /// A value on the way is neither a list nor a map; how many steps lead to it.
    NoContainer(usize),
    /// Nothing is where one of the steps before the last leads; how many steps lead to it.
    Missing(usize),
}

/// The value with `new` where the steps lead. The last step may be new; a list takes one more
/// element at its end, and becomes a map with any other new key.
///
/// # Errors
/// [`EditError`] if the steps before the last do not lead to a list or map.
pub fn set(value: &[u8], steps: &[Step], new: &[u8]) -> Result<Vec<u8>, EditError> {
    replace(value, steps, Some(new))
}

/// The value without what is where the steps lead; unchanged if there is nothing. In a list, the last
/// element goes, and any other becomes null.
///
/// # Errors
/// As [`set`].
pub fn remove(value: &[u8], steps: &[Step]) -> Result<Vec<u8>, EditError> {
    replace(value, steps, None)
}

fn replace(value: &[u8], steps: &[Step], new: Option<&[u8]>) -> Result<Vec<u8>, EditError> {
    let Some((last, before)) = steps.split_last() else {
        return Ok(new.unwrap_or(&[super::NULL]).to_vec());
    };
    let mut container = value;
    for (depth, step) in before.iter().enumerate() {
        if !matches!(Item::of(container), Item::List(..) | Item::Map(..)) {
            return Err(EditError::NoContainer(depth));
        }
        container = step.find(container).ok_or(EditError::Missing(depth + 1))?;
    }
    let edited = match Item::of(container) {
        Item::Map(count, _) => edit_map(container, count, last, new),
        Item::List(count, _) => edit_list(container, count, last, new),
        _ => return Err(EditError::NoContainer(before.len())),
    };
    // `container` is a part of `value`: lengths of the bytes before and behind it stay.
    let start = container.as_ptr() as usize - value.as_ptr() as usize;
    let mut out = Vec::with_capacity(value.len() + edited.len());
    out.extend_from_slice(&value[..start]);
    out.extend_from_slice(&edited);
    out.extend_from_slice(&value[start + container.len()..]);
    Ok(out)
}

fn edit_map(map: &[u8], count: usize, step: &Step, new: Option<&[u8]>) -> Vec<u8> {
    let key = step.encoded();
    let Item::Map(_, body) = Item::of(map) else {
        return map.to_vec();
    };
    // Where the key stands, or would.
    let mut position = 0;
    let mut old = 0;
    for (at, entry) in entries(map) {
        if at >= key {
            old = if at == key { at.len() + entry.len() } else { 0 };
            break;
        }
        position += at.len() + entry.len();
    }
    let total = skip(map) - (map.len() - body.len());
    let mut out = Vec::with_capacity(map.len() + key.len() + new.map_or(0, <[u8]>::len) + 9);
    let count = count - usize::from(old > 0) + usize::from(new.is_some());
    write_map_head(&mut out, count);
    out.extend_from_slice(&body[..position]);
    if let Some(new) = new {
        out.extend_from_slice(key);
        out.extend_from_slice(new);
    }
    out.extend_from_slice(&body[position + old..total]);
    out
}

fn edit_list(list: &[u8], count: usize, step: &Step, new: Option<&[u8]>) -> Vec<u8> {
    let index = step.index().filter(|index| *index <= count + 1);
    let mut all: Vec<&[u8]> = elements(list).collect();
    match (index, new) {
        (Some(index), Some(new)) if index > count => all.push(new),
        (Some(index), Some(new)) => all[index - 1] = new,
        (Some(index), None) if index == count => {
            all.pop();
        }
        (Some(index), None) if index < count => all[index - 1] = &[super::NULL],
        (_, None) => {}
        (None, Some(new)) => return list_as_map(&all, step, new),
    }
    let mut out = Vec::with_capacity(list.len() + new.map_or(0, <[u8]>::len) + 9);
    write_array_head(&mut out, all.len());
    all.iter()
        .for_each(|element| out.extend_from_slice(element));
    out
}

/// A list that gets a key which no list has: the elements keep their positions as keys.
fn list_as_map(all: &[&[u8]], step: &Step, new: &[u8]) -> Vec<u8> {
    let mut entries: Vec<Vec<u8>> = all
        .iter()
        .zip(1i64..)
        .filter(|(element, _)| element[0] != super::NULL)
        .map(|(element, position)| [Step::position(position).encoded(), element].concat())
        .collect();
    entries.push([step.encoded(), new].concat());
    sort(&mut entries);
    let mut out = Vec::new();
    write_map_head(&mut out, entries.len());
    entries
        .iter()
        .for_each(|entry| out.extend_from_slice(entry));
    out
}
