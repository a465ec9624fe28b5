//! Conditions as people type them: `population > 1000000 and country in ("FR", "DE")`.

use std::fmt;
use std::str::FromStr;

use serde_json::value::RawValue;
use winnow::ascii::{Caseless, multispace0};
use winnow::combinator::{
    alt, cut_err, delimited, fail, opt, preceded, repeat, separated, terminated,
};
use winnow::error::{ContextError, StrContext, StrContextValue};
use winnow::prelude::*;
use winnow::token::{literal, one_of, take_till, take_while};

use super::{Condition, Path, field};
use crate::{Value, json};

/// Parentheses, `not`s, `any`s and `all`s inside each other at the most; the database takes 64.
const DEPTH: u32 = 64;

/// Text that is no condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionError {
    text: String,
    /// Where in the text, in bytes.
    at: usize,
    expected: String,
}

impl ConditionError {
    /// Where in the text it is at fault, in bytes.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.at
    }
}

impl std::error::Error for ConditionError {}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let found: String = rest.chars().take(20).collect();
        if found.is_empty() {
            write!(
                f,
                "the condition ends where {} should follow",
                self.expected
            )
        } else {
            let place = self
                .text
                .get(..self.at)
                .map_or(0, |text| text.chars().count())
                + 1;
            write!(
                f,
                "character {place}, at {found:?}: {} was expected",
                self.expected
            )
        }
    }
}

/// Reads a condition:
///
/// - a field, an operator and a value: `=`, `!=`, `<`, `<=`, `>`, `>=`, `contains`, `startsWith`, `endsWith`,
///   `matches`, and with `not` before it `not contains` and so on;
/// - `field in ("FR", "DE")`, `field not in (1, 2)`, `field between 1 and 9`;
/// - `field exists`, `field is null`, `field is text` (or another type), `field is not text`;
/// - `items any (price > 3)`, `tags all (it startsWith "a")`, where `it` is the element itself;
/// - `lua tools.isNear(3, "km")`, a persisted function;
/// - conditions with `not`, `and`, `or`, which bind in this order, and parentheses.
///
/// Values are JSON, texts also in single quotes. Fields are names with dots between, `tags[1]` for an element,
/// and `` `any name` `` for names with other characters than letters, digits and `_`.
///
/// ```
/// use cu_db::{Condition, field};
///
/// let condition: Condition = "country = 'NZ' and not population < 1000".parse()?;
/// assert_eq!(condition, field("country").eq("NZ").and(!field("population").lt(1_000)));
/// assert_eq!("age > ".parse::<Condition>().unwrap_err().offset(), 6);
/// # Ok::<(), cu_db::ConditionError>(())
/// ```
impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        delimited(multispace0, either(0), multispace0)
            .parse(text)
            .map_err(|error| {
                // The first one is that of the innermost parser.
                let expected = error.inner().context().find_map(|context| match context {
                    StrContext::Expected(expected) => Some(expected.to_string()),
                    _ => None,
                });
                ConditionError {
                    text: text.to_owned(),
                    at: error.offset(),
                    expected: expected.unwrap_or_else(|| "`and`, `or` or the end".to_owned()),
                }
            })
    }
}

fn expected(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

/// What may stand in a name, from its second character on.
fn in_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// A word of the language, in capital letters or not, and the space after it.
fn word<'s>(word: &'static str) -> impl ModalParser<&'s str, (), ContextError> {
    terminated(
        Caseless(word).void(),
        (winnow::combinator::not(one_of(in_name)), multispace0),
    )
    .void()
}

/// A sign of the language, and the space after it.
fn sign<'s>(sign: &'static str) -> impl ModalParser<&'s str, (), ContextError> {
    terminated(literal(sign), multispace0).void()
}

/// Conditions with `or` between.
fn either<'s>(depth: u32) -> impl ModalParser<&'s str, Condition, ContextError> {
    move |input: &mut &'s str| {
        let first = both(depth).parse_next(input)?;
        let more: Vec<Condition> =
            repeat(0.., preceded(word("or"), cut_err(both(depth)))).parse_next(input)?;
        Ok(join(first, more, Condition::any))
    }
}

/// Conditions with `and` between.
fn both<'s>(depth: u32) -> impl ModalParser<&'s str, Condition, ContextError> {
    move |input: &mut &'s str| {
        let first = one(depth).parse_next(input)?;
        let more: Vec<Condition> =
            repeat(0.., preceded(word("and"), cut_err(one(depth)))).parse_next(input)?;
        Ok(join(first, more, Condition::all))
    }
}

