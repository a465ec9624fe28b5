//! What plans would cost, as far as a choice depends on it.
//!
//! The entries of an index are in the store: a few are looked at, which is exact, and often enough to decide. Where
//! all plans meet more, the samples of the indexes tell; and where a sample has too few to tell, more entries
//! are looked at. What that costs is a part of what the cheapest plan costs anyway.

use std::rc::Rc;

use super::matching::Match;
use super::order::sorted_by;
use super::{Considered, Walk};
use crate::catalog::Index;
use crate::error::Result;
use crate::index::{RELIABLE, SHARE, count_sample};
use crate::key::{prefix, space, successor};
use crate::query::parse::Query;
use crate::store::{Cursor, Direction, Transaction};

/// Entries that are looked at to tell plans apart.
const PROBED: u64 = 64;

/// Entries that are looked at where the sample does not tell: so many as it begins to be reliable from.
const PROBED_MORE: u64 = RELIABLE * SHARE;

/// Entries of a sample that are looked at; a plan that meets more is not worth telling from others that do.
const SAMPLED: u64 = 8192;

/// Ranges that are looked at; more are taken to be like these.
const PROBED_RANGES: usize = 16;

/// What it costs to fetch a document by its key, where looking at an entry of an index costs 1.
const FETCH_COST: u64 = 8;

/// A document that has to be tested is one of so many that meet the condition, for a walk in the order of the
/// sort: nothing is known of how often they do.
const TESTED: u64 = 64;

/// From so many entries on, a second index is worth walking.
const INTERSECTED: u64 = 128;

/// From so many entries on, the keys of two indexes take too much memory.
const INTERSECTED_MOST: u64 = 500_000;

/// A plan that is considered.
#[derive(Debug)]
pub(super) struct Candidate {
    pub walks: Vec<Walk>,
    pub is_union: bool,
    pub answered: Vec<usize>,
    pub fixed: usize,
    pub order: Option<Direction>,
    /// What decides among equal costs: most fields fixed, then most restricted, then in order.
    rank: (usize, usize, bool),
    /// Whether documents need not be tested.
    is_complete: bool,
    entries: Option<Entries>,
}

/// How many entries a plan meets.
#[derive(Debug, Clone, Copy)]
pub struct Entries {
    /// How many.
    pub count: u64,
    /// Whether that is only what was looked at.
    pub more: bool,
    /// Whether it is told from a sample.
    pub estimated: bool,
}

impl Candidate {
    /// None if the index is of no use.
    pub(super) fn of_index(
        index: &Rc<Index>,
        found: Match,
        query: &Query,
        conjuncts: usize,
    ) -> Option<Candidate> {
        let order = sorted_by(index, found.fixed, &query.sort).filter(|_| !found.repeats);
        // Without a restriction, an index only pays when its order lets a limit stop the walk.
        let stops = order.is_some() && !query.sort.is_empty() && query.limit.is_some();
        if found.restricted == 0 && !stops {
            return None;
        }
        Some(Candidate {
            is_union: false,
            fixed: found.fixed,
            order,
            rank: (found.fixed, found.restricted, order.is_some()),
            is_complete: found.answered.len() == conjuncts,
            // Nobody can have as many as a whole index, as far as is known.
            entries: (found.restricted == 0).then_some(Entries {
                count: u64::MAX,
                more: true,
                estimated: false,
            }),
            answered: found.answered.clone(),
            walks: vec![Walk::new(index, found)],
        })
    }

    pub(super) fn of_union(walks: Vec<Walk>, answered: Option<usize>) -> Candidate {
        Candidate {
            is_union: true,
            fixed: 0,
            order: None,
            rank: (0, 1, false),
            is_complete: false,
            entries: None,
            answered: answered.into_iter().collect(),
            walks,
        }
    }

    fn restricted(&self) -> bool {
        self.rank.1 > 0
    }

    /// Counts the entries, up to about `most`.
    fn probe(&mut self, most: u64, transaction: &Transaction) -> Result<()> {
        let (mut seen, mut more) = (0, false);
        for walk in &self.walks {
            let mut here = 0;
            for (start, end) in walk.ranges.iter().take(PROBED_RANGES) {
                let expected = usize::try_from(most).unwrap_or(usize::MAX);
                let mut cursor =
                    Cursor::new(start.clone(), end.clone(), Direction::Forward).expecting(expected);
                while seen + here < most && cursor.next(transaction)?.is_some() {
                    here += 1;
                }
            }
            let (all, probed) = (walk.ranges.len(), walk.ranges.len().min(PROBED_RANGES));
            if probed > 0 {
                here = here * all as u64 / probed as u64;
            }
            seen += here;
            more |= seen >= most;
        }
        self.entries = Some(Entries {
            count: seen,
            more,
            estimated: false,
        });
        Ok(())
    }

