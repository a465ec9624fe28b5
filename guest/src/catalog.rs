//! Which tables and indexes there are.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::changes;
use crate::error::{Error, Result};
use crate::index::Definition;
use crate::key::{Key, space};
use crate::limits::Limits;
use crate::name::{HOME, check_index, check_table};
use crate::store::Transaction;
use crate::value::{
    Item, Path, Step, accept, elements, entries, write_array_head, write_bool, write_bytes,
    write_int, write_map_head, write_text,
};

/// The number of the store's format; `docs/format.md` describes it.
pub const FORMAT: i64 = 2;

/// A field of an index.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Field {
    /// Where the value is.
    pub path: Path,
    /// Entries are ordered from the greatest value to the least.
    pub descending: bool,
    /// A list has an entry for each of its elements.
    pub multi_entry: bool,
}

/// A persisted function that computes what an index has of a document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Function {
    /// The table that it is in.
    pub table: String,
    /// Its name there.
    pub name: String,
    /// A hash of what it consists of.
    pub mark: [u8; 16],
}

/// An index.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Index {
    /// Its number in the key space.
    pub id: u32,
    /// Its name, one of its kind in the table.
    pub name: String,
    /// The fields, in the order in which they are compared.
    pub fields: Vec<Field>,
    /// Entries have a hash of the values in their place.
    pub hash: bool,
    /// No two documents have equal values, but for those with a null among them.
    pub unique: bool,
    /// Documents that have none of the fields are left out.
    pub sparse: bool,
    /// What computes the value of the one field; none for values that documents have.
    pub function: Option<Function>,
    /// How far it is; none for one that is ready.
    pub build: Option<Build>,
}

/// How far an index is that has entries for a part of the documents: of those up to a key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Build {
    /// The key of the last document that has entries, encoded; empty if none has.
    pub last: Vec<u8>,
    /// Whether the index is being removed.
    pub removing: bool,
    /// How many documents have been gone through; going back, how many are left.
    pub done: u64,
    /// How many documents there were at the beginning.
    pub total: u64,
}

impl Build {
    /// Appends it as callers see it.
    pub fn write(&self, out: &mut Vec<u8>) {
        let phase = if self.removing {
            "removing"
        } else {
            "building"
        };
        write_build(phase, self.done, self.total, out);
    }
}

/// Appends how far an index is.
pub(crate) fn write_build(phase: &str, done: u64, total: u64, out: &mut Vec<u8>) {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    write_map_head(out, 3);
    write_text(out, "done");
    write_int(out, number(done));
    write_text(out, "phase");
    write_text(out, phase);
    write_text(out, "total");
    // Documents may have come in the meantime.
    write_int(out, number(total.max(done)));
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its number in the key space; 0 is `_home`.
    pub id: u32,
    /// Whether functions may be among its documents.
    pub has_functions: bool,
    /// By name.
    pub indexes: Vec<Rc<Index>>,
}

impl Table {
    /// `_home`, as long as nothing needs a record of it.
    fn home() -> Rc<Table> {
        Rc::new(Table {
            id: 0,
            has_functions: false,
            indexes: Vec::new(),
        })
    }

    /// Whether a document's old value matters when it is replaced.
    #[must_use]
    pub fn needs_old(&self) -> bool {
        self.has_functions || !self.indexes.is_empty()
    }
}

/// All tables, by name, and the database's limits.
#[derive(Debug, Clone)]
pub struct Catalog {
    tables: BTreeMap<String, Rc<Table>>,
    home: Rc<Table>,
    limits: Limits,
    feed: Option<Rc<changes::Settings>>,
}

impl Default for Catalog {
    fn default() -> Self {
        Catalog {
            tables: BTreeMap::new(),
            home: Table::home(),
            limits: Limits::default(),
            feed: None,
        }
    }
}

/// A path as it is stored: names and positions in an array.
pub fn write_path(path: &Path, out: &mut Vec<u8>) {
    write_array_head(out, path.steps.len());
    for step in &path.steps {
        out.extend_from_slice(step.encoded());
    }
}

fn table_key(name: &str) -> Vec<u8> {
    [space::TABLE, name.as_bytes()].concat()
}

fn unreadable() -> Error {
    Error::corrupt("store", "the catalog can't be read; restore from an export")
}

/// A record, which passes the gate again: what is read from it decides where everything else is.
fn checked(record: &[u8]) -> Result<Cow<'_, [u8]>> {
    accept(record, "store").map_err(|_| unreadable())
}

fn number(value: &[u8]) -> Result<u32> {
    match Item::of(value) {
        Item::Int(int) => u32::try_from(int).map_err(|_| unreadable()),
        _ => Err(unreadable()),
    }
}

