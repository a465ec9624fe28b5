//! Telling how a query is run.

use std::cell::Cell;

use super::cover::Cover;
use super::parse::Query;
use super::plan::{Access, Considered, Order, Plan};
use super::run::Search;
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

    fn analysis(&mut self, entries: &Cell<u64>, documents: &Cell<u64>, rows: u64) {
        let mut map = Map::default();
        map.number("entries", entries.get());
        map.number("documents", documents.get());
        map.number("rows", rows);
        map.write(self.member("analysis"));
    }

    fn write(mut self, out: &mut Vec<u8>) {
        sort(&mut self.members);
        write_map_head(out, self.members.len());
        self.members
            .iter()
            .for_each(|member| out.extend_from_slice(member));
    }
}

/// How [`run`](super::run) would find the documents.
///
/// # Errors
/// `UnknownTable`.
pub fn explain(db: &Database, query: &Query) -> Result<Vec<u8>> {
    let table = db.known_table(&query.table)?;
    query.condition.prepare(db, &query.table)?;
    if let Some(cover) = Cover::find(db, query)? {
        return explain_cover(db, query, &cover);
    }
    let asked = match query.grouping {
        Some(_) => Query {
            sort: Vec::new(),
            limit: None,
            offset: 0,
            ..query.clone()
        },
        None => query.clone(),
    };
    let plan = Plan::choose(&asked, &table, db.transaction(), true)?;
    let mut map = Map::default();
    write_bool(map.member("covered"), false);
    let walks = plan.access.walks();
    write_bool(map.member("sort"), matches!(plan.order, Order::Fields(_)));
    match walks {
        [walk] => write_text(map.member("index"), &walk.index.name),
        _ => write_null(map.member("index")),
    }
    let access = match &plan.access {
        Access::Table(_) => "scan",
        Access::Index(_) => "index",
        Access::Intersection(_) => "intersection",
        Access::Union(_) => "union",
    };
    write_text(map.member("access"), access);
    write_bool(map.member("filter"), !plan.filter.is_always());
    let ranges: usize = walks.iter().map(|walk| walk.ranges.len()).sum();
    let ranges = if walks.is_empty() { 1 } else { ranges };
    map.number("ranges", ranges as u64);
    let names: Vec<String> = walks.iter().map(|walk| walk.index.name.clone()).collect();
    write_names(map.member("indexes"), &names);
    let considered = map.member("considered");
    write_array_head(considered, plan.considered.len());
    for one in &plan.considered {
        write_considered(one, considered);
    }
    if query.analyze {
        let mut search = Search::new(db, query, &table, plan);
        let mut rows = 0;
        search.for_each(&asked, &mut |_, _| {
            rows += 1;
            Ok(true)
        })?;
        map.analysis(&search.entries, &search.documents, rows);
    }
    let mut out = Vec::new();
    map.write(&mut out);
    Ok(out)
}

/// How an index alone tells of groups.
fn explain_cover(db: &Database, query: &Query, cover: &Cover) -> Result<Vec<u8>> {
    let mut map = Map::default();
    write_bool(map.member("covered"), true);
    write_bool(map.member("sort"), false);
    write_bool(map.member("filter"), false);
    write_text(map.member("index"), &cover.index.name);
    write_names(
        map.member("indexes"),
        std::slice::from_ref(&cover.index.name),
    );
    write_text(map.member("access"), "index");
    map.number("ranges", cover.ranges.len() as u64);
    write_array_head(map.member("considered"), 0);
    if query.analyze {
        cover.for_each(&mut |_, _| Ok(()))?;
        let rows = super::count(db, query)?;
        map.analysis(&cover.entries, &cover.documents, rows);
    }
    let mut out = Vec::new();
    map.write(&mut out);
    Ok(out)
}

fn write_names(out: &mut Vec<u8>, names: &[String]) {
    write_array_head(out, names.len());
    names.iter().for_each(|name| write_text(out, name));
}

fn write_considered(considered: &Considered, out: &mut Vec<u8>) {
    let mut map = Map::default();
    write_names(map.member("indexes"), &considered.indexes);
    if let Some((entries, more)) = considered.entries {
        map.number("entries", entries);
        write_bool(map.member("more"), more);
    }
    if let Some(cost) = considered.cost {
        map.number("cost", cost);
    }
    map.write(out);
}
