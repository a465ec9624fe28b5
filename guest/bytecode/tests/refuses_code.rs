//! Each fault in an instruction, or in the order of them, is refused where it is.

#[allow(dead_code)]
mod assembler;
#[path = "../examples/fuzz/model.rs"]
#[allow(dead_code)]
mod model;

use assembler::*;
use cu_bytecode::Reason;

#[test]
fn an_unknown_instruction_is_refused() {
    refused_at(1, function(&[load(0, 1), 83, RETURNS]), Reason::Opcode(83));
}

#[test]
fn registers_beyond_the_frame_are_refused() {
    for code in [
        load(10, 1),
        abc(MOVE, 0, 10, 0),
        abc(8, 9, 1, 0),
        abc(CONCAT, 9, 2, 0),
        abck(SELF, 9, 0, 2),
        abc(CALL, 8, 3, 1),
        abc(CALL, 8, 1, 4),
        abc(FORPREP, 7, 0, 0),
        abc(VARARG, 9, 0, 3),
    ] {
        let reason = reason_of(function(&[code, RETURNS]));
        let expected = match code & 0x7f {
            FORPREP => Reason::LoopShape,
            VARARG => Reason::VarargUse,
            _ => Reason::Register(10),
        };
        assert_eq!(reason, expected, "{code:#x}");
    }
    let generic = [
        abx(TFORPREP, 4, 0),
        abc(TFORCALL, 4, 0, 1),
        abx(TFORLOOP, 4, 2),
        RETURNS,
    ];
    refused_at(1, function(&generic), Reason::Register(10));
    let numeric = [abx(FORPREP, 7, 0), abx(FORLOOP, 7, 1), RETURNS];
    refused_at(0, function(&numeric), Reason::Register(10));
}

#[test]
fn constants_that_are_not_there_are_refused() {
    refused_at(
        0,
        function(&[abx(LOADK, 0, 4), RETURNS]),
        Reason::Constant(4),
    );
    refused_at(
        0,
        function(&[abc(4, 0, 0, 0), extra(4), RETURNS]),
        Reason::Constant(4),
    );
    refused_at(
        1,
        function(&[load(0, 1), abck(17, 0, 1, 4), RETURNS]),
        Reason::Constant(4),
    );
}

#[test]
fn constants_of_the_wrong_kind_are_refused() {
    let kind = |number, expected| Reason::ConstantKind { number, expected };
    for number in [0, 3] {
        let code = [load(0, 1), abc(GETFIELD, 0, 0, number), RETURNS];
        refused_at(1, function(&code), kind(number as usize, "a short string"));
    }
    let self_call = [load(0, 1), abck(SELF, 1, 0, 1), RETURNS];
    refused_at(1, function(&self_call), kind(1, "a string"));
    let sum = [
        load(0, 1),
        abc(ADDK, 0, 0, 2),
        abc(MMBINK, 0, 2, 6),
        RETURNS,
    ];
    refused_at(1, function(&sum), kind(2, "a number"));
    let bits = [
        load(0, 1),
        abc(BANDK, 0, 0, 1),
        abc(MMBINK, 0, 1, 13),
        RETURNS,
    ];
    refused_at(1, function(&bits), kind(1, "an integer"));
}

#[test]
fn what_is_not_there_is_refused() {
    refused_at(
        0,
        function(&[abc(GETUPVAL, 0, 0, 0), RETURNS]),
        Reason::Upvalue(0),
    );
    refused_at(
        0,
        function(&[abx(CLOSURE, 0, 0), RETURNS]),
        Reason::Child(0),
    );
}

#[test]
fn jumps_out_of_the_function_are_refused() {
    refused_at(0, function(&[jump(1), RETURNS]), Reason::JumpTarget(2));
    refused_at(0, function(&[jump(-2), RETURNS]), Reason::JumpTarget(-1));
    accepted(function(&[jump(0), RETURNS]));
    accepted(function(&[jump(-1), RETURNS]));
}

