//! What external tables remember within one call: documents read last, and where loops are.
//!
//! All writes of a call go through `write.rs`, which forgets the documents it changes. Nothing here
//! outlives the call.

use std::cell::RefCell;
use std::rc::Rc;

use super::view::Inside;
use crate::error::Result;
use crate::key::{prefix, space};
use crate::lua::context::Context;
use crate::store::Cursor;
use crate::value::{Item, NULL, entries, skip};

/// How many documents and loops are remembered: more than loops are usually inside each other.
const CAPACITY: usize = 8;

/// What a call remembers.
#[derive(Default)]
pub(crate) struct Caches {
    documents: RefCell<Vec<Document>>,
    walks: RefCell<Vec<Walk>>,
    spots: RefCell<Vec<Spot>>,
}

struct Document {
    /// The part of a view that names it.
    view: Box<[u8]>,
    bytes: Option<Rc<[u8]>>,
}

/// A loop over the documents of a table.
pub(super) struct Walk {
    pub table: Box<str>,
    /// The encoded key that the loop was given last.
    pub last: Vec<u8>,
    pub cursor: Cursor,
}

/// A place in a list or map: at an element, or behind an entry.
#[derive(Clone)]
struct Spot {
    document: Rc<[u8]>,
    /// Where the list or map begins.
    container: usize,
    /// How many elements or entries are before the place.
    position: usize,
    /// Where the place is.
    offset: usize,
    /// Where the key of the entry before it is, in a map.
    key: (usize, usize),
}

impl Caches {
    /// Forgets everything: at the end of a call.
    pub(crate) fn clear(&self) {
        self.documents.borrow_mut().clear();
        self.walks.borrow_mut().clear();
        self.spots.borrow_mut().clear();
    }

    /// Forgets documents: something was written.
    pub(crate) fn forget_documents(&self) {
        self.documents.borrow_mut().clear();
    }

    /// Remembers a document.
    pub(super) fn remember(&self, view: &[u8], bytes: Option<Rc<[u8]>>) {
        let mut documents = self.documents.borrow_mut();
        if documents.len() >= CAPACITY {
            documents.remove(0);
        }
        documents.push(Document {
            view: view.into(),
            bytes,
        });
    }

    /// Takes up a loop where it was left; none if it is not known.
    pub(super) fn take_walk(&self, table: &str, last: &[u8]) -> Option<Walk> {
        let mut walks = self.walks.borrow_mut();
        let found = walks
            .iter()
            .rposition(|walk| walk.last == last && *walk.table == *table)?;
        Some(walks.swap_remove(found))
    }

    /// Leaves a loop.
    pub(super) fn put_walk(&self, walk: Walk) {
        let mut walks = self.walks.borrow_mut();
        if walks.len() >= CAPACITY {
            walks.remove(0);
        }
        walks.push(walk);
    }

    fn spot(&self, matches: impl Fn(&Spot) -> bool) -> Option<Spot> {
        self.spots
            .borrow()
            .iter()
            .rev()
            .find(|spot| matches(spot))
            .cloned()
    }

    fn put_spot(&self, spot: Spot) {
        let mut spots = self.spots.borrow_mut();
        let same = spots.iter_mut().find(|old| {
            Rc::ptr_eq(&old.document, &spot.document) && old.container == spot.container
        });
        if let Some(old) = same {
            *old = spot;
            return;
        }
        if spots.len() >= CAPACITY {
            spots.remove(0);
        }
        spots.push(spot);
    }
}

/// The document of a view; none if it, or its table, is absent.
pub(super) fn document(context: &Context, inside: &Inside<'_>) -> Result<Option<Rc<[u8]>>> {
    let caches = &context.external;
    {
        let documents = caches.documents.borrow();
        if let Some(found) = documents
            .iter()
            .rev()
            .find(|document| *document.view == *inside.document)
        {
            return Ok(found.bytes.clone());
        }
    }
    let bytes = context.read_db(|db| {
        let Some(table) = db.catalog().table(inside.table) else {
            return Ok(None);
        };
        let mut store_key = prefix(space::DOCUMENT, table.id);
        store_key.extend_from_slice(inside.key);
        db.transaction().get(&store_key)
    })?;
    caches.remember(inside.document, bytes.clone());
    Ok(bytes)
}

/// Where, in a document, the list or map of a view begins; none if there is none any more.
pub(super) fn container(
    context: &Context,
    document: &Rc<[u8]>,
    inside: &Inside<'_>,
) -> Option<usize> {
    let mut start = 0;
    for step in inside.steps() {
        let value = find(&context.external, document, start, step)?;
        start = value.as_ptr() as usize - document.as_ptr() as usize;
    }
    matches!(Item::of(&document[start..]), Item::List(..) | Item::Map(..)).then_some(start)
}

