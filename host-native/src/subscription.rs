//! Following the change feed as it grows.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::host::Waiter;
use crate::{Change, Changes, Database, Error, Position, Value};

/// Changes as they are committed, one after the other. See [`Database::subscribe`].
pub struct Subscription<'a, T = Value> {
    database: &'a Database,
    /// What is asked for next.
    wanted: Changes,
    page: VecDeque<Change<T>>,
    /// Whether there may be more behind the page already.
    more: bool,
    position: Position,
    waiter: Waiter,
    failed: bool,
}

/// Ends a [`Subscription`] or a [`LiveQuery`](crate::LiveQuery) from another thread.
pub struct Closer(Waiter);

impl Closer {
    pub(crate) fn of(waiter: &Waiter) -> Self {
        Self(waiter.handle())
    }

    /// Ends it: whoever waits in it returns, and what was not told yet is not told any more.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Clone for Closer {
    fn clone(&self) -> Self {
        Self::of(&self.0)
    }
}

impl Database {
    /// Follows the changes from a place on, or from now on. Nothing is missed and nothing told twice, also by one who
    /// keeps the [`position`](Change::position) of the last change that was dealt with and goes on from there in
    /// another process. A change is told when its commit is as durable as the database keeps it.
    ///
    /// ```
    /// use cu_db::{Changes, Database, Feed, Key};
    ///
    /// let database = Database::in_memory()?;
    /// database.configure_feed(&Feed::all())?;
    /// let mut changes = database.subscribe::<String>(&Changes::of(["names"]))?;
    /// database.put("names", 1, "Ada")?;
    /// database.put("names", 1, "Ada Lovelace")?;
    /// let last = changes.by_ref().take(2).last().unwrap()?;
    /// assert_eq!((last.before.as_deref(), last.after.as_deref()), (Some("Ada"), Some("Ada Lovelace")));
    ///
    /// let position = last.position.to_string(); // to be kept somewhere
    /// database.delete("names", 1)?;
    /// let mut later = database.subscribe::<String>(&Changes::of(["names"]).after(position.parse::<cu_db::Position>().unwrap()))?;
    /// assert_eq!(later.next().unwrap()?.after, None);
    /// # Ok::<(), cu_db::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`changes`](Database::changes): [`Error::OutOfDate`] if the feed is off, or does not have all of them.
    pub fn subscribe<T: DeserializeOwned>(
        &self,
        changes: &Changes,
    ) -> Result<Subscription<'_, T>, Error> {
        let mut subscription = Subscription {
            database: self,
            wanted: changes.clone(),
            page: VecDeque::new(),
            more: true,
            position: Position::commit(0),
            waiter: Waiter::new(self.host().commits()),
            failed: false,
        };
        subscription.turn()?;
        if let (None, Some(next)) = (&changes.after, &subscription.wanted.after) {
            subscription.position = next.clone();
        } else if let Some(after) = &changes.after {
            subscription.position = after.clone();
        }
        Ok(subscription)
    }
}

impl<T: DeserializeOwned> Subscription<'_, T> {
    /// Reads the next page.
    fn turn(&mut self) -> Result<(), Error> {
        self.waiter.listen();
        let page = self.database.changes(&self.wanted)?;
        self.page = page.changes.into();
        self.more = page.more;
        self.wanted.after = Some(page.next);
        Ok(())
    }

    /// The next change, or none if there is none before the time is over, or it was closed. Without any time, it only looks.
    ///
    /// # Errors
    /// [`Error::OutOfDate`] if changes were deleted before they were told, and what reading them reports. The
    /// position is still that behind the last change.
    pub fn next_within(&mut self, time: Duration) -> Result<Option<Change<T>>, Error> {
        // What is too far away for the clock never comes.
        self.next_until(Instant::now().checked_add(time))
    }

    fn next_until(&mut self, until: Option<Instant>) -> Result<Option<Change<T>>, Error> {
        loop {
            if self.waiter.is_closed() {
                return Ok(None);
            }
            if let Some(change) = self.page.pop_front() {
                self.position = change.position.clone();
                return Ok(Some(change));
            }
            if let (false, Some(next)) = (self.more, &self.wanted.after) {
                // All that was wanted of what is there was told.
                self.position = next.clone();
                if !self.waiter.wait(until) {
                    return Ok(None);
                }
            }
            self.turn()?;
        }
    }

    /// The place behind the last change that was told, and behind others that are not wanted.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Ends the subscription from another thread.
    #[must_use]
    pub fn closer(&self) -> Closer {
        Closer::of(&self.waiter)
    }
}

/// Waits for each change. It ends when it is closed, and with the first error.
impl<T: DeserializeOwned> Iterator for Subscription<'_, T> {
    type Item = Result<Change<T>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.next_until(None).transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}
