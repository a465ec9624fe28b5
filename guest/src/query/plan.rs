//! Where to look: which index, which parts of it, and what is left to test and to sort.

use std::rc::Rc;

use super::condition::{Comparison, Condition, Operator};
use super::parse::{Query, SortField};
use crate::catalog::{Index, Table};
use crate::key::{prefix, space, successor};
use crate::store::Direction;
use crate::value::{Path, class, encode_ordered};

/// From one store key up to, and without, another.
pub type Range = (Vec<u8>, Vec<u8>);

/// How a query finds its documents.
#[derive(Debug)]
pub struct Plan {
    /// The index that is walked; none to walk the documents themselves.
    pub index: Option<Rc<Index>>,
    /// What is walked, in ascending order and without overlap.
    pub ranges: Vec<Range>,
    /// From which side.
    pub direction: Direction,
    /// What the documents are still to be tested for.
    pub filter: Condition,
    /// How they come to stand in the query's order.
    pub order: Order,
}

/// How documents come to stand in a query's order.
#[derive(Debug, PartialEq)]
pub enum Order {
    /// They are met in it.
    Walked,
    /// Their keys are gathered and sorted before any document is fetched.
    Keys,
    /// They are sorted by these fields and their keys.
    Fields(Vec<SortField>),
}

/// How many ranges a plan may have; with more, the rest of a list is tested on the documents.
const MAX_RANGES: usize = 4096;

/// How far an index serves a condition.
struct Match {
    ranges: Vec<Range>,
    /// The conjuncts that the ranges answer in full, by position.
    answered: Vec<usize>,
    /// How many leading fields are fixed to a single value.
    fixed: usize,
    /// How many leading fields are restricted at all.
    restricted: usize,
}

impl Plan {
    /// Chooses among the table's indexes: most fields fixed, then most restricted, then one that is in the
    /// order of the sort; among equals, the first by name.
    #[must_use]
    pub fn choose(query: &Query, table: &Table) -> Plan {
        let conjuncts = query.condition.clone().into_conjuncts();
        let mut best: Option<(&Rc<Index>, Match, Option<Direction>)> = None;
        for index in &table.indexes {
            let found = match_index(index, &conjuncts);
            let order = sorted_by(index, found.fixed, &query.sort);
            // Without a restriction, an index only pays when its order lets a limit stop the walk.
            let stops = order.is_some() && !query.sort.is_empty() && query.limit.is_some();
            if found.restricted == 0 && !stops {
                continue;
            }
            let rank = |found: &Match, order: Option<Direction>| {
                (found.fixed, found.restricted, order.is_some())
            };
            if best
                .as_ref()
                .is_none_or(|(_, there, its)| rank(&found, order) > rank(there, *its))
            {
                best = Some((index, found, order));
            }
        }
        let Some((index, found, order)) = best else {
            let documents = prefix(space::DOCUMENT, table.id);
            return Plan {
                index: None,
                ranges: vec![(documents.clone(), successor(&documents))],
                direction: Direction::Forward,
                filter: query.condition.clone(),
                order: match query.sort.as_slice() {
                    [] => Order::Walked,
                    fields => Order::Fields(fields.to_vec()),
                },
            };
        };
        let rest = conjuncts
            .into_iter()
            .enumerate()
            .filter(|(number, _)| !found.answered.contains(number))
            .map(|(_, conjunct)| conjunct)
            .collect();
        Plan {
            index: Some(index.clone()),
            ranges: found.ranges,
            direction: order.unwrap_or(Direction::Forward),
            filter: Condition::And(rest),
            order: match (order, query.sort.as_slice()) {
                (Some(_), _) => Order::Walked,
                (None, []) => Order::Keys,
                (None, fields) => Order::Fields(fields.to_vec()),
            },
        }
    }
}

/// Which way to walk an index so that it comes in the order of the sort, its first `fixed` fields being
/// all equal. Without a sort, the order is that of the document keys.
fn sorted_by(index: &Index, fixed: usize, sort: &[SortField]) -> Option<Direction> {
    let Some(first) = sort.first() else {
        return (fixed == index.fields.len()).then_some(Direction::Forward);
    };
    let mut sort = sort.iter().peekable();
    let mut fields = index.fields.iter().enumerate();
    while let Some(wanted) = sort.peek() {
        if wanted.descending != first.descending {
            return None;
        }
        match fields.next() {
            Some((_, field)) if *field == wanted.field => {
                sort.next();
            }
            // Among equal values, a fixed field does not matter to the order.
            Some((number, _)) if number < fixed => {}
            _ => return None,
        }
    }
    // What the sort does not name would come in the order of the rest of the index, not of the keys.
    if fields.any(|(number, _)| number >= fixed) {
        return None;
    }
    Some(if first.descending {
        Direction::Backward
    } else {
        Direction::Forward
    })
}

