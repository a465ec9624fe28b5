//! Batches: many operations in one transaction.

mod edits;

use serde::{Deserialize, Serialize};

use crate::{Database, Error, Key, Query, Value, cbor};

pub use edits::{Edits, Precondition};

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

    /// Adds: store a document under a key that has none; else [`Error::AlreadyExists`]. Its result is null.
    ///
    /// # Errors
    /// As [`put`](Batch::put).
    pub fn insert<T: Serialize + ?Sized>(
        &mut self,
        table: &str,
        key: impl Into<Key>,
        value: &T,
    ) -> Result<&mut Self, Error> {
        self.add(
            "insert",
            table,
            [("key", key_value(key.into())), ("value", to_value(value)?)],
        )
    }

    /// Adds: [`put`](Batch::put) if the document is as the precondition says.
    ///
    /// # Errors
    /// As [`put`](Batch::put).
    pub fn put_if<T: Serialize + ?Sized>(
        &mut self,
        table: &str,
        key: impl Into<Key>,
        value: &T,
        precondition: &Precondition,
    ) -> Result<&mut Self, Error> {
        self.add(
            "put",
            table,
            [
                ("if", precondition.to_value()),
                ("key", key_value(key.into())),
                ("value", to_value(value)?),
            ],
        )
    }

    /// Adds: change a document. Its result is whether there was one; where there is none, nothing is made.
    ///
    /// # Errors
    /// [`Error::Encode`] for a value that has no CBOR form.
    pub fn update(
        &mut self,
        table: &str,
        key: impl Into<Key>,
        edits: &Edits,
    ) -> Result<&mut Self, Error> {
        self.add(
            "update",
            table,
            [
                ("key", key_value(key.into())),
                ("changes", edits.to_value()),
            ],
        )
    }

    /// Adds: [`update`](Batch::update) if the document is as the precondition says.
    ///
    /// # Errors
    /// As [`update`](Batch::update).
    pub fn update_if(
        &mut self,
        table: &str,
        key: impl Into<Key>,
        edits: &Edits,
        precondition: &Precondition,
    ) -> Result<&mut Self, Error> {
        self.add(
            "update",
            table,
            [
                ("if", precondition.to_value()),
                ("key", key_value(key.into())),
                ("changes", edits.to_value()),
            ],
        )
    }

    /// Adds: [`delete`](Batch::delete) if the document is as the precondition says.
    ///
    /// # Errors
    /// As [`update`](Batch::update).
    pub fn delete_if(
        &mut self,
        table: &str,
        key: impl Into<Key>,
        precondition: &Precondition,
    ) -> Result<&mut Self, Error> {
        self.add(
            "delete",
            table,
            [
                ("if", precondition.to_value()),
                ("key", key_value(key.into())),
            ],
        )
    }

    /// Adds: change all documents that a query finds: its condition, sort and limit count. Its result is how many.
    ///
    /// # Errors
    /// As [`update`](Batch::update).
    pub fn update_where(&mut self, query: &Query, edits: &Edits) -> Result<&mut Self, Error> {
        self.add_found("update", query, Some(("changes", edits.to_value())))
    }

    /// Adds: delete all documents that a query finds: its condition, sort and limit count. Its result is how many.
    ///
    /// # Errors
    /// As [`update`](Batch::update).
    pub fn delete_where(&mut self, query: &Query) -> Result<&mut Self, Error> {
        self.add_found("delete", query, None)
    }

    /// Adds: ask a query. Its result is the rows.
    ///
    /// # Errors
    /// As [`update`](Batch::update).
    pub fn query(&mut self, query: &Query) -> Result<&mut Self, Error> {
        self.add_map(vec![
            ("op".into(), "query".into()),
            ("query".into(), to_value(query)?),
        ])
    }

    /// Adds: call a persisted function, with a tuple or array of arguments. Its result is the first that the function returns.
    ///
    /// # Errors
    /// [`Error::Encode`] for arguments that serde can't turn into CBOR.
    pub fn call(
        &mut self,
        table: &str,
        name: &str,
        arguments: impl Serialize,
    ) -> Result<&mut Self, Error> {
        let arguments: Value = cbor::decode(&cbor::encode_arguments(&arguments)?)?;
        self.add(
            "call",
            table,
            [("name", name.into()), ("arguments", arguments)],
        )
    }

    fn add<const N: usize>(
        &mut self,
        op: &str,
        table: &str,
        members: [(&str, Value); N],
    ) -> Result<&mut Self, Error> {
        let own = [("op", op.into()), ("table", table.into())];
        let members = own.into_iter().chain(members);
        self.add_map(members.map(|(name, value)| (name.into(), value)).collect())
    }

    /// An operation on what a query finds: it has the query's own members.
    fn add_found(
        &mut self,
        op: &str,
        query: &Query,
        more: Option<(&str, Value)>,
    ) -> Result<&mut Self, Error> {
        let Value::Map(mut members) = to_value(query)? else {
            unreachable!("a query is a map")
        };
        members.push(("op".into(), op.into()));
        if !members
            .iter()
            .any(|(name, _)| name.as_text() == Some("where"))
        {
            let all = Value::Map(vec![("and".into(), Value::Array(Vec::new()))]);
            members.push(("where".into(), all));
        }
        members.extend(more.map(|(name, value)| (name.into(), value)));
        self.add_map(members)
    }

    fn add_map(&mut self, members: Vec<(Value, Value)>) -> Result<&mut Self, Error> {
        let operation = cbor::encode(&Value::Map(members))?;
        self.operations.extend_from_slice(&operation);
        self.count += 1;
        Ok(self)
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

    /// The map that `documents.apply` takes for a batch whose operations stand for themselves.
    fn to_best_effort(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.operations.len() + 48);
        cbor::put_head(&mut bytes, 5, 2);
        cbor::put_text(&mut bytes, "mode");
        cbor::put_text(&mut bytes, "best-effort");
        cbor::put_text(&mut bytes, "operations");
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

fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, Error> {
    cbor::decode(&cbor::encode(value)?)
}

fn key_value(key: Key) -> Value {
    match key {
        Key::Integer(integer) => integer.into(),
        Key::Text(text) => text.into(),
        Key::Bytes(bytes) => Value::Bytes(bytes),
    }
}

/// Why an operation of a best-effort batch did not take place.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct OperationError {
    /// What [`Error::code`] would say.
    pub code: String,
    /// The place in the operation.
    pub place: String,
    /// For people.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Result(Value),
    Error(OperationError),
}

