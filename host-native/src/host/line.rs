//! Short calls of many threads at once, run by one of them for all.
//!
//! To hand the writer's turn from thread to thread takes longer than a short call does. So such calls stand in a line, and who comes
//! when nobody leads becomes the leader: it runs its own call and those that wait, waits for the disk once, and then tells each caller
//! what came of its call. Before it waits for the disk, the first of those that came meanwhile becomes the next leader.
//!
//! A call must be short, and run nothing of the caller's own (no Lua, so no functions of the embedder): it may be run by another thread.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};

use super::generated::Database;
use super::instance::{Access, Instance};
use super::pool::{Host, lock};
use super::{WasmStore, wit};
use crate::Error;
use crate::store::{Durability, Point};

/// Calls of one turn, at the most: the others have theirs while these wait for the disk.
const MOST: usize = 32;

/// Its caller waits.
const WAITS: u8 = 0;
/// Its caller is the leader from now on.
const LEADS: u8 = 1;
/// What came of it is there.
const DONE: u8 = 2;

/// The calls that wait for one who runs them.
#[derive(Default)]
pub(super) struct Line(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Arc<dyn Call>>,
    /// Whether there is a leader. If there is none, nobody waits.
    is_led: bool,
}

/// A call in the line, whatever it returns.
trait Call: Send + Sync {
    /// Runs it, in the writer's turn.
    fn run(&self, host: &Host, writer: &mut Option<Instance>);
    fn durability(&self) -> Durability;
    /// Waits until what it did, and has seen, is settled. Whether it has committed.
    fn settle(&self, host: &Host) -> bool;
    /// Wakes its caller.
    fn tell(&self, what: u8);
}

/// What has come of a call so far.
enum Progress<T> {
    Waiting,
    Ran {
        result: Result<T, Error>,
        seen: Option<Point>,
        committed: bool,
    },
    /// It panicked, which is its caller's business.
    Panicked(Box<dyn Any + Send>),
}

struct Slot<T, F> {
    run: F,
    durability: Durability,
    caller: Thread,
    told: AtomicU8,
    progress: Mutex<Progress<T>>,
}

impl<T, F> Call for Slot<T, F>
where
    T: Send + 'static,
    F: Fn(&Database, &mut WasmStore) -> wasmtime::Result<Result<T, wit::Error>> + Send + Sync,
{
    fn run(&self, host: &Host, writer: &mut Option<Instance>) {
        let ran = catch_unwind(AssertUnwindSafe(|| {
            host.check_open()?;
            host.attempt(|| writer.take(), Access::Write, &self.run)
        }));
        *lock(&self.progress) = match ran {
            Ok(Ok(outcome)) => {
                *writer = outcome.instance;
                Progress::Ran {
                    result: host.explain_excess(outcome.result),
                    seen: outcome.seen,
                    committed: outcome.committed,
                }
            }
            Ok(Err(error)) => Progress::Ran {
                result: Err(error),
                seen: None,
                committed: false,
            },
            Err(panic) => Progress::Panicked(panic),
        };
    }

    fn durability(&self) -> Durability {
        self.durability
    }

    fn settle(&self, host: &Host) -> bool {
        let mut progress = lock(&self.progress);
        let Progress::Ran {
            result,
            seen: Some(point),
            committed,
        } = &mut *progress
        else {
            return false;
        };
        let settled = catch_unwind(AssertUnwindSafe(|| {
            host.store().settle(*point, self.durability)
        }));
        match settled {
            Ok(Ok(())) => *committed,
            // Also for a call that has failed: it may tell of what it saw.
            Ok(Err(failure)) => {
                *result = Err(failure.into());
                false
            }
            Err(panic) => {
                *progress = Progress::Panicked(panic);
                false
            }
        }
    }

    fn tell(&self, what: u8) {
        self.told.store(what, Ordering::Release);
        self.caller.unpark();
    }
}

impl Host {
    /// As [`write`](Host::write), for a short call that runs nothing of the caller's own.
    pub(crate) fn write_in_line<T: Send + 'static>(
        &self,
        durability: Durability,
        run: impl Fn(&Database, &mut WasmStore) -> wasmtime::Result<Result<T, wit::Error>>
        + Send
        + Sync
        + 'static,
    ) -> Result<T, Error> {
        let slot = Arc::new(Slot {
            run,
            durability,
            caller: thread::current(),
            told: AtomicU8::new(WAITS),
            progress: Mutex::new(Progress::Waiting),
        });
        let mut line = lock(&self.line.0);
        line.waiting.push_back(slot.clone());
        let mut leads = !std::mem::replace(&mut line.is_led, true);
        drop(line);
        while !leads {
            match slot.told.load(Ordering::Acquire) {
                LEADS => leads = true,
                DONE => break,
                _ => thread::park(),
            }
        }
        if leads {
            self.lead();
        }
        let progress = std::mem::replace(&mut *lock(&slot.progress), Progress::Waiting);
        match progress {
            Progress::Ran { result, .. } => result,
            Progress::Panicked(panic) => resume_unwind(panic),
            Progress::Waiting => unreachable!("a leader's own call is the first that it runs"),
        }
    }

    /// Runs those who wait, the caller's own call first.
    fn lead(&self) {
        let turn = lock(&self.turn);
        let mut writer = lock(&self.writer);
        let mut group = Vec::new();
        while group.len() < MOST {
            let Some(call) = lock(&self.line.0).waiting.pop_front() else {
                break;
            };
            call.run(self, &mut writer);
            group.push(call);
        }
        drop(writer);
        drop(turn);
        let mut line = lock(&self.line.0);
        match line.waiting.front() {
            Some(next) => next.tell(LEADS),
            None => line.is_led = false,
        }
        drop(line);

        // Those who do not wait for the disk hear first.
        group.sort_by_key(|call| call.durability() == Durability::Strict);
        let mut rest = &group[..];
        while let Some(first) = rest.first() {
            let durability = first.durability();
            let count = rest
                .iter()
                .take_while(|call| call.durability() == durability)
                .count();
            let (same, others) = rest.split_at(count);
            let mut committed = false;
            for call in same {
                committed |= call.settle(self);
            }
            if committed {
                self.announce();
            }
            for call in same {
                call.tell(DONE);
            }
            rest = others;
        }
    }
}