#[test]
fn jumps_into_the_middle_of_a_sequence_are_refused() {
    let sum = [
        load(0, 1),
        jump(1),
        abc(ADD, 0, 0, 0),
        abc(MMBIN, 0, 0, EVENT_ADD),
        RETURNS,
    ];
    refused_at(1, function(&sum), Reason::JumpTarget(3));
    let table = [jump(1), abc(NEWTABLE, 0, 0, 0), extra(0), RETURNS];
    refused_at(0, function(&table), Reason::JumpTarget(2));
    let test = [jump(2), load(0, 1), abc(TEST, 0, 0, 0), jump(0), RETURNS];
    refused_at(0, function(&test), Reason::JumpTarget(3));
    let open = [
        load(0, 1),
        jump(1),
        abc(CALL, 0, 1, 0),
        abc(RETURN, 0, 0, 0),
        RETURNS,
    ];
    refused_at(1, function(&open), Reason::JumpTarget(3));
}

#[test]
fn instructions_without_their_second_half_are_refused() {
    let follower = |expected| Reason::Follower { expected };
    refused_at(
        1,
        function(&[load(0, 1), abc(TEST, 0, 0, 0), RETURNS]),
        follower("a jump"),
    );
    refused_at(
        1,
        function(&[load(0, 1), abc(ADD, 0, 0, 0), RETURNS]),
        follower("the call of a metamethod"),
    );
    refused_at(
        0,
        function(&[abc(NEWTABLE, 0, 0, 0), RETURNS]),
        follower("an extra operand"),
    );
    refused_at(
        0,
        function(&[abc(LFALSESKIP, 0, 0, 0), RETURNS]),
        follower("a load of true"),
    );
    refused_at(
        1,
        function(&[load(0, 1), abc(CALL, 0, 1, 0), RETURNS]),
        follower("a use of all the values"),
    );
    let skips = [
        abc(LFALSESKIP, 0, 0, 0),
        abc(LOADTRUE, 0, 0, 0),
        abc(RETURN1, 0, 2, 0),
    ];
    accepted(function(&skips));
}

#[test]
fn open_results_below_their_use_are_refused() {
    let code = [
        load(0, 1),
        load(1, 1),
        abc(CALL, 0, 1, 0),
        abc(CALL, 0, 0, 1),
        RETURNS,
    ];
    let expected = "a use of all the values";
    refused_at(2, function(&code), Reason::Follower { expected });
    let code = [
        load(0, 1),
        load(1, 1),
        abc(CALL, 1, 1, 0),
        abc(CALL, 0, 0, 1),
        RETURNS,
    ];
    accepted(function(&code));
}

#[test]
fn second_halves_alone_are_refused() {
    for stray in [
        extra(0),
        abc(MMBIN, 0, 0, EVENT_ADD),
        abc(RETURN, 0, 0, 0),
        abx(TFORLOOP, 0, 0),
    ] {
        refused_at(1, function(&[load(0, 1), stray, RETURNS]), Reason::Stray);
    }
}

#[test]
fn a_metamethod_of_another_operation_is_refused() {
    for metamethod in [
        abc(MMBIN, 0, 0, EVENT_ADD + 1),
        abc(MMBIN, 0, 0, 200),
        abc(MMBIN, 0, 1, EVENT_ADD),
        abc(MMBINK, 0, 0, EVENT_ADD),
    ] {
        let code = [
            load(0, 1),
            load(1, 1),
            abc(ADD, 0, 0, 0),
            metamethod,
            RETURNS,
        ];
        refused_at(2, function(&code), Reason::Metamethod);
    }
}

