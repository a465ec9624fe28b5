//! Values on their way out: metatables stay inside.

use super::item::{Item, elements, entries, skip};
use super::write::{write_array_head, write_map_head};
use super::{MAX_DEPTH, NULL, has_objects};

/// Appends the value at the beginning of the bytes without the metatables of its maps.
pub fn without_metatables(value: &[u8], out: &mut Vec<u8>) {
    // Lists of documents are two levels deeper than values; deeper ones are damaged.
    write(value, MAX_DEPTH + 4, out);
}

fn write(value: &[u8], depth: usize, out: &mut Vec<u8>) {
    let value = &value[..skip(value)];
    if depth == 0 || !has_objects(value) {
        out.extend_from_slice(value);
        return;
    }
    match Item::of(value) {
        Item::List(count, _) => {
            write_array_head(out, count);
            elements(value).for_each(|element| write(element, depth - 1, out));
        }
        Item::Map(count, _) => {
            let hidden = entries(value).filter(|(key, _)| *key == [NULL]).count();
            write_map_head(out, count - hidden);
            for (key, value) in entries(value).filter(|(key, _)| *key != [NULL]) {
                out.extend_from_slice(key);
                write(value, depth - 1, out);
            }
        }
        _ => out.extend_from_slice(value),
    }
}
