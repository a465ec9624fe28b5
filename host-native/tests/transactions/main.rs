//! Interactive transactions, on the component itself.

mod anomalies;
mod calls;
mod crash;
mod histories;
mod savepoints;
mod stream;

use cu_db::Database;

/// Accounts with 50 each, in memory.
fn accounts() -> Database {
    let database = Database::in_memory().unwrap();
    fill(&database);
    database
}

fn fill(database: &Database) {
    database.put("accounts", "x", &50).unwrap();
    database.put("accounts", "y", &50).unwrap();
}

/// What is in an account, or -1.
fn of(database: &Database, account: &str) -> i64 {
    database.get("accounts", account).unwrap().unwrap_or(-1)
}

fn both(database: &Database) -> [i64; 2] {
    [of(database, "x"), of(database, "y")]
}

fn code<T: std::fmt::Debug>(result: Result<T, cu_db::Error>) -> &'static str {
    result.unwrap_err().code()
}
