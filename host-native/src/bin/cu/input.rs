//! Values on the command line and in files.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use cu_db::{CallOptions, Key, Value, json};
use serde_json::Value as Json;

use crate::arguments::CallArguments;
use crate::failure::Failure;

/// A file's text; `-` is standard input.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    read.map_err(|error| Failure::Input(format!("{} can't be read: {error}", path.display())))
}

/// As [`read`], for what must be UTF-8.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?)
        .map_err(|_| Failure::Input(format!("{} is not UTF-8", path.display())))
}

/// JSON where it is JSON, text otherwise.
pub fn loose(text: &str) -> Json {
    json::from_text(text.as_bytes()).unwrap_or_else(|_| text.into())
}

/// The value that JSON stands for.
pub fn to_value(json: &Json) -> Result<Value, Failure> {
    Ok(json::to_value(json)?)
}

/// A key in JSON: an integer, a text or `{"$bytes": …}`.
pub fn json_to_key(json: &Json) -> Option<Key> {
    match json {
        Json::Number(number) => number.as_i64().map(Key::Integer),
        Json::String(text) => Some(Key::Text(text.clone())),
        Json::Object(_) => match to_value(json) {
            Ok(Value::Bytes(bytes)) => Some(Key::Bytes(bytes)),
            _ => None,
        },
        _ => None,
    }
}

impl CallArguments {
    pub fn values(&self) -> Result<Vec<Value>, Failure> {
        self.arguments
            .iter()
            .map(|argument| to_value(&loose(argument)))
            .collect()
    }

    pub fn options(&self, chunk_name: &str) -> CallOptions {
        let mut options = CallOptions::default().chunk_name(chunk_name);
        let limits = &self.limits;
        if let Some(instructions) = limits.instructions {
            options = options.instructions(instructions);
        }
        if let Some(memory) = limits.memory {
            options = options.memory(memory);
        }
        if let Some(milliseconds) = limits.wall_clock {
            options = options.wall_clock(Duration::from_millis(milliseconds));
        }
        if let Some(calls) = limits.call_depth {
            options = options.call_depth(calls);
        }
        if let Some(bytes) = limits.result_size {
            options = options.result_size(bytes);
        }
        if let Some(bytes) = limits.output_size {
            options = options.output_size(bytes);
        }
        if let Some(bytes) = limits.transaction_size {
            options = options.transaction_size(bytes);
        }
        if let Some(time) = self.time {
            options = options.time(time);
        }
        if let Some(seed) = self.seed {
            options = options.seed(seed);
        }
        options
    }
}
