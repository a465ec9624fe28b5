//! `cu export`: the documents of a table, as a file.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use cu_db::{Database, Key, Value, json};
use serde_json::{Map, Value as Json, json};

use crate::arguments::{Export, Format};
use crate::failure::Failure;
use crate::output::{Output, key_to_json, plural};
use crate::records::format_of;

pub fn run(database: &Database, arguments: &Export, output: Output) -> Result<(), Failure> {
    let format = arguments
        .format
        .or_else(|| arguments.file.as_deref().map(format_of))
        .unwrap_or(Format::Ndjson);
    // A table that isn't there is found before a file is made for it.
    let documents = database
        .scan::<Value>(&arguments.table, ..)
        .peekable_error()?;
    let out: Box<dyn Write> = match &arguments.file {
        Some(path) => Box::new(File::create(path).map_err(|error| {
            Failure::Input(format!("{} can't be written: {error}", path.display()))
        })?),
        None => Box::new(io::stdout().lock()),
    };
    let mut out = BufWriter::with_capacity(1 << 18, out);
    let mut rows = Rows {
        documents,
        arguments,
        functions: 0,
    };
    let written = match format {
        Format::Ndjson => rows.ndjson(&mut out),
        Format::Json => rows.json(&mut out),
        Format::Csv => rows.csv(&mut out, database),
    }?;
    out.flush()?;
    if arguments.file.is_some() {
        output.remark(&plural(written, "document"));
    }
    if rows.functions > 0 {
        output.remark(&format!(
            "{} left out: `cu functions show` prints the source",
            plural(rows.functions, "function")
        ));
    }
    Ok(())
}

/// The rows of a scan, the first one looked at already.
type Documents<'a> = std::iter::Peekable<cu_db::Scan<'a, Value>>;

trait PeekableError<'a> {
    /// Fails now if the first row is an error.
    fn peekable_error(self) -> Result<Documents<'a>, Failure>;
}

impl<'a> PeekableError<'a> for cu_db::Scan<'a, Value> {
    fn peekable_error(self) -> Result<Documents<'a>, Failure> {
        let mut documents = self.peekable();
        match documents.next_if(Result::is_err) {
            Some(Err(error)) => Err(error.into()),
            _ => Ok(documents),
        }
    }
}

struct Rows<'a> {
    documents: Documents<'a>,
    arguments: &'a Export,
    functions: u64,
}

impl Rows<'_> {
    /// The next row in the form that is written; functions are counted and left out.
    fn next(&mut self) -> Option<Result<Json, Failure>> {
        loop {
            let (key, document) = match self.documents.next()? {
                Ok(row) => row,
                Err(error) => return Some(Err(error.into())),
            };
            if json::is_function(&document) {
                self.functions += 1;
                continue;
            }
            return Some(self.shape(&key, document));
        }
    }

    fn shape(&self, key: &Key, document: Value) -> Result<Json, Failure> {
        let document = json::from_value(document)?;
        if self.arguments.rows {
            return Ok(json!({"key": key_to_json(key), "value": document}));
        }
        let Some(name) = &self.arguments.key else {
            return Ok(document);
        };
        match document {
            Json::Object(members) => {
                let mut with_key = Map::from_iter([(name.clone(), key_to_json(key))]);
                with_key.extend(members.into_iter().filter(|(member, _)| member != name));
                Ok(with_key.into())
            }
            _ => Err(Failure::Input(format!(
                "the document under {key} is no map and can't have its key as a member; use --rows"
            ))),
        }
    }

    fn ndjson(&mut self, out: &mut dyn Write) -> Result<u64, Failure> {
        let mut written = 0;
        while let Some(row) = self.next() {
            serde_json::to_writer(&mut *out, &json::Exact(&row?))?;
            out.write_all(b"\n")?;
            written += 1;
        }
        Ok(written)
    }

    fn json(&mut self, out: &mut dyn Write) -> Result<u64, Failure> {
        let mut written = 0;
        out.write_all(b"[")?;
        while let Some(row) = self.next() {
            out.write_all(if written == 0 { b"\n" } else { b",\n" })?;
            serde_json::to_writer(&mut *out, &json::Exact(&row?))?;
            written += 1;
        }
        out.write_all(b"\n]\n")?;
        Ok(written)
    }

    /// CSV needs the names of all members first: the table is read twice.
    fn csv(&mut self, out: &mut dyn Write, database: &Database) -> Result<u64, Failure> {
        let mut names = BTreeSet::new();
        for document in database.scan::<Value>(&self.arguments.table, ..) {
            if let Value::Map(members) = document?.1 {
                names.extend(
                    members
                        .into_iter()
                        .filter_map(|(name, _)| name.into_text().ok()),
                );
            }
        }
        let names: Vec<&str> = if self.arguments.rows {
            vec!["key", "value"]
        } else {
            let key = self.arguments.key.as_deref();
            key.into_iter()
                .chain(
                    names
                        .iter()
                        .map(String::as_str)
                        .filter(|name| Some(*name) != key),
                )
                .collect()
        };
        let wrong = |error: csv::Error| Failure::Input(format!("CSV can't be written: {error}"));
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(&names).map_err(wrong)?;
        let mut written = 0;
        while let Some(row) = self.next() {
            let row = row?;
            let Json::Object(members) = &row else {
                return Err(Failure::Input(
                    "CSV has only maps; use --rows, or --format ndjson".to_owned(),
                ));
            };
            let cells = names.iter().map(|name| match members.get(*name) {
                None | Some(Json::Null) => String::new(),
                Some(Json::String(text)) => text.clone(),
                Some(value) => json::to_text(value),
            });
            writer.write_record(cells).map_err(wrong)?;
            written += 1;
        }
        writer.flush()?;
        Ok(written)
    }
}