impl Catalog {
    /// Reads the catalog.
    ///
    /// # Errors
    /// As the store fails; `Corrupt` if it can't be read.
    pub fn load(transaction: &Transaction) -> Result<Catalog> {
        let mut catalog = Catalog::default();
        let mut cursor = transaction.prefix(space::TABLE);
        while let Some((key, record)) = cursor.next(transaction)? {
            let name = std::str::from_utf8(&key[space::TABLE.len()..]).map_err(|_| unreadable())?;
            let table = Rc::new(read_table(&checked(record)?)?);
            if name == HOME {
                catalog.home = table;
            } else {
                catalog.tables.insert(name.to_string(), table);
            }
        }
        if let Some(record) = transaction.get(space::LIMITS)? {
            catalog.limits = Limits::read(&checked(&record)?).ok_or_else(unreadable)?;
        }
        if let Some(record) = transaction.get(space::FEED_SETTINGS)? {
            let settings = changes::Settings::parse(&checked(&record)?, "store");
            catalog.feed = Some(Rc::new(settings.map_err(|_| unreadable())?));
        }
        Ok(catalog)
    }

    /// The table of a name. `_home` is always there.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Rc<Table>> {
        if name == HOME {
            Some(&self.home)
        } else {
            self.tables.get(name)
        }
    }

    /// All tables but `_home`, by name.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &Rc<Table>)> {
        self.tables
            .iter()
            .map(|(name, table)| (name.as_str(), table))
    }

    /// The limits that were set for the database.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Sets the limits, here and in the store.
    ///
    /// # Errors
    /// As a write fails.
    pub fn set_limits(&mut self, transaction: &mut Transaction, limits: Limits) -> Result<()> {
        if limits.is_default() {
            transaction.delete(space::LIMITS)?;
        } else {
            let mut record = Vec::new();
            limits.write(&mut record);
            transaction.put(space::LIMITS, &record)?;
        }
        self.limits = limits;
        Ok(())
    }

    /// The settings of the change feed; none if it is off.
    #[must_use]
    pub fn feed(&self) -> Option<&Rc<changes::Settings>> {
        self.feed.as_ref()
    }

    /// Sets the settings of the change feed, here and in the store.
    ///
    /// # Errors
    /// As a write fails.
    pub fn set_feed(
        &mut self,
        transaction: &mut Transaction,
        feed: Option<changes::Settings>,
    ) -> Result<()> {
        match &feed {
            None => transaction.delete(space::FEED_SETTINGS)?,
            Some(feed) => {
                let mut record = Vec::new();
                feed.write(&mut record);
                transaction.put(space::FEED_SETTINGS, &record)?;
            }
        }
        self.feed = feed.map(Rc::new);
        Ok(())
    }

    /// Sets the table of a name, here and in the store.
    ///
    /// # Errors
    /// As a write fails.
    pub fn put(
        &mut self,
        transaction: &mut Transaction,
        name: &str,
        table: Table,
    ) -> Result<Rc<Table>> {
        let mut record = Vec::new();
        write_table(&table, &mut record);
        transaction.put(&table_key(name), &record)?;
        let table = Rc::new(table);
        if name == HOME {
            self.home = table.clone();
        } else {
            self.tables.insert(name.to_string(), table.clone());
        }
        Ok(table)
    }

    /// Forgets a table, here and in the store; its documents are the caller's business.
    ///
    /// # Errors
    /// As a write fails.
    pub fn remove(&mut self, transaction: &mut Transaction, name: &str) -> Result<()> {
        transaction.delete(&table_key(name))?;
        self.tables.remove(name);
        Ok(())
    }
}

/// The first number that no table, index or function has, nor any that follows it.
///
/// # Errors
/// As the store fails.
pub(crate) fn free_id(transaction: &Transaction) -> Result<u32> {
    match transaction.get(space::NEXT_ID)? {
        Some(record) => number(&checked(&record)?),
        None => Ok(1),
    }
}

/// A number that no table, index or function has.
///
/// # Errors
/// As the store fails.
pub fn next_id(transaction: &mut Transaction) -> Result<u32> {
    let id = free_id(transaction)?;
    let mut record = Vec::new();
    write_int(&mut record, i64::from(id) + 1);
    transaction.put(space::NEXT_ID, &record)?;
    Ok(id)
}

/// Checks the record of the next free number, as it comes from outside.
pub(crate) fn check_next_id(record: &[u8]) -> Result<()> {
    let id = number(&checked(record)?)?;
    let mut written = Vec::new();
    write_int(&mut written, i64::from(id));
    if id > 0 && written == record {
        return Ok(());
    }
    Err(unreadable())
}

