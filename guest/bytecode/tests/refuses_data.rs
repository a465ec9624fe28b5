//! Each fault in what surrounds the code is refused, for its own reason.

#[allow(dead_code)]
mod assembler;
#[path = "../examples/fuzz/mutants/mod.rs"]
#[allow(dead_code)]
mod mutants;

use assembler::*;
use cu_bytecode::{Reason, Rule};
use mutants::model::{Body, Constant, Function};

fn with_header(change: impl Fn(&mut Vec<u8>)) -> Reason {
    let mut chunk = chunk(function(&[RETURNS]));
    change(&mut chunk.header);
    refusal(&chunk.bytes()).reason
}

#[test]
fn the_smallest_function_is_accepted() {
    accepted(function(&[RETURNS]));
}

#[test]
fn text_is_refused() {
    assert_eq!(refusal(b"return 1").reason, Rule::NotBinary.at(0));
}

#[test]
fn another_header_is_refused() {
    assert_eq!(with_header(|h| h[4] = 0x53), Rule::Version.at(0x53));
    assert_eq!(with_header(|h| h[5] = 1), Rule::Format.at(1));
    assert_eq!(with_header(|h| h[8] = b'\n'), Rule::Damaged.at(0));
    assert_eq!(with_header(|h| h[12] = 8), Rule::InstructionSize.at(8));
    assert_eq!(with_header(|h| h[13] = 4), Rule::IntegerSize.at(4));
    assert_eq!(with_header(|h| h[14] = 4), Rule::FloatSize.at(4));
    assert_eq!(
        with_header(|h| h[15..23].reverse()),
        Rule::IntegerFormat.at(0)
    );
    assert_eq!(
        with_header(|h| h[23..31].reverse()),
        Rule::FloatFormat.at(0)
    );
}

#[test]
fn a_number_that_does_not_fit_is_refused() {
    assert_eq!(
        reason_of(with(|f| f.first_line = 1 << 31)),
        Rule::NumberTooLarge.at(0)
    );
    // At the front, the loader gives up somewhat before the largest `int`.
    let largest = (i32::MAX as usize >> 7 << 7) - 1;
    accepted(with(|f| f.first_line = largest));
}

#[test]
fn a_number_with_superfluous_bytes_is_refused() {
    let mut bytes = chunk(function(&[RETURNS])).bytes();
    bytes.insert(32, 0);
    assert_eq!(refusal(&bytes).reason, Rule::NumberPadded.at(0));
}

#[test]
fn bytes_behind_the_main_function_are_refused() {
    let mut bytes = chunk(function(&[RETURNS])).bytes();
    bytes.push(0x80);
    assert_eq!(refusal(&bytes).reason, Rule::TrailingBytes.at(1));
}

#[test]
fn more_items_than_there_are_bytes_are_refused() {
    // The number of constants, behind the header, the source, two lines, three sizes and the code.
    let mut bytes = chunk(with(|f| f.constants.clear())).bytes();
    let at = 32 + 3 + 3 + 1 + 4;
    assert_eq!(bytes[at], 0x80);
    bytes.splice(at..=at, [0x03, 0x7f, 0x7f, 0xff]);
    assert_eq!(refusal(&bytes).reason, Rule::Truncated.at(0));
}

#[test]
fn functions_nested_too_deep_are_refused() {
    let nest = |depth| {
        (1..depth).fold(function(&[RETURNS]), |child, _| {
            with(|f| f.children = vec![child.clone()])
        })
    };
    accepted(nest(200));
    assert_eq!(reason_of(nest(201)), Rule::TooDeep.at(0));
    assert_eq!(reason_of(nest(400)), Rule::TooDeep.at(0));
}

#[test]
fn another_number_of_upvalues_than_promised_is_refused() {
    let mut chunk = chunk(function(&[RETURNS]));
    chunk.upvalues = 1;
    let expected = Rule::UpvalueCount.at(1);
    assert_eq!(refusal(&chunk.bytes()).reason, expected);
}

#[test]
fn constants_of_unknown_form_are_refused() {
    let constant = |tag, body: Body| {
        with(move |f| {
            f.constants = vec![Constant {
                tag,
                body: body.clone(),
            }]
        })
    };
    refused(constant(0x05, Body::Nothing), Rule::ConstantTag.at(0x05));
    refused(
        constant(0x04, Body::Text(None)),
        Rule::ConstantWithoutText.at(0),
    );
    refused(
        constant(0x14, Body::Text(Some(vec![b'x'; 40]))),
        Rule::StringTag.at(0),
    );
    refused(
        constant(0x04, Body::Text(Some(vec![b'x'; 41]))),
        Rule::StringTag.at(0),
    );
}

#[test]
fn a_function_head_out_of_range_is_refused() {
    refused(with(|f| f.is_vararg = 2), Rule::VarargFlag.at(2));
    refused(with(|f| f.registers = 1), Rule::FrameSize.at(1));
    refused(with(|f| f.parameters = 11), Rule::FrameSize.at(10));
}

#[test]
fn upvalues_that_can_not_be_are_refused() {
    refused(
        with(|f| f.upvalues = vec![[1, 0, 0]; 256]),
        Rule::TooManyUpvalues.at(256),
    );
    refused(
        with(|f| f.upvalues = vec![[2, 0, 0]]),
        Rule::UpvalueFlags.at(0),
    );
    refused(
        with(|f| f.upvalues = vec![[0, 0, 0], [0, 0, 4]]),
        Rule::UpvalueFlags.at(1),
    );
}

#[test]
fn upvalues_out_of_nowhere_are_refused_in_the_child() {
    for upvalue in [[1, 10, 0], [0, 0, 0]] {
        let main = function_with_child(&[RETURNS], &[upvalue]);
        let refusal = refusal(&chunk(main).bytes());
        assert_eq!(refusal.reason, Rule::UpvalueSource.at(0));
        assert_eq!(refusal.function, [0]);
    }
}

#[test]
fn lines_that_do_not_fit_the_code_are_refused() {
    refused(with(|f| f.lines = vec![0, 0]), Rule::LineCount.at(2));
    let absolute = |number| Rule::AbsoluteLine.at(number);
    refused(with(|f| f.lines = vec![0x80]), absolute(0));
    refused(with(|f| f.lines = vec![0xff]), absolute(0));
    refused(with(|f| f.absolute_lines = vec![(0, 1)]), absolute(0));
    accepted(with(|f| {
        f.lines = vec![0x80];
        f.absolute_lines = vec![(0, 1)];
    }));
    refused(
        with(|f| {
            f.lines = vec![0x80];
            f.absolute_lines = vec![(0, 1), (0, 1)];
        }),
        absolute(1),
    );
    let long = |f: &mut Function| {
        f.code = vec![load(0, 1); 300];
        f.code.push(RETURNS);
        f.lines = vec![1; 301];
    };
    refused(with(long), absolute(0));
    let late = |f: &mut Function| {
        long(f);
        f.lines[129] = 0x80;
        f.absolute_lines = vec![(129, 5)];
    };
    refused(with(late), absolute(0));
}

#[test]
fn names_that_can_not_be_read_are_refused() {
    refused(
        with(|f| f.locals = vec![(None, 0, 1)]),
        Rule::LocalWithoutName.at(0),
    );
    let local = |start, end| with(move |f| f.locals = vec![(Some(b"x".to_vec()), start, end)]);
    accepted(local(0, 1));
    refused(local(1, 0), Rule::LocalRange.at(0));
    refused(local(0, 2), Rule::LocalRange.at(0));
    refused(with(|f| f.names = vec![None]), Rule::UpvalueNames.at(1));
}
