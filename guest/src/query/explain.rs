//! Telling how a query is run: as data, and as text for people.

use std::time::Instant;

use super::cover::Cover;
use super::parse::Query;
use super::plan::{Access, Considered, Entries, Order, Plan};
use super::run::{Search, Times};
use crate::bytes::sort;
use crate::database::Database;
use crate::error::Result;
use crate::value::{
    write_array_head, write_bool, write_int, write_map_head, write_null, write_text,
};

/// A map in the making.
#[derive(Default)]
struct Map {
    members: Vec<Vec<u8>>,
}

impl Map {
    /// Begins a member, whose value is to be appended.
    fn member(&mut self, name: &str) -> &mut Vec<u8> {
        let mut member = Vec::new();
        write_text(&mut member, name);
        self.members.push(member);
        self.members.last_mut().expect("one was pushed")
    }

    fn number(&mut self, name: &str, number: u64) {
        write_int(self.member(name), i64::try_from(number).unwrap_or(i64::MAX));
    }

    fn numbers(&mut self, name: &str, numbers: &[(&str, u64)]) {
        let mut map = Map::default();
        for (name, number) in numbers {
            map.number(name, *number);
        }
        map.write(self.member(name));
    }

    fn write(mut self, out: &mut Vec<u8>) {
        sort(&mut self.members);
        write_map_head(out, self.members.len());
        self.members
            .iter()
            .for_each(|member| out.extend_from_slice(member));
    }
}

/// What there is to tell.
struct Told {
    access: &'static str,
    indexes: Vec<String>,
    ranges: u64,
    covered: bool,
    filter: bool,
    sort: bool,
    considered: Vec<Considered>,
    analysis: Option<Analysis>,
}

