//! `cu query`: documents that meet a condition, and what is told of them in groups.

use cu_db::{Condition, Database, Query, Value, json};

use crate::arguments::Query as Arguments;
use crate::failure::Failure;
use crate::input::to_value;
use crate::output::Output;

pub fn run(database: &Database, arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let query = query(arguments)?;
    if arguments.count {
        return output.document(&database.count(&query)?.into());
    }
    if arguments.explain {
        if !output.json {
            return output.line(&database.explain_text(&query)?);
        }
        return output.document(&json::from_value(database.explain(&query)?)?);
    }
    if query.is_grouped() {
        return output.groups(database.query_groups(&query)?);
    }
    output.documents(database.query(&query)?)
}

fn query(arguments: &Arguments) -> Result<Query, Failure> {
    let mut query = Query::table(&arguments.table);
    if let Some(text) = &arguments.condition {
        query = query.filter(condition(text)?);
    }
    if let Some(condition) = &arguments.json_condition {
        let condition = json::from_text(condition.as_bytes()).map_err(|error| {
            Failure::Usage(format!("the value of --where is not JSON: {error}"))
        })?;
        query = query.filter(Condition::from_value(to_value(&condition)?));
    }
    if let Some(text) = &arguments.having {
        query = query.having(condition(text)?);
    }
    for name in &arguments.sort {
        query = match name.strip_prefix('-') {
            Some(name) => query.sort_descending(name),
            None => query.sort(name.as_str()),
        };
    }
    if let Some(limit) = arguments.limit {
        query = query.limit(limit);
    }
    if let Some(offset) = arguments.offset {
        query = query.offset(offset);
    }
    query = query
        .select(arguments.select.iter().map(String::as_str))
        .group_by(arguments.group_by.iter().map(String::as_str));
    for (name, aggregate) in &arguments.aggregate {
        query = query.aggregate(name, aggregate.clone());
    }
    if arguments.distinct {
        query = query.distinct();
    }
    if arguments.analyze {
        query = query.analyze();
    }
    Ok(query)
}

/// Reads a condition.
pub fn condition(text: &str) -> Result<Condition, Failure> {
    text.parse().map_err(|error| {
        Failure::Usage(format!(
            "the condition {text:?} can't be read: {error}. `cu query --help` shows how conditions are written"
        ))
    })
}

impl Output {
    /// Rows that are made of many documents.
    fn groups(self, groups: Vec<Value>) -> Result<(), Failure> {
        let groups = groups
            .into_iter()
            .map(json::from_value)
            .collect::<Result<Vec<_>, _>>()?;
        let mut names: Vec<String> = Vec::new();
        for name in groups
            .iter()
            .filter_map(|group| group.as_object())
            .flat_map(|group| group.keys())
        {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        if self.json {
            let line = |group: &serde_json::Value| self.line(&json::to_text(group));
            return groups.iter().try_for_each(line);
        }
        let row = |mut group: serde_json::Value| {
            let mut cell = |name: &String| group.get_mut(name).map(serde_json::Value::take);
            names
                .iter()
                .map(|name| cell(name).unwrap_or_default())
                .collect()
        };
        let rows = groups.into_iter().map(row).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.rows(&names, rows)
    }
}
