//! What scripts can rely on, and what they can't get around.

mod bigint;
mod convert;
mod external;
mod limits;
mod require;
mod sandbox;

use std::cell::RefCell;
use std::rc::Rc;

use num_bigint::{BigInt, Sign};

use super::{CallOptions, Console, Machine};
use crate::database::{CatalogCache, Database};
use crate::error::{Error, Result};
use crate::store::MemoryStore;
use crate::value::{Item, elements, entries};

/// A console that remembers.
#[derive(Default)]
pub(crate) struct Printed(pub RefCell<Vec<u8>>);

impl Console for Printed {
    fn print(&self, text: &[u8]) {
        self.0.borrow_mut().extend_from_slice(text);
    }
}

/// A machine over a store in memory, which commits what ends well.
pub(crate) struct Bench {
    pub store: MemoryStore,
    pub machine: Machine,
    pub printed: Rc<Printed>,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench::over(MemoryStore::new())
    }

    pub(crate) fn over(store: MemoryStore) -> Bench {
        let printed = Rc::new(Printed::default());
        Bench {
            store,
            machine: Machine::new(printed.clone(), None).expect("a machine"),
            printed,
        }
    }

    pub(crate) fn begin(&self) -> Database {
        Database::begin(&self.store, &CatalogCache::default()).expect("a transaction")
    }

    pub(crate) fn end<T>(&mut self, (mut db, result): (Database, Result<T>)) -> Result<T> {
        match result {
            Ok(result) => {
                let freed = crate::function::collect(&mut db).expect("a collection");
                db.commit().expect("a commit");
                self.machine.committed(&freed);
                Ok(result)
            }
            Err(error) => {
                self.machine.forget();
                Err(error)
            }
        }
    }

    pub(crate) fn eval_with(
        &mut self,
        source: &str,
        arguments: &[u8],
        options: &CallOptions,
    ) -> Result<Vec<u8>> {
        let db = self.begin();
        let done = self.machine.eval(db, source, arguments, options);
        self.end(done)
    }

    pub(crate) fn eval(&mut self, source: &str) -> Result<Vec<u8>> {
        self.eval_with(source, &[0x80], &CallOptions::default())
    }

    /// The results, as [`show`] shows them without the brackets.
    pub(crate) fn run(&mut self, source: &str) -> String {
        let results = self
            .eval(source)
            .unwrap_or_else(|error| panic!("{error:?}"));
        let shown = show(&results);
        shown[1..shown.len() - 1].to_string()
    }

    pub(crate) fn fail(&mut self, source: &str) -> Error {
        match self.eval(source) {
            Err(error) => error,
            Ok(results) => panic!("it returned {}", show(&results)),
        }
    }
}

/// A value as text: JSON, but for what JSON does not have.
pub(crate) fn show(value: &[u8]) -> String {
    match Item::of(value) {
        Item::Null => "null".into(),
        Item::Bool(value) => value.to_string(),
        Item::Int(int) => int.to_string(),
        Item::Big(big) => {
            let number = BigInt::from_bytes_be(Sign::Plus, big.bytes);
            if big.negative { !number } else { number }.to_string()
        }
        Item::Float(float) => format!("{float:?}"),
        Item::Text(text) => format!("{text:?}"),
        Item::Bytes(bytes) => format!("h'{}'", bytes.escape_ascii()),
        Item::List(..) => {
            let all: Vec<_> = elements(value).map(show).collect();
            format!("[{}]", all.join(", "))
        }
        Item::Map(..) => {
            let all: Vec<_> = entries(value)
                .map(|(key, value)| format!("{}: {}", show(key), show(value)))
                .collect();
            format!("{{{}}}", all.join(", "))
        }
        Item::Function(id) => format!("function {id}"),
        Item::Library(name) => format!("library {name}"),
        Item::View(view) => format!("view '{}'", view.escape_ascii()),
    }
}

/// Whether the error is one that a script raised, with this message.
pub(crate) fn script(error: &Error) -> &str {
    match error {
        Error::Script(failure) => &failure.message,
        other => panic!("{other:?}"),
    }
}

impl Machine {
    /// What `string.dump` would make of a source.
    pub(crate) fn dump_for_test(&mut self, source: &str) -> Vec<u8> {
        self.stack.load_text(source.as_bytes(), c"=dump");
        let dump = self.stack.dump();
        self.stack.pop(1);
        dump
    }
}
