//! What a register may hold at some place, and must not, is refused there.

#[allow(dead_code)]
mod assembler;
#[path = "../examples/fuzz/mutants/mod.rs"]
#[allow(dead_code)]
mod mutants;

use assembler::*;
use cu_bytecode::Rule;

#[test]
fn registers_that_hold_nothing_are_refused() {
    refused_at(0, function(&[abc(RETURN1, 0, 2, 0)]), Rule::Undefined.at(0));
    // Only on one of two ways.
    let ways = [
        load(0, 1),
        abc(TEST, 0, 0, 0),
        jump(1),
        load(1, 1),
        abc(RETURN1, 1, 2, 0),
    ];
    refused_at(4, function(&ways), Rule::Undefined.at(1));
    // Given to a called function, or to the collector.
    let called = [
        load(0, 1),
        load(1, 1),
        abc(CALL, 0, 1, 1),
        abc(RETURN1, 1, 2, 0),
    ];
    refused_at(3, function(&called), Rule::Undefined.at(1));
    let collected = [
        load(1, 1),
        abc(NEWTABLE, 0, 0, 0),
        extra(0),
        abc(RETURN1, 1, 2, 0),
    ];
    refused_at(3, function(&collected), Rule::Undefined.at(1));
    let mut with_parameter = function(&[abc(RETURN1, 0, 2, 0)]);
    with_parameter.parameters = 1;
    accepted(with_parameter);
}

#[test]
fn a_method_name_that_need_not_be_a_string_is_refused() {
    let method = |key| function(&[load(0, 1), key, abc(SELF, 2, 0, 1), RETURNS]);
    accepted(method(abx(LOADK, 1, 3)));
    refused_at(2, method(abx(LOADK, 1, 0)), Rule::NotString.at(1));
}

#[test]
fn a_list_for_what_need_not_be_a_table_is_refused() {
    let list = |middle: &[u32]| {
        let begin = [abc(NEWTABLE, 0, 0, 0), extra(0), load(1, 1)];
        function(&[&begin[..], middle, &[abc(SETLIST, 0, 1, 0), RETURNS]].concat())
    };
    accepted(list(&[]));
    refused_at(4, list(&[load(0, 1)]), Rule::NotTable.at(0));
    refused_at(4, list(&[abc(MOVE, 0, 0, 0)]), Rule::NotTable.at(0));
    let other_way = [abc(TEST, 1, 0, 0), jump(1), load(0, 1)];
    refused_at(6, list(&other_way), Rule::NotTable.at(0));
}

#[test]
fn a_list_for_a_table_that_a_closure_shares_is_refused() {
    let code = [
        abc(NEWTABLE, 0, 0, 0),
        extra(0),
        abx(CLOSURE, 1, 0),
        abc(SETLIST, 0, 1, 0),
        abck(RETURN, 0, 1, 0),
    ];
    refused_at(
        3,
        function_with_child(&code, &[[1, 0, 0]]),
        Rule::NotTable.at(0),
    );
}

#[test]
fn loops_whose_state_is_touched_are_refused() {
    let body = |body: &[u32]| {
        let state = [
            load(0, 1),
            load(1, 5),
            load(2, 1),
            abx(FORPREP, 0, body.len() as u32),
        ];
        let end = [abx(FORLOOP, 0, 1 + body.len() as u32), RETURNS];
        function(&[&state[..], body, &end].concat())
    };
    accepted(body(&[load(3, 1)]));
    for register in 0..3 {
        refused_at(5, body(&[load(register, 1)]), Rule::LoopState.at(0));
    }
    refused_at(
        6,
        body(&[abc(NEWTABLE, 0, 0, 0), extra(0)]),
        Rule::LoopState.at(0),
    );
    // Entered from elsewhere.
    let entered = [
        load(0, 1),
        load(1, 1),
        load(2, 1),
        abc(TEST, 0, 0, 0),
        jump(1),
        abx(FORPREP, 0, 1),
        load(3, 1),
        abx(FORLOOP, 0, 2),
        RETURNS,
    ];
    refused_at(7, function(&entered), Rule::LoopState.at(0));
}

