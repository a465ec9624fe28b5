//! Lua programs written by chance, which a compiler accepts: to have more chunks than those of the corpus.

use std::fmt::Write;

use super::random::Random;

/// Writes a program that defines some variables, computes, loops, calls and jumps.
pub fn program(seed: u64) -> String {
    let mut writer = Writer {
        random: Random::new(seed ^ 0x5eed),
        out: String::new(),
        locals: vec!["g".into()],
        next_name: 0,
        depth: 0,
        in_loop: false,
        is_vararg: true,
    };
    writer.out.push_str("local g = setmetatable({}, {__close = function() end, __index = function(_, k) return k end})\n");
    for _ in 0..2 + writer.random.below(8) {
        writer.statement();
    }
    writer.out
}

struct Writer {
    random: Random,
    out: String,
    locals: Vec<String>,
    next_name: usize,
    depth: usize,
    in_loop: bool,
    is_vararg: bool,
}

impl Writer {
    fn fresh(&mut self) -> String {
        self.next_name += 1;
        format!("v{}", self.next_name)
    }

    fn local(&mut self) -> String {
        self.random.pick(&self.locals).clone()
    }

    fn block(&mut self, in_loop: bool) {
        let visible = self.locals.len();
        let outer = std::mem::replace(&mut self.in_loop, in_loop);
        self.depth += 1;
        for _ in 0..1 + self.random.below(4) {
            self.statement();
        }
        match self.random.below(9) {
            0 if in_loop => self.out.push_str("break\n"),
            1 => {
                let value = self.list();
                let _ = writeln!(self.out, "do return {value} end");
            }
            2 => {
                let value = self.expression(2);
                let name = self.local();
                let _ = writeln!(self.out, "do return {name}({value}) end");
            }
            _ => {}
        }
        self.depth -= 1;
        self.in_loop = outer;
        self.locals.truncate(visible);
    }

    fn statement(&mut self) {
        let choice = match self.depth {
            0..4 => self.random.below(20),
            _ => self.random.below(7),
        };
        match choice {
            0 | 1 => {
                let (name, value) = (self.fresh(), self.expression(3));
                let _ = writeln!(self.out, "local {name} = {value}");
                self.locals.push(name);
            }
            2 => {
                let (one, two, values) = (self.fresh(), self.fresh(), self.list());
                let _ = writeln!(self.out, "local {one}, {two} = {values}");
                self.locals.extend([one, two]);
            }
            3 => {
                let (name, value) = (self.local(), self.expression(3));
                if name.starts_with('v') {
                    let _ = writeln!(self.out, "{name} = {value}");
                }
            }
            4 => {
                let (name, key, value) = (self.local(), self.expression(1), self.expression(2));
                let _ = writeln!(
                    self.out,
                    "if {name} then g[{key}], g.field = {value}, {name} end"
                );
            }
            5 => {
                let (name, values) = (self.local(), self.list());
                let _ = writeln!(self.out, "pcall({name}, {values})");
            }
            6 => {
                let (name, values) = (self.local(), self.list());
                let _ = writeln!(
                    self.out,
                    "pcall(function(...) return {name}:method(...) end, {values})"
                );
            }
            7 => {
                // A name of its own kind, since such a variable can't be assigned to.
                let name = self.fresh().replace('v', "t");
                let value = *self.random.pick(&["g", "nil", "false"]);
                let _ = writeln!(self.out, "local {name} <close> = {value}");
                self.locals.push(name);
            }
            8 => {
                let condition = self.expression(2);
                let _ = writeln!(self.out, "if {condition} then");
                self.block(self.in_loop);
                if self.random.once_in(2) {
                    self.out.push_str("else\n");
                    self.block(self.in_loop);
                }
                self.out.push_str("end\n");
            }
            9 | 10 => {
                let name = self.fresh();
                let step = self.random.below(3) as isize - 1;
                let (from, to) = (self.random.below(4), self.random.below(5));
                let step = if step == 0 {
                    String::new()
                } else {
                    format!(", {step}")
                };
                let _ = writeln!(self.out, "for {name} = {from}, {to}{step} do");
                self.locals.push(name);
                self.labelled_block();
                self.locals.pop();
                self.out.push_str("end\n");
            }
            11 => {
                let (one, two) = (self.fresh(), self.fresh());
                let closing = *self.random.pick(&["nil", "g"]);
                let _ = writeln!(
                    self.out,
                    "for {one}, {two} in next, {{1, 2, x = 3}}, nil, {closing} do"
                );
                self.locals.extend([one, two]);
                self.labelled_block();
                self.locals.truncate(self.locals.len() - 2);
                self.out.push_str("end\n");
            }
            12 => {
                let condition = self.expression(2);
                let _ = writeln!(self.out, "while {condition} do");
                self.block(true);
                self.out.push_str("if g then break end\nend\n");
            }
            13 => {
                self.out.push_str("repeat\n");
                let name = self.fresh();
                let value = self.expression(2);
                let _ = writeln!(
                    self.out,
                    "local {name} = {value}; local f{name} = function() return {name} end"
                );
                self.block(true);
                let _ = writeln!(self.out, "until {name} or g");
            }
            14 | 15 => self.function(),
            18 | 19 => self.coroutine(),
            16 => {
                let (label, name) = (self.fresh(), self.fresh());
                let value = self.expression(2);
                let _ = writeln!(
                    self.out,
                    "do local {name} = 0 ::{label}:: local c{name} = {value}"
                );
                let _ = writeln!(
                    self.out,
                    "{name} = {name} + 1; local f = function() return c{name} end"
                );
                self.block(false);
                let _ = writeln!(self.out, "if {name} < 3 then goto {label} end end");
            }
            _ => {
                self.out.push_str("do\n");
                self.block(self.in_loop);
                self.out.push_str("end\n");
            }
        }
    }

