//! Documents in files: JSON, NDJSON and CSV, read one by one.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use cu_db::json;
use indicatif::ProgressBar;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use crate::arguments::Format;
use crate::failure::Failure;

/// The format that a file's name says.
pub fn format_of(path: &Path) -> Format {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => Format::Json,
        Some("csv") => Format::Csv,
        _ => Format::Ndjson,
    }
}

/// What is done with each document.
type Take<'a> = &'a mut dyn FnMut(Json) -> Result<(), Failure>;

/// Reads every document of a file; `-` is standard input. `progress` advances by bytes.
pub fn read(
    path: &Path,
    format: Format,
    csv_text: bool,
    progress: &ProgressBar,
    take: Take<'_>,
) -> Result<(), Failure> {
    let failed =
        |error: io::Error| Failure::Input(format!("{} can't be read: {error}", path.display()));
    let reader: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        let file = File::open(path).map_err(failed)?;
        progress.set_length(file.metadata().map_err(failed)?.len());
        Box::new(file)
    };
    let reader = BufReader::with_capacity(1 << 18, progress.wrap_read(reader));
    match format {
        Format::Ndjson => lines(reader, take),
        Format::Json => array(reader, take),
        Format::Csv => cells(reader, csv_text, take),
    }
}

fn lines(mut reader: impl BufRead, take: Take<'_>) -> Result<(), Failure> {
    let mut line = Vec::new();
    for number in 1u64.. {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let document = json::from_text(&line)
            .map_err(|error| Failure::Input(format!("line {number} is not JSON: {error}")))?;
        take(document)?;
    }
    Ok(())
}

/// A JSON array is read element by element, so that it need not fit in memory as a whole.
fn array(reader: impl Read, take: Take<'_>) -> Result<(), Failure> {
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let mut elements = Elements {
        take,
        failure: None,
    };
    let read = deserializer.deserialize_seq(&mut elements);
    if let Some(failure) = elements.failure {
        return Err(failure);
    }
    read.and_then(|()| deserializer.end())
        .map_err(|error| Failure::Input(format!("the file is not a JSON array: {error}")))
}

struct Elements<'a> {
    take: Take<'a>,
    failure: Option<Failure>,
}

impl<'de> Visitor<'de> for &mut Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of documents")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(document) = elements.next_element_seed(Element)? {
            if let Err(failure) = (self.take)(document) {
                self.failure = Some(failure);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        elements.next_element::<IgnoredAny>().map(drop)
    }
}

struct Element;

impl<'de> DeserializeSeed<'de> for Element {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let text: Box<RawValue> = serde::Deserialize::deserialize(deserializer)?;
        json::from_text(text.get().as_bytes()).map_err(serde::de::Error::custom)
    }
}

fn cells(reader: impl Read, text: bool, take: Take<'_>) -> Result<(), Failure> {
    let wrong = |error: csv::Error| Failure::Input(format!("the file is not CSV: {error}"));
    let mut reader = csv::Reader::from_reader(reader);
    let names = reader.headers().map_err(wrong)?.clone();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(wrong)? {
        let mut document = Map::new();
        for (name, cell) in names.iter().zip(&record) {
            if text {
                document.insert(name.to_owned(), cell.into());
            } else if let Some(value) = value_of(cell) {
                document.insert(name.to_owned(), value);
            }
        }
        take(document.into())?;
    }
    Ok(())
}

/// What a cell is written like; nothing if it is empty. `007` and `1e5x` are texts.
fn value_of(cell: &str) -> Option<Json> {
    match cell {
        "" => return None,
        "true" => return Some(true.into()),
        "false" => return Some(false.into()),
        _ => {}
    }
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let numeric = digits.starts_with(|first: char| first.is_ascii_digit())
        && (!digits.starts_with('0') || digits.len() == 1 || digits.starts_with("0."));
    // JSON's numbers are exactly what is meant here.
    let number = numeric
        .then(|| json::from_text(cell.as_bytes()).ok())
        .flatten();
    Some(number.unwrap_or_else(|| cell.into()))
}