/// Checks the record of the limits, as it comes from outside.
pub(crate) fn check_limits(record: &[u8]) -> Result<()> {
    let limits = Limits::read(&checked(record)?).ok_or_else(unreadable)?;
    let mut written = Vec::new();
    limits.write(&mut written);
    if !limits.is_default() && written == record {
        return Ok(());
    }
    Err(unreadable())
}

/// Checks a table's record, as it comes from outside: it must be what [`write_table`] would write.
pub(crate) fn check_record(name: &[u8], record: &[u8]) -> Result<()> {
    let name = std::str::from_utf8(name).map_err(|_| unreadable())?;
    check_table(name)?;
    let table = read_table(&checked(record)?)?;
    let mut last = "";
    for index in &table.indexes {
        check_index(&index.name, "value")?;
        // They are ordered by name; no name is empty.
        if index.name.as_str() <= last {
            return Err(unreadable());
        }
        last = &index.name;
        // What may be defined is known in one place.
        let mut definition = Vec::new();
        let ready = Index {
            build: None,
            ..Index::clone(index)
        };
        ready.write_definition(&mut definition);
        if !Definition::parse(&definition)?.is_of(index) {
            return Err(unreadable());
        }
    }
    let mut written = Vec::new();
    write_table(&table, &mut written);
    if written == record && (table.id == 0) == (name == HOME) {
        return Ok(());
    }
    Err(unreadable())
}

fn write_table(table: &Table, out: &mut Vec<u8>) {
    write_map_head(out, 3);
    write_text(out, "id");
    write_int(out, i64::from(table.id));
    write_text(out, "indexes");
    write_array_head(out, table.indexes.len());
    for index in &table.indexes {
        index.write_record(out);
    }
    write_text(out, "functions");
    write_bool(out, table.has_functions);
}

fn read_table(record: &[u8]) -> Result<Table> {
    let mut table = Table {
        id: 0,
        has_functions: false,
        indexes: Vec::new(),
    };
    for (key, value) in entries(record) {
        match Item::of(key) {
            Item::Text("id") => table.id = number(value)?,
            Item::Text("functions") => table.has_functions = Item::of(value) == Item::Bool(true),
            Item::Text("indexes") => {
                for index in elements(value) {
                    table.indexes.push(Rc::new(read_index(index)?));
                }
            }
            _ => return Err(unreadable()),
        }
    }
    Ok(table)
}

fn read_index(record: &[u8]) -> Result<Index> {
    let mut index = Index::default();
    // The flags stand behind the fields that they belong to.
    for (key, value) in entries(record) {
        match (Item::of(key), Item::of(value)) {
            (Item::Text("id"), _) => index.id = number(value)?,
            (Item::Text("name"), Item::Text(name)) => index.name = name.to_string(),
            (Item::Text("hash"), Item::Bool(hash)) => index.hash = hash,
            (Item::Text("sparse"), Item::Bool(sparse)) => index.sparse = sparse,
            (Item::Text("unique"), Item::Bool(unique)) => index.unique = unique,
            (Item::Text("build"), Item::List(..)) => index.build = Some(read_build(value)?),
            (Item::Text("fields"), Item::List(..)) => {
                index.fields = elements(value)
                    .map(|path| Field {
                        path: Path {
                            steps: elements(path).map(Step::encoded_key).collect(),
                        },
                        ..Field::default()
                    })
                    .collect();
            }
            (Item::Text("function"), Item::List(3, _)) => {
                let parts: Vec<&[u8]> = elements(value).collect();
                let (Item::Text(table), Item::Text(name)) =
                    (Item::of(parts[0]), Item::of(parts[1]))
                else {
                    return Err(unreadable());
                };
                index.function = Some(Function {
                    table: table.to_string(),
                    name: name.to_string(),
                    mark: crate::index::read_mark(parts[2]).ok_or_else(unreadable)?,
                });
            }
            (Item::Text(flag @ ("descending" | "multiEntry")), Item::List(..)) => {
                for (field, set) in index.fields.iter_mut().zip(elements(value)) {
                    let set = Item::of(set) == Item::Bool(true);
                    if flag == "descending" {
                        field.descending = set;
                    } else {
                        field.multi_entry = set;
                    }
                }
            }
            _ => return Err(unreadable()),
        }
    }
    Ok(index)
}

fn read_build(record: &[u8]) -> Result<Build> {
    let mut parts = elements(record).map(Item::of);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (
            Some(Item::Bytes(last)),
            Some(Item::Bool(removing)),
            Some(Item::Int(done)),
            Some(Item::Int(total)),
        ) if last.is_empty() || Key::decode(last).is_ok() => Ok(Build {
            last: last.to_vec(),
            removing,
            done: u64::try_from(done).map_err(|_| unreadable())?,
            total: u64::try_from(total).map_err(|_| unreadable())?,
        }),
        _ => Err(unreadable()),
    }
}

