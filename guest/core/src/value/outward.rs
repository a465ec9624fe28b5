//! Values on their way out: metatables stay inside.

use super::item::{Item, elements, entries, skip};
use super::write::{write_array_head, write_map_head};
use super::{NULL, has_objects};

/// Appends the value at the beginning of the bytes without the metatables of its maps.
pub fn without_metatables(value: &[u8], out: &mut Vec<u8>) {
    let value = &value[..skip(value)];
    if !has_objects(value) {
        out.extend_from_slice(value);
        return;
    }
    match Item::of(value) {
        Item::List(count, _) => {
            write_array_head(out, count);
            elements(value).for_each(|element| without_metatables(element, out));
        }
        Item::Map(count, _) => {
            let hidden = entries(value).filter(|(key, _)| *key == [NULL]).count();
            write_map_head(out, count - hidden);
            for (key, value) in entries(value).filter(|(key, _)| *key != [NULL]) {
                out.extend_from_slice(key);
                without_metatables(value, out);
            }
        }
        _ => out.extend_from_slice(value),
    }
}
