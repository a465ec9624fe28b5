//! Reading a path.

use crate::error::Result;
use crate::members::Refuse;
use crate::value::{Item, Path, Step, elements};

/// Steps of a path, and conditions inside each other, at the most.
pub(super) const MAX_STEPS: usize = 64;

/// Reads a path: a text with dots, or an array of names and positions.
///
/// # Errors
/// What `refuse` makes of the place and a message.
pub(crate) fn parse_path(path: &[u8], place: &str, refuse: Refuse) -> Result<Path> {
    let fail = |message: &str| Err(refuse(place.to_string(), message.to_string()));
    let parsed = match Item::of(path) {
        Item::Text(text) => {
            if text.split('.').any(str::is_empty) {
                return fail("the path has an empty name; write for example address.city");
            }
            Path::dotted(text)
        }
        Item::List(..) => {
            let mut steps = Vec::new();
            for step in elements(path) {
                match Item::of(step) {
                    Item::Text(_) | Item::Int(_) => steps.push(Step::encoded_key(step)),
                    // A byte string that is UTF-8 is the same name as the text.
                    Item::Bytes(name) => steps.push(Step::name(name)),
                    _ => return fail("a step of the path is neither a name nor a position"),
                }
            }
            Path { steps }
        }
        _ => return fail("the path is neither a text nor an array"),
    };
    if parsed.steps.len() > MAX_STEPS {
        return fail("the path has more than 64 steps, and no value is that deep");
    }
    Ok(parsed)
}