fn match_index(index: &Index, conjuncts: &[Condition]) -> Match {
    let whole = prefix(space::INDEX, index.id);
    let mut prefixes = vec![whole];
    let mut found = Match {
        ranges: Vec::new(),
        answered: Vec::new(),
        fixed: 0,
        restricted: 0,
    };
    for field in &index.fields {
        let on_field: Vec<(usize, &Comparison)> = conjuncts
            .iter()
            .enumerate()
            .filter_map(|(number, conjunct)| match conjunct {
                Condition::Compare(comparison) if comparison.field == *field => {
                    Some((number, comparison))
                }
                _ => None,
            })
            .collect();
        if let Some((number, values)) = on_field
            .iter()
            .find_map(|(number, c)| points(c, prefixes.len()).map(|p| (*number, p)))
        {
            prefixes = prefixes
                .iter()
                .flat_map(|prefix| {
                    values
                        .iter()
                        .map(move |value| [prefix.as_slice(), value].concat())
                })
                .collect();
            found.answered.push(number);
            found.restricted += 1;
            if values.len() == 1 && found.fixed + 1 == found.restricted {
                found.fixed += 1;
            }
            continue;
        }
        if let Some((answered, low, high)) = interval(field, &on_field) {
            found.answered.extend(answered);
            found.restricted += 1;
            found.ranges = prefixes
                .iter()
                .map(|prefix| {
                    (
                        [prefix.as_slice(), &low].concat(),
                        [prefix.as_slice(), &high].concat(),
                    )
                })
                .filter(|(low, high)| low < high)
                .collect();
            return found;
        }
        break;
    }
    found.ranges = prefixes
        .into_iter()
        .map(|prefix| {
            let end = successor(&prefix);
            (prefix, end)
        })
        .collect();
    found
}

/// The single values that a comparison allows, encoded and in order.
fn points(comparison: &Comparison, prefixes: usize) -> Option<Vec<Vec<u8>>> {
    let encode = |value: &Vec<u8>| {
        let mut out = Vec::new();
        encode_ordered(value, &mut out);
        out
    };
    match &comparison.operator {
        Operator::Equal(operand) => Some(vec![encode(operand)]),
        Operator::In(operands) if operands.len().saturating_mul(prefixes) <= MAX_RANGES => {
            Some(operands.iter().map(encode).collect())
        }
        _ => None,
    }
}

/// The one interval that all range conditions on a field leave, and which they are.
fn interval(
    field: &Path,
    on_field: &[(usize, &Comparison)],
) -> Option<(Vec<usize>, Vec<u8>, Vec<u8>)> {
    let mut answered = Vec::new();
    let (mut low, mut high) = (Vec::new(), vec![0xff]);
    for (number, comparison) in on_field {
        debug_assert_eq!(&comparison.field, field);
        let Some((from, to)) = bounds(&comparison.operator) else {
            continue;
        };
        answered.push(*number);
        low = low.max(from);
        high = high.min(to);
    }
    (!answered.is_empty()).then_some((answered, low, high))
}

fn bounds(operator: &Operator) -> Option<Range> {
    let encode = |value: &[u8]| {
        let mut out = Vec::new();
        encode_ordered(value, &mut out);
        out
    };
    let behind = |value: &[u8]| successor(&encode(value));
    let first = |value: &[u8]| vec![class(value).0];
    let last = |value: &[u8]| vec![class(value).1];
    Some(match operator {
        Operator::Less(operand) => (first(operand), encode(operand)),
        Operator::LessOrEqual(operand) => (first(operand), behind(operand)),
        Operator::Greater(operand) => (behind(operand), last(operand)),
        Operator::GreaterOrEqual(operand) => (encode(operand), last(operand)),
        Operator::Between(low, high) => (encode(low), behind(high)),
        Operator::StartsWith(start) => {
            let mut text = Vec::new();
            crate::value::write_text(&mut text, start);
            let mut low = encode(&text);
            // Without the end mark: whatever goes on from here.
            low.pop();
            let high = successor(&low);
            (low, high)
        }
        _ => return None,
    })
}
