//! A small formula language for conditions: `energy > 20 && (hour >= 8 || npc.on_call)`.
//!
//! Values are numbers, yes or no, and texts. Names are `energy`, `valence`, `arousal`, `hour` (0 to 23), `day` (0 is
//! Monday), `true`, `false`, and flags, which are written with where they are: `npc.`, `session.`, `world.`, or `flag.`
//! for the first of the three that has it. Operators, from the loosest: `||`, `&&`, `== != < <= > >=`, `+ -`, `* /`, and
//! `!` and `-` before a value. Texts stand in single or double quotes.
//!
//! Every formula has a value: a flag that is not set is false, false is 0, true is 1, a text is 0 in arithmetic and true
//! in logic unless it is empty, what is divided by 0 is 0. A formula has at most [`LENGTH_MAX`] characters and is nested
//! at most [`DEPTH_MAX`] deep, so that it can neither run long nor overflow. Nothing in it depends on the machine.

use super::flag_key::FlagKey;
use crate::components::npc::FlagValue;

/// Characters of a formula at most.
pub const LENGTH_MAX: usize = 512;
/// Values that a formula may have in hand at once, and parentheses that it may nest, at most.
pub const DEPTH_MAX: usize = 24;

const NAMES: [&str; 7] = ["energy", "valence", "arousal", "hour", "day", "true", "false"];

/// A number that formulas can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// 0 to 100.
    Energy,
    /// -100 to 100.
    Valence,
    /// -100 to 100.
    Arousal,
    /// 0 to 23.
    Hour,
    /// 0 to 6, Monday first.
    Day,
}

/// What a formula asks of whom it is about.
pub trait Facts {
    /// A number.
    fn number(&self, number: Number) -> f64;
    /// A flag.
    fn flag(&self, key: &FlagKey) -> Option<&FlagValue>;
}

/// A formula, ready to be computed: its steps in the order in which they are done.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    steps: Box<[Step]>,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Push(FlagValue),
    Number(Number),
    Flag(FlagKey),
    Not,
    Negate,
    Binary(Operator),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    Plus,
    Minus,
    Times,
    Over,
}

/// All operators with their strength; the longer spelling before its beginning.
const OPERATORS: [(&str, Operator, u8); 12] = [
    ("||", Operator::Or, 1),
    ("&&", Operator::And, 2),
    ("==", Operator::Equal, 3),
    ("!=", Operator::Unequal, 3),
    ("<=", Operator::LessOrEqual, 3),
    (">=", Operator::MoreOrEqual, 3),
    ("<", Operator::Less, 3),
    (">", Operator::More, 3),
    ("+", Operator::Plus, 4),
    ("-", Operator::Minus, 4),
    ("*", Operator::Times, 5),
    ("/", Operator::Over, 5),
];

#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Number(f64),
    Bool(bool),
    Text(&'a str),
}

impl<'a> Value<'a> {
    fn of(flag: &'a FlagValue) -> Self {
        match flag {
            FlagValue::Bool(held) => Self::Bool(*held),
            FlagValue::Number(number) => Self::Number(*number),
            FlagValue::Text(text) => Self::Text(text),
        }
    }

    fn truth(self) -> bool {
        match self {
            Self::Number(number) => number != 0.0,
            Self::Bool(held) => held,
            Self::Text(text) => !text.is_empty(),
        }
    }

    fn number(self) -> f64 {
        match self {
            Self::Number(number) => number,
            Self::Bool(held) => f64::from(u8::from(held)),
            Self::Text(_) => 0.0,
        }
    }

    #[expect(clippy::float_cmp, reason = "`==` of the formula means equal")]
    fn equals(self, other: Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Text(_), _) | (_, Self::Text(_)) => false,
            (one, other) => one.number() == other.number(),
        }
    }
}

fn apply<'a>(operator: Operator, left: Value<'a>, right: Value<'a>) -> Value<'a> {
    let (one, other) = (left.number(), right.number());
    let finite = |number: f64| Value::Number(if number.is_finite() { number } else { 0.0 });
    match operator {
        Operator::Or => Value::Bool(left.truth() || right.truth()),
        Operator::And => Value::Bool(left.truth() && right.truth()),
        Operator::Equal => Value::Bool(left.equals(right)),
        Operator::Unequal => Value::Bool(!left.equals(right)),
        Operator::Less => Value::Bool(one < other),
        Operator::LessOrEqual => Value::Bool(one <= other),
        Operator::More => Value::Bool(one > other),
        Operator::MoreOrEqual => Value::Bool(one >= other),
        Operator::Plus => finite(one + other),
        Operator::Minus => finite(one - other),
        Operator::Times => finite(one * other),
        Operator::Over => finite(one / other),
    }
}

