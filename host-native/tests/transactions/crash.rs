//! What a process leaves that ends in the midst of a transaction.

use std::process::Command;

use cu_db::{Database, Error};

use crate::{both, fill};

const PATH: &str = "CU_TEST_TRANSACTION";

#[test]
fn a_process_that_ends_before_the_commit_leaves_nothing_of_the_transaction() {
    if let Some(path) = std::env::var_os(PATH) {
        let database = Database::open(path).unwrap();
        let committed = database.transact::<_, Error>(|tx| tx.put("accounts", "y", &51));
        committed.unwrap();
        let transaction = database.begin().unwrap();
        for key in 0..1_000 {
            transaction.put("accounts", key, &key).unwrap();
        }
        transaction.put("accounts", "x", &0).unwrap();
        std::process::abort();
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let database = Database::open(&path).unwrap();
    fill(&database);
    database.close().unwrap();
    let ended = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "crash::a_process_that_ends_before_the_commit_leaves_nothing_of_the_transaction",
        ])
        .env(PATH, &path)
        .output()
        .unwrap();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&ended.status),
        Some(libc::SIGABRT),
        "{ended:?}"
    );
    let database = Database::open(&path).unwrap();
    assert_eq!(both(&database), [50, 51]);
    assert_eq!(database.stats().unwrap().documents, 2);
}
