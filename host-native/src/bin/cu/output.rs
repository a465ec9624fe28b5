//! How results look: JSON for machines, tables and indented JSON for people.

use std::io::{self, IsTerminal, Write};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use cu_db::{Key, Value, json};
use serde_json::{Value as Json, json};

use crate::failure::Failure;

/// Where and how results are printed.
#[derive(Clone, Copy)]
pub struct Output {
    pub json: bool,
}

impl Output {
    /// One result as a whole.
    pub fn document(self, document: &Json) -> Result<(), Failure> {
        let text = if self.json {
            json::to_text(document)
        } else {
            pretty(document)
        };
        self.line(&text)
    }

    /// The values that Lua returned: one on each line for people, one array for machines.
    pub fn values(self, values: Vec<Value>) -> Result<(), Failure> {
        let values: Vec<Json> = values
            .into_iter()
            .map(json::from_value)
            .collect::<Result<_, _>>()?;
        if self.json {
            return self.line(&json::to_text(&Json::Array(values)));
        }
        values
            .iter()
            .try_for_each(|value| self.line(&pretty(value)))
    }

    /// A line of text.
    pub fn line(self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")
            .and_then(|()| out.flush())
            .or_else(broken_pipe)?;
        Ok(())
    }

    /// What a command did, if there is a person to read it.
    pub fn remark(self, text: &str) {
        if !self.json {
            eprintln!("{text}");
        }
    }

    /// Rows with the same members: a table for people, one object on each line for machines.
    pub fn rows(self, names: &[&str], rows: Vec<Vec<Json>>) -> Result<(), Failure> {
        if self.json {
            return rows.into_iter().try_for_each(|row| {
                let object = names
                    .iter()
                    .map(|name| (*name).to_owned())
                    .zip(row)
                    .collect();
                self.line(&json::to_text(&Json::Object(object)))
            });
        }
        if rows.is_empty() {
            self.remark("none");
            return Ok(());
        }
        let mut table = new_table();
        table.set_header(names);
        for row in rows {
            table.add_row(row.iter().map(cell));
        }
        self.line(&table.to_string())
    }

    /// Documents with their keys: a table with a column for each member that any has.
    pub fn documents(self, documents: Vec<(Key, Value)>) -> Result<(), Failure> {
        let mut rows = Vec::with_capacity(documents.len());
        for (key, document) in documents {
            rows.push((key_to_json(&key), json::from_value(document)?));
        }
        if self.json {
            return rows.into_iter().try_for_each(|(key, value)| {
                self.line(&json::to_text(&json!({"key": key, "value": value})))
            });
        }
        let mut columns: Vec<&str> = Vec::new();
        for (_, document) in &rows {
            for name in document
                .as_object()
                .into_iter()
                .flat_map(|members| members.keys())
            {
                if !columns.contains(&name.as_str()) {
                    columns.push(name);
                }
            }
        }
        let plain = rows.iter().any(|(_, document)| !document.is_object());
        let mut table = new_table();
        let value = plain.then_some("(value)");
        table.set_header(
            ["(key)"]
                .into_iter()
                .chain(columns.iter().copied())
                .chain(value),
        );
        for (key, document) in &rows {
            let members = columns
                .iter()
                .map(|name| document.get(name).map_or(String::new(), cell));
            let value = plain.then(|| {
                if document.is_object() {
                    String::new()
                } else {
                    cell(document)
                }
            });
            table.add_row([cell(key)].into_iter().chain(members).chain(value));
        }
        if !rows.is_empty() {
            self.line(&table.to_string())?;
        }
        self.remark(&plural(rows.len() as u64, "document"));
        Ok(())
    }
}

/// "1 document", "12,345 documents".
pub fn plural(count: u64, what: &str) -> String {
    format!(
        "{} {what}{}",
        indicatif::HumanCount(count),
        if count == 1 { "" } else { "s" }
    )
}

/// "1 entry", "12,345 entries".
pub fn entries(count: u64) -> String {
    if count == 1 {
        "1 entry".to_owned()
    } else {
        format!("{} entries", indicatif::HumanCount(count))
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A key as JSON, in the form that [`json_to_key`](crate::input::json_to_key) reads.
pub fn key_to_json(key: &Key) -> Json {
    match key {
        Key::Integer(integer) => (*integer).into(),
        Key::Text(text) => text.as_str().into(),
        Key::Bytes(bytes) => {
            json::from_value(Value::Bytes(bytes.clone())).expect("bytes have a JSON form")
        }
    }
}

fn new_table() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table
}

/// A value in a table: texts without quotes.
fn cell(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => json::to_text(other),
    }
}

/// A value for people: indented, texts on their own without quotes.
pub fn pretty(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => json::to_text_pretty(other),
    }
}

/// A reader that has enough, such as `head`, is no error.
fn broken_pipe(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    Err(error)
}
