//! What batches mean, on a plain map.

use std::collections::BTreeMap;

use cu_guest::value::{write_array_head, write_int, write_map_head, write_text};
use proptest::prelude::*;

/// How many keys there are.
pub const KEYS: i64 = 6;

/// A document: a number that is unique, another number, a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    u: Option<i64>,
    n: Option<i64>,
    l: Option<Vec<i64>>,
}

impl Document {
    pub fn write(&self, out: &mut Vec<u8>) {
        let there = [self.l.is_some(), self.n.is_some(), self.u.is_some()];
        write_map_head(out, there.iter().filter(|there| **there).count());
        if let Some(list) = &self.l {
            write_text(out, "l");
            write_array_head(out, list.len());
            list.iter().for_each(|value| write_int(out, *value));
        }
        for (name, value) in [("n", self.n), ("u", self.u)] {
            if let Some(value) = value {
                write_text(out, name);
                write_int(out, value);
            }
        }
    }
}

#[derive(Debug, Clone)]
pub enum Change {
    SetU(i64),
    UnsetU,
    Increment(i64),
    Push(i64),
    Remove(i64),
    /// Fails if there is a number.
    RemoveFromNumber,
    MergeN(Option<i64>),
}

#[derive(Debug, Clone)]
pub enum Precondition {
    Exists,
    Absent,
    Number(i64),
}

#[derive(Debug, Clone)]
pub enum Where {
    All,
    Less(i64),
    Has(i64),
}

#[derive(Debug, Clone)]
pub enum Operation {
    Put(i64, Document, Option<Precondition>),
    Insert(i64, Document),
    Get(i64),
    Delete(i64, Option<Precondition>),
    Update(i64, Vec<Change>, Option<Precondition>),
    /// All, or the two with the greatest number.
    DeleteAll((Where, bool)),
    UpdateAll((Where, bool), Vec<Change>),
}

#[derive(Debug, Clone)]
pub struct Batch {
    pub is_atomic: bool,
    pub operations: Vec<Operation>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Nothing,
    Flag(bool),
    Count(usize),
    Document(Document),
}

pub fn batch() -> impl Strategy<Value = Batch> {
    let small = || 0..4i64;
    let document = || {
        let list = prop::option::of(prop::collection::vec(0..4i64, 0..3));
        (prop::option::of(0..8i64), prop::option::of(small()), list)
            .prop_map(|(u, n, l)| Document { u, n, l })
    };
    let change = prop_oneof![
        2 => (0..8i64).prop_map(Change::SetU),
        1 => Just(Change::UnsetU),
        2 => (-2..3i64).prop_map(Change::Increment),
        2 => small().prop_map(Change::Push),
        1 => small().prop_map(Change::Remove),
        1 => Just(Change::RemoveFromNumber),
        2 => prop::option::of(small()).prop_map(Change::MergeN),
    ];
    let changes = prop::collection::vec(change, 1..4);
    let precondition = || {
        prop::option::weighted(
            0.3,
            prop_oneof![
                Just(Precondition::Exists),
                Just(Precondition::Absent),
                small().prop_map(Precondition::Number),
            ],
        )
    };
    let which = || {
        let which = prop_oneof![
            Just(Where::All),
            small().prop_map(Where::Less),
            small().prop_map(Where::Has),
        ];
        (which, any::<bool>())
    };
    let key = || 0..KEYS;
    let operation = prop_oneof![
        4 => (key(), document(), precondition()).prop_map(|(k, d, p)| Operation::Put(k, d, p)),
        2 => (key(), document()).prop_map(|(k, d)| Operation::Insert(k, d)),
        1 => key().prop_map(Operation::Get),
        2 => (key(), precondition()).prop_map(|(k, p)| Operation::Delete(k, p)),
        4 => (key(), changes.clone(), precondition()).prop_map(|(k, c, p)| Operation::Update(k, c, p)),
        1 => which().prop_map(Operation::DeleteAll),
        2 => (which(), changes).prop_map(|(w, c)| Operation::UpdateAll(w, c)),
    ];
    (any::<bool>(), prop::collection::vec(operation, 0..6)).prop_map(|(is_atomic, operations)| {
        Batch {
            is_atomic,
            operations,
        }
    })
}

/// The documents by their keys.
#[derive(Debug, Clone, Default)]
pub struct Documents(BTreeMap<i64, Document>);

