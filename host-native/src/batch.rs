//! Batches: many operations in one transaction.

use serde::Serialize;

use crate::{Error, Key, cbor};

/// Operations that take place together or not at all, in the order in which they were added.
///
/// ```
/// use cu_db::{Batch, Database};
///
/// let database = Database::in_memory()?;
/// let mut batch = Batch::new();
/// batch.put("users", "ann", &("Ann", 31))?.put("users", "bo", &("Bo", 27))?.delete("users", "cy");
/// let results = database.apply(&batch)?;
/// assert_eq!(results.len(), 3);
/// # Ok::<(), cu_db::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The operations as CBOR maps, one after the other.
    operations: Vec<u8>,
    count: u64,
}

impl Batch {
    /// A batch without operations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many operations were added.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether no operation was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the operations so far.
    #[must_use]
    pub fn size(&self) -> usize {
        self.operations.len()
    }

    /// Forgets all operations; the memory is kept for new ones.
    pub fn clear(&mut self) {
        self.operations.clear();
        self.count = 0;
    }

    /// Adds: store a document under a key. Its result is null.
    ///
    /// # Errors
    /// [`Error::Encode`] for a value that serde can't turn into CBOR; the batch stays as it was.
    pub fn put<T: Serialize + ?Sized>(
        &mut self,
        table: &str,
        key: impl Into<Key>,
        value: &T,
    ) -> Result<&mut Self, Error> {
        let before = (self.operations.len(), self.count);
        self.begin(4, "put", table, &key.into());
        cbor::put_text(&mut self.operations, "value");
        if let Err(error) = cbor::encode_into(&mut self.operations, value) {
            self.operations.truncate(before.0);
            self.count = before.1;
            return Err(error);
        }
        Ok(self)
    }

    /// Adds: store a document that is CBOR already.
    pub fn put_cbor(&mut self, table: &str, key: impl Into<Key>, value: &[u8]) -> &mut Self {
        self.begin(4, "put", table, &key.into());
        cbor::put_text(&mut self.operations, "value");
        self.operations.extend_from_slice(value);
        self
    }

    /// Adds all operations of another batch.
    pub fn append(&mut self, other: &Batch) -> &mut Self {
        self.operations.extend_from_slice(&other.operations);
        self.count += other.count;
        self
    }

    /// Adds: get a document. Its result is the document as it is at this point of the batch, or null.
    pub fn get(&mut self, table: &str, key: impl Into<Key>) -> &mut Self {
        self.begin(3, "get", table, &key.into());
        self
    }

    /// Adds: delete a document. Its result is whether there was one.
    pub fn delete(&mut self, table: &str, key: impl Into<Key>) -> &mut Self {
        self.begin(3, "delete", table, &key.into());
        self
    }

    /// The CBOR array of operations that `documents.apply` takes.
    #[must_use]
    pub fn to_cbor(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.operations.len() + 9);
        cbor::put_head(&mut bytes, 4, self.count);
        bytes.extend_from_slice(&self.operations);
        bytes
    }

    /// The members that every operation has. Shorter names first is the deterministic order.
    fn begin(&mut self, members: u64, op: &str, table: &str, key: &Key) {
        let bytes = &mut self.operations;
        cbor::put_head(bytes, 5, members);
        cbor::put_text(bytes, "op");
        cbor::put_text(bytes, op);
        cbor::put_text(bytes, "key");
        match key {
            Key::Integer(integer) => cbor::put_integer(bytes, *integer),
            Key::Text(text) => cbor::put_text(bytes, text),
            Key::Bytes(key) => cbor::put_bytes(bytes, key),
        }
        cbor::put_text(bytes, "table");
        cbor::put_text(bytes, table);
        self.count += 1;
    }
}
