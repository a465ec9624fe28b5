//! The cache of compiled components in the user's cache directory.
//!
//! A file there is machine code that gets run, so only what the user alone could have written
//! is believed. Whatever is wrong with the cache, the component is compiled instead.

use std::fs::{self, DirBuilder, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Feeds what is hashed to SHA-256.
struct Sha(Sha256);

impl Hasher for Sha {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// The component compiled for `engine`, from the cache if it has it. `hash` tells components apart.
pub(super) fn load(
    engine: &Engine,
    bytes: &[u8],
    hash: &str,
    cache: Option<&Path>,
) -> wasmtime::Result<Component> {
    let file = cache.map(|cache| cache.join(name(engine, hash)));
    if let Some(file) = &file
        && is_private(file)
        && let Some(component) = deserialize(engine, file)
    {
        return Ok(component);
    }
    let component = Component::new(engine, bytes)?;
    if let Some(file) = &file {
        // Without a cache the next start takes longer, and that is all.
        drop(component.serialize().map(|artifact| save(file, &artifact)));
    }
    Ok(component)
}

fn deserialize(engine: &Engine, file: &Path) -> Option<Component> {
    // SAFETY: the file is in a directory that is only the user's, has a name that only `save`
    // gives, to complete artifacts of exactly this engine, and whoever can put another one there
    // can run code as this user already.
    unsafe { Component::deserialize_file(engine, file) }.ok()
}

/// What tells artifacts apart: component, wasmtime's version, its settings, the processor.
fn name(engine: &Engine, hash: &str) -> String {
    let mut sha = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sha);
    let engine: String = sha
        .0
        .finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{}-{engine}.cwasm", &hash[..32])
}

/// Whether the directory and the file are the user's, and nobody else may write them.
fn is_private(file: &Path) -> bool {
    let Some(directory) = file.parent() else {
        return false;
    };
    let (Ok(directory), Ok(file)) = (fs::symlink_metadata(directory), fs::symlink_metadata(file))
    else {
        return false;
    };
    let own = rustix::process::geteuid().as_raw();
    [&directory, &file]
        .iter()
        .all(|metadata| metadata.mode() & 0o022 == 0 && metadata.uid() == own)
        && directory.is_dir()
        && file.is_file()
}

/// Writes the artifact so that nobody ever sees a part of it.
fn save(file: &Path, artifact: &[u8]) -> io::Result<()> {
    let directory = file.parent().expect("a file in the cache has a directory");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    // A temporary file is its owner's only.
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(artifact)?;
    new.as_file().sync_all()?;
    new.persist(file)?;
    File::open(directory)?.sync_all()
}

/// `$XDG_CACHE_HOME/cu`, or `~/.cache/cu`; none if the user has no home.
pub(super) fn user_cache() -> Option<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    std::env::var_os("XDG_CACHE_HOME")
        .and_then(|path| absolute(path.into()))
        .or_else(|| Some(absolute(std::env::home_dir()?)?.join(".cache")))
        .map(|path| path.join("cu"))
}
