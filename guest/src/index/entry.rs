//! What an index holds of a document. `docs/format.md` has the bytes.

use sha2::{Digest, Sha256};

use super::MAX_ENTRY_SIZE;
use crate::bytes::sort;
use crate::catalog::{Field, Index};
use crate::database::Database;
use crate::error::{Error, Limit, Result};
use crate::key::{PREFIX_SIZE, prefix, space, write_prefix};
use crate::value::{Item, NULL, elements, encode_ordered, skip_ordered};

/// Stands before a value that a multi-entry field has as a whole, since it is no list or an empty one.
pub(crate) const WHOLE: u8 = 0;
/// Stands before an element of the list that a multi-entry field has.
pub(crate) const ELEMENT: u8 = 1;

/// Bytes of the hash in an entry of a hash index. With so many of SHA-256, no two values are ever found to
/// share one, so that documents need not be looked at again.
pub(crate) const HASH_SIZE: usize = 16;

/// A hash of bytes, the same everywhere and forever.
pub(crate) fn hash(bytes: &[u8]) -> [u8; HASH_SIZE] {
    let mut short = [0; HASH_SIZE];
    short.copy_from_slice(&Sha256::digest(bytes)[..HASH_SIZE]);
    short
}

/// Appends a field's part of an entry: a value, in the field's order.
pub(crate) fn write_component(field: &Field, kind: u8, value: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    if field.multi_entry {
        out.push(kind);
    }
    encode_ordered(value, out);
    if field.descending {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

/// An entry in the making: its key so far, and how many of its values are null.
struct Row {
    key: Vec<u8>,
    nulls: usize,
}

impl Row {
    fn with(&self, field: &Field, kind: u8, value: &[u8]) -> Row {
        let mut key = self.key.clone();
        write_component(field, kind, value, &mut key);
        Row {
            key,
            nulls: self.nulls + usize::from(value == [NULL]),
        }
    }
}

impl Index {
    /// Whether each document has one entry at the most, which its bytes decide.
    pub(crate) fn is_plain(&self) -> bool {
        self.function.is_none() && !self.fields.iter().any(|field| field.multi_entry)
    }

    /// Puts the key of the entry that a document has into `key`, where that [is plain](Index::is_plain). False if it has none.
    ///
    /// # Errors
    /// As [`Index::entries`].
    pub(crate) fn entry(
        &self,
        document: &[u8],
        document_key: &[u8],
        key: &mut Vec<u8>,
    ) -> Result<bool> {
        if !self.covers(document_key) {
            return Ok(false);
        }
        key.clear();
        write_prefix(space::INDEX, self.id, key);
        let mut nulls = 0;
        for field in &self.fields {
            let value = field.path.find(document).unwrap_or(&[NULL]);
            write_component(field, WHOLE, value, key);
            nulls += usize::from(value == [NULL]);
        }
        self.finish(key, nulls, document_key)
    }

    /// Completes an entry that has its values, so many of them null. False if the index leaves it out.
    fn finish(&self, key: &mut Vec<u8>, nulls: usize, document_key: &[u8]) -> Result<bool> {
        if self.sparse && nulls == self.fields.len() {
            return Ok(false);
        }
        if self.hash {
            let hash = hash(&key[PREFIX_SIZE..]);
            key.truncate(PREFIX_SIZE);
            key.extend_from_slice(&hash);
        } else {
            self.check_size(key.len() - PREFIX_SIZE)?;
        }
        // Nulls are equal to nothing: their entries are told apart by the documents' keys.
        if !self.unique || nulls > 0 {
            key.extend_from_slice(document_key);
        }
        Ok(true)
    }

    /// The keys of the entries that a document has, in order; none if the index is not as far as the document.
    ///
    /// # Errors
    /// `LimitExceeded` if a value is too long; what a function raises that computes it.
    pub fn entries(
        &self,
        db: &Database,
        document: &[u8],
        document_key: &[u8],
    ) -> Result<Vec<Vec<u8>>> {
        if self.is_plain() {
            let mut key = Vec::with_capacity(32);
            let has_one = self.entry(document, document_key, &mut key)?;
            return Ok(has_one.then_some(key).into_iter().collect());
        }
        if !self.covers(document_key) {
            return Ok(Vec::new());
        }
        let computed = match &self.function {
            Some(function) => Some(self.compute(db, function, document, document_key)?),
            None => None,
        };
        let mut rows = vec![Row {
            key: prefix(space::INDEX, self.id),
            nulls: 0,
        }];
        for field in &self.fields {
            let value = match &computed {
                Some(value) => value,
                None => field.path.find(document).unwrap_or(&[NULL]),
            };
            if field.multi_entry && matches!(Item::of(value), Item::List(1.., _)) {
                let Some(row) = rows.pop() else { break };
                rows.extend(elements(value).map(|element| row.with(field, ELEMENT, element)));
            } else {
                for row in &mut rows {
                    write_component(field, WHOLE, value, &mut row.key);
                    row.nulls += usize::from(value == [NULL]);
                }
            }
        }
        let mut keys = Vec::with_capacity(rows.len());
        for Row { mut key, nulls } in rows {
            if self.finish(&mut key, nulls, document_key)? {
                keys.push(key);
            }
        }
        if keys.len() > 1 {
            sort(&mut keys);
            keys.dedup();
        }
        Ok(keys)
    }

    /// The value of all entries of a document.
    #[must_use]
    pub fn entry_value<'a>(&self, document_key: &'a [u8]) -> &'a [u8] {
        if self.unique { document_key } else { &[] }
    }

    /// The key of the document that an entry leads to.
    ///
    /// # Errors
    /// `Corrupt` if there is none.
    pub fn document_key<'a>(&self, entry: &'a [u8], value: &'a [u8]) -> Result<&'a [u8]> {
        if self.unique {
            return Ok(value);
        }
        self.components_size(entry)
            .and_then(|size| entry.get(size..))
            .ok_or_else(|| {
                Error::corrupt(
                    "store",
                    "an index entry can't be read; make the index again",
                )
            })
    }

    /// Where the values of an entry end.
    pub(crate) fn components_size(&self, entry: &[u8]) -> Option<usize> {
        if self.hash {
            return Some(PREFIX_SIZE + HASH_SIZE);
        }
        let mut at = PREFIX_SIZE;
        for field in &self.fields {
            at += usize::from(field.multi_entry);
            at += if field.descending {
                let inverted: Vec<u8> = entry.get(at..)?.iter().map(|byte| !*byte).collect();
                skip_ordered(&inverted)?
            } else {
                skip_ordered(entry.get(at..)?)?
            };
        }
        Some(at)
    }

    fn check_size(&self, size: usize) -> Result<()> {
        if size <= MAX_ENTRY_SIZE {
            return Ok(());
        }
        Err(Error::limit(
            Limit::KeySize,
            MAX_ENTRY_SIZE as u64,
            "",
            format!(
                "the document has {size} bytes in the fields of index '{}', at most {MAX_ENTRY_SIZE} are \
                 allowed; shorten them, make it a hash index, or drop it",
                self.name
            ),
        ))
    }
}