    /// A loop's body that perhaps goes on early, out of the scope of a shared variable.
    fn labelled_block(&mut self) {
        if self.random.once_in(2) {
            return self.block(true);
        }
        let (label, name) = (self.fresh(), self.fresh());
        let (value, condition) = (self.expression(2), self.expression(2));
        let _ = writeln!(
            self.out,
            "do local {name} = {value}; local f = function() return {name} end"
        );
        let _ = writeln!(self.out, "if {condition} then goto {label} end");
        let _ = writeln!(self.out, "local h = function() return f, {name} end");
        self.block(true);
        let _ = writeln!(self.out, "end ::{label}::");
    }

    fn function(&mut self) {
        let name = self.fresh();
        let parameter = self.fresh();
        let vararg = self.random.once_in(2);
        let dots = if vararg { ", ..." } else { "" };
        let _ = writeln!(self.out, "local function {name}({parameter}{dots})");
        let visible = self.locals.len();
        self.locals.extend([name.clone(), parameter]);
        let outer = std::mem::replace(&mut self.is_vararg, vararg);
        self.block(false);
        self.is_vararg = outer;
        self.locals.truncate(visible);
        self.out.push_str("end\n");
        self.locals.push(name);
    }

    /// A function that is suspended in the middle, and by a tail call, and resumed a few times.
    fn coroutine(&mut self) {
        let (name, parameter) = (self.fresh(), self.fresh());
        let vararg = self.random.once_in(2);
        let dots = if vararg { ", ..." } else { "" };
        let _ = writeln!(
            self.out,
            "local {name} = coroutine.wrap(function({parameter}{dots})"
        );
        let visible = self.locals.len();
        self.locals.push(parameter);
        let outer = std::mem::replace(&mut self.is_vararg, vararg);
        self.block(false);
        let (first, last) = (self.list(), self.list());
        let _ = writeln!(self.out, "local y, z = coroutine.yield({first})");
        if self.random.once_in(2) {
            self.out.push_str("local f = function() return y, z end\n");
        }
        let _ = writeln!(self.out, "return coroutine.yield({last}) end)");
        self.is_vararg = outer;
        self.locals.truncate(visible);
        for _ in 0..1 + self.random.below(4) {
            let values = self.list();
            let _ = writeln!(self.out, "pcall({name}, {values})");
        }
        self.locals.push(name);
    }

    fn list(&mut self) -> String {
        let mut values: Vec<String> = (0..self.random.below(4))
            .map(|_| self.expression(2))
            .collect();
        if self.is_vararg && self.random.once_in(3) {
            values.push("...".into());
        }
        match values.is_empty() {
            true => "nil".into(),
            false => values.join(", "),
        }
    }

    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 || self.random.once_in(4) {
            return match self.random.below(9) {
                0 => "nil".into(),
                1 => "true".into(),
                2 => self.random.below(300).to_string(),
                3 => format!("{}.5", self.random.below(9)),
                4 => "\"text\"".into(),
                5 => "\"a text of more than forty characters is kept elsewhere\"".into(),
                6 if self.is_vararg => "...".into(),
                _ => self.local(),
            };
        }
        let one = self.expression(depth - 1);
        match self.random.below(12) {
            0..4 => {
                let operators = [
                    "+", "-", "*", "/", "//", "%", "^", "&", "|", "~", "<<", ">>", "..", "==",
                    "~=", "<", "<=", ">", ">=", "and", "or", "and", "or", "..",
                ];
                let operator = *self.random.pick(&operators);
                let two = self.expression(depth - 1);
                format!("({one} {operator} {two})")
            }
            4 => format!("(not {one})"),
            5 => format!("(#tostring({one}))"),
            6 => format!("(type({one}) == \"number\" and -({one}) or 1)"),
            7 => {
                let list = self.list();
                format!("{{ {one}, x = {one}, {list} }}")
            }
            8 => format!("(g[{one}])"),
            9 => format!("(select(2, pcall(g, {one})))"),
            10 => {
                let outer = std::mem::replace(&mut self.is_vararg, true);
                let list = self.list();
                self.is_vararg = outer;
                format!("(function(...) local a, b = ...; return b, {list} end)")
            }
            _ => "g.field".into(),
        }
    }
}