impl Index {
    /// Whether it has entries for all documents, so that queries may use it.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.build.is_none()
    }

    /// Whether it has entries for the document of this key, encoded.
    #[must_use]
    pub fn covers(&self, key: &[u8]) -> bool {
        self.build.as_ref().is_none_or(|build| *key <= *build.last)
    }

    /// Appends the record of the index. What is not set is left out, so that a plain index is what it always was.
    fn write_record(&self, out: &mut Vec<u8>) {
        let marks = [
            ("descending", self.marked(|field| field.descending)),
            ("multiEntry", self.marked(|field| field.multi_entry)),
        ];
        let flags = [
            ("hash", self.hash),
            ("sparse", self.sparse),
            ("unique", self.unique),
        ];
        let set = flags.iter().filter(|(_, set)| *set).count()
            + marks.iter().filter(|(_, mark)| mark.is_some()).count()
            + usize::from(self.function.is_some())
            + usize::from(self.build.is_some());
        let flag = |out: &mut Vec<u8>, (name, set): (&str, bool)| {
            if set {
                write_text(out, name);
                write_bool(out, true);
            }
        };
        write_map_head(out, 3 + set);
        write_text(out, "id");
        write_int(out, i64::from(self.id));
        flag(out, flags[0]);
        write_text(out, "name");
        write_text(out, &self.name);
        if let Some(build) = &self.build {
            let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            write_text(out, "build");
            write_array_head(out, 4);
            write_bytes(out, &build.last);
            write_bool(out, build.removing);
            write_int(out, number(build.done));
            write_int(out, number(build.total));
        }
        write_text(out, "fields");
        write_array_head(out, self.fields.len());
        self.fields
            .iter()
            .for_each(|field| write_path(&field.path, out));
        flag(out, flags[1]);
        flag(out, flags[2]);
        if let Some(function) = &self.function {
            write_text(out, "function");
            write_array_head(out, 3);
            write_text(out, &function.table);
            write_text(out, &function.name);
            write_bytes(out, &function.mark);
        }
        for (name, mark) in marks {
            if let Some(mark) = mark {
                write_text(out, name);
                out.extend_from_slice(&mark);
            }
        }
    }

    /// For each field, whether it is marked; none if no field is.
    fn marked(&self, is_marked: fn(&Field) -> bool) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        write_array_head(&mut out, self.fields.len());
        self.fields
            .iter()
            .for_each(|field| write_bool(&mut out, is_marked(field)));
        self.fields.iter().any(is_marked).then_some(out)
    }

    /// Appends the definition as callers see it.
    pub fn write_definition(&self, out: &mut Vec<u8>) {
        let flags = [("sparse", self.sparse), ("unique", self.unique)];
        let set = flags.iter().filter(|(_, set)| *set).count();
        write_map_head(out, 3 + set + usize::from(self.build.is_some()));
        write_text(out, "kind");
        write_text(out, if self.hash { "hash" } else { "btree" });
        write_text(out, "name");
        write_text(out, &self.name);
        if let Some(build) = &self.build {
            write_text(out, "build");
            build.write(out);
        }
        if self.function.is_none() {
            write_text(out, "fields");
            write_array_head(out, self.fields.len());
            for field in &self.fields {
                field.write_definition(out);
            }
        }
        for (name, _) in flags.iter().filter(|(_, set)| *set) {
            write_text(out, name);
            write_bool(out, true);
        }
        if let (Some(function), [field]) = (&self.function, self.fields.as_slice()) {
            write_text(out, "function");
            function.write_definition(field, out);
        }
    }
}

impl Function {
    fn write_definition(&self, field: &Field, out: &mut Vec<u8>) {
        let flags = field.flags();
        write_map_head(out, 2 + flags.iter().filter(|(_, set)| *set).count());
        for (name, text) in [("name", &self.name), ("table", &self.table)] {
            write_text(out, name);
            write_text(out, text);
        }
        for (name, _) in flags.iter().filter(|(_, set)| *set) {
            write_text(out, name);
            write_bool(out, true);
        }
    }
}

impl Field {
    fn flags(&self) -> [(&'static str, bool); 2] {
        [
            ("descending", self.descending),
            ("multiEntry", self.multi_entry),
        ]
    }

    fn write_definition(&self, out: &mut Vec<u8>) {
        let flags = self.flags();
        let set = flags.iter().filter(|(_, set)| *set).count();
        if set > 0 {
            write_map_head(out, 1 + set);
            write_text(out, "field");
        }
        match self.path.as_dotted() {
            Some(text) => write_text(out, &text),
            None => write_path(&self.path, out),
        }
        for (name, _) in flags.iter().filter(|(_, set)| *set) {
            write_text(out, name);
            write_bool(out, true);
        }
    }
}
