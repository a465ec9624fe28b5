//! How far one index serves a condition.

use super::Range;
use crate::catalog::{Field, Index};
use crate::error::Result;
use crate::index::{ELEMENT, WHOLE, hash, write_component};
use crate::key::{prefix, space, successor};
use crate::query::condition::{Comparison, Condition, Operator};
use crate::store::{Cursor, Direction, Transaction};
use crate::value::{Item, NULL, class, encode_ordered, write_text};

/// How many ranges a plan may have; with more, the rest of a list is tested on the documents.
const MAX_RANGES: usize = 4096;

/// How far an index serves a condition.
#[derive(Debug, Default)]
pub(in crate::query) struct Match {
    /// In ascending order and without overlap.
    pub ranges: Vec<Range>,
    /// The conjuncts that the ranges answer in full, by position.
    pub answered: Vec<usize>,
    /// How many leading fields are fixed to a single value.
    pub fixed: usize,
    /// How many leading fields are restricted at all.
    pub restricted: usize,
    /// Whether a document may be met more than once.
    pub repeats: bool,
}

/// A place between encoded values: before all that begin with some bytes, or behind them.
#[derive(Debug, Clone)]
struct Edge {
    bytes: Vec<u8>,
    behind: bool,
}

impl Edge {
    fn before(bytes: Vec<u8>) -> Edge {
        Edge {
            bytes,
            behind: false,
        }
    }

    fn behind(bytes: Vec<u8>) -> Edge {
        Edge {
            bytes,
            behind: true,
        }
    }

    /// The first key that is not before the edge.
    fn key(&self, before: &[u8]) -> Vec<u8> {
        let key = [before, &self.bytes].concat();
        if self.behind { successor(&key) } else { key }
    }
}

/// What a condition on a field leaves of the field's values.
struct Interval {
    low: Edge,
    high: Edge,
    /// Whether it leaves nothing else.
    exact: bool,
}

fn encoded(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_ordered(value, &mut out);
    out
}

/// How an index serves conditions that all have to hold. None where it does not: it may lack documents, or have no
/// order to walk.
pub(in crate::query) fn match_index(
    index: &Index,
    conjuncts: &[Condition],
    transaction: &Transaction,
) -> Result<Option<Match>> {
    let mut search = Search {
        index,
        transaction,
        prefixes: vec![prefix(space::INDEX, index.id)],
        found: Match::default(),
        excludes_null: !index.sparse,
        ranges: None,
    };
    for field in &index.fields {
        let on_field: Vec<(usize, &Operator)> = conjuncts
            .iter()
            .enumerate()
            .filter_map(|(number, conjunct)| match conjunct {
                Condition::Compare(comparison) if comparison.field == field.path => {
                    Some((number, &comparison.operator))
                }
                _ => None,
            })
            .collect();
        if search.points(field, &on_field)? {
            continue;
        }
        if !index.hash {
            search.interval(field, &on_field);
        }
        break;
    }
    Ok(search.into_match())
}

struct Search<'a> {
    index: &'a Index,
    transaction: &'a Transaction,
    /// The beginnings of the entries that are wanted, as far as single values decide.
    prefixes: Vec<Vec<u8>>,
    found: Match,
    excludes_null: bool,
    /// The ranges, if something else than single values ends the search.
    ranges: Option<Vec<Range>>,
}

