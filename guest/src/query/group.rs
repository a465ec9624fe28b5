//! Rows made of many documents: groups, aggregates, distinct values.

use super::condition::Condition;
use super::cover::Cover;
use super::parse::Query;
use super::project::Column;
use super::run::{MAX_RESULT, Rows, for_each, too_large};
use super::sort::{Row, Sorter, place_of};
use crate::bytes::{Numbers, sort};
use crate::database::Database;
use crate::error::Result;
use crate::value::{
    Item, NULL, Path, compare, encode_ordered, write_float, write_int, write_map_head,
};

/// What rows are made of documents.
#[derive(Debug, Clone, PartialEq)]
pub struct Grouping {
    /// What the documents of a group have in common.
    pub by: Vec<Column>,
    /// What is told of each group.
    pub aggregates: Vec<Aggregate>,
    /// What a group has to meet.
    pub having: Condition,
}

/// Something about all documents of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// The member's name, as an encoded text.
    pub name: Vec<u8>,
    /// What is made of the values.
    pub function: Function,
    /// Where they are; none for the documents themselves.
    pub field: Option<Path>,
}

/// What an aggregate makes of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is documented in wit/database.wit")]
pub enum Function {
    Count,
    Sum,
    Average,
    Minimum,
    Maximum,
}

/// The names of all functions.
pub(super) const FUNCTIONS: [(&str, Function); 5] = [
    ("count", Function::Count),
    ("sum", Function::Sum),
    ("avg", Function::Average),
    ("min", Function::Minimum),
    ("max", Function::Maximum),
];

/// An aggregate in the making.
#[derive(Debug, Clone, Default)]
struct State {
    count: u64,
    integers: i128,
    floats: f64,
    has_floats: bool,
    best: Vec<u8>,
}

impl State {
    fn add(&mut self, aggregate: &Aggregate, document: &[u8]) {
        let value = match &aggregate.field {
            Some(field) => field.find(document).unwrap_or(&[NULL]),
            None => document,
        };
        if value == [NULL] {
            return;
        }
        let wanted = match aggregate.function {
            Function::Count => {
                self.count += 1;
                return;
            }
            Function::Sum | Function::Average => {
                match Item::of(value) {
                    Item::Int(int) => self.integers += i128::from(int),
                    Item::Float(float) => {
                        self.floats += float;
                        self.has_floats = true;
                    }
                    _ => return,
                }
                self.count += 1;
                return;
            }
            Function::Minimum => std::cmp::Ordering::Less,
            Function::Maximum => std::cmp::Ordering::Greater,
        };
        if self.best.is_empty() || compare(value, &self.best) == wanted {
            self.best.clear();
            self.best.extend_from_slice(value);
        }
    }

    /// Appends the result. False if there is none.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a float is asked for, or the sum does not fit into an integer"
    )]
    fn write(&self, function: Function, out: &mut Vec<u8>) -> bool {
        let float = self.integers as f64 + self.floats;
        match function {
            Function::Count => write_int(out, i64::try_from(self.count).unwrap_or(i64::MAX)),
            Function::Sum => match i64::try_from(self.integers) {
                Ok(int) if !self.has_floats => write_int(out, int),
                _ => write_float(out, float),
            },
            Function::Average if self.count > 0 => write_float(out, float / self.count as f64),
            Function::Average => return false,
            Function::Minimum | Function::Maximum => out.extend_from_slice(&self.best),
        }
        !matches!(function, Function::Minimum | Function::Maximum) || !self.best.is_empty()
    }
}

struct Group {
    /// The values that the documents have in common, as the first of them has them.
    values: Vec<u8>,
    states: Vec<State>,
}

/// Groups in the making.
struct Groups<'g> {
    grouping: &'g Grouping,
    numbers: Numbers,
    groups: Vec<Group>,
    size: usize,
    place: Vec<u8>,
}

impl<'g> Groups<'g> {
    fn new(grouping: &'g Grouping) -> Self {
        Groups {
            grouping,
            numbers: Numbers::default(),
            groups: Vec::new(),
            size: 0,
            place: Vec::new(),
        }
    }

