//! Each fault in an instruction, or in the order of them, is refused where it is.

#[allow(dead_code)]
mod assembler;
#[path = "../examples/fuzz/mutants/mod.rs"]
#[allow(dead_code)]
mod mutants;

use assembler::*;
use cu_bytecode::Rule;

#[test]
fn an_unknown_instruction_is_refused() {
    refused_at(1, function(&[load(0, 1), 83, RETURNS]), Rule::Opcode.at(83));
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
            FORPREP => Rule::LoopShape.at(0),
            VARARG => Rule::VarargUse.at(0),
            _ => Rule::Register.at(10),
        };
        assert_eq!(reason, expected, "{code:#x}");
    }
    let generic = [
        abx(TFORPREP, 4, 0),
        abc(TFORCALL, 4, 0, 1),
        abx(TFORLOOP, 4, 2),
        RETURNS,
    ];
    refused_at(1, function(&generic), Rule::Register.at(10));
    let numeric = [abx(FORPREP, 7, 0), abx(FORLOOP, 7, 1), RETURNS];
    refused_at(0, function(&numeric), Rule::Register.at(10));
}

#[test]
fn constants_that_are_not_there_are_refused() {
    refused_at(
        0,
        function(&[abx(LOADK, 0, 4), RETURNS]),
        Rule::Constant.at(4),
    );
    refused_at(
        0,
        function(&[abc(4, 0, 0, 0), extra(4), RETURNS]),
        Rule::Constant.at(4),
    );
    refused_at(
        1,
        function(&[load(0, 1), abck(17, 0, 1, 4), RETURNS]),
        Rule::Constant.at(4),
    );
}

#[test]
fn constants_of_the_wrong_kind_are_refused() {
    for number in [0, 3] {
        let code = [load(0, 1), abc(GETFIELD, 0, 0, number), RETURNS];
        refused_at(1, function(&code), Rule::NotShortText.at(number as usize));
    }
    let self_call = [load(0, 1), abck(SELF, 1, 0, 1), RETURNS];
    refused_at(1, function(&self_call), Rule::NotText.at(1));
    let sum = [
        load(0, 1),
        abc(ADDK, 0, 0, 2),
        abc(MMBINK, 0, 2, 6),
        RETURNS,
    ];
    refused_at(1, function(&sum), Rule::NotNumber.at(2));
    let bits = [
        load(0, 1),
        abc(BANDK, 0, 0, 1),
        abc(MMBINK, 0, 1, 13),
        RETURNS,
    ];
    refused_at(1, function(&bits), Rule::NotInteger.at(1));
}

#[test]
fn what_is_not_there_is_refused() {
    refused_at(
        0,
        function(&[abc(GETUPVAL, 0, 0, 0), RETURNS]),
        Rule::Upvalue.at(0),
    );
    refused_at(
        0,
        function(&[abx(CLOSURE, 0, 0), RETURNS]),
        Rule::Child.at(0),
    );
}

#[test]
fn jumps_out_of_the_function_are_refused() {
    refused_at(0, function(&[jump(1), RETURNS]), Rule::JumpTarget.at(0));
    refused_at(0, function(&[jump(-2), RETURNS]), Rule::JumpTarget.at(0));
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
    refused_at(1, function(&sum), Rule::JumpTarget.at(0));
    let table = [jump(1), abc(NEWTABLE, 0, 0, 0), extra(0), RETURNS];
    refused_at(0, function(&table), Rule::JumpTarget.at(0));
    let test = [jump(2), load(0, 1), abc(TEST, 0, 0, 0), jump(0), RETURNS];
    refused_at(0, function(&test), Rule::JumpTarget.at(0));
    let open = [
        load(0, 1),
        jump(1),
        abc(CALL, 0, 1, 0),
        abc(RETURN, 0, 0, 0),
        RETURNS,
    ];
    refused_at(1, function(&open), Rule::JumpTarget.at(0));
}