impl Search<'_> {
    /// Goes on to the next field if a condition allows single values of this one only.
    fn points(&mut self, field: &Field, on_field: &[(usize, &Operator)]) -> Result<bool> {
        for (number, operator) in on_field {
            let Some((kind, values)) = points(field, operator) else {
                continue;
            };
            if values.len().saturating_mul(self.prefixes.len()) > MAX_RANGES {
                continue;
            }
            if let (Operator::Contains(operand), true) = (operator, field.multi_entry)
                && let Item::Text(_) = Item::of(operand)
                && !self.has_no_texts(field)?
            {
                continue;
            }
            let mut prefixes = Vec::with_capacity(values.len() * self.prefixes.len());
            for before in &self.prefixes {
                for value in &values {
                    let mut key = before.clone();
                    write_component(field, kind, value, &mut key);
                    prefixes.push(key);
                }
            }
            if field.descending {
                crate::bytes::sort(&mut prefixes);
            }
            self.prefixes = prefixes;
            let found = &mut self.found;
            found.answered.push(*number);
            found.restricted += 1;
            if values.len() == 1 && found.fixed + 1 == found.restricted {
                found.fixed += 1;
            } else if field.multi_entry {
                found.repeats = true;
            }
            self.excludes_null |= values.iter().all(|value| *value != [NULL]);
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether no document has a text where lists have entries for each element. Then a text is contained in
    /// lists only, and not in other texts.
    fn has_no_texts(&self, field: &Field) -> Result<bool> {
        let [before] = self.prefixes.as_slice() else {
            return Ok(false);
        };
        let texts = class(&[0x60]);
        let interval = Interval {
            low: Edge::before(vec![texts.0]),
            high: Edge::before(vec![texts.1]),
            exact: true,
        };
        let (start, end) = range(before, field, WHOLE, &interval);
        let mut cursor = Cursor::new(start, end, Direction::Forward).expecting(1);
        Ok(cursor.next(self.transaction)?.is_none())
    }

    /// Ends the search with the one interval that the conditions on a field leave.
    fn interval(&mut self, field: &Field, on_field: &[(usize, &Operator)]) {
        let mut kind = WHOLE;
        let mut left: Option<Interval> = None;
        for (number, operator) in on_field {
            let found = match operator {
                // Each of several such conditions may hold for another element: only one of them counts.
                Operator::Any(condition) if field.multi_entry && left.is_none() => {
                    element_interval(condition)
                }
                operator => {
                    interval(operator).filter(|found| !field.multi_entry || found.is_scalar())
                }
            };
            let Some(found) = found else { continue };
            let is_element = matches!(operator, Operator::Any(_));
            if found.exact {
                self.found.answered.push(*number);
            }
            left = Some(match left {
                None => found,
                Some(left) => left.within(found),
            });
            if is_element {
                (kind, self.found.repeats) = (ELEMENT, true);
                break;
            }
        }
        let Some(left) = left else { return };
        self.found.restricted += 1;
        self.excludes_null |= left.low.key(&[]) > vec![NULL_PLACE];
        self.ranges = Some(
            self.prefixes
                .iter()
                .map(|before| range(before, field, kind, &left))
                .filter(|(low, high)| low < high)
                .collect(),
        );
    }

    fn into_match(mut self) -> Option<Match> {
        let is_partial = self.found.restricted < self.index.fields.len();
        if !self.excludes_null || (self.index.hash && is_partial) {
            return None;
        }
        let open = &self.index.fields[self.found.restricted..];
        self.found.repeats |= open.iter().any(|field| field.multi_entry);
        let mut found = self.found;
        found.ranges = match self.ranges {
            Some(ranges) => ranges,
            None => self
                .prefixes
                .into_iter()
                .map(|mut start| {
                    if self.index.hash {
                        let hash = hash(&start[crate::key::PREFIX_SIZE..]);
                        start.truncate(crate::key::PREFIX_SIZE);
                        start.extend_from_slice(&hash);
                    }
                    let end = successor(&start);
                    (start, end)
                })
                .collect(),
        };
        if self.index.hash {
            found.ranges = in_order(found.ranges);
        }
        Some(found)
    }
}

/// Hashes are in no order of their values.
fn in_order(ranges: Vec<Range>) -> Vec<Range> {
    let mut starts: Vec<_> = ranges.into_iter().map(|(start, _)| start).collect();
    crate::bytes::sort(&mut starts);
    starts
        .into_iter()
        .map(|start| {
            let end = successor(&start);
            (start, end)
        })
        .collect()
}

/// The encoding of null, below that of all other values.
const NULL_PLACE: u8 = 0x10;

/// The single values that a condition allows, in order, and whether they are those of elements.
fn points<'a>(field: &Field, operator: &'a Operator) -> Option<(u8, Vec<&'a [u8]>)> {
    if !field.multi_entry {
        return values_of(operator).map(|values| (WHOLE, values));
    }
    match operator {
        Operator::Contains(operand) => Some((ELEMENT, vec![operand])),
        Operator::Any(condition) => match &**condition {
            Condition::Compare(Comparison { field, operator }) if field.steps.is_empty() => {
                values_of(operator).map(|values| (ELEMENT, values))
            }
            _ => None,
        },
        operator => values_of(operator)
            .filter(|values| {
                values
                    .iter()
                    .all(|value| !matches!(Item::of(value), Item::List(1.., _)))
            })
            .map(|values| (WHOLE, values)),
    }
}

