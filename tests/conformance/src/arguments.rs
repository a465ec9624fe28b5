//! The arguments of a step, as the exported functions take them.

use std::cell::RefCell;
use std::collections::BTreeSet;

use cu_guest::Key;
use serde_json::{Map, Value as Json};

use crate::{cbor, notation};

/// The arguments of one call. What is asked for and absent, or there and never asked for,
/// is a mistake in the case.
pub struct Arguments<'a> {
    members: &'a Map<String, Json>,
    place: String,
    asked: RefCell<BTreeSet<String>>,
}

/// The time that a case's call takes for now unless it says another one: what is stored must not depend on when
/// the suite runs. It is 2026-01-01.
pub const CASE_TIME: i64 = 1_767_225_600;

/// How a Lua call runs, as in `call-options`.
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "each is documented in wit/database.wit")]
pub struct CallOptions {
    pub chunk_name: Option<String>,
    pub instructions: Option<u64>,
    pub memory: Option<u64>,
    pub wall_clock: Option<u64>,
    pub call_depth: Option<u64>,
    pub result_size: Option<u64>,
    pub output_size: Option<u64>,
    pub transaction_size: Option<u64>,
    pub seed: Option<u64>,
    pub time: Option<i64>,
    pub keep_globals: bool,
}

/// The members of the record `database-limits`, in its order.
pub const LIMITS: [&str; 9] = [
    "memory",
    "instructions",
    "wall-clock",
    "call-depth",
    "result-size",
    "output-size",
    "transaction-size",
    "function-size",
    "cache-size",
];

/// Where a scan starts and ends, as in `scan-range`.
#[derive(Debug)]
#[allow(missing_docs, reason = "each is documented in wit/database.wit")]
pub struct ScanRange {
    pub start: Option<Key>,
    pub end: Option<Key>,
    pub backward: bool,
    pub limit: u32,
}

/// What these functions give: the argument, or what is wrong with the case.
pub type Argument<T> = Result<T, String>;

impl<'a> Arguments<'a> {
    /// The arguments in a step's `args`.
    #[must_use]
    pub fn new(members: &'a Map<String, Json>) -> Self {
        Arguments {
            members,
            place: "args".into(),
            asked: RefCell::default(),
        }
    }

    /// Checks that each argument was asked for.
    ///
    /// # Errors
    /// With the name of one that was not.
    pub fn finish(&self) -> Argument<()> {
        let asked = self.asked.borrow();
        match self.members.keys().find(|name| !asked.contains(*name)) {
            Some(name) => Err(format!("{}.{name} is no argument of this call", self.place)),
            None => Ok(()),
        }
    }

