//! Embeds the component: finds it, copies it, and computes its hash, by which the compiled
//! artifact is cached.

use std::path::PathBuf;
use std::{env, fs};

use sha2::{Digest, Sha256};

fn main() {
    println!("cargo::rerun-if-env-changed=CU_COMPONENT");
    let path = env::var_os("CU_COMPONENT").map_or_else(
        || {
            PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"))
                .join("../target/cu.wasm")
        },
        PathBuf::from,
    );
    println!("cargo::rerun-if-changed={}", path.display());
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            println!(
                "cargo::error=the component can't be read from {}: {error}; run scripts/build-guest \
                 first, or set CU_COMPONENT to the path of a built one",
                path.display()
            );
            return;
        }
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    fs::write(out.join("cu.wasm"), &bytes).expect("OUT_DIR can be written");
    let hash: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    println!("cargo::rustc-env=CU_COMPONENT_HASH={hash}");
}
