//! Taking apart the maps that callers describe queries, operations and indexes with.

use crate::error::{Error, Result};
use crate::value::{Item, entries};

/// Which error a place and a message make: what was asked for decides.
pub(crate) type Refuse = fn(String, String) -> Error;

/// A place inside another one.
pub(crate) fn inside(place: &str, member: &str) -> String {
    if place.is_empty() {
        member.to_string()
    } else {
        [place, ".", member].concat()
    }
}

/// A map, and where it stands.
pub(crate) struct Members<'a> {
    place: String,
    refuse: Refuse,
    found: Vec<(&'static str, &'a [u8])>,
}

impl<'a> Members<'a> {
    /// Reads a map that may have members of these names, and no others. `shape` says what it looks like.
    pub(crate) fn read(
        map: &'a [u8],
        place: &str,
        names: &[&'static str],
        shape: &str,
        refuse: Refuse,
    ) -> Result<Self> {
        let wrong = |place: String| Err(refuse(place, shape.to_string()));
        if !matches!(Item::of(map), Item::Map(..)) {
            return wrong(place.to_string());
        }
        let mut found = Vec::with_capacity(4);
        for (member, value) in entries(map) {
            let Item::Text(member) = Item::of(member) else {
                return wrong(place.to_string());
            };
            let Some(name) = names.iter().find(|name| **name == member) else {
                return wrong(inside(place, member));
            };
            found.push((*name, value));
        }
        Ok(Members {
            place: place.to_string(),
            refuse,
            found,
        })
    }

    /// The names of those that are there.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.found.iter().map(|(name, _)| *name)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.found.len()
    }

    /// The value of a member; none if it is absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.found
            .iter()
            .find(|(there, _)| *there == name)
            .map(|(_, value)| *value)
    }

    /// The value of a member that has to be there.
    pub(crate) fn need(&self, name: &str) -> Result<&'a [u8]> {
        self.get(name)
            .ok_or_else(|| self.wrong(name, "this member is missing"))
    }

    /// A member that is a text; none if it is absent.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>> {
        match self.get(name).map(Item::of) {
            None => Ok(None),
            Some(Item::Text(text)) => Ok(Some(text)),
            Some(other) => {
                Err(self.wrong(name, &format!("it takes a text, not {}", other.type_name())))
            }
        }
    }

    /// A member that is true or false; false if it is absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool> {
        match self.get(name).map(Item::of) {
            None => Ok(false),
            Some(Item::Bool(value)) => Ok(value),
            Some(_) => Err(self.wrong(name, "it is neither true nor false")),
        }
    }

    /// A member that is an integer from 0 on; none if it is absent or null.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>> {
        match self.get(name).map(Item::of) {
            None | Some(Item::Null) => Ok(None),
            Some(Item::Int(count)) if count >= 0 => Ok(Some(count.unsigned_abs())),
            Some(_) => Err(self.wrong(name, "it is no integer from 0 on")),
        }
    }

    /// Where a member stands.
    pub(crate) fn place(&self, name: &str) -> String {
        inside(&self.place, name)
    }

    /// The error that something about a member makes.
    pub(crate) fn wrong(&self, name: &str, message: &str) -> Error {
        (self.refuse)(self.place(name), message.to_string())
    }
}