#[test]
fn instructions_without_their_second_half_are_refused() {
    refused_at(
        1,
        function(&[load(0, 1), abc(TEST, 0, 0, 0), RETURNS]),
        Rule::WithoutJump.at(0),
    );
    refused_at(
        1,
        function(&[load(0, 1), abc(ADD, 0, 0, 0), RETURNS]),
        Rule::WithoutMetamethod.at(0),
    );
    refused_at(
        0,
        function(&[abc(NEWTABLE, 0, 0, 0), RETURNS]),
        Rule::WithoutExtra.at(0),
    );
    refused_at(
        0,
        function(&[abc(LFALSESKIP, 0, 0, 0), RETURNS]),
        Rule::WithoutTrue.at(0),
    );
    refused_at(
        1,
        function(&[load(0, 1), abc(CALL, 0, 1, 0), RETURNS]),
        Rule::WithoutUse.at(0),
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
    refused_at(2, function(&code), Rule::WithoutUse.at(0));
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
        refused_at(
            1,
            function(&[load(0, 1), stray, RETURNS]),
            Rule::Stray.at(0),
        );
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
        refused_at(2, function(&code), Rule::Metamethod.at(0));
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
        Rule::LoopShape.at(0),
    );
    refused_at(
        3,
        loop_with(abx(FORPREP, 0, 0), abx(FORLOOP, 1, 1)),
        Rule::LoopShape.at(0),
    );
    refused_at(
        4,
        loop_with(abx(FORPREP, 0, 0), abx(FORLOOP, 0, 0)),
        Rule::LoopShape.at(0),
    );
    let generic = [abc(8, 0, 3, 0), abx(TFORPREP, 0, 0), abc(TFORCALL, 0, 0, 1)];
    let accepted_end = [abx(TFORLOOP, 0, 2), abc(CLOSE, 0, 0, 0), RETURNS];
    accepted(function(&[&generic[..], &accepted_end].concat()));
    let wrong_end = [abx(TFORLOOP, 0, 1), abc(CLOSE, 0, 0, 0), RETURNS];
    refused_at(
        3,
        function(&[&generic[..], &wrong_end].concat()),
        Rule::LoopShape.at(0),
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
    refused_at(0, vararg(&[last]), Rule::VarargUse.at(0));
    refused_at(
        0,
        vararg(&[abc(VARARGPREP, 1, 0, 0), last]),
        Rule::VarargUse.at(0),
    );
    refused_at(
        0,
        function(&[abc(VARARGPREP, 0, 0, 0), RETURNS]),
        Rule::VarargUse.at(0),
    );
    refused_at(
        0,
        function(&[abc(VARARG, 0, 0, 2), RETURNS]),
        Rule::VarargUse.at(0),
    );
    let again = [abc(VARARGPREP, 0, 0, 0), jump(-2), last];
    refused_at(1, vararg(&again), Rule::JumpTarget.at(0));
}

#[test]
fn a_return_of_another_kind_of_function_is_refused() {
    let mut main = function(&[abc(VARARGPREP, 0, 0, 0), RETURNS]);
    main.is_vararg = 1;
    refused_at(1, main.clone(), Rule::ReturnShape.at(0));
    main.code[1] = abc(RETURN, 0, 1, 2);
    refused_at(1, main, Rule::ReturnShape.at(0));
    refused_at(
        0,
        function(&[abc(RETURN, 0, 1, 1)]),
        Rule::ReturnShape.at(0),
    );
}

#[test]
fn code_without_an_end_is_refused() {
    refused_at(0, function(&[load(0, 1)]), Rule::NoReturn.at(0));
    refused(function(&[]), Rule::NoReturn.at(0));
}

#[test]
fn tables_larger_than_the_code_are_refused() {
    let array = |items| function(&[abck(NEWTABLE, 0, 0, 0), extra(items), RETURNS]);
    refused_at(0, array(1), Rule::TableSize.at(0));
    refused_at(0, array((1 << 25) - 1), Rule::TableSize.at(0));
    refused_at(
        0,
        function(&[abc(NEWTABLE, 0, 30, 0), extra(0), RETURNS]),
        Rule::TableSize.at(0),
    );
    let list = [
        abc(NEWTABLE, 0, 0, 0),
        extra(0),
        load(1, 1),
        abck(SETLIST, 0, 1, 0),
        extra(1 << 24),
        RETURNS,
    ];
    refused_at(3, function(&list), Rule::TableSize.at(0));
}

#[test]
fn numbers_of_values_that_can_not_be_are_refused() {
    refused_at(
        1,
        function(&[load(0, 1), abc(CONCAT, 0, 1, 0), RETURNS]),
        Rule::Count.at(0),
    );
    refused_at(
        0,
        function(&[abck(NEWTABLE, 0, 0, 0), extra(0), RETURNS]),
        Rule::Count.at(0),
    );
    refused_at(
        0,
        function(&[abc(NEWTABLE, 0, 0, 0), extra(1), RETURNS]),
        Rule::Count.at(0),
    );
    let generic = [
        abx(TFORPREP, 0, 0),
        abc(TFORCALL, 0, 0, 0),
        abx(TFORLOOP, 0, 2),
        RETURNS,
    ];
    refused_at(1, function(&generic), Rule::Count.at(0));
}

#[test]
fn a_tail_call_is_followed_by_a_return_of_all_its_results() {
    let code = |register, next| {
        function(&[
            load(0, 1),
            load(1, 1),
            abc(TAILCALL, 1, 1, 0),
            abc(next, register, 0, 0),
            RETURNS,
        ])
    };
    accepted(code(1, RETURN));
    accepted(code(0, RETURN));
    // Behind the results, of which a resumed function may leave none.
    refused_at(2, code(2, RETURN), Rule::WithoutUse.at(0));
    refused_at(2, code(0, CALL), Rule::WithoutUse.at(0));
}
