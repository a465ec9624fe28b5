use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{FANOUT, LARGE, Overlay};
use crate::pack::{Unpacker, write_bytes, write_optional};
use crate::store::Direction;

/// Keys that are close to each other: with common beginnings, zeros at their ends, and of all lengths around 16.
fn key() -> impl Strategy<Value = Vec<u8>> {
    (0..24_usize, 0..40_u8, any::<bool>()).prop_map(|(length, last, zeros)| {
        let mut key = vec![if zeros { 0 } else { 7 }; length];
        key.push(last);
        key
    })
}

fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        1 => Just(None),
        4 => (any::<u8>(), 0..40_usize).prop_map(|(byte, length)| Some(vec![byte; length])),
        1 => any::<u8>().prop_map(|byte| Some(vec![byte; LARGE + 1])),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<u8>, Option<Vec<u8>>),
    Mark,
    Undo,
    Append(Vec<u8>, Option<Vec<u8>>),
    Settle,
    Look(Vec<u8>, Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (key(), value()).prop_map(|(key, value)| Step::Write(key, value)),
        1 => Just(Step::Mark),
        1 => Just(Step::Undo),
        8 => (key(), value()).prop_map(|(key, value)| Step::Append(key, value)),
        1 => Just(Step::Settle),
        4 => (key(), key()).prop_map(|(start, end)| Step::Look(start, end)),
    ]
}

type Model = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What the map of the standard library says of a range.
fn expected<'m>(model: &'m Model, start: &[u8], end: &[u8]) -> Vec<(&'m [u8], Option<&'m [u8]>)> {
    let within = |key: &[u8]| key >= start && (end.is_empty() || key < end);
    let entries = model.iter().filter(|(key, _)| within(key));
    entries
        .map(|(key, value)| (&key[..], value.as_deref()))
        .collect()
}

fn look(overlay: &Overlay, model: &Model, start: &[u8], end: &[u8]) {
    let expected = expected(model, start, end);
    assert_eq!(overlay.range(start, end).collect::<Vec<_>>(), expected);
    let first = |direction| overlay.first(start, end, direction);
    assert_eq!(first(Direction::Forward), expected.first().copied());
    assert_eq!(first(Direction::Backward), expected.last().copied());
    let there = model.get(start).map(Option::as_deref);
    assert_eq!(overlay.peek(start), there);
    assert_eq!(overlay.get(start).as_ref().map(Option::as_deref), there);
}

proptest! {
    #[test]
    fn writes_are_those_of_an_ordered_map(steps in prop::collection::vec(step(), 0..400)) {
        let (mut overlay, mut model) = (Overlay::default(), Model::new());
        let mut undo: Vec<(Vec<_>, Model)> = Vec::new();
        let mut appended = false;
        for step in steps {
            if appended && !matches!(step, Step::Append(..)) {
                overlay.settle();
                appended = false;
            }
            match step {
                Step::Write(key, value) => {
                    let undone = overlay.write(&key, value.as_deref(), undo.is_empty());
                    if let Some((writes, _)) = undo.last_mut() {
                        writes.push(undone);
                    }
                    model.insert(key, value);
                }
                Step::Append(key, value) => {
                    // Who appends can't take it back.
                    if undo.is_empty() {
                        overlay.append(&key, value.as_deref());
                        model.insert(key, value);
                        appended = true;
                    }
                    continue;
                }
                Step::Settle => {}
                Step::Mark => undo.push((Vec::new(), model.clone())),
                Step::Undo => {
                    if let Some((writes, before)) = undo.pop() {
                        for (write, before) in writes.into_iter().rev() {
                            overlay.put_back(write, before);
                        }
                        model = before;
                    }
                }
                Step::Look(start, end) => {
                    look(&overlay, &model, &start, &end);
                    look(&overlay, &model, &start, &[]);
                }
            }
            assert_eq!(overlay.len(), model.len());
        }
        // What is appended last goes straight into the pack.
        let mut packed = Vec::new();
        for (key, value) in &model {
            write_bytes(&mut packed, key);
            write_optional(&mut packed, value.as_deref());
        }
        if !appended {
            look(&overlay, &model, &[], &[]);
        }
        assert!(overlay.pack() == packed);
    }
}

/// The position of a number among some when they are shuffled, the same every time.
fn shuffled(number: usize, count: usize) -> usize {
    number * 7_919 % count
}

#[test]
fn many_writes_come_out_in_order_whatever_order_they_came_in() {
    // Enough for three levels of branches.
    let count = FANOUT * FANOUT * FANOUT * 2;
    let orders: [fn(usize, usize) -> usize; 3] = [
        |number, _| number,
        |number, count| count - 1 - number,
        shuffled,
    ];
    for order in orders {
        let mut overlay = Overlay::default();
        let key = |number: usize| [&[9; 11][..], &(number as u64).to_be_bytes()].concat();
        for number in 0..count {
            let number = order(number, count);
            let value = (number % 3 > 0).then(|| vec![3; number % 50]);
            overlay.write(&key(number), value.as_deref(), true);
        }
        let mut packed = Vec::new();
        for number in 0..count {
            let value = (number % 3 > 0).then(|| vec![3; number % 50]);
            write_bytes(&mut packed, &key(number));
            write_optional(&mut packed, value.as_deref());
        }
        assert_eq!(overlay.peek(&key(count)), None);
        assert!(overlay.pack() == packed);
    }
}

#[test]
fn a_value_that_is_written_again_and_again_takes_its_place() {
    let mut overlay = Overlay::default();
    for length in 0..100_000 {
        overlay.write(b"key", Some(&vec![1; length % LARGE]), true);
    }
    let kept: usize = overlay.pieces.iter().map(Vec::capacity).sum();
    assert!(
        kept < 8 * LARGE,
        "{kept} bytes are kept for one small value"
    );
    let packed = overlay.pack();
    let mut unpacker = Unpacker::default();
    assert_eq!(&packed[unpacker.bytes(&packed).unwrap()], b"key");
}