    fn optional(&self, name: &str) -> Option<&'a Json> {
        self.asked.borrow_mut().insert(name.to_string());
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn required(&self, name: &str) -> Argument<&'a Json> {
        self.asked.borrow_mut().insert(name.to_string());
        let value = self.members.get(name);
        value.ok_or_else(|| format!("{}.{name} is missing", self.place))
    }

    fn wrong(&self, name: &str, what: &str) -> String {
        format!("{}.{name} is no {what}", self.place)
    }

    /// A value, as CBOR.
    ///
    /// # Errors
    /// If it is missing or not in the notation.
    pub fn value(&self, name: &str) -> Argument<Vec<u8>> {
        let value = self.required(name)?;
        notation::encode(value).map_err(|error| format!("{}.{name}: {error}", self.place))
    }

    /// A value that may be left out, as CBOR.
    ///
    /// # Errors
    /// If it is not in the notation.
    pub fn optional_value(&self, name: &str) -> Argument<Option<Vec<u8>>> {
        match self.optional(name) {
            Some(_) => self.value(name).map(Some),
            None => Ok(None),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn text(&self, name: &str) -> Argument<String> {
        self.required(name)?;
        let text = self.optional_text(name)?;
        text.ok_or_else(|| self.wrong(name, "text"))
    }

    /// A byte list.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn bytes(&self, name: &str) -> Argument<Vec<u8>> {
        match cbor::open(&self.value(name)?) {
            Some((2, _, body)) => Ok(body.to_vec()),
            _ => Err(self.wrong(name, "byte string")),
        }
    }

    /// A text that may be left out.
    ///
    /// # Errors
    /// If it is something else.
    pub fn optional_text(&self, name: &str) -> Argument<Option<String>> {
        if self.optional(name).is_none() {
            return Ok(None);
        }
        let value = self.value(name)?;
        match cbor::open(&value) {
            Some((3, _, body)) => String::from_utf8(body.to_vec())
                .map(Some)
                .map_err(|_| self.wrong(name, "text")),
            _ => Err(self.wrong(name, "text")),
        }
    }

    /// Bytes that may be left out.
    ///
    /// # Errors
    /// If they are something else.
    pub fn optional_bytes(&self, name: &str) -> Argument<Option<Vec<u8>>> {
        if self.optional(name).is_none() {
            return Ok(None);
        }
        let value = self.value(name)?;
        match cbor::open(&value) {
            Some((2, _, body)) => Ok(Some(body.to_vec())),
            _ => Err(self.wrong(name, "byte string")),
        }
    }

    /// A document's key.
    ///
    /// # Errors
    /// If it is missing or can't be one.
    pub fn key(&self, name: &str) -> Argument<Key> {
        self.required(name)?;
        let key = self.optional_key(name)?;
        key.ok_or_else(|| self.wrong(name, "key"))
    }

    fn optional_key(&self, name: &str) -> Argument<Option<Key>> {
        if self.optional(name).is_none() {
            return Ok(None);
        }
        let value = self.value(name)?;
        let wrong = || self.wrong(name, "key");
        Ok(Some(match cbor::open(&value).ok_or_else(wrong)? {
            (0, argument, _) => Key::Integer(argument.cast_signed()),
            (1, argument, _) => Key::Integer(!argument.cast_signed()),
            (2, _, body) => Key::Bytes(body.to_vec()),
            (3, _, body) => Key::Text(String::from_utf8(body.to_vec()).map_err(|_| wrong())?),
            _ => return Err(wrong()),
        }))
    }

    fn flag(&self, name: &str) -> Argument<bool> {
        let value = self.optional(name).map_or(Some(false), Json::as_bool);
        value.ok_or_else(|| self.wrong(name, "boolean"))
    }

    fn number<T: TryFrom<i64>>(&self, name: &str) -> Argument<Option<T>> {
        if self.optional(name).is_none() {
            return Ok(None);
        }
        let value = self.value(name)?;
        let wrong = || self.wrong(name, "number of this call");
        let number = match cbor::open(&value) {
            Some((0, argument, _)) => argument.cast_signed(),
            Some((1, argument, _)) => !argument.cast_signed(),
            _ => return Err(wrong()),
        };
        T::try_from(number).map(Some).map_err(|_| wrong())
    }

    fn inner(&self, name: &str, members: &'a Json) -> Argument<Arguments<'a>> {
        Ok(Arguments {
            members: members
                .as_object()
                .ok_or_else(|| self.wrong(name, "record"))?,
            place: format!("{}.{name}", self.place),
            asked: RefCell::default(),
        })
    }

    /// The options of a Lua call; all of them, and each, may be left out.
    ///
    /// # Errors
    /// If they are something else.
    pub fn options(&self) -> Argument<CallOptions> {
        let Some(options) = self.optional("options") else {
            return Ok(CallOptions {
                time: Some(CASE_TIME),
                ..CallOptions::default()
            });
        };
        let inner = self.inner("options", options)?;
        let options = CallOptions {
            chunk_name: inner.optional_text("chunk-name")?,
            instructions: inner.number("instructions")?,
            memory: inner.number("memory")?,
            wall_clock: inner.number("wall-clock")?,
            call_depth: inner.number("call-depth")?,
            result_size: inner.number("result-size")?,
            output_size: inner.number("output-size")?,
            transaction_size: inner.number("transaction-size")?,
            seed: inner.number("seed")?,
            time: inner.number("time")?.or(Some(CASE_TIME)),
            keep_globals: inner.flag("keep-globals")?,
        };
        inner.finish()?;
        Ok(options)
    }

    /// The limits of a database, in the order of [`LIMITS`].
    ///
    /// # Errors
    /// If they are missing or something else.
    pub fn limits(&self) -> Argument<[Option<u64>; LIMITS.len()]> {
        let inner = self.inner("limits", self.required("limits")?)?;
        let mut limits = [None; LIMITS.len()];
        for (limit, name) in limits.iter_mut().zip(LIMITS) {
            *limit = inner.number(name)?;
        }
        inner.finish()?;
        Ok(limits)
    }

    /// The range of a scan.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn range(&self) -> Argument<ScanRange> {
        let inner = self.inner("range", self.required("range")?)?;
        let range = ScanRange {
            start: inner.optional_key("start")?,
            end: inner.optional_key("end")?,
            backward: inner.flag("backward")?,
            limit: inner
                .number("limit")?
                .ok_or("args.range.limit is missing")?,
        };
        inner.finish()?;
        Ok(range)
    }
}