/// What running it has shown.
struct Analysis {
    /// What was met, read and found.
    counts: [(&'static str, u64); 3],
    /// How long the steps took, in microseconds.
    time: Vec<(&'static str, u64)>,
}

/// How [`run`](super::run) would find the documents. `cached` is whether the result would come from the cache.
///
/// # Errors
/// `UnknownTable`.
pub fn explain(db: &Database, query: &Query, cached: bool) -> Result<Vec<u8>> {
    db.known_table(&query.table)?;
    query.condition.prepare(db, &query.table)?;
    let told = match Cover::find(db, query)? {
        Some(cover) => told_by_index(db, query, &cover)?,
        None => told_by_plan(db, query)?,
    };
    let mut map = Map::default();
    write_bool(map.member("covered"), told.covered);
    write_bool(map.member("sort"), told.sort);
    write_bool(map.member("filter"), told.filter);
    match told.indexes.as_slice() {
        [index] => write_text(map.member("index"), index),
        _ => write_null(map.member("index")),
    }
    write_text(map.member("access"), told.access);
    map.number("ranges", told.ranges);
    write_names(map.member("indexes"), &told.indexes);
    let considered = map.member("considered");
    write_array_head(considered, told.considered.len());
    for one in &told.considered {
        write_considered(one, considered);
    }
    if let Some(analysis) = &told.analysis {
        map.numbers("analysis", &analysis.counts);
        map.numbers("time", &analysis.time);
        write_bool(map.member("cached"), cached);
    }
    if query.text {
        let mut text = String::new();
        told.describe(query, cached, &mut text);
        write_text(map.member("text"), &text);
    }
    let mut out = Vec::new();
    map.write(&mut out);
    Ok(out)
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn told_by_plan(db: &Database, query: &Query) -> Result<Told> {
    let table = db.known_table(&query.table)?;
    let asked = match query.grouping {
        Some(_) => Query {
            sort: Vec::new(),
            limit: None,
            offset: 0,
            ..query.clone()
        },
        None => query.clone(),
    };
    let begun = Instant::now();
    let mut plan = Plan::choose(&asked, &table, db.transaction(), true)?;
    let planned = micros(begun);
    let walks = plan.access.walks();
    let ranges: usize = walks.iter().map(|walk| walk.ranges.len()).sum();
    let ranges = if walks.is_empty() { 1 } else { ranges };
    let mut told = Told {
        access: match &plan.access {
            Access::Table(_) => "scan",
            Access::Index(_) => "index",
            Access::Intersection(_) => "intersection",
            Access::Union(_) => "union",
        },
        indexes: walks.iter().map(|walk| walk.index.name.clone()).collect(),
        ranges: ranges as u64,
        covered: false,
        filter: !plan.filter.is_always(),
        sort: matches!(plan.order, Order::Fields(_)),
        considered: std::mem::take(&mut plan.considered),
        analysis: None,
    };
    if query.analyze {
        let begun = Instant::now();
        let mut search = Search::new(db, query, &table, plan);
        search.times = Some(Times::default());
        let mut rows = 0;
        search.for_each(&asked, &mut |_, _| {
            rows += 1;
            Ok(true)
        })?;
        let all = micros(begun);
        let times = search.times.take().unwrap_or_default();
        let [keys, documents, sort] =
            [&times.keys, &times.documents, &times.sort].map(|time| time.get() / 1000);
        let rest = all.saturating_sub(keys + documents + sort);
        told.analysis = Some(Analysis {
            counts: [
                ("entries", search.entries.get()),
                ("documents", search.documents.get()),
                ("rows", rows),
            ],
            time: vec![
                ("plan", planned),
                ("keys", keys),
                ("documents", documents),
                ("sort", sort),
                ("rest", rest),
            ],
        });
    }
    Ok(told)
}

/// How an index alone tells of groups.
fn told_by_index(db: &Database, query: &Query, cover: &Cover) -> Result<Told> {
    let mut told = Told {
        access: "index",
        indexes: vec![cover.index.name.clone()],
        ranges: cover.ranges.len() as u64,
        covered: true,
        filter: false,
        sort: false,
        considered: Vec::new(),
        analysis: None,
    };
    if query.analyze {
        let begun = Instant::now();
        cover.for_each(&mut |_, _| Ok(()))?;
        let time = micros(begun);
        let rows = super::count(db, query)?;
        told.analysis = Some(Analysis {
            counts: [
                ("entries", cover.entries.get()),
                ("documents", cover.documents.get()),
                ("rows", rows),
            ],
            time: vec![("keys", time)],
        });
    }
    Ok(told)
}

fn write_names(out: &mut Vec<u8>, names: &[String]) {
    write_array_head(out, names.len());
    names.iter().for_each(|name| write_text(out, name));
}

fn write_considered(considered: &Considered, out: &mut Vec<u8>) {
    let mut map = Map::default();
    write_names(map.member("indexes"), &considered.indexes);
    if let Some(entries) = considered.entries {
        map.number("entries", entries.count);
        write_bool(map.member("more"), entries.more);
        if entries.estimated {
            write_bool(map.member("estimated"), true);
        }
    }
    if let Some(cost) = considered.cost {
        map.number("cost", cost);
    }
    map.write(out);
}

impl Told {
    /// Writes it in lines.
    fn describe(&self, query: &Query, cached: bool, out: &mut String) {
        let mut add = |parts: &[&str]| parts.iter().for_each(|part| out.push_str(part));
        let names = self.indexes.join(", ");
        let how = match self.access {
            "scan" => "scan of table ",
            "index" => "index ",
            "intersection" => "documents that are in all of the indexes ",
            _ => "documents that are in any of the indexes ",
        };
        let ranges = self.ranges.to_string();
        if self.access == "scan" {
            add(&[how, &query.table]);
        } else {
            add(&[how, &names, ", ranges: ", &ranges]);
        }
        if self.covered {
            add(&["\ngroups are told from the index"]);
        }
        if self.filter {
            add(&["\ndocuments are tested"]);
        }
        if self.sort {
            add(&["\ndocuments are sorted"]);
        }
        for one in &self.considered {
            add(&["\nconsidered: ", &one.indexes.join(", ")]);
            if let Some(Entries {
                count,
                more,
                estimated,
            }) = one.entries
            {
                let much = if more {
                    ", at least "
                } else if estimated {
                    ", about "
                } else {
                    ", "
                };
                add(&[much, &count.to_string(), " entries"]);
            }
            if let Some(cost) = one.cost {
                add(&[", cost ", &cost.to_string()]);
            }
        }
        let Some(analysis) = &self.analysis else {
            return;
        };
        for (title, numbers) in [
            ("\ncounted:", analysis.counts.as_slice()),
            ("\nmicroseconds:", &analysis.time),
        ] {
            add(&[title]);
            for (at, (name, number)) in numbers.iter().enumerate() {
                let before = if at > 0 { ", " } else { " " };
                add(&[before, name, " ", &number.to_string()]);
            }
        }
        if cached {
            add(&["\nthe result is in the cache"]);
        }
    }
}
