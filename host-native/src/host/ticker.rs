//! The clock that interrupts calls which run too long: a thread that advances the engine's epoch
//! while calls run, and sleeps while none does.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::Engine;

/// The time between two ticks.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// The thread goes on for so many idle ticks, since waking it for each short call costs more than
/// the call.
const IDLE_TICKS: u32 = 50;

#[derive(Default)]
struct Shared {
    running: AtomicUsize,
    parked: AtomicBool,
}

/// Ticks as long as somebody holds a [`Running`].
pub(super) struct Ticker {
    engine: Engine,
    shared: Arc<Shared>,
    thread: OnceLock<Thread>,
}

/// A call that runs.
pub(super) struct Running<'a>(&'a Shared);

impl Ticker {
    pub(super) fn new(engine: Engine) -> Self {
        Self {
            engine,
            shared: Arc::default(),
            thread: OnceLock::new(),
        }
    }

    /// Says that a call runs until the result is dropped.
    pub(super) fn run(&self) -> Running<'_> {
        self.shared.running.fetch_add(1, SeqCst);
        let thread = self.thread.get_or_init(|| {
            let (engine, shared) = (self.engine.clone(), Arc::clone(&self.shared));
            thread::Builder::new()
                .name("cu-ticker".to_owned())
                .spawn(move || tick(&engine, &shared))
                .expect("a thread can be started")
                .thread()
                .clone()
        });
        if self.shared.parked.load(SeqCst) {
            thread.unpark();
        }
        Running(&self.shared)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

fn tick(engine: &Engine, shared: &Shared) {
    let mut idle = 0;
    loop {
        if shared.running.load(SeqCst) > 0 {
            idle = 0;
        } else {
            idle += 1;
        }
        if idle > IDLE_TICKS {
            // Whoever starts a call counts itself first and looks at `parked` second; here
            // it is the other way round, so that one of the two sees the other.
            shared.parked.store(true, SeqCst);
            while shared.running.load(SeqCst) == 0 {
                thread::park();
            }
            shared.parked.store(false, SeqCst);
        }
        thread::sleep(TICK);
        engine.increment_epoch();
    }
}