#[test]
fn loops_whose_ends_do_not_meet_are_refused() {
    let loop_with = |prep, end| {
        let state = [load(0, 1), load(1, 1), load(2, 1)];
        function(&[&state[..], &[prep, end, RETURNS]].concat())
    };
    accepted(loop_with(abx(FORPREP, 0, 0), abx(FORLOOP, 0, 1)));
    refused_at(
        3,
        loop_with(abx(FORPREP, 0, 1), abx(FORLOOP, 0, 1)),
        Reason::LoopShape,
    );
    refused_at(
        3,
        loop_with(abx(FORPREP, 0, 0), abx(FORLOOP, 1, 1)),
        Reason::LoopShape,
    );
    refused_at(
        4,
        loop_with(abx(FORPREP, 0, 0), abx(FORLOOP, 0, 0)),
        Reason::LoopShape,
    );
    let generic = [abc(8, 0, 3, 0), abx(TFORPREP, 0, 0), abc(TFORCALL, 0, 0, 1)];
    let accepted_end = [abx(TFORLOOP, 0, 2), abc(CLOSE, 0, 0, 0), RETURNS];
    accepted(function(&[&generic[..], &accepted_end].concat()));
    let wrong_end = [abx(TFORLOOP, 0, 1), abc(CLOSE, 0, 0, 0), RETURNS];
    refused_at(
        3,
        function(&[&generic[..], &wrong_end].concat()),
        Reason::LoopShape,
    );
}

#[test]
fn variable_arguments_used_wrongly_are_refused() {
    let vararg = |code: &[u32]| {
        let mut main = function(code);
        main.is_vararg = 1;
        main
    };
    let last = abc(RETURN, 0, 1, 1);
    accepted(vararg(&[
        abc(VARARGPREP, 0, 0, 0),
        abc(VARARG, 0, 0, 2),
        last,
    ]));
    refused_at(0, vararg(&[last]), Reason::VarargUse);
    refused_at(
        0,
        vararg(&[abc(VARARGPREP, 1, 0, 0), last]),
        Reason::VarargUse,
    );
    refused_at(
        0,
        function(&[abc(VARARGPREP, 0, 0, 0), RETURNS]),
        Reason::VarargUse,
    );
    refused_at(
        0,
        function(&[abc(VARARG, 0, 0, 2), RETURNS]),
        Reason::VarargUse,
    );
    let again = [abc(VARARGPREP, 0, 0, 0), jump(-2), last];
    refused_at(1, vararg(&again), Reason::JumpTarget(0));
}

#[test]
fn a_return_of_another_kind_of_function_is_refused() {
    let mut main = function(&[abc(VARARGPREP, 0, 0, 0), RETURNS]);
    main.is_vararg = 1;
    refused_at(1, main.clone(), Reason::ReturnShape);
    main.code[1] = abc(RETURN, 0, 1, 2);
    refused_at(1, main, Reason::ReturnShape);
    refused_at(0, function(&[abc(RETURN, 0, 1, 1)]), Reason::ReturnShape);
}

#[test]
fn code_without_an_end_is_refused() {
    refused_at(0, function(&[load(0, 1)]), Reason::NoReturn);
    refused(function(&[]), Reason::NoReturn);
}

#[test]
fn tables_larger_than_the_code_are_refused() {
    let array = |items| function(&[abck(NEWTABLE, 0, 0, 0), extra(items), RETURNS]);
    refused_at(0, array(1), Reason::TableSize);
    refused_at(0, array((1 << 25) - 1), Reason::TableSize);
    refused_at(
        0,
        function(&[abc(NEWTABLE, 0, 30, 0), extra(0), RETURNS]),
        Reason::TableSize,
    );
    let list = [
        abc(NEWTABLE, 0, 0, 0),
        extra(0),
        load(1, 1),
        abck(SETLIST, 0, 1, 0),
        extra(1 << 24),
        RETURNS,
    ];
    refused_at(3, function(&list), Reason::TableSize);
}

#[test]
fn numbers_of_values_that_can_not_be_are_refused() {
    refused_at(
        1,
        function(&[load(0, 1), abc(CONCAT, 0, 1, 0), RETURNS]),
        Reason::Count,
    );
    refused_at(
        0,
        function(&[abck(NEWTABLE, 0, 0, 0), extra(0), RETURNS]),
        Reason::Count,
    );
    refused_at(
        0,
        function(&[abc(NEWTABLE, 0, 0, 0), extra(1), RETURNS]),
        Reason::Count,
    );
    let generic = [
        abx(TFORPREP, 0, 0),
        abc(TFORCALL, 0, 0, 0),
        abx(TFORLOOP, 0, 2),
        RETURNS,
    ];
    refused_at(1, function(&generic), Reason::Count);
}
