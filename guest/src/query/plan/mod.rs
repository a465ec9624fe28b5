//! Where to look: which indexes, which parts of them, and what is left to test and to sort.

mod cost;
mod matching;
mod order;

use std::rc::Rc;

use super::condition::Condition;
use super::parse::{Query, SortField};
use crate::catalog::{Index, Table};
use crate::error::Result;
use crate::key::{prefix, space, successor};
use crate::store::{Direction, Transaction};
use cost::Candidate;
pub use cost::Entries;
use matching::Match;
pub(super) use matching::match_index;

/// From one store key up to, and without, another.
pub type Range = (Vec<u8>, Vec<u8>);

/// How a query finds its documents.
#[derive(Debug)]
pub struct Plan {
    /// Where the documents are looked for.
    pub access: Access,
    /// From which side.
    pub direction: Direction,
    /// What the documents are still to be tested for.
    pub filter: Condition,
    /// How they come to stand in the query's order.
    pub order: Order,
    /// How many leading fields of the one index are fixed to a single value.
    fixed: usize,
    /// What was considered, for those who ask.
    pub considered: Vec<Considered>,
}

/// Where documents are looked for.
#[derive(Debug)]
pub enum Access {
    /// The documents themselves, all of them or those behind a cursor.
    Table(Range),
    /// What one index leads to.
    Index(Walk),
    /// What all of the indexes lead to.
    Intersection(Vec<Walk>),
    /// What any of the indexes leads to.
    Union(Vec<Walk>),
}

/// Parts of an index.
#[derive(Debug)]
pub struct Walk {
    /// The index.
    pub index: Rc<Index>,
    /// What is walked, in ascending order and without overlap.
    pub ranges: Vec<Range>,
    /// Whether a document may be met more than once.
    pub repeats: bool,
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

/// Something that a plan could have been.
#[derive(Debug)]
pub struct Considered {
    /// The names of its indexes; none for a walk over all documents.
    pub indexes: Vec<String>,
    /// How many index entries it would meet; none if nobody had to know.
    pub entries: Option<Entries>,
    /// What it would cost; nothing where that is not known.
    pub cost: Option<u64>,
}

impl Access {
    /// The parts of indexes that it walks.
    #[must_use]
    pub fn walks(&self) -> &[Walk] {
        match self {
            Access::Table(_) => &[],
            Access::Index(walk) => std::slice::from_ref(walk),
            Access::Intersection(walks) | Access::Union(walks) => walks,
        }
    }

    /// Whether documents are found by their keys alone, gathered first: from several walks, or since one of them
    /// may meet a document twice.
    #[must_use]
    pub fn gathers(&self) -> bool {
        match self {
            Access::Table(_) => false,
            Access::Index(walk) => walk.repeats,
            Access::Intersection(_) | Access::Union(_) => true,
        }
    }
}

impl Plan {
    /// Chooses a plan. With `explain`, it finds out what each that it considers would cost; else only as far as
    /// the choice depends on it.
    ///
    /// # Errors
    /// As the store fails.
    pub fn choose(
        query: &Query,
        table: &Table,
        transaction: &Transaction,
        explain: bool,
    ) -> Result<Plan> {
        let conjuncts = query.condition.clone().into_conjuncts();
        let mut candidates = Vec::new();
        for index in table.indexes.iter().filter(|index| index.is_ready()) {
            if let Some(found) = match_index(index, &conjuncts, transaction)? {
                candidates.extend(Candidate::of_index(index, found, query, conjuncts.len()));
            }
        }
        for (number, conjunct) in conjuncts.iter().enumerate() {
            if let Condition::Or(branches) = conjunct
                && let Some((walks, is_exact)) = union(branches, table, transaction)?
            {
                candidates.push(Candidate::of_union(walks, is_exact.then_some(number)));
            }
        }
        let mut chosen = Vec::new();
        let considered = cost::choose(&mut candidates, &mut chosen, query, transaction, explain)?;
        let mut plan = Plan {
            access: Access::Table(whole(table)),
            direction: Direction::Forward,
            filter: Condition::always(),
            order: match query.sort.as_slice() {
                [] => Order::Walked,
                fields => Order::Fields(fields.to_vec()),
            },
            fixed: 0,
            considered,
        };
        if chosen.is_empty() {
            plan.filter = query.condition.clone();
            return Ok(plan);
        }
        let mut rest = conjuncts;
        let mut number = 0;
        rest.retain(|_| {
            number += 1;
            !chosen
                .iter()
                .any(|chosen| chosen.answered.contains(&(number - 1)))
        });
        plan.filter = Condition::And(rest);
        if let [single] = chosen.as_mut_slice() {
            plan.fixed = single.fixed;
            plan.direction = single.order.unwrap_or(Direction::Forward);
            if single.order.is_none() && query.sort.is_empty() {
                plan.order = Order::Keys;
            } else if single.order.is_some() {
                plan.order = Order::Walked;
            }
        } else if query.sort.is_empty() {
            plan.order = Order::Keys;
        }
        plan.access = access(chosen);
        Ok(plan)
    }
}

fn access(mut chosen: Vec<Candidate>) -> Access {
    if chosen.len() > 1 {
        return Access::Intersection(chosen.into_iter().flat_map(|one| one.walks).collect());
    }
    let Some(mut one) = chosen.pop() else {
        return Access::Union(Vec::new());
    };
    if one.is_union {
        return Access::Union(one.walks);
    }
    match one.walks.pop() {
        Some(walk) => Access::Index(walk),
        None => Access::Union(Vec::new()),
    }
}

/// All documents of a table.
fn whole(table: &Table) -> Range {
    let documents = prefix(space::DOCUMENT, table.id);
    let end = successor(&documents);
    (documents, end)
}

/// For each of some conditions, the index that serves it best, and whether these answer them in full. None if
/// one of them has no index.
fn union(
    branches: &[Condition],
    table: &Table,
    transaction: &Transaction,
) -> Result<Option<(Vec<Walk>, bool)>> {
    let mut walks = Vec::new();
    let mut is_exact = true;
    for branch in branches {
        let conjuncts = branch.clone().into_conjuncts();
        let mut best: Option<(&Rc<Index>, Match)> = None;
        for index in table.indexes.iter().filter(|index| index.is_ready()) {
            let found = match_index(index, &conjuncts, transaction)?;
            let Some(found) = found.filter(|found| found.restricted > 0) else {
                continue;
            };
            let rank = |found: &Match| (found.fixed, found.restricted);
            if best
                .as_ref()
                .is_none_or(|(_, there)| rank(&found) > rank(there))
            {
                best = Some((index, found));
            }
        }
        let Some((index, found)) = best else {
            return Ok(None);
        };
        is_exact &= found.answered.len() == conjuncts.len();
        walks.push(Walk::new(index, found));
    }
    Ok(Some((walks, is_exact)))
}

impl Walk {
    fn new(index: &Rc<Index>, found: Match) -> Walk {
        Walk {
            index: index.clone(),
            ranges: found.ranges,
            repeats: found.repeats,
        }
    }
}