fn values_of(operator: &Operator) -> Option<Vec<&[u8]>> {
    match operator {
        Operator::Equal(operand) => Some(vec![operand]),
        Operator::In(operands) => Some(operands.iter().map(Vec::as_slice).collect()),
        _ => None,
    }
}

impl Interval {
    /// What both leave.
    fn within(self, other: Interval) -> Interval {
        let later = |a: Edge, b: Edge| if a.key(&[]) < b.key(&[]) { b } else { a };
        let earlier = |a: Edge, b: Edge| if a.key(&[]) < b.key(&[]) { a } else { b };
        Interval {
            low: later(self.low, other.low),
            high: earlier(self.high, other.high),
            exact: self.exact && other.exact,
        }
    }

    /// Whether no list is in it.
    fn is_scalar(&self) -> bool {
        let lists = class(&[0x80]);
        self.high.key(&[]) <= vec![lists.0] || self.low.key(&[]) >= vec![lists.1]
    }
}

/// What a condition on the element itself leaves of the elements.
fn element_interval(condition: &Condition) -> Option<Interval> {
    let mut left: Option<Interval> = None;
    for conjunct in condition.clone().into_conjuncts() {
        let found = match &conjunct {
            Condition::Compare(comparison) if comparison.field.steps.is_empty() => {
                interval(&comparison.operator)
            }
            _ => None,
        };
        // What is no interval is still to be tested: on the whole list, as no conjunct can be told apart.
        left = match (left, found) {
            (Some(left), Some(found)) => Some(left.within(found)),
            (Some(left), None) => Some(Interval {
                exact: false,
                ..left
            }),
            (None, found) => found,
        };
    }
    // Conjuncts that came before the first interval are not accounted for.
    let exact = left.as_ref().is_some_and(|left| left.exact)
        && condition.clone().into_conjuncts().iter().all(|conjunct| {
            matches!(conjunct, Condition::Compare(comparison)
                if comparison.field.steps.is_empty() && interval(&comparison.operator).is_some())
        });
    left.map(|left| Interval { exact, ..left })
}

fn interval(operator: &Operator) -> Option<Interval> {
    let first = |value: &[u8]| Edge::before(vec![class(value).0]);
    let last = |value: &[u8]| Edge::before(vec![class(value).1]);
    let starting = |start: &str| {
        let mut text = Vec::new();
        write_text(&mut text, start);
        let mut bytes = encoded(&text);
        // Without the end mark: whatever goes on from here.
        bytes.pop();
        (Edge::before(bytes.clone()), Edge::behind(bytes))
    };
    let mut exact = true;
    let (low, high) = match operator {
        Operator::NotEqual(operand) if *operand == [NULL] => {
            (Edge::behind(vec![NULL_PLACE]), Edge::before(vec![0xff]))
        }
        Operator::Less(operand) => (first(operand), Edge::before(encoded(operand))),
        Operator::LessOrEqual(operand) => (first(operand), Edge::behind(encoded(operand))),
        Operator::Greater(operand) => (Edge::behind(encoded(operand)), last(operand)),
        Operator::GreaterOrEqual(operand) => (Edge::before(encoded(operand)), last(operand)),
        Operator::Between(between) => (
            Edge {
                bytes: encoded(&between.lower),
                behind: between.lower_open,
            },
            Edge {
                bytes: encoded(&between.upper),
                behind: !between.upper_open,
            },
        ),
        Operator::StartsWith(start) => starting(start),
        Operator::Matches(pattern) => {
            exact = false;
            starting(pattern.beginning()?)
        }
        Operator::Type(types) => {
            let (value, is_whole) = types.class()?;
            exact = is_whole;
            (first(value), last(value))
        }
        _ => return None,
    };
    Some(Interval { low, high, exact })
}

/// The entries behind a prefix whose next field is in the interval.
fn range(before: &[u8], field: &Field, kind: u8, interval: &Interval) -> Range {
    let edge = |edge: &Edge| {
        let mut bytes = Vec::with_capacity(edge.bytes.len() + 1);
        if field.multi_entry {
            bytes.push(kind);
        }
        bytes.extend_from_slice(&edge.bytes);
        if field.descending {
            bytes.iter_mut().for_each(|byte| *byte = !*byte);
        }
        // What was before something in the one order is behind it in the other.
        Edge {
            bytes,
            behind: edge.behind != field.descending,
        }
        .key(before)
    };
    let (low, high) = (edge(&interval.low), edge(&interval.high));
    if field.descending {
        (high, low)
    } else {
        (low, high)
    }
}