fn join(
    first: Condition,
    more: Vec<Condition>,
    with: fn(Vec<Condition>) -> Condition,
) -> Condition {
    if more.is_empty() {
        return first;
    }
    with(std::iter::once(first).chain(more).collect())
}

/// A condition without `and` and `or`, but for those in parentheses.
fn one<'s>(depth: u32) -> impl ModalParser<&'s str, Condition, ContextError> {
    move |input: &mut &'s str| {
        if depth >= DEPTH {
            return cut_err(fail)
                .context(expected("no more than 64 conditions inside each other"))
                .parse_next(input);
        }
        alt((
            preceded(word("not"), cut_err(one(depth + 1))).map(|condition| !condition),
            inner(depth),
            preceded(word("lua"), cut_err(lua)),
            comparison(depth),
        ))
        .context(expected("a condition"))
        .parse_next(input)
    }
}

/// A condition in parentheses.
fn inner<'s>(depth: u32) -> impl ModalParser<&'s str, Condition, ContextError> {
    move |input: &mut &'s str| {
        delimited(
            sign("("),
            cut_err(either(depth + 1)),
            cut_err(sign(")")).context(expected("`)`")),
        )
        .parse_next(input)
    }
}

/// The name of a persisted function and its arguments.
fn lua(input: &mut &str) -> ModalResult<Condition> {
    let (table, _, name) = (name, '.', name)
        .context(expected("a function, as `table.name`"))
        .parse_next(input)?;
    let arguments = opt(delimited(
        sign("("),
        separated(0.., value, sign(",")),
        cut_err(sign(")")).context(expected("`)`")),
    ));
    let arguments: Option<Vec<Value>> = preceded(multispace0, arguments).parse_next(input)?;
    Ok(Condition::lua(&table, &name, arguments.unwrap_or_default()))
}

/// A field, what it is compared by, and with what.
fn comparison<'s>(depth: u32) -> impl ModalParser<&'s str, Condition, ContextError> {
    move |input: &mut &'s str| {
        let path = path.parse_next(input)?;
        let subject = || field(path.clone());
        let operator = alt((
            sign("!=").value("!="),
            sign("<>").value("!="),
            sign("<=").value("<="),
            sign(">=").value(">="),
            sign("==").value("="),
            sign("=").value("="),
            sign("<").value("<"),
            sign(">").value(">"),
        ));
        if let Some(operator) = opt(operator).parse_next(input)? {
            let operand = cut_err(value).parse_next(input)?;
            return Ok(subject().compare(operator, operand));
        }
        if opt(word("is")).parse_next(input)?.is_some() {
            let negated = opt(word("not")).parse_next(input)?.is_some();
            let condition = cut_err(type_name).parse_next(input)?;
            let condition = match condition {
                "null" => subject().eq(Value::Null),
                name => subject().has_type([name]),
            };
            return Ok(if negated { !condition } else { condition });
        }
        let negated = opt(word("not")).parse_next(input)?.is_some();
        let condition = cut_err(alt((
            preceded(word("in"), cut_err(values)).map(|values| subject().is_in(values)),
            preceded(word("between"), cut_err((value, preceded(
                word("and").context(expected("`and`")),
                value,
            ))))
            .map(|(low, high)| subject().between(low, high)),
            texts().map(|(operator, operand)| subject().compare(operator, operand)),
            word("exists").map(|()| subject().exists()),
            preceded(word("any"), cut_err(inner(depth))).map(|inner| subject().any(inner)),
            preceded(word("all"), cut_err(inner(depth))).map(|inner| subject().all(inner)),
        )))
        .context(expected(
            "an operator (`=`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `between`, `contains`, `startsWith`, `endsWith`, \
             `matches`, `exists`, `is`, `any`, `all`)",
        ))
        .parse_next(input)?;
        Ok(if negated { !condition } else { condition })
    }
}

/// An operator that is a word, and its operand.
fn texts<'s>() -> impl ModalParser<&'s str, (&'static str, Value), ContextError> {
    let operator = alt((
        word("contains").value("contains"),
        word("startsWith").value("startsWith"),
        word("endsWith").value("endsWith"),
        word("matches").value("matches"),
    ));
    (operator, cut_err(value))
}

