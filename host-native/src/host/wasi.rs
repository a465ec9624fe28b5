//! The few functions of WASI that the component imports: clocks and randomness.
//!
//! They are written out here because wasmtime's own implementation of WASI brings an
//! asynchronous runtime, files and sockets, none of which the component may have.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wasmtime::component::{ComponentType, Lift, Linker, Lower};

use super::instance::State;

/// `wasi:clocks/wall-clock.datetime`.
#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

/// Adds everything; the linker takes a version of WASI 0.2 for any other.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut clock = linker.instance("wasi:clocks/wall-clock@0.2.0")?;
    clock.func_wrap("now", |_, (): ()| Ok((now(),)))?;
    clock.func_wrap("resolution", |_, (): ()| {
        Ok((Datetime {
            seconds: 0,
            nanoseconds: 1,
        },))
    })?;

    let start = Instant::now();
    let mut clock = linker.instance("wasi:clocks/monotonic-clock@0.2.0")?;
    clock.func_wrap("now", move |_, (): ()| {
        Ok((start.elapsed().as_nanos() as u64,))
    })?;
    clock.func_wrap("resolution", |_, (): ()| Ok((1u64,)))?;

    let mut random = linker.instance("wasi:random/random@0.2.0")?;
    random.func_wrap("get-random-bytes", |_, (length,): (u64,)| {
        Ok((bytes(length)?,))
    })?;
    random.func_wrap("get-random-u64", |_, (): ()| Ok((number()?,)))?;
    let mut random = linker.instance("wasi:random/insecure@0.2.0")?;
    random.func_wrap("get-insecure-random-bytes", |_, (length,): (u64,)| {
        Ok((bytes(length)?,))
    })?;
    random.func_wrap("get-insecure-random-u64", |_, (): ()| Ok((number()?,)))?;
    let mut random = linker.instance("wasi:random/insecure-seed@0.2.0")?;
    random.func_wrap("insecure-seed", |_, (): ()| Ok(((number()?, number()?),)))?;
    Ok(())
}

fn now() -> Datetime {
    // A clock before 1970 can't be told in this type.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Datetime {
        seconds: now.as_secs(),
        nanoseconds: now.subsec_nanos(),
    }
}

fn number() -> wasmtime::Result<u64> {
    getrandom::u64().map_err(|error| wasmtime::format_err!("no randomness: {error}"))
}

fn bytes(length: u64) -> wasmtime::Result<Vec<u8>> {
    // Nobody needs more at once; it keeps a wild number from taking all memory.
    if length > 1 << 20 {
        return Err(wasmtime::format_err!(
            "more than 1 MiB of random bytes asked for"
        ));
    }
    let mut bytes = vec![0; length as usize];
    getrandom::fill(&mut bytes).map_err(|error| wasmtime::format_err!("no randomness: {error}"))?;
    Ok(bytes)
}