type Code = &'static str;

impl Documents {
    pub fn get(&self, key: i64) -> Option<&Document> {
        self.0.get(&key)
    }

    /// One result for each operation; the code of an error that ends the batch.
    pub fn apply(&mut self, batch: &Batch) -> Result<Vec<Result<Outcome, Code>>, Code> {
        let mut results = Vec::new();
        for operation in &batch.operations {
            let before = self.clone();
            let result = self.run(operation);
            if result.is_err() {
                *self = before;
            }
            match result {
                Err(code) if batch.is_atomic => return Err(code),
                result => results.push(result),
            }
        }
        Ok(results)
    }

    fn run(&mut self, operation: &Operation) -> Result<Outcome, Code> {
        match operation {
            Operation::Put(key, document, precondition) => {
                self.check(*key, precondition.as_ref())?;
                self.put(*key, document.clone())?;
                Ok(Outcome::Nothing)
            }
            Operation::Insert(key, _) if self.0.contains_key(key) => Err("already-exists"),
            Operation::Insert(key, document) => {
                self.put(*key, document.clone())?;
                Ok(Outcome::Nothing)
            }
            Operation::Get(key) => Ok(self.get(*key).map_or(Outcome::Nothing, |document| {
                Outcome::Document(document.clone())
            })),
            Operation::Delete(key, precondition) => {
                self.check(*key, precondition.as_ref())?;
                Ok(Outcome::Flag(self.0.remove(key).is_some()))
            }
            Operation::Update(key, changes, precondition) => {
                self.check(*key, precondition.as_ref())?;
                let there = self.0.contains_key(key);
                if there {
                    self.change(*key, changes)?;
                }
                Ok(Outcome::Flag(there))
            }
            Operation::DeleteAll(which) => {
                let found = self.found(which);
                found.iter().for_each(|key| {
                    self.0.remove(key);
                });
                Ok(Outcome::Count(found.len()))
            }
            Operation::UpdateAll(which, changes) => {
                let found = self.found(which);
                for key in &found {
                    self.change(*key, changes)?;
                }
                Ok(Outcome::Count(found.len()))
            }
        }
    }

    fn check(&self, key: i64, precondition: Option<&Precondition>) -> Result<(), Code> {
        let there = self.get(key);
        let holds = match precondition {
            None => true,
            Some(Precondition::Exists) => there.is_some(),
            Some(Precondition::Absent) => there.is_none(),
            Some(Precondition::Number(value)) => {
                there.is_some_and(|document| document.n == Some(*value))
            }
        };
        if holds {
            Ok(())
        } else {
            Err("precondition-failed")
        }
    }

    fn put(&mut self, key: i64, document: Document) -> Result<(), Code> {
        let taken = self
            .0
            .iter()
            .any(|(other, there)| *other != key && there.u.is_some() && there.u == document.u);
        if taken {
            return Err("already-exists");
        }
        self.0.insert(key, document);
        Ok(())
    }

    fn change(&mut self, key: i64, changes: &[Change]) -> Result<(), Code> {
        let mut document = self.0[&key].clone();
        for change in changes {
            match change {
                Change::SetU(value) => document.u = Some(*value),
                Change::UnsetU => document.u = None,
                Change::Increment(by) => document.n = Some(document.n.unwrap_or(0) + by),
                Change::Push(value) => document.l.get_or_insert_default().push(*value),
                Change::Remove(value) => {
                    if let Some(list) = &mut document.l {
                        list.retain(|there| there != value);
                    }
                }
                Change::RemoveFromNumber if document.n.is_some() => return Err("invalid-argument"),
                Change::RemoveFromNumber => {}
                Change::MergeN(value) => document.n = *value,
            }
        }
        self.put(key, document)
    }

    pub fn found(&self, (which, limited): &(Where, bool)) -> Vec<i64> {
        let mut found: Vec<i64> = self
            .0
            .iter()
            .filter(|(_, document)| match which {
                Where::All => true,
                Where::Less(value) => document.n.is_some_and(|n| n < *value),
                Where::Has(value) => document.l.as_ref().is_some_and(|list| list.contains(value)),
            })
            .map(|(key, _)| *key)
            .collect();
        if *limited {
            found.sort_by_key(|key| (std::cmp::Reverse(self.0[key].n), *key));
            found.truncate(2);
        }
        found
    }
}
