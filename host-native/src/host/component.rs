//! The component, compiled and linked, ready to be instantiated.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Collector, Config, Engine};

use super::generated::{Database, DatabasePre};
use super::instance::State;
use super::ticker::Ticker;
use super::{artifact, wasi};
use crate::Error;

const EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/cu.wasm"));
const EMBEDDED_HASH: &str = env!("CU_COMPONENT_HASH");

/// The engine, one for the whole process.
pub(super) struct Runtime {
    pub(super) engine: Engine,
    pub(super) ticker: Ticker,
}

/// What all instances of one component share.
pub(crate) struct Program {
    pub(super) runtime: &'static Runtime,
    pub(super) linked: DatabasePre<State>,
}

impl Program {
    /// The component that is part of this crate; compiled once in a process.
    pub(crate) fn embedded() -> Result<Arc<Self>, Error> {
        static PROGRAM: OnceLock<Arc<Program>> = OnceLock::new();
        if let Some(program) = PROGRAM.get() {
            return Ok(Arc::clone(program));
        }
        let program = Arc::new(Self::load(EMBEDDED, EMBEDDED_HASH, artifact::user_cache())?);
        Ok(Arc::clone(PROGRAM.get_or_init(|| program)))
    }

    /// A component of the caller's.
    pub(crate) fn from_file(path: &Path) -> Result<Arc<Self>, Error> {
        let bytes = std::fs::read(path).map_err(|error| {
            Error::Component(format!("{} can't be read: {error}", path.display()))
        })?;
        let hash: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Arc::new(Self::load(&bytes, &hash, artifact::user_cache())?))
    }

    fn load(bytes: &[u8], hash: &str, cache: Option<PathBuf>) -> Result<Self, Error> {
        // `{:#}` tells the causes as well, such as the name of an import that is missing.
        let failed = |error: wasmtime::Error| Error::Component(format!("{error:#}"));
        let runtime = runtime().map_err(failed)?;
        let component =
            artifact::load(&runtime.engine, bytes, hash, cache.as_deref()).map_err(failed)?;
        let mut linker = Linker::new(&runtime.engine);
        Database::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state)
            .map_err(failed)?;
        wasi::add_to_linker(&mut linker).map_err(failed)?;
        let linked = linker
            .instantiate_pre(&component)
            .and_then(DatabasePre::new)
            .map_err(failed)?;
        Ok(Self { runtime, linked })
    }
}

fn runtime() -> wasmtime::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let mut config = Config::new();
    config
        // Calls block and never overlap in an instance: half the cost of every call.
        .concurrency_support(false)
        // Each Lua error is a Wasm exception; a backtrace for each would cost ten times as much. The other half of that
        // is wasmtime's feature `backtrace`, which `Cargo.toml` leaves out.
        .wasm_backtrace_max_frames(None)
        .wasm_exceptions(true)
        // No exception outlives its catch, so that nothing is ever copied, and making one moves a pointer. Counting
        // references took a tenth longer for each error.
        .collector(Collector::Copying)
        .epoch_interruption(true);
    let engine = Engine::new(&config)?;
    let ticker = Ticker::new(engine.clone());
    Ok(RUNTIME.get_or_init(|| Runtime { engine, ticker }))
}