    /// The group of a document, made if it is the first of it.
    fn of(&mut self, document: &[u8]) -> Result<&mut Group> {
        let value = |column: &Column| column.field.find(document).unwrap_or(&[NULL]).to_vec();
        self.place.clear();
        for column in &self.grouping.by {
            encode_ordered(
                column.field.find(document).unwrap_or(&[NULL]),
                &mut self.place,
            );
        }
        let number = match self.numbers.get(&self.place) {
            Some(number) => number,
            None => {
                self.add(self.grouping.by.iter().flat_map(value).collect());
                self.size += self.place.len();
                if self.size > 2 * MAX_RESULT {
                    return Err(too_large());
                }
                self.numbers.add(&self.place)
            }
        };
        Ok(&mut self.groups[number])
    }

    fn add(&mut self, values: Vec<u8>) {
        let states = vec![State::default(); self.grouping.aggregates.len()];
        self.size += values.len() + size_of::<Group>() + size_of_val(states.as_slice());
        self.groups.push(Group { values, states });
    }

    fn finish(mut self) -> Vec<Group> {
        if self.grouping.by.is_empty() && self.groups.is_empty() {
            // Without groups, there is one row, even of nothing.
            self.add(Vec::new());
            return self.groups;
        }
        let order = self.numbers.in_order();
        let mut groups: Vec<_> = self.groups.into_iter().map(Some).collect();
        order
            .into_iter()
            .filter_map(|number| groups[number].take())
            .collect()
    }
}

impl Grouping {
    /// Appends the row of a group.
    fn write_row(&self, group: &Group, out: &mut Vec<u8>) {
        let mut values = group.values.as_slice();
        let mut members = Vec::new();
        for column in &self.by {
            let (value, rest) = values.split_at(crate::value::skip(values));
            if value != [NULL] {
                members.push([column.name.as_slice(), value].concat());
            }
            values = rest;
        }
        for (aggregate, state) in self.aggregates.iter().zip(&group.states) {
            let mut member = aggregate.name.clone();
            if state.write(aggregate.function, &mut member) {
                members.push(member);
            }
        }
        sort(&mut members);
        write_map_head(out, members.len());
        members
            .iter()
            .for_each(|member| out.extend_from_slice(member));
    }

    /// The groups, in the order of what they have in common.
    fn gather(&self, db: &Database, query: &Query) -> Result<Vec<Group>> {
        let documents = Query {
            sort: Vec::new(),
            limit: None,
            offset: 0,
            grouping: None,
            ..query.clone()
        };
        let mut groups = Groups::new(self);
        if let Some(cover) = Cover::find(db, query)? {
            cover.for_each(&mut |document, count| {
                let group = groups.of(document)?;
                for (aggregate, state) in self.aggregates.iter().zip(&mut group.states) {
                    state.add(aggregate, document);
                    state.count = count;
                }
                Ok(())
            })?;
        } else {
            // In the order of the keys, so that sums of floats do not depend on the plan.
            for_each(db, &documents, &mut |_, document| {
                let group = groups.of(document)?;
                for (aggregate, state) in self.aggregates.iter().zip(&mut group.states) {
                    state.add(aggregate, document);
                }
                Ok(true)
            })?;
        }
        Ok(groups.finish())
    }

    /// Calls `visit` with each row that is asked for, in order.
    fn for_each(
        &self,
        db: &Database,
        query: &Query,
        visit: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let limit = query.limit.map_or(usize::MAX, size);
        let offset = size(query.offset);
        let mut sorter = Sorter::new(limit.saturating_add(offset));
        for (number, group) in self.gather(db, query)?.iter().enumerate() {
            let mut row = Vec::new();
            self.write_row(group, &mut row);
            if self.having.holds(&row)? {
                let place = place_of(&query.sort, &row, &number.to_be_bytes());
                if sorter.wants(&place) {
                    sorter.push(Row {
                        place,
                        content: row,
                    });
                }
            }
        }
        sorter
            .into_sorted()
            .iter()
            .skip(offset)
            .try_for_each(|row| visit(&row.content))
    }
}

/// The rows that a query with groups asks for.
pub(super) fn run(db: &Database, query: &Query) -> Result<Vec<u8>> {
    let mut rows = Rows::new();
    if let Some(grouping) = &query.grouping {
        grouping.for_each(db, query, &mut |row| {
            rows.add(|out| {
                out.extend_from_slice(row);
                Ok(())
            })
        })?;
    }
    Ok(rows.finish())
}

/// How many rows it asks for.
pub(super) fn count(db: &Database, query: &Query) -> Result<u64> {
    let mut count = 0;
    if let Some(grouping) = &query.grouping {
        grouping.for_each(db, query, &mut |_| {
            count += 1;
            Ok(())
        })?;
    }
    Ok(count)
}
