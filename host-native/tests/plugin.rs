//! The example of a program that embeds the component with a store of its own.

use std::path::Path;

use cu_db::Database;
use serde_json::json;

#[path = "../examples/plugin.rs"]
mod plugin;

#[test]
fn a_program_without_our_crate_gets_the_same_state() {
    let component = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/cu.wasm");
    let digest = plugin::run(&component).unwrap();
    let database = Database::in_memory().unwrap();
    database
        .put("things", "first", &json!({"size": 1.5}))
        .unwrap();
    assert_eq!(digest, database.digest().unwrap());
}
