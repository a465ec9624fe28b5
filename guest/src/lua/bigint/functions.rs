//! The functions of the module, and the operators.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ffi::c_int;

use mlua::ffi::lua_upvalueindex;

use super::arithmetic::{self, Operation};
use super::{kind_name, push_encoded, value};
use crate::error::Result;
use crate::lua::context::{Context, enter, misuse};
use crate::lua::stack::{Kind, Native, Stack, lua_State};
use crate::value::{self, Item, write_float, write_int};

/// What integers give: the function's name, the operator's, and what it does.
const OPERATIONS: &[(&str, &str, Operation)] = &[
    ("add", "__add", Operation::Add),
    ("sub", "__sub", Operation::Subtract),
    ("mul", "__mul", Operation::Multiply),
    ("div", "__div", Operation::Divide),
    ("div", "__idiv", Operation::Divide),
    ("mod", "__mod", Operation::Modulo),
    ("pow", "__pow", Operation::Power),
    ("gcd", "", Operation::Gcd),
    ("band", "__band", Operation::And),
    ("bor", "__bor", Operation::Or),
    ("bxor", "__bxor", Operation::Xor),
    ("shl", "__shl", Operation::ShiftLeft),
    ("shr", "__shr", Operation::ShiftRight),
    ("abs", "", Operation::Absolute),
    ("bnot", "__bnot", Operation::Invert),
    ("neg", "__unm", Operation::Negate),
];

const FUNCTIONS: &[(&str, Native)] = &[
    ("compare", compare),
    ("is", is),
    ("new", new),
    ("sign", sign),
    ("tonumber", to_number),
    ("tostring", to_string),
];

const OPERATORS: &[(&str, Native)] = &[
    ("__concat", concat),
    ("__eq", equal),
    ("__le", less_or_equal),
    ("__lt", less),
    ("__tostring", to_string),
];

/// Adds the functions to the table at an index.
pub(super) fn add(stack: Stack, index: c_int) {
    for (place, (name, ..)) in (0i64..).zip(OPERATIONS) {
        push_operation(stack, place);
        stack.raw_set_field(index, name);
    }
    for (name, function) in FUNCTIONS {
        stack.set_native(index, name, *function);
    }
}

/// Adds the operators to the metatable at an index.
pub(super) fn add_operators(stack: Stack, index: c_int) {
    for (place, (_, name, _)) in (0i64..)
        .zip(OPERATIONS)
        .filter(|(_, (_, name, _))| !name.is_empty())
    {
        push_operation(stack, place);
        stack.raw_set_field(index, name);
    }
    for (name, function) in OPERATORS {
        stack.set_native(index, name, *function);
    }
}

/// One function does all of [`OPERATIONS`]: its upvalue says which.
fn push_operation(stack: Stack, place: i64) {
    stack.push_integer(place);
    stack.push_closure(operate, 1);
}

fn charge(context: &Context, cost: usize) -> Result<()> {
    context.charge(i64::try_from(cost).unwrap_or(i64::MAX))
}

/// The integer at an index as a value: a big one, Lua's own, a float without a fraction, or decimal digits.
fn operand<'a>(stack: Stack, context: &Context, index: c_int) -> Result<Cow<'a, [u8]>> {
    if let Some(value) = value(stack, index) {
        return Ok(Cow::Borrowed(value));
    }
    let value = match stack.kind(index) {
        Kind::Number => match stack.to_integer(index) {
            Some(int) => {
                let mut value = Vec::new();
                write_int(&mut value, int);
                Ok(value)
            }
            None => arithmetic::of_float(stack.to_number(index)).ok_or_else(|| {
                misuse(format!(
                    "the number {} has no integer representation; round it first",
                    stack.number_text(index)
                ))
            }),
        },
        Kind::String => parse(stack, context, index, 10),
        _ => Err(misuse(format!(
            "an integer was expected, not {}",
            kind_name(stack, index)
        ))),
    };
    value.map(Cow::Owned)
}

fn parse(stack: Stack, context: &Context, index: c_int, base: u32) -> Result<Vec<u8>> {
    let text = stack.to_bytes(index).unwrap_or_default();
    charge(context, arithmetic::parse_cost(text.len()))?;
    arithmetic::parse(text, base)?.ok_or_else(|| {
        misuse(format!(
            "the text is no integer in base {base}; give digits, with a sign before them or none"
        ))
    })
}

fn base(stack: Stack, index: c_int) -> Result<u32> {
    if stack.is_nil(index) {
        return Ok(10);
    }
    stack
        .to_integer(index)
        .and_then(|base| u32::try_from(base).ok())
        .filter(|base| (2..=36).contains(base))
        .ok_or_else(|| misuse("the base has to be an integer from 2 to 36"))
}