impl Database {
    /// Runs a batch as far as possible: an operation that fails changes nothing, and the others take place. One outcome for each
    /// operation, in order.
    ///
    /// ```
    /// use cu_db::{Batch, Database, Edits, Precondition, Query, field};
    ///
    /// let database = Database::in_memory()?;
    /// let mut batch = Batch::new();
    /// batch
    ///     .insert("stock", "pen", &serde_json::json!({"count": 10}))?
    ///     .insert("stock", "pen", &serde_json::json!({"count": 1}))?
    ///     .update("stock", "pen", &Edits::new().increment("count", -1))?
    ///     .delete_if("stock", "pen", &Precondition::Meets(field("count").eq(0)))?
    ///     .update_where(&Query::table("stock"), &Edits::new().set("seen", true))?;
    /// let outcomes = database.apply_best_effort(&batch)?;
    /// let codes: Vec<_> = outcomes.iter().map(|one| one.as_ref().err().map(|error| &error.code[..])).collect();
    /// assert_eq!(codes, [None, Some("already-exists"), None, Some("precondition-failed"), None]);
    /// # Ok::<(), cu_db::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the batch as a whole: a malformed one, and a store that fails. Then nothing took place.
    pub fn apply_best_effort(
        &self,
        batch: &Batch,
    ) -> Result<Vec<Result<Value, OperationError>>, Error> {
        let results = self.raw().documents_apply(&batch.to_best_effort())?;
        let outcomes: Vec<Outcome> = cbor::decode(&results)?;
        let outcome = |outcome| match outcome {
            Outcome::Result(value) => Ok(value),
            Outcome::Error(error) => Err(error),
        };
        Ok(outcomes.into_iter().map(outcome).collect())
    }

    /// Changes all documents that a query finds, as one transaction, and gives how many there were. Its condition, sort and limit
    /// count.
    ///
    /// # Errors
    /// As [`query`](Database::query); [`Error::InvalidArgument`] for an edit that does not fit a document.
    pub fn update_where(&self, query: &Query, edits: &Edits) -> Result<u64, Error> {
        self.count_of(Batch::new().update_where(query, edits)?)
    }

    /// Deletes all documents that a query finds, as one transaction, and gives how many there were. Its condition, sort and limit
    /// count.
    ///
    /// # Errors
    /// As [`query`](Database::query).
    pub fn delete_where(&self, query: &Query) -> Result<u64, Error> {
        self.count_of(Batch::new().delete_where(query)?)
    }

    fn count_of(&self, batch: &Batch) -> Result<u64, Error> {
        let [count]: [u64; 1] = cbor::decode(&self.raw().documents_apply(&batch.to_cbor())?)?;
        Ok(count)
    }
}
