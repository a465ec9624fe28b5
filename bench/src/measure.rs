//! Clocks.

use std::time::{Duration, Instant};

use crate::Outcome;

pub fn timed<T>(run: impl FnOnce() -> Outcome<T>) -> Outcome<(T, Duration)> {
    let start = Instant::now();
    let result = run()?;
    Ok((result, start.elapsed()))
}

pub fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The middle one of some durations.
pub fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// How often each of several things runs before it is the next one's turn: what runs one after the other has its code and data in the
/// processor's caches, as it has in a program that does nothing but that.
const STRETCH: usize = 20;

/// Runs several things in turns, so that what else the machine does meets all of them, and gives the median
/// of each.
pub fn medians(
    times: usize,
    runs: &mut [&mut dyn FnMut(usize) -> Outcome<()>],
) -> Outcome<Vec<Duration>> {
    let mut taken = vec![Vec::with_capacity(times); runs.len()];
    for start in (0..times).step_by(STRETCH) {
        for (run, taken) in runs.iter_mut().zip(&mut taken) {
            for turn in start..times.min(start + STRETCH) {
                taken.push(timed(|| run(turn))?.1);
            }
        }
    }
    Ok(taken.iter_mut().map(|taken| median(taken)).collect())
}

/// The time of the processor that this thread takes: what other processes do is not in it.
pub fn of_processor<T>(run: impl FnOnce() -> Outcome<T>) -> Outcome<(T, Duration)> {
    let now = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let start = now();
    let result = run()?;
    Ok((result, now() - start))
}