    /// Tells the entries from the sample. False if it has too few to tell.
    fn estimate(&mut self, transaction: &Transaction) -> Result<bool> {
        let mut seen = 0;
        for walk in &self.walks {
            let mut here = 0;
            for range in walk.ranges.iter().take(PROBED_RANGES) {
                here += count_sample(transaction, range, SAMPLED.saturating_sub(seen + here))?;
            }
            let (all, probed) = (walk.ranges.len(), walk.ranges.len().min(PROBED_RANGES));
            if probed > 0 {
                here = here * all as u64 / probed as u64;
            }
            seen += here;
        }
        if seen < RELIABLE {
            return Ok(false);
        }
        self.entries = Some(Entries {
            count: seen * SHARE,
            more: seen >= SAMPLED,
            estimated: true,
        });
        Ok(true)
    }

    /// Whether it is known how many entries it meets.
    fn is_told(&self) -> bool {
        self.entries.is_some_and(|entries| !entries.more)
    }

    /// What it would cost to run, in entries of an index.
    fn cost(&self, query: &Query) -> Option<u64> {
        let entries = self.entries?.count;
        let mut fetched = entries;
        if self.order.is_some()
            && let Some(limit) = query.limit
        {
            let wanted = limit.saturating_add(query.offset);
            let wanted = if self.is_complete {
                wanted
            } else {
                wanted.saturating_mul(TESTED)
            };
            fetched = fetched.min(wanted);
        }
        let walked = if self.order.is_some() {
            fetched
        } else {
            entries.saturating_mul(2)
        };
        Some(walked.saturating_add(fetched.saturating_mul(FETCH_COST)))
    }
}

/// Moves the best of the candidates into `chosen`, and with it what is worth intersecting it with; none of
/// them if there are none. Tells what was considered if asked to.
pub(super) fn choose(
    candidates: &mut Vec<Candidate>,
    chosen: &mut Vec<Candidate>,
    query: &Query,
    transaction: &Transaction,
    explain: bool,
) -> Result<Vec<Considered>> {
    if candidates.len() > 1 || explain {
        for candidate in candidates.iter_mut().filter(|one| one.restricted()) {
            candidate.probe(PROBED, transaction)?;
        }
        if !candidates.iter().any(Candidate::is_told) {
            for candidate in candidates.iter_mut().filter(|one| one.restricted()) {
                if !candidate.estimate(transaction)? {
                    candidate.probe(PROBED_MORE, transaction)?;
                }
            }
        }
    }
    let considered = if explain {
        candidates.iter().map(|one| one.considered(query)).collect()
    } else {
        Vec::new()
    };
    let Some(best) = best(candidates, query, |_| true) else {
        return Ok(considered);
    };
    chosen.push(candidates.swap_remove(best));
    let first = &chosen[0];
    if let Some(entries) = first.entries.filter(|entries| !entries.more)
        && (INTERSECTED..INTERSECTED_MOST).contains(&entries.count)
        && !first.is_complete
        && !first.is_union
        && first.order.is_none_or(|_| query.limit.is_none())
        && first.restricted()
    {
        let helps = |other: &Candidate| {
            !other.is_union
                && other
                    .answered
                    .iter()
                    .any(|one| !first.answered.contains(one))
                && other
                    .entries
                    .is_some_and(|there| !there.more && there.count <= 4 * entries.count)
        };
        if let Some(second) = self::best(candidates, query, helps)
            && pays(entries, &candidates[second], transaction)?
        {
            chosen.push(candidates.swap_remove(second));
        }
    }
    Ok(considered)
}

/// Whether it saves more to know which documents a second index has than it costs to walk that one. Up to what is
/// counted exactly, it does well enough; beyond, the sample of the whole index tells what share of the documents it has.
fn pays(first: Entries, second: &Candidate, transaction: &Transaction) -> Result<bool> {
    let (Some(second), [walk]) = (second.entries, second.walks.as_slice()) else {
        return Ok(true);
    };
    if !first.estimated && !second.estimated {
        return Ok(true);
    }
    let start = prefix(space::INDEX, walk.index.id);
    let end = successor(&start);
    let all = SHARE * count_sample(transaction, &(start, end), SAMPLED)?.max(1);
    let both = first.count * second.count.min(all) / all;
    Ok((first.count - both) * FETCH_COST > second.count * 2)
}

/// The position of the cheapest candidate; among equals, of the one with the best rank, and then of the first.
fn best(
    candidates: &[Candidate],
    query: &Query,
    suits: impl Fn(&Candidate) -> bool,
) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (number, candidate) in candidates.iter().enumerate() {
        let better = |there: usize| {
            let there: &Candidate = &candidates[there];
            match candidate.cost(query).cmp(&there.cost(query)) {
                std::cmp::Ordering::Equal => candidate.rank > there.rank,
                order => order.is_lt(),
            }
        };
        if suits(candidate) && best.is_none_or(better) {
            best = Some(number);
        }
    }
    best
}

impl Candidate {
    fn considered(&self, query: &Query) -> Considered {
        Considered {
            indexes: self
                .walks
                .iter()
                .map(|walk| walk.index.name.clone())
                .collect(),
            entries: self.entries.filter(|entries| entries.count < u64::MAX),
            cost: self.cost(query).filter(|cost| *cost < u64::MAX),
        }
    }
}
