//! What the figures were measured on, and with.

use std::path::Path;

use serde::Serialize;

/// The machine and the versions, for whoever compares two runs.
#[derive(Debug, Serialize)]
pub struct Machine {
    processor: String,
    cores: usize,
    memory_gib: u64,
    system: String,
    file_system: String,
    load: String,
    cu: String,
    lua: String,
    wasmtime: String,
    redb: String,
    sqlite: String,
    seed: u64,
}

impl Machine {
    pub fn here(directory: &Path, seed: u64) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let after = |text: &str, label: &str| {
            text.lines()
                .find(|line| line.starts_with(label))
                .and_then(|line| line.split_once(':'))
                .map_or("unknown".to_owned(), |(_, value)| value.trim().to_owned())
        };
        let memory = after(&read("/proc/meminfo"), "MemTotal");
        let kilobytes: u64 = memory
            .split(' ')
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or(0);
        let lua = mlua::Lua::new();
        Self {
            processor: after(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: kilobytes >> 20,
            system: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
            file_system: file_system(directory, &read("/proc/mounts")),
            load: read("/proc/loadavg")
                .split(' ')
                .take(3)
                .collect::<Vec<_>>()
                .join(" "),
            cu: locked("cu-db"),
            lua: lua.globals().get("_VERSION").unwrap_or_default(),
            wasmtime: locked("wasmtime"),
            redb: locked("redb"),
            sqlite: rusqlite::version().to_owned(),
            seed,
        }
    }
}

/// The type of what is mounted where the directory is.
fn file_system(directory: &Path, mounts: &str) -> String {
    let directory = directory.canonicalize().unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?, words.next()?))
        })
        .filter(|(place, _)| directory.starts_with(place))
        .max_by_key(|(place, _)| place.len())
        .map_or("unknown".to_owned(), |(_, kind)| kind.to_owned())
}

/// The version of a package in the lock file of this crate.
fn locked(name: &str) -> String {
    let mut lines = include_str!("../Cargo.lock").lines();
    let wanted = format!("name = \"{name}\"");
    lines
        .find(|line| *line == wanted)
        .and_then(|_| lines.next())
        .and_then(|line| line.strip_prefix("version = \""))
        .map_or("unknown".to_owned(), |version| {
            version.trim_end_matches('"').to_owned()
        })
}