#[test]
fn loops_whose_state_is_shared_are_refused() {
    let state = [load(0, 1), load(1, 1), load(2, 1)];
    let inside = [
        abx(FORPREP, 0, 1),
        abx(CLOSURE, 4, 0),
        abx(FORLOOP, 0, 2),
        abck(RETURN, 0, 1, 0),
    ];
    let inside = [&state[..], &inside].concat();
    refused_at(
        4,
        function_with_child(&inside, &[[1, 1, 0]]),
        Rule::LoopCaptured.at(1),
    );
    let before = [
        abx(CLOSURE, 4, 0),
        abx(FORPREP, 0, 0),
        abx(FORLOOP, 0, 1),
        abck(RETURN, 0, 1, 0),
    ];
    let before = [&state[..], &before].concat();
    refused_at(
        4,
        function_with_child(&before, &[[1, 2, 0]]),
        Rule::LoopCaptured.at(2),
    );
}

#[test]
fn variables_to_be_closed_are_kept_in_order() {
    let returns = abck(RETURN, 0, 1, 0);
    let tbc = |register| abc(TBC, register, 0, 0);
    accepted(function(&[load(0, 1), load(1, 1), tbc(0), tbc(1), returns]));
    refused_at(
        3,
        function(&[load(0, 1), load(1, 1), tbc(1), tbc(0), returns]),
        Rule::CloseOrder.at(1),
    );
    refused_at(
        2,
        function(&[load(0, 1), tbc(0), tbc(0), returns]),
        Rule::CloseOrder.at(0),
    );
    refused_at(
        0,
        function(&[load(0, 1), tbc(0), jump(-3), returns]),
        Rule::ToBeClosed.at(0),
    );
    refused_at(
        1,
        function(&[load(0, 1), tbc(0), jump(-2), returns]),
        Rule::CloseOrder.at(0),
    );
}

#[test]
fn a_variable_to_be_closed_is_not_overwritten() {
    let code = [
        load(0, 1),
        abc(TBC, 0, 0, 0),
        load(0, 2),
        abck(RETURN, 0, 1, 0),
    ];
    refused_at(2, function(&code), Rule::ToBeClosed.at(0));
}

#[test]
fn what_is_shared_or_pending_is_not_given_away() {
    let returns = abck(RETURN, 0, 1, 0);
    let pending = [
        load(0, 1),
        load(1, 1),
        abc(TBC, 1, 0, 0),
        abc(CALL, 0, 1, 1),
        returns,
    ];
    refused_at(3, function(&pending), Rule::Lost.at(1));
    let shared = [
        load(0, 1),
        load(1, 1),
        abx(CLOSURE, 2, 0),
        abc(CALL, 0, 1, 1),
        returns,
    ];
    refused_at(
        3,
        function_with_child(&shared, &[[1, 1, 0]]),
        Rule::Lost.at(1),
    );
    let above = [load(0, 1), load(1, 1), abx(CLOSURE, 0, 0), returns];
    refused_at(
        2,
        function_with_child(&above, &[[1, 1, 0]]),
        Rule::Lost.at(1),
    );
}

#[test]
fn a_return_that_leaves_something_open_is_refused() {
    let pending =
        |last: &[u32]| function(&[&[load(0, 1), abc(TBC, 0, 0, 0)], last, &[RETURNS]].concat());
    accepted(pending(&[abc(CLOSE, 0, 0, 0)]));
    refused_at(2, pending(&[]), Rule::LeftOpen.at(0));
    refused_at(2, pending(&[abc(RETURN, 0, 1, 0)]), Rule::LeftOpen.at(0));
    let tail = [load(1, 1), abck(TAILCALL, 1, 1, 0), abc(RETURN, 1, 0, 0)];
    refused_at(3, pending(&tail), Rule::LeftOpen.at(0));
    let shared = [load(0, 1), abx(CLOSURE, 1, 0), RETURNS];
    refused_at(
        2,
        function_with_child(&shared, &[[1, 0, 0]]),
        Rule::LeftOpen.at(0),
    );
}

#[test]
fn a_fault_in_a_nested_function_is_found_there() {
    let mut main = function_with_child(&[RETURNS], &[]);
    main.children.push(function_with_child(&[RETURNS], &[]));
    main.children[1].children[0].code = vec![load(0, 1), 99, RETURNS];
    let refusal = refusal(&chunk(main).bytes());
    assert_eq!((refusal.function, refusal.pc), (vec![1, 0], Some(1)));
}

#[test]
fn unreachable_code_is_checked_for_what_error_messages_read() {
    refused_at(
        1,
        function(&[jump(1), abx(LOADK, 0, 9), RETURNS]),
        Rule::Constant.at(9),
    );
    accepted(function(&[jump(1), abc(MOVE, 0, 5, 0), RETURNS]));
}