impl Expression {
    /// Reads a formula.
    ///
    /// # Errors
    /// With a sentence that names the character at which it cannot be understood (the first is 1).
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > LENGTH_MAX {
            return Err(format!("the formula is longer than {LENGTH_MAX} characters"));
        }
        let mut parser = Parser { text, at: 0, steps: Vec::new(), held: 0, nested: 0 };
        parser.binary(1)?;
        parser.skip_space();
        if parser.at < text.len() {
            return Err(parser.fault("an operator or the end was expected"));
        }
        Ok(Self { steps: parser.steps.into_boxed_slice() })
    }

    /// Whether it holds.
    pub fn holds(&self, facts: &impl Facts) -> bool {
        let mut stack = [Value::Bool(false); DEPTH_MAX + 1];
        // The parser has counted: the stack neither runs empty nor over. `top` is the place after the last value.
        let mut top = 0;
        for step in &self.steps {
            match step {
                Step::Push(value) => (stack[top], top) = (Value::of(value), top + 1),
                Step::Number(number) => (stack[top], top) = (Value::Number(facts.number(*number)), top + 1),
                Step::Flag(key) => {
                    stack[top] = facts.flag(key).map_or(Value::Bool(false), Value::of);
                    top += 1;
                }
                Step::Not => stack[top - 1] = Value::Bool(!stack[top - 1].truth()),
                Step::Negate => stack[top - 1] = Value::Number(-stack[top - 1].number()),
                Step::Binary(operator) => {
                    stack[top - 2] = apply(*operator, stack[top - 2], stack[top - 1]);
                    top -= 1;
                }
            }
        }
        stack[0].truth()
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    steps: Vec<Step>,
    /// Values that are in hand after the steps so far.
    held: usize,
    nested: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn fault(&self, what: &str) -> String {
        let position = self.text[..self.at].chars().count() + 1;
        match self.rest().chars().next() {
            Some(found) => format!("at character {position} (`{found}`): {what}"),
            None => format!("at its end: {what}"),
        }
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn nest(&mut self) -> Result<(), String> {
        self.nested += 1;
        if self.nested > DEPTH_MAX {
            return Err(self.fault(&format!("the formula is nested more than {DEPTH_MAX} deep")));
        }
        Ok(())
    }

    /// Operators of at least this strength, from left to right.
    fn binary(&mut self, strength_min: u8) -> Result<(), String> {
        self.nest()?;
        self.value()?;
        loop {
            self.skip_space();
            let found = OPERATORS.iter().find(|(spelling, ..)| self.rest().starts_with(spelling));
            let Some((spelling, operator, strength)) = found.filter(|(.., strength)| *strength >= strength_min) else {
                break;
            };
            self.at += spelling.len();
            self.binary(strength + 1)?;
            self.steps.push(Step::Binary(*operator));
            self.held -= 1;
        }
        self.nested -= 1;
        Ok(())
    }

    fn value(&mut self) -> Result<(), String> {
        self.skip_space();
        match self.rest().chars().next() {
            Some('!' | '-') => {
                let step = if self.rest().starts_with('!') { Step::Not } else { Step::Negate };
                self.at += 1;
                self.nest()?;
                self.value()?;
                self.nested -= 1;
                self.steps.push(step);
                Ok(())
            }
            Some('(') => {
                self.at += 1;
                self.binary(1)?;
                self.skip_space();
                if !self.rest().starts_with(')') {
                    return Err(self.fault("`)` was expected"));
                }
                self.at += 1;
                Ok(())
            }
            Some(quote @ ('"' | '\'')) => {
                let body = &self.rest()[1..];
                let Some(end) = body.find(quote) else { return Err(self.fault("the text does not end")) };
                let text = body[..end].into();
                self.at += end + 2;
                self.push(Step::Push(FlagValue::Text(text)))
            }
            Some(digit) if digit.is_ascii_digit() => self.literal(),
            Some(letter) if letter.is_ascii_alphabetic() || letter == '_' => self.name(),
            _ => Err(self.fault("a number, a name, a text or `(` was expected")),
        }
    }

    fn literal(&mut self) -> Result<(), String> {
        let end = self.rest().find(|letter: char| !letter.is_ascii_digit() && letter != '.');
        let digits = &self.rest()[..end.unwrap_or(self.rest().len())];
        let Some(number) = digits.parse::<f64>().ok().filter(|number| number.is_finite()) else {
            return Err(self.fault("this is no number"));
        };
        self.at += digits.len();
        self.push(Step::Push(FlagValue::Number(number)))
    }

    fn name(&mut self) -> Result<(), String> {
        let belongs = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | ':' | '{' | '}');
        let end = self.rest().find(|letter| !belongs(letter)).unwrap_or(self.rest().len());
        let name = &self.rest()[..end];
        let step = match name {
            "energy" => Step::Number(Number::Energy),
            "valence" => Step::Number(Number::Valence),
            "arousal" => Step::Number(Number::Arousal),
            "hour" => Step::Number(Number::Hour),
            "day" => Step::Number(Number::Day),
            "true" | "false" => Step::Push(FlagValue::Bool(name == "true")),
            _ => {
                let key = match name.split_once('.') {
                    Some(("flag", key)) => FlagKey::anywhere(key),
                    Some(("npc" | "session" | "world", _)) => FlagKey::parse(name),
                    _ => {
                        let near = super::names::unknown("name", name, NAMES);
                        return Err(
                            self.fault(&format!("{near} (flags begin with `npc.`, `session.`, `world.` or `flag.`)"))
                        );
                    }
                };
                Step::Flag(key.map_err(|error| self.fault(&error))?)
            }
        };
        self.at += end;
        self.push(step)
    }

    fn push(&mut self, step: Step) -> Result<(), String> {
        self.steps.push(step);
        self.held += 1;
        if self.held > DEPTH_MAX {
            return Err(self.fault(&format!("the formula has more than {DEPTH_MAX} values in hand at once")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Noon;

    impl Facts for Noon {
        fn number(&self, number: Number) -> f64 {
            match number {
                Number::Energy => 40.0,
                Number::Valence => -10.0,
                Number::Arousal => 5.0,
                Number::Hour => 12.0,
                Number::Day => 6.0,
            }
        }

        fn flag(&self, key: &FlagKey) -> Option<&FlagValue> {
            static YES: FlagValue = FlagValue::Bool(true);
            (key.to_string() == "world.open").then_some(&YES)
        }
    }

    fn holds(text: &str) -> bool {
        Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).holds(&Noon)
    }

    #[test]
    fn formulas_are_computed_by_the_usual_rules() {
        for text in [
            "1 + 2 * 3 == 7",
            "(1 + 2) * 3 == 9",
            "10 - 2 - 3 == 5",
            "12 / 3 / 2 == 2",
            "-2 * -3 == 6",
            "!false",
            "energy > 20 && hour >= 8",
            "valence < 0 || false",
            "!(energy > 50) && day == 6",
            "world.open",
            "!world.closed",
            "1 < 2 == true",
            "'a' == \"a\"",
            "'a' != 1",
            "1 / 0 == 0",
            "energy - 40 == 0",
            "1.5 * 2 == 3",
            "arousal <= 5 && arousal >= 5",
            "- - 1 == 1",
            "true + true == 2",
            "!!'text'",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in ["energy > 40", "false || false", "''", "flag.unset", "npc.x == 1", "0 * 5", "'a' > 0"] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_told_with_its_place() {
        for (text, part) in [
            ("", "at its end"),
            ("energy >", "at its end"),
            ("energy > > 1", "at character 10 (`>`)"),
            ("(1 + 2", "`)` was expected"),
            ("1 2", "at character 3 (`2`)"),
            ("enrgy > 1", "did you mean `energy`?"),
            ("curfew", "flags begin with"),
            ("'open", "the text does not end"),
            ("1.2.3", "no number"),
            ("é", "at character 1 (`é`)"),
            ("npc.", "key"),
        ] {
            let error = Expression::parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(Expression::parse(&"(".repeat(40)).is_err_and(|error| error.contains("nested")));
        assert!(Expression::parse(&"!".repeat(40)).is_err_and(|error| error.contains("nested")));
        assert!(Expression::parse(&"1+".repeat(300)).is_err_and(|error| error.contains("longer")));
        let long = format!("{}1", "1 + ".repeat(100));
        assert!(holds(&long), "long chains need no depth");
    }

    #[test]
    fn no_text_makes_it_panic() {
        let pieces = ["energy", "npc.a", "(", ")", "!", "-", "&&", "||", "<", "1", "'x'", " ", "é", "0.5", "=="];
        let mut draw =
            crate::systems::random::SystemDraws::new(1, 0, "formulas").for_id(crate::components::ids::StableId(1));
        for _ in 0..20_000 {
            let length = draw.below(12);
            let text: String = (0..length).map(|_| pieces[usize::try_from(draw.below(15)).expect("small")]).collect();
            if let Ok(formula) = Expression::parse(&text) {
                formula.holds(&Noon);
            }
        }
    }
}