unsafe extern "C-unwind" fn operate(state: *mut lua_State) -> c_int {
    enter(state, |stack, context| {
        let place = stack.to_integer(lua_upvalueindex(1)).unwrap_or_default();
        let operation = OPERATIONS[usize::try_from(place).unwrap_or_default()].2;
        let left = operand(stack, context, 1)?;
        let right = if operation.is_unary() {
            left.clone()
        } else {
            operand(stack, context, 2)?
        };
        charge(context, arithmetic::cost(operation, &left, &right)?)?;
        let result = arithmetic::calculate(operation, &left, &right, |cost| charge(context, cost))?;
        push_encoded(stack, &result);
        Ok(1)
    })
}

unsafe extern "C-unwind" fn new(state: *mut lua_State) -> c_int {
    enter(state, |stack, context| {
        let base = base(stack, 2)?;
        let value = match stack.kind(1) {
            Kind::String => Cow::Owned(parse(stack, context, 1, base)?),
            _ => operand(stack, context, 1)?,
        };
        push_encoded(stack, &value);
        Ok(1)
    })
}

unsafe extern "C-unwind" fn is(state: *mut lua_State) -> c_int {
    enter(state, |stack, _| {
        stack.push_bool(value(stack, 1).is_some());
        Ok(1)
    })
}

unsafe extern "C-unwind" fn sign(state: *mut lua_State) -> c_int {
    enter(state, |stack, context| {
        let sign = arithmetic::sign(&operand(stack, context, 1)?);
        stack.push_integer(sign);
        Ok(1)
    })
}

unsafe extern "C-unwind" fn to_number(state: *mut lua_State) -> c_int {
    enter(state, |stack, context| {
        let value = operand(stack, context, 1)?;
        match Item::of(&value) {
            Item::Int(int) => stack.push_integer(int),
            // Lua reads the digits as the nearest float.
            _ => {
                let text = text(stack, context, 1, 10)?;
                stack.push_number_of(&text);
            }
        }
        Ok(1)
    })
}

fn text(stack: Stack, context: &Context, index: c_int, base: u32) -> Result<String> {
    let value = operand(stack, context, index)?;
    charge(context, arithmetic::text_cost(arithmetic::size(&value)))?;
    Ok(arithmetic::text(&value, base))
}

unsafe extern "C-unwind" fn to_string(state: *mut lua_State) -> c_int {
    enter(state, |stack, context| {
        let base = base(stack, 2)?;
        let text = text(stack, context, 1, base)?;
        stack.push_bytes(text.as_bytes());
        Ok(1)
    })
}

unsafe extern "C-unwind" fn concat(state: *mut lua_State) -> c_int {
    enter(state, |stack, context| {
        for index in [1, 2] {
            match stack.kind(index) {
                Kind::String | Kind::Number => stack.copy(index),
                _ if value(stack, index).is_some() => {
                    let text = text(stack, context, index, 10)?;
                    stack.push_bytes(text.as_bytes());
                }
                other => {
                    return Err(misuse(format!(
                        "attempt to concatenate {} with a big integer",
                        other.name()
                    )));
                }
            }
        }
        stack.concat(2);
        context.check_memory()?;
        Ok(1)
    })
}

/// The order of two numbers, of which one is a big integer; none with NaN.
fn order(stack: Stack) -> Result<Option<Ordering>> {
    let mut values: [Cow<'_, [u8]>; 2] = [Cow::default(), Cow::default()];
    for (out, index) in values.iter_mut().zip(1..) {
        match (value(stack, index), stack.kind(index)) {
            (Some(value), _) => *out = Cow::Borrowed(value),
            (None, Kind::Number) => {
                let out = out.to_mut();
                match stack.to_integer(index) {
                    Some(int) => write_int(out, int),
                    None if stack.to_number(index).is_nan() => return Ok(None),
                    None => write_float(out, stack.to_number(index)),
                }
            }
            (None, other) => {
                return Err(misuse(format!(
                    "attempt to compare {} with a big integer",
                    other.name()
                )));
            }
        }
    }
    Ok(Some(value::compare(&values[0], &values[1])))
}

fn test(state: *mut lua_State, passes: fn(Ordering) -> bool) -> c_int {
    enter(state, |stack, context| {
        charge(context, arithmetic::COMPARISON)?;
        let passes = order(stack)?.is_some_and(passes);
        stack.push_bool(passes);
        Ok(1)
    })
}

unsafe extern "C-unwind" fn less(state: *mut lua_State) -> c_int {
    test(state, Ordering::is_lt)
}

unsafe extern "C-unwind" fn less_or_equal(state: *mut lua_State) -> c_int {
    test(state, Ordering::is_le)
}

/// Lua asks only for two userdata.
unsafe extern "C-unwind" fn equal(state: *mut lua_State) -> c_int {
    enter(state, |stack, _| {
        let left = value(stack, 1);
        stack.push_bool(left.is_some() && left == value(stack, 2));
        Ok(1)
    })
}

/// -1, 0 or 1; nil with NaN, which has no order.
unsafe extern "C-unwind" fn compare(state: *mut lua_State) -> c_int {
    enter(state, |stack, _| {
        match order(stack)? {
            Some(order) => stack.push_integer(order as i64),
            None => stack.push_nil(),
        }
        Ok(1)
    })
}
