//! Deleting the oldest changes, a few at a time.

use super::Settings;
use super::state::{Amount, State, change_key, split_key};
use crate::archive::next;
use crate::error::Result;
use crate::key::space;
use crate::store::{Cursor, Direction, Transaction};

/// So many commits may pass without a look at how much there is, unless they write much.
const COMMITS: u64 = 64;

/// So many changes are deleted at once even where few were added.
const STEP: u64 = 1024;

/// Counts what was added since the last time, and gives up whole commits that are too much, but not the newest one. Now
/// and then, and no more than a few times what was added: so a commit costs what it writes, and only one in many
/// reads anything that other commits write.
pub(super) fn tidy(
    transaction: &mut Transaction,
    mut state: State,
    settings: &Settings,
    newest: u64,
) -> Result<()> {
    let is_small = (transaction.written() as u64) < settings.bytes / COMMITS;
    if is_small && newest.saturating_sub(state.counted) < COMMITS.min(settings.changes) {
        return Ok(());
    }
    let before = state.kept.changes;
    // Commits that this transaction does not see are counted later. To look for them would be a conflict with them.
    let seen = transaction.version();
    let counted = if newest == seen + 1 { newest } else { seen };
    walk(
        transaction,
        change_key(state.counted + 1, &[]),
        change_key(counted + 1, &[]),
        &mut |key, change| {
            state.kept.add(key, change);
            true
        },
    )?;
    state.counted = counted;
    let most = STEP + 4 * (state.kept.changes - before);

    let mut given_up = 0;
    while given_up < most {
        if state.oldest.0 == 0 {
            state.oldest = measure(transaction, &state)?;
        }
        let (oldest, amount) = state.oldest;
        let rest = Amount {
            changes: state.kept.changes.saturating_sub(amount.changes),
            bytes: state.kept.bytes.saturating_sub(amount.bytes),
        };
        let is_too_much = rest.changes >= settings.changes || state.kept.bytes > settings.bytes;
        if oldest == 0 || !is_too_much {
            break;
        }
        state.deleted = oldest;
        state.kept = rest;
        state.oldest.0 = 0;
        given_up += amount.changes;
    }

    let mut old = Vec::new();
    walk(
        transaction,
        space::CHANGE.to_vec(),
        change_key(state.deleted + 1, &[]),
        &mut |key, _| {
            old.push(key.to_vec());
            (old.len() as u64) < most
        },
    )?;
    for key in &old {
        transaction.delete(key)?;
    }
    state.write(transaction)
}

/// The first commit that is kept, but not this one, and how much it has; 0 if there is none.
fn measure(transaction: &Transaction, state: &State) -> Result<(u64, Amount)> {
    let (mut oldest, mut amount) = (0, Amount::default());
    walk(
        transaction,
        change_key(state.deleted + 1, &[]),
        change_key(transaction.version() + 1, &[]),
        &mut |key, change| {
            let sequence = split_key(key).map_or(0, |(sequence, ..)| sequence);
            if oldest == 0 {
                oldest = sequence;
            }
            if sequence == oldest {
                amount.add(key, change);
            }
            sequence == oldest
        },
    )?;
    Ok((oldest, amount))
}

fn walk(
    transaction: &Transaction,
    start: Vec<u8>,
    end: Vec<u8>,
    visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
) -> Result<()> {
    let mut cursor = Cursor::new(start, end, Direction::Forward);
    while let Some((key, change)) = next(&mut cursor, transaction)? {
        if !visit(key, change) {
            break;
        }
    }
    Ok(())
}
