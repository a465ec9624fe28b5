//! Walking a range of the store with a transaction's own writes merged in.

use super::{Direction, Transaction};
use crate::error::Result;
use crate::pack::{Span, Unpacker};

/// The first page is small, since many a walk ends early; each further one is larger.
const FIRST_PAGE: u32 = 16;
const LARGEST_PAGE: u32 = 4096;
const PAGE_BYTES: u32 = 256 << 10;

/// A place in a range. It sees writes made while it walks, ahead of where it is.
#[derive(Debug)]
pub struct Cursor {
    start: Vec<u8>,
    end: Vec<u8>,
    direction: Direction,
    page: Vec<u8>,
    unpacker: Unpacker,
    /// The page's next entry, not yet handed out.
    head: Option<(Span, Span)>,
    page_entries: u32,
    /// How many entries the page may still have before it is full.
    room: u32,
    /// Whether the store has no further page.
    last_page: bool,
    /// The entry of the overlay that was handed out last.
    overlaid: (Vec<u8>, Vec<u8>),
}

impl Cursor {
    /// A cursor over `start <= key < end`; an empty `end` is no bound.
    #[must_use]
    pub fn new(start: Vec<u8>, end: Vec<u8>, direction: Direction) -> Self {
        Cursor {
            last_page: !end.is_empty() && end <= start,
            start,
            end,
            direction,
            page: Vec::new(),
            unpacker: Unpacker::default(),
            head: None,
            page_entries: FIRST_PAGE,
            room: 0,
            overlaid: (Vec::new(), Vec::new()),
        }
    }

    /// A cursor that is known to be walked far: its first page is large.
    #[must_use]
    pub fn eager(mut self) -> Self {
        self.page_entries = LARGEST_PAGE;
        self
    }

    /// A cursor that is known to need at most so many entries.
    #[must_use]
    pub fn expecting(mut self, entries: usize) -> Self {
        self.page_entries = u32::try_from(entries)
            .unwrap_or(LARGEST_PAGE)
            .clamp(1, LARGEST_PAGE);
        self
    }

    /// Fetches the page's next entry into `head`. The bounds move behind what was fetched.
    fn fill(&mut self, transaction: &Transaction) -> Result<()> {
        while self.head.is_none() {
            if !self.unpacker.is_done(&self.page) {
                self.room = self.room.saturating_sub(1);
                let key = self.unpacker.bytes(&self.page)?;
                if let Some(value) = self.unpacker.optional(&self.page)? {
                    self.head = Some((key, value));
                }
                continue;
            }
            // A page that is neither empty nor full is the last one, too.
            self.last_page |= self.room > 0;
            if self.last_page {
                return Ok(());
            }
            self.page = transaction.snapshot()?.scan(
                &self.start,
                &self.end,
                self.direction,
                self.page_entries,
                PAGE_BYTES,
            )?;
            transaction.count_page(&self.page);
            self.unpacker = Unpacker::default();
            self.last_page = self.page.is_empty();
            self.room = match self.page.len() < PAGE_BYTES as usize {
                true => self.page_entries,
                false => 0,
            };
            self.page_entries = (self.page_entries * 4).min(LARGEST_PAGE);
        }
        Ok(())
    }

    fn moved_behind(&mut self, key: &[u8]) {
        match self.direction {
            Direction::Forward => {
                self.start.clear();
                self.start.extend_from_slice(key);
                self.start.push(0);
            }
            Direction::Backward => {
                self.end.clear();
                self.end.extend_from_slice(key);
            }
        }
    }

    /// The next entry: key and value. None at the end of the range.
    ///
    /// # Errors
    /// As the store fails.
    pub fn next<'a>(
        &'a mut self,
        transaction: &Transaction,
    ) -> Result<Option<(&'a [u8], &'a [u8])>> {
        loop {
            self.fill(transaction)?;
            let own = if transaction.is_clean() {
                None
            } else {
                transaction.overlaid(&self.start, &self.end, self.direction)
            };
            let Some((own_key, own_value)) = own else {
                let Some((key, value)) = self.head.take() else {
                    return Ok(None);
                };
                let moved = std::mem::take(&mut self.page);
                self.moved_behind(&moved[key.clone()]);
                self.page = moved;
                return Ok(Some((&self.page[key], &self.page[value])));
            };
            let order = match &self.head {
                None => std::cmp::Ordering::Less,
                Some((key, _)) => match self.direction {
                    Direction::Forward => own_key.cmp(&self.page[key.clone()]),
                    Direction::Backward => self.page[key.clone()].cmp(own_key),
                },
            };
            if order == std::cmp::Ordering::Greater {
                let (key, value) = self.head.take().expect("a head was compared");
                let moved = std::mem::take(&mut self.page);
                self.moved_behind(&moved[key.clone()]);
                self.page = moved;
                return Ok(Some((&self.page[key], &self.page[value])));
            }
            if order == std::cmp::Ordering::Equal {
                // The own write hides the store's entry.
                self.head = None;
            }
            let own_key = own_key.to_vec();
            let own_value = own_value.map(<[u8]>::to_vec);
            self.moved_behind(&own_key);
            if let Some(own_value) = own_value {
                self.overlaid = (own_key, own_value);
                return Ok(Some((&self.overlaid.0, &self.overlaid.1)));
            }
        }
    }
}
