//! Reading a query.

mod condition;
mod grouping;
mod path;

pub(crate) use condition::parse_condition;
pub(crate) use path::parse_path;

use super::condition::Condition;
use super::group::Grouping;
use super::project::Column;
use crate::error::{Error, Result};
use crate::members::Members;
use crate::value::{Item, Path, elements};

/// A query, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The table's name.
    pub table: String,
    /// What the documents have to meet.
    pub condition: Condition,
    /// What the documents are sorted by, before their keys.
    pub sort: Vec<SortField>,
    /// How many documents at the most.
    pub limit: Option<u64>,
    /// How many documents to leave out before them.
    pub offset: u64,
    /// What is wanted of each document; none for all of it.
    pub select: Option<Vec<Column>>,
    /// What rows are made of documents; none for one of each.
    pub grouping: Option<Grouping>,
    /// The cursor behind which the rows begin.
    pub after: Option<Vec<u8>>,
    /// Whether `explain` also runs it.
    pub analyze: bool,
    /// Whether `explain` also tells it as text.
    pub text: bool,
}

/// One field of a sort.
#[derive(Debug, Clone, PartialEq)]
pub struct SortField {
    /// Where the value is.
    pub field: Path,
    /// From the greatest value to the least.
    pub descending: bool,
}

const SHAPE: &str = "a query is a map with table and, as needed, where, sort, limit, offset, after, select, distinct, \
     groupBy, aggregate, having, analyze and text; for example {\"table\": \"users\", \"limit\": 10}";

/// Reads a query.
///
/// # Errors
/// `InvalidQuery` with the place in it.
pub fn parse(query: &[u8]) -> Result<Query> {
    let names = [
        "table",
        "where",
        "sort",
        "limit",
        "offset",
        "after",
        "select",
        "distinct",
        "groupBy",
        "aggregate",
        "having",
        "analyze",
        "text",
    ];
    let members = Members::read(query, "", &names, SHAPE, Error::query)?;
    let table = members.text("table")?;
    let mut parsed = parse_selection(&members, table.unwrap_or_default())?;
    parsed.offset = members.number("offset")?.unwrap_or(0);
    parsed.select = match members.get("select") {
        Some(select) => Some(grouping::parse_columns(select, "select")?),
        None => None,
    };
    parsed.after = match members.get("after").map(Item::of) {
        None | Some(Item::Null) => None,
        Some(Item::Bytes(cursor)) => Some(cursor.to_vec()),
        // Lua's strings are texts if they can be.
        Some(Item::Text(cursor)) => Some(cursor.as_bytes().to_vec()),
        Some(_) => {
            return Err(members.wrong(
                "after",
                "a cursor is the byte string that a page had as its next",
            ));
        }
    };
    parsed.analyze = members.flag("analyze")?;
    parsed.text = members.flag("text")?;
    grouping::parse_grouping(&members, &mut parsed)?;
    if table.is_none() {
        return Err(members.wrong("table", "the table's name is missing"));
    }
    Ok(parsed)
}

/// Reads which documents of a table are meant: the members where, sort and limit.
///
/// # Errors
/// `InvalidQuery` with the place in it.
pub(crate) fn parse_selection(members: &Members, table: &str) -> Result<Query> {
    let condition = match members.get("where") {
        Some(condition) if Item::of(condition) != Item::Null => {
            parse_condition(condition, &members.place("where"), 0)?
        }
        _ => Condition::always(),
    };
    let sort = match members.get("sort") {
        Some(sort) => parse_sort(sort, &members.place("sort"))?,
        None => Vec::new(),
    };
    Ok(Query {
        table: table.to_string(),
        condition,
        sort,
        limit: members.number("limit")?,
        offset: 0,
        select: None,
        grouping: None,
        after: None,
        analyze: false,
        text: false,
    })
}

fn parse_sort(sort: &[u8], place: &str) -> Result<Vec<SortField>> {
    let Item::List(..) = Item::of(sort) else {
        return Err(Error::query(
            place,
            "the sort is no array; send for example [{\"field\": \"name\", \"descending\": true}]",
        ));
    };
    let mut fields = Vec::new();
    for (number, field) in elements(sort).enumerate() {
        let place = format!("{place}[{number}]");
        fields.push(if let Item::Map(..) = Item::of(field) {
            let shape = "a sort field has the members field and descending";
            let members =
                Members::read(field, &place, &["field", "descending"], shape, Error::query)?;
            SortField {
                field: parse_path(
                    members.need("field")?,
                    &members.place("field"),
                    Error::query,
                )?,
                descending: members.flag("descending")?,
            }
        } else {
            SortField {
                field: parse_path(field, &place, Error::query)?,
                descending: false,
            }
        });
    }
    Ok(fields)
}
