//! Editing values: what the changes of an update are made of.

use crate::value::{
    EditError, Item, NULL, Step, elements, entries, equal, write_array_head, write_float,
    write_int, write_map_head,
};

/// How many lists and maps are inside each other.
pub(super) fn depth(value: &[u8]) -> usize {
    let deepest = elements(value)
        .chain(entries(value).map(|(_, member)| member))
        .map(depth)
        .max();
    match Item::of(value) {
        Item::List(..) | Item::Map(..) => 1 + deepest.unwrap_or(0),
        _ => 0,
    }
}

/// The value with `new` where the steps lead. What is missing on the way is made.
pub(super) fn set(value: &[u8], steps: &[Step], new: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut there = value;
    let mut known = 0;
    while known < steps.len() {
        match steps[known].find(there) {
            Some(inner) if inner != [NULL] => there = inner,
            _ => break,
        }
        known += 1;
    }
    let new = match steps.get(known + 1..) {
        Some(missing) => wrap(missing, new)?,
        None => new.to_vec(),
    };
    let steps = &steps[..steps.len().min(known + 1)];
    crate::value::set(value, steps, &new).map_err(|error| match error {
        EditError::NoContainer(_) => {
            "a value on the way is neither a list nor a map; set that one instead"
        }
        EditError::Missing(_) => "a value on the way is missing; set that one instead",
    })
}

/// The value inside of new maps and lists, one for each step.
fn wrap(steps: &[Step], value: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::new();
    for step in steps {
        match step.index() {
            None => {
                write_map_head(&mut out, 1);
                out.extend_from_slice(step.encoded());
            }
            Some(1) => write_array_head(&mut out, 1),
            Some(_) => return Err("there is no list there yet; a new one begins with position 1"),
        }
    }
    out.extend_from_slice(value);
    Ok(out)
}

/// The value without what is where the steps lead, if anything is.
pub(super) fn unset(value: &[u8], steps: &[Step]) -> Vec<u8> {
    crate::value::remove(value, steps).unwrap_or_else(|_| value.to_vec())
}

/// The sum of a number, or nothing, and a number.
#[expect(
    clippy::cast_precision_loss,
    reason = "an integer and a float make a float, as in Lua"
)]
pub(super) fn increment(there: &[u8], by: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::new();
    match (Item::of(there), Item::of(by)) {
        (Item::Null, _) => out.extend_from_slice(by),
        (Item::Int(a), Item::Int(b)) => {
            let sum = a.checked_add(b);
            write_int(
                &mut out,
                sum.ok_or("the sum has more than 64 bits; use a float")?,
            );
        }
        (Item::Int(a), Item::Float(b)) => write_float(&mut out, a as f64 + b),
        (Item::Float(a), Item::Int(b)) => write_float(&mut out, a + b as f64),
        (Item::Float(a), Item::Float(b)) => write_float(&mut out, a + b),
        _ => return Err("it is no number that can be incremented"),
    }
    Ok(out)
}

/// The list, or a new one, with one more element.
pub(super) fn push(there: &[u8], element: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::with_capacity(there.len() + element.len() + 9);
    match Item::of(there) {
        Item::Null => write_array_head(&mut out, 1),
        Item::List(count, body) => {
            write_array_head(&mut out, count + 1);
            out.extend_from_slice(body);
        }
        _ => return Err("it is no list that something can be pushed to"),
    }
    out.extend_from_slice(element);
    Ok(out)
}

/// The list without the elements that equal a value.
pub(super) fn remove_elements(there: &[u8], value: &[u8]) -> Result<Vec<u8>, &'static str> {
    let Item::List(..) = Item::of(there) else {
        return Err("it is no list that something can be removed from");
    };
    let kept = || elements(there).filter(|element| !equal(element, value));
    let mut out = Vec::with_capacity(there.len());
    write_array_head(&mut out, kept().count());
    kept().for_each(|element| out.extend_from_slice(element));
    Ok(out)
}

/// Merges a patch into a value as RFC 7386 says: maps member by member, null deletes, all else replaces.
pub(super) fn merge(there: &[u8], patch: &[u8]) -> Vec<u8> {
    if !matches!(Item::of(patch), Item::Map(..)) {
        return patch.to_vec();
    }
    // Both are in the order of their keys, and so is what comes of them.
    let (mut count, mut body) = (0, Vec::with_capacity(there.len() + patch.len()));
    let mut add = |key: &[u8], value: &[u8]| {
        count += 1;
        body.extend_from_slice(key);
        body.extend_from_slice(value);
    };
    let mut old = entries(there).peekable();
    for (key, value) in entries(patch) {
        while let Some((before, kept)) = old.next_if(|(before, _)| *before < key) {
            add(before, kept);
        }
        let inner = old
            .next_if(|(same, _)| *same == key)
            .map_or(&[NULL][..], |(_, inner)| inner);
        if value != [NULL] {
            add(key, &merge(inner, value));
        }
    }
    old.for_each(|(key, kept)| add(key, kept));
    let mut out = Vec::with_capacity(body.len() + 9);
    write_map_head(&mut out, count);
    out.append(&mut body);
    out
}
