//! What an index holds, in numbers.

use super::sample::{RELIABLE, sample_key};
use crate::catalog::{Index, Table};
use crate::database::Database;
use crate::error::Result;
use crate::key::{prefix, space, successor};
use crate::store::{Cursor, Direction};
use crate::value::{
    Item, NULL, elements, encode_ordered, write_array_head, write_bool, write_int, write_map_head,
    write_text,
};

/// So many entries are looked at themselves; where there are more, the sample is.
const EXACT: u64 = 4096;

/// Parts of a histogram.
const PARTS: u64 = 16;

/// A part of a histogram: entries that follow each other.
#[derive(Default)]
struct Part {
    /// The document of the last entry, its key encoded, and the entry without the space.
    document: Vec<u8>,
    last: Vec<u8>,
    entries: u64,
}

/// What was counted, in an index or in its sample.
#[derive(Default)]
struct Counted {
    parts: Vec<Part>,
    entries: u64,
    /// Different values.
    distinct: u64,
    /// Values that are there once.
    single: u64,
    /// Values that are there often, and their entries.
    frequent: u64,
    of_frequent: u64,
}

/// A value that is in a sample more often than that is no matter of estimation.
const FREQUENT: u64 = 8;

/// Appends what is known of an index: a map.
///
/// # Errors
/// As the store fails.
pub fn write_statistics(
    db: &Database,
    table: &Table,
    index: &Index,
    out: &mut Vec<u8>,
) -> Result<()> {
    let all = prefix(space::INDEX, index.id);
    let entries = db.transaction().count(&all, &successor(&all))?;
    let exact = entries <= EXACT;
    let counted = if exact {
        count(db, index, &all, entries)?
    } else {
        let sample = sample_key(&all);
        let hits = db.transaction().count(&sample, &successor(&sample))?;
        count(db, index, &sample, hits)?
    };
    // A sample that is too small to tell, as an index has that is older than samples are, tells nothing.
    let known = exact || counted.entries >= RELIABLE;
    let scaled = |number: u64| {
        let all = u128::from(number) * u128::from(entries);
        let scaled = all / u128::from(counted.entries.max(1));
        u64::try_from(scaled).unwrap_or(u64::MAX)
    };
    let histogram = known && !index.hash;
    write_map_head(out, 2 + usize::from(known) + usize::from(histogram));
    write_text(out, "exact");
    write_bool(out, exact);
    write_text(out, "entries");
    write_number(out, entries);
    if known {
        write_text(out, "distinct");
        write_number(out, counted.distinct_of(entries, index.unique));
    }
    if histogram {
        write_text(out, "histogram");
        write_array_head(out, counted.parts.len());
        for part in &counted.parts {
            write_map_head(out, 2);
            write_text(out, "upTo");
            write_values(db, table, index, part, out)?;
            write_text(out, "entries");
            write_number(
                out,
                if exact {
                    part.entries
                } else {
                    scaled(part.entries)
                },
            );
        }
    }
    Ok(())
}

fn write_number(out: &mut Vec<u8>, number: u64) {
    write_int(out, i64::try_from(number).unwrap_or(i64::MAX));
}

/// Walks an index, or its sample, of which it is known how many entries it has.
fn count(db: &Database, index: &Index, all: &[u8], entries: u64) -> Result<Counted> {
    let transaction = db.transaction();
    let mut cursor = Cursor::new(all.to_vec(), successor(all), Direction::Forward).eager();
    let mut counted = Counted::default();
    let (mut part, mut value, mut run) = (Part::default(), Vec::new(), 0u64);
    while let Some((entry, stored)) = cursor.next(transaction)? {
        let size = index.components_size(entry).unwrap_or(entry.len());
        if run > 0 && entry[..size] == value[..] {
            run += 1;
        } else {
            counted.end_run(run);
            // A part ends where a value does.
            if counted.entries * PARTS >= entries * (counted.parts.len() as u64 + 1) {
                counted.parts.push(std::mem::take(&mut part));
            }
            counted.distinct += 1;
            value.clear();
            value.extend_from_slice(&entry[..size]);
            run = 1;
        }
        counted.entries += 1;
        part.entries += 1;
        part.document.clear();
        part.document
            .extend_from_slice(index.document_key(entry, stored)?);
        part.last.clear();
        part.last.extend_from_slice(entry);
    }
    counted.end_run(run);
    if part.entries > 0 {
        counted.parts.push(part);
    }
    Ok(counted)
}

impl Counted {
    /// Ends a value that was met so many times.
    fn end_run(&mut self, run: u64) {
        self.single += u64::from(run == 1);
        if run > FREQUENT {
            self.frequent += 1;
            self.of_frequent += run;
        }
    }

    /// How many different values there are among all entries: exactly if these were counted, else by the
    /// estimator of Haas and Stokes for those that are not frequent.
    fn distinct_of(&self, entries: u64, is_unique: bool) -> u64 {
        if entries == self.entries {
            return self.distinct;
        }
        if is_unique {
            return entries;
        }
        let n = self.entries - self.of_frequent;
        let d = self.distinct - self.frequent;
        let all = u128::from(entries) * u128::from(n) / u128::from(self.entries.max(1));
        let [n, d, f] = [n, d, self.single].map(u128::from);
        let rare = n * d * all / ((n - f) * all + f * n).max(1);
        let estimate = u64::try_from(rare).unwrap_or(entries);
        let most = entries.max(self.distinct);
        estimate
            .saturating_add(self.frequent)
            .clamp(self.distinct, most)
    }
}

/// Appends the values that the last entry of a part stands for, as its document has them.
fn write_values(
    db: &Database,
    table: &Table,
    index: &Index,
    part: &Part,
    out: &mut Vec<u8>,
) -> Result<()> {
    let key = [prefix(space::DOCUMENT, table.id).as_slice(), &part.document].concat();
    let document = db.transaction().get(&key)?;
    write_array_head(out, index.fields.len());
    for field in &index.fields {
        let found = document.as_deref().and_then(|one| field.path.find(one));
        let value = found.unwrap_or(&[NULL]);
        if field.multi_entry && matches!(Item::of(value), Item::List(1.., _)) {
            // It is one of the elements, which the entry tells.
            let element = elements(value).find(|element| {
                let mut encoded = Vec::new();
                encode_ordered(element, &mut encoded);
                if field.descending {
                    encoded.iter_mut().for_each(|byte| *byte = !*byte);
                }
                part.last.windows(encoded.len()).any(|part| part == encoded)
            });
            out.extend_from_slice(element.unwrap_or(&[NULL]));
        } else {
            out.extend_from_slice(value);
        }
    }
    Ok(())
}
