//! What wasmtime makes of `wit/`.

#![allow(missing_docs, clippy::all)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "database",
    with: { "cu:db/store.snapshot": super::seam::OpenSnapshot },
    additional_derives: [PartialEq],
});