/// The name of a type.
fn type_name(input: &mut &str) -> ModalResult<&'static str> {
    const NAMES: [&str; 10] = [
        "null", "boolean", "integer", "float", "number", "text", "bytes", "list", "map", "function",
    ];
    terminated(name, multispace0)
        .verify_map(|name| NAMES.into_iter().find(|known| name.eq_ignore_ascii_case(known)))
        .context(expected(
        "`null` or a type (`boolean`, `integer`, `float`, `number`, `text`, `bytes`, `list`, `map`, `function`)",
    ))
    .parse_next(input)
}

/// Values in parentheses, or a JSON array.
fn values(input: &mut &str) -> ModalResult<Vec<Value>> {
    alt((
        delimited(
            sign("("),
            separated(0.., value, sign(",")),
            cut_err(sign(")")).context(expected("`)`")),
        ),
        value.verify_map(|value| value.into_array().ok()),
    ))
    .context(expected("values in parentheses"))
    .parse_next(input)
}

/// A text in single quotes, where two of them are one, or a JSON value; and the space after it.
fn value(input: &mut &str) -> ModalResult<Value> {
    let quoted = delimited(
        '\'',
        repeat(0.., alt((take_till(1.., '\''), "''".value("'")))).fold(
            String::new,
            |mut text, part| {
                text.push_str(part);
                text
            },
        ),
        '\'',
    )
    .map(Value::Text);
    terminated(alt((quoted, json_value)), multispace0)
        .context(expected(
            "a value, as 12, \"text\", 'text', true, null or [1, 2]",
        ))
        .parse_next(input)
}

fn json_value(input: &mut &str) -> ModalResult<Value> {
    // A stream of JSON wants white space or its own signs behind a number or a word, and has no `)`.
    let in_scalar = |character: char| character.is_alphanumeric() || "+-.".contains(character);
    let scalar = take_while(1.., in_scalar).verify_map(json);
    let other = |input: &mut &str| {
        let mut stream = serde_json::Deserializer::from_str(input).into_iter::<&RawValue>();
        let parsed = match stream.next() {
            Some(Ok(raw)) => json(raw.get()),
            _ => None,
        };
        let Some(value) = parsed else {
            return fail(input);
        };
        *input = &input[stream.byte_offset()..];
        Ok(value)
    };
    alt((scalar, other)).parse_next(input)
}

fn json(text: &str) -> Option<Value> {
    let value = json::from_text(text.as_bytes()).ok()?;
    json::to_value(&value).ok()
}

/// A field's path, and the space after it. `it` is what the condition is about as a whole.
fn path(input: &mut &str) -> ModalResult<Path> {
    enum Step {
        Name(String),
        Element(u32),
    }
    let element = delimited('[', winnow::ascii::dec_uint, ']').verify(|number| *number > 0);
    let step = alt((
        preceded('.', cut_err(name)).map(Step::Name),
        element.map(Step::Element),
    ));
    let quoted = input.starts_with('`');
    let first = name.context(expected("a field")).parse_next(input)?;
    let steps: Vec<Step> = terminated(repeat(0.., step), multispace0).parse_next(input)?;
    if first == "it" && !quoted && steps.is_empty() {
        return Ok(Path::whole());
    }
    let plain = |name: &String| !name.contains('.') && !name.is_empty();
    let is_text = plain(&first)
        && steps
            .iter()
            .all(|step| matches!(step, Step::Name(name) if plain(name)));
    let first = (first != "it" || quoted).then_some(Step::Name(first));
    let steps = first.into_iter().chain(steps);
    if is_text {
        let names: Vec<String> = steps
            .map(|step| match step {
                Step::Name(name) => name,
                Step::Element(number) => number.to_string(),
            })
            .collect();
        return Ok(names.join(".").into());
    }
    Ok(Path::parts(steps.map(|step| match step {
        Step::Name(name) => Value::Text(name),
        Step::Element(number) => number.into(),
    })))
}

/// A name, or any text between backquotes.
fn name(input: &mut &str) -> ModalResult<String> {
    let start = |character: char| character.is_alphabetic() || character == '_';
    alt((
        delimited('`', take_till(1.., '`'), '`').map(str::to_owned),
        (one_of(start), take_while(0.., in_name))
            .take()
            .map(str::to_owned),
    ))
    .parse_next(input)
}