fn find_in_map<'a>(map: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let Item::Map(count, mut rest) = Item::of(map) else {
        return None;
    };
    for _ in 0..count {
        let key_size = skip(rest);
        match rest[..key_size].cmp(key) {
            std::cmp::Ordering::Less => {
                rest = &rest[key_size..];
                rest = &rest[skip(rest)..];
            }
            std::cmp::Ordering::Equal => return Some(&rest[key_size..]),
            std::cmp::Ordering::Greater => return None,
        }
    }
    None
}

/// Which element an encoded key means, counted from 0.
fn list_index(key: &[u8]) -> Option<usize> {
    match Item::of(key) {
        Item::Int(position) => usize::try_from(position).ok()?.checked_sub(1),
        _ => None,
    }
}

/// The value of a key in the list or map that begins at `container`; more bytes may follow it.
pub(super) fn find<'a>(
    caches: &Caches,
    document: &'a Rc<[u8]>,
    container: usize,
    key: &[u8],
) -> Option<&'a [u8]> {
    match Item::of(&document[container..]) {
        Item::Map(..) => find_in_map(&document[container..], key),
        Item::List(count, _) => {
            let index = list_index(key).filter(|index| *index < count)?;
            Some(&document[element(caches, document, container, index)?..])
        }
        _ => None,
    }
}

/// Where an element is, counted from 0, which the list has. Loops go on where they were.
fn element(caches: &Caches, document: &Rc<[u8]>, container: usize, index: usize) -> Option<usize> {
    let Item::List(_, first) = Item::of(&document[container..]) else {
        return None;
    };
    let (mut position, mut offset) = (0, document.len() - first.len());
    if index > CAPACITY
        && let Some(spot) = caches.spot(|spot| {
            Rc::ptr_eq(&spot.document, document)
                && spot.container == container
                && spot.position <= index
        })
    {
        (position, offset) = (spot.position, spot.offset);
    }
    for _ in position..index {
        offset += skip(&document[offset..]);
    }
    if index >= CAPACITY {
        caches.put_spot(Spot {
            document: document.clone(),
            container,
            position: index,
            offset,
            key: (0, 0),
        });
    }
    Some(offset)
}

/// The entry behind `key` (empty for the first one) in the list or map that begins at `container`:
/// where its key is (a position, in a list) and where its value is. Nulls are passed over.
pub(super) fn next_entry(
    caches: &Caches,
    document: &Rc<[u8]>,
    container: usize,
    key: &[u8],
) -> Option<(Entry, usize)> {
    match Item::of(&document[container..]) {
        Item::Map(count, body) => next_of_map(caches, document, container, count, body, key),
        Item::List(count, _) => {
            let mut index = if key.is_empty() {
                0
            } else {
                list_index(key)? + 1
            };
            while index < count {
                let value = element(caches, document, container, index)?;
                index += 1;
                if is_value(document, value) {
                    return Some((Entry::Position(index), value));
                }
            }
            None
        }
        _ => None,
    }
}

fn next_of_map(
    caches: &Caches,
    document: &Rc<[u8]>,
    container: usize,
    count: usize,
    body: &[u8],
    key: &[u8],
) -> Option<(Entry, usize)> {
    let known = caches.spot(|spot| {
        Rc::ptr_eq(&spot.document, document)
            && spot.container == container
            && !key.is_empty()
            && document[spot.key.0..spot.key.1] == *key
    });
    let (mut position, mut offset) = match &known {
        Some(spot) => (spot.position, spot.offset),
        None => (0, document.len() - body.len()),
    };
    while position < count {
        let start = offset;
        let value = start + skip(&document[start..]);
        offset = value + skip(&document[value..]);
        position += 1;
        // A key that is gone meanwhile has a place all the same, since keys are in order. A metatable's key is null.
        if is_value(document, value)
            && is_value(document, start)
            && (known.is_some() || document[start..value] > *key)
        {
            caches.put_spot(Spot {
                document: document.clone(),
                container,
                position,
                offset,
                key: (start, value),
            });
            return Some((Entry::Key(start), value));
        }
    }
    None
}

/// Whether something other than null is there.
fn is_value(document: &[u8], offset: usize) -> bool {
    document.get(offset).is_some_and(|first| *first != NULL)
}

/// The key of an entry.
pub(super) enum Entry {
    /// Where the key of a map is.
    Key(usize),
    /// A position in a list, counted from 1.
    Position(usize),
}

/// The length of a list, or the border of a map as Lua's `#` has it.
pub(super) fn border(container: &[u8]) -> i64 {
    match Item::of(container) {
        Item::List(count, _) => i64::try_from(count).unwrap_or(i64::MAX),
        // Positive integers come first in a map, in their order.
        _ => entries(container)
            .zip(1..)
            .take_while(|((key, _), position)| Item::of(key) == Item::Int(*position))
            .map(|(_, position)| position)
            .last()
            .unwrap_or(0),
    }
}
